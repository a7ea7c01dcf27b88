//! Listeners and where they lead, in the words of event gateways, to be read: the configuration of the nodes is where
//! they are changed.

use std::path::Path;

use klamm_raft::model::{Protocol, Routing, State, VclusterName, VclusterState};
use serde::Serialize;
use serde_json::{Value, json};

use super::ids::{self, Ids};
use crate::listener::config::ListenerConfig;
use crate::tls::ClientCertificates;

/// A listener of this node as it is shown.
#[derive(Debug, Serialize)]
pub(crate) struct ShownListener {
    id: String,
    description: &'static str,
    name: String,
    addresses: [String; 1],
    ports: [Port; 1],
    created_at: String,
    updated_at: String,
    /// The protocols that clients may speak, as they call them. Where there are several, the methods of their virtual
    /// cluster decide.
    security_protocols: Vec<&'static str>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Port {
    One(u16),
    Range(String),
}

/// A policy of a listener as it is shown.
#[derive(Debug, Serialize)]
pub(crate) struct ShownPolicy {
    pub(crate) id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    pub(crate) name: String,
    description: &'static str,
    enabled: bool,
    config: Value,
    created_at: String,
    updated_at: String,
}

/// The listener; `since` is when the gateway was made.
pub(crate) fn show(listener: &ListenerConfig, ids: &Ids, since: &str) -> ShownListener {
    let first = listener.bind_port;
    let last = first.saturating_add(listener.port_count().saturating_sub(1));
    ShownListener {
        id: ids.listener(&listener.name).to_string(),
        description: "",
        name: listener.name.to_string(),
        addresses: [listener.bind_host.clone()],
        ports: [match first == last {
            true => Port::One(first),
            false => Port::Range(format!("{first}-{last}")),
        }],
        created_at: since.to_owned(),
        updated_at: since.to_owned(),
        security_protocols: listener
            .speech
            .protocols()
            .into_iter()
            .map(Protocol::name)
            .collect(),
    }
}

/// The policies for connections of a listener, in the order in which they apply: TLS, then the way to a virtual cluster.
pub(crate) fn policies(listener: &ListenerConfig, state: &State, ids: &Ids, since: &str) -> Vec<ShownPolicy> {
    let policy = |id: uuid::Uuid, kind, name: String, config| ShownPolicy {
        id: id.to_string(),
        kind,
        name,
        description: "",
        enabled: true,
        config,
        created_at: since.to_owned(),
        updated_at: since.to_owned(),
    };
    let mut all = Vec::new();
    if listener.tls.is_some() {
        let name = format!("{}-tls", listener.name);
        all.push(policy(
            ids.tls_policy(&listener.name),
            "tls_server",
            name,
            tls(listener),
        ));
    }
    let kind = "forward_to_virtual_cluster";
    match &listener.routing {
        Routing::Sni { domain, port } => {
            let id = ids.forward_policy(&listener.name, None);
            all.push(policy(
                id,
                kind,
                format!("{}-by-name", listener.name),
                by_name(domain, *port),
            ));
        }
        Routing::Port { host, start, count } => {
            for (name, vcluster) in &state.vclusters {
                let slot = vcluster.bootstrap.0;
                let Some(port) = start.checked_add(slot).filter(|_| slot < *count) else {
                    continue;
                };
                let id = ids.forward_policy(&listener.name, Some(name));
                let config = by_port((name, vcluster), host, port);
                all.push(policy(id, kind, format!("{}-to-{name}", listener.name), config));
            }
        }
    }
    all
}

fn path(path: &Path) -> String {
    path.display().to_string()
}

/// Files are named by their paths: what is in them changes, and keys are secret.
fn tls(listener: &ListenerConfig) -> Value {
    let Some(files) = &listener.tls else {
        return json!({});
    };
    let certificates: Vec<Value> = files
        .certificates
        .iter()
        .map(|pair| json!({ "certificate": path(&pair.chain) }))
        .collect();
    let mut config = json!({
        "certificates": certificates,
        "versions": { "min": "TLSv1.2", "max": "TLSv1.3" },
        "allow_plaintext": false,
    });
    let asked = match &files.clients {
        ClientCertificates::NotAsked => None,
        ClientCertificates::Optional(authorities) => Some(("requested", authorities)),
        ClientCertificates::Required(authorities) => Some(("required", authorities)),
    };
    if let Some((mode, authorities)) = asked {
        config["client_authentication"] = json!({
            "mode": mode,
            "tls_trust_bundles": [{ "name": path(authorities) }],
        });
    }
    config
}

/// All virtual clusters that have a DNS label are found by it.
fn by_name(domain: &str, port: u16) -> Value {
    json!({
        "type": "sni",
        "sni_suffix": format!(".{domain}"),
        "advertised_port": port,
        "broker_host_format": { "type": "shared_suffix" },
        "bootstrap_host": format!("<dns_label>.{domain}"),
        "broker_host": format!("b<broker id>-<dns_label>.{domain}"),
    })
}

/// One virtual cluster has a port of its own, and one for each of its brokers.
fn by_port((name, vcluster): (&VclusterName, &VclusterState), host: &str, port: u16) -> Value {
    let id = ids::of_vcluster(vcluster).unwrap_or_default();
    let first = vcluster.brokers.values().map(|broker| broker.virtual_id).min();
    json!({
        "type": "port_mapping",
        "destination": { "id": id.to_string(), "name": name.as_str() },
        "advertised_host": host,
        "bootstrap_port": "at_start",
        "min_broker_id": first.unwrap_or(1),
        "advertised_port": port,
    })
}
