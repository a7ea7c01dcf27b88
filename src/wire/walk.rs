//! Goes over a message once, checks every length against the bytes that are left, and writes the tape.

use crate::wire::cursor::{Cursor, MAX_STRING_BYTES, Prefix};
use crate::wire::error::WireError;
use crate::wire::header::{self, RequestHeader};
use crate::wire::message::Message;
use crate::wire::program::{ArrayOp, Detail, Known, Op, Program, Steps};
use crate::wire::schema::{
    CONSUMER_PROTOCOL_ASSIGNMENT_MESSAGE, CONSUMER_PROTOCOL_SUBSCRIPTION_MESSAGE, Class, Direction, Field,
    MessageDef,
};
use crate::wire::tape::{Enclosure, Form, Mark, Tape, TapeEntry, Unknown};

/// Walks the request in a frame (without length prefix) whose header was parsed.
pub fn walk_request<'a>(
    header: &RequestHeader,
    frame: &'a [u8],
    detail: Detail,
    tape: &'a mut Tape,
) -> Result<Message<'a>, WireError> {
    let program = Program::of(header.api_key, Direction::Request, header.api_version, detail)?;
    walk_into(program, frame, (header.body, Direction::Request), tape)?;
    Ok(Message::new(frame, tape))
}

/// Walks the response to a request of this API and version, in a frame without length prefix.
pub fn walk_response<'a>(
    (key, version): (i16, i16),
    frame: &'a [u8],
    detail: Detail,
    tape: &'a mut Tape,
) -> Result<Message<'a>, WireError> {
    let program = Program::of(key, Direction::Response, version, detail)?;
    let body = header::response_body((key, version), frame)?;
    walk_into(program, frame, (body, Direction::Response), tape)?;
    Ok(Message::new(frame, tape))
}

/// A message that the `consumer` group protocol puts into bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Embedded {
    /// The metadata of a member ([`Class::Subscription`]).
    Subscription,
    /// The assignment of a member ([`Class::Assignment`]).
    Assignment,
}

impl Embedded {
    fn def(self) -> &'static MessageDef {
        match self {
            Self::Subscription => &CONSUMER_PROTOCOL_SUBSCRIPTION_MESSAGE,
            Self::Assignment => &CONSUMER_PROTOCOL_ASSIGNMENT_MESSAGE,
        }
    }
}

/// The bytes that may follow the fields of an embedded message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tail {
    Nothing,
    /// Bytes that nobody here reads, and that stay as they are.
    Anything,
}

/// Walks a message of the `consumer` protocol, its version first.
///
/// Some clients announce a version and leave out its fields: such a message is read as the older version that it is.
/// One that is newer than the table is read as the latest of the table, as Kafka's own clients and brokers do: versions
/// of this protocol only add fields at the end.
pub fn walk_embedded<'a>(
    kind: Embedded,
    bytes: &'a [u8],
    tail: Tail,
    tape: &'a mut Tape,
) -> Result<Message<'a>, WireError> {
    let mut cursor = Cursor::new(bytes, 0);
    let version = cursor.i16()?;
    let body = cursor.at();
    let def = kind.def();
    let of_version = |version| Program::of_message(def, version, Detail::Classified);
    let mut programs = (0..=version.min(def.versions.hi)).rev().filter_map(of_version);
    let unknown = WireError::UnknownVersion {
        key: def.key,
        version,
    };
    let walk = |program, tape: &mut Tape| match walk_into(program, bytes, (body, Direction::Data), tape) {
        Err(WireError::TrailingBytes { .. }) if tail == Tail::Anything => Ok(()),
        walked => walked,
    };
    let mut walked = walk(programs.next().ok_or(unknown)?, tape);
    if walked.is_err() && programs.any(|older| walk(older, tape).is_ok()) {
        walked = Ok(());
    }
    walked.map(|()| Message::new(bytes, tape))
}

/// Walks a whole message that begins at a byte of the frame and must end with it.
fn walk_into(
    program: &'static Program,
    frame: &[u8],
    (body, direction): (usize, Direction),
    tape: &mut Tape,
) -> Result<(), WireError> {
    if u32::try_from(frame.len()).is_err() {
        return Err(WireError::BadLength { at: 0 });
    }
    tape.clear(direction);
    let mut walker = Walker {
        program,
        cursor: Cursor::new(frame, body),
        tape,
    };
    let root = Mark {
        field: Field::NONE,
        class: Class::Struct,
        form: Form::Struct,
    };
    let root = walker.open(root, body)?;
    walker.run(program.root)?;
    let end = walker.cursor.at();
    walker.tape.close(root, end);
    if end < frame.len() {
        return Err(WireError::TrailingBytes { at: end });
    }
    Ok(())
}

