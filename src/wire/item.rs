//! Makes messages, or single items of their arrays, from the schema: defaults for all that is not set.

mod value;

pub use value::Value;

use bytes::Bytes;
use smallvec::SmallVec;

use crate::wire::cursor::{MAX_STRING_BYTES, Prefix, write_uvarint};
use crate::wire::error::WireError;
use crate::wire::header;
use crate::wire::schema::{self, Direction, Field, FieldDef, Kind};
use crate::wire::segments::Segments;

/// A struct that is being made: a whole message, or an item of an array.
///
/// A value for a field that this version does not have is left out when Kafka's schema calls the field ignorable, or
/// when it is the default; any other is reported when the item is written.
#[derive(Debug, Clone)]
pub struct Item {
    shape: Shape,
    /// The values that were set, each with the place of its field.
    values: SmallVec<[(u16, Value); 4]>,
    failure: Option<WireError>,
}

/// Which struct it is, and how it is written.
#[derive(Debug, Clone, Copy)]
struct Shape {
    fields: &'static [FieldDef],
    version: i16,
    is_flexible: bool,
}

impl Item {
    /// The response to a request of this API and version.
    pub fn response(key: i16, version: i16) -> Result<Self, WireError> {
        Self::message(key, Direction::Response, version)
    }

    /// A request of this API and version.
    pub fn request(key: i16, version: i16) -> Result<Self, WireError> {
        Self::message(key, Direction::Request, version)
    }

    fn message(key: i16, direction: Direction, version: i16) -> Result<Self, WireError> {
        let def = schema::message(key, direction).ok_or(WireError::UnknownApi(key))?;
        if !def.versions.contains(version) {
            return Err(WireError::UnknownVersion { key, version });
        }
        let is_flexible = version >= def.flexible_from;
        Ok(Self::new(Shape {
            fields: def.fields,
            version,
            is_flexible,
        }))
    }

    fn new(shape: Shape) -> Self {
        Self {
            shape,
            values: SmallVec::new(),
            failure: None,
        }
    }

    /// An empty struct for a field of this one: an item when the field is an array.
    pub fn item(&self, field: Field) -> Self {
        let def = self.shape.fields.iter().find(|def| def.name == field);
        match def.map(|def| def.kind) {
            Some(Kind::Struct(fields)) => Self::new(Shape { fields, ..self.shape }),
            _ => Self {
                failure: Some(WireError::NoSuchField { field }),
                ..Self::new(Shape {
                    fields: &[],
                    ..self.shape
                })
            },
        }
    }

    /// Whether this version has the field.
    pub fn has(&self, field: Field) -> bool {
        self.shape
            .fields
            .iter()
            .any(|def| def.name == field && def.versions.contains(self.shape.version))
    }

    /// Whether nothing was set.
    fn is_untouched(&self) -> bool {
        self.values.is_empty() && self.failure.is_none()
    }

    /// Sets a field.
    pub fn set(&mut self, field: Field, value: impl Into<Value>) -> &mut Self {
        let value = value.into();
        let at = self.shape.fields.iter().position(|def| def.name == field);
        let Some((at, def)) = at.and_then(|at| Some((at, self.shape.fields.get(at)?))) else {
            self.failure.get_or_insert(WireError::NoSuchField { field });
            return self;
        };
        if !def.versions.contains(self.shape.version) {
            if !def.ignorable && !value.is_default(def) {
                self.failure.get_or_insert(WireError::NoSuchField { field });
            }
            return self;
        }
        let at = at as u16;
        match self.values.iter_mut().find(|(set, _)| *set == at) {
            Some((_, old)) => *old = value,
            None => self.values.push((at, value)),
        }
        self
    }

    /// Adds an item to an array of structs.
    pub fn push(&mut self, field: Field, item: Self) -> &mut Self {
        let at = self
            .shape
            .fields
            .iter()
            .position(|def| def.name == field && def.is_array);
        let found = self
            .values
            .iter_mut()
            .find(|(set, _)| at == Some(usize::from(*set)));
        if let Some((_, Value::Items(items))) = found {
            items.push(item);
            return self;
        }
        self.set(field, Value::Items(vec![item]))
    }

    /// The whole frame of a response, length prefix and header included. `api` must be what the item was made for.
    pub fn response_frame(&self, api: (i16, i16), correlation_id: i32) -> Result<Segments, WireError> {
        let mut out = vec![0; 4];
        out.extend_from_slice(&correlation_id.to_be_bytes());
        if header::has_tags(api) {
            out.push(0);
        }
        self.finish_frame(out)
    }

    /// The whole frame of a request, length prefix and header included. `api` must be what the item was made for.
    pub fn request_frame(
        &self,
        (key, version): (i16, i16),
        correlation_id: i32,
        client_id: &str,
    ) -> Result<Segments, WireError> {
        let mut out = vec![0; 4];
        out.extend_from_slice(&key.to_be_bytes());
        out.extend_from_slice(&version.to_be_bytes());
        out.extend_from_slice(&correlation_id.to_be_bytes());
        if !Prefix::Int16.write(&mut out, Some(client_id.len())) {
            return Err(WireError::BadLength { at: out.len() });
        }
        out.extend_from_slice(client_id.as_bytes());
        if self.shape.is_flexible {
            out.push(0);
        }
        self.finish_frame(out)
    }

