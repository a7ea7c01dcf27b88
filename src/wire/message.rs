//! Finds one's way in a walked message. Knows no API.

use std::ops::Range;

use crate::wire::schema::{Class, Field};
use crate::wire::tape::{Form, Tape, TapeEntry};

/// A range of bytes of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    start: u32,
    end: u32,
}

impl Span {
    pub(in crate::wire) fn new(start: usize, end: usize) -> Self {
        Self {
            start: start as u32,
            end: end as u32,
        }
    }

    /// As an index into the frame.
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// A frame and what a walk found in it.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    frame: &'a [u8],
    tape: &'a Tape,
}

impl<'a> Message<'a> {
    pub(in crate::wire) fn new(frame: &'a [u8], tape: &'a Tape) -> Self {
        Self { frame, tape }
    }

    /// The message as a struct.
    pub fn root(self) -> Node<'a> {
        Node {
            message: self,
            index: 0,
        }
    }

    /// Everything of a class, however deep, in the order of the bytes. An array of plain values has the class of its
    /// values and comes before them: [`Node::form`] tells.
    pub fn all(self, class: Class) -> impl Iterator<Item = Node<'a>> {
        self.root().all(class)
    }

    /// The first of a class, however deep.
    pub fn first(self, class: Class) -> Option<Node<'a>> {
        self.all(class).next()
    }

    /// The frame that was walked.
    pub fn frame(self) -> &'a [u8] {
        self.frame
    }

    pub(in crate::wire) fn tape(self) -> &'a Tape {
        self.tape
    }
}

/// A value, struct or array of a message.
#[derive(Clone, Copy)]
pub struct Node<'a> {
    message: Message<'a>,
    index: u32,
}

impl std::fmt::Debug for Node<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let entry = self.entry();
        write!(
            f,
            "{:?} {:?} {}..{}",
            entry.field, entry.class, entry.start, entry.end
        )
    }
}

