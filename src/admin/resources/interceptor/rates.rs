//! Plugins that limit rates.

use klamm_raft::model::{LimitedRate, Policy, PolicyAction, PolicyPhase};
use serde::Deserialize;

use super::super::invalid::Invalid;
use super::plugins::{configuration, of_phase};
use super::requests::ActionWord;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct BytesPerSecond {
    maximum_bytes_per_second: u64,
    #[serde(default)]
    action: ActionWord,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ConnectionsPerSecond {
    maximum_connections_per_second: u64,
    #[serde(default)]
    action: ActionWord,
    /// Without effect: each waits for as long as it takes.
    #[serde(default, rename = "throttleTimeMs")]
    _throttle_time_ms: Option<i64>,
}

/// Bytes that are produced.
pub(super) fn produced(config: &str) -> Result<Policy, Invalid> {
    let BytesPerSecond {
        maximum_bytes_per_second,
        action,
    } = configuration(config)?;
    limit(LimitedRate::ProducedBytes, maximum_bytes_per_second, action)
}

/// Bytes that are consumed.
pub(super) fn consumed(config: &str) -> Result<Policy, Invalid> {
    let BytesPerSecond {
        maximum_bytes_per_second,
        action,
    } = configuration(config)?;
    limit(LimitedRate::ConsumedBytes, maximum_bytes_per_second, action)
}

/// Connections.
pub(super) fn connections(config: &str) -> Result<Policy, Invalid> {
    let ConnectionsPerSecond {
        maximum_connections_per_second,
        action,
        ..
    } = configuration(config)?;
    limit(
        LimitedRate::NewConnections,
        maximum_connections_per_second,
        action,
    )
}

/// Who is over a rate waits, whether that is called BLOCK or THROTTLE.
fn limit(of: LimitedRate, per_second: u64, action: ActionWord) -> Result<Policy, Invalid> {
    match action {
        ActionWord::Block | ActionWord::Throttle => {
            let action = PolicyAction::LimitRate { of, per_second };
            Ok(of_phase(PolicyPhase::Cluster, action))
        }
        ActionWord::Info => Err(Invalid::new(
            "spec.config.action: INFO is not supported here: a rate is held to, or not limited. klamm_bytes_total and \
             klamm_logins_total say how much is used",
        )),
        ActionWord::Override => Err(Invalid::new(
            "spec.config.action: OVERRIDE is not supported here: there are BLOCK and THROTTLE, and with both clients wait",
        )),
    }
}
