//! Expressions: what they come to, and what is none.

use std::borrow::Cow;

use proptest::prelude::*;
use serde_json::{Map, Value as Json, json};

use super::*;

/// One variable, as rules over claims have it.
static CLAIMS: Vocabulary = Vocabulary {
    variables: &[("claims", VariableShape::Open)],
    advice: Some("a claim is written claims.name"),
};

struct Claims<'a>(&'a Map<String, Json>);

impl Lookup for Claims<'_> {
    fn value(&self, _: usize) -> Result<Operand<'_>, NoAnswer> {
        Ok(Operand::Map(self.0))
    }
}

#[derive(Debug)]
struct CompiledRule(Condition);

impl CompiledRule {
    fn compile(text: &str) -> Result<Self, ExpressionError> {
        Condition::compile(text, &CLAIMS).map(Self)
    }

    fn holds(&self, claims: &Map<String, Json>) -> Result<bool, NoAnswer> {
        self.0.holds(&Claims(claims))
    }
}

fn claims() -> Map<String, Json> {
    let claims = json!({
        "sub": "alice", "org": "acme", "level": 3, "score": 2.5, "admin": true, "none": null,
        "aud": ["kafka", "other"], "groups": ["ops-eu", "dev"], "realm": {"roles": ["reader"], "https://x/y": "z"},
    });
    match claims {
        Json::Object(claims) => claims,
        _ => unreachable!("it is written as an object"),
    }
}

