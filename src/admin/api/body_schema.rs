//! The schemas of bodies: they are those of types, so that what is published is what is read and written.

use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

/// The schema of a body.
#[derive(Debug, Clone, Copy)]
pub(in crate::admin) enum BodySchema {
    /// Of a type that is read, and perhaps shown, too.
    Read(fn(&mut SchemaGenerator) -> Schema),
    /// Of a type that is only shown.
    Shown(fn(&mut SchemaGenerator) -> Schema),
    /// Of this name, and written by hand.
    Written(&'static str),
}

impl BodySchema {
    pub(in crate::admin) const fn read<T: JsonSchema>() -> Self {
        Self::Read(SchemaGenerator::subschema_for::<T>)
    }

    pub(in crate::admin) const fn shown<T: JsonSchema>() -> Self {
        Self::Shown(SchemaGenerator::subschema_for::<T>)
    }
}

/// The schemas of all bodies that were asked for.
pub(in crate::admin) struct BodySchemas {
    read: SchemaGenerator,
    shown: SchemaGenerator,
}

impl BodySchemas {
    pub(in crate::admin) fn new() -> Self {
        let settings =
            || SchemaSettings::openapi3().with_transform(RecursiveTransform(plain as fn(&mut Schema)));
        Self {
            read: settings().for_deserialize().into_generator(),
            shown: settings().for_serialize().into_generator(),
        }
    }

    /// A schema in place: mostly a reference to the one that is collected.
    pub(in crate::admin) fn of(&mut self, body: BodySchema) -> Value {
        let (generator, schema) = match body {
            BodySchema::Written(name) => return json!({ "$ref": format!("#/components/schemas/{name}") }),
            BodySchema::Read(schema) => (&mut self.read, schema),
            BodySchema::Shown(schema) => (&mut self.shown, schema),
        };
        let mut schema = schema(generator);
        for transform in generator.transforms_mut() {
            transform.transform(&mut schema);
        }
        schema.to_value()
    }

    /// All that are referred to, by name.
    pub(in crate::admin) fn collected(mut self) -> Map<String, Value> {
        let mut all = self.shown.take_definitions(true);
        all.extend(self.read.take_definitions(true));
        all
    }
}

/// Says in the words of older readers what newer ones may say shorter: a set of values is one list, and null is no
/// default.
fn plain(schema: &mut Schema) {
    let Some(object) = schema.as_object_mut() else {
        return;
    };
    if object.get("default").is_some_and(Value::is_null) {
        object.remove("default");
    }
    let one_word = |one: &Value| match one.get("enum")?.as_array()?.as_slice() {
        [word @ Value::String(_)] => Some(word.clone()),
        _ => None,
    };
    let choices = object.get("oneOf").and_then(Value::as_array);
    let words = choices.and_then(|choices| choices.iter().map(one_word).collect::<Option<Vec<_>>>());
    if let Some(words) = words {
        object.remove("oneOf");
        object.insert("type".to_owned(), json!("string"));
        object.insert("enum".to_owned(), Value::Array(words));
    }
}
