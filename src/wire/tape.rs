//! The tape: what a walk found, as a flat list in the order of the bytes. Knows no schema.

use crate::wire::error::WireError;
use crate::wire::schema::{Class, Direction, Field, Kind};

/// The most entries of a request. It bounds what a client's frame can cost beyond its own bytes: a topic or partition
/// takes two or three of them, and each may have to be refused by an item of its own.
const MAX_REQUEST_ENTRIES: usize = 1 << 18;
/// The most entries of a response: 56 MiB. Brokers are trusted further than clients, and answer for whole clusters.
const MAX_RESPONSE_ENTRIES: usize = 1 << 21;
/// A cleared tape keeps room for this many entries.
const KEPT_ENTRIES: usize = 1 << 12;
/// Room for the message of one topic and partition, so that most walks allocate at most once.
const FIRST_ENTRIES: usize = 24;

/// The result of a walk. Reuse it: a walk over a warm tape allocates nothing.
#[derive(Debug, Default)]
pub struct Tape {
    entries: Vec<TapeEntry>,
    enclosures: Vec<Enclosure>,
    unknown: Vec<Unknown>,
    notes_unknown: bool,
    max_entries: usize,
}

/// A mark that a step of the walker puts on the tape.
#[derive(Debug, Clone, Copy)]
pub(in crate::wire) struct Mark {
    pub(in crate::wire) field: Field,
    pub(in crate::wire) class: Class,
    pub(in crate::wire) form: Form,
}

/// The type of a value on the tape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Bool,
    Int8,
    Int16,
    Uint16,
    Int32,
    Int64,
    Float64,
    Uuid,
    Text,
    Bytes,
    Records,
    Struct,
    Array,
}

impl Form {
    pub(in crate::wire) fn of(kind: Kind) -> Self {
        match kind {
            Kind::Bool => Self::Bool,
            Kind::Int8 => Self::Int8,
            Kind::Int16 => Self::Int16,
            Kind::Uint16 => Self::Uint16,
            Kind::Int32 => Self::Int32,
            Kind::Int64 => Self::Int64,
            Kind::Float64 => Self::Float64,
            Kind::Uuid => Self::Uuid,
            Kind::Text => Self::Text,
            Kind::Bytes => Self::Bytes,
            Kind::Records => Self::Records,
            Kind::Struct(_) => Self::Struct,
        }
    }
}

/// One value, struct or array.
#[derive(Debug, Clone, Copy)]
pub(in crate::wire) struct TapeEntry {
    pub(in crate::wire) field: Field,
    pub(in crate::wire) class: Class,
    pub(in crate::wire) form: Form,
    pub(in crate::wire) is_compact: bool,
    pub(in crate::wire) is_nullable: bool,
    pub(in crate::wire) is_null: bool,
    /// The first byte, of the length prefix if there is one.
    pub(in crate::wire) start: u32,
    /// The first byte after the prefix.
    pub(in crate::wire) body: u32,
    /// The first byte after it.
    pub(in crate::wire) end: u32,
    /// The index of the first entry that is not inside it.
    pub(in crate::wire) next: u32,
    /// The number of items of an array.
    pub(in crate::wire) count: u32,
}

/// A tagged field: its size is a varint, which changes with what is inside.
#[derive(Debug, Clone, Copy)]
pub(in crate::wire) struct Enclosure {
    /// The first byte of the size.
    pub(in crate::wire) size: u32,
    /// The first byte after the size.
    pub(in crate::wire) body: u32,
    pub(in crate::wire) end: u32,
}

/// Bytes of tagged fields that the schema does not know, or the count of the fields beside them.
#[derive(Debug, Clone, Copy)]
pub(in crate::wire) struct Unknown {
    pub(in crate::wire) start: u32,
    pub(in crate::wire) end: u32,
    /// How many fields there are without those that are not known, where this is the count.
    pub(in crate::wire) count: Option<u32>,
}

impl Tape {
    /// A tape without room.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes it ready for the next walk.
    pub(in crate::wire) fn clear(&mut self, direction: Direction) {
        self.max_entries = match direction {
            Direction::Response => MAX_RESPONSE_ENTRIES,
            Direction::Request | Direction::Data => MAX_REQUEST_ENTRIES,
        };
        self.entries.clear();
        self.entries.reserve(FIRST_ENTRIES);
        self.enclosures.clear();
        self.unknown.clear();
        self.notes_unknown = direction == Direction::Response;
        self.entries.shrink_to(KEPT_ENTRIES);
        self.enclosures.shrink_to(KEPT_ENTRIES);
        self.unknown.shrink_to(KEPT_ENTRIES);
    }

    pub(in crate::wire) fn push(&mut self, entry: TapeEntry) -> Result<usize, WireError> {
        if self.entries.len() >= self.max_entries {
            let limit = self.max_entries;
            return Err(WireError::TooManyParts { limit });
        }
        let index = self.entries.len();
        let next = index as u32 + 1;
        self.entries.push(TapeEntry { next, ..entry });
        Ok(index)
    }

    /// Ends an array or struct: what was pushed since is inside it.
    pub(in crate::wire) fn close(&mut self, index: usize, end: usize) {
        let next = self.entries.len() as u32;
        if let Some(entry) = self.entries.get_mut(index) {
            entry.end = end as u32;
            entry.next = next;
        }
    }

    /// Notes the marker of a nullable struct.
    pub(in crate::wire) fn set_nullable(&mut self, index: usize, body: usize, is_null: bool) {
        if let Some(entry) = self.entries.get_mut(index) {
            entry.body = body as u32;
            entry.is_nullable = true;
            entry.is_null = is_null;
        }
    }

    pub(in crate::wire) fn enclose(&mut self, enclosure: Enclosure) {
        self.enclosures.push(enclosure);
    }

    /// Notes a part that the schema does not know, of a response: who asks may look past such parts, who is asked may
    /// say in them what is nobody's business.
    pub(in crate::wire) fn note_unknown(&mut self, unknown: Unknown) -> Result<(), WireError> {
        if !self.notes_unknown {
            return Ok(());
        }
        if self.unknown.len() >= self.max_entries {
            let limit = self.max_entries;
            return Err(WireError::TooManyParts { limit });
        }
        self.unknown.push(unknown);
        Ok(())
    }

    /// The unknown parts, in the order in which they were found.
    pub(in crate::wire) fn unknown(&self) -> &[Unknown] {
        &self.unknown
    }

    /// Notes, at its place among the others, a tagged field that turned out to hold something unknown.
    pub(in crate::wire) fn enclose_at(&mut self, place: usize, enclosure: Enclosure) {
        self.enclosures.insert(place, enclosure);
    }

    /// The entries that there is room for.
    #[cfg(test)]
    pub(in crate::wire) fn capacity(&self) -> usize {
        self.entries.capacity()
    }

    pub(in crate::wire) fn entries(&self) -> &[TapeEntry] {
        &self.entries
    }

    pub(in crate::wire) fn enclosures(&self) -> &[Enclosure] {
        &self.enclosures
    }
}
