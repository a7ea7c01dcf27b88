//! A provider for tests: its keys and the tokens that it signs.

use std::sync::{Arc, OnceLock};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Value as Json, json};

use super::{Algorithm, KeySet, Provider, TokenDemand};
use crate::auth::UnixMillis;

pub(crate) const NOW: UnixMillis = UnixMillis(1_700_000_000_000);
pub(crate) const NOW_S: u64 = NOW.0 / 1000;

/// One key pair for all tests.
fn pair() -> &'static rcgen::KeyPair {
    static PAIR: OnceLock<rcgen::KeyPair> = OnceLock::new();
    PAIR.get_or_init(|| rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap())
}

/// The public key, called `id`.
pub(crate) fn jwk(id: &str) -> Json {
    let point = pair().public_key_raw();
    json!({
        "kty": "EC", "crv": "P-256", "kid": id,
        "x": URL_SAFE_NO_PAD.encode(&point[1..33]), "y": URL_SAFE_NO_PAD.encode(&point[33..65]),
    })
}

/// A set with one key, `k1`.
pub(crate) fn keys() -> KeySet {
    KeySet::parse(json!({"keys": [jwk("k1")]}).to_string().as_bytes()).unwrap()
}

/// A token with these claims, signed by key `k1`.
pub(crate) fn token(claims: &Json) -> String {
    let mut header = Header::new(jsonwebtoken::Algorithm::ES256);
    header.kid = Some("k1".to_owned());
    signed(&header, claims)
}

/// A token with this header, signed by the one key whatever the header calls it.
pub(crate) fn signed(header: &Header, claims: &Json) -> String {
    let key = EncodingKey::from_ec_der(&pair().serialize_der());
    jsonwebtoken::encode(header, claims, &key).unwrap()
}

/// Claims that meet every demand of [`provider`] and [`demand`].
pub(crate) fn claims() -> Json {
    json!({
        "iss": "https://id.example.com", "sub": "alice", "aud": ["kafka"], "scope": "read write",
        "exp": NOW_S + 300, "nbf": NOW_S - 5, "iat": NOW_S - 5, "org": "acme",
    })
}

pub(crate) fn provider() -> Provider {
    Provider {
        issuer: "https://id.example.com".to_owned(),
        audiences: vec!["kafka".to_owned()],
        algorithms: vec![Algorithm::Rs256, Algorithm::Es256],
        leeway_ms: 30_000,
    }
}

pub(crate) fn demand() -> TokenDemand {
    TokenDemand {
        audiences: Vec::new(),
        scopes: Vec::new(),
        principal_claim: "sub".to_owned(),
        scope_claim: "scope".to_owned(),
        rules: Arc::new([]),
    }
}
