//! An identity provider for demonstrations: a key that signs tokens, and the document that lists its public half. Good
//! for demonstrations and tests.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use crate::quickstart::error::QuickstartError;

/// A key with its id. Signs ES256.
pub struct Signer {
    id: String,
    pair: EcdsaKeyPair,
}

impl Signer {
    /// Makes a key.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn new(id: &str) -> Result<Self, QuickstartError> {
        let pair =
            EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(|_| failed("make a key"))?;
        Ok(Self {
            id: id.to_owned(),
            pair,
        })
    }

    /// The set of keys (RFC 7517) with this one.
    #[must_use]
    pub fn keys(&self) -> Value {
        // 4, then both coordinates of the point (SEC 1).
        let point = self.pair.public_key().as_ref();
        let (x, y) = point[1..].split_at(32);
        json!({"keys": [{
            "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": self.id,
            "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y),
        }]})
    }

    /// A token that says this.
    ///
    /// # Errors
    /// It cannot be signed.
    pub fn token(&self, claims: &Value) -> Result<String, QuickstartError> {
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(self.id.clone());
        let key = self.pair.to_pkcs8v1().map_err(|_| failed("read a key"))?;
        let key = EncodingKey::from_ec_der(key.as_ref());
        jsonwebtoken::encode(&header, claims, &key).map_err(|_| failed("sign a token"))
    }
}

/// Seconds since 1970, as tokens count.
#[must_use]
pub fn now_s() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

fn failed(doing: &str) -> QuickstartError {
    QuickstartError::Io {
        doing: doing.to_owned(),
        source: std::io::ErrorKind::Other.into(),
    }
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signer({})", self.id)
    }
}
