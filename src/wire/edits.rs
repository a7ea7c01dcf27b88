//! Changes to a walked message, written out as a frame. Copies what is small, shares what is large, and corrects every
//! length and count around a change. Knows no API.

use std::cell::Cell;
use std::cmp::Reverse;

use bytes::Bytes;

use crate::wire::cursor::{MAX_STRING_BYTES, Prefix, write_uvarint};
use crate::wire::error::WireError;
use crate::wire::item::Item;
use crate::wire::message::{Message, Node, Span};
use crate::wire::output::FrameOutput;
use crate::wire::records::{BatchHeader, NoOtherId, with_producer_ids};
use crate::wire::segments::Segments;
use crate::wire::tape::{Form, TapeEntry};

/// The most bytes by which edits may make a message longer: names of one byte may become names of hundreds.
const MAX_GROWTH_BYTES: usize = 16 << 20;

/// The correlation id of a response, which its header begins with.
const CORRELATION_ID_BYTES: usize = 4;
/// The header of a response without tagged fields, where it may have some.
const BARE_FLEXIBLE_HEADER: usize = CORRELATION_ID_BYTES + 1;

/// Room for this many edits, and for this many bytes of theirs, is kept for the next message.
const KEPT_EDITS: usize = 1 << 8;
const KEPT_BYTES: usize = 1 << 14;

thread_local! {
    /// The memory of the last edits of this thread, kept so that those of a small message allocate nothing.
    static SPARE: Cell<Room> = const { Cell::new(Room::NONE) };
}

/// Changes to one message. What is wrong with a change is reported by [`Edits::finish`].
///
/// The order of the calls does not matter. Changes inside of a removed item are dropped with it.
#[derive(Debug)]
pub struct Edits {
    room: Room,
    /// How much longer the message gets; what is removed does not count.
    growth: usize,
    failure: Option<WireError>,
}

/// The memory that edits are kept in.
#[derive(Debug, Default)]
struct Room {
    edits: Vec<Edit>,
    /// The new bytes of all edits.
    scratch: Vec<u8>,
    /// By how much the counts of arrays change: the array's place on the tape, and the change.
    counts: Vec<(u32, i64)>,
    /// Contents that are shared with whoever made them, each with the place in the scratch where its edit begins, in order.
    shared: Vec<(u32, Bytes)>,
}

#[derive(Debug, Clone, Copy)]
struct Edit {
    /// The bytes that are replaced; empty for an insertion.
    start: u32,
    end: u32,
    kind: EditKind,
    /// The range of the scratch that takes its place.
    from: u32,
    to: u32,
    /// The bytes of shared content that follow those of the scratch.
    shared: u32,
    /// The owner of the edit: the array for an insertion, else what is replaced.
    owner: Span,
}

/// In the order in which edits at the same place are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum EditKind {
    Insert,
    Remove,
    Replace,
}

impl Edit {
    /// The number of bytes that take the place of the old ones.
    fn written(&self) -> usize {
        (self.to - self.from + self.shared) as usize
    }
}

impl Room {
    const NONE: Self = Self {
        edits: Vec::new(),
        scratch: Vec::new(),
        counts: Vec::new(),
        shared: Vec::new(),
    };

    fn is_kept(&self) -> bool {
        self.edits.capacity() <= KEPT_EDITS
            && self.counts.capacity() <= KEPT_EDITS
            && self.shared.capacity() <= KEPT_EDITS
            && self.scratch.capacity() <= KEPT_BYTES
    }
}

impl Drop for Edits {
    fn drop(&mut self) {
        if self.room.is_kept() {
            self.room.edits.clear();
            self.room.scratch.clear();
            self.room.counts.clear();
            self.room.shared.clear();
            SPARE.set(std::mem::take(&mut self.room));
        }
    }
}

impl Default for Edits {
    fn default() -> Self {
        Self {
            room: SPARE.take(),
            growth: 0,
            failure: None,
        }
    }
}

