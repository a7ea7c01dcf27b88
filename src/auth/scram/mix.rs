//! The keys of RFC 5802 §3, for both hash functions.

use std::num::NonZeroU32;

use aws_lc_rs::{digest, hmac, pbkdf2};
use klamm_raft::model::{ScramCredential, ScramHash, SigningKey, VclusterName};

/// How many characters the salts of Kafka's own tools have.
const SALT_CHARS: usize = 25;
/// What those characters are.
const SALT_ALPHABET: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";

/// The salt of a new credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Salt(pub Vec<u8>);

impl Salt {
    /// In the form that Kafka's tools give it, so that it does not tell who made a credential.
    pub fn from_random(random: [u8; SALT_CHARS]) -> Self {
        let letter = |byte: u8| SALT_ALPHABET[usize::from(byte) % SALT_ALPHABET.len()];
        Self(random.map(letter).to_vec())
    }

    /// The salt that somebody who does not exist is shown: the same each time and on every node.
    pub(super) fn of_nobody(key: &SigningKey, vcluster: &VclusterName, hash: ScramHash, user: &str) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &key.0);
        let mut context = hmac::Context::with_key(&key);
        for part in ["klamm/scram/salt", vcluster.as_str(), name(hash), user] {
            context.update(part.as_bytes());
            context.update(&[0]);
        }
        let mut random = [0; SALT_CHARS];
        random.copy_from_slice(&context.sign().as_ref()[..SALT_CHARS]);
        Self::from_random(random)
    }
}

/// What is kept of a password.
pub fn credential_of(hash: ScramHash, password: &str, salt: Salt, iterations: NonZeroU32) -> ScramCredential {
    let mut salted = vec![0; length(hash)];
    let algorithm = match hash {
        ScramHash::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
        ScramHash::Sha512 => pbkdf2::PBKDF2_HMAC_SHA512,
    };
    pbkdf2::derive(algorithm, iterations, &salt.0, password.as_bytes(), &mut salted);
    credential_of_salted(hash, &salted, salt.0, iterations.get())
}

/// What is kept of a password that was salted already, as Kafka's tools send it (KIP-554).
pub fn credential_of_salted(
    hash: ScramHash,
    salted: &[u8],
    salt: Vec<u8>,
    iterations: u32,
) -> ScramCredential {
    let client_key = sign(hash, salted, b"Client Key");
    ScramCredential {
        salt,
        iterations,
        stored_key: digest_of(hash, &client_key),
        server_key: sign(hash, salted, b"Server Key"),
    }
}

/// Bytes of the hash.
pub(super) fn length(hash: ScramHash) -> usize {
    match hash {
        ScramHash::Sha256 => digest::SHA256_OUTPUT_LEN,
        ScramHash::Sha512 => digest::SHA512_OUTPUT_LEN,
    }
}

pub(super) fn sign(hash: ScramHash, key: &[u8], message: &[u8]) -> Vec<u8> {
    let algorithm = match hash {
        ScramHash::Sha256 => hmac::HMAC_SHA256,
        ScramHash::Sha512 => hmac::HMAC_SHA512,
    };
    hmac::sign(&hmac::Key::new(algorithm, key), message)
        .as_ref()
        .to_vec()
}

pub(super) fn digest_of(hash: ScramHash, bytes: &[u8]) -> Vec<u8> {
    let algorithm = match hash {
        ScramHash::Sha256 => &digest::SHA256,
        ScramHash::Sha512 => &digest::SHA512,
    };
    digest::digest(algorithm, bytes).as_ref().to_vec()
}

fn name(hash: ScramHash) -> &'static str {
    match hash {
        ScramHash::Sha256 => "SCRAM-SHA-256",
        ScramHash::Sha512 => "SCRAM-SHA-512",
    }
}
