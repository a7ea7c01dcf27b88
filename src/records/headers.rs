//! The headers of a record: as they came, and as they are changed. A list, not a map: names may come twice, the order is
//! the writer's, and a value may be null. Beside them its key and its value, where those are changed.

mod staged;

use std::ops::Range;

use crate::records::record::{HeaderSpans, Record};
use crate::records::varint;

/// One header. Kafka says that names are UTF-8, and does not check it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordHeader<'a> {
    pub name: &'a [u8],
    /// `None` is null, which is not the same as empty.
    pub value: Option<&'a [u8]>,
}

/// The headers of a record, in order.
#[derive(Debug, Clone)]
pub struct Headers<'a>(Listed<'a>);

#[derive(Debug, Clone)]
enum Listed<'a> {
    Came {
        body: &'a [u8],
        spans: HeaderSpans<'a>,
    },
    Edited {
        parts: Parts<'a>,
        list: std::slice::Iter<'a, Entry>,
    },
}

impl<'a> Iterator for Headers<'a> {
    type Item = RecordHeader<'a>;

    fn next(&mut self) -> Option<RecordHeader<'a>> {
        match &mut self.0 {
            Listed::Came { body, spans } => {
                let (name, value) = spans.next()?;
                Some(RecordHeader {
                    name: &body[name],
                    value: value.map(|value| &body[value]),
                })
            }
            Listed::Edited { parts, list } => list.next().map(|entry| parts.header(entry)),
        }
    }
}

/// Where bytes of an edited header are.
#[derive(Debug, Clone)]
enum Place {
    /// In the record, as it came.
    Came(Range<usize>),
    /// Among what was written since.
    Made(Range<usize>),
}

#[derive(Debug, Clone)]
struct Entry {
    name: Place,
    value: Option<Place>,
}

/// A part that is to be another one.
#[derive(Debug)]
struct Staged {
    part: StagedPart,
    place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StagedPart {
    Key,
    Value,
    /// The header at this place of the list.
    Header(usize),
}

/// The two buffers in which bytes of headers are.
#[derive(Debug, Clone, Copy)]
struct Parts<'a> {
    body: &'a [u8],
    made: &'a [u8],
}

impl<'a> Parts<'a> {
    fn of(self, place: &Place) -> &'a [u8] {
        match place {
            Place::Came(range) => &self.body[range.clone()],
            Place::Made(range) => &self.made[range.clone()],
        }
    }

    fn header(self, entry: &Entry) -> RecordHeader<'a> {
        RecordHeader {
            name: self.of(&entry.name),
            value: entry.value.as_ref().map(|place| self.of(place)),
        }
    }
}

/// The record at hand, once it is changed. Its memory is used again for the next record.
#[derive(Debug, Default)]
pub(super) struct RecordEdits {
    /// The headers; empty until the first change of one.
    list: Vec<Entry>,
    made: Vec<u8>,
    is_listed: bool,
    /// Key and value, where others take their place.
    key: Option<Place>,
    value: Option<Place>,
    /// Parts that are to be others once all of them are known.
    staged: Vec<Staged>,
    is_sealed: bool,
}

impl RecordEdits {
    pub(super) fn is_edited(&self) -> bool {
        self.is_listed || self.is_rewritten()
    }

    /// Whether key or value is another one.
    pub(super) fn is_rewritten(&self) -> bool {
        self.key.is_some() || self.value.is_some()
    }

    /// Whether it is encrypted, so that nothing makes it shorter.
    pub(super) fn is_sealed(&self) -> bool {
        self.is_sealed
    }

    /// Forgets the changes of the record before.
    pub(super) fn clear(&mut self) {
        self.list.clear();
        self.made.clear();
        self.staged.clear();
        self.is_listed = false;
        self.is_sealed = false;
        (self.key, self.value) = (None, None);
    }

    /// The key as it is now.
    pub(super) fn key<'a>(&'a self, body: &'a [u8], record: &Record) -> Option<&'a [u8]> {
        self.part(body, &self.key, &record.key)
    }

    /// The value as it is now.
    pub(super) fn value<'a>(&'a self, body: &'a [u8], record: &Record) -> Option<&'a [u8]> {
        self.part(body, &self.value, &record.value)
    }