impl Edits {
    /// No changes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether nothing was changed yet.
    pub fn is_empty(&self) -> bool {
        self.room.edits.is_empty() && self.room.counts.is_empty() && self.failure.is_none()
    }

    /// Replaces a string.
    pub fn set_text(&mut self, node: Node<'_>, value: Option<&str>) {
        let fits = node.form() == Form::Text && value.is_none_or(|text| text.len() <= MAX_STRING_BYTES);
        self.set_sized(node, value.map(str::as_bytes), fits);
    }

    /// Replaces bytes or records.
    pub fn set_bytes(&mut self, node: Node<'_>, value: Option<&[u8]>) {
        let fits = matches!(node.form(), Form::Bytes | Form::Records);
        self.set_sized(node, value, fits);
    }

    /// Replaces records by others that are shared, not copied.
    pub fn set_records(&mut self, node: Node<'_>, records: Bytes) {
        let from = self.room.scratch.len();
        let written = prefix_of(node.entry()).write(&mut self.room.scratch, Some(records.len()));
        if !written || node.form() != Form::Records {
            self.fail(WireError::BadValue { field: node.field() });
        }
        self.push(node.span(), EditKind::Replace, from, node.span());
        if let Some(edit) = self.room.edits.last_mut()
            && self.failure.is_none()
        {
            edit.shared = records.len() as u32;
            self.room.shared.push((edit.from, records));
        }
    }

    fn set_sized(&mut self, node: Node<'_>, value: Option<&[u8]>, fits: bool) {
        let entry = node.entry();
        let from = self.room.scratch.len();
        let written = prefix_of(entry).write(&mut self.room.scratch, value.map(<[u8]>::len));
        self.room.scratch.extend_from_slice(value.unwrap_or_default());
        if !fits || !written || (value.is_none() && !entry.is_nullable) {
            self.fail(WireError::BadValue { field: node.field() });
        }
        self.push(node.span(), EditKind::Replace, from, node.span());
    }

    /// Replaces an array of strings, which may be null.
    pub fn set_texts<T: AsRef<str>>(
        &mut self,
        array: Node<'_>,
        texts: impl IntoIterator<Item = T, IntoIter: ExactSizeIterator>,
    ) {
        let entry = array.entry();
        let from = self.room.scratch.len();
        let texts = texts.into_iter();
        let prefix = if entry.is_compact {
            Prefix::Compact
        } else {
            Prefix::Int16
        };
        let mut written = prefix_of(entry).write(&mut self.room.scratch, Some(texts.len()));
        for text in texts {
            let text = text.as_ref();
            written &=
                text.len() <= MAX_STRING_BYTES && prefix.write(&mut self.room.scratch, Some(text.len()));
            self.room.scratch.extend_from_slice(text.as_bytes());
        }
        let holds_texts = entry.form == Form::Array && array.children().all(|item| item.form() == Form::Text);
        if !written || !holds_texts {
            self.fail(WireError::BadValue { field: array.field() });
        }
        self.push(array.span(), EditKind::Replace, from, array.span());
    }

    /// Replaces a whole number or a boolean.
    pub fn set_int(&mut self, node: Node<'_>, value: i64) {
        let from = self.room.scratch.len();
        let fits = match node.form() {
            Form::Bool => (0..=1).contains(&value),
            Form::Int8 => i8::try_from(value).is_ok(),
            Form::Int16 => i16::try_from(value).is_ok(),
            Form::Uint16 => u16::try_from(value).is_ok(),
            Form::Int32 => i32::try_from(value).is_ok(),
            Form::Int64 => true,
            _ => false,
        };
        if !fits {
            self.fail(WireError::BadValue { field: node.field() });
            return;
        }
        let size = node.span().range().len();
        self.room
            .scratch
            .extend_from_slice(&value.to_be_bytes()[8 - size..]);
        self.push(node.span(), EditKind::Replace, from, node.span());
    }

