//! A record while a chain looks at it.

use crate::records::headers::{HeaderEdits, Headers, RecordHeader};
use crate::records::record::Record;

/// One record, and what becomes of its headers. What is changed is kept aside: a record that nobody changes costs no
/// memory and is copied, with its neighbours, as it came.
#[derive(Debug)]
pub struct Draft<'a> {
    /// The records of the batch, decompressed.
    body: &'a [u8],
    record: &'a Record,
    edits: &'a mut HeaderEdits,
    offset: i64,
    timestamp: i64,
}

impl<'a> Draft<'a> {
    pub(super) fn new(
        body: &'a [u8],
        record: &'a Record,
        (offset, timestamp): (i64, i64),
        edits: &'a mut HeaderEdits,
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

    pub fn key(&self) -> Option<&'a [u8]> {
        let body = self.body;
        self.record.key.clone().map(|key| &body[key])
    }

    pub fn value(&self) -> Option<&'a [u8]> {
        let body = self.body;
        self.record.value.clone().map(|value| &body[value])
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
}
