//! Finds the patterns of one owner that cover a name. It knows nothing of hosts and operations.
//!
//! Literal patterns are looked up in a hash table. Prefixed ones are found by binary search over the *lengths* that
//! the owner's prefixes have, one lookup per step (Waldvogel, Varghese, Turner, Plattner: "Scalable High Speed IP
//! Routing Lookups", SIGCOMM 1997). So that a miss means "nothing longer either", each prefix leaves marks at the
//! shorter lengths where a search for it turns right. From the longest prefix that covers the name, the others are
//! its parents.

use std::hash::BuildHasher as _;

use hashbrown::HashTable;
use klamm_raft::model::{PatternType, ResourceType};

use super::{FastState, Span, narrow};

/// A principal by number, or [`super::ANYONE`].
pub(super) type Owner = u32;
/// The place of a row.
pub(super) type RowId = u32;

/// The literal name that covers every name.
pub(super) const WILDCARD: &str = "*";

/// All patterns of all owners.
#[derive(Debug, Default)]
pub(super) struct PatternTable {
    /// The names of all patterns, one after the other.
    names: String,
    slots: HashTable<Slot>,
    hasher: FastState,
    /// By owner and resource type; each owner's side by side.
    shelves: Vec<Shelf>,
    /// By owner, resource type, and name in byte order.
    rows: Vec<Row>,
    /// The lengths of prefixes, shelf by shelf.
    lengths: Vec<u32>,
}

/// The patterns that one owner has of one resource type.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shelf {
    owner: Owner,
    resource_type: ResourceType,
    /// The grants of the literal `*`.
    pub(super) wildcard: Option<Span>,
    has_literals: HasLiterals,
    /// The distinct lengths in bytes of the prefixes, ascending.
    lengths: Span,
    pub(super) rows: Span,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum HasLiterals {
    Yes,
    No,
}

/// One pattern of one owner.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub(super) owner: Owner,
    pub(super) resource_type: ResourceType,
    pub(super) pattern_type: PatternType,
    pub(super) name: Name,
    pub(super) grants: Span,
    /// Of a prefix, the longest other prefix of the owner that covers it.
    pub(super) parent: Option<RowId>,
}

/// A piece of the names.
#[derive(Debug, Clone, Copy)]
pub(super) struct Name {
    offset: u32,
    length: u32,
}

/// A slot that is found by owner, resource type and text.
#[derive(Debug, Clone, Copy)]
struct Slot {
    owner: Owner,
    resource_type: ResourceType,
    text: Name,
    target: Target,
}

#[derive(Debug, Clone, Copy)]
enum Target {
    /// The grants of a literal pattern.
    Literal(Span),
    /// The longest prefix of the owner that covers the text, which is itself a prefix or a mark.
    Prefix(Option<RowId>),
}

impl Target {
    const fn kind(self) -> PatternType {
        match self {
            Self::Literal(_) => PatternType::Literal,
            Self::Prefix(_) => PatternType::Prefixed,
        }
    }
}

impl PatternTable {
    /// Finds an owner's shelf of a resource type among its shelves.
    pub(super) fn shelf(&self, shelves: Span, resource_type: ResourceType) -> Option<&Shelf> {
        self.shelves[shelves.range()]
            .iter()
            .find(|shelf| shelf.resource_type == resource_type)
    }

    pub(super) fn rows(&self, rows: Span) -> &[Row] {
        &self.rows[rows.range()]
    }

    /// The row that holds a grant. Rows without grants come last.
    pub(super) fn row_of(&self, grant: u32) -> &Row {
        &self.rows[self.rows.partition_point(|row| row.grants.start <= grant) - 1]
    }

    pub(super) fn name(&self, name: Name) -> &str {
        &self.names[name.offset as usize..(name.offset + name.length) as usize]
    }

    /// The grants of all the owner's patterns that cover a name. One pattern may come twice.
    pub(super) fn covering(&self, shelf: &Shelf, name: &str) -> impl Iterator<Item = Span> {
        // As a broker does: the wildcard leaves out longer names that begin with an asterisk themselves.
        let wildcard = shelf
            .wildcard
            .filter(|_| name.len() <= 1 || !name.starts_with(WILDCARD));
        wildcard
            .into_iter()
            .chain(self.literal(shelf, name))
            .chain(self.prefixes(shelf, name))
    }

    /// The grants of the owner's literal pattern of just this name.
    pub(super) fn literal(&self, shelf: &Shelf, name: &str) -> Option<Span> {
        if shelf.has_literals == HasLiterals::No {
            return None;
        }
        match self.find(shelf, PatternType::Literal, name.as_bytes())? {
            Target::Literal(grants) => Some(grants),
            Target::Prefix(_) => None,
        }
    }

    /// The grants of all the owner's prefixes that cover a name, longest prefix first.
    pub(super) fn prefixes(&self, shelf: &Shelf, name: &str) -> impl Iterator<Item = Span> {
        self.chain(self.longest_prefix(shelf, name.as_bytes()))
            .map(|id| self.rows[id as usize].grants)
    }

    fn longest_prefix(&self, shelf: &Shelf, name: &[u8]) -> Option<RowId> {
        let lengths = &self.lengths[shelf.lengths.range()];
        let (mut low, mut high) = (0, lengths.len());
        let mut longest = None;
        while low < high {
            let middle = low + (high - low) / 2;
            let head = name.get(..lengths[middle] as usize);
            match head.and_then(|head| self.find(shelf, PatternType::Prefixed, head)) {
                Some(Target::Prefix(covering)) => {
                    longest = covering;
                    low = middle + 1;
                }
                Some(Target::Literal(_)) | None => high = middle,
            }
        }
        longest
    }

