//! Passwords of a list of users: what is kept of one, and the check, which is slow on purpose. Knows no users.

use std::num::NonZeroU32;

use aws_lc_rs::{hmac, pbkdf2};
use klamm_raft::model::PasswordHash;

use crate::secret::Secret;

/// How often a new password is hashed. It costs whoever guesses at a stolen hash this much for each guess; and so
/// little that the checks of all connections that may wait to log in (2,000 of them, about 2 ms each) end before the
/// first of them gives up. Tokens and SCRAM are for those who want more.
pub const ITERATIONS: NonZeroU32 = NonZeroU32::new(10_000).expect("it is not zero");

/// Bytes of a hash.
const HASH_BYTES: usize = 32;

/// Bytes of a salt.
pub const SALT_BYTES: usize = 16;

/// The record that is kept of a password. `salt` is random, and used for nothing else. Takes milliseconds.
pub fn hash(password: &str, salt: [u8; SALT_BYTES]) -> PasswordHash {
    let mut hash = vec![0; HASH_BYTES];
    pbkdf2::derive(
        pbkdf2::PBKDF2_HMAC_SHA256,
        ITERATIONS,
        &salt,
        password.as_bytes(),
        &mut hash,
    );
    PasswordHash {
        salt: salt.to_vec(),
        iterations: ITERATIONS.get(),
        hash,
    }
}

/// Whether `hash` is kept of this password. Takes milliseconds, and as long for a wrong password as for the right one.
pub fn is_right(hash: &PasswordHash, password: &str) -> bool {
    let Some(iterations) = NonZeroU32::new(hash.iterations) else {
        return false;
    };
    let checked = pbkdf2::verify(
        pbkdf2::PBKDF2_HMAC_SHA256,
        iterations,
        &hash.salt,
        password.as_bytes(),
        &hash.hash,
    );
    checked.is_ok()
}

/// A password that somebody sent, and what it is to be compared with. Its `Debug` shows nothing.
#[derive(Debug, Clone)]
pub struct PasswordCheck {
    password: Secret,
    /// None for a user whom nobody knows: then as much is computed, for nothing.
    against: Option<PasswordHash>,
}

/// The result of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordVerdict {
    Right,
    Wrong,
    /// Too many others waited.
    NotChecked,
}

impl PasswordCheck {
    pub(super) fn new(password: &str, against: Option<PasswordHash>) -> Self {
        Self {
            password: Secret::new(password),
            against,
        }
    }

    /// Compares. Takes milliseconds.
    pub fn run(&self) -> PasswordVerdict {
        let nobody = || PasswordHash {
            salt: vec![0; SALT_BYTES],
            iterations: ITERATIONS.get(),
            hash: vec![0; HASH_BYTES],
        };
        let password = self.password.reveal();
        let (is_right, is_somebody) = match &self.against {
            Some(hash) => (is_right(hash, password), true),
            None => (is_right(&nobody(), password), false),
        };
        match is_right & is_somebody {
            true => PasswordVerdict::Right,
            false => PasswordVerdict::Wrong,
        }
    }

    /// Names the password and what it is compared with, for whoever knows `key`: two checks with one name have one
    /// verdict.
    pub fn name(&self, key: &hmac::Key) -> [u8; HASH_BYTES] {
        let mut context = hmac::Context::with_key(key);
        if let Some(hash) = &self.against {
            // Both are of one length each, so that no other pair reads the same.
            context.update(&hash.salt);
            context.update(&hash.hash);
        }
        context.update(self.password.reveal().as_bytes());
        let mut name = [0; HASH_BYTES];
        name.copy_from_slice(context.sign().as_ref());
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_password_itself_is_right() {
        let kept = hash("hunter2", [7; SALT_BYTES]);
        let run = |password: &str, against| PasswordCheck::new(password, against).run();
        assert_eq!(run("hunter2", Some(kept.clone())), PasswordVerdict::Right);
        for wrong in ["", "hunter", "hunter22", "Hunter2"] {
            assert_eq!(run(wrong, Some(kept.clone())), PasswordVerdict::Wrong, "{wrong}");
        }
        assert_eq!(run("hunter2", None), PasswordVerdict::Wrong);
        let never = PasswordHash {
            iterations: 0,
            ..kept
        };
        assert_eq!(run("hunter2", Some(never)), PasswordVerdict::Wrong);
    }

    /// PBKDF2 with HMAC-SHA-256, as other programs compute it (Python's `hashlib.pbkdf2_hmac`).
    #[test]
    fn what_is_kept_is_what_the_standard_says() {
        let kept = hash("password", *b"saltsaltsaltsalt");
        assert_eq!(kept.iterations, 10_000);
        assert_eq!(hex(&kept.hash), EXPECTED);
    }

    const EXPECTED: &str = "fc706db7b67fee9d02cd1bd237507e297aca36c92f46db35516c3ad73293154a";

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn a_name_is_of_both_halves() {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &[1; 32]);
        let (one, other) = (hash("a", [1; SALT_BYTES]), hash("a", [2; SALT_BYTES]));
        let name = |password: &str, against: &PasswordHash| {
            PasswordCheck::new(password, Some(against.clone())).name(&key)
        };
        assert_eq!(name("a", &one), name("a", &one));
        assert_ne!(name("a", &one), name("b", &one));
        assert_ne!(
            name("a", &one),
            name("a", &other),
            "a changed password is another"
        );
    }

    #[test]
    fn debug_shows_nothing() {
        let check = PasswordCheck::new("hunter2", Some(hash("hunter2", [1; SALT_BYTES])));
        assert!(!format!("{check:?}").contains("hunter2"));
    }
}