fn check(text: &str, expected: Result<bool, NoAnswer>) {
    let rule = CompiledRule::compile(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(rule.holds(&claims()), expected, "{text}");
}

#[test]
fn claims_are_compared() {
    for text in [
        "claims.org == 'acme'",
        "claims.org != \"other\" && claims.level >= 3",
        "claims.level == 3.0 && claims.score < 3 && claims.score > 2.25",
        "claims['realm']['https://x/y'] == 'z'",
        "claims.aud[1] == 'other' && size(claims.aud) == 2 && claims.org.size() == 4",
        "'kafka' in claims.aud && !('x' in claims.aud) && 'sub' in claims",
        "claims.org in ['acme', 'umbrella']",
        "claims.admin",
        "claims.admin == true ? claims.level > 1 : false",
        "has(claims.org) && !has(claims.missing) && has(claims.realm.roles)",
        "claims.none == null && claims.org != null",
        "claims.groups.exists(g, g.startsWith('ops-'))",
        "claims.groups.all(g, g.size() > 2) && claims.groups.exists_one(g, g.endsWith('v'))",
        "claims.groups.exists(g, claims.aud.exists(a, a.contains('af') && g == 'dev'))",
        "claims.sub.matches('^[a-z]+$') && matches(claims.org, r'a\\w+')",
        "claims.sub + '@' + claims.org == 'alice@acme'",
        "1 + 2 * 3 - 4 / 2 % 3 == 5 && -claims.level == -3 && 7 - 2 - 1 == 4",
        "claims.aud == ['kafka', 'other'] // and a remark",
        "'a' < 'b' && false || true",
        "'it\\'s' == \"it's\"",
        "claims.org.includes('cm') && claims.org.match('^a.*e$')",
        "claims.org.substring(1) == 'cme' && claims.org.substring(1, 3) == 'cm' && 'äöü'.substring(1, 2) == 'ö'",
        "claims.org.substring(3, 99) == 'e' && claims.org.substring(9) == ''",
        "int('-12') < 3 && int(claims.level) == 3 && int(claims.score) == 2 && int('9223372036854775807') > 0",
        "double('2.5') == claims.score && double(claims.level) / 2.0 == 1.5",
        "has(claims['org']) && !has(claims.aud[7]) && has(claims.realm['https://x/y'])",
    ] {
        check(text, Ok(true));
    }
    for text in [
        "claims.org == 'Acme'",
        "claims.level == '3'",
        "claims.aud == ['kafka']",
        "false && true || false",
    ] {
        check(text, Ok(false));
    }
}

#[test]
fn what_decides_decides_even_beside_what_has_no_value() {
    check("claims.missing == 'x' || claims.admin", Ok(true));
    check("claims.missing == 'x' && false", Ok(false));
    check("claims.missing == 'x' || false", Err(NoAnswer::Missing));
    check("claims.groups.exists(g, g == 'dev' || g.missing)", Ok(true));
    check("claims.groups.all(g, g == 'dev' && g.missing)", Ok(false));
}

#[test]
fn a_rule_without_an_answer_says_why() {
    check("claims.missing", Err(NoAnswer::Missing));
    check("claims.aud[2] == 'x'", Err(NoAnswer::Missing));
    check("claims.aud[-1] == 'x'", Err(NoAnswer::Missing));
    check("claims.org", Err(NoAnswer::Type));
    check("claims.org < 3", Err(NoAnswer::Type));
    check("int(claims.org) < 3", Err(NoAnswer::NotNumber));
    check("int(' 3') == 3", Err(NoAnswer::NotNumber));
    check("int('2.5') == 2", Err(NoAnswer::NotNumber));
    check("double('') == 0.0", Err(NoAnswer::NotNumber));
    check("int(claims.admin) == 1", Err(NoAnswer::Type));
    check("int(1.0e300) > 0", Err(NoAnswer::Arithmetic));
    check("claims.org.field == 3", Err(NoAnswer::Type));
    check("1 / 0 == 1", Err(NoAnswer::Arithmetic));
    check("9223372036854775807 + 1 == 0", Err(NoAnswer::Arithmetic));
    check("claims.org.substring(2, 1) == ''", Err(NoAnswer::Missing));
    check("claims.org.substring(-1) == ''", Err(NoAnswer::Missing));
}

#[test]
fn an_evaluation_is_bounded() {
    let mut claims = claims();
    claims.insert("many".to_owned(), json!(vec![0; 200]));
    let rule =
        CompiledRule::compile("claims.many.all(a, claims.many.all(b, claims.many.all(c, a == b && b == c)))")
            .unwrap();
    assert_eq!(rule.holds(&claims), Err(NoAnswer::TooLong));
    claims.insert("long".to_owned(), json!("x".repeat(60_000)));
    let rule = CompiledRule::compile("claims.many.all(a, claims.long.matches('y$') || true)").unwrap();
    assert_eq!(rule.holds(&claims), Err(NoAnswer::TooLong));
}

#[test]
fn what_is_no_rule_is_refused_with_its_place() {
    let error = |text: &str| CompiledRule::compile(text).unwrap_err();
    let expected = |at, expected| ExpressionError::Expected { at, expected };
    let pattern = |function| ExpressionError::Pattern { at: 9, function };
    let name = |at, name: &str| ExpressionError::Name {
        at,
        name: name.to_owned(),
        advice: "a claim is written claims.name".to_owned(),
    };
    assert_eq!(error(""), expected(0, "a value"));
    assert_eq!(error("claims.org =="), expected(13, "a value"));
    assert_eq!(error("claims.org 'x'"), expected(11, "an operator or the end"));
    assert_eq!(error("(true"), expected(5, ")"));
    assert_eq!(error("claims."), expected(7, "a name"));
    assert_eq!(error("has(claims)"), expected(0, "has(value.name)"));
    assert_eq!(error("org == 'x'"), name(0, "org"));
    assert_eq!(
        name(0, "org").to_string(),
        "at 0: the name \"org\" is not known; a claim is written claims.name"
    );
    assert_eq!(error("claims.groups.all(g, true) && g"), name(30, "g"));
    assert_eq!(
        error("claims.a = 1"),
        ExpressionError::Character {
            at: 9,
            character: '='
        }
    );
    assert_eq!(error("'open"), ExpressionError::Text { at: 0 });
    assert_eq!(
        error("99999999999999999999 == 1"),
        ExpressionError::Number { at: 0 }
    );
    assert_eq!(error("claims.a.matches('(')"), pattern("matches"));
    assert_eq!(error("claims.a.matches(claims.b)"), pattern("matches"));
    assert_eq!(error("claims.a.match(claims.b)"), pattern("match"));
    assert_eq!(
        error("claims.a.substring()"),
        ExpressionError::Function {
            at: 9,
            name: "substring".to_owned(),
            arguments: 0
        }
    );
    let unknown = |name: &str, arguments| ExpressionError::Function {
        at: 0,
        name: name.to_owned(),
        arguments,
    };
    assert_eq!(error("size()"), unknown("size", 0));
    assert_eq!(error("evil(1)"), unknown("evil", 1));
    assert_eq!(error(&"x".repeat(MAX_TEXT_BYTES + 1)), ExpressionError::TooLong);
    for deep in [
        "(".repeat(2000),
        "!".repeat(2000),
        "[".repeat(2000),
        "1+".repeat(2000) + "1",
        "true?1:".repeat(500) + "1",
    ] {
        assert_eq!(error(&deep), ExpressionError::TooDeep);
    }
}

/// Variables as those of a record: some with members, one in JSON.
static RECORD: Vocabulary = Vocabulary {
    variables: &[
        ("context.topic.name", VariableShape::Single),
        ("record.key", VariableShape::Single),
        ("record.value", VariableShape::Single),
        ("record.value.content", VariableShape::Open),
        ("record.headers", VariableShape::Open),
    ],
    advice: None,
};

#[derive(Debug)]
struct Headers;

impl Keyed for Headers {
    fn count(&self) -> usize {
        3
    }

    fn member(&self, name: &str) -> Result<Operand<'_>, NoAnswer> {
        match name {
            "tenant" => Ok(Operand::Text(Cow::Borrowed("acme"))),
            "null" => Ok(Operand::Null),
            "bytes" => Operand::of_bytes(&[0xff]),
            _ => Err(NoAnswer::Missing),
        }
    }

    fn names(&self) -> Vec<&str> {
        vec!["tenant", "null", "bytes"]
    }
}