    fn part<'a>(
        &'a self,
        body: &'a [u8],
        edited: &Option<Place>,
        came: &Option<Range<usize>>,
    ) -> Option<&'a [u8]> {
        let parts = Parts {
            body,
            made: &self.made,
        };
        match (edited, came) {
            (Some(place), _) => Some(parts.of(place)),
            (None, came) => came.clone().map(|range| &body[range]),
        }
    }

    /// Gives memory back that was taken for something large.
    pub(super) fn shrink(&mut self, most: usize) {
        self.clear();
        self.list.shrink_to(most / size_of::<Entry>());
        self.made.shrink_to(most);
        self.staged.shrink_to(most / size_of::<Staged>());
    }

    /// The headers as they are now.
    pub(super) fn headers<'a>(&'a self, body: &'a [u8], record: &Record) -> Headers<'a> {
        if self.is_listed {
            let parts = Parts {
                body,
                made: &self.made,
            };
            let list = self.list.iter();
            return Headers(Listed::Edited { parts, list });
        }
        let spans = record.header_spans(body);
        Headers(Listed::Came { body, spans })
    }

    /// Removes all headers of a name and appends one.
    pub(super) fn set(&mut self, body: &[u8], record: &Record, header: RecordHeader<'_>) {
        let mut from_first = self
            .headers(body, record)
            .skip_while(|there| there.name != header.name);
        let is_there_alone_and_last = from_first.next() == Some(header) && from_first.next().is_none();
        if !is_there_alone_and_last {
            self.remove(body, record, header.name);
            self.add(body, record, header);
        }
    }

    pub(super) fn add(&mut self, body: &[u8], record: &Record, header: RecordHeader<'_>) {
        self.begin(body, record);
        let name = self.make(header.name);
        let value = header.value.map(|value| self.make(value));
        self.list.push(Entry { name, value });
    }

    pub(super) fn remove(&mut self, body: &[u8], record: &Record, name: &[u8]) {
        self.remove_all(body, record, |there| there == name);
    }

    /// Removes all headers of the names that are meant. Each is asked about at most twice.
    pub(super) fn remove_all(&mut self, body: &[u8], record: &Record, is_meant: impl Fn(&[u8]) -> bool) {
        if !self.headers(body, record).any(|there| is_meant(there.name)) {
            return;
        }
        self.begin(body, record);
        let parts = Parts {
            body,
            made: &self.made,
        };
        self.list.retain(|entry| !is_meant(parts.of(&entry.name)));
    }

    /// Lists the headers as they came, before the first change.
    fn begin(&mut self, body: &[u8], record: &Record) {
        if self.is_listed {
            return;
        }
        self.is_listed = true;
        let entries = record.header_spans(body).map(|(name, value)| Entry {
            name: Place::Came(name),
            value: value.map(Place::Came),
        });
        self.list.extend(entries);
    }

    fn make(&mut self, bytes: &[u8]) -> Place {
        let at = self.made.len();
        self.made.extend_from_slice(bytes);
        Place::Made(at..self.made.len())
    }

    /// Whether the headers are other ones.
    pub(super) fn is_listed(&self) -> bool {
        self.is_listed
    }

    /// The bytes that [`Self::write`] writes.
    pub(super) fn written_bytes(&self, body: &[u8], record: &Record) -> usize {
        let each = self.headers(body, record).map(|header| {
            let name = varint::length_size(header.name.len()) + header.name.len();
            let value = header
                .value
                .map_or(1, |value| varint::length_size(value.len()) + value.len());
            name + value
        });
        varint::length_size(self.list.len()) + each.sum::<usize>()
    }

    /// Writes the count of the changed headers, and them.
    pub(super) fn write(&self, body: &[u8], record: &Record, out: &mut Vec<u8>) {
        varint::write_length(out, self.list.len());
        for header in self.headers(body, record) {
            varint::write_length(out, header.name.len());
            out.extend_from_slice(header.name);
            match header.value {
                Some(value) => {
                    varint::write_length(out, value.len());
                    out.extend_from_slice(value);
                }
                None => varint::write(out, -1),
            }
        }
    }
}
