//! A provider of tokens as the operator describes it, and the keys that were last read from it.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;

use klamm_raft::model::ProviderName;

use super::KeySet;

/// A signature algorithm that can be allowed. All are asymmetric: with a secret one, whoever holds the public key could
/// sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Algorithm {
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    EdDsa,
}

/// The name of an algorithm that cannot be allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the algorithm {0:?} is not supported")]
pub struct UnknownAlgorithm(String);

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::EdDsa,
    ];

    /// As in a token's header (RFC 7518 §3.1).
    pub fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The name of the algorithm in the library.
    pub(super) fn of_library(self) -> jsonwebtoken::Algorithm {
        match self {
            Self::Rs256 => jsonwebtoken::Algorithm::RS256,
            Self::Rs384 => jsonwebtoken::Algorithm::RS384,
            Self::Rs512 => jsonwebtoken::Algorithm::RS512,
            Self::Ps256 => jsonwebtoken::Algorithm::PS256,
            Self::Ps384 => jsonwebtoken::Algorithm::PS384,
            Self::Ps512 => jsonwebtoken::Algorithm::PS512,
            Self::Es256 => jsonwebtoken::Algorithm::ES256,
            Self::Es384 => jsonwebtoken::Algorithm::ES384,
            Self::EdDsa => jsonwebtoken::Algorithm::EdDSA,
        }
    }
}

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.name() == text)
            .ok_or_else(|| UnknownAlgorithm(text.to_owned()))
    }
}

/// A provider of tokens, as the operator configured it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    /// The `iss` of its tokens.
    pub issuer: String,
    /// One of them must be in `aud`, unless the virtual cluster names its own. Empty: `aud` is not looked at.
    pub audiences: Vec<String>,
    /// Not empty.
    pub algorithms: Vec<Algorithm>,
    /// How far clocks may be apart.
    pub leeway_ms: u64,
}

/// The providers of this node and their keys at one time. Immutable.
#[derive(Debug, Clone, Default)]
pub struct Keyring {
    /// The keys are `None` until they were read for the first time.
    pub providers: BTreeMap<ProviderName, (Arc<Provider>, Option<Arc<KeySet>>)>,
}

impl Keyring {
    /// Whether the keys of a provider were ever read.
    pub fn has_keys(&self, provider: &ProviderName) -> bool {
        matches!(self.providers.get(provider), Some((_, Some(_))))
    }
}
