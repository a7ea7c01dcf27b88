//! Rules over claims: what they come to, and what is no rule.

use proptest::prelude::*;
use serde_json::json;

use super::*;

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
    check("claims.org.field == 3", Err(NoAnswer::Type));
    check("1 / 0 == 1", Err(NoAnswer::Arithmetic));
    check("9223372036854775807 + 1 == 0", Err(NoAnswer::Arithmetic));
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
    let expected = |at, expected| RuleError::Expected { at, expected };
    assert_eq!(error(""), expected(0, "a value"));
    assert_eq!(error("claims.org =="), expected(13, "a value"));
    assert_eq!(error("claims.org 'x'"), expected(11, "an operator or the end"));
    assert_eq!(error("(true"), expected(5, ")"));
    assert_eq!(error("claims."), expected(7, "a name"));
    assert_eq!(error("has(claims)"), expected(0, "has(value.name)"));
    assert_eq!(
        error("org == 'x'"),
        RuleError::Name {
            at: 0,
            name: "org".to_owned()
        }
    );
    assert_eq!(
        error("claims.groups.all(g, true) && g"),
        RuleError::Name {
            at: 30,
            name: "g".to_owned()
        }
    );
    assert_eq!(
        error("claims.a = 1"),
        RuleError::Character {
            at: 9,
            character: '='
        }
    );
    assert_eq!(error("'open"), RuleError::Text { at: 0 });
    assert_eq!(error("99999999999999999999 == 1"), RuleError::Number { at: 0 });
    assert_eq!(error("claims.a.matches('(')"), RuleError::Pattern { at: 9 });
    assert_eq!(error("claims.a.matches(claims.b)"), RuleError::Pattern { at: 9 });
    let unknown = |name: &str, arguments| RuleError::Function {
        at: 0,
        name: name.to_owned(),
        arguments,
    };
    assert_eq!(error("size()"), unknown("size", 0));
    assert_eq!(error("evil(1)"), unknown("evil", 1));
    assert_eq!(error(&"x".repeat(MAX_TEXT_BYTES + 1)), RuleError::TooLong);
    for deep in [
        "(".repeat(2000),
        "!".repeat(2000),
        "[".repeat(2000),
        "1+".repeat(2000) + "1",
        "true?1:".repeat(500) + "1",
    ] {
        assert_eq!(error(&deep), RuleError::TooDeep);
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "([a-z]{1,3}|claims|[\\[\\](){}.,?:!<>=&|+*/%'\"\\\\ -]|[0-9]{1,3}){0,60}") {
        if let Ok(rule) = CompiledRule::compile(&text) {
            let _ = rule.holds(&claims());
        }
    }
}
