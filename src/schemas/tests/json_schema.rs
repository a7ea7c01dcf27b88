//! JSON Schema.

use serde_json::{Value, json};

use super::written;
use crate::schemas::{Schema, SchemaMismatch, UnusableSchema};

fn compiled(schema: &Value) -> Schema {
    Schema::compile(&written(Some("JSON"), &schema.to_string()))
}

/// Of these values, the first are as the schema says, and the others are not.
fn check(schema: &Value, good: &[Value], bad: &[Value]) {
    let compiled = compiled(schema);
    for value in good {
        let found = compiled.validate(value.to_string().as_bytes());
        assert_eq!(found, Ok(()), "{schema}: {value}");
    }
    for value in bad {
        let found = compiled.validate(value.to_string().as_bytes());
        assert!(
            matches!(found, Err(SchemaMismatch::Keyword(_))),
            "{schema}: {value}: {found:?}"
        );
    }
}

#[test]
fn types_choices_and_numbers() {
    check(&json!({}), &[json!(null), json!(1), json!({ "a": [] })], &[]);
    check(&json!(false), &[], &[json!(null)]);
    check(
        &json!({ "type": ["integer", "null"] }),
        &[json!(1), json!(-3), json!(2.0), json!(null)],
        &[json!(1.5), json!("1"), json!([]), json!({}), json!(true)],
    );
    check(
        &json!({ "type": "number" }),
        &[json!(1), json!(1.5)],
        &[json!("1")],
    );
    check(
        &json!({ "enum": [1, "a", [1, { "b": null }], { "x": 1, "y": 2 }] }),
        &[
            json!(1),
            json!(1.0),
            json!("a"),
            json!([1, { "b": null }]),
            json!({ "y": 2, "x": 1 }),
        ],
        &[
            json!(2),
            json!("b"),
            json!([1]),
            json!({ "x": 1 }),
            json!({ "x": 1, "y": 2, "z": 3 }),
        ],
    );
    check(&json!({ "const": "ä" }), &[json!("ä")], &[json!("a")]);
    check(
        &json!({ "minimum": 1, "exclusiveMaximum": 3, "multipleOf": 0.5 }),
        &[json!(1), json!(2.5), json!("no number")],
        &[json!(0.5), json!(3), json!(1.2)],
    );
    check(
        &json!({ "minimum": 1, "exclusiveMinimum": true, "maximum": 9_007_199_254_740_993_i64 }),
        &[json!(2), json!(9_007_199_254_740_993_i64)],
        &[json!(1), json!(9_007_199_254_740_994_i64)],
    );
}

#[test]
fn texts_arrays_and_objects() {
    check(
        &json!({ "minLength": 2, "maxLength": 3, "pattern": "^[a-zä]+$" }),
        &[json!("ab"), json!("äää"), json!(1)],
        &[json!("a"), json!("abcd"), json!("AB")],
    );
    check(
        &json!({ "prefixItems": [{ "type": "integer" }], "items": { "type": "string" }, "minItems": 1, "maxItems": 3 }),
        &[json!([1]), json!([1, "a", "b"]), json!({})],
        &[json!([]), json!(["a"]), json!([1, 2]), json!([1, "a", "b", "c"])],
    );
    check(
        &json!({ "items": [{ "type": "integer" }], "additionalItems": false }),
        &[json!([]), json!([1])],
        &[json!([1, 2]), json!(["a"])],
    );
    check(
        &json!({ "uniqueItems": true, "contains": { "const": 1 }, "maxContains": 1 }),
        &[json!([1, 2, "1"]), json!([{ "a": 1 }, 1])],
        &[
            json!([]),
            json!([2]),
            json!([1, 1.0]),
            json!([1, { "a": 1, "b": 2 }, { "b": 2, "a": 1 }]),
        ],
    );
    check(
        &json!({
            "type": "object", "required": ["id"], "additionalProperties": false, "maxProperties": 3,
            "properties": { "id": { "type": "integer" }, "name": { "type": "string" } },
            "patternProperties": { "^x-": { "type": "boolean" } },
        }),
        &[json!({ "id": 1 }), json!({ "id": 1, "name": "a", "x-y": true })],
        &[
            json!({}),
            json!({ "id": "1" }),
            json!({ "id": 1, "other": 1 }),
            json!({ "id": 1, "x-y": 1 }),
            json!({ "id": 1, "name": "a", "x-y": true, "x-z": true }),
            json!([]),
        ],
    );
    check(
        &json!({ "propertyNames": { "maxLength": 2 }, "minProperties": 1, "dependentSchemas": { "a": { "required": ["b"] } } }),
        &[json!({ "b": 1 }), json!({ "a": 1, "b": 1 })],
        &[json!({}), json!({ "abc": 1 }), json!({ "a": 1 })],
    );
}

