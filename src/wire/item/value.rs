//! A value that a field of an item can be set to.

use bytes::Bytes;

use crate::wire::item::Item;
use crate::wire::schema::{Default, FieldDef, Kind};

/// A value for a field. Made by `From` of what it holds.
#[derive(Debug, Clone)]
pub enum Value {
    Null,
    /// An empty string, bytes, array or struct of defaults.
    Empty,
    Int(i64),
    Float(f64),
    Uuid([u8; 16]),
    Text(String),
    Bytes(Bytes),
    /// An array of anything but structs.
    List(Vec<Value>),
    /// An array of structs.
    Items(Vec<Item>),
    Struct(Box<Item>),
}

impl Value {
    pub(super) fn default_of(def: &FieldDef) -> Self {
        match (def.default, def.kind) {
            (Default::Null, _) => Self::Null,
            (Default::Int(value), _) => Self::Int(value),
            (Default::Zero, _) if def.is_array => Self::Empty,
            (Default::Zero, Kind::Uuid) => Self::Uuid([0; 16]),
            (Default::Zero, Kind::Float64) => Self::Float(0.0),
            (Default::Zero, Kind::Text | Kind::Bytes | Kind::Records | Kind::Struct(_)) => Self::Empty,
            (Default::Zero, _) => Self::Int(0),
        }
    }

    pub(super) fn is_default(&self, def: &FieldDef) -> bool {
        match (self, Self::default_of(def)) {
            (Self::Null, Self::Null) | (Self::Empty, Self::Empty) => true,
            (Self::Int(value), Self::Int(default)) => *value == default,
            (Self::Float(value), Self::Float(default)) => value.to_bits() == default.to_bits(),
            (Self::Uuid(value), Self::Uuid(default)) => *value == default,
            (Self::Text(text), Self::Empty) => text.is_empty(),
            (Self::Bytes(bytes), Self::Empty) => bytes.is_empty(),
            (Self::List(values), Self::Empty) => values.is_empty(),
            (Self::Items(items), Self::Empty) => items.is_empty(),
            (Self::Struct(item), Self::Empty) => item.is_untouched(),
            _ => false,
        }
    }

    /// Writes a value of fixed size; `false` when it does not fit.
    #[must_use]
    pub(super) fn write_fixed(&self, kind: Kind, size: usize, out: &mut Vec<u8>) -> bool {
        match (self, kind) {
            (Self::Uuid(uuid), Kind::Uuid) => out.extend_from_slice(uuid),
            (Self::Float(value), Kind::Float64) => out.extend_from_slice(&value.to_be_bytes()),
            (Self::Int(value), _) if fits(*value, kind) => {
                out.extend_from_slice(&value.to_be_bytes()[8 - size..])
            }
            _ => return false,
        }
        true
    }
}

fn fits(value: i64, kind: Kind) -> bool {
    match kind {
        Kind::Bool => (0..=1).contains(&value),
        Kind::Int8 => i8::try_from(value).is_ok(),
        Kind::Int16 => i16::try_from(value).is_ok(),
        Kind::Uint16 => u16::try_from(value).is_ok(),
        Kind::Int32 => i32::try_from(value).is_ok(),
        Kind::Int64 => true,
        _ => false,
    }
}

macro_rules! from_int {
    ($($type:ty),*) => {$(
        impl From<$type> for Value {
            fn from(value: $type) -> Self {
                Self::Int(value.into())
            }
        }
    )*};
}
from_int!(bool, i8, i16, u16, i32, u32, i64);

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<[u8; 16]> for Value {
    fn from(value: [u8; 16]) -> Self {
        Self::Uuid(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<Bytes> for Value {
    fn from(value: Bytes) -> Self {
        Self::Bytes(value)
    }
}

impl From<&[u8]> for Value {
    fn from(value: &[u8]) -> Self {
        Self::Bytes(Bytes::copy_from_slice(value))
    }
}

impl From<Vec<u8>> for Value {
    fn from(value: Vec<u8>) -> Self {
        Self::Bytes(value.into())
    }
}

impl From<Item> for Value {
    fn from(value: Item) -> Self {
        Self::Struct(Box::new(value))
    }
}

impl From<Vec<Item>> for Value {
    fn from(value: Vec<Item>) -> Self {
        Self::Items(value)
    }
}

impl From<Vec<Self>> for Value {
    fn from(value: Vec<Self>) -> Self {
        Self::List(value)
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl Value {
    /// An array of values that are no structs.
    pub fn list<T: Into<Self>>(values: impl IntoIterator<Item = T>) -> Self {
        Self::List(values.into_iter().map(Into::into).collect())
    }
}
