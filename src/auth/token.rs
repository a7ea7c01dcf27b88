//! Service-account tokens: JWT, HS256 only. Issued for the admin API, verified as the password of SASL/PLAIN.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use klamm_raft::model::{AccountName, KeyId, SigningKey, SigningKeys, TokenId, TokenRecord, VclusterName};
use serde::{Deserialize, Serialize};

use super::login::LoginBasis;
use super::{Directory, Login, LoginRefusal, Mechanism, UnixMillis};
use crate::authz::Principal;

/// The claims of a token. All are required.
#[derive(Serialize, Deserialize)]
struct Claims {
    username: String,
    vcluster: String,
    /// Seconds since the Unix epoch.
    exp: u64,
    /// Seconds since the Unix epoch.
    iat: u64,
    /// A hyphenated UUID.
    jti: String,
}

/// The signing library refused.
#[derive(Debug, thiserror::Error)]
#[error("a token could not be signed")]
pub struct SigningFailed(#[source] jsonwebtoken::errors::Error);

/// Makes the token that `record` is about. It names the key.
pub fn issue(
    key: &SigningKey,
    vcluster: &VclusterName,
    id: TokenId,
    record: &TokenRecord,
) -> Result<String, SigningFailed> {
    let claims = Claims {
        username: record.account.as_str().to_owned(),
        vcluster: vcluster.as_str().to_owned(),
        exp: record.expires_at_s,
        iat: record.issued_at_s,
        jti: uuid::Uuid::from_bytes(id.0).to_string(),
    };
    let header = Header {
        kid: Some(key.id().to_string()),
        ..Header::new(Algorithm::HS256)
    };
    let key = EncodingKey::from_secret(&key.0);
    jsonwebtoken::encode(&header, &claims, &key).map_err(SigningFailed)
}

/// Checks that `token` logs `username` in to the virtual cluster of `directory`: signature, all claims, and that
/// exactly this token was issued for exactly this account, by the key that signed it.
pub fn verify(
    directory: &Directory,
    username: &str,
    token: &str,
    now: UnixMillis,
) -> Result<Login, LoginRefusal> {
    let keys = directory.keys().ok_or(LoginRefusal::NoSigningKey)?;
    let (claims, key) = signed(keys, token)?;
    if claims.vcluster != directory.vcluster().as_str() {
        return Err(LoginRefusal::OtherVcluster);
    }
    if claims.username != username {
        return Err(LoginRefusal::OtherUsername);
    }
    let account: AccountName = claims
        .username
        .parse()
        .map_err(|_| LoginRefusal::UnknownAccount)?;
    let id = uuid::Uuid::parse_str(&claims.jti).map_err(|_| LoginRefusal::InvalidToken)?;
    let id = TokenId(id.into_bytes());
    let record = directory.token(id).ok_or(LoginRefusal::UnknownToken)?;
    // A key that was stolen makes no tokens out of the ids of others.
    if record.account != account || record.key != key {
        return Err(LoginRefusal::UnknownToken);
    }
    if directory.account_created(&account) != Some(record.account_created) {
        return Err(LoginRefusal::UnknownAccount);
    }
    let expires = UnixMillis::from_secs(claims.exp.min(record.expires_at_s));
    if now >= expires {
        return Err(LoginRefusal::ExpiredToken);
    }
    Ok(Login {
        principal: Principal::user(account.as_str()),
        mechanism: Some(Mechanism::Plain),
        expires: Some(expires),
        basis: LoginBasis::Token {
            account_created: record.account_created,
            account,
            token: id,
        },
    })
}

/// The record of a token, and the key that signed it. One that names no key is of a time before keys had names.
fn signed(keys: &SigningKeys, token: &str) -> Result<(Claims, KeyId), LoginRefusal> {
    let named = jsonwebtoken::decode_header(token)
        .map_err(|_| LoginRefusal::InvalidToken)?
        .kid;
    let named = named.as_deref();
    for key in keys.verifying() {
        let id = key.id();
        if named.is_some_and(|named| id.to_string() != named) {
            continue;
        }
        let secret = DecodingKey::from_secret(&key.0);
        if let Ok(token) = jsonwebtoken::decode::<Claims>(token, &secret, &signature_only()) {
            return Ok((token.claims, id));
        }
    }
    Err(match named {
        Some(named) if keys.retired.iter().any(|gone| gone.to_string() == named) => LoginRefusal::RetiredKey,
        _ => LoginRefusal::InvalidToken,
    })
}

/// Has the library check the signature and nothing that needs a clock: the expiry is compared with an argument here.
fn signature_only() -> Validation {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.leeway = 0;
    validation.validate_exp = false;
    validation
}

#[cfg(test)]
pub(crate) mod samples;

#[cfg(test)]
mod tests;
