//! How a client says who it is: PLAIN, and SCRAM with keys that are made once, as a client with a pool of connections does.

use std::num::NonZeroU32;
use std::sync::OnceLock;

use anyhow::{Context, Result, ensure};
use aws_lc_rs::{digest, hmac, pbkdf2};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The nonce of all exchanges: nobody is to be kept out by it here.
const NONCE: &str = "fyko+d2lbbFgONRv9qkxdawL";

/// The length of the longest hash.
const MOST_BYTES: usize = 64;

/// The hash functions of SCRAM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Hash {
    Sha256,
    Sha512,
}

/// Whom a client says to be, and its proof.
#[derive(Debug)]
pub(crate) enum Login {
    Plain {
        user: String,
        password: String,
    },
    Scram {
        hash: Hash,
        user: String,
        password: String,
        /// `SaltedPassword`, once the salt is known.
        salted: OnceLock<Vec<u8>>,
    },
}

impl Login {
    pub(crate) fn plain(user: &str, password: &str) -> Self {
        Self::Plain {
            user: user.to_owned(),
            password: password.to_owned(),
        }
    }

    pub(crate) fn scram(hash: Hash, user: &str, password: &str) -> Self {
        Self::Scram {
            hash,
            user: user.to_owned(),
            password: password.to_owned(),
            salted: OnceLock::new(),
        }
    }

    pub(crate) fn mechanism(&self) -> &'static str {
        match self {
            Self::Plain { .. } => "PLAIN",
            Self::Scram { hash, .. } => hash.mechanism(),
        }
    }

    /// The first message.
    pub(crate) fn first(&self) -> Vec<u8> {
        match self {
            Self::Plain { user, password } => format!("\0{user}\0{password}").into_bytes(),
            Self::Scram { user, .. } => format!("n,,{}", first_bare(user)).into_bytes(),
        }
    }

    /// The second message, where there is one, as an answer to the server's challenge.
    pub(crate) fn last(&self, challenge: &[u8]) -> Result<Option<Vec<u8>>> {
        let Self::Scram {
            hash,
            user,
            password,
            salted,
        } = self
        else {
            return Ok(None);
        };
        let challenge = std::str::from_utf8(challenge)?;
        let part = |name: &str| {
            let mut parts = challenge.split(',');
            parts.find_map(|part| part.strip_prefix(name))
        };
        let nonce = part("r=").context("a nonce")?;
        ensure!(nonce.starts_with(NONCE), "the nonce goes on from ours");
        let salt = STANDARD.decode(part("s=").context("a salt")?)?;
        let iterations: NonZeroU32 = part("i=").context("iterations")?.parse()?;
        let salted = salted.get_or_init(|| hash.salted(password, &salt, iterations));
        let client_key = hash.sign(salted, b"Client Key");
        let stored_key = digest::digest(hash.digest(), &client_key);
        let without_proof = format!("c=biws,r={nonce}");
        let signed = format!("{},{challenge},{without_proof}", first_bare(user));
        let signature = hash.sign(stored_key.as_ref(), signed.as_bytes());
        let proof: Vec<u8> = client_key.iter().zip(signature).map(|(a, b)| a ^ b).collect();
        Ok(Some(
            format!("{without_proof},p={}", STANDARD.encode(proof)).into_bytes(),
        ))
    }
}

fn first_bare(user: &str) -> String {
    format!("n={user},r={NONCE}")
}

impl Hash {
    pub(crate) fn mechanism(self) -> &'static str {
        match self {
            Self::Sha256 => "SCRAM-SHA-256",
            Self::Sha512 => "SCRAM-SHA-512",
        }
    }

    fn digest(self) -> &'static digest::Algorithm {
        match self {
            Self::Sha256 => &digest::SHA256,
            Self::Sha512 => &digest::SHA512,
        }
    }

    fn salted(self, password: &str, salt: &[u8], iterations: NonZeroU32) -> Vec<u8> {
        let algorithm = match self {
            Self::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
            Self::Sha512 => pbkdf2::PBKDF2_HMAC_SHA512,
        };
        let mut space = [0; MOST_BYTES];
        let salted = &mut space[..self.digest().output_len];
        pbkdf2::derive(algorithm, iterations, salt, password.as_bytes(), salted);
        salted.to_vec()
    }

    fn sign(self, key: &[u8], message: &[u8]) -> Vec<u8> {
        let algorithm = match self {
            Self::Sha256 => hmac::HMAC_SHA256,
            Self::Sha512 => hmac::HMAC_SHA512,
        };
        hmac::sign(&hmac::Key::new(algorithm, key), message)
            .as_ref()
            .to_vec()
    }
}
