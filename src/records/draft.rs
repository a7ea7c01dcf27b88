//! A record while a chain looks at it.

use crate::records::headers::{Headers, RecordEdits, RecordHeader};
use crate::records::record::Record;

/// One record, and what becomes of its headers. What is changed is kept aside: a record that nobody changes costs no
/// memory and is copied, with its neighbours, as it came.
#[derive(Debug)]
pub struct Draft<'a> {
    /// The records of the batch, decompressed.
    body: &'a [u8],
    record: &'a Record,
    edits: &'a mut RecordEdits,
    offset: i64,
    timestamp: i64,
}

impl<'a> Draft<'a> {
    pub(super) fn new(
        body: &'a [u8],
        record: &'a Record,
        (offset, timestamp): (i64, i64),
        edits: &'a mut RecordEdits,
    ) -> Self {
        edits.clear();
        Self {
            body,
            record,
            edits,
            offset,
            timestamp,
        }
    }

    /// The offset. Of what is produced, the offset within the batch: the broker gives the true one.
    pub fn offset(&self) -> i64 {
        self.offset
    }

    /// Milliseconds since 1970, or -1. Of what is fetched from a topic with append times, when the broker got it.
    pub fn timestamp(&self) -> i64 {
        self.timestamp
    }

    /// The key as it is now.
    pub fn key(&self) -> Option<&[u8]> {
        self.edits.key(self.body, self.record)
    }

    /// The value as it is now.
    pub fn value(&self) -> Option<&[u8]> {
        self.edits.value(self.body, self.record)
    }

    /// The headers as they are now, in order, with names that come twice.
    pub fn headers(&self) -> Headers<'_> {
        self.edits.headers(self.body, self.record)
    }

    /// Removes all headers of that name and appends this one. Where it is already the last and the only one of its name,
    /// nothing changes.
    pub fn set_header(&mut self, name: &str, value: Option<&[u8]>) {
        let name = name.as_bytes();
        self.edits
            .set(self.body, self.record, RecordHeader { name, value });
    }

    /// Appends a header, whether or not there is one of that name.
    pub fn add_header(&mut self, name: &str, value: Option<&[u8]>) {
        let name = name.as_bytes();
        self.edits
            .add(self.body, self.record, RecordHeader { name, value });
    }

    /// Whether there is a header of that name.
    pub fn has_header(&self, name: &str) -> bool {
        self.headers().any(|there| there.name == name.as_bytes())
    }

    /// Removes all headers of the names that are meant.
    pub fn remove_headers(&mut self, is_meant: impl Fn(&[u8]) -> bool) {
        self.edits.remove_all(self.body, self.record, is_meant);
    }

    /// Removes all headers of that name.
    pub fn remove_header(&mut self, name: &str) {
        self.edits.remove(self.body, self.record, name.as_bytes());
    }

    /// Forgets what was staged: [`Self::commit`] puts in their place only the parts that are staged after it.
    pub fn unstage(&mut self) {
        self.edits.unstage();
    }

    /// Stages another key. `rewrite` finds the key at the end of a buffer, from a place on, and leaves there what takes its
    /// place. False where the key is null, which it stays.
    ///
    /// # Errors
    /// That of `rewrite`.
    pub fn stage_key<E>(
        &mut self,
        rewrite: impl FnOnce(&mut Vec<u8>, usize) -> Result<(), E>,
    ) -> Result<bool, E> {
        self.edits.stage_key(self.body, self.record, rewrite)
    }

    /// Stages another value, as [`Self::stage_key`] does a key.
    ///
    /// # Errors
    /// That of `rewrite`.
    pub fn stage_value<E>(
        &mut self,
        rewrite: impl FnOnce(&mut Vec<u8>, usize) -> Result<(), E>,
    ) -> Result<bool, E> {
        self.edits.stage_value(self.body, self.record, rewrite)
    }

    /// Stages other values of the headers of the names that are meant, in their places, but for those that are null. `rewrite`
    /// is told the name. Whether there is such a header.
    ///
    /// # Errors
    /// That of `rewrite`.
    pub fn stage_headers<E>(
        &mut self,
        is_meant: impl Fn(&[u8]) -> bool,
        rewrite: impl FnMut(&[u8], &mut Vec<u8>, usize) -> Result<(), E>,
    ) -> Result<bool, E> {
        self.edits
            .stage_headers(self.body, self.record, is_meant, rewrite)
    }

    /// The key that is staged, if one is.
    pub fn staged_key(&self) -> Option<&[u8]> {
        self.edits.staged_key()
    }

    /// Puts what is staged in its place, all of it.
    pub fn commit(&mut self) {
        self.edits.commit();
    }

    /// Says that the record is encrypted: a batch with such records is not compressed, as that would make nothing smaller.
    pub fn seal(&mut self) {
        self.edits.seal();
    }
}
