//! Tokens: requests for them, and the records of those that were issued. A token itself is never shown again.

use klamm_raft::command::Revoked;
use klamm_raft::model::{AccountName, TokenId, TokenRecord, VclusterName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::invalid::{Invalid, required};
use super::schema::{ACCOUNTS, UUIDS, VCLUSTERS};
use super::vcluster_name;
use crate::unix_time::utc;

/// The longest life of a token, in seconds: 68 years.
pub(super) const MAX_LIFE_TIME_S: i64 = 2_147_483_647;

/// The body of `POST /gateway/v2/token`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct TokenRequest {
    /// The service account.
    #[schemars(regex(pattern = ACCOUNTS))]
    username: String,
    /// Its virtual cluster; passthrough, if none is named.
    #[serde(default)]
    #[schemars(regex(pattern = VCLUSTERS))]
    v_cluster: Option<String>,
    #[schemars(range(min = 1, max = MAX_LIFE_TIME_S))]
    life_time_seconds: i64,
    /// Clients that keep a token beside what it was asked for with send the field empty.
    #[serde(default)]
    #[schemars(skip)]
    token: Option<String>,
}

/// A request that can be meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WantedToken {
    pub(crate) vcluster: VclusterName,
    pub(crate) account: AccountName,
    pub(crate) life_time_s: u64,
}

impl TokenRequest {
    /// Checks what is asked for.
    pub(crate) fn read(self) -> Result<WantedToken, Invalid> {
        if self.token.is_some_and(|token| !token.is_empty()) {
            return Err(Invalid::new(
                "token must be empty or left out: the gateway creates it and returns it",
            ));
        }
        Ok(WantedToken {
            vcluster: vcluster_name("vCluster", self.v_cluster.as_deref())?,
            account: required("username", &self.username)?,
            life_time_s: life_time(self.life_time_seconds)?,
        })
    }
}

/// Checks `lifeTimeSeconds`.
pub(super) fn life_time(seconds: i64) -> Result<u64, Invalid> {
    let given = u64::try_from(seconds).ok();
    given
        .filter(|_| (1..=MAX_LIFE_TIME_S).contains(&seconds))
        .ok_or_else(|| Invalid::new(format!("lifeTimeSeconds must be from 1 to {MAX_LIFE_TIME_S}")))
}

/// Which tokens are listed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AccountFilter {
    pub(crate) vcluster: Option<String>,
    pub(crate) username: Option<String>,
}

/// A token as it is listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "IssuedToken")]
pub(crate) struct ShownToken {
    #[schemars(extend("format" = "uuid"))]
    id: String,
    v_cluster: String,
    username: String,
    #[schemars(extend("format" = "date-time"))]
    issued_at: String,
    #[schemars(extend("format" = "date-time"))]
    expires_at: String,
    /// The id of the key that signed it.
    key_id: String,
}

impl ShownToken {
    /// An issued token as it is known.
    pub(crate) fn of(vcluster: &VclusterName, id: TokenId, record: &TokenRecord) -> Self {
        Self {
            id: uuid::Uuid::from_bytes(id.0).to_string(),
            v_cluster: vcluster.to_string(),
            username: record.account.to_string(),
            issued_at: utc(record.issued_at_s),
            expires_at: utc(record.expires_at_s),
            key_id: record.key.to_string(),
        }
    }
}

/// The body of `DELETE /gateway/v2/token`: one token, or all of an account.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "TokensToRevoke", description = "Either id or username.")]
pub(crate) struct RevokeRequest {
    #[serde(default)]
    #[schemars(regex(pattern = VCLUSTERS))]
    v_cluster: Option<String>,
    #[serde(default)]
    #[schemars(regex(pattern = UUIDS), extend("format" = "uuid"))]
    id: Option<String>,
    #[serde(default)]
    #[schemars(regex(pattern = ACCOUNTS))]
    username: Option<String>,
}

impl RevokeRequest {
    /// Checks what is asked for.
    pub(crate) fn read(self) -> Result<(VclusterName, Revoked), Invalid> {
        let vcluster = vcluster_name("vCluster", self.v_cluster.as_deref())?;
        let revoked = match (self.id, self.username) {
            (Some(id), None) => {
                let id = uuid::Uuid::parse_str(&id)
                    .map_err(|_| Invalid::new(format!("id: {id:?} is not the id of a token")))?;
                Revoked::One(TokenId(id.into_bytes()))
            }
            (None, Some(username)) => Revoked::AllOf(required("username", &username)?),
            _ => {
                return Err(Invalid::new(
                    "give either id, for one token, or username, for all tokens of a service account",
                ));
            }
        };
        Ok((vcluster, revoked))
    }
}
