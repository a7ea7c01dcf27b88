//! `VirtualCluster`.

use std::collections::BTreeMap;

use klamm_raft::model::{
    AclMode, PASSTHROUGH, Protocol, State, VclusterKind, VclusterName, VclusterState, VirtualCluster,
};
use schemars::JsonSchema;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::acls::{self, AclSpec, ModeSpec};
use super::addresses::{Addressed, ListenerAddresses};
use super::authentication::{self, MAX_METHODS, MethodSpec};
use super::client_properties::{ClientProperties, Spelling};
use super::invalid::{Invalid, required};
use super::limits::LimitsSpec;
use super::object::{object_or_null, objects_or_null};
use super::principals::Principals;
use super::schema::{ACCOUNTS, CONFIGURED, DNS_LABELS, OfKind, SELECTORS, VCLUSTERS};
use super::standard::{NamespaceSpec, Selectors, ShownStandard, StandardSpec};
use super::{Resource, or_null, vcluster_name};

/// The `kind` of these resources.
pub(crate) const KIND: &str = "VirtualCluster";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub(crate) struct Metadata {
    name: String,
}

/// `spec` as it is put. What only the gateway fills may be there, and is not read, so that the answer of a GET can be
/// put back.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(description = "Fields marked readOnly may be present and are ignored.")]
pub(crate) struct PutSpec {
    pub(super) acl_enabled: bool,
    /// Who says what the ACLs are: Kafka clients, as with kafka-acls, which is the default, or acls here. It is fixed.
    acl_mode: Option<ModeSpec>,
    /// With the aclMode REST_API: all ACLs that there are.
    #[serde(deserialize_with = "objects_or_null")]
    acls: Option<Vec<AclSpec>>,
    #[serde(deserialize_with = "or_null")]
    #[schemars(with = "Option<Vec<String>>", inner(regex(pattern = ACCOUNTS)))]
    pub(super) super_users: Vec<String>,
    /// Standard, if nothing is said.
    #[serde(rename = "type")]
    #[schemars(extend("enum" = ["Standard", "Partner", "Passthrough"]))]
    pub(super) kind: Option<String>,
    /// Of a Standard: its physical cluster. It is fixed.
    #[schemars(regex(pattern = CONFIGURED))]
    pub(super) backend: Option<String>,
    /// Of a Standard: which names of the physical cluster are its own.
    #[serde(deserialize_with = "object_or_null")]
    pub(super) namespace: Option<NamespaceSpec>,
    /// Without a namespace: topics that are shown under their own names. Names, with * for any characters and ? for one.
    #[serde(deserialize_with = "or_null")]
    #[schemars(with = "Option<Vec<String>>", inner(regex(pattern = SELECTORS)))]
    pub(super) topics: Vec<String>,
    /// Without a namespace: groups that are shown under their own names. Names, with * for any characters and ? for one.
    #[serde(deserialize_with = "or_null")]
    #[schemars(with = "Option<Vec<String>>", inner(regex(pattern = SELECTORS)))]
    pub(super) consumer_groups: Vec<String>,
    /// How clients say who they are, in the order in which it is offered. Without it: tokens and SCRAM credentials of
    /// service accounts.
    #[schemars(length(min = 1, max = MAX_METHODS))]
    #[serde(deserialize_with = "objects_or_null")]
    pub(super) authentication: Option<Vec<MethodSpec>>,
    /// The name in host names, where listeners tell virtual clusters apart by them. Its own name, if that can be a DNS
    /// label.
    #[schemars(regex(pattern = DNS_LABELS))]
    pub(super) dns_label: Option<String>,
    /// The most that there may be of what belongs to it, where that is not what holds everywhere.
    pub(super) limits: Option<LimitsSpec>,
    /// Who manages ACLs must be named at once, unless other words are spoken.
    #[serde(skip)]
    pub(super) managers: Managers,
    /// Where other words are spoken, which have none for it.
    #[serde(skip)]
    pub(super) kept_acl_mode: Option<AclMode>,
    /// Taken and ignored: it was written in the words of event gateways.
    #[serde(rename = "description")]
    #[schemars(with = "String", extend("readOnly" = true))]
    _description: Option<IgnoredAny>,
    /// Taken and ignored: it was written in the words of event gateways.
    #[serde(rename = "labels")]
    #[schemars(with = "BTreeMap<String, String>", extend("readOnly" = true))]
    _labels: Option<IgnoredAny>,
    /// Its addresses, by listener.
    #[serde(rename = "listeners")]
    #[schemars(with = "Vec<ListenerAddresses>", extend("readOnly" = true))]
    _listeners: Option<IgnoredAny>,
    /// Where clients reach it, on the first of the listeners.
    #[serde(rename = "bootstrapServers")]
    #[schemars(with = "String", extend("readOnly" = true))]
    _bootstrap_servers: Option<IgnoredAny>,
    /// Those of the first method. A request with the header X-CDK-CLIENT is answered with those of every method, by its
    /// name: PLAIN, OAUTHBEARER, MTLS and so on.
    #[serde(rename = "clientProperties")]
    #[schemars(with = "BTreeMap<String, String>", extend("readOnly" = true))]
    _client_properties: Option<IgnoredAny>,
    /// Taken and ignored: the parts of it that the node that answers cannot serve, and what to do about it.
    #[serde(rename = "unavailable")]
    #[schemars(with = "Vec<String>", extend("readOnly" = true))]
    _unavailable: Option<IgnoredAny>,
}

