//! SCRAM credentials of local service accounts: what is put of them, and the little that is shown.

use std::num::NonZeroU32;

use aws_lc_rs::rand;
use klamm_raft::model::{AccountName, ScramCredential, ScramHash, ScramUser, VclusterName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::invalid::{Invalid, required};
use super::schema::{ACCOUNTS, VCLUSTERS};
use super::vcluster_name;
use crate::auth::scram::{MAX_ITERATIONS, MIN_ITERATIONS, Salt, credential_of};
use crate::secret::Secret;

/// Passwords are not longer than this, in bytes.
const MAX_PASSWORD_BYTES: usize = 4096;

/// A mechanism by its registered name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub(crate) enum MechanismName {
    #[serde(rename = "SCRAM-SHA-256")]
    Sha256,
    #[serde(rename = "SCRAM-SHA-512")]
    Sha512,
}

/// The body of `PUT /gateway/v2/scram-credential`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "ScramPassword")]
pub(crate) struct CredentialToPut {
    #[serde(default)]
    #[schemars(regex(pattern = VCLUSTERS))]
    v_cluster: Option<String>,
    #[schemars(regex(pattern = ACCOUNTS))]
    username: String,
    mechanism: MechanismName,
    #[serde(deserialize_with = "secret")]
    #[schemars(with = "String", length(min = 1, max = MAX_PASSWORD_BYTES), extend("writeOnly" = true))]
    password: Secret,
    /// How often the password is hashed; 4096, if nothing is said.
    #[serde(default)]
    #[schemars(range(min = MIN_ITERATIONS, max = MAX_ITERATIONS))]
    iterations: Option<u32>,
}

fn secret<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    Ok(Secret::new(String::deserialize(deserializer)?))
}

/// A credential that can be made.
#[derive(Debug)]
pub(crate) struct WantedScram {
    pub(crate) vcluster: VclusterName,
    pub(crate) user: ScramUser,
    password: Secret,
    iterations: NonZeroU32,
}

impl CredentialToPut {
    /// Checks what is asked for.
    pub(crate) fn read(self) -> Result<WantedScram, Invalid> {
        let length = self.password.reveal().len();
        if !(1..=MAX_PASSWORD_BYTES).contains(&length) {
            return Err(Invalid::new(format!(
                "password must have 1 to {MAX_PASSWORD_BYTES} bytes"
            )));
        }
        let iterations = self.iterations.unwrap_or(MIN_ITERATIONS);
        let iterations = NonZeroU32::new(iterations)
            .filter(|count| (MIN_ITERATIONS..=MAX_ITERATIONS).contains(&count.get()))
            .ok_or_else(|| {
                Invalid::new(format!("iterations must be {MIN_ITERATIONS} to {MAX_ITERATIONS}"))
            })?;
        Ok(WantedScram {
            vcluster: vcluster_name("vCluster", self.v_cluster.as_deref())?,
            user: ScramUser {
                account: required("username", &self.username)?,
                hash: self.mechanism.into(),
            },
            password: self.password,
            iterations,
        })
    }
}

impl WantedScram {
    /// The credential that is kept of the password: the one that there is, if it is of the same password and as strong.
    /// Takes milliseconds.
    pub(crate) fn credential(&self, known: Option<&ScramCredential>) -> Result<ScramCredential, Invalid> {
        let make = |salt| credential_of(self.user.hash, self.password.reveal(), salt, self.iterations);
        if let Some(known) = known
            && known.iterations == self.iterations.get()
            && make(Salt(known.salt.clone())) == *known
        {
            return Ok(known.clone());
        }
        let mut random = [0; 25];
        rand::fill(&mut random).map_err(|_| Invalid::new("the operating system provides no random bytes"))?;
        Ok(make(Salt::from_random(random)))
    }
}

/// The body of `DELETE /gateway/v2/scram-credential`. Without a mechanism all credentials of the account are meant.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(
    rename = "ScramCredentialsToDelete",
    description = "Without a mechanism: all credentials of the account."
)]
pub(crate) struct CredentialsToDelete {
    #[serde(default)]
    #[schemars(regex(pattern = VCLUSTERS))]
    v_cluster: Option<String>,
    #[schemars(regex(pattern = ACCOUNTS))]
    username: String,
    #[serde(default)]
    mechanism: Option<MechanismName>,
}

impl CredentialsToDelete {
    /// The virtual cluster, the account, and what of it is meant.
    pub(crate) fn read(self) -> Result<(VclusterName, AccountName, Vec<ScramUser>), Invalid> {
        let vcluster = vcluster_name("vCluster", self.v_cluster.as_deref())?;
        let account: AccountName = required("username", &self.username)?;
        let hashes = match self.mechanism {
            Some(mechanism) => vec![mechanism.into()],
            None => vec![ScramHash::Sha256, ScramHash::Sha512],
        };
        let users = hashes.into_iter().map(|hash| ScramUser {
            account: account.clone(),
            hash,
        });
        let users = users.collect();
        Ok((vcluster, account, users))
    }
}

/// A credential as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ScramCredential")]
pub(crate) struct ShownCredential {
    v_cluster: String,
    username: String,
    mechanism: MechanismName,
    iterations: u32,
}

impl ShownCredential {
    pub(crate) fn of(vcluster: &VclusterName, user: &ScramUser, credential: &ScramCredential) -> Self {
        Self {
            v_cluster: vcluster.to_string(),
            username: user.account.to_string(),
            mechanism: user.hash.into(),
            iterations: credential.iterations,
        }
    }
}

impl From<MechanismName> for ScramHash {
    fn from(name: MechanismName) -> Self {
        match name {
            MechanismName::Sha256 => Self::Sha256,
            MechanismName::Sha512 => Self::Sha512,
        }
    }
}

impl From<ScramHash> for MechanismName {
    fn from(hash: ScramHash) -> Self {
        match hash {
            ScramHash::Sha256 => Self::Sha256,
            ScramHash::Sha512 => Self::Sha512,
        }
    }
}
