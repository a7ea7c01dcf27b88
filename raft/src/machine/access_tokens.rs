//! The records of access tokens of the admin API.

use crate::model::{AccessToken, AccessTokenId, Limit, State};
use crate::outcome::{Outcome, Refusal};

/// Records a token; those that expired before it was issued are dropped.
pub(super) fn put(state: &mut State, id: AccessTokenId, token: AccessToken) -> Result<Outcome, Refusal> {
    let now_s = token.issued_at_s;
    let tokens = &state.access_tokens;
    let others = tokens
        .iter()
        .filter(|(other, known)| **other != id && known.expires_at_s >= now_s);
    Limit::AccessTokens.check_gateway(others.count() as u64 + 1)?;
    if tokens.get(&id) == Some(&token) {
        return Ok(Outcome::Unchanged);
    }
    let tokens = &mut *state.access_tokens;
    tokens.retain(|_, known| known.expires_at_s >= now_s);
    Ok(match tokens.insert(id, token) {
        Some(_) => Outcome::Updated,
        None => Outcome::Created,
    })
}

/// Drops a record: nobody is let in by the token any longer.
pub(super) fn revoke(state: &mut State, id: AccessTokenId) -> Outcome {
    if !state.access_tokens.contains_key(&id) {
        return Outcome::Unchanged;
    }
    state.access_tokens.remove(&id);
    Outcome::Deleted
}

/// Writes down that a token was used, unless that is known well enough.
pub(super) fn mark_used(state: &mut State, id: AccessTokenId, at_s: u64) -> Outcome {
    let known = state.access_tokens.get(&id);
    if !known.is_some_and(|token| token.is_news(at_s)) {
        return Outcome::Unchanged;
    }
    if let Some(token) = state.access_tokens.get_mut(&id) {
        token.last_used_s = Some(at_s);
    }
    Outcome::Updated
}
