//! Records that are as their schemas say, and that are not; and schemas and values that are made to do harm.

mod avro;
mod hostile;
mod json_schema;

use super::*;

fn written(kind: Option<&str>, text: &str) -> WrittenSchema {
    WrittenSchema {
        kind: kind.map(str::to_owned),
        text: text.to_owned(),
        has_references: false,
    }
}

#[test]
fn a_part_names_its_schema_by_its_first_bytes_or_by_a_header() {
    let read = |part, header| FramedPart::read(part, header);
    let numbered = FramedPart {
        schema: SchemaRef::Number(258),
        payload: b"rest",
    };
    assert_eq!(read(b"\0\0\0\x01\x02rest", None), Ok(numbered));
    let unique = [&[1][..], &[7; 16], b"\x02\x00"].concat();
    let by_header = FramedPart {
        schema: SchemaRef::Unique([7; 16]),
        payload: b"\0\0\0\0\x01x",
    };
    assert_eq!(read(b"\0\0\0\0\x01x", Some(&unique)), Ok(by_header));
    let number = [0, 0, 0, 0, 9];
    assert_eq!(read(b"", Some(&number)).unwrap().schema, SchemaRef::Number(9));
    for part in [&b""[..], b"\0", b"\0\0\0\0", b"{}", b"\x01\0\0\0\x01"] {
        assert_eq!(read(part, None), Err(UnframedPart::Nothing), "{part:?}");
    }
    for header in [&b""[..], b"\0\0\0\0", b"\x01123", b"42"] {
        assert_eq!(
            read(b"\0\0\0\0\x01", Some(header)),
            Err(UnframedPart::Header),
            "{header:?}"
        );
    }
    for part in [b"\0\0\0\0\0", b"\0\xff\xff\xff\xff"] {
        assert_eq!(read(part, None), Err(UnframedPart::Number));
    }
    assert_eq!(
        SchemaRef::Unique([0x11; 16]).to_string(),
        "11111111-1111-1111-1111-111111111111"
    );
}

#[test]
fn what_cannot_be_looked_into_is_no_reason_to_let_things_through() {
    let refused = |schema: &Schema| match schema.validate(b"{}") {
        Err(SchemaMismatch::Schema(why)) => why,
        other => panic!("{other:?}"),
    };
    let of = |written: &WrittenSchema| refused(&Schema::compile(written));
    assert_eq!(
        of(&written(Some("PROTOBUF"), "syntax = \"proto3\";")),
        UnusableSchema::Format
    );
    assert_eq!(of(&written(Some("XML"), "<a/>")), UnusableSchema::Format);
    assert_eq!(of(&written(Some("JSON"), "{")), UnusableSchema::Malformed);
    assert_eq!(of(&written(None, "{}")), UnusableSchema::Malformed);
    let with_references = WrittenSchema {
        has_references: true,
        ..written(Some("JSON"), "{}")
    };
    assert_eq!(of(&with_references), UnusableSchema::References);
    let long = format!("{}{{}}", " ".repeat(300 << 10));
    assert_eq!(of(&written(Some("JSON"), &long)), UnusableSchema::TooLarge);
    assert_eq!(refused(&Schema::too_large()), UnusableSchema::TooLarge);
}
