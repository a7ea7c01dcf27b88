//! The keys of RFC 5802 §3, for both hash functions.

use std::num::NonZeroU32;

use aws_lc_rs::{digest, hmac, pbkdf2};
use klamm_raft::model::{ScramCredential, ScramHash, SigningKey, VclusterName};

use crate::auth::Mechanism;

/// How many characters the salts of Kafka's own tools have.
const SALT_CHARS: usize = 25;
/// The characters of a salt.
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
        for part in [
            "klamm/scram/salt",
            vcluster.as_str(),
            Mechanism::Scram(hash).name(),
            user,
        ] {
            context.update(part.as_bytes());
            context.update(&[0]);
        }
        let mut random = [0; SALT_CHARS];
        random.copy_from_slice(&context.sign().as_ref()[..SALT_CHARS]);
        Self::from_random(random)
    }
}

/// The record that is kept of a password.
pub fn credential_of(hash: ScramHash, password: &str, salt: Salt, iterations: NonZeroU32) -> ScramCredential {
    let salted = salted(hash, password, &salt.0, iterations);
    credential_of_salted(hash, &salted, salt.0, iterations.get())
}

/// The record that is kept of a password that was salted already, as Kafka's tools send it (KIP-554).
pub fn credential_of_salted(
    hash: ScramHash,
    salted: &[u8],
    salt: Vec<u8>,
    iterations: u32,
) -> ScramCredential {
    ScramCredential {
        salt,
        iterations,
        stored_key: digest_of(hash, &client_key(hash, salted)),
        server_key: server_key(hash, salted),
    }
}

/// `SaltedPassword`. Takes milliseconds.
pub(crate) fn salted(hash: ScramHash, password: &str, salt: &[u8], iterations: NonZeroU32) -> Vec<u8> {
    let mut salted = vec![0; length(hash)];
    let algorithm = match hash {
        ScramHash::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
        ScramHash::Sha512 => pbkdf2::PBKDF2_HMAC_SHA512,
    };
    pbkdf2::derive(algorithm, iterations, salt, password.as_bytes(), &mut salted);
    salted
}

/// `ClientKey`.
pub(crate) fn client_key(hash: ScramHash, salted: &[u8]) -> Vec<u8> {
    sign(hash, salted, b"Client Key")
}

/// `ServerKey`.
pub(crate) fn server_key(hash: ScramHash, salted: &[u8]) -> Vec<u8> {
    sign(hash, salted, b"Server Key")
}

/// `HMAC`.
pub(crate) fn sign(hash: ScramHash, key: &[u8], message: &[u8]) -> Vec<u8> {
    let algorithm = match hash {
        ScramHash::Sha256 => hmac::HMAC_SHA256,
        ScramHash::Sha512 => hmac::HMAC_SHA512,
    };
    hmac::sign(&hmac::Key::new(algorithm, key), message)
        .as_ref()
        .to_vec()
}

/// `H`.
pub(crate) fn digest_of(hash: ScramHash, bytes: &[u8]) -> Vec<u8> {
    let algorithm = match hash {
        ScramHash::Sha256 => &digest::SHA256,
        ScramHash::Sha512 => &digest::SHA512,
    };
    digest::digest(algorithm, bytes).as_ref().to_vec()
}

/// `XOR`: a client's key and a signature make a proof, a proof and a signature the key.
pub(crate) fn xor(one: &[u8], other: &[u8]) -> Vec<u8> {
    one.iter().zip(other).map(|(a, b)| a ^ b).collect()
}

/// Bytes of the hash.
pub(super) fn length(hash: ScramHash) -> usize {
    match hash {
        ScramHash::Sha256 => digest::SHA256_OUTPUT_LEN,
        ScramHash::Sha512 => digest::SHA512_OUTPUT_LEN,
    }
}
