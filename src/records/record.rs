//! One record of a batch: where its parts are. Everything is checked when it is read, nothing is copied.

use std::ops::Range;

use crate::records::fault::BatchFault;
use crate::wire::{Cursor, WireError};

/// The most headers that a record may have. What is kept for one takes many times the two bytes that it has at least.
const MOST_HEADERS: usize = 4096;

/// Why a record cannot be read.
enum RecordFault {
    Wire,
    Headers,
}

impl From<WireError> for RecordFault {
    fn from(_: WireError) -> Self {
        Self::Wire
    }
}

/// The places of a record's parts among the records of its batch.
#[derive(Debug, Clone)]
pub(super) struct Record {
    /// All of it, its length included.
    pub(super) bytes: Range<usize>,
    pub(super) timestamp_delta: i64,
    pub(super) offset_delta: i32,
    /// Where the attributes are, one byte; the change of the timestamp follows.
    pub(super) attributes: usize,
    /// Where the change of the offset is; key and value follow, up to the headers.
    pub(super) after_timestamp: usize,
    pub(super) key: Option<Range<usize>>,
    pub(super) value: Option<Range<usize>>,
    /// Where the count of headers is.
    pub(super) headers: usize,
}

impl Record {
    /// Reads the record at a place.
    pub(super) fn read(body: &[u8], at: usize) -> Result<Self, BatchFault> {
        Self::parse(body, at).map_err(|error| match error {
            RecordFault::Headers => BatchFault::Headers { limit: MOST_HEADERS },
            RecordFault::Wire => BatchFault::Malformed,
        })
    }

    fn parse(body: &[u8], at: usize) -> Result<Self, RecordFault> {
        let mut cursor = Cursor::new(body, at);
        let bytes = length(&mut cursor)?;
        let attributes = cursor.at();
        cursor.take(bytes)?;
        let end = cursor.at();
        let mut cursor = Cursor::new(&body[..end], attributes);
        let _ = cursor.i8()?;
        let timestamp_delta = cursor.varlong()?;
        let after_timestamp = cursor.at();
        let offset_delta = cursor.varint()?;
        let key = nullable(&mut cursor)?;
        let value = nullable(&mut cursor)?;
        let headers = cursor.at();
        let count = length(&mut cursor)?;
        // Each takes two bytes at least: otherwise the count lies.
        if count > MOST_HEADERS && count <= cursor.left() / 2 {
            return Err(RecordFault::Headers);
        }
        for _ in 0..count {
            let _ = header(&mut cursor)?;
        }
        if cursor.left() > 0 {
            return Err(RecordFault::Wire);
        }
        Ok(Self {
            bytes: at..end,
            timestamp_delta,
            offset_delta,
            attributes,
            after_timestamp,
            key,
            value,
            headers,
        })
    }

    /// The places of names and values of its headers.
    pub(super) fn header_spans<'a>(&self, body: &'a [u8]) -> HeaderSpans<'a> {
        let mut cursor = Cursor::new(&body[..self.bytes.end], self.headers);
        let left = cursor.varint().unwrap_or_default();
        HeaderSpans { cursor, left }
    }
}

/// The places of names and values of headers that were checked.
#[derive(Debug, Clone)]
pub(super) struct HeaderSpans<'a> {
    cursor: Cursor<'a>,
    left: i32,
}

impl Iterator for HeaderSpans<'_> {
    type Item = (Range<usize>, Option<Range<usize>>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.left <= 0 {
            return None;
        }
        self.left -= 1;
        header(&mut self.cursor).ok()
    }
}

fn header(cursor: &mut Cursor<'_>) -> Result<(Range<usize>, Option<Range<usize>>), WireError> {
    let length = length(cursor)?;
    let start = cursor.at();
    cursor.take(length)?;
    let name = start..cursor.at();
    Ok((name, nullable(cursor)?))
}

/// A length that is not null, or a count.
fn length(cursor: &mut Cursor<'_>) -> Result<usize, WireError> {
    length_of(cursor.varint()?, *cursor)
}

fn length_of(value: i32, cursor: Cursor<'_>) -> Result<usize, WireError> {
    usize::try_from(value).map_err(|_| WireError::BadLength { at: cursor.at() })
}

/// Bytes that may be null.
fn nullable(cursor: &mut Cursor<'_>) -> Result<Option<Range<usize>>, WireError> {
    let value = cursor.varint()?;
    if value == -1 {
        return Ok(None);
    }
    let length = length_of(value, *cursor)?;
    let start = cursor.at();
    cursor.take(length)?;
    Ok(Some(start..cursor.at()))
}

/// The records of a batch, one after the other, and a fault where they are not as many as they should be.
#[derive(Debug)]
pub(super) struct Records<'a> {
    body: &'a [u8],
    at: usize,
    left: i32,
}

impl<'a> Records<'a> {
    pub(super) fn new(body: &'a [u8], count: i32) -> Self {
        Self {
            body,
            at: 0,
            left: count,
        }
    }
}

impl Iterator for Records<'_> {
    type Item = Result<Record, BatchFault>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left <= 0 {
            let is_through = self.left == 0 && self.at == self.body.len();
            (self.left, self.at) = (0, self.body.len());
            return (!is_through).then_some(Err(BatchFault::Malformed));
        }
        let record = Record::read(self.body, self.at);
        match &record {
            Ok(record) => (self.left, self.at) = (self.left - 1, record.bytes.end),
            Err(_) => (self.left, self.at) = (0, self.body.len()),
        }
        Some(record)
    }
}
