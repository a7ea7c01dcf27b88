//! The public keys of a provider: a JSON Web Key Set (RFC 7517). Keys that cannot check a signature are left out.

use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse};
use serde_json::Value as Json;

use super::provider::Algorithm;

/// The most keys of one set.
const MAX_KEYS: usize = 64;

/// The longest key id, in bytes.
const MAX_KEY_ID_BYTES: usize = 256;

/// A document is not a set of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MalformedKeys {
    #[error("the document is not JSON with a list of keys")]
    Json,
    #[error("the document contains more than {MAX_KEYS} keys")]
    TooMany,
    #[error("the document contains no key that can verify a signature")]
    Empty,
}

/// A key and the algorithms that it serves.
#[derive(Clone)]
struct Key {
    id: Option<String>,
    algorithms: Vec<Algorithm>,
    key: DecodingKey,
}

/// The keys of one provider.
#[derive(Clone)]
pub struct KeySet {
    keys: Vec<Key>,
}

impl KeySet {
    /// Reads a key set. Keys of kinds or for uses that are not served are skipped, secret (`oct`) keys among them.
    ///
    /// # Errors
    /// It is no key set, or holds no key of use.
    pub fn parse(document: &[u8]) -> Result<Self, MalformedKeys> {
        let document: Json = serde_json::from_slice(document).map_err(|_| MalformedKeys::Json)?;
        let Some(Json::Array(keys)) = document.get("keys") else {
            return Err(MalformedKeys::Json);
        };
        if keys.len() > MAX_KEYS {
            return Err(MalformedKeys::TooMany);
        }
        let keys: Vec<Key> = keys.iter().filter_map(key).collect();
        if keys.is_empty() {
            return Err(MalformedKeys::Empty);
        }
        Ok(Self { keys })
    }

    /// How many keys there are.
    pub fn count(&self) -> usize {
        self.keys.len()
    }

    /// Whether a token that names this key can be looked at.
    pub fn has(&self, id: &str) -> bool {
        self.keys.iter().any(|key| key.id.as_deref() == Some(id))
    }

    /// The keys that may have signed a token: those of its key id, or all when it names none.
    pub(super) fn candidates<'a>(
        &'a self,
        id: Option<&'a str>,
        algorithm: Algorithm,
    ) -> impl Iterator<Item = &'a DecodingKey> {
        self.keys
            .iter()
            .filter(move |key| id.is_none() || key.id.as_deref() == id)
            .filter(move |key| key.algorithms.contains(&algorithm))
            .map(|key| &key.key)
    }
}

impl std::fmt::Debug for KeySet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeySet({} keys)", self.keys.len())
    }
}

fn key(json: &Json) -> Option<Key> {
    let jwk: Jwk = serde_json::from_value(json.clone()).ok()?;
    let common = &jwk.common;
    let for_signatures = matches!(common.public_key_use, None | Some(PublicKeyUse::Signature))
        && common
            .key_operations
            .as_ref()
            .is_none_or(|operations| operations.contains(&KeyOperations::Verify));
    let id_fits = common
        .key_id
        .as_ref()
        .is_none_or(|id| id.len() <= MAX_KEY_ID_BYTES);
    let mut algorithms = algorithms(&jwk.algorithm);
    if let Some(only) = common.key_algorithm {
        algorithms.retain(|algorithm| key_algorithm(*algorithm) == only);
    }
    if !for_signatures || !id_fits || algorithms.is_empty() {
        return None;
    }
    Some(Key {
        id: common.key_id.clone(),
        algorithms,
        key: DecodingKey::from_jwk(&jwk).ok()?,
    })
}