    fn chain(&self, from: Option<RowId>) -> impl Iterator<Item = RowId> {
        std::iter::successors(from, |&id| self.rows[id as usize].parent)
    }

    fn find(&self, shelf: &Shelf, kind: PatternType, text: &[u8]) -> Option<Target> {
        let hash = self.hash(shelf.owner, shelf.resource_type, kind, text);
        let slot = self.slots.find(hash, |slot| {
            slot.owner == shelf.owner
                && slot.resource_type == shelf.resource_type
                && slot.target.kind() == kind
                && self.name_bytes(slot.text) == text
        })?;
        Some(slot.target)
    }

    fn hash(&self, owner: Owner, resource_type: ResourceType, kind: PatternType, text: &[u8]) -> u64 {
        // A prefix is cut at any byte, so the texts are bytes here.
        let scope = u64::from(owner) << 16 | (resource_type as u64) << 8 | kind as u64;
        self.hasher.hash_one((scope, text))
    }

    fn name_bytes(&self, name: Name) -> &[u8] {
        &self.names.as_bytes()[name.offset as usize..(name.offset + name.length) as usize]
    }
}

/// Building. Rows come in the order of [`PatternTable::rows`], then each shelf is closed.
impl PatternTable {
    pub(super) fn add_name(&mut self, name: &str) -> Name {
        let offset = narrow(self.names.len());
        self.names.push_str(name);
        Name {
            offset,
            length: narrow(name.len()),
        }
    }

    pub(super) fn add_row(&mut self, row: Row) {
        self.rows.push(row);
    }

    pub(super) fn row_count(&self) -> u32 {
        narrow(self.rows.len())
    }

    pub(super) fn shelf_count(&self) -> u32 {
        narrow(self.shelves.len())
    }

    /// Makes a shelf of the rows from `start` on: they have one owner and one resource type.
    pub(super) fn close_shelf(&mut self, start: RowId) {
        let rows = Span {
            start,
            end: self.row_count(),
        };
        let Some(&Row {
            owner, resource_type, ..
        }) = self.rows(rows).first()
        else {
            return;
        };
        let mut shelf = Shelf {
            owner,
            resource_type,
            wildcard: None,
            has_literals: HasLiterals::No,
            lengths: self.add_lengths(rows),
            rows,
        };
        // In byte order, all that a prefix covers follows it directly: the open ones form a stack.
        let mut open: Vec<RowId> = Vec::new();
        for id in start..rows.end {
            let row = self.rows[id as usize];
            match row.pattern_type {
                PatternType::Literal => {
                    self.insert(&shelf, row.name, Target::Literal(row.grants));
                    shelf.has_literals = HasLiterals::Yes;
                    if self.name(row.name) == WILDCARD {
                        shelf.wildcard = Some(row.grants);
                    }
                }
                PatternType::Prefixed => {
                    while let Some(&top) = open.last() {
                        if self
                            .name(row.name)
                            .starts_with(self.name(self.rows[top as usize].name))
                        {
                            break;
                        }
                        open.pop();
                    }
                    self.rows[id as usize].parent = open.last().copied();
                    self.mark(&shelf, id);
                    open.push(id);
                }
            }
        }
        self.shelves.push(shelf);
    }

    fn add_lengths(&mut self, rows: Span) -> Span {
        let prefixes = self
            .rows(rows)
            .iter()
            .filter(|row| row.pattern_type == PatternType::Prefixed);
        let mut lengths: Vec<u32> = prefixes.map(|row| row.name.length).collect();
        lengths.sort_unstable();
        lengths.dedup();
        let start = narrow(self.lengths.len());
        self.lengths.append(&mut lengths);
        Span {
            start,
            end: narrow(self.lengths.len()),
        }
    }

    /// Leaves a prefix and its marks, each knowing the longest prefix that covers it.
    fn mark(&mut self, shelf: &Shelf, id: RowId) {
        let name = self.rows[id as usize].name;
        let (mut low, mut high) = (shelf.lengths.start, shelf.lengths.end);
        while low < high {
            let middle = low + (high - low) / 2;
            let length = self.lengths[middle as usize];
            if length > name.length {
                high = middle;
                continue;
            }
            let covering = self
                .chain(Some(id))
                .find(|&id| self.rows[id as usize].name.length <= length);
            self.insert(shelf, Name { length, ..name }, Target::Prefix(covering));
            low = middle + 1;
        }
    }

    /// A mark may be there already: every prefix that leaves it leaves the same one.
    fn insert(&mut self, shelf: &Shelf, text: Name, target: Target) {
        if self.find(shelf, target.kind(), self.name_bytes(text)).is_some() {
            return;
        }
        let slot = Slot {
            owner: shelf.owner,
            resource_type: shelf.resource_type,
            text,
            target,
        };
        let mut slots = std::mem::take(&mut self.slots);
        let hash_of = |slot: &Slot| {
            self.hash(
                slot.owner,
                slot.resource_type,
                slot.target.kind(),
                self.name_bytes(slot.text),
            )
        };
        slots.insert_unique(hash_of(&slot), slot, hash_of);
        self.slots = slots;
    }
}
