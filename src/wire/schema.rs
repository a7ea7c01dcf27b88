//! The shape of Kafka's messages: types of the generated table, and how to find a message in it. Knows no bytes.

mod class;
#[rustfmt::skip]
pub mod field;
#[rustfmt::skip]
mod table;

pub use class::Class;
pub(in crate::wire) use table::{
    CONSUMER_PROTOCOL_ASSIGNMENT_MESSAGE, CONSUMER_PROTOCOL_SUBSCRIPTION_MESSAGE, SLOTS,
};

/// The name of a field. The constants are in [`field`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Field(u16);

impl Field {
    /// The root of a message and the items of arrays of plain values have no name.
    pub(in crate::wire) const NONE: Self = Self(u16::MAX);

    /// As Kafka spells it, for instance `TopicData`.
    pub fn name(self) -> &'static str {
        field::NAMES.get(usize::from(self.0)).copied().unwrap_or("")
    }
}

impl std::fmt::Debug for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Which way a message goes, or that it travels inside the bytes of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::wire) enum Direction {
    Request,
    Response,
    Data,
}

/// An inclusive range of versions; empty when `lo > hi`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Versions {
    pub lo: i16,
    pub hi: i16,
}

impl Versions {
    /// Whether the range holds `version`.
    pub const fn contains(self, version: i16) -> bool {
        self.lo <= version && version <= self.hi
    }
}

/// A message of the table.
#[derive(Debug)]
pub(in crate::wire) struct MessageDef {
    /// Without `Request` and `Response`.
    pub(in crate::wire) name: &'static str,
    pub(in crate::wire) key: i16,
    pub(in crate::wire) direction: Direction,
    /// The stable versions.
    pub(in crate::wire) versions: Versions,
    pub(in crate::wire) flexible_from: i16,
    /// Where the compiled programs of the first version are kept.
    pub(in crate::wire) slot: usize,
    pub(in crate::wire) fields: &'static [FieldDef],
}

/// A field of the table.
#[derive(Debug)]
pub(in crate::wire) struct FieldDef {
    pub(in crate::wire) name: Field,
    pub(in crate::wire) kind: Kind,
    pub(in crate::wire) class: Class,
    pub(in crate::wire) is_array: bool,
    pub(in crate::wire) versions: Versions,
    pub(in crate::wire) nullable: Versions,
    /// The tag, in the versions in which the field is tagged.
    pub(in crate::wire) tag: Option<(u32, Versions)>,
    pub(in crate::wire) default: Default,
    /// Whether a value is silently dropped in versions without the field.
    pub(in crate::wire) ignorable: bool,
}

impl FieldDef {
    /// The tag of the field when `version` writes it as a tagged field.
    pub(in crate::wire) fn tag_in(&self, version: i16) -> Option<u32> {
        self.tag
            .filter(|(_, versions)| versions.contains(version))
            .map(|(tag, _)| tag)
    }
}

/// The type of a value or of an array's element.
#[derive(Debug, Clone, Copy)]
pub(in crate::wire) enum Kind {
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
    Struct(&'static [FieldDef]),
}

impl Kind {
    /// The number of bytes of a value whose size does not vary.
    pub(in crate::wire) const fn fixed_size(self) -> Option<usize> {
        match self {
            Self::Bool | Self::Int8 => Some(1),
            Self::Int16 | Self::Uint16 => Some(2),
            Self::Int32 => Some(4),
            Self::Int64 | Self::Float64 => Some(8),
            Self::Uuid => Some(16),
            Self::Text | Self::Bytes | Self::Records | Self::Struct(_) => None,
        }
    }

    pub(in crate::wire) const fn is_text(self) -> bool {
        matches!(self, Self::Text)
    }
}

/// The value of a field when nobody says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::wire) enum Default {
    /// Zero, false, empty.
    Zero,
    Null,
    Int(i64),
}

const fn v(lo: i16, hi: i16) -> Versions {
    Versions { lo, hi }
}

/// A row of the table.
const fn f(name: Field, kind: Kind, class: Class, lo: i16, hi: i16) -> FieldDef {
    FieldDef {
        name,
        kind,
        class,
        is_array: false,
        versions: v(lo, hi),
        nullable: v(0, -1),
        tag: None,
        default: Default::Zero,
        ignorable: false,
    }
}

impl FieldDef {
    const fn array(mut self) -> Self {
        self.is_array = true;
        self
    }

    const fn nullable(mut self, lo: i16, hi: i16) -> Self {
        self.nullable = v(lo, hi);
        self
    }

    const fn tag(mut self, tag: u32, lo: i16, hi: i16) -> Self {
        self.tag = Some((tag, v(lo, hi)));
        self
    }

    const fn default(mut self, default: Default) -> Self {
        self.default = default;
        self
    }

    const fn ignorable(mut self) -> Self {
        self.ignorable = true;
        self
    }
}

/// API keys below this have a place in the index; Kafka's highest is 92.
const INDEXED_KEYS: usize = 128;

/// By API key, the places of its request and response in the table, each plus one; 0: there is none.
static INDEX: [[u8; 2]; INDEXED_KEYS] = {
    let mut index = [[0; 2]; INDEXED_KEYS];
    let mut place = 0;
    while place < table::MESSAGES.len() {
        let def = &table::MESSAGES[place];
        place += 1;
        assert!(place <= u8::MAX as usize, "a place has a byte");
        index[def.key as usize][!matches!(def.direction, Direction::Request) as usize] = place as u8;
    }
    index
};

/// The message with an API key. Asked several times for each request, hence the index.
pub(in crate::wire) fn message(key: i16, direction: Direction) -> Option<&'static MessageDef> {
    let places = INDEX.get(usize::try_from(key).ok()?)?;
    let place = places[usize::from(direction != Direction::Request)];
    table::MESSAGES.get(usize::from(place).checked_sub(1)?)
}

/// The stable versions of an API that the table knows.
pub fn api_versions(key: i16) -> Option<Versions> {
    message(key, Direction::Request).map(|def| def.versions)
}

/// The name of an API, for instance `Produce`.
pub fn api_name(key: i16) -> Option<&'static str> {
    message(key, Direction::Request).map(|def| def.name)
}

/// The keys of all APIs that the table knows, in ascending order.
pub fn api_keys() -> impl Iterator<Item = i16> {
    table::MESSAGES
        .iter()
        .filter(|def| def.direction == Direction::Request)
        .map(|def| def.key)
}

/// Whether this version of an API uses compact types and tagged fields.
pub(in crate::wire) fn is_flexible(key: i16, version: i16) -> bool {
    message(key, Direction::Request).is_some_and(|def| version >= def.flexible_from)
}

/// All messages with an API key.
#[cfg(test)]
pub(in crate::wire) fn messages() -> &'static [MessageDef] {
    table::MESSAGES
}
