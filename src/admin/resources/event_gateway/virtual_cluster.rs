//! A virtual cluster in the words of event gateways: another spelling of the same resource. It is translated, never
//! checked here. What the words have no place for is shown in fields that are filled by the gateway, and stays as it is.

use std::collections::{BTreeMap, BTreeSet};

use klamm_raft::model::{
    Beside, ClusterId, MAIN_CLUSTER, NameSelector, Namespace as OwnNames, State, VclusterKind, VclusterName,
    VclusterState,
};
use schemars::JsonSchema;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::aliases::{self, ShownAlias, TopicAlias};
use super::ids::{self, Ids};
use super::labels::{self, MAX_DESCRIPTION_CHARS};
use super::method::{self, Authentication};
use super::namespace::Namespace;
use crate::admin::resources::Spelling;
use crate::admin::resources::invalid::{Invalid, required};
use crate::admin::resources::limits::LimitsSpec;
use crate::admin::resources::object::{object, object_or_null, objects, objects_or_null};
use crate::admin::resources::schema::{ACCOUNTS, CONFIGURED, LABELS, VCLUSTERS};
use crate::admin::resources::standard::Selectors;
use crate::admin::resources::virtual_cluster::{self, Managers, PutSpec, VirtualClusterResource};
use crate::admin::services::Providers;
use crate::unix_time::utc;

/// Whether ACLs decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(rename_all = "snake_case")]
enum AclMode {
    EnforceOnGateway,
    Passthrough,
}

/// A physical cluster, by its id or its name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(deny_unknown_fields, default)]
struct Destination {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = CONFIGURED))]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = CONFIGURED))]
    name: Option<String>,
}

impl ShownVcluster {
    pub(crate) fn id(&self) -> &str {
        &self.id
    }
}

/// A virtual cluster. What only the gateway fills may be there when it is put, and is not read.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "EventGatewayVirtualCluster")]
#[serde(deny_unknown_fields)]
pub(crate) struct EventGatewayVcluster {
    #[schemars(regex(pattern = VCLUSTERS))]
    name: String,
    #[serde(default)]
    #[schemars(length(max = MAX_DESCRIPTION_CHARS))]
    description: Option<String>,
    #[serde(default)]
    #[schemars(extend("additionalProperties" = { "type": "string", "pattern": LABELS }))]
    labels: Option<BTreeMap<String, String>>,
    #[serde(default)]
    dns_label: Option<String>,
    /// The physical cluster, by its id or its name; without it, main.
    #[serde(default, deserialize_with = "object")]
    destination: Destination,
    #[serde(deserialize_with = "objects")]
    #[schemars(length(min = 1))]
    authentication: Vec<Authentication>,
    /// With enforce_on_gateway everything is denied until there are super_users who manage ACLs. passthrough, if nothing is
    /// said.
    #[serde(default)]
    acl_mode: Option<AclMode>,
    #[serde(default)]
    #[schemars(inner(regex(pattern = ACCOUNTS)))]
    super_users: Vec<String>,
    #[serde(default, deserialize_with = "object_or_null")]
    namespace: Option<Namespace>,
    /// Alias topics that come and go with it.
    #[serde(default, deserialize_with = "objects_or_null")]
    topic_aliases: Option<Vec<TopicAlias>>,
    #[serde(rename = "id", default)]
    #[schemars(with = "String", extend("format" = "uuid", "readOnly" = true))]
    _id: Option<IgnoredAny>,
    #[serde(rename = "type", default)]
    #[schemars(with = "String", extend("enum" = ["Standard", "Partner", "Passthrough"], "readOnly" = true))]
    _kind: Option<IgnoredAny>,
    #[serde(rename = "topics", default)]
    #[schemars(with = "Vec<String>", extend("readOnly" = true))]
    _topics: Option<IgnoredAny>,
    #[serde(rename = "consumer_groups", default)]
    #[schemars(with = "Vec<String>", extend("readOnly" = true))]
    _consumer_groups: Option<IgnoredAny>,
    #[serde(rename = "bootstrap_servers", default)]
    #[schemars(with = "String", extend("readOnly" = true))]
    _bootstrap_servers: Option<IgnoredAny>,
    #[serde(rename = "created_at", default)]
    #[schemars(with = "String", extend("format" = "date-time", "readOnly" = true))]
    _created_at: Option<IgnoredAny>,
    #[serde(rename = "updated_at", default)]
    #[schemars(with = "String", extend("format" = "date-time", "readOnly" = true))]
    _updated_at: Option<IgnoredAny>,
}

