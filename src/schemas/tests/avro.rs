//! Avro.

use serde_json::{Value, json};

use super::written;
use crate::schemas::{Schema, SchemaMismatch, UnusableSchema};

fn compiled(schema: &Value) -> Schema {
    Schema::compile(&written(None, &schema.to_string()))
}

fn check(schema: &Value, good: &[&[u8]], bad: &[(&[u8], SchemaMismatch)]) {
    let compiled = compiled(schema);
    for bytes in good {
        assert_eq!(compiled.validate(bytes), Ok(()), "{schema}: {bytes:?}");
    }
    for (bytes, why) in bad {
        assert_eq!(compiled.validate(bytes), Err(*why), "{schema}: {bytes:?}");
    }
}

#[test]
fn simple_types() {
    check(&json!("null"), &[b""], &[(b"\0", SchemaMismatch::Longer)]);
    check(
        &json!("boolean"),
        &[b"\0", b"\x01"],
        &[
            (b"\x02", SchemaMismatch::Avro("boolean")),
            (b"", SchemaMismatch::Shorter),
        ],
    );
    let most = [0xfe, 0xff, 0xff, 0xff, 0x0f];
    let more = [0x80, 0x80, 0x80, 0x80, 0x10];
    check(
        &json!("int"),
        &[b"\0", b"\x01", &most],
        &[
            (&more, SchemaMismatch::Avro("int")),
            (b"\x80", SchemaMismatch::Shorter),
        ],
    );
    let least = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    let endless = [0x80; 11];
    let beyond = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02];
    check(
        &json!({ "type": "long", "logicalType": "timestamp-millis" }),
        &[b"\0", &least],
        &[
            (&endless, SchemaMismatch::Avro("number")),
            (&beyond, SchemaMismatch::Avro("number")),
        ],
    );
    check(&json!("float"), &[&[1; 4]], &[(&[1; 3], SchemaMismatch::Shorter)]);
    check(&json!("double"), &[&[1; 8]], &[(&[1; 9], SchemaMismatch::Longer)]);
    check(
        &json!("bytes"),
        &[b"\0", b"\x02\xff"],
        &[
            (b"\x01", SchemaMismatch::Avro("bytes")),
            (b"\x04a", SchemaMismatch::Shorter),
        ],
    );
    check(
        &json!("string"),
        &[b"\x02a", b"\x04\xc3\xa4"],
        &[(b"\x02\xff", SchemaMismatch::Avro("string"))],
    );
}

#[test]
fn types_that_are_made_of_others() {
    let record = json!({ "type": "record", "name": "Order", "namespace": "shop", "fields": [
        { "name": "id", "type": "int" },
        { "name": "state", "type": { "type": "enum", "name": "State", "symbols": ["NEW", "PAID"] } },
        { "name": "note", "type": ["null", "string"], "default": null },
        { "name": "before", "type": ["null", "Order"] },
        { "name": "sum", "type": { "type": "fixed", "name": "Sum", "size": 2 } },
        { "name": "states", "type": { "type": "array", "items": "shop.State" } },
        { "name": "tags", "type": { "type": "map", "values": "long" } },
    ] });
    let good = b"\x02\x02\x02\x02a\0\x01\x02\x04\0\x02\0\x01\x06\x02x\x06\0";
    let in_itself = b"\x02\0\0\x02\x02\0\0\0ab\0\0cd\0\0";
    check(
        &record,
        &[good, in_itself, b"\x02\0\0\0\x01\x02\0\0"],
        &[
            (b"\x02\x04", SchemaMismatch::Avro("enum")),
            (b"\x02\0\x04", SchemaMismatch::Avro("union")),
            (b"\x02\0\x01", SchemaMismatch::Avro("union")),
            (b"\x02\0\0\0\x01", SchemaMismatch::Shorter),
            // The block is said to be longer than it is, and than there is.
            (b"\x02\0\0\0\x01\x02\x01\x04\0\0\0", SchemaMismatch::Avro("block")),
            (b"\x02\0\0\0\x01\x02\x01\x7e\0\0\0", SchemaMismatch::Avro("block")),
        ],
    );
}

#[test]
fn schemas_that_say_nothing_good_are_not_used() {
    for (schema, why) in [
        (json!("Order"), UnusableSchema::References),
        (json!({ "type": "array" }), UnusableSchema::Malformed),
        (
            json!({ "type": "fixed", "name": "F", "size": -1 }),
            UnusableSchema::Malformed,
        ),
        (
            json!({ "type": "record", "fields": [] }),
            UnusableSchema::Malformed,
        ),
        (json!(3), UnusableSchema::Malformed),
    ] {
        let found = compiled(&schema).validate(b"");
        assert_eq!(found, Err(SchemaMismatch::Schema(why)), "{schema}");
    }
}

#[test]
fn values_that_are_made_to_do_harm_are_not_followed() {
    // So many nulls take no bytes.
    let nulls = json!({ "type": "array", "items": "null" });
    let many = [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0];
    let most_negative = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0, 0];
    check(
        &nulls,
        &[b"\0", b"\x08\0"],
        &[
            (&many, SchemaMismatch::TooMuchWork),
            (&most_negative, SchemaMismatch::TooMuchWork),
        ],
    );
    let list =
        json!({ "type": "record", "name": "L", "fields": [{ "name": "next", "type": ["null", "L"] }] });
    let deep = [&[2; 10_000][..], &[0]].concat();
    check(&list, &[b"\x02\x02\0"], &[(&deep, SchemaMismatch::TooMuchWork)]);
    let endless = json!({ "type": "record", "name": "E", "fields": [{ "name": "e", "type": "E" }] });
    check(&endless, &[], &[(b"", SchemaMismatch::TooMuchWork)]);
    let wide: Vec<Value> = (0..200)
        .map(|number| json!({ "name": format!("f{number}"), "type": "N" }))
        .collect();
    let inner = json!({ "type": "record", "name": "N", "fields": [] });
    let mut nested = json!({ "type": "record", "name": "W", "fields": [{ "name": "n", "type": inner }] });
    nested["fields"].as_array_mut().unwrap().extend(wide);
    check(&nested, &[b""], &[]);
}
