//! Schemas and values that are spoiled in any part: nothing panics, and nothing goes on for ever.

use super::written;
use crate::fuzz::chance::Chance;
use crate::fuzz::mutate::spoil;
use crate::fuzz::runner::run;
use crate::schemas::{FramedPart, Schema};

const JSON_SCHEMAS: [&str; 3] = [
    r##"{"$defs":{"n":{"type":"object","properties":{"v":{"type":["integer","null"],"minimum":0},"l":{"$ref":"#/$defs/n"},"r":{"$ref":"#/$defs/n"}},"additionalProperties":false}},"$ref":"#/$defs/n"}"##,
    r#"{"type":"array","items":{"anyOf":[{"pattern":"^a+$","maxLength":5},{"enum":[1,2.5,{"a":[null]}]},{"multipleOf":0.1}]},"uniqueItems":true,"contains":{"const":1},"maxContains":3}"#,
    r#"{"if":{"required":["a"]},"then":{"propertyNames":{"pattern":"^[a-cx]1?$"}},"else":{"oneOf":[{"minProperties":1},{"not":{"required":["b"]}}]},"patternProperties":{"^x":{"type":"number"}}}"#,
];

const JSON_VALUES: [&str; 3] = [
    r#"{"v":1,"l":{"v":null,"r":{"v":12}},"r":{}}"#,
    r#"["aaa",1,2.5,{"a":[null]},0.30000000000000004,-12e3,"\u00e4"]"#,
    r#"{"a":1,"b":{"c":[true,false]},"x1":7}"#,
];

const AVRO_SCHEMAS: [&str; 2] = [
    r#"{"type":"record","name":"N","namespace":"a.b","fields":[{"name":"v","type":"int"},{"name":"n","type":["null","N"]},{"name":"m","type":{"type":"map","values":{"type":"array","items":"null"}}}]}"#,
    r#"{"type":"array","items":["string","double",{"type":"enum","name":"E","symbols":["A","B"]},{"type":"fixed","name":"F","size":3}]}"#,
];

const AVRO_VALUES: [&[u8]; 2] = [
    b"\x02\x02\x04\0\0\x01\x08\x02a\x04\0\0",
    b"\x08\0\x04ab\x02\0\0\0\0\0\0\xf0\x3f\x04\x02\x06abc\0",
];

/// One of some, whole or spoiled.
fn some<T: AsRef<[u8]>>(all: &[T], chance: &mut Chance) -> Vec<u8> {
    let mut bytes = chance.pick(all).as_ref().to_vec();
    if !chance.one_in(3) {
        spoil(&mut bytes, chance);
    }
    bytes
}

#[test]
fn fuzz_schemas_and_values() {
    run("schemas and values", |chance| {
        let (kind, schema, value) = match chance.one_in(2) {
            true => (
                Some("JSON"),
                some(&JSON_SCHEMAS, chance),
                some(&JSON_VALUES, chance),
            ),
            false => (None, some(&AVRO_SCHEMAS, chance), some(&AVRO_VALUES, chance)),
        };
        let schema = Schema::compile(&written(kind, &String::from_utf8_lossy(&schema)));
        // Whatever it is, it is one or the other.
        let _ = schema.validate(&value);
        let header = chance.one_in(2).then(|| some(&AVRO_VALUES, chance));
        if let Ok(framed) = FramedPart::read(&value, header.as_deref()) {
            assert!(framed.payload.len() <= value.len());
        }
    });
}

/// Whatever is whole is good, so that the test above looks at more than refusals.
#[test]
fn what_is_not_spoiled_is_as_its_schema_says() {
    let of = |kind, schema: &str, value: &[u8]| Schema::compile(&written(kind, schema)).validate(value);
    for (schema, value) in JSON_SCHEMAS.iter().zip(JSON_VALUES) {
        assert_eq!(of(Some("JSON"), schema, value.as_bytes()), Ok(()), "{schema}");
    }
    for (schema, value) in AVRO_SCHEMAS.iter().zip(AVRO_VALUES) {
        assert_eq!(of(None, schema, value), Ok(()), "{schema}");
    }
}