/// A virtual cluster as it is shown.
#[derive(Debug, Serialize)]
pub(crate) struct ShownVcluster {
    id: String,
    name: String,
    description: String,
    labels: BTreeMap<String, String>,
    /// Empty when it has none.
    dns_label: String,
    destination: Destination,
    authentication: Vec<Authentication>,
    acl_mode: AclMode,
    super_users: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<Namespace>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    topic_aliases: Vec<ShownAlias>,
    created_at: String,
    updated_at: String,
    #[serde(rename = "type")]
    kind: &'static str,
    /// Without a namespace: what is shown under its own name.
    #[serde(skip_serializing_if = "Option::is_none")]
    topics: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    consumer_groups: Option<Vec<String>>,
    bootstrap_servers: String,
}

/// The surroundings of a virtual cluster.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Surroundings<'a> {
    pub(crate) state: &'a State,
    pub(crate) ids: &'a Ids,
    pub(crate) clusters: &'a BTreeSet<ClusterId>,
    pub(crate) providers: &'a Providers,
}

impl Surroundings<'_> {
    /// The physical cluster with this id. Its name is taken for its id, too.
    fn by_id(&self, id: &str) -> Option<String> {
        let wanted = Uuid::parse_str(id).ok();
        let found = self
            .clusters
            .iter()
            .find(|cluster| Some(self.ids.backend_cluster(cluster)) == wanted || cluster.as_str() == id);
        found.map(ToString::to_string)
    }
}

impl EventGatewayVcluster {
    /// Its name, as it was given.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The resource in the gateway's own words, and what is written with it. `there` is what is changed.
    pub(crate) fn translate(
        self,
        around: Surroundings<'_>,
        there: Option<&VclusterState>,
    ) -> Result<(VirtualClusterResource, Beside), Invalid> {
        let mut beside = Beside::default();
        beside.notes.description = labels::description(self.description.unwrap_or_default())?;
        beside.notes.labels = labels::labels(self.labels.unwrap_or_default())?;
        let (methods, oauth) = method::translate(self.authentication, around.providers)?;
        beside.notes.oauth = oauth;
        let mut spec = PutSpec::default();
        spec.managers = Managers::Later;
        spec.kept_acl_mode = there.and_then(|there| there.spec.acl_mode.clone());
        spec.limits = there.map(|there| LimitsSpec::of(&there.spec.limits));
        spec.acl_enabled = self.acl_mode == Some(AclMode::EnforceOnGateway);
        spec.super_users = self.super_users;
        spec.authentication = Some(methods);
        spec.dns_label = self.dns_label.filter(|label| !label.is_empty());
        let aliases = self.topic_aliases.unwrap_or_default();
        if let Some(there) = there.filter(|there| there.spec.kind == VclusterKind::Partner) {
            spec.kind = Some("Partner".to_owned());
            if self.namespace.is_some() {
                return Err(Invalid::new(
                    "namespace: a virtual cluster of the type Partner has none: it shows its alias topics",
                ));
            }
            let home = there.home.clone();
            let home = home.map_or_else(|| required("destination", MAIN_CLUSTER), Ok)?;
            aliases::translate(aliases, &home, Some(there), &mut beside)?;
            return Ok((virtual_cluster::in_other_words(self.name, spec), beside));
        }
        let backend = backend(self.destination, around)?;
        aliases::translate(aliases, &required("destination", &backend)?, there, &mut beside)?;
        spec.backend = Some(backend);
        match self.namespace {
            Some(namespace) => spec.namespace = Some(namespace.translate(&mut beside.notes)?),
            None => {
                let selectors = let_in_by(there);
                spec.topics = selectors.topics;
                spec.consumer_groups = selectors.consumer_groups;
            }
        }
        Ok((virtual_cluster::in_other_words(self.name, spec), beside))
    }
}

