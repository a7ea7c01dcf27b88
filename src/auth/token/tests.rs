//! Tokens: what logs in, and everything that must not.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::sync::Arc;

use klamm_raft::model::{KeyId, Revision, SigningKey, SigningKeys, TokenId, VclusterState};
use serde_json::{Value, json};

use super::*;
use crate::auth::token::samples;

fn check(state: &VclusterState, username: &str, token: &str) -> Result<Login, LoginRefusal> {
    verify(&samples::directory(state), username, token, samples::NOW)
}

fn claims() -> Value {
    json!({
        "username": "alice",
        "vcluster": "partner1",
        "exp": samples::EXPIRES_S,
        "iat": samples::ISSUED_S,
        "jti": uuid::Uuid::from_bytes(samples::TOKEN_ID.0).to_string(),
    })
}

fn signed(algorithm: Algorithm, key: &SigningKey, claims: &Value) -> String {
    jsonwebtoken::encode(&Header::new(algorithm), claims, &EncodingKey::from_secret(&key.0)).unwrap()
}

fn with(name: &str, value: Value) -> String {
    let mut claims = claims();
    claims[name] = value;
    signed(Algorithm::HS256, &samples::key(), &claims)
}

#[test]
fn an_issued_token_logs_in_until_it_expires() {
    let login = check(&samples::state(), "alice", &samples::token()).unwrap();
    assert_eq!(login.principal.as_str(), "User:alice");
    assert_eq!(login.expires, Some(UnixMillis(samples::EXPIRES_S * 1000)));

    let directory = samples::directory(&samples::state());
    let late = verify(
        &directory,
        "alice",
        &samples::token(),
        UnixMillis(samples::EXPIRES_S * 1000),
    );
    assert_eq!(late, Err(LoginRefusal::ExpiredToken));
    let in_time = verify(
        &directory,
        "alice",
        &samples::token(),
        UnixMillis(samples::EXPIRES_S * 1000 - 1),
    );
    assert!(in_time.is_ok());
}

#[test]
fn every_claim_is_required() {
    for name in ["username", "vcluster", "exp", "iat", "jti"] {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(name);
        let token = signed(Algorithm::HS256, &samples::key(), &claims);
        assert_eq!(
            check(&samples::state(), "alice", &token),
            Err(LoginRefusal::InvalidToken),
            "{name}"
        );
    }
}

#[test]
fn a_claim_of_another_is_refused() {
    let state = samples::state();
    assert_eq!(
        check(&state, "alice", &with("vcluster", json!("partner2"))),
        Err(LoginRefusal::OtherVcluster)
    );
    assert_eq!(
        check(&state, "alice", &with("username", json!("bob"))),
        Err(LoginRefusal::OtherUsername)
    );
    assert_eq!(
        check(&state, "bob", &samples::token()),
        Err(LoginRefusal::OtherUsername)
    );
    // Signed, and for an account that exists, but it is alice's token record.
    assert_eq!(
        check(&state, "bob", &with("username", json!("bob"))),
        Err(LoginRefusal::UnknownToken)
    );
    let other_id = uuid::Uuid::from_bytes([8; 16]).to_string();
    assert_eq!(
        check(&state, "alice", &with("jti", json!(other_id))),
        Err(LoginRefusal::UnknownToken)
    );
    // A later expiry than the one that was recorded does not count.
    let long = check(&state, "alice", &with("exp", json!(u64::MAX))).unwrap();
    assert_eq!(long.expires, Some(UnixMillis(samples::EXPIRES_S * 1000)));
}

#[test]
fn only_hs256_with_the_right_key_counts() {
    let state = samples::state();
    let foreign = signed(Algorithm::HS256, &SigningKey(vec![43; 32]), &claims());
    let other_algorithm = signed(Algorithm::HS512, &samples::key(), &claims());
    let body = URL_SAFE_NO_PAD.encode(claims().to_string());
    let unsigned = format!(
        "{}.{body}.",
        URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#)
    );
    let mut cut = samples::token();
    cut.pop();
    for token in [
        foreign.as_str(),
        &other_algorithm,
        &unsigned,
        &cut,
        "",
        "..",
        "a.b.c",
        "secret",
    ] {
        assert_eq!(
            check(&state, "alice", token),
            Err(LoginRefusal::InvalidToken),
            "{token}"
        );
    }
}

