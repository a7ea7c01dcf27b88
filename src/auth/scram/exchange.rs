//! One exchange: the client's first message in, a challenge out; the client's proof in, the server's signature out.

use aws_lc_rs::constant_time;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use klamm_raft::model::{AccountName, ScramCredential, ScramHash, ScramUser, SigningKey};

use super::MIN_ITERATIONS;
use super::message::{Final, First};
use super::mix::{self, Salt};
use crate::auth::{Directory, LoginRefusal};

/// The random bytes that the server adds to the client's nonce.
#[derive(Debug, Clone, Copy)]
pub struct Nonce(pub [u8; 24]);

/// An exchange whose challenge was sent. Its `Debug` shows no key.
#[derive(Debug)]
pub struct Exchange {
    hash: ScramHash,
    user: String,
    /// `None`: there is no such credential, and no proof will do.
    known: Option<ScramUser>,
    /// That of somebody who does not exist is like that of somebody: neither what is said nor the work shows a
    /// difference.
    credential: ScramCredential,
    header: String,
    client_nonce: String,
    /// The client's part, and ours.
    nonce: String,
    /// `client-first-message-bare "," server-first-message`.
    so_far: String,
}

/// Somebody proved to know a password.
#[derive(Debug)]
pub struct Proven {
    pub user: ScramUser,
    /// The credential that it was proved with.
    pub credential: ScramCredential,
    /// `server-final-message`.
    pub answer: Vec<u8>,
}

impl Exchange {
    /// Takes `client-first-message` and gives `server-first-message`. Somebody who does not exist gets a challenge that
    /// looks like any other, and the same one each time.
    ///
    /// # Errors
    /// The message does not parse, or no signing key is known yet.
    pub fn begin(
        hash: ScramHash,
        message: &[u8],
        directory: &Directory,
        nonce: Nonce,
    ) -> Result<(Self, Vec<u8>), LoginRefusal> {
        let first = First::parse(message)?;
        let keys = directory.keys().ok_or(LoginRefusal::NoSigningKey)?;
        let nobody = nobody(&keys.decoy, (hash, &first.user), directory);
        let known = known(hash, &first.user, directory);
        // Copied for both, so that the time does not tell them apart.
        let credential = known
            .as_ref()
            .map_or(&nobody, |(_, credential)| credential)
            .clone();
        let known = known.map(|(user, _)| user);
        let client_nonce = first.nonce.to_owned();
        let nonce = [first.nonce, &URL_SAFE_NO_PAD.encode(nonce.0)].concat();
        let salt = STANDARD.encode(&credential.salt);
        let challenge = format!("r={nonce},s={salt},i={}", credential.iterations);
        let exchange = Self {
            hash,
            known,
            credential,
            header: first.header.to_owned(),
            client_nonce,
            nonce,
            so_far: [first.bare, ",", &challenge].concat(),
            user: first.user,
        };
        Ok((exchange, challenge.into_bytes()))
    }

    /// Whom the client says to be.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// Whether it is the nonce of this exchange. librdkafka before 2.6.1 repeats its own part of it once more.
    fn is_nonce(&self, nonce: &str) -> bool {
        let repeated = || nonce.strip_prefix(&self.client_nonce) == Some(&self.nonce);
        nonce == self.nonce || repeated()
    }

    /// Takes `client-final-message`.
    ///
    /// # Errors
    /// The message does not parse or belongs to another exchange, or the proof is wrong.
    pub fn finish(self, message: &[u8]) -> Result<Proven, LoginRefusal> {
        let last = Final::parse(message)?;
        if last.binding != self.header.as_bytes() || !self.is_nonce(last.nonce) {
            return Err(LoginRefusal::MalformedMessage);
        }
        let credential = self.credential;
        let signed = [self.so_far.as_str(), ",", last.without_proof].concat();
        let signature = mix::sign(self.hash, &credential.stored_key, signed.as_bytes());
        let client_key = mix::xor(&last.proof, &signature);
        let stored_key = mix::digest_of(self.hash, &client_key);
        let compared = constant_time::verify_slices_are_equal(&stored_key, &credential.stored_key);
        let user = self.known.ok_or(LoginRefusal::UnknownUser)?;
        let is_whole = last.proof.len() == mix::length(self.hash);
        if compared.is_err() || !is_whole {
            return Err(LoginRefusal::WrongPassword);
        }
        let proof = mix::sign(self.hash, &credential.server_key, signed.as_bytes());
        Ok(Proven {
            user,
            credential,
            answer: format!("v={}", STANDARD.encode(proof)).into_bytes(),
        })
    }
}

fn known<'a>(
    hash: ScramHash,
    user: &str,
    directory: &'a Directory,
) -> Option<(ScramUser, &'a ScramCredential)> {
    let account: AccountName = user.parse().ok()?;
    let user = ScramUser { account, hash };
    let credential = directory.scram(&user)?;
    Some((user, credential))
}

/// The credential that somebody who does not exist is taken to have: a salt of their own, and as many iterations as
/// whoever comes next in the order of names. It checks no proof.
fn nobody(key: &SigningKey, (hash, user): (ScramHash, &str), directory: &Directory) -> ScramCredential {
    let account = user.parse::<AccountName>().ok();
    let next = directory.next_scram(account, hash);
    ScramCredential {
        salt: Salt::of_nobody(key, directory.vcluster(), hash, user).0,
        iterations: next.map_or(MIN_ITERATIONS, |next| next.iterations),
        stored_key: vec![0; mix::length(hash)],
        server_key: vec![0; mix::length(hash)],
    }
}

#[cfg(test)]
mod tests;