struct Record<'a> {
    key: Option<&'a [u8]>,
    value: &'a [u8],
}

impl Lookup for Record<'_> {
    fn value(&self, variable: usize) -> Result<Operand<'_>, NoAnswer> {
        match variable {
            0 => Ok(Operand::Text(Cow::Borrowed("orders"))),
            1 => self.key.map_or(Ok(Operand::Null), Operand::of_bytes),
            2 => Operand::of_bytes(self.value),
            3 if JsonText::is_json(self.value) => JsonText::of(self.value).operand(),
            3 => Err(NoAnswer::NotJson),
            4 => Ok(Operand::Keyed(&Headers)),
            _ => Err(NoAnswer::Missing),
        }
    }
}

fn check_record(value: &str, text: &str, expected: Result<bool, NoAnswer>) {
    let condition = Condition::compile(text, &RECORD).unwrap_or_else(|error| panic!("{text}: {error}"));
    let record = Record {
        key: Some(b"k-1"),
        value: value.as_bytes(),
    };
    assert_eq!(condition.holds(&record), expected, "{text} of {value}");
}

#[test]
fn members_that_are_looked_up_one_by_one() {
    for (text, expected) in [
        (
            "record.headers['tenant'] == 'acme' && record.headers.tenant == 'acme'",
            Ok(true),
        ),
        ("record.headers.none == 'acme'", Err(NoAnswer::Missing)),
        ("record.headers.none != 'acme'", Err(NoAnswer::Missing)),
        ("has(record.headers.none) || 'none' in record.headers", Ok(false)),
        (
            "has(record.headers.null) && 'null' in record.headers && record.headers.null == null",
            Ok(true),
        ),
        (
            "'bytes' in record.headers && has(record.headers['bytes'])",
            Ok(true),
        ),
        ("record.headers.bytes == 'x'", Err(NoAnswer::NotText)),
        ("record.headers.exists(name, name.startsWith('ten'))", Ok(true)),
        ("size(record.headers) == 3", Ok(true)),
        ("record.headers == record.headers", Err(NoAnswer::Type)),
        (
            "has(record.key) && record.key.startsWith('k-') && record.value.contains('x')",
            Ok(true),
        ),
        ("context.topic.name in ['a', 'orders']", Ok(true)),
    ] {
        check_record("x", text, expected);
    }
    let keyless = Record {
        key: None,
        value: b"",
    };
    let holds = |text: &str| Condition::compile(text, &RECORD).unwrap().holds(&keyless);
    assert_eq!(holds("record.key == null && !has(record.key)"), Ok(true));
    assert_eq!(holds("record.key == 'k'"), Ok(false));
    assert_eq!(holds("record.key.startsWith('k')"), Err(NoAnswer::Type));
}

