//! Ids of what has names here and ids in the words of event gateways. They come from the names and from the one random
//! value that a cluster of gateways never changes, so every node knows them, and nobody keeps them.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use klamm_raft::model::{
    ClusterId, KeyName, ListenerName, PASSTHROUGH, PolicyKey, PolicyScope, RegistryName, State, VclusterName,
    VclusterState,
};
use uuid::Uuid;

/// The ids of one cluster of gateways.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ids {
    /// The cluster id that clients of `passthrough` see: made when the gateway first started.
    root: String,
}

impl Ids {
    /// None until the virtual cluster that is built in is there.
    pub(crate) fn of(state: &State) -> Option<Self> {
        let built_in = state.vclusters.get(PASSTHROUGH)?;
        Some(Self {
            root: built_in.kafka_cluster_id.clone(),
        })
    }

    /// The one gateway, all its nodes together.
    pub(crate) fn gateway(&self) -> Uuid {
        self.derive("event-gateway", &[])
    }

    /// A physical cluster. Its name compares without case.
    pub(crate) fn backend_cluster(&self, cluster: &ClusterId) -> Uuid {
        self.derive("backend-cluster", &[&cluster.as_str().to_ascii_lowercase()])
    }

    /// A listener.
    pub(crate) fn listener(&self, listener: &ListenerName) -> Uuid {
        self.derive("listener", &[listener.as_str()])
    }

    /// The policy of a listener that sets up its TLS.
    pub(crate) fn tls_policy(&self, listener: &ListenerName) -> Uuid {
        self.derive("tls_server", &[listener.as_str()])
    }

    /// The policy that leads from a listener to one virtual cluster, or by names to all of them.
    pub(crate) fn forward_policy(&self, listener: &ListenerName, vcluster: Option<&VclusterName>) -> Uuid {
        let to = vcluster.map_or("", VclusterName::as_str);
        self.derive("forward_to_virtual_cluster", &[listener.as_str(), to])
    }

    /// A policy that holds in a virtual cluster: of that one, or of all.
    pub(crate) fn policy(&self, key: &PolicyKey, of: &VclusterState) -> Uuid {
        let vcluster = key.vcluster().map_or("", |_| of.kafka_cluster_id.as_str());
        let (kind, scope) = match key.scope() {
            PolicyScope::All => ("", ""),
            PolicyScope::Group(group) => ("group", group.as_str()),
            PolicyScope::Account(account) => ("account", account.as_str()),
        };
        self.derive("policy", &[vcluster, key.name().as_str(), kind, scope])
    }

    /// A schema registry of the configuration of the nodes.
    pub(crate) fn schema_registry(&self, registry: &RegistryName) -> Uuid {
        self.derive("schema-registry", &[registry.as_str()])
    }

    /// A key of the configuration of the nodes.
    pub(crate) fn static_key(&self, key: &KeyName) -> Uuid {
        self.derive("static-key", &[key.as_str()])
    }

    /// No name holds the byte that parts are kept apart by.
    fn derive(&self, kind: &str, names: &[&str]) -> Uuid {
        let mut text = format!("{}\0{kind}", self.root);
        for name in names {
            text.push('\0');
            text += name;
        }
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest(&SHA256, text.as_bytes()).as_ref()[..16]);
        // RFC 9562 section 5.8: bytes of our own making.
        uuid::Builder::from_custom_bytes(bytes).into_uuid()
    }
}

/// The id of a virtual cluster: the random bytes of the cluster id that Kafka clients see.
pub(crate) fn of_vcluster(vcluster: &VclusterState) -> Option<Uuid> {
    let bytes = URL_SAFE_NO_PAD.decode(&vcluster.kafka_cluster_id).ok()?;
    Uuid::from_slice(&bytes).ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_are_those_of_their_names_in_their_cluster() {
        let of = |root: &str| Ids {
            root: root.to_owned(),
        };
        let (ids, others) = (of("one"), of("two"));
        let cluster = |text: &str| text.parse::<ClusterId>().unwrap();
        let listener: ListenerName = "main".parse().unwrap();
        let vcluster: VclusterName = "main".parse().unwrap();
        assert_eq!(
            ids.backend_cluster(&cluster("Main")),
            ids.backend_cluster(&cluster("main"))
        );
        let all = |ids: &Ids| {
            [
                ids.gateway(),
                ids.backend_cluster(&cluster("main")),
                ids.backend_cluster(&cluster("other")),
                ids.listener(&listener),
                ids.tls_policy(&listener),
                ids.forward_policy(&listener, None),
                ids.forward_policy(&listener, Some(&vcluster)),
            ]
        };
        let all: BTreeSet<Uuid> = all(&ids).into_iter().chain(all(&others)).collect();
        assert_eq!(all.len(), 14);
        assert!(all.iter().all(|id| id.get_version_num() == 8));
    }
}