fn backend(destination: Destination, around: Surroundings<'_>) -> Result<String, Invalid> {
    let by_id = match &destination.id {
        None => None,
        Some(id) => Some(around.by_id(id).ok_or_else(|| {
            Invalid::new(format!(
                "destination.id: there is no physical cluster {id:?}; the physical clusters are: {}",
                listed(around)
            ))
        })?),
    };
    match (by_id, destination.name) {
        (Some(by_id), Some(name)) if !by_id.eq_ignore_ascii_case(&name) => Err(Invalid::new(format!(
            "destination.id: it is that of {by_id}, and destination.name is {name:?}: they differ"
        ))),
        (Some(either), _) | (None, Some(either)) => Ok(either),
        (None, None) => Ok(MAIN_CLUSTER.to_owned()),
    }
}

fn listed(around: Surroundings<'_>) -> String {
    let all = around
        .clusters
        .iter()
        .map(|cluster| format!("{cluster} ({})", around.ids.backend_cluster(cluster)));
    all.collect::<Vec<_>>().join(", ")
}

/// The topics that a virtual cluster without a namespace shows: those that it showed before, or all.
fn let_in_by(there: Option<&VclusterState>) -> Selectors {
    let texts =
        |selectors: &BTreeSet<NameSelector>| selectors.iter().map(ToString::to_string).collect::<Vec<_>>();
    match there.map(|there| &there.spec.kind) {
        Some(VclusterKind::Standard(standard)) if standard.namespace == OwnNames::None => Selectors {
            topics: texts(&standard.topics),
            consumer_groups: texts(&standard.groups),
        },
        _ => Selectors {
            topics: vec!["*".to_owned()],
            consumer_groups: vec!["*".to_owned()],
        },
    }
}

/// The virtual cluster with this id or name.
pub(crate) fn find<'a>(state: &'a State, which: &str) -> Option<(&'a VclusterName, &'a VclusterState)> {
    let wanted = Uuid::parse_str(which).ok();
    let is_it = |name: &VclusterName, vcluster: &VclusterState| {
        name.as_str() == which || (wanted.is_some() && ids::of_vcluster(vcluster) == wanted)
    };
    state
        .vclusters
        .iter()
        .map(|(name, vcluster)| (name, &**vcluster))
        .find(|(name, vcluster)| is_it(name, vcluster))
}

/// A virtual cluster as it is shown.
pub(crate) fn show(name: &VclusterName, vcluster: &VclusterState, around: Surroundings<'_>) -> ShownVcluster {
    let shown = virtual_cluster::show(name, vcluster, (around.state, Spelling::Flat)).spec;
    let notes = &vcluster.notes;
    let oauth = notes.oauth.as_ref();
    let has_namespace = shown.standard.namespace.is_some();
    let let_in = matches!(vcluster.spec.kind, VclusterKind::Standard(_)) && !has_namespace;
    let let_in = let_in.then(|| let_in_by(Some(vcluster)));
    let (topics, consumer_groups) = match let_in {
        Some(selectors) => (Some(selectors.topics), Some(selectors.consumer_groups)),
        None => (None, None),
    };
    ShownVcluster {
        id: ids::of_vcluster(vcluster).unwrap_or_default().to_string(),
        name: name.to_string(),
        description: notes.description.clone(),
        labels: notes.labels.clone(),
        dns_label: vcluster
            .spec
            .label(name)
            .map(|label| label.to_string())
            .unwrap_or_default(),
        destination: destination(vcluster, around.ids),
        authentication: shown
            .authentication
            .into_iter()
            .map(|method| method::show(method, oauth, around.providers))
            .collect(),
        acl_mode: match vcluster.spec.acl_enabled {
            true => AclMode::EnforceOnGateway,
            false => AclMode::Passthrough,
        },
        super_users: shown.super_users,
        namespace: shown
            .standard
            .namespace
            .map(|namespace| Namespace::show(namespace, notes)),
        topic_aliases: aliases::show(vcluster),
        created_at: utc(vcluster.times.created_s),
        updated_at: utc(vcluster.times.updated_s),
        kind: shown.kind,
        topics,
        consumer_groups,
        bootstrap_servers: shown.bootstrap_servers,
    }
}

/// Where its groups are. A Partner without alias topics is nowhere yet.
fn destination(vcluster: &VclusterState, ids: &Ids) -> Destination {
    match &vcluster.home {
        Some(home) => Destination {
            id: Some(ids.backend_cluster(home).to_string()),
            name: Some(home.to_string()),
        },
        None => Destination {
            id: Some(Uuid::nil().to_string()),
            name: Some(String::new()),
        },
    }
}