#[test]
fn json_is_looked_into_where_it_lies() {
    let value = r#" {"a": {"b" : [1, -2.5, "x", {"c":true}, [], {}, 18446744073709551615]}, "n":null,
        "t": "caf\u00e9 \"q\"", "\u006bey": "k", "brackets": "]}{[\"\\", "dot.ted": 1} "#;
    for text in [
        "record.value.content.a.b[0] == 1 && record.value.content['a'].b[1] == -2.5",
        "record.value.content.a.b[2] == 'x' && record.value.content.a.b[3].c",
        "size(record.value.content.a.b) == 7 && size(record.value.content.a.b[4]) == 0",
        "record.value.content.a.b[6] > 9223372036854775807",
        "record.value.content.n == null && has(record.value.content.n)",
        "record.value.content.t == 'café \"q\"' && record.value.content.key == 'k'",
        "record.value.content.brackets == ']}{[\"\\\\'",
        "'a' in record.value.content && !('z' in record.value.content) && !has(record.value.content.a.z)",
        "'x' in record.value.content.a.b && !('y' in record.value.content.a.b)",
        "record.value.content.exists(name, name == 'key') && record.value.content.a.b.exists(e, e == 'x')",
        "record.value.content['a.b'][0] == 1 && 'a.b' in record.value.content && !('a.z' in record.value.content)",
        "record.value.content['dot.ted'] == 1 && !('n.x' in record.value.content)",
        "record.value.content != 'x'",
    ] {
        check_record(value, text, Ok(true));
    }
    check_record(value, "record.value.content.z == 1", Err(NoAnswer::Missing));
    check_record(value, "record.value.content.a.b[7] == 1", Err(NoAnswer::Missing));
    check_record(value, "record.value.content.a.b[-1] == 1", Err(NoAnswer::Missing));
    check_record(value, "record.value.content.n.x == 1", Err(NoAnswer::Type));
    check_record(
        "[1, [2, 3], \"x\"]",
        "record.value.content == [1, [2, 3], 'x']",
        Ok(true),
    );
    check_record(
        "[1, [2, 4], \"x\"]",
        "record.value.content == [1, [2, 3], 'x']",
        Ok(false),
    );
    check_record(
        "[1]",
        "record.value.content == record.value.content",
        Err(NoAnswer::Type),
    );
    check_record("3", "record.value.content == 3", Ok(true));
    check_record("1e999", "record.value.content > 3", Err(NoAnswer::Arithmetic));
}

