//! Tokens of every kind of fault, against one set of keys.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{EncodingKey, Header};
use serde_json::json;

use super::*;
use crate::auth::oauth::samples::{self, NOW, NOW_S};

fn judged(token: &str, demand: &TokenDemand) -> Result<Verified, Fault> {
    verify(token, &samples::provider(), &samples::keys(), demand, NOW)
}

fn check_with(changes: &Json, demand: &TokenDemand, expected: Result<&str, Fault>) {
    let mut claims = samples::claims();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Json::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value.clone(),
        }
    }
    let result = judged(&samples::token(&claims), demand).map(|verified| verified.subject);
    assert_eq!(result, expected.map(str::to_owned), "{changes}");
}

fn check(changes: &Json, expected: Result<&str, LoginRefusal>) {
    check_with(changes, &samples::demand(), expected.map_err(Fault::Bad));
}

#[test]
fn a_good_token_says_who_and_until_when() {
    let verified = judged(&samples::token(&samples::claims()), &samples::demand()).unwrap();
    assert_eq!(verified.subject, "alice");
    assert_eq!(verified.expires, UnixMillis((NOW_S + 300) * 1000));
    // Whoever comes late has what is left of the leeway, never for ever.
    let mut claims = samples::claims();
    claims["exp"] = json!(NOW_S - 10);
    let verified = judged(&samples::token(&claims), &samples::demand()).unwrap();
    assert_eq!(verified.expires, UnixMillis((NOW_S + 20) * 1000));
}

#[test]
fn times_are_compared_with_leeway() {
    check(&json!({"exp": NOW_S - 29}), Ok("alice"));
    check(&json!({"exp": NOW_S - 30}), Err(LoginRefusal::ExpiredToken));
    check(&json!({"exp": 0}), Err(LoginRefusal::ExpiredToken));
    check(&json!({"exp": NOW_S as f64 + 0.5}), Ok("alice"));
    check(&json!({"exp": 1e300}), Ok("alice"));
    check(&json!({"exp": null}), Err(LoginRefusal::InvalidToken));
    check(&json!({"exp": "tomorrow"}), Err(LoginRefusal::InvalidToken));
    check(&json!({"exp": -1}), Err(LoginRefusal::InvalidToken));
    check(&json!({"nbf": NOW_S + 30}), Ok("alice"));
    check(&json!({"nbf": NOW_S + 31}), Err(LoginRefusal::NotYetValid));
    check(&json!({"nbf": "x"}), Err(LoginRefusal::InvalidToken));
    check(&json!({"nbf": null}), Ok("alice"));
}

#[test]
fn issuer_and_audience_are_demanded() {
    check(&json!({"iss": null}), Err(LoginRefusal::OtherIssuer));
    check(
        &json!({"iss": "https://id.example.com/"}),
        Err(LoginRefusal::OtherIssuer),
    );
    check(
        &json!({"iss": ["https://id.example.com"]}),
        Err(LoginRefusal::OtherIssuer),
    );
    check(&json!({"aud": null}), Err(LoginRefusal::OtherAudience));
    check(&json!({"aud": "kafka"}), Ok("alice"));
    check(&json!({"aud": "kafka2"}), Err(LoginRefusal::OtherAudience));
    check(&json!({"aud": ["x", "kafka"]}), Ok("alice"));
    check(&json!({"aud": []}), Err(LoginRefusal::OtherAudience));
    let own = TokenDemand {
        audiences: vec!["orders".to_owned()],
        ..samples::demand()
    };
    check_with(&json!({}), &own, Err(LoginRefusal::OtherAudience.into()));
    check_with(&json!({"aud": "orders"}), &own, Ok("alice"));
}

