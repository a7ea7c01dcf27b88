//! `VirtualCluster`.

use klamm_raft::model::{
    PASSTHROUGH, Protocol, State, VclusterKind, VclusterName, VclusterState, VirtualCluster,
};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::addresses::{Addressed, ListenerAddresses};
use super::authentication::{self, MethodSpec};
use super::client_properties::ClientProperties;
use super::invalid::{Invalid, required};
use super::principals::Principals;
use super::standard::{NamespaceSpec, Selectors, ShownStandard, StandardSpec};
use super::{Resource, vcluster_name};

const KIND: &str = "VirtualCluster";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Metadata {
    name: String,
}

/// `spec` as it is put. What only the gateway fills may be there, and is not read, so that the answer of a GET can be
/// put back.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct PutSpec {
    pub(super) acl_enabled: bool,
    pub(super) super_users: Vec<String>,
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    pub(super) backend: Option<String>,
    pub(super) namespace: Option<NamespaceSpec>,
    pub(super) topics: Vec<String>,
    pub(super) consumer_groups: Vec<String>,
    pub(super) authentication: Option<Vec<MethodSpec>>,
    pub(super) dns_label: Option<String>,
    #[serde(rename = "listeners")]
    _listeners: Option<IgnoredAny>,
    #[serde(rename = "bootstrapServers")]
    _bootstrap_servers: Option<IgnoredAny>,
    #[serde(rename = "clientProperties")]
    _client_properties: Option<IgnoredAny>,
    #[serde(rename = "unavailable")]
    _unavailable: Option<IgnoredAny>,
}

/// `spec` as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ShownSpec {
    acl_enabled: bool,
    pub(super) super_users: Vec<String>,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(flatten)]
    pub(super) standard: ShownStandard,
    pub(super) authentication: Vec<MethodSpec>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dns_label: Option<String>,
    /// On the first of the listeners.
    pub(super) bootstrap_servers: String,
    client_properties: ClientProperties,
    /// Of a node with one listener there is nothing more to say.
    #[serde(skip_serializing_if = "is_single")]
    listeners: Vec<ListenerAddresses>,
    /// What of it the node that answers cannot serve.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unavailable: Vec<String>,
}

fn is_single(listeners: &[ListenerAddresses]) -> bool {
    listeners.len() < 2
}

pub(crate) type VirtualClusterResource = Resource<Metadata, PutSpec>;

impl VirtualClusterResource {
    /// Checks what is put. The users of PLAIN are still to be put into its list of methods.
    pub(crate) fn read(self) -> Result<(VclusterName, VirtualCluster, Principals), Invalid> {
        self.check(KIND)?;
        let name = vcluster_name("metadata.name", Some(&self.metadata.name))?;
        let is_built_in = name.as_str() == PASSTHROUGH;
        if is_built_in && self.spec.kind.as_deref() != Some("Passthrough") {
            return Err(built_in());
        }
        let standard = StandardSpec {
            backend: self.spec.backend,
            namespace: self.spec.namespace,
            selectors: Selectors {
                topics: self.spec.topics,
                consumer_groups: self.spec.consumer_groups,
            },
        };
        let kind = match self.spec.kind.as_deref() {
            None | Some("Standard") => VclusterKind::Standard(standard.read(&name)?),
            Some("Passthrough") if is_built_in && standard.is_absent() => VclusterKind::Passthrough,
            Some("Partner") if standard.is_absent() => VclusterKind::Partner,
            Some("Partner") => {
                return Err(Invalid::new(
                    "spec.backend, spec.namespace, spec.topics and spec.consumerGroups are for the type Standard: \
                     a Partner virtual cluster shows its alias topics",
                ));
            }
            Some(other) => {
                return Err(Invalid::new(format!(
                    "spec.type {other:?} is not known: these are: Standard, Partner"
                )));
            }
        };
        if kind == VclusterKind::Partner && !self.spec.acl_enabled {
            return Err(Invalid::new(
                "spec.aclEnabled must be true in a Partner virtual cluster",
            ));
        }
        if self.spec.acl_enabled && self.spec.super_users.is_empty() && !is_built_in {
            return Err(Invalid::new(
                "spec.superUsers must not be empty where ACLs are enabled: nobody could manage them",
            ));
        }
        let super_users = self
            .spec
            .super_users
            .iter()
            .map(|name| required("spec.superUsers", name));
        let (authentication, principals) = authentication::read(self.spec.authentication)?;
        Ok((
            name,
            VirtualCluster {
                kind,
                acl_enabled: self.spec.acl_enabled,
                super_users: super_users.collect::<Result<_, _>>()?,
                authentication,
                dns_label: self
                    .spec
                    .dns_label
                    .map(|label| required("spec.dnsLabel", &label))
                    .transpose()?,
            },
            principals,
        ))
    }
}