#[test]
fn the_token_of_a_deleted_account_stays_dead() {
    let mut state = samples::state();
    state.accounts.remove("alice");
    assert_eq!(
        check(&state, "alice", &samples::token()),
        Err(LoginRefusal::UnknownAccount)
    );

    let mut recreated = samples::state();
    recreated.accounts.get_mut("alice").unwrap().created = Revision(50);
    assert_eq!(
        check(&recreated, "alice", &samples::token()),
        Err(LoginRefusal::UnknownAccount)
    );
}

#[test]
fn nobody_logs_in_without_a_key() {
    let directory = Directory::compile(None, &samples::vcluster(), &samples::state(), None);
    assert_eq!(
        verify(&directory, "alice", &samples::token(), samples::NOW),
        Err(LoginRefusal::NoSigningKey)
    );
}

#[test]
fn a_withdrawn_token_is_unknown() {
    let mut state = samples::state();
    let record = state.tokens.remove(&samples::TOKEN_ID).unwrap();
    state.tokens.insert(TokenId([9; 16]), record);
    assert_eq!(
        check(&state, "alice", &samples::token()),
        Err(LoginRefusal::UnknownToken)
    );
}

/// The directory once `key` signs, with the first key or without it.
fn after_a_rotation(state: &VclusterState, previous: Option<SigningKey>) -> Arc<Directory> {
    let keys = SigningKeys {
        retired: match previous {
            Some(_) => Vec::new(),
            None => vec![samples::key().id()],
        },
        previous,
        ..SigningKeys::new(SigningKey(vec![77; 32]), SigningKey(vec![41; 32]))
    };
    Directory::compile(None, &samples::vcluster(), state, Some(&keys))
}

#[test]
fn a_token_names_its_key_which_verifies_it_until_it_is_retired() {
    let state = samples::state();
    let header = jsonwebtoken::decode_header(samples::token()).unwrap();
    assert_eq!(header.kid, Some(samples::key().id().to_string()));
    // Tokens of a time before keys had names.
    let nameless = signed(Algorithm::HS256, &samples::key(), &claims());
    let check = |directory: &Directory, token: &str| verify(directory, "alice", token, samples::NOW);
    let both = after_a_rotation(&state, Some(samples::key()));
    let one = after_a_rotation(&state, None);
    for token in [&samples::token(), &nameless] {
        assert!(check(&both, token).is_ok());
    }
    assert_eq!(check(&one, &samples::token()), Err(LoginRefusal::RetiredKey));
    assert_eq!(check(&one, &nameless), Err(LoginRefusal::InvalidToken));
}

#[test]
fn a_key_verifies_what_names_it_and_what_is_recorded_of_it() {
    let directory = after_a_rotation(&samples::state(), Some(samples::key()));
    let check = |token: &str| verify(&directory, "alice", token, samples::NOW);
    let naming = |kid: KeyId, key: &SigningKey| {
        let mut header = Header::new(Algorithm::HS256);
        header.kid = Some(kid.to_string());
        jsonwebtoken::encode(&header, &claims(), &EncodingKey::from_secret(&key.0)).unwrap()
    };
    let (new, old) = (SigningKey(vec![77; 32]), samples::key());
    assert!(check(&naming(old.id(), &old)).is_ok());
    assert_eq!(check(&naming(new.id(), &old)), Err(LoginRefusal::InvalidToken));
    assert_eq!(
        check(&naming(KeyId([1; 8]), &old)),
        Err(LoginRefusal::InvalidToken)
    );
    // The record says that another key signed it.
    assert_eq!(check(&naming(new.id(), &new)), Err(LoginRefusal::UnknownToken));
}
