//! Noise by `snow`, with the primitives of aws-lc: the only file that names both.
//!
//! Where there is a secret the pattern is `NNpsk0`: the caller's first message is sealed under the secret, so that a
//! server says nothing to those who do not know it; both ends make keys for this one connection, so that the secret,
//! when it gets out later, opens nothing that was said before. Without a secret the pattern is `NN`.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::agreement::{PrivateKey, UnparsedPublicKey, X25519, agree};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::{digest, rand};
use snow::params::{CipherChoice, DHChoice, HashChoice};
use snow::resolvers::CryptoResolver;
use snow::types::{Cipher, Dh, Hash, Random};
use snow::{Builder, Error, HandshakeState};

use crate::cluster_secret::ClusterSecret;

const WITH_SECRET: &str = "Noise_NNpsk0_25519_AESGCM_SHA256";
const WITHOUT: &str = "Noise_NN_25519_AESGCM_SHA256";

/// The largest message of Noise.
pub(super) const MAX_MESSAGE_BYTES: usize = 65_535;
/// The bytes that encryption adds to a message.
pub(super) const TAG_BYTES: usize = 16;
/// A public key of X25519, and a private one.
pub(super) const KEY_BYTES: usize = 32;

/// Which end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Caller,
    Server,
}

/// Begins a handshake. It comes to an end only where both ends begin with the same prologue, and with the same secret
/// or none.
pub(super) fn begin(
    end: End,
    secret: Option<&ClusterSecret>,
    prologue: &[u8],
) -> Result<HandshakeState, Error> {
    let pattern = if secret.is_some() { WITH_SECRET } else { WITHOUT };
    let mut builder = Builder::with_resolver(pattern.parse()?, Box::new(AwsLc)).prologue(prologue)?;
    if let Some(secret) = secret {
        builder = builder.psk(0, secret.bytes())?;
    }
    match end {
        End::Caller => builder.build_initiator(),
        End::Server => builder.build_responder(),
    }
}

/// Gives out the primitives that the two patterns name, and no others.
struct AwsLc;

impl CryptoResolver for AwsLc {
    fn resolve_rng(&self) -> Option<Box<dyn Random>> {
        Some(Box::new(SystemRandom))
    }

    fn resolve_dh(&self, choice: &DHChoice) -> Option<Box<dyn Dh>> {
        (*choice == DHChoice::Curve25519).then(|| Box::new(KeyPair::default()) as _)
    }

    fn resolve_hash(&self, choice: &HashChoice) -> Option<Box<dyn Hash>> {
        (*choice == HashChoice::SHA256).then(|| Box::new(Sha256::default()) as _)
    }

    fn resolve_cipher(&self, choice: &CipherChoice) -> Option<Box<dyn Cipher>> {
        (*choice == CipherChoice::AESGCM).then(|| Box::new(AesGcm::default()) as _)
    }
}

struct SystemRandom;

impl Random for SystemRandom {
    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        rand::fill(bytes).map_err(|Unspecified| Error::Rng)
    }
}

/// A pair of keys for one connection.
#[derive(Default)]
struct KeyPair {
    key: Option<PrivateKey>,
    private: [u8; KEY_BYTES],
    public: [u8; KEY_BYTES],
}

impl KeyPair {
    fn of(private: [u8; KEY_BYTES]) -> Result<Self, Unspecified> {
        let key = PrivateKey::from_private_key(&X25519, &private)?;
        let mut public = [0; KEY_BYTES];
        public.copy_from_slice(key.compute_public_key()?.as_ref());
        let key = Some(key);
        Ok(Self { key, private, public })
    }
}

impl Dh for KeyPair {
    fn name(&self) -> &'static str {
        "25519"
    }

    fn pub_len(&self) -> usize {
        KEY_BYTES
    }

    fn priv_len(&self) -> usize {
        KEY_BYTES
    }

    /// Without a key that can be used nothing is agreed.
    fn set(&mut self, private: &[u8]) {
        let pair = private.try_into().map_err(|_| Unspecified).and_then(Self::of);
        *self = pair.unwrap_or_default();
    }

    fn generate(&mut self, random: &mut dyn Random) -> Result<(), Error> {
        let mut private = [0; KEY_BYTES];
        random.try_fill_bytes(&mut private)?;
        *self = Self::of(private).map_err(|Unspecified| Error::Dh)?;
        Ok(())
    }

    fn pubkey(&self) -> &[u8] {
        &self.public
    }

    fn privkey(&self) -> &[u8] {
        &self.private
    }

    /// Fails for a key of the other end that leads to a secret which everybody knows.
    fn dh(&self, public: &[u8], out: &mut [u8]) -> Result<(), Error> {
        let (Some(key), Some(public)) = (&self.key, public.get(..KEY_BYTES)) else {
            return Err(Error::Dh);
        };
        agree(
            key,
            UnparsedPublicKey::new(&X25519, public),
            Error::Dh,
            |shared| {
                let out = out.get_mut(..shared.len()).ok_or(Error::Dh)?;
                out.copy_from_slice(shared);
                Ok(())
            },
        )
    }
}

struct Sha256(digest::Context);

impl Default for Sha256 {
    fn default() -> Self {
        Self(digest::Context::new(&digest::SHA256))
    }
}

impl Hash for Sha256 {
    fn name(&self) -> &'static str {
        "SHA256"
    }

    fn block_len(&self) -> usize {
        digest::SHA256.block_len()
    }

    fn hash_len(&self) -> usize {
        digest::SHA256_OUTPUT_LEN
    }

    fn reset(&mut self) {
        *self = Self::default();
    }

    fn input(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    fn result(&mut self, out: &mut [u8]) {
        let digest = self.0.clone().finish();
        out[..digest::SHA256_OUTPUT_LEN].copy_from_slice(digest.as_ref());
    }
}

