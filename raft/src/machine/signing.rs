//! The keys that sign tokens: set once, rotated, retired. Tokens end with the key that signed them.

use std::sync::Arc;

use crate::command::OldKeys;
use crate::model::{KeyId, SigningKey, SigningKeys, State};
use crate::outcome::{Outcome, Refusal};

pub(super) fn init(state: &mut State, key: SigningKey, decoy: SigningKey) -> Outcome {
    match state.signing_keys {
        Some(_) => Outcome::Unchanged,
        None => {
            state.signing_keys = Some(SigningKeys::new(key, decoy));
            Outcome::Created
        }
    }
}

/// `replaced` is the key that signed when the new one was made: of two rotations at once the second is refused.
pub(super) fn rotate(
    state: &mut State,
    replaced: KeyId,
    key: SigningKey,
    old: OldKeys,
) -> Result<Outcome, Refusal> {
    let keys = state.signing_keys.as_ref().ok_or(Refusal::NoSigningKey)?;
    let signs = keys.current.id();
    if signs != replaced {
        return Err(Refusal::KeyRotated { signs });
    }
    let before = keys.previous.as_ref().map(SigningKey::id);
    if let (Some(before), OldKeys::Kept { at_s }) = (before, old) {
        let tokens = state.live_tokens_of(before, at_s);
        if tokens > 0 {
            return Err(Refusal::TokensOfOldKey { key: before, tokens });
        }
    }
    let ended = match old {
        OldKeys::Kept { .. } => before.into_iter().collect(),
        OldKeys::Retired => before.into_iter().chain([replaced]).collect::<Vec<_>>(),
    };
    if let Some(keys) = &mut state.signing_keys {
        let old_key = std::mem::replace(&mut keys.current, key);
        keys.previous = Some(old_key).filter(|_| old != OldKeys::Retired);
    }
    end(state, &ended);
    Ok(Outcome::Updated)
}

pub(super) fn retire(state: &mut State, key: KeyId) -> Result<Outcome, Refusal> {
    let keys = state.signing_keys.as_mut().ok_or(Refusal::NoSigningKey)?;
    if keys.current.id() == key {
        return Err(Refusal::KeySigns { key });
    }
    if keys.previous.as_ref().map(SigningKey::id) != Some(key) {
        return Ok(Outcome::Unchanged);
    }
    keys.previous = None;
    end(state, &[key]);
    Ok(Outcome::Deleted)
}

/// Drops the records of all tokens that these keys signed: no login with them holds any longer.
fn end(state: &mut State, gone: &[KeyId]) {
    if let Some(keys) = &mut state.signing_keys {
        gone.iter().for_each(|key| keys.forget(*key));
    }
    for vcluster in state.vclusters.values_mut() {
        // Others are not copied.
        if vcluster.tokens.values().any(|token| gone.contains(&token.key)) {
            let tokens = &mut Arc::make_mut(vcluster).tokens;
            tokens.retain(|_, token| !gone.contains(&token.key));
        }
    }
}
