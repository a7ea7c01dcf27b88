//! Whether a token is good: signature, time, issuer, audience, scopes, rules. Whose it is, and how long it holds.

use std::sync::Arc;

use jsonwebtoken::Validation;
use serde_json::{Map, Value as Json};

use super::claims;
use super::{KeySet, Provider};
use crate::auth::rule::CompiledRule;
use crate::auth::{LoginRefusal, UnixMillis};

/// The longest name that a token may give, in bytes.
const MAX_SUBJECT_BYTES: usize = 256;

/// The demands of a virtual cluster on tokens.
#[derive(Debug, Clone)]
pub struct TokenDemand {
    /// One of them must be in `aud`. Empty: those of the provider.
    pub audiences: Vec<String>,
    /// All of them.
    pub scopes: Vec<String>,
    /// The claim that names the client.
    pub principal_claim: String,
    pub scope_claim: String,
    /// All must hold.
    pub rules: Arc<[CompiledRule]>,
}

/// A token that is good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The value of the principal claim.
    pub subject: String,
    /// From then on it is good no more.
    pub expires: UnixMillis,
}

/// Why a token is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It may be good: the provider's keys must be read, again or for the first time.
    UnknownKey,
    /// This rule of [`TokenDemand::rules`] does not hold.
    Rule(usize),
    Bad(LoginRefusal),
}

impl From<LoginRefusal> for Fault {
    fn from(refusal: LoginRefusal) -> Self {
        Self::Bad(refusal)
    }
}

/// Checks a token.
///
/// # Errors
/// It is not good, or nobody can say without fresher keys.
pub fn verify(
    token: &str,
    provider: &Provider,
    keys: &KeySet,
    demand: &TokenDemand,
    now: UnixMillis,
) -> Result<Verified, Fault> {
    let claims = signed_claims(token, provider, keys)?;
    let expires = valid_until(&claims, provider.leeway_ms, now)?;
    if claims.get("iss").and_then(Json::as_str) != Some(provider.issuer.as_str()) {
        return Err(LoginRefusal::OtherIssuer.into());
    }
    let audiences = match demand.audiences.is_empty() {
        true => &provider.audiences,
        false => &demand.audiences,
    };
    if !audiences.is_empty() && !claims::names_any(claims.get("aud"), audiences) {
        return Err(LoginRefusal::OtherAudience.into());
    }
    let scope = claims::find(&claims, &demand.scope_claim);
    if !demand
        .scopes
        .iter()
        .all(|wanted| claims::has_scope(scope, wanted))
    {
        return Err(LoginRefusal::MissingScope.into());
    }
    let subject = claims::find(&claims, &demand.principal_claim)
        .and_then(Json::as_str)
        .filter(|name| is_subject(name))
        .ok_or(LoginRefusal::NoSubject)?;
    // A rule without an answer refuses.
    let mut rules = demand.rules.iter();
    if let Some(unmet) = rules.position(|rule| rule.holds(&claims) != Ok(true)) {
        return Err(Fault::Rule(unmet));
    }
    Ok(Verified {
        subject: subject.to_owned(),
        expires,
    })
}

/// Whose token this claims to be. For a token that somebody else is going to check.
pub fn unverified_subject(token: &str, principal_claim: &str) -> Option<String> {
    let claims: Map<String, Json> = jsonwebtoken::dangerous::insecure_decode_claims(token).ok()?;
    let name = claims::find(&claims, principal_claim)?.as_str()?;
    is_subject(name).then(|| name.to_owned())
}

fn is_subject(name: &str) -> bool {
    !name.is_empty() && name.len() <= MAX_SUBJECT_BYTES && !name.contains(char::is_control)
}

/// The claims, once one of the keys is known to have signed them.
fn signed_claims(token: &str, provider: &Provider, keys: &KeySet) -> Result<Map<String, Json>, Fault> {
    let invalid = Fault::Bad(LoginRefusal::InvalidToken);
    let header = jsonwebtoken::decode_header(token).map_err(|_| invalid)?;
    // What must be understood (RFC 7515 §4.1.11) is not; what is encrypted or packed is no plain claim.
    if header.crit.is_some() || header.enc.is_some() || header.zip.is_some() {
        return Err(invalid);
    }
    // The header chooses among what the operator allows, never beyond.
    let algorithm = *provider
        .algorithms
        .iter()
        .find(|allowed| allowed.of_library() == header.alg)
        .ok_or(invalid)?;
    if let Some(id) = &header.kid
        && !keys.has(id)
    {
        return Err(Fault::UnknownKey);
    }
    let mut validation = Validation::new(algorithm.of_library());
    // Only the signature: everything else is compared here, and with a time that is given.
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    keys.candidates(header.kid.as_deref(), algorithm)
        .find_map(|key| jsonwebtoken::decode::<Map<String, Json>>(token, key, &validation).ok())
        .map(|token| token.claims)
        .ok_or(invalid)
}

fn valid_until(
    claims: &Map<String, Json>,
    leeway_ms: u64,
    now: UnixMillis,
) -> Result<UnixMillis, LoginRefusal> {
    let expires = claims::time(claims, "exp")
        .ok_or(LoginRefusal::InvalidToken)?
        .map_err(|claims::NotATime| LoginRefusal::InvalidToken)?;
    // Who comes late gets what is left of the leeway; who is in time is told the token's own end.
    let latest = UnixMillis(expires.0.saturating_add(leeway_ms));
    let expires = if now < expires { expires } else { latest };
    if now >= latest {
        return Err(LoginRefusal::ExpiredToken);
    }
    match claims::time(claims, "nbf") {
        Some(Ok(from)) if from.0 > now.0.saturating_add(leeway_ms) => Err(LoginRefusal::NotYetValid),
        Some(Err(claims::NotATime)) => Err(LoginRefusal::InvalidToken),
        _ => Ok(expires),
    }
}

#[cfg(test)]
mod tests;
