//! Compiles a schema. It nests no deeper than its reader lets it.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::{AvroSchema, AvroType, TypeId};
use crate::schemas::schema::UnusableSchema;

/// The types so far.
struct AvroTypes {
    types: Vec<AvroType>,
    /// Those that have names, by their full ones.
    named: HashMap<String, TypeId>,
}

pub(super) fn compile(written: &Value) -> Result<AvroSchema, UnusableSchema> {
    let mut types = AvroTypes {
        types: Vec::new(),
        named: HashMap::new(),
    };
    let root = types.of(written, "")?;
    Ok(AvroSchema {
        types: types.types,
        root,
    })
}

impl AvroTypes {
    fn add(&mut self, one: AvroType) -> TypeId {
        self.types.push(one);
        self.types.len() - 1
    }

    /// The type that is written, where names are of this namespace unless they say another.
    fn of(&mut self, written: &Value, namespace: &str) -> Result<TypeId, UnusableSchema> {
        match written {
            Value::String(name) => self.by_name(name, namespace),
            Value::Array(all) => {
                let branches = all.iter().map(|one| self.of(one, namespace));
                let branches = branches.collect::<Result<_, _>>()?;
                Ok(self.add(AvroType::Union(branches)))
            }
            Value::Object(fields) => self.complex(fields, namespace),
            _ => Err(UnusableSchema::Malformed),
        }
    }

    fn by_name(&mut self, name: &str, namespace: &str) -> Result<TypeId, UnusableSchema> {
        let primitive = match name {
            "null" => AvroType::Null,
            "boolean" => AvroType::Boolean,
            "int" => AvroType::Int,
            "long" => AvroType::Long,
            "float" => AvroType::Float,
            "double" => AvroType::Double,
            "bytes" => AvroType::Bytes,
            "string" => AvroType::Text,
            _ => {
                let known = self.named.get(&full(name, namespace));
                // One that is in no namespace may be named from any.
                let known = known.or_else(|| self.named.get(name));
                return known.copied().ok_or(UnusableSchema::References);
            }
        };
        Ok(self.add(primitive))
    }

    fn complex(&mut self, fields: &Map<String, Value>, namespace: &str) -> Result<TypeId, UnusableSchema> {
        let kind = fields.get("type").ok_or(UnusableSchema::Malformed)?;
        let part = |name: &str| fields.get(name).ok_or(UnusableSchema::Malformed);
        match kind.as_str() {
            Some("array") => {
                let items = self.of(part("items")?, namespace)?;
                Ok(self.add(AvroType::Array(items)))
            }
            Some("map") => {
                let values = self.of(part("values")?, namespace)?;
                Ok(self.add(AvroType::Map(values)))
            }
            Some("enum") => {
                let symbols = part("symbols")?
                    .as_array()
                    .ok_or(UnusableSchema::Malformed)?
                    .len();
                self.begin(fields, namespace, AvroType::Enum { symbols })
                    .map(|(id, _)| id)
            }
            Some("fixed") => {
                let bytes = part("size")?.as_u64().ok_or(UnusableSchema::Malformed)?;
                let bytes = usize::try_from(bytes).map_err(|_| UnusableSchema::Malformed)?;
                self.begin(fields, namespace, AvroType::Fixed { bytes })
                    .map(|(id, _)| id)
            }
            Some("record" | "error") => {
                let (id, namespace) = self.begin(fields, namespace, AvroType::Begun)?;
                let all = part("fields")?.as_array().ok_or(UnusableSchema::Malformed)?;
                let of_field = |field: &Value| {
                    let written = field.get("type").ok_or(UnusableSchema::Malformed)?;
                    self.of(written, &namespace)
                };
                let all = all.iter().map(of_field).collect::<Result<_, _>>()?;
                self.types[id] = AvroType::Record(all);
                Ok(id)
            }
            // A name, or a type, with notes beside it.
            _ => self.of(kind, namespace),
        }
    }

    /// Adds a type that has a name; with the namespace of what is in it.
    fn begin(
        &mut self,
        fields: &Map<String, Value>,
        around: &str,
        one: AvroType,
    ) -> Result<(TypeId, String), UnusableSchema> {
        let text = |name: &str| fields.get(name).and_then(Value::as_str);
        let name = text("name").ok_or(UnusableSchema::Malformed)?;
        let full = full(name, text("namespace").unwrap_or(around));
        let namespace = full
            .rsplit_once('.')
            .map_or("", |(namespace, _)| namespace)
            .to_owned();
        let id = self.add(one);
        match self.named.insert(full, id) {
            None => Ok((id, namespace)),
            Some(_) => Err(UnusableSchema::Malformed),
        }
    }
}

/// A name with its namespace.
fn full(name: &str, namespace: &str) -> String {
    match name.contains('.') || namespace.is_empty() {
        true => name.to_owned(),
        false => format!("{namespace}.{name}"),
    }
}