    /// Replaces a UUID.
    pub fn set_uuid(&mut self, node: Node<'_>, value: [u8; 16]) {
        if node.form() != Form::Uuid {
            self.fail(WireError::BadValue { field: node.field() });
            return;
        }
        self.replace(node.span(), &value);
    }

    /// Replaces bytes of the frame as they are, for instance an element of an array of numbers.
    pub fn replace(&mut self, span: Span, bytes: &[u8]) {
        let from = self.room.scratch.len();
        self.room.scratch.extend_from_slice(bytes);
        self.push(span, EditKind::Replace, from, span);
    }

    /// Gives the producers of all batches of a records field the ids that `other` says.
    pub fn set_producer_ids(
        &mut self,
        records: Node<'_>,
        other: impl Fn(&BatchHeader) -> Option<i64>,
    ) -> Result<(), NoOtherId> {
        let start = records.content_span().range().start;
        let bytes = records.bytes().unwrap_or_default();
        with_producer_ids(bytes, other, |place, bytes| {
            self.replace(Span::new(start + place.start, start + place.end), bytes);
        })
    }

    /// Adds all items of an array of another message to the end of this one, and counts them in. Both are of the same
    /// version of the same API, or the bytes mean something else.
    pub fn append_all(&mut self, array: Node<'_>, theirs: Node<'_>) {
        if theirs.count() == 0 || array.field() != theirs.field() {
            return;
        }
        let from = self.room.scratch.len();
        self.room.scratch.extend_from_slice(theirs.content());
        let at = array.content_span().range().end;
        self.push(Span::new(at, at), EditKind::Insert, from, array.span());
        self.room.counts.push((array.index(), theirs.count() as i64));
    }

    /// Removes every tagged field of a response that the schema does not know, in its header too: it may say anything.
    pub fn remove_unknown(&mut self, message: Message<'_>) {
        for unknown in message.tape().unknown() {
            let from = self.room.scratch.len();
            if let Some(count) = unknown.count {
                write_uvarint(&mut self.room.scratch, count);
            }
            let span = Span::new(unknown.start as usize, unknown.end as usize);
            self.push(span, EditKind::Replace, from, span);
        }
        let body = message.root().span().range().start;
        if body > BARE_FLEXIBLE_HEADER {
            self.replace(Span::new(CORRELATION_ID_BYTES, body), &[0]);
        }
    }

    /// Removes an item of an array and counts it out.
    pub fn remove_item(&mut self, array: Node<'_>, item: Node<'_>) {
        self.remove_element(array, item.span());
    }

    /// Removes an element of an array of values of fixed size and counts it out.
    pub fn remove_element(&mut self, array: Node<'_>, element: Span) {
        self.push(element, EditKind::Remove, self.room.scratch.len(), element);
        self.room.counts.push((array.index(), -1));
    }

    /// Adds an item at the end of an array and counts it in.
    pub fn append(&mut self, array: Node<'_>, item: &Item) {
        self.insert(array, array.content_span().range().end, item);
    }

    /// Adds an item at the beginning of an array, after those added there before, and counts it in.
    pub fn prepend(&mut self, array: Node<'_>, item: &Item) {
        self.insert(array, array.content_span().range().start, item);
    }

    fn insert(&mut self, array: Node<'_>, at: usize, item: &Item) {
        let from = self.room.scratch.len();
        if let Err(error) = item.write(&mut self.room.scratch) {
            self.fail(error);
        }
        self.push(Span::new(at, at), EditKind::Insert, from, array.span());
        self.room.counts.push((array.index(), 1));
    }