impl<'a> Node<'a> {
    pub(in crate::wire) fn entry(self) -> &'a TapeEntry {
        &self.message.tape.entries()[self.index as usize]
    }

    pub(in crate::wire) fn index(self) -> u32 {
        self.index
    }

    /// The field's name; items of arrays have none.
    pub fn field(self) -> Field {
        self.entry().field
    }

    /// Its class.
    pub fn class(self) -> Class {
        self.entry().class
    }

    /// Its type.
    pub fn form(self) -> Form {
        self.entry().form
    }

    /// All its bytes, length prefix included.
    pub fn span(self) -> Span {
        let entry = self.entry();
        Span {
            start: entry.start,
            end: entry.end,
        }
    }

    /// Its bytes without the length prefix.
    pub fn content_span(self) -> Span {
        let entry = self.entry();
        Span {
            start: entry.body,
            end: entry.end,
        }
    }

    /// Its bytes with the length prefix: how it would be copied.
    pub fn encoded(self) -> &'a [u8] {
        &self.message.frame[self.span().range()]
    }

    /// Its bytes without the length prefix.
    pub(in crate::wire) fn content(self) -> &'a [u8] {
        &self.message.frame[self.content_span().range()]
    }

    /// Whether it is null.
    pub fn is_null(self) -> bool {
        self.entry().is_null
    }

    /// The number of items of an array, 0 when it is null.
    pub fn count(self) -> usize {
        self.entry().count as usize
    }

    /// The fields of a struct, or the items of an array, that are on the tape. Arrays of values of fixed size have
    /// none: see [`Self::i32s`] and [`Self::uuids`].
    pub fn children(self) -> impl Iterator<Item = Node<'a>> {
        let end = self.entry().next;
        let mut index = self.index + 1;
        std::iter::from_fn(move || {
            let node = Node {
                message: self.message,
                index,
            };
            (index < end).then(|| {
                index = node.entry().next;
                node
            })
        })
    }

    /// Everything of a class inside it, however deep: see [`Message::all`].
    pub fn all(self, class: Class) -> impl Iterator<Item = Node<'a>> {
        (self.index + 1..self.entry().next)
            .map(move |index| Node {
                message: self.message,
                index,
            })
            .filter(move |node| node.entry().class == class)
    }

    /// A field of a struct.
    pub fn child(self, field: Field) -> Option<Node<'a>> {
        self.children().find(|node| node.entry().field == field)
    }

    /// The first field of a struct that is of a class.
    pub fn child_of(self, class: Class) -> Option<Node<'a>> {
        self.children().find(|node| node.entry().class == class)
    }

    /// The items of the array in a field; none when there is no such field or it is null.
    pub fn items(self, field: Field) -> impl Iterator<Item = Node<'a>> {
        self.child(field).into_iter().flat_map(Node::children)
    }

    /// The arrays of partitions of a topic: in one request or response it is one, of structs or of numbers.
    pub fn partitions(self) -> Option<Node<'a>> {
        let is_partitions = |node: &Node<'a>| match node.entry().class {
            Class::Partitions => true,
            Class::PartitionIndex => node.entry().form == Form::Array,
            _ => false,
        };
        self.children().find(is_partitions)
    }

    /// The bytes of a string, of bytes or of records; `None` when null.
    pub fn bytes(self) -> Option<&'a [u8]> {
        let is_null = self.entry().is_null;
        (!is_null).then(|| &self.message.frame[self.content_span().range()])
    }

    /// A string; `None` when null.
    pub fn text(self) -> Option<&'a str> {
        if self.entry().form != Form::Text {
            return None;
        }
        std::str::from_utf8(self.bytes()?).ok()
    }

    /// A whole number, or a boolean as 0 or 1; `None` of anything else.
    pub fn int(self) -> Option<i64> {
        let bytes = self.encoded();
        match self.entry().form {
            Form::Bool => Some(i64::from(*bytes.first()? != 0)),
            Form::Int8 => Some(i8::from_be_bytes(*bytes.first_chunk()?).into()),
            Form::Int16 => Some(i16::from_be_bytes(*bytes.first_chunk()?).into()),
            Form::Uint16 => Some(u16::from_be_bytes(*bytes.first_chunk()?).into()),
            Form::Int32 => Some(i32::from_be_bytes(*bytes.first_chunk()?).into()),
            Form::Int64 => Some(i64::from_be_bytes(*bytes.first_chunk()?)),
            _ => None,
        }
    }

    /// A 64-bit floating-point number.
    pub fn float(self) -> Option<f64> {
        let is_float = self.entry().form == Form::Float64;
        is_float.then(|| Some(f64::from_be_bytes(*self.encoded().first_chunk()?)))?
    }

    /// A UUID.
    pub fn uuid(self) -> Option<[u8; 16]> {
        let is_uuid = self.entry().form == Form::Uuid;
        is_uuid.then(|| self.encoded().first_chunk().copied())?
    }

    /// The elements of an array of UUIDs, each with its place.
    pub fn uuids(self) -> impl Iterator<Item = (Span, [u8; 16])> {
        self.values()
    }

    /// The elements of an array of 32-bit numbers, each with its place.
    pub fn i32s(self) -> impl Iterator<Item = (Span, i32)> {
        self.values()
            .map(|(span, bytes)| (span, i32::from_be_bytes(bytes)))
    }

    /// The elements of an array whose elements have `N` bytes; none of any other array.
    pub(in crate::wire) fn values<const N: usize>(self) -> impl Iterator<Item = (Span, [u8; N])> {
        let entry = self.entry();
        let content = &self.message.frame[self.content_span().range()];
        let fits = entry.form == Form::Array && content.len() == self.count() * N;
        let chunks = if fits { content.as_chunks().0 } else { &[] };
        let spans = (entry.body..).step_by(N).map(|start| Span {
            start,
            end: start + N as u32,
        });
        spans.zip(chunks.iter().copied())
    }

    /// The string in a field of this struct.
    pub fn text_in(self, field: Field) -> Option<&'a str> {
        self.child(field)?.text()
    }

    /// The number in a field of this struct.
    pub fn int_in(self, field: Field) -> Option<i64> {
        self.child(field)?.int()
    }

    /// The 32-bit or shorter number in a field of this struct.
    pub fn i32_in(self, field: Field) -> Option<i32> {
        self.int_in(field)?.try_into().ok()
    }

    /// The boolean in a field of this struct.
    pub fn bool_in(self, field: Field) -> Option<bool> {
        Some(self.int_in(field)? != 0)
    }

    /// The topic that an item of [`Class::Topics`] names: by name, by id, or both.
    pub fn topic_name(self) -> Option<&'a str> {
        self.child_of(Class::TopicName)?.text()
    }

    /// See [`Self::topic_name`].
    pub fn topic_id(self) -> Option<[u8; 16]> {
        self.child_of(Class::TopicId)?.uuid()
    }

    /// The partition that an item of [`Class::Partitions`] names.
    pub fn partition_index(self) -> Option<i32> {
        self.child_of(Class::PartitionIndex)?.int()?.try_into().ok()
    }
}
