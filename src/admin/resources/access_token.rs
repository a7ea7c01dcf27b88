//! Access tokens of the admin API: requests for them, and the records of those that were issued.

use klamm_raft::model::{AccessRole, AccessToken, AccessTokenId, AccessTokenName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::invalid::{Invalid, required};
use super::token::{MAX_LIFE_TIME_S, life_time};
use crate::unix_time::utc;

/// The body of `POST /gateway/v2/access-token`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct AccessTokenRequest {
    /// Its purpose.
    #[schemars(regex(pattern = r"^[^\x00-\x1f\x7f-\x9f]{1,100}$"))]
    name: String,
    /// The most that whoever shows it may do, and never more than the user who asked for it may.
    #[serde(default = "read_only")]
    role: RoleSpec,
    #[schemars(range(min = 1, max = MAX_LIFE_TIME_S))]
    life_time_seconds: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(inline)]
enum RoleSpec {
    Admin,
    ReadOnly,
}

fn read_only() -> RoleSpec {
    RoleSpec::ReadOnly
}

/// A request that can be meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WantedAccess {
    pub(crate) name: AccessTokenName,
    pub(crate) role: AccessRole,
    pub(crate) life_time_s: u64,
}

impl AccessTokenRequest {
    /// Checks what is asked for.
    pub(crate) fn read(self) -> Result<WantedAccess, Invalid> {
        Ok(WantedAccess {
            name: required("name", &self.name)?,
            role: match self.role {
                RoleSpec::Admin => AccessRole::Admin,
                RoleSpec::ReadOnly => AccessRole::ReadOnly,
            },
            life_time_s: life_time(self.life_time_seconds)?,
        })
    }
}

/// An access token as it is listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "AccessToken")]
pub(crate) struct ShownAccessToken {
    #[schemars(extend("format" = "uuid"))]
    id: String,
    name: String,
    /// Who asked for it, and as whom it acts.
    username: String,
    role: RoleSpec,
    /// When it was made.
    #[schemars(extend("format" = "date-time"))]
    issued_at: String,
    /// From then on it lets nobody in.
    #[schemars(extend("format" = "date-time"))]
    expires_at: String,
    /// To the hour; absent before its first use.
    #[schemars(extend("format" = "date-time"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used_at: Option<String>,
}

impl ShownAccessToken {
    /// An issued token as it is known.
    pub(crate) fn of(id: AccessTokenId, token: &AccessToken) -> Self {
        Self {
            id: uuid::Uuid::from_bytes(id.0).to_string(),
            name: token.name.to_string(),
            username: token.username.clone(),
            role: match token.role {
                AccessRole::Admin => RoleSpec::Admin,
                AccessRole::ReadOnly => RoleSpec::ReadOnly,
            },
            issued_at: utc(token.issued_at_s),
            expires_at: utc(token.expires_at_s),
            last_used_at: token.last_used_s.map(utc),
        }
    }
}
