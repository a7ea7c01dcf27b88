//! Compiles a message's schema, for one version, into a flat list of steps that the walker takes. Knows no bytes.

use std::sync::OnceLock;

use crate::wire::cursor::Prefix;
use crate::wire::error::WireError;
use crate::wire::schema::{self, Class, Direction, Field, FieldDef, Kind, MessageDef, SLOTS};
use crate::wire::tape::{Form, Mark};

/// How much of a message a walk puts on the tape. Every byte is checked either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// The classified fields, and the arrays and structs that hold some: enough to authorize and rename.
    Classified,
    /// Every field: for requests that the gateway answers itself.
    Everything,
}

/// The steps for one version of one message.
#[derive(Debug)]
pub(in crate::wire) struct Program {
    pub(in crate::wire) root: Steps,
    ops: Vec<Op>,
    tags: Vec<TagOp>,
}

/// A range of a program's steps.
#[derive(Debug, Clone, Copy)]
pub(in crate::wire) struct Steps {
    from: u32,
    to: u32,
}

/// The tagged fields that a struct knows.
#[derive(Debug, Clone, Copy)]
pub(in crate::wire) struct Known {
    from: u32,
    to: u32,
}

/// A tagged field that a struct knows.
#[derive(Debug, Clone, Copy)]
pub(in crate::wire) struct TagOp {
    pub(in crate::wire) tag: u32,
    pub(in crate::wire) steps: Steps,
    /// Whether it puts anything on the tape.
    pub(in crate::wire) is_marked: bool,
}

/// A step of the walker.
#[derive(Debug, Clone, Copy)]
pub(in crate::wire) enum Op {
    /// Fields of no interest, this many bytes in all.
    Skip(u32),
    /// A value of fixed size that goes on the tape.
    Value { mark: Mark, size: u8 },
    /// A string, bytes or records.
    Sized {
        prefix: Prefix,
        is_nullable: bool,
        form: Form,
        mark: Option<Mark>,
    },
    /// An array of values of fixed size.
    Values {
        prefix: Prefix,
        is_nullable: bool,
        size: u32,
        mark: Option<Mark>,
    },
    /// Any other array. `item` is the mark of a struct item.
    Array(ArrayOp),
    /// A struct.
    Struct {
        is_nullable: bool,
        steps: Steps,
        mark: Option<Mark>,
    },
    /// The tagged fields that end a struct.
    Tags(Known),
}

#[derive(Debug, Clone, Copy)]
pub(in crate::wire) struct ArrayOp {
    pub(in crate::wire) prefix: Prefix,
    pub(in crate::wire) is_nullable: bool,
    /// The fewest bytes that an item takes.
    pub(in crate::wire) item_min: u32,
    pub(in crate::wire) steps: Steps,
    pub(in crate::wire) mark: Option<Mark>,
    pub(in crate::wire) item: Option<Mark>,
}

/// One cell for each version of each message and each detail, filled on first use.
static PROGRAMS: [OnceLock<Box<Program>>; SLOTS * 2] = [const { OnceLock::new() }; SLOTS * 2];

impl Program {
    /// The program for one version of an API's request or response.
    pub(in crate::wire) fn of(
        key: i16,
        direction: Direction,
        version: i16,
        detail: Detail,
    ) -> Result<&'static Self, WireError> {
        let def = schema::message(key, direction).ok_or(WireError::UnknownApi(key))?;
        Self::of_message(def, version, detail).ok_or(WireError::UnknownVersion { key, version })
    }

    /// The program for one version of a message; `None` when there is no such version.
    pub(in crate::wire) fn of_message(
        def: &'static MessageDef,
        version: i16,
        detail: Detail,
    ) -> Option<&'static Self> {
        if !def.versions.contains(version) {
            return None;
        }
        let slot = def.slot + usize::from((version - def.versions.lo).unsigned_abs());
        let cell = PROGRAMS.get(slot * 2 + usize::from(detail == Detail::Everything))?;
        Some(cell.get_or_init(|| Box::new(Compiler::program(def, version, detail))))
    }

    pub(in crate::wire) fn ops(&self, steps: Steps) -> &[Op] {
        &self.ops[steps.from as usize..steps.to as usize]
    }

    pub(in crate::wire) fn known(&self, known: Known) -> &[TagOp] {
        &self.tags[known.from as usize..known.to as usize]
    }
}

struct Compiler {
    version: i16,
    is_flexible: bool,
    detail: Detail,
    ops: Vec<Op>,
    tags: Vec<TagOp>,
}

/// The steps of a struct or value.
struct Body {
    ops: Vec<Op>,
    min_size: usize,
    is_marked: bool,
}

impl Body {
    fn empty() -> Self {
        Self {
            ops: Vec::new(),
            min_size: 0,
            is_marked: false,
        }
    }

    /// Adds a step; runs of skips become one.
    fn push(&mut self, op: Op, min_size: usize, is_marked: bool) {
        self.min_size += min_size;
        self.is_marked |= is_marked;
        match (self.ops.last_mut(), op) {
            (Some(Op::Skip(before)), Op::Skip(more)) => *before += more,
            _ => self.ops.push(op),
        }
    }
}

impl Compiler {
    fn program(def: &MessageDef, version: i16, detail: Detail) -> Program {
        let is_flexible = version >= def.flexible_from;
        let mut compiler = Self {
            version,
            is_flexible,
            detail,
            ops: Vec::new(),
            tags: Vec::new(),
        };
        let body = compiler.fields(def.fields);
        let root = compiler.place(body.ops);
        Program {
            root,
            ops: compiler.ops,
            tags: compiler.tags,
        }
    }