/// The algorithms that a key of this kind can check. Nothing for a secret key: whoever checks with it could sign with it.
fn algorithms(parameters: &AlgorithmParameters) -> Vec<Algorithm> {
    use Algorithm::{EdDsa, Es256, Es384, Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};
    match parameters {
        AlgorithmParameters::RSA(_) => vec![Rs256, Rs384, Rs512, Ps256, Ps384, Ps512],
        AlgorithmParameters::EllipticCurve(curve) => match curve.curve {
            EllipticCurve::P256 => vec![Es256],
            EllipticCurve::P384 => vec![Es384],
            _ => Vec::new(),
        },
        AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => vec![EdDsa],
        _ => Vec::new(),
    }
}

fn key_algorithm(algorithm: Algorithm) -> KeyAlgorithm {
    match algorithm {
        Algorithm::Rs256 => KeyAlgorithm::RS256,
        Algorithm::Rs384 => KeyAlgorithm::RS384,
        Algorithm::Rs512 => KeyAlgorithm::RS512,
        Algorithm::Ps256 => KeyAlgorithm::PS256,
        Algorithm::Ps384 => KeyAlgorithm::PS384,
        Algorithm::Ps512 => KeyAlgorithm::PS512,
        Algorithm::Es256 => KeyAlgorithm::ES256,
        Algorithm::Es384 => KeyAlgorithm::ES384,
        Algorithm::EdDsa => KeyAlgorithm::EdDSA,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::auth::oauth::samples;

    fn check(document: &Json, expected: Result<usize, MalformedKeys>) {
        let parsed = KeySet::parse(document.to_string().as_bytes());
        assert_eq!(parsed.map(|keys| keys.count()), expected, "{document}");
    }

    fn with(name: &str, value: &str) -> Json {
        let mut key = samples::jwk("k1");
        key[name] = json!(value);
        json!({ "keys": [key] })
    }

    #[test]
    fn keys_that_check_signatures_are_kept() {
        check(&json!({"keys": [samples::jwk("k1")]}), Ok(1));
        check(
            &json!({"keys": [samples::jwk("k1"), samples::jwk("k2")], "more": 1}),
            Ok(2),
        );
        check(&with("use", "sig"), Ok(1));
        check(&with("alg", "ES256"), Ok(1));
    }

    #[test]
    fn other_keys_are_skipped() {
        let secret = json!({"kty": "oct", "kid": "s", "k": "c2VjcmV0", "alg": "HS256"});
        let odd = json!({"kty": "new-kind", "kid": "n"});
        check(&json!({"keys": [secret, odd, 5, samples::jwk("k1")]}), Ok(1));
        check(&json!({ "keys": [secret] }), Err(MalformedKeys::Empty));
        check(&with("use", "enc"), Err(MalformedKeys::Empty));
        check(&with("alg", "HS256"), Err(MalformedKeys::Empty));
        check(&with("alg", "ES384"), Err(MalformedKeys::Empty));
        check(&with("kid", &"x".repeat(300)), Err(MalformedKeys::Empty));
    }

    #[test]
    fn what_is_no_key_set_is_refused() {
        assert_eq!(KeySet::parse(b"<html>").unwrap_err(), MalformedKeys::Json);
        check(&json!({"keys": {}}), Err(MalformedKeys::Json));
        check(&json!([]), Err(MalformedKeys::Json));
        check(&json!({"keys": []}), Err(MalformedKeys::Empty));
        check(
            &json!({"keys": vec![samples::jwk("k"); 65]}),
            Err(MalformedKeys::TooMany),
        );
    }

    #[test]
    fn a_key_is_found_by_its_id() {
        let keys = KeySet::parse(json!({"keys": [samples::jwk("k1")]}).to_string().as_bytes()).unwrap();
        assert!(keys.has("k1") && !keys.has("k2"));
        assert_eq!(keys.candidates(Some("k1"), Algorithm::Es256).count(), 1);
        assert_eq!(keys.candidates(Some("k1"), Algorithm::Rs256).count(), 0);
        assert_eq!(keys.candidates(Some("k2"), Algorithm::Es256).count(), 0);
        assert_eq!(keys.candidates(None, Algorithm::Es256).count(), 1);
    }
}
