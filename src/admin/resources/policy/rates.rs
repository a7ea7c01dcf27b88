//! The things that policies limit, in words.

use klamm_raft::model::LimitedRate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(super) enum RateSpec {
    /// Bytes of Produce requests.
    ProducedBytes,
    /// Bytes of answers to Fetch.
    ConsumedBytes,
    /// Connections that log in.
    NewConnections,
}

impl From<RateSpec> for LimitedRate {
    fn from(spec: RateSpec) -> Self {
        match spec {
            RateSpec::ProducedBytes => Self::ProducedBytes,
            RateSpec::ConsumedBytes => Self::ConsumedBytes,
            RateSpec::NewConnections => Self::NewConnections,
        }
    }
}

impl From<LimitedRate> for RateSpec {
    fn from(rate: LimitedRate) -> Self {
        match rate {
            LimitedRate::ProducedBytes => Self::ProducedBytes,
            LimitedRate::ConsumedBytes => Self::ConsumedBytes,
            LimitedRate::NewConnections => Self::NewConnections,
        }
    }
}