#[test]
fn json_that_readers_take_differently_gives_no_answer() {
    let content = |value: &str, expected| check_record(value, "record.value.content.a == 1", expected);
    content(r#"{"a":1}"#, Ok(true));
    content(r#"{"a":1,"a":2}"#, Err(NoAnswer::Twice));
    content(r#"{"a":1,"\u0061":2}"#, Err(NoAnswer::Twice));
    for text in [
        "",
        "{",
        r#"{"a":1"#,
        r#"{"a":1}}"#,
        "{'a':1}",
        r#"{"a":1,}"#,
        r#"{"a":01}"#,
        "a=1",
    ] {
        content(text, Err(NoAnswer::NotJson));
        check_record(text, "has(record.value.content)", Err(NoAnswer::NotJson));
        check_record(text, "!has(record.value.content.a)", Err(NoAnswer::NotJson));
    }
    check_record(
        r#"{"a.b":1,"a":{"b":1}}"#,
        "record.value.content['a.b'] == 1",
        Err(NoAnswer::Twice),
    );
    check_record(
        r#"{"a":"\ud800"}"#,
        "record.value.content.a == 'x'",
        Err(NoAnswer::NotText),
    );
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    check_record(&deep, "size(record.value.content) == 1", Err(NoAnswer::NotJson));
    let long = format!("{{\"x\":\"{}\",\"a\":1}}", "x".repeat(64 * MAX_STEPS as usize));
    content(&long, Err(NoAnswer::TooLong));
    check_record(&long, "record.value == 'x'", Err(NoAnswer::TooLong));
    let path = format!("record.value.content['{}'] == 1", "a.".repeat(1000));
    check_record(
        &format!("{{\"x\":\"{}\"}}", "x".repeat(2000)),
        &path,
        Err(NoAnswer::TooLong),
    );
}

#[test]
fn a_name_that_is_not_known_is_told_with_those_that_are() {
    let told = |text: &str| Condition::compile(text, &RECORD).unwrap_err().to_string();
    assert_eq!(
        told("true && record.keyy == 'x'"),
        "at 8: the name \"record.keyy\" is not known; there are record.key, record.value, \
         record.value.content, record.headers"
    );
    assert_eq!(
        told("topic == 'x'"),
        "at 0: the name \"topic\" is not known; there are context.topic.name, record.key, record.value, \
         record.value.content, record.headers"
    );
    assert_eq!(
        told("context.topic == 'x'"),
        "at 0: the name \"context.topic\" is not known; there are context.topic.name"
    );
    assert_eq!(
        told("record.value.foo == 'x'"),
        "at 0: the name \"record.value.foo\" is not known; there are record.value, record.value.content"
    );
    assert!(told("record.key.length > 2").contains("record.key.length"));
    assert!(told("claims.sub == 'x'").contains("\"claims\""));
}

/// Nothing of a record is known.
struct Before;

impl Lookup for Before {
    fn value(&self, variable: usize) -> Result<Operand<'_>, NoAnswer> {
        match variable {
            0 => Ok(Operand::Text(Cow::Borrowed("orders"))),
            1 => Err(NoAnswer::Missing),
            _ => Err(NoAnswer::NotYet),
        }
    }
}

#[test]
fn what_is_known_already_decides_or_waits() {
    for (text, expected) in [
        ("context.topic.name == 'orders'", Ok(true)),
        ("context.topic.name == 'x' && record.value == 'y'", Ok(false)),
        ("record.value == 'y' && context.topic.name == 'x'", Ok(false)),
        ("context.topic.name == 'orders' || record.value == 'y'", Ok(true)),
        (
            "context.topic.name == 'orders' && record.value == 'y'",
            Err(NoAnswer::NotYet),
        ),
        ("record.key == 'y' || record.value == 'y'", Err(NoAnswer::NotYet)),
        ("record.value == 'y' || record.key == 'y'", Err(NoAnswer::NotYet)),
        (
            "record.key == 'y' && context.topic.name == 'orders'",
            Err(NoAnswer::Missing),
        ),
        (
            "['a', 'b'].exists(x, x == 'a' ? record.value == 'a' : record.key == 'a')",
            Err(NoAnswer::NotYet),
        ),
        (
            "['a', 'b'].exists(x, x == 'b' ? record.value == 'a' : record.key == 'a')",
            Err(NoAnswer::NotYet),
        ),
        (
            "has(record.value) || !has(record.headers.x)",
            Err(NoAnswer::NotYet),
        ),
    ] {
        let condition = Condition::compile(text, &RECORD).unwrap();
        assert_eq!(condition.holds(&Before), expected, "{text}");
    }
}

#[test]
fn a_template_is_a_text_with_values() {
    let record = Record {
        key: Some(b"k-1"),
        value: br#"{"n":[1,2.5,true,null,"x"]}"#,
    };
    let write = |text: &str| {
        let mut out = String::new();
        let template = Template::compile(text, &RECORD).unwrap_or_else(|error| panic!("{text}: {error}"));
        template.write(&record, &mut out).map(|()| out)
    };
    let same = |text: &str, expected: &str| assert_eq!(write(text).as_deref(), Ok(expected), "{text}");
    same("", "");
    same("plain $ { } $$ {{x}}", "plain $ { } $$ {{x}}");
    same("${context.topic.name}", "orders");
    same("<${record.key}|${ 1 + 2 }|${'}'}>$", "<k-1|3|}>$");
    same(
        "$${record.key} costs $$${record.key}",
        "${record.key} costs $${record.key}",
    );
    same(
        "${record.value.content.n[0]}${record.value.content.n[1]}${record.value.content.n[2]}",
        "12.5true",
    );
    assert_eq!(write("${record.value.content.n[3]}"), Err(NoAnswer::Type));
    assert_eq!(write("x${record.headers.none}"), Err(NoAnswer::Missing));
    let told = |text: &str| Template::compile(text, &RECORD).unwrap_err().to_string();
    assert_eq!(told("topic ${record.key"), "at 18: an operator or } is expected");
    assert_eq!(told("topic ${}"), "at 8: a value is expected");
    assert!(told("topic ${topic}").starts_with("at 8: the name \"topic\""));
    assert!(told(&"x".repeat(MAX_TEXT_BYTES + 1)).contains("longer"));
    let many = "${record.key}".repeat(300);
    let long = "k".repeat(16 * 100);
    let record = Record {
        key: Some(long.as_bytes()),
        value: b"",
    };
    let template = Template::compile(&many, &RECORD).unwrap();
    assert_eq!(
        template.write(&record, &mut String::new()),
        Err(NoAnswer::TooLong)
    );
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(
        text in "([a-z]{1,3}|claims|record|\\.key|\\.value|\\.content|\\.headers|has\\(|[\\[\\](){}.,?:!<>=&|+*/%'\"\\\\ $-]|[0-9]{1,3}){0,60}",
        value in "[\\[\\]{}:,\"\\\\a-c0-9. -]{0,40}",
    ) {
        if let Ok(rule) = CompiledRule::compile(&text) {
            let _ = rule.holds(&claims());
        }
        let record = Record { key: Some(value.as_bytes()), value: value.as_bytes() };
        if let Ok(condition) = Condition::compile(&text, &RECORD) {
            let _ = condition.holds(&record);
            let _ = condition.holds(&Before);
        }
        if let Ok(template) = Template::compile(&text, &RECORD) {
            let _ = template.write(&record, &mut String::new());
        }
    }

    #[test]
    fn the_syntax_is_what_a_reader_takes(text in "([\\[\\]{}:,\"\\\\ \t.eEu+a-]|true|null|false|\"a\":|-?[0-9]{1,2}|\\\\u00[0-9a-f]{2}|\u{1}|ü){0,12}") {
        let is_read = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
        prop_assert_eq!(JsonText::is_json(text.as_bytes()), is_read, "{:?}", text);
    }

    #[test]
    fn the_syntax_of_what_is_written_and_spoilt(depth in 0_usize..6, seed in any::<u64>(), at in any::<proptest::sample::Index>(), byte in any::<u8>()) {
        let text = serde_json::to_string(&made_up(depth, &mut seed.clone())).unwrap();
        let mut bytes = text.into_bytes();
        let is_read = |bytes: &[u8]| serde_json::from_slice::<Json>(bytes).is_ok() && std::str::from_utf8(bytes).is_ok();
        prop_assert!(JsonText::is_json(&bytes));
        let place = at.index(bytes.len());
        bytes[place] = byte % 128;
        // A reader of values refuses numbers and halves of characters that the syntax allows.
        prop_assert!(JsonText::is_json(&bytes) || !is_read(&bytes), "{:?}", String::from_utf8_lossy(&bytes));
        bytes.truncate(place);
        prop_assert_eq!(JsonText::is_json(&bytes), is_read(&bytes), "{:?}", String::from_utf8_lossy(&bytes));
    }

    /// Nothing panics, even if what is looked into is not JSON.
    #[test]
    fn no_bytes_make_a_look_panic(value in "[\\[\\]{}:,\"\\\\a-c0-9. -]{0,40}", index in 0_i64..4) {
        let json = JsonText::of(value.as_bytes());
        let _ = (json.operand(), json.element(index), json.member("a"), json.parts().count());
    }

    #[test]
    fn a_look_finds_what_a_reader_reads(depth in 0_usize..6, seed in any::<u64>()) {
        let json = made_up(depth, &mut seed.clone());
        let text = serde_json::to_string_pretty(&json).unwrap();
        prop_assert!(JsonText::is_json(text.as_bytes()));
        same_as(JsonText::of(text.as_bytes()), &json);
    }
}

#[test]
fn json_nests_so_deep_and_no_deeper() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let nested = |depth: usize| open.repeat(depth) + "1" + &close.repeat(depth);
        assert!(JsonText::is_json(nested(128).as_bytes()));
        assert!(!JsonText::is_json(nested(129).as_bytes()));
    }
    let mixed = "[{\"a\":".repeat(64) + "[]" + &"}]".repeat(64);
    assert!(!JsonText::is_json(mixed.as_bytes()));
    assert!(JsonText::is_json(
        ("[{\"a\":".repeat(63) + "[]" + &"}]".repeat(63)).as_bytes()
    ));
    assert!(!JsonText::is_json(
        ("[{\"a\":".repeat(63) + "[]" + &"]}".repeat(63)).as_bytes()
    ));
    assert!(!JsonText::is_json(b"[}") && !JsonText::is_json(b"{]") && !JsonText::is_json(b"[1}"));
}

