//! Sees to it that the virtual cluster `passthrough` is there, and is what the configuration says. It knows nothing of
//! what goes through it.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use klamm_raft::command::Command;
use klamm_raft::model::{PASSTHROUGH, VclusterKind, VclusterName, VirtualCluster};
use klamm_raft::outcome::Outcome;
use tracing::{error, warn};

use super::services;
use crate::config::{AclChecks, PassthroughConfig};
use crate::control::{self, Control, ControlError};
use crate::unix_time;

/// After the change could not be made, this long passes before it is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// The spec of `passthrough` as the configuration wants it.
pub(crate) fn spec(config: &PassthroughConfig) -> VirtualCluster {
    VirtualCluster {
        kind: VclusterKind::Passthrough,
        acl_enabled: config.acls == AclChecks::Enabled,
        acl_mode: None,
        super_users: config.super_users.clone(),
        authentication: config.authentication.clone(),
        dns_label: None,
        limits: Default::default(),
    }
}

/// Creates it, or gives it this configuration. Of nodes that are configured differently the last one that starts wins.
pub(crate) async fn ensure(spec: VirtualCluster, control: &Control) -> Result<(), ControlError> {
    let name: VclusterName = PASSTHROUGH.parse().expect("it is a valid name");
    loop {
        match control.state().vclusters.get(&name) {
            Some(there) if *there.spec == spec => return Ok(()),
            Some(there) if there.spec.kind == VclusterKind::Passthrough => {
                warn!(before = ?there.spec, now = ?spec, "the virtual cluster {PASSTHROUGH} was reconfigured");
            }
            _ => {}
        }
        let command = Command::PutVcluster {
            name: name.clone(),
            spec: spec.clone(),
            kafka_cluster_id: URL_SAFE_NO_PAD.encode(control::random::<16>()?),
            at_s: unix_time::now_s().unwrap_or(0),
            beside: None,
        };
        match control.propose_own(command).await {
            Ok(applied) => {
                if let Outcome::Refused(refusal) = applied.outcome {
                    // No port slot is left. The gateway serves what it has.
                    error!(%refusal, "the virtual cluster {PASSTHROUGH} could not be created");
                }
                return Ok(());
            }
            Err(error) if services::is_transient(&error) => tokio::time::sleep(AGAIN).await,
            Err(error) => return Err(error.into()),
        }
    }
}
