//! Sees to it that the virtual cluster `passthrough` is there, and is what the configuration says. It knows nothing of
//! what goes through it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use klamm_raft::command::Command;
use klamm_raft::model::{
    Authentication, MAIN_CLUSTER, Method, PASSTHROUGH, VclusterKind, VclusterName, VirtualCluster,
};
use klamm_raft::outcome::Outcome;
use tracing::{error, warn};

use super::services;
use crate::admin;
use crate::backend::config::AnonymousClients;
use crate::config::{AclMode, Config};
use crate::control::{self, Control, ControlError};

/// After the change could not be made, this long passes before it is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// What the configuration says of it.
///
/// # Errors
/// The list of methods is none, or names a provider that is not there.
pub(crate) fn spec(config: &Config) -> Result<VirtualCluster, String> {
    let passthrough = &config.passthrough;
    let authentication = match &passthrough.authentication {
        Some(text) => admin::authentication_from(text)?,
        None => Authentication::default(),
    };
    let unknown = authentication.0.iter().find_map(|method| match method {
        Method::OauthBearer(oauth) if !config.oauth.contains_key(&oauth.provider) => Some(&oauth.provider),
        _ => None,
    });
    if let Some(provider) = unknown {
        return Err(format!("the OAuth provider {provider} is not configured"));
    }
    let is_closed = config.backends.iter().any(|(id, backend)| {
        id.as_str().eq_ignore_ascii_case(MAIN_CLUSTER) && backend.anonymous == AnonymousClients::Refused
    });
    if is_closed && authentication.0.contains(&Method::Anonymous) {
        return Err(format!(
            "the method anonymous would open the physical cluster {MAIN_CLUSTER} to everybody who can connect. If that is \
             meant, set gateway.allow.anonymous: true among the properties of {MAIN_CLUSTER}"
        ));
    }
    Ok(VirtualCluster {
        kind: VclusterKind::Passthrough,
        acl_enabled: passthrough.acls == AclMode::Enabled,
        acl_mode: None,
        super_users: passthrough.super_users.clone(),
        authentication,
        dns_label: None,
        limits: Default::default(),
    })
}

/// The time, in seconds since the Unix epoch.
fn now_s() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

/// Creates it, or gives it this configuration. Of nodes that are configured differently the last one that starts wins.
pub(crate) async fn ensure(spec: VirtualCluster, control: &Control) -> Result<(), ControlError> {
    let name: VclusterName = PASSTHROUGH.parse().expect("it is a valid name");
    loop {
        match control.state().vclusters.get(&name) {
            Some(there) if *there.spec == spec => return Ok(()),
            Some(there) if there.spec.kind == VclusterKind::Passthrough => {
                warn!(before = ?there.spec, now = ?spec, "the virtual cluster {PASSTHROUGH} is configured anew");
            }
            _ => {}
        }
        let command = Command::PutVcluster {
            name: name.clone(),
            spec: spec.clone(),
            kafka_cluster_id: URL_SAFE_NO_PAD.encode(control::random::<16>()?),
            at_s: now_s(),
            beside: None,
        };
        match control.propose(command).await {
            Ok(applied) => {
                if let Outcome::Refused(refusal) = applied.outcome {
                    // No port slot is left. The gateway serves what it has.
                    error!(%refusal, "the virtual cluster {PASSTHROUGH} cannot be made");
                }
                return Ok(());
            }
            Err(error) if services::is_transient(&error) => tokio::time::sleep(AGAIN).await,
            Err(error) => return Err(error.into()),
        }
    }
}