impl OfKind for PutSpec {
    const KIND: &'static str = KIND;
    const NAMES: &'static str = VCLUSTERS;
}

impl OfKind for ShownSpec {
    const KIND: &'static str = KIND;
    const NAMES: &'static str = VCLUSTERS;
}

/// When it must be said who manages ACLs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Managers {
    #[default]
    AtOnce,
    Later,
}

/// `spec` as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ShownSpec {
    acl_enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    acl_mode: Option<ModeSpec>,
    #[serde(skip_serializing_if = "Option::is_none")]
    acls: Option<Vec<AclSpec>>,
    pub(super) super_users: Vec<String>,
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    #[serde(flatten)]
    pub(super) standard: ShownStandard,
    pub(super) authentication: Vec<MethodSpec>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dns_label: Option<String>,
    #[serde(skip_serializing_if = "LimitsSpec::is_empty")]
    limits: LimitsSpec,
    /// The description that was written in other words, for which there are none here to change it.
    #[serde(skip_serializing_if = "str::is_empty")]
    description: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<String, String>,
    /// On the first of the listeners.
    pub(super) bootstrap_servers: String,
    client_properties: ClientProperties,
    /// Of a node with one listener there is nothing more to say.
    #[serde(skip_serializing_if = "is_single")]
    listeners: Vec<ListenerAddresses>,
    /// The parts of it that the node that answers cannot serve.
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
        self.check()?;
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
                    "spec.type {other:?} is unknown; use Standard or Partner"
                )));
            }
        };
        if kind == VclusterKind::Partner && !self.spec.acl_enabled {
            return Err(Invalid::new(
                "spec.aclEnabled must be true in a Partner virtual cluster",
            ));
        }
        let acl_mode = match self.spec.kept_acl_mode {
            Some(kept) => Some(kept),
            None => acls::read(self.spec.acl_mode, self.spec.acls)?,
        };
        let are_declared = matches!(acl_mode, Some(AclMode::RestApi(_)));
        let is_managed = are_declared || is_built_in || self.spec.managers == Managers::Later;
        if self.spec.acl_enabled && !is_managed && self.spec.super_users.is_empty() {
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
                acl_mode,
                super_users: super_users.collect::<Result<_, _>>()?,
                authentication,
                dns_label: self
                    .spec
                    .dns_label
                    .map(|label| required("spec.dnsLabel", &label))
                    .transpose()?,
                limits: self.spec.limits.unwrap_or_default().read()?,
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

/// The resource of a virtual cluster that was put in other words.
pub(super) fn in_other_words(name: String, spec: PutSpec) -> VirtualClusterResource {
    Resource::of(Metadata { name }, spec)
}

/// A virtual cluster as it is shown, its client properties spelled like this.
pub(crate) fn show(
    name: &VclusterName,
    vcluster: &VclusterState,
    (state, spelling): (&State, Spelling),
) -> Resource<Metadata, ShownSpec> {
    let VirtualCluster {
        kind,
        acl_enabled,
        acl_mode: _,
        super_users,
        authentication,
        dns_label,
        limits,
    } = &*vcluster.spec;
    let addressed = Addressed {
        bootstrap: vcluster.bootstrap,
        label: vcluster.spec.label(name),
        methods: authentication,
    };
    let listeners = addressed.on(&state.nodes);
    let first = listeners.first();
    let (acl_mode, acls) = acls::show(&vcluster.spec);
    Resource::of(
        Metadata {
            name: name.to_string(),
        },
        ShownSpec {
            acl_enabled: *acl_enabled,
            acl_mode,
            acls,
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
            limits: LimitsSpec::of(limits),
            description: vcluster.notes.description.clone(),
            labels: vcluster.notes.labels.clone(),
            bootstrap_servers: first
                .map(|first| first.bootstrap_servers.clone())
                .unwrap_or_default(),
            client_properties: spelling.properties(
                first.map_or(Protocol::SaslPlaintext, |first| first.security_protocol),
                authentication,
            ),
            listeners,
            unavailable: Vec::new(),
        },
    )
}

impl Resource<Metadata, ShownSpec> {
    /// Adds the names of what the virtual cluster has but cannot serve now.
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
            Err("spec.type \"partner\" is unknown"),
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

    /// `acls` is what `spec.acls` holds, in JSON.
    fn declaring(mode: &str, acls: &str) -> String {
        with(&format!(
            r#"{{"aclEnabled":true,"type":"Partner"{mode},"acls":{acls}}}"#
        ))
    }

    fn acl(change: (&str, &str)) -> String {
        let acl = r#"{"resourcePattern":{"resourceType":"TOPIC","name":"a","patternType":"LITERAL"},
            "principal":"User:ann","host":"*","operation":"READ","permissionType":"ALLOW"}"#;
        assert!(acl.contains(change.0), "{}", change.0);
        format!("[{}]", acl.replacen(change.0, change.1, 1))
    }

    #[test]
    fn acls_are_declared_where_the_mode_says_so() {
        const REST: &str = r#","aclMode":"REST_API""#;
        let same = || acl(("ann", "ann"));
        check(&declaring(REST, &same()), Ok(&[]));
        check(&declaring(REST, "[]"), Ok(&[]));
        check(&declaring(REST, "null"), Ok(&[]));
        for kafka in ["", r#","aclMode":"KAFKA_API""#, r#","aclMode":null"#] {
            check(
                &declaring(kafka, &same()),
                Err("spec.acls is for spec.aclMode REST_API"),
            );
            check(
                &declaring(kafka, "[]"),
                Err("spec.acls is for spec.aclMode REST_API"),
            );
        }
        check(
            &declaring(r#","aclMode":"rest""#, &same()),
            Err("unknown variant `rest`"),
        );
        for (change, why) in [
            (
                (r#""a""#, r#""""#),
                "spec.acls[0].resourcePattern.name: it is empty",
            ),
            (("TOPIC", "CLUSTER"), "the only CLUSTER resource is kafka-cluster"),
            (
                ("User:ann", "ann"),
                "spec.acls[0].principal: \"ann\" has no type: write User:ann",
            ),
            (("User:ann", "User:"), "spec.acls[0].principal"),
            ((r#""*""#, r#""10.0.0.0/8""#), "spec.acls[0].host"),
            (
                ("LITERAL", "ANY"),
                "unknown variant `ANY`, expected `LITERAL` or `PREFIXED`",
            ),
            (("READ", "UNKNOWN"), "unknown variant `UNKNOWN`"),
            (("principal", "principle"), "unknown field `principle`"),
        ] {
            check(&declaring(REST, &acl(change)), Err(why));
        }
        check(&declaring(REST, &acl((r#""*""#, r#""::1""#))), Ok(&[]));
    }
}