    fn push(&mut self, span: Span, kind: EditKind, from: usize, owner: Span) {
        let range = span.range();
        self.growth += (self.room.scratch.len() - from).saturating_sub(range.len());
        if self.growth > MAX_GROWTH_BYTES {
            self.room.scratch.truncate(from);
            let limit = MAX_GROWTH_BYTES;
            self.fail(WireError::GrowsTooMuch { limit });
            return;
        }
        self.room.edits.push(Edit {
            start: range.start as u32,
            end: range.end as u32,
            kind,
            from: from as u32,
            to: self.room.scratch.len() as u32,
            shared: 0,
            owner,
        });
    }

    fn fail(&mut self, error: WireError) {
        self.failure.get_or_insert(error);
    }

    /// Writes the frame with its length prefix. `frame` is what was walked: its large untouched parts are shared.
    pub fn finish(mut self, message: Message<'_>, frame: &Bytes) -> Result<Segments, WireError> {
        debug_assert!(
            std::ptr::eq(message.frame(), &frame[..]),
            "edits belong to the frame that was walked"
        );
        self.settle(message)?;
        let mut output = FrameOutput::new(frame, self.size(frame.len()), self.copied(frame.len()))?;
        let mut at = 0;
        for edit in &self.room.edits {
            output.share(at..edit.start as usize);
            output.copy(&self.room.scratch[edit.from as usize..edit.to as usize]);
            if let Some(shared) = self.shared(edit) {
                output.add(shared.clone());
            }
            at = edit.end as usize;
        }
        output.share(at..frame.len());
        Ok(output.finish())
    }

    /// Writes an embedded message, which has no length prefix of its own.
    pub fn finish_embedded(mut self, message: Message<'_>) -> Result<Vec<u8>, WireError> {
        self.settle(message)?;
        let bytes = message.frame();
        let mut out = Vec::with_capacity(self.size(bytes.len()));
        let mut at = 0;
        for edit in &self.room.edits {
            out.extend_from_slice(&bytes[at..edit.start as usize]);
            out.extend_from_slice(&self.room.scratch[edit.from as usize..edit.to as usize]);
            out.extend_from_slice(self.shared(edit).map_or(&[], |shared| shared));
            at = edit.end as usize;
        }
        out.extend_from_slice(&bytes[at..]);
        Ok(out)
    }

    /// The shared content that an edit ends with.
    fn shared(&self, edit: &Edit) -> Option<&Bytes> {
        if edit.shared == 0 {
            return None;
        }
        // Each edit with shared content has bytes of its own in the scratch: a length.
        let all = &self.room.shared;
        let place = all.binary_search_by_key(&edit.from, |(from, _)| *from).ok()?;
        Some(&all[place].1)
    }

    /// The size of a frame once the settled edits are made.
    fn size(&self, before: usize) -> usize {
        self.room.edits.iter().fold(before, |size, edit| {
            size + edit.written() - (edit.end - edit.start) as usize
        })
    }

    /// The number of bytes that a written frame does not share with the one before.
    fn copied(&self, before: usize) -> usize {
        let mut at = 0;
        let mut gap = |to: usize| {
            let gap = to - at;
            at = to;
            if FrameOutput::is_copied(gap) { gap } else { 0 }
        };
        let mut copied = 0;
        for edit in &self.room.edits {
            copied += gap(edit.start as usize) + (edit.to - edit.from) as usize;
            if FrameOutput::is_copied(edit.shared as usize) {
                copied += edit.shared as usize;
            }
            gap(edit.end as usize);
        }
        copied + gap(before)
    }

    /// Adds the edits of counts and sizes that follow from the others, and puts all in the order of the bytes.
    fn settle(&mut self, message: Message<'_>) -> Result<(), WireError> {
        self.settle_counts(message);
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        if self.room.edits.is_empty() {
            return Ok(());
        }
        self.sort();
        self.drop_removed()?;
        self.settle_sizes(message);
        // Only spans of another frame could lie outside.
        let end = self.room.edits.last().map_or(0, |edit| edit.end as usize);
        if end > message.frame().len() {
            return Err(WireError::OverlappingEdits { at: end });
        }
        Ok(())
    }