    fn finish_frame(&self, mut out: Vec<u8>) -> Result<Segments, WireError> {
        self.write(&mut out)?;
        let size = i32::try_from(out.len() - 4).map_err(|_| WireError::BadLength { at: 0 })?;
        out[..4].copy_from_slice(&size.to_be_bytes());
        Ok(Segments([Bytes::from(out)].into_iter().collect()))
    }

    /// Writes the struct as it is inside of a message.
    pub(in crate::wire) fn write(&self, out: &mut Vec<u8>) -> Result<(), WireError> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        self.shape.write(&self.values, out)
    }
}

impl Shape {
    fn write(self, values: &[(u16, Value)], out: &mut Vec<u8>) -> Result<(), WireError> {
        let value_of = |at: usize| {
            values
                .iter()
                .find(|(set, _)| usize::from(*set) == at)
                .map(|(_, value)| value)
        };
        let mut tagged: SmallVec<[(u32, usize); 4]> = SmallVec::new();
        for (at, def) in self.fields.iter().enumerate() {
            if !def.versions.contains(self.version) {
                continue;
            }
            if let Some(tag) = def.tag_in(self.version) {
                if value_of(at).is_some_and(|value| !value.is_default(def)) {
                    tagged.push((tag, at));
                }
                continue;
            }
            self.field(def, value_of(at), out)?;
        }
        if self.is_flexible {
            tagged.sort_unstable();
            write_uvarint(out, tagged.len() as u32);
            for (tag, at) in tagged {
                let mut body = Vec::new();
                self.field(&self.fields[at], value_of(at), &mut body)?;
                write_uvarint(out, tag);
                write_uvarint(out, body.len() as u32);
                out.extend_from_slice(&body);
            }
        }
        Ok(())
    }

    fn field(self, def: &FieldDef, value: Option<&Value>, out: &mut Vec<u8>) -> Result<(), WireError> {
        let default = Value::default_of(def);
        let value = value.unwrap_or(&default);
        if def.is_array {
            self.array(def, value, out)
        } else {
            self.single(def, value, out)
        }
    }

    fn array(self, def: &FieldDef, value: &Value, out: &mut Vec<u8>) -> Result<(), WireError> {
        let bad = WireError::BadValue { field: def.name };
        let prefix = if self.is_flexible {
            Prefix::Compact
        } else {
            Prefix::Int32
        };
        let count = match value {
            Value::Null if def.nullable.contains(self.version) => None,
            Value::Empty => Some(0),
            Value::Items(items) => Some(items.len()),
            Value::List(values) => Some(values.len()),
            _ => return Err(bad),
        };
        if !prefix.write(out, count) {
            return Err(bad);
        }
        match (value, def.kind) {
            (Value::Items(items), Kind::Struct(_)) => items.iter().try_for_each(|item| item.write(out)),
            (Value::Items(_), _) | (Value::List(_), Kind::Struct(_)) => Err(bad),
            (Value::List(values), _) => values.iter().try_for_each(|value| self.plain(def, value, out)),
            _ => Ok(()),
        }
    }

    fn single(self, def: &FieldDef, value: &Value, out: &mut Vec<u8>) -> Result<(), WireError> {
        let Kind::Struct(fields) = def.kind else {
            return self.plain(def, value, out);
        };
        let is_nullable = def.nullable.contains(self.version);
        match value {
            Value::Null if is_nullable => {
                out.push(0xff);
                Ok(())
            }
            Value::Empty | Value::Struct(_) => {
                if is_nullable {
                    out.push(1);
                }
                match value {
                    Value::Struct(item) => item.write(out),
                    _ => Self { fields, ..self }.write(&[], out),
                }
            }
            _ => Err(WireError::BadValue { field: def.name }),
        }
    }

    /// A value that is neither struct nor array.
    fn plain(self, def: &FieldDef, value: &Value, out: &mut Vec<u8>) -> Result<(), WireError> {
        let bad = WireError::BadValue { field: def.name };
        if let Some(size) = def.kind.fixed_size() {
            return if value.write_fixed(def.kind, size, out) {
                Ok(())
            } else {
                Err(bad)
            };
        }
        let prefix = match def.kind {
            _ if self.is_flexible => Prefix::Compact,
            Kind::Text => Prefix::Int16,
            _ => Prefix::Int32,
        };
        let bytes = match (value, def.kind) {
            (Value::Null, _) if def.nullable.contains(self.version) && !def.is_array => None,
            (Value::Text(text), Kind::Text) => Some(text.as_bytes()),
            (Value::Bytes(bytes), Kind::Bytes | Kind::Records) => Some(&bytes[..]),
            (Value::Empty, _) => Some(&[][..]),
            _ => return Err(bad),
        };
        let is_too_long = def.kind.is_text() && bytes.is_some_and(|bytes| bytes.len() > MAX_STRING_BYTES);
        if is_too_long || !prefix.write(out, bytes.map(<[u8]>::len)) {
            return Err(bad);
        }
        out.extend_from_slice(bytes.unwrap_or_default());
        Ok(())
    }
}