fn chance(seed: &mut u64) -> u64 {
    *seed = seed
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    *seed >> 40
}

fn made_up(depth: usize, seed: &mut u64) -> Json {
    match chance(seed) % if depth == 0 { 5 } else { 8 } {
        0 => Json::Null,
        1 => json!(chance(seed).is_multiple_of(2)),
        2 => json!(chance(seed) as i64 - (1 << 20)),
        3 => json!(chance(seed) as f64 / 16.0),
        4 => json!(format!("\"{}\\ü\u{1}]", chance(seed))),
        5 | 6 => (0..chance(seed) % 4).map(|_| made_up(depth - 1, seed)).collect(),
        _ => {
            let names = 0..chance(seed) % 4;
            Json::Object(
                names
                    .map(|n| (format!("n\"{n}"), made_up(depth - 1, seed)))
                    .collect(),
            )
        }
    }
}

fn same_as(text: JsonText<'_>, json: &Json) {
    match json {
        Json::Array(list) => {
            assert_eq!(text.parts().count(), list.len());
            for (index, element) in list.iter().enumerate() {
                same_as(text.element(index as i64).unwrap(), element);
            }
        }
        Json::Object(map) => {
            assert_eq!(text.parts().count(), map.len());
            for (name, member) in map {
                same_as(text.member(name).unwrap(), member);
            }
        }
        scalar => {
            let (read, expected) = (text.operand().unwrap(), Operand::of(scalar));
            assert_eq!(format!("{read:?}"), format!("{expected:?}"));
        }
    }
}