#[test]
fn schemas_that_are_made_of_others() {
    check(
        &json!({ "allOf": [{ "type": "integer" }, { "minimum": 2 }], "not": { "const": 5 } }),
        &[json!(2)],
        &[json!(1), json!(5), json!("a")],
    );
    check(
        &json!({ "anyOf": [{ "type": "string" }, { "minimum": 2, "type": "integer" }] }),
        &[json!("a"), json!(2)],
        &[json!(1), json!(null)],
    );
    check(
        &json!({ "oneOf": [{ "multipleOf": 2 }, { "multipleOf": 3 }] }),
        &[json!(2), json!(3)],
        &[json!(6), json!(1)],
    );
    check(
        &json!({ "if": { "required": ["a"] }, "then": { "required": ["b"] }, "else": { "required": ["c"] } }),
        &[json!({ "a": 1, "b": 1 }), json!({ "c": 1 })],
        &[json!({ "a": 1 }), json!({ "b": 1 })],
    );
    let tree = json!({
        "$schema": "http://json-schema.org/draft-07/schema#", "$id": "https://example.com/tree",
        "type": "object", "properties": {
            "value": { "$ref": "#/definitions/small" },
            "left": { "$ref": "#" }, "right": { "$ref": "https://example.com/tree#" },
            "other": { "$ref": "#named" },
        },
        "definitions": { "small": { "maximum": 9 }, "named one": { "$id": "#named", "type": "boolean" } },
    });
    check(
        &tree,
        &[json!({ "value": 1, "left": { "right": { "value": 9 } }, "other": true })],
        &[
            json!({ "left": { "right": { "value": 10 } } }),
            json!({ "right": 1 }),
            json!({ "other": 1 }),
        ],
    );
    // In older drafts, what stands beside a reference does not count.
    let beside =
        |draft: &str| json!({ "$schema": draft, "$ref": "#/$defs/a", "maximum": 1, "$defs": { "a": {} } });
    check(
        &beside("http://json-schema.org/draft-07/schema#"),
        &[json!(2)],
        &[],
    );
    check(
        &beside("https://json-schema.org/draft/2020-12/schema"),
        &[json!(1)],
        &[json!(2)],
    );
}

#[test]
fn members_that_come_twice_must_both_be_good() {
    let schema = compiled(&json!({ "properties": { "a": { "type": "integer" } }, "required": ["a", "b"] }));
    assert_eq!(schema.validate(br#"{"a":1,"b":1,"a":2}"#), Ok(()));
    for bad in [
        &br#"{"a":1,"b":1,"\u0061":"x"}"#[..],
        br#"{"a":"x","b":1,"a":1}"#,
        br#"{"a":1,"a":1}"#,
    ] {
        assert!(schema.validate(bad).is_err());
    }
    assert_eq!(schema.validate(b"{\"a\":1"), Err(SchemaMismatch::NotJson));
}

#[test]
fn what_is_not_looked_at_is_refused() {
    for (schema, why) in [
        (
            json!({ "$ref": "https://example.com/other" }),
            UnusableSchema::References,
        ),
        (json!({ "$ref": "#/nowhere" }), UnusableSchema::References),
        (
            json!({ "properties": { "a": { "$id": "https://b", "type": "null" } } }),
            UnusableSchema::References,
        ),
        (json!({ "unevaluatedProperties": false }), UnusableSchema::Keyword),
        (json!({ "$dynamicRef": "#a" }), UnusableSchema::Keyword),
        (json!({ "dependencies": { "a": ["b"] } }), UnusableSchema::Keyword),
        (json!({ "pattern": "(?=a)" }), UnusableSchema::Pattern),
        (
            json!({ "pattern": "((a{999}){999}){999}" }),
            UnusableSchema::Pattern,
        ),
        (json!({ "type": "text" }), UnusableSchema::Malformed),
        (json!({ "minLength": -1 }), UnusableSchema::Malformed),
        (json!({ "properties": { "a": 1 } }), UnusableSchema::Malformed),
        (json!(1), UnusableSchema::Malformed),
    ] {
        let found = compiled(&schema).validate(b"{}");
        assert_eq!(found, Err(SchemaMismatch::Schema(why)), "{schema}");
    }
}

/// Schemas that would never end, would double their work with each level, or would need a deep stack.
#[test]
fn schemas_that_are_made_to_do_harm_are_not_followed() {
    let loops = json!({ "allOf": [{ "$ref": "#" }] });
    assert_eq!(compiled(&loops).validate(b"1"), Err(SchemaMismatch::TooMuchWork));
    let to_itself = json!({ "$defs": { "a": { "$ref": "#/$defs/b" }, "b": { "$ref": "#/$defs/a" } }, "$ref": "#/$defs/a" });
    assert_eq!(
        compiled(&to_itself).validate(b"1"),
        Err(SchemaMismatch::TooMuchWork)
    );
    let both = json!({ "$defs": { "x": { "anyOf": [
        { "properties": { "a": { "$ref": "#/$defs/x" } }, "required": ["b"] },
        { "properties": { "a": { "$ref": "#/$defs/x" } }, "required": ["c"] },
    ] } }, "$ref": "#/$defs/x" });
    let deep = format!("{}1{}", "{\"a\":".repeat(40), "}".repeat(40));
    assert_eq!(
        compiled(&both).validate(deep.as_bytes()),
        Err(SchemaMismatch::TooMuchWork)
    );
    let mut chain = serde_json::Map::new();
    for number in 0..5000 {
        chain.insert(
            format!("d{number}"),
            json!({ "$ref": format!("#/$defs/d{}", number + 1) }),
        );
    }
    chain.insert("d5000".to_owned(), json!(true));
    let chain = json!({ "$defs": chain, "$ref": "#/$defs/d0" });
    assert_eq!(compiled(&chain).validate(b"1"), Err(SchemaMismatch::TooMuchWork));
    // What is honest goes through.
    let items: Vec<Value> = (0..5000)
        .map(|number| json!({ "id": number, "name": "n" }))
        .collect();
    let list = json!({ "uniqueItems": true, "items": { "required": ["id"], "properties": { "id": { "minimum": 0 } } } });
    check(&list, &[json!(items)], &[]);
}
