//! Requests for tokens.

use klamm_raft::model::{AccountName, VclusterName};
use serde::Deserialize;

use super::invalid::{Invalid, required};
use super::vcluster_name;

/// The longest life of a token, in seconds: 68 years.
const MAX_LIFE_TIME_S: i64 = 2_147_483_647;

/// The body of `POST /gateway/v2/token`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct TokenRequest {
    username: String,
    #[serde(default)]
    v_cluster: Option<String>,
    life_time_seconds: i64,
}

/// A request that can be meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) vcluster: VclusterName,
    pub(crate) account: AccountName,
    pub(crate) life_time_s: u64,
}

impl TokenRequest {
    /// Checks what is asked for.
    pub(crate) fn read(self) -> Result<Wanted, Invalid> {
        let life_time_s = u64::try_from(self.life_time_seconds)
            .ok()
            .filter(|_| (1..=MAX_LIFE_TIME_S).contains(&self.life_time_seconds));
        Ok(Wanted {
            vcluster: vcluster_name("vCluster", self.v_cluster.as_deref())?,
            account: required("username", &self.username)?,
            life_time_s: life_time_s.ok_or_else(|| {
                Invalid::new(format!("lifeTimeSeconds must be from 1 to {MAX_LIFE_TIME_S}"))
            })?,
        })
    }
}
