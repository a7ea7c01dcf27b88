//! The client's side of SCRAM (RFC 5802, RFC 7677): two messages, and a proof that the server knows the password too.
//! Pure: the nonce is an argument, and the costly derivation is a step of its own.

use std::num::NonZeroU32;

use aws_lc_rs::constant_time;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use klamm_raft::model::ScramHash;

use crate::auth::saslname::escaped;
use crate::auth::scram::{MIN_ITERATIONS, mix};
use crate::backend::config::ScramLogin;

/// More would keep the gateway busy for a hostile broker.
const MAX_ITERATIONS: u32 = 1_000_000;

/// The longest message and salt that are looked at, in bytes.
const MAX_MESSAGE_BYTES: usize = 4096;

/// Why a server is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScramError {
    #[error("a SCRAM message cannot be parsed")]
    Malformed,
    #[error("the broker answered with a nonce that does not extend the gateway's")]
    Nonce,
    #[error("the broker asks for fewer than {MIN_ITERATIONS} or more than {MAX_ITERATIONS} iterations")]
    Iterations,
    #[error("the broker rejected the proof")]
    Refused,
    #[error("the broker did not prove that it knows the password")]
    Impostor,
}

/// The inputs of the costly step, beside the password. Equal for all logins until the password is changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Derivation {
    salt: Vec<u8>,
    iterations: NonZeroU32,
}

/// The outcome of the costly step. There is no `Debug`: it serves as the password.
#[derive(Clone)]
pub(crate) struct ScramKeys {
    client: Vec<u8>,
    server: Vec<u8>,
}

impl Derivation {
    /// Takes milliseconds: not for a thread that carries requests.
    pub(crate) fn run(&self, login: &ScramLogin) -> ScramKeys {
        let password = login.password.reveal();
        let salted = mix::salted(login.hash, password, &self.salt, self.iterations);
        ScramKeys {
            client: mix::client_key(login.hash, &salted),
            server: mix::server_key(login.hash, &salted),
        }
    }
}

/// One exchange.
#[derive(Debug)]
pub(crate) struct ScramClient {
    hash: ScramHash,
    /// The client's first message without its header.
    first_bare: String,
    nonce: String,
    /// The server's first message and its nonce, once it has come.
    server_first: Option<(String, String)>,
    /// The signature that the server has to send in the end.
    expected: Option<Vec<u8>>,
}

impl ScramClient {
    /// Begins; the message is to be sent. `nonce` is printable, without a comma.
    pub(crate) fn start(login: &ScramLogin, nonce: String) -> (Self, String) {
        let name = escaped(&login.username);
        let first_bare = format!("n={name},r={nonce}");
        let message = format!("n,,{first_bare}");
        let exchange = Self {
            hash: login.hash,
            first_bare,
            nonce,
            server_first: None,
            expected: None,
        };
        (exchange, message)
    }

    /// Takes the server's first message; what it says is to be derived.
    pub(crate) fn challenged(&mut self, message: &[u8]) -> Result<Derivation, ScramError> {
        let text = text(message)?;
        let mut fields = text.split(',');
        let mut field = |name: &str| fields.next().and_then(|field| field.strip_prefix(name));
        let (Some(nonce), Some(salt), Some(iterations)) = (field("r="), field("s="), field("i=")) else {
            return Err(ScramError::Malformed);
        };
        if nonce.len() <= self.nonce.len() || !nonce.starts_with(&self.nonce) {
            return Err(ScramError::Nonce);
        }
        let salt = STANDARD.decode(salt).map_err(|_| ScramError::Malformed)?;
        let iterations: u32 = iterations.parse().map_err(|_| ScramError::Malformed)?;
        let iterations = NonZeroU32::new(iterations)
            .filter(|count| (MIN_ITERATIONS..=MAX_ITERATIONS).contains(&count.get()))
            .ok_or(ScramError::Iterations)?;
        self.server_first = Some((text.to_owned(), nonce.to_owned()));
        Ok(Derivation { salt, iterations })
    }

    /// Whether the client's last message was made.
    pub(crate) fn is_proven(&self) -> bool {
        self.expected.is_some()
    }