    fn settle_counts(&mut self, message: Message<'_>) {
        if self.room.counts.is_empty() {
            return;
        }
        let mut counts = std::mem::take(&mut self.room.counts);
        counts.sort_unstable_by_key(|(array, _)| *array);
        for of_one in counts.chunk_by(|a, b| a.0 == b.0) {
            let change: i64 = of_one.iter().map(|(_, change)| change).sum();
            let Some(entry) = of_one
                .first()
                .and_then(|(array, _)| message.tape().entries().get(*array as usize))
            else {
                continue;
            };
            let was_null_and_stays = entry.is_null && change == 0;
            let count = usize::try_from(i64::from(entry.count) + change);
            let from = self.room.scratch.len();
            let written =
                count.is_ok_and(|count| prefix_of(entry).write(&mut self.room.scratch, Some(count)));
            if !written || entry.form != Form::Array {
                self.fail(WireError::BadValue { field: entry.field });
            }
            if was_null_and_stays {
                continue;
            }
            let prefix = Span::new(entry.start as usize, entry.body as usize);
            self.push(prefix, EditKind::Replace, from, prefix);
        }
    }

    /// Insertions come before what begins at the same place, those of inner arrays before those of outer ones.
    fn sort(&mut self) {
        self.room.edits.sort_by_key(|edit| {
            let owner = edit.owner.range();
            (edit.start, edit.kind, Reverse(owner.start), Reverse(edit.end))
        });
    }

    /// Drops what is inside of something removed; any other overlap is an error.
    fn drop_removed(&mut self) -> Result<(), WireError> {
        let mut removed = 0..0;
        let mut done = 0;
        let mut overlap = None;
        self.room.edits.retain(|edit| {
            let owner = edit.owner.range();
            let is_twice = edit.kind == EditKind::Remove && owner == removed;
            if removed.start <= owner.start && owner.end <= removed.end && !is_twice {
                return false;
            }
            if edit.start < done {
                overlap = Some(edit.start as usize);
            }
            done = edit.end;
            if edit.kind == EditKind::Remove {
                removed = owner;
            }
            true
        });
        overlap.map_or(Ok(()), |at| Err(WireError::OverlappingEdits { at }))
    }

    /// Corrects the sizes of tagged fields that hold edits, inner ones first.
    fn settle_sizes(&mut self, message: Message<'_>) {
        let mut sizes: Vec<Edit> = Vec::new();
        for enclosure in message.tape().enclosures().iter().rev() {
            let (body, end) = (enclosure.body, enclosure.end);
            let inside = |edit: &&Edit| {
                let owner = edit.owner.range();
                body as usize <= owner.start && owner.end <= end as usize
            };
            let first = self.room.edits.partition_point(|edit| edit.start < body);
            let here = self.room.edits[first..]
                .iter()
                .take_while(|edit| edit.start <= end);
            let inner = sizes.iter().rev().take_while(|edit| edit.start < end);
            let mut touched = false;
            let size = here.chain(inner).filter(inside).fold(end - body, |size, edit| {
                touched = true;
                size + edit.written() as u32 - (edit.end - edit.start)
            });
            if touched {
                let from = self.room.scratch.len() as u32;
                write_uvarint(&mut self.room.scratch, size);
                let to = self.room.scratch.len() as u32;
                let owner = Span::new(enclosure.size as usize, body as usize);
                let kind = EditKind::Replace;
                sizes.push(Edit {
                    start: enclosure.size,
                    end: body,
                    kind,
                    from,
                    to,
                    shared: 0,
                    owner,
                });
            }
        }
        if !sizes.is_empty() {
            self.room.edits.append(&mut sizes);
            self.sort();
        }
    }
}

/// How the length or count of an entry is written.
fn prefix_of(entry: &TapeEntry) -> Prefix {
    match entry.form {
        _ if entry.is_compact => Prefix::Compact,
        Form::Text => Prefix::Int16,
        _ => Prefix::Int32,
    }
}