    fn place(&mut self, ops: Vec<Op>) -> Steps {
        let from = self.ops.len() as u32;
        self.ops.extend(ops);
        Steps {
            from,
            to: self.ops.len() as u32,
        }
    }

    fn fields(&mut self, fields: &'static [FieldDef]) -> Body {
        let mut body = Body::empty();
        let mut tags = Vec::new();
        let version = self.version;
        for def in fields.iter().filter(|def| def.versions.contains(version)) {
            if let Some(tag) = def.tag_in(self.version) {
                let mut tagged = Body::empty();
                self.field(def, &mut tagged);
                let is_marked = tagged.is_marked;
                tags.push(TagOp {
                    tag,
                    steps: self.place(tagged.ops),
                    is_marked,
                });
            } else {
                self.field(def, &mut body);
            }
        }
        if self.is_flexible {
            let from = self.tags.len() as u32;
            let is_marked = tags.iter().any(|tag| tag.is_marked);
            self.tags.extend(tags);
            body.push(
                Op::Tags(Known {
                    from,
                    to: self.tags.len() as u32,
                }),
                1,
                is_marked,
            );
        }
        body
    }

    fn field(&mut self, def: &'static FieldDef, body: &mut Body) {
        if def.is_array {
            self.array(def, body);
        } else if let Kind::Struct(fields) = def.kind {
            let inner = self.fields(fields);
            let is_nullable = def.nullable.contains(self.version);
            let class = Class::Struct;
            let mark = self.container(inner.is_marked).then_some(Mark {
                field: def.name,
                class,
                form: Form::Struct,
            });
            if mark.is_none() && !is_nullable {
                for op in inner.ops {
                    body.push(op, 0, false);
                }
                body.min_size += inner.min_size;
            } else {
                let min_size = if is_nullable { 1 } else { inner.min_size };
                let steps = self.place(inner.ops);
                body.push(
                    Op::Struct {
                        is_nullable,
                        steps,
                        mark,
                    },
                    min_size,
                    mark.is_some(),
                );
            }
        } else {
            let (op, min_size) = self.value(def.kind, def, def.name);
            body.push(op, min_size, self.mark(def, def.name).is_some());
        }
    }

    /// A value that is no struct: a field, or an item of an array.
    fn value(&self, kind: Kind, def: &FieldDef, name: Field) -> (Op, usize) {
        let mark = self.mark(def, name);
        if let Some(size) = kind.fixed_size() {
            let op = match mark {
                Some(mark) => Op::Value {
                    mark,
                    size: size as u8,
                },
                None => Op::Skip(size as u32),
            };
            return (op, size);
        }
        let prefix = self.prefix(kind);
        let is_nullable = !def.is_array && def.nullable.contains(self.version);
        (
            Op::Sized {
                prefix,
                is_nullable,
                form: Form::of(kind),
                mark,
            },
            prefix.min_size(),
        )
    }

    fn array(&mut self, def: &'static FieldDef, body: &mut Body) {
        let prefix = if self.is_flexible {
            Prefix::Compact
        } else {
            Prefix::Int32
        };
        let is_nullable = def.nullable.contains(self.version);
        if let Some(size) = def.kind.fixed_size() {
            let mark = self.mark(def, def.name).map(|mark| Mark {
                form: Form::Array,
                ..mark
            });
            let op = Op::Values {
                prefix,
                is_nullable,
                size: size as u32,
                mark,
            };
            body.push(op, prefix.min_size(), mark.is_some());
            return;
        }
        let (inner, class, item) = if let Kind::Struct(fields) = def.kind {
            let inner = self.fields(fields);
            let (class, item) = self.classes_of_items(fields);
            (
                inner,
                class,
                Some(Mark {
                    field: Field::NONE,
                    class: item,
                    form: Form::Struct,
                }),
            )
        } else {
            let mut inner = Body::empty();
            let (op, min_size) = self.value(def.kind, def, Field::NONE);
            inner.push(op, min_size, self.mark(def, Field::NONE).is_some());
            (
                inner,
                if def.class == Class::Nothing {
                    Class::Array
                } else {
                    def.class
                },
                None,
            )
        };
        let is_marked = self.container(inner.is_marked);
        let op = ArrayOp {
            prefix,
            is_nullable,
            item_min: inner.min_size.max(1) as u32,
            steps: self.place(inner.ops),
            mark: is_marked.then_some(Mark {
                field: def.name,
                class,
                form: Form::Array,
            }),
            item: item.filter(|_| is_marked),
        };
        body.push(Op::Array(op), prefix.min_size(), is_marked);
    }

    /// The classes of an array of such structs and of its items.
    fn classes_of_items(&self, fields: &[FieldDef]) -> (Class, Class) {
        let has = |class| {
            let mut here = fields.iter().filter(|def| def.versions.contains(self.version));
            here.any(|def| def.class == class && !def.is_array)
        };
        if has(Class::TopicName) || has(Class::TopicId) {
            (Class::Topics, Class::Topic)
        } else if has(Class::PartitionIndex) {
            (Class::Partitions, Class::Partition)
        } else {
            (Class::Array, Class::Struct)
        }
    }

    fn container(&self, holds_marks: bool) -> bool {
        holds_marks || self.detail == Detail::Everything
    }

    fn mark(&self, def: &FieldDef, field: Field) -> Option<Mark> {
        let wanted = def.class != Class::Nothing || self.detail == Detail::Everything;
        wanted.then_some(Mark {
            field,
            class: def.class,
            form: Form::of(def.kind),
        })
    }

    fn prefix(&self, kind: Kind) -> Prefix {
        match kind {
            _ if self.is_flexible => Prefix::Compact,
            Kind::Text => Prefix::Int16,
            _ => Prefix::Int32,
        }
    }
}