    /// The client's last message.
    pub(crate) fn prove(&mut self, keys: &ScramKeys) -> Result<String, ScramError> {
        let (server_first, nonce) = self.server_first.as_ref().ok_or(ScramError::Malformed)?;
        // `biws` is `n,,` in base64: no channel binding.
        let without_proof = format!("c=biws,r={nonce}");
        let signed = format!("{},{server_first},{without_proof}", self.first_bare);
        let sign = |key: &[u8]| mix::sign(self.hash, key, signed.as_bytes());
        let signature = sign(&mix::digest_of(self.hash, &keys.client));
        let proof = mix::xor(&keys.client, &signature);
        self.expected = Some(sign(&keys.server));
        Ok(format!("{without_proof},p={}", STANDARD.encode(proof)))
    }

    /// Takes the server's last message.
    pub(crate) fn finish(&self, message: &[u8]) -> Result<(), ScramError> {
        let text = text(message)?;
        if text.starts_with("e=") {
            return Err(ScramError::Refused);
        }
        let signature = text
            .split(',')
            .next()
            .and_then(|field| field.strip_prefix("v="))
            .and_then(|value| STANDARD.decode(value).ok())
            .ok_or(ScramError::Malformed)?;
        let expected = self.expected.as_ref().ok_or(ScramError::Malformed)?;
        constant_time::verify_slices_are_equal(&signature, expected).map_err(|_| ScramError::Impostor)
    }
}

fn text(message: &[u8]) -> Result<&str, ScramError> {
    std::str::from_utf8(message)
        .ok()
        .filter(|text| text.len() <= MAX_MESSAGE_BYTES)
        .ok_or(ScramError::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn login(hash: ScramHash, username: &str, password: &str) -> ScramLogin {
        ScramLogin {
            hash,
            username: username.to_owned(),
            password: Secret::new(password),
        }
    }

    /// RFC 7677 §3.
    const NONCE: &str = "rOprNGfwEbeRWgbNEkqO";
    const SERVER_FIRST: &str =
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
    const SERVER_FINAL: &str = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

    #[test]
    fn the_example_of_the_rfc_comes_out() {
        let login = login(ScramHash::Sha256, "user", "pencil");
        let (mut exchange, first) = ScramClient::start(&login, NONCE.to_owned());
        assert_eq!(first, "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        let derivation = exchange.challenged(SERVER_FIRST.as_bytes()).unwrap();
        let last = exchange.prove(&derivation.run(&login)).unwrap();
        assert_eq!(
            last,
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        );
        assert_eq!(exchange.finish(SERVER_FINAL.as_bytes()), Ok(()));
        let other = SERVER_FINAL.replace("6rri", "7rri");
        assert_eq!(exchange.finish(other.as_bytes()), Err(ScramError::Impostor));
        assert_eq!(exchange.finish(b"v="), Err(ScramError::Impostor));
        assert_eq!(exchange.finish(b"e=invalid-proof"), Err(ScramError::Refused));
        assert_eq!(exchange.finish(b"\xff"), Err(ScramError::Malformed));
    }

    #[test]
    fn special_characters_of_a_name_are_escaped() {
        let (_, first) = ScramClient::start(&login(ScramHash::Sha512, "a=b,c", "x"), "n".to_owned());
        assert_eq!(first, "n,,n=a=3Db=2Cc,r=n");
    }

    #[test]
    fn a_server_is_not_believed_blindly() {
        let login = login(ScramHash::Sha512, "user", "pencil");
        let check = |message: &str, expected| {
            let (mut exchange, _) = ScramClient::start(&login, "abc".to_owned());
            assert_eq!(
                exchange.challenged(message.as_bytes()).unwrap_err(),
                expected,
                "{message}"
            );
        };
        check("", ScramError::Malformed);
        check("r=abcd,s=AAAA", ScramError::Malformed);
        check("r=abcd,s=!,i=4096", ScramError::Malformed);
        check("r=abcd,s=AAAA,i=x", ScramError::Malformed);
        check("m=x,r=abcd,s=AAAA,i=4096", ScramError::Malformed);
        check("r=abc,s=AAAA,i=4096", ScramError::Nonce);
        check("r=xyz1,s=AAAA,i=4096", ScramError::Nonce);
        check("r=abcd,s=AAAA,i=4095", ScramError::Iterations);
        check("r=abcd,s=AAAA,i=0", ScramError::Iterations);
        check("r=abcd,s=AAAA,i=1000001", ScramError::Iterations);
        let (mut exchange, _) = ScramClient::start(&login, "abc".to_owned());
        assert_eq!(exchange.finish(b"v=AAAA"), Err(ScramError::Malformed));
        let keys = ScramKeys {
            client: Vec::new(),
            server: Vec::new(),
        };
        assert_eq!(exchange.prove(&keys), Err(ScramError::Malformed));
    }
}