struct Walker<'a, 't> {
    program: &'static Program,
    cursor: Cursor<'a>,
    tape: &'t mut Tape,
}

impl Walker<'_, '_> {
    /// Takes steps. Recursion is as deep as the schema, never as the bytes say.
    fn run(&mut self, steps: Steps) -> Result<(), WireError> {
        for op in self.program.ops(steps) {
            match *op {
                Op::Skip(size) => {
                    self.cursor.take(size as usize)?;
                }
                Op::Value { mark, size } => {
                    let start = self.cursor.at();
                    self.cursor.take(usize::from(size))?;
                    self.open(mark, start)?;
                }
                Op::Sized {
                    prefix,
                    is_nullable,
                    form,
                    mark,
                } => self.sized(prefix, is_nullable, form, mark)?,
                Op::Values {
                    prefix,
                    is_nullable,
                    size,
                    mark,
                } => {
                    self.values(prefix, is_nullable, size as usize, mark)?;
                }
                Op::Array(array) => self.array(array)?,
                Op::Struct {
                    is_nullable,
                    steps,
                    mark,
                } => self.structure(is_nullable, steps, mark)?,
                Op::Tags(known) => self.tags(known)?,
            }
        }
        Ok(())
    }

    /// Puts a value on the tape that ends where the cursor is, and has neither prefix nor parts.
    fn open(&mut self, mark: Mark, start: usize) -> Result<usize, WireError> {
        self.tape.push(TapeEntry {
            field: mark.field,
            class: mark.class,
            form: mark.form,
            is_compact: false,
            is_nullable: false,
            is_null: false,
            start: start as u32,
            body: start as u32,
            end: self.cursor.at() as u32,
            next: 0,
            count: 0,
        })
    }

    /// Puts a value with a prefix on the tape.
    fn open_prefixed(
        &mut self,
        mark: Mark,
        start: usize,
        prefix: Prefix,
        (is_nullable, count): (bool, Option<usize>),
    ) -> Result<usize, WireError> {
        self.tape.push(TapeEntry {
            field: mark.field,
            class: mark.class,
            form: mark.form,
            is_compact: prefix == Prefix::Compact,
            is_nullable,
            is_null: count.is_none(),
            start: start as u32,
            body: self.cursor.at() as u32,
            end: self.cursor.at() as u32,
            next: 0,
            count: count.unwrap_or(0) as u32,
        })
    }

    fn length(&mut self, prefix: Prefix, is_nullable: bool) -> Result<Option<usize>, WireError> {
        let at = self.cursor.at();
        let length = self.cursor.length(prefix)?;
        if length.is_none() && !is_nullable {
            return Err(WireError::UnexpectedNull { at });
        }
        Ok(length)
    }

    fn sized(
        &mut self,
        prefix: Prefix,
        is_nullable: bool,
        form: Form,
        mark: Option<Mark>,
    ) -> Result<(), WireError> {
        let start = self.cursor.at();
        let length = self.length(prefix, is_nullable)?;
        let size = length.unwrap_or(0);
        if form == Form::Text && size > MAX_STRING_BYTES {
            return Err(WireError::BadLength { at: start });
        }
        let Some(mark) = mark else {
            return self.cursor.take(size).map(drop);
        };
        let index = self.open_prefixed(mark, start, prefix, (is_nullable, length))?;
        let content = self.cursor.take(size)?;
        if form == Form::Text && std::str::from_utf8(content).is_err() {
            return Err(WireError::NotUtf8 { at: start });
        }
        self.tape.close(index, self.cursor.at());
        Ok(())
    }

    /// Reads a count and compares it with the bytes that are left.
    fn count(
        &mut self,
        prefix: Prefix,
        is_nullable: bool,
        item_min: usize,
    ) -> Result<Option<usize>, WireError> {
        let at = self.cursor.at();
        let count = self.length(prefix, is_nullable)?;
        if count.is_some_and(|count| count > self.cursor.left() / item_min) {
            return Err(WireError::BadLength { at });
        }
        Ok(count)
    }