/// Why the virtual cluster that is built in is not changed here.
pub(crate) fn built_in() -> Invalid {
    Invalid::new(format!(
        "{PASSTHROUGH} is built in: GATEWAY_ACL_ENABLED, GATEWAY_SUPER_USERS and GATEWAY_PASSTHROUGH_AUTHENTICATION \
         configure it"
    ))
}

/// The resource of a Standard virtual cluster that was put in other words.
pub(super) fn standard(name: String, spec: PutSpec) -> VirtualClusterResource {
    Resource::of(KIND, Metadata { name }, spec)
}

/// A virtual cluster as it is shown.
pub(crate) fn show(
    name: &VclusterName,
    vcluster: &VclusterState,
    state: &State,
) -> Resource<Metadata, ShownSpec> {
    let VirtualCluster {
        kind,
        acl_enabled,
        super_users,
        authentication,
        dns_label,
    } = &vcluster.spec;
    let addressed = Addressed {
        bootstrap: vcluster.bootstrap,
        label: vcluster.spec.label(name),
        methods: authentication,
    };
    let listeners = addressed.on(&state.nodes);
    let first = listeners.first();
    Resource::of(
        KIND,
        Metadata {
            name: name.to_string(),
        },
        ShownSpec {
            acl_enabled: *acl_enabled,
            super_users: super_users.iter().map(ToString::to_string).collect(),
            kind: match kind {
                VclusterKind::Partner => "Partner",
                VclusterKind::Passthrough => "Passthrough",
                VclusterKind::Standard(_) => "Standard",
            },
            standard: match kind {
                VclusterKind::Standard(standard) => ShownStandard::of(standard),
                VclusterKind::Partner | VclusterKind::Passthrough => ShownStandard::default(),
            },
            authentication: authentication::show(authentication),
            dns_label: dns_label.as_ref().map(ToString::to_string),
            bootstrap_servers: first
                .map(|first| first.bootstrap_servers.clone())
                .unwrap_or_default(),
            client_properties: ClientProperties::of(
                first.map_or(Protocol::SaslPlaintext, |first| first.security_protocol),
                authentication,
            ),
            listeners,
            unavailable: Vec::new(),
        },
    )
}

impl Resource<Metadata, ShownSpec> {
    /// With what of it cannot be served.
    pub(crate) fn without(mut self, unavailable: Vec<String>) -> Self {
        self.spec.unavailable = unavailable;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, expected: Result<&[&str], &str>) {
        let got = serde_json::from_str::<VirtualClusterResource>(json)
            .map_err(|error| error.to_string())
            .and_then(|resource| resource.read().map_err(|error| error.to_string()));
        match (got, expected) {
            (Ok((_, spec, _)), Ok(users)) => {
                assert_eq!(
                    spec.super_users
                        .iter()
                        .map(|name| name.as_str())
                        .collect::<Vec<_>>(),
                    users
                );
            }
            (Err(got), Err(part)) => assert!(got.contains(part), "{json}: {got}"),
            (got, _) => panic!("{json}: {got:?}"),
        }
    }

    fn with(spec: &str) -> String {
        format!(
            r#"{{"kind":"VirtualCluster","apiVersion":"gateway/v2","metadata":{{"name":"a"}},"spec":{spec}}}"#
        )
    }

    #[test]
    fn a_partner_is_read_when_it_is_complete() {
        check(
            &with(r#"{"aclEnabled":true,"superUsers":["bob","ann"],"type":"Partner"}"#),
            Ok(&["ann", "bob"]),
        );
        check(
            &with(
                r#"{"aclEnabled":true,"superUsers":["ann"],"type":"Partner","bootstrapServers":"x","clientProperties":{"a":{}}}"#,
            ),
            Ok(&["ann"]),
        );
        check(
            &with(r#"{"superUsers":["ann"],"type":"Partner"}"#),
            Err("spec.aclEnabled must be true"),
        );
        check(
            &with(r#"{"aclEnabled":true,"type":"Partner"}"#),
            Err("spec.superUsers must not be empty"),
        );
        check(
            &with(r#"{"aclEnabled":true,"superUsers":["ann"],"type":"Partner","backend":"main"}"#),
            Err("are for the type Standard"),
        );
        check(
            &with(r#"{"type":"partner"}"#),
            Err("spec.type \"partner\" is not known"),
        );
        check(
            &with(r#"{"aclEnabled":true,"superUsers":["a\u0007"],"type":"Partner"}"#),
            Err("spec.superUsers: service account name"),
        );
        check(&with(r#"{"aclEnable":true}"#), Err("unknown field `aclEnable`"));
        check(
            &with("{}").replace("\"a\"", "\"passthrough\""),
            Err("passthrough is built in"),
        );
        check(
            &with("{}").replace("\"a\"", "\"a b\""),
            Err("metadata.name: virtual cluster name"),
        );
        check(
            &with("{}").replace("gateway/v2", "v1"),
            Err("apiVersion is \"v1\""),
        );
        check(
            &with("{}").replace("VirtualCluster", "AliasTopic"),
            Err("kind is \"AliasTopic\""),
        );
    }
}