#[test]
fn scopes_come_as_text_or_list() {
    let demand = TokenDemand {
        scopes: vec!["read".to_owned(), "write".to_owned()],
        ..samples::demand()
    };
    check_with(&json!({}), &demand, Ok("alice"));
    check_with(&json!({"scope": ["write", "read"]}), &demand, Ok("alice"));
    check_with(
        &json!({"scope": "read"}),
        &demand,
        Err(LoginRefusal::MissingScope.into()),
    );
    check_with(
        &json!({"scope": "readwrite"}),
        &demand,
        Err(LoginRefusal::MissingScope.into()),
    );
    check_with(
        &json!({"scope": null}),
        &demand,
        Err(LoginRefusal::MissingScope.into()),
    );
    let elsewhere = TokenDemand {
        scope_claim: "scp".to_owned(),
        ..demand
    };
    check_with(&json!({"scp": "read write"}), &elsewhere, Ok("alice"));
}

#[test]
fn any_claim_may_name_the_client() {
    let named = |claim: &str| TokenDemand {
        principal_claim: claim.to_owned(),
        ..samples::demand()
    };
    check_with(&json!({}), &named("org"), Ok("acme"));
    check_with(
        &json!({"realm": {"user": "bob"}}),
        &named("realm.user"),
        Ok("bob"),
    );
    check_with(
        &json!({"https://x.y/z": "carol"}),
        &named("https://x.y/z"),
        Ok("carol"),
    );
    check_with(&json!({}), &named("missing"), Err(LoginRefusal::NoSubject.into()));
    check(&json!({"sub": ""}), Err(LoginRefusal::NoSubject));
    check(&json!({"sub": 5}), Err(LoginRefusal::NoSubject));
    check(&json!({"sub": "a\nb"}), Err(LoginRefusal::NoSubject));
    check(&json!({"sub": "x".repeat(257)}), Err(LoginRefusal::NoSubject));
}

#[test]
fn all_rules_must_hold() {
    let with = |rules: &[&str]| TokenDemand {
        rules: rules
            .iter()
            .map(|text| CompiledRule::compile(text).unwrap())
            .collect(),
        ..samples::demand()
    };
    check_with(
        &json!({}),
        &with(&["claims.org == 'acme'", "'kafka' in claims.aud"]),
        Ok("alice"),
    );
    check_with(
        &json!({}),
        &with(&["claims.org == 'acme'", "claims.sub == 'bob'"]),
        Err(Fault::Rule(1)),
    );
    check_with(&json!({}), &with(&["claims.missing == 'x'"]), Err(Fault::Rule(0)));
}

#[test]
fn the_header_decides_nothing_that_the_operator_did_not_allow() {
    let token = samples::token(&samples::claims());
    let parts: Vec<&str> = token.split('.').collect();
    let with_header = |header: &str| format!("{}.{}.{}", URL_SAFE_NO_PAD.encode(header), parts[1], parts[2]);
    let bad = Err(Fault::Bad(LoginRefusal::InvalidToken));
    let demand = samples::demand();
    for header in [
        r#"{"alg":"none","kid":"k1"}"#,
        r#"{"alg":"HS256","kid":"k1"}"#,
        r#"{"alg":"RS256","kid":"k1"}"#,
        r#"{"alg":"ES384","kid":"k1"}"#,
        r#"{"alg":"ES256","kid":"k1","crit":["exp"]}"#,
        r#"{"alg":"ES256","kid":"k1","typ":"other"}"#,
        r#"{"kid":"k1"}"#,
        "{}",
        "",
    ] {
        assert_eq!(judged(&with_header(header), &demand), bad, "{header}");
    }
    // The public key as the secret of an HMAC.
    let mut header = Header::new(jsonwebtoken::Algorithm::HS256);
    header.kid = Some("k1".to_owned());
    let secret = EncodingKey::from_secret(samples::jwk("k1").to_string().as_bytes());
    let forged = jsonwebtoken::encode(&header, &samples::claims(), &secret).unwrap();
    assert_eq!(judged(&forged, &demand), bad);
    for text in [
        "",
        ".",
        "..",
        "a.b.c",
        &token[1..],
        &token[..token.len() - 4],
        &format!("{token}.x"),
    ] {
        assert_eq!(judged(text, &demand), bad, "{text}");
    }
}