    fn values(
        &mut self,
        prefix: Prefix,
        is_nullable: bool,
        size: usize,
        mark: Option<Mark>,
    ) -> Result<(), WireError> {
        let start = self.cursor.at();
        let count = self.count(prefix, is_nullable, size)?;
        let bytes = count.unwrap_or(0) * size;
        let Some(mark) = mark else {
            return self.cursor.take(bytes).map(drop);
        };
        let index = self.open_prefixed(mark, start, prefix, (is_nullable, count))?;
        self.cursor.take(bytes)?;
        self.tape.close(index, self.cursor.at());
        Ok(())
    }

    fn array(&mut self, op: ArrayOp) -> Result<(), WireError> {
        let start = self.cursor.at();
        let count = self.count(op.prefix, op.is_nullable, op.item_min as usize)?;
        let index = match op.mark {
            Some(mark) => Some(self.open_prefixed(mark, start, op.prefix, (op.is_nullable, count))?),
            None => None,
        };
        for _ in 0..count.unwrap_or(0) {
            match op.item {
                Some(item) => {
                    let item = self.open(item, self.cursor.at())?;
                    self.run(op.steps)?;
                    self.tape.close(item, self.cursor.at());
                }
                None => self.run(op.steps)?,
            }
        }
        if let Some(index) = index {
            self.tape.close(index, self.cursor.at());
        }
        Ok(())
    }

    fn structure(&mut self, is_nullable: bool, steps: Steps, mark: Option<Mark>) -> Result<(), WireError> {
        let start = self.cursor.at();
        let is_null = is_nullable
            && match self.cursor.i8()? {
                -1 => true,
                1 => false,
                _ => return Err(WireError::BadLength { at: start }),
            };
        let index = match mark {
            Some(mark) => Some(self.open(mark, start)?),
            None => None,
        };
        let body = self.cursor.at();
        if !is_null {
            self.run(steps)?;
        }
        if let Some(index) = index {
            if is_nullable {
                self.tape.set_nullable(index, body, is_null);
            }
            self.tape.close(index, self.cursor.at());
        }
        Ok(())
    }

    fn tags(&mut self, known: Known) -> Result<(), WireError> {
        let program = self.program;
        let known = program.known(known);
        let count_at = self.cursor.at();
        let count = self.cursor.uvarint()?;
        let count_end = self.cursor.at();
        let (mut before, mut unknown) = (None, 0);
        for _ in 0..count {
            let at = self.cursor.at();
            let tag = self.cursor.uvarint()?;
            // Ascending tags exclude a field that comes twice, of which one would be checked and the other used.
            if before.is_some_and(|before| before >= tag) {
                return Err(WireError::BadTags { at });
            }
            before = Some(tag);
            let size_at = self.cursor.at();
            let size = self.cursor.uvarint()? as usize;
            let body = self.cursor.at();
            if size > self.cursor.left() {
                return Err(WireError::Truncated { at: size_at });
            }
            let end = body + size;
            let Some(op) = known.iter().find(|op| op.tag == tag) else {
                self.cursor.take(size)?;
                unknown += 1;
                self.note_unknown(at..end, None)?;
                continue;
            };
            let enclosure = Enclosure {
                size: size_at as u32,
                body: body as u32,
                end: end as u32,
            };
            let place = self.tape.enclosures().len();
            if op.is_marked {
                self.tape.enclose(enclosure);
            }
            let noted = self.tape.unknown().len();
            let outer = self.cursor.narrow(end);
            self.run(op.steps)?;
            if self.cursor.at() != end {
                return Err(WireError::TrailingBytes { at: self.cursor.at() });
            }
            if !op.is_marked && self.tape.unknown().len() > noted {
                self.tape.enclose_at(place, enclosure);
            }
            self.cursor.widen(outer);
        }
        match unknown {
            0 => Ok(()),
            _ => self.note_unknown(count_at..count_end, Some(count - unknown)),
        }
    }

    fn note_unknown(&mut self, span: std::ops::Range<usize>, count: Option<u32>) -> Result<(), WireError> {
        self.tape.note_unknown(Unknown {
            start: span.start as u32,
            end: span.end as u32,
            count,
        })
    }
}