#[derive(Default)]
struct AesGcm(Option<LessSafeKey>);

impl AesGcm {
    fn key(&self) -> &LessSafeKey {
        self.0.as_ref().expect("snow sets a key before it uses one")
    }
}

/// As Noise lays out the number of a message.
fn nonce(number: u64) -> Nonce {
    let mut nonce = [0; NONCE_LEN];
    nonce[NONCE_LEN - 8..].copy_from_slice(&number.to_be_bytes());
    Nonce::assume_unique_for_key(nonce)
}

impl Cipher for AesGcm {
    fn name(&self) -> &'static str {
        "AESGCM"
    }

    fn set(&mut self, key: &[u8; KEY_BYTES]) {
        let key = UnboundKey::new(&AES_256_GCM, key).expect("32 bytes are a key of AES-256");
        self.0 = Some(LessSafeKey::new(key));
    }

    fn encrypt(&self, number: u64, beside: &[u8], text: &[u8], out: &mut [u8]) -> usize {
        let (sealed, rest) = out.split_at_mut(text.len());
        sealed.copy_from_slice(text);
        let tag = self
            .key()
            .seal_in_place_separate_tag(nonce(number), Aad::from(beside), sealed)
            .expect("no message of Noise is too long for AES-GCM");
        rest[..TAG_BYTES].copy_from_slice(tag.as_ref());
        text.len() + TAG_BYTES
    }

    fn decrypt(&self, number: u64, beside: &[u8], sealed: &[u8], out: &mut [u8]) -> Result<usize, Error> {
        let (sealed, tag) = sealed.split_last_chunk::<TAG_BYTES>().ok_or(Error::Decrypt)?;
        let out = out.get_mut(..sealed.len()).ok_or(Error::Decrypt)?;
        self.key()
            .open_separate_gather(nonce(number), Aad::from(beside), sealed, tag, out)
            .map_err(|Unspecified| Error::Decrypt)?;
        Ok(sealed.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        let digits = hex.as_bytes().chunks(2);
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        digits.map(byte).collect()
    }

    /// A conversation of the test vectors of Cacophony, another implementation of Noise: what goes over the wire with
    /// our primitives is what went over it there.
    #[test]
    fn the_wire_is_that_of_another_implementation() {
        let prologue = bytes("4a6f686e2047616c74");
        let secret: [u8; 32] = *b"This is my Austrian perspective!";
        let keys = [
            "893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a",
            "bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b",
        ]
        .map(bytes);
        let built = |key: &[u8], end: End| {
            let builder = Builder::with_resolver(WITH_SECRET.parse().unwrap(), Box::new(AwsLc));
            let builder = builder.prologue(&prologue).unwrap().psk(0, &secret).unwrap();
            let builder = builder.fixed_ephemeral_key_for_testing_only(key);
            match end {
                End::Caller => builder.build_initiator().unwrap(),
                End::Server => builder.build_responder().unwrap(),
            }
        };
        let (mut caller, mut server) = (built(&keys[0], End::Caller), built(&keys[1], End::Server));
        let said = |from: &mut HandshakeState, to: &mut HandshakeState, payload: &[u8], on_the_wire: &str| {
            let (mut wire, mut read) = ([0; 256], [0; 256]);
            let length = from.write_message(payload, &mut wire).unwrap();
            assert_eq!(wire[..length], bytes(on_the_wire));
            let length = to.read_message(&wire[..length], &mut read).unwrap();
            assert_eq!(&read[..length], payload);
        };
        said(
            &mut caller,
            &mut server,
            b"Ludwig von Mises",
            "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c79447c37a89fc17813788d30df2d59501d6066f5f8aecc3406bbd9829f2d24a531b1",
        );
        said(
            &mut server,
            &mut caller,
            b"Murray Rothbard",
            "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f1448088432f29d79368ef9de4e1ae7a362fb05bf0ad668e026bf5714554497b3a720461",
        );
        let (mut caller, mut server) = (
            caller.into_transport_mode().unwrap(),
            server.into_transport_mode().unwrap(),
        );
        let (mut wire, mut read) = ([0; 256], [0; 256]);
        for (payload, on_the_wire) in [
            (
                &b"F. A. Hayek"[..],
                "7c01e898a6201f36aecee532e29cd0b7f8ffa29d3366ad0dce39a6",
            ),
            (
                b"Carl Menger",
                "a9ff535aace3db6a1da1a7fb00fe2de2622bb373abad9fb42c00e0",
            ),
        ] {
            let length = caller.write_message(payload, &mut wire).unwrap();
            assert_eq!(wire[..length], bytes(on_the_wire));
            let length = server.read_message(&wire[..length], &mut read).unwrap();
            assert_eq!(&read[..length], payload);
            std::mem::swap(&mut caller, &mut server);
        }
    }

    /// A public key of low order would make a secret that everybody knows.
    #[test]
    fn a_key_of_low_order_is_refused() {
        let mut pair = KeyPair::default();
        assert_eq!(
            pair.dh(&[9; 32], &mut [0; 32]),
            Err(Error::Dh),
            "there is no key yet"
        );
        pair.generate(&mut SystemRandom).unwrap();
        let mut shared = [0; 32];
        pair.dh(&[9; 32], &mut shared).unwrap();
        assert_eq!(pair.dh(&[0; 32], &mut shared), Err(Error::Dh));
    }
}