#[test]
fn an_unknown_key_id_asks_for_fresher_keys() {
    let mut header = Header::new(jsonwebtoken::Algorithm::ES256);
    header.kid = Some("k2".to_owned());
    let token = samples::signed(&header, &samples::claims());
    assert_eq!(judged(&token, &samples::demand()), Err(Fault::UnknownKey));
    // Without one, every key is tried.
    header.kid = None;
    let token = samples::signed(&header, &samples::claims());
    assert!(judged(&token, &samples::demand()).is_ok());
}

/// A claim of any kind.
fn odd(chance: &mut crate::fuzz::chance::Chance) -> Json {
    let texts = [
        "",
        "alice",
        "https://id.example.com",
        "kafka",
        "read",
        "\u{0}",
        "a,b c",
    ];
    match chance.below(8) {
        0 => Json::Null,
        1 => json!(*chance.pick(&[0.0, -1.0, 1e300, 0.5, NOW_S as f64 + 31.0])),
        2 => json!(*chance.pick(&[0, NOW_S, NOW_S + 300, u64::MAX])),
        3 => json!([odd(chance), odd(chance)]),
        4 => json!({ "sub": odd(chance), "": odd(chance) }),
        5 => json!("x".repeat(chance.below(2_000))),
        _ => json!(chance.pick(&texts)),
    }
}

/// Whatever was signed is judged; what was changed after that is not believed.
#[test]
fn fuzz_tokens_of_providers() {
    use crate::fuzz::{mutate::spoil, runner::run};

    let names = [
        "iss", "sub", "aud", "exp", "nbf", "iat", "scope", "org", "sub.sub",
    ];
    let (provider, keys, demand) = (samples::provider(), samples::keys(), samples::demand());
    let sound = samples::token(&samples::claims());
    run("tokens of providers", |chance| {
        let mut claims = samples::claims();
        for _ in 0..=chance.below(3) {
            claims[*chance.pick::<&str>(&names)] = odd(chance);
        }
        if let Ok(verified) = verify(&samples::token(&claims), &provider, &keys, &demand, NOW) {
            assert_eq!(claims["iss"], provider.issuer.as_str());
            assert_eq!(claims["sub"], verified.subject.as_str());
        }
        let mut spoiled = sound.clone().into_bytes();
        spoil(&mut spoiled, chance);
        let spoiled = String::from_utf8_lossy(&spoiled);
        if let Ok(verified) = verify(&spoiled, &provider, &keys, &demand, NOW) {
            assert_eq!(verified.subject, "alice");
        }
        unverified_subject(&spoiled, "sub");
    });
}

#[test]
fn fuzz_keys_of_providers() {
    use crate::fuzz::{mutate::spoil, runner::run};

    let sound =
        json!({"keys": [samples::jwk("k1"), {"kty": "RSA", "n": "AQAB", "e": "AQAB"}, {"kty": "oct"}]});
    run("keys of providers", |chance| {
        let mut bytes = sound.to_string().into_bytes();
        spoil(&mut bytes, chance);
        if let Ok(keys) = KeySet::parse(&bytes) {
            assert!(keys.count() > 0);
            verify(
                &samples::token(&samples::claims()),
                &samples::provider(),
                &keys,
                &samples::demand(),
                NOW,
            )
            .ok();
        }
    });
}

#[test]
fn fuzz_messages_of_oauthbearer() {
    use crate::auth::oauth::message::BearerMessage;
    use crate::fuzz::{mutate::spoil, runner::run};

    let sound: [&[u8]; 2] = [
        b"n,,\x01auth=Bearer a.b.c\x01\x01",
        b"n,a=al=2Cice,\x01auth=Bearer a.b.c\x01traceId=1\x01\x01",
    ];
    run("messages of OAUTHBEARER", |chance| {
        let mut bytes = chance.pick::<&[u8]>(&sound).to_vec();
        spoil(&mut bytes, chance);
        if let Ok(message) = BearerMessage::parse(&bytes) {
            assert!(
                message.token.len() <= bytes.len()
                    && message.authzid.is_none_or(|id| id.len() <= bytes.len())
            );
        }
    });
}
