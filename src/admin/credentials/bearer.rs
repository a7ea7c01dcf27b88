//! Access tokens by HTTP Bearer: their form, and which of them are good. It knows nothing of who may do what.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use klamm_raft::model::{AccessToken, AccessTokenId, State};

use crate::secret::Secret;

/// The beginning of every token, so that people, and programs that look for secrets where they should not be, know one.
const MARK: &str = "klamm_pat_";

const ID_BYTES: usize = 16;
const SECRET_BYTES: usize = 32;

/// A token that is about to be issued.
pub(in crate::admin) struct NewToken {
    pub(in crate::admin) id: AccessTokenId,
    /// The digest that is kept of it.
    pub(in crate::admin) digest: [u8; 32],
    /// The token itself, for whoever asked.
    pub(in crate::admin) text: Secret,
}

impl NewToken {
    /// Of random bytes that were never used before.
    pub(in crate::admin) fn of(id: [u8; ID_BYTES], secret: [u8; SECRET_BYTES]) -> Self {
        let bytes = [&id[..], &secret[..]].concat();
        Self {
            id: AccessTokenId(id),
            digest: hashed(&secret),
            text: Secret::new(format!("{MARK}{}", URL_SAFE_NO_PAD.encode(bytes))),
        }
    }
}

fn hashed(secret: &[u8]) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest(&SHA256, secret).as_ref());
    bytes
}

/// Why a token lets nobody in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WhyNot {
    /// It has not the form of one.
    Malformed,
    /// None of this id: it was revoked, or never issued.
    Unknown,
    WrongSecret,
    Expired,
}

impl fmt::Display for WhyNot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "no access token",
            Self::Unknown => "revoked or unknown access token",
            Self::WrongSecret => "access token with another secret",
            Self::Expired => "expired access token",
        })
    }
}

/// The record of a token that is good at this time.
pub(super) fn check<'a>(
    state: &'a State,
    text: &[u8],
    now_s: u64,
) -> Result<(AccessTokenId, &'a AccessToken), WhyNot> {
    let encoded = text.strip_prefix(MARK.as_bytes()).ok_or(WhyNot::Malformed)?;
    let bytes = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| WhyNot::Malformed)?;
    let (id, secret) = bytes.split_first_chunk::<ID_BYTES>().ok_or(WhyNot::Malformed)?;
    if secret.len() != SECRET_BYTES {
        return Err(WhyNot::Malformed);
    }
    let id = AccessTokenId(*id);
    let token = state.access_tokens.get(&id).ok_or(WhyNot::Unknown)?;
    verify_slices_are_equal(&token.digest, &hashed(secret)).map_err(|_| WhyNot::WrongSecret)?;
    match now_s < token.expires_at_s {
        true => Ok((id, token)),
        false => Err(WhyNot::Expired),
    }
}

#[cfg(test)]
mod tests {
    use klamm_raft::model::AccessRole;

    use super::*;

    #[test]
    fn a_token_is_good_until_it_expires_or_is_revoked() {
        let new = NewToken::of([7; 16], [9; 32]);
        let token = AccessToken {
            name: "ci".parse().unwrap(),
            username: "ann".to_owned(),
            role: AccessRole::Admin,
            digest: new.digest,
            issued_at_s: 100,
            expires_at_s: 200,
            last_used_s: None,
        };
        let mut state = State::default();
        state.access_tokens.insert(new.id, token);
        let text = new.text.reveal().to_owned();
        let why = |state: &State, text: &str, now_s| check(state, text.as_bytes(), now_s).map(|(id, _)| id);
        assert_eq!(why(&state, &text, 199), Ok(new.id));
        assert_eq!(why(&state, &text, 200), Err(WhyNot::Expired));
        let other = NewToken::of([7; 16], [8; 32]);
        assert_eq!(why(&state, other.text.reveal(), 199), Err(WhyNot::WrongSecret));
        for wrong in [
            "",
            MARK,
            "klamm_pat_AAAA",
            &text[..text.len() - 4],
            &format!("{text}AAAA"),
            &text[1..],
        ] {
            assert_eq!(why(&state, wrong, 199), Err(WhyNot::Malformed), "{wrong}");
        }
        state.access_tokens.remove(&new.id);
        assert_eq!(why(&state, &text, 199), Err(WhyNot::Unknown));
        assert_ne!(new.digest, other.digest);
        assert!(!format!("{state:?}").contains("digest"));
    }
}
