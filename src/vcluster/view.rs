//! The immutable picture of a virtual cluster that sessions read. It is several independent `Arc`s, so that a change of
//! one part does not rebuild the others.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arc_swap::ArcSwap;
use klamm_raft::model::{
    AccountGroup, AclBinding, ClusterId, FirstTopicIds, GroupName, Limits, Liveness, Neighbours, NodeId,
    NodeRecord, Policy, PolicyId, PolicyName, Revision, Shared, SigningKeys, VclusterKind, VclusterName,
    VclusterState,
};

use super::api::table::Apis;
use super::brokers::Brokers;
use super::epochs::LeaderEpochs;
use super::names::TopicId;
use super::names::Virtual;
use super::producer::{ProducerIds, TransactionIds};
use super::rename::{Alias, Names, Scope, Sources};
use crate::auth::Directory;
use crate::authz::{AclIndex, AclRef, IfNoAcl, Principal};
use crate::backend::topology::{Features, Topologies};
use crate::policy::{BroughtAcls, GroupMembers, Policies, RatePolicies, RequestPolicies};
use crate::quota::Quotas;

/// A virtual cluster's current view, shared by its sessions. A session loads it for each request and each answer.
pub type SharedView = Arc<ArcSwap<View>>;

/// A virtual cluster at one revision: its home, and views of what it has on further physical clusters.
#[derive(Debug, Clone)]
pub struct View {
    pub name: VclusterName,
    pub revision: Revision,
    /// The cluster id that clients see.
    pub kafka_cluster_id: Arc<str>,
    pub acls: Arc<Acls>,
    pub names: Arc<Names>,
    pub brokers: Arc<Brokers>,
    /// The physical cluster that requests go to; none before the first alias.
    pub cluster: Option<ClusterId>,
    pub part: Part,
    pub route: RouteSight,
    pub producers: ProducerIds,
    pub transactions: TransactionIds,
    pub epochs: LeaderEpochs,
    pub apis: Arc<Apis>,
    pub features: Arc<Features>,
    pub directory: Arc<Directory>,
    /// The compiled policies; none where nothing is done with records on their way.
    pub policies: Option<Arc<Policies>>,
    /// The compiled policies on requests; none where rights alone say what may be asked.
    pub request_policies: Option<Arc<RequestPolicies>>,
    /// Those that both are compiled from.
    pub stored_policies: StoredPolicies,
    /// The quotas of clients, and the limits of all together; none where nobody has one.
    pub quotas: Option<Arc<Quotas>>,
    /// The policies that limit rates; none where there is none.
    pub rates: Option<Arc<RatePolicies>>,
    /// How many nodes may serve clients: they share what is allowed.
    pub serving: u32,
}

/// The policies that concern a virtual cluster, as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPolicies {
    everywhere: Shared<BTreeMap<PolicyId, Policy>>,
    own: Shared<BTreeMap<PolicyId, Policy>>,
    /// The members here of the groups that they are for.
    members: GroupMembers,
}

/// The state of the routes of a virtual cluster.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RouteSight {
    /// Whether no request may go upstream now: they are on their way to another physical cluster.
    pub is_fenced: bool,
    /// Whether another physical cluster has just begun to serve: members of groups are to find out that it does not know them
    /// before they read on, since their positions are those of the one before.
    pub is_rejoining: bool,
    /// Whether the physical cluster that serves may not know what clients speak of, since another one served before.
    pub was_switched: bool,
    /// Whether there is a route on record for the home, where transactions are: it was switched once.
    pub is_home_switched: bool,
    /// The number of the last switch; 0 before the first one.
    pub generation: u32,
}

/// The part that a view shows of its virtual cluster.
#[derive(Debug, Clone)]
pub enum Part {
    /// All of it: it reaches one physical cluster.
    Whole,
    /// The part on its home, where groups and transactions are. These are the other parts.
    Home(Arc<[View]>),
    /// A part on another cluster.
    Foreign {
        /// The names of all parts.
        names: Arc<[Arc<Names>]>,
    },
}

/// The ACLs of a virtual cluster, as they are and as compiled.
#[derive(Debug)]
pub struct Acls {
    /// Those that are stored as ACLs.
    pub stored: Shared<BTreeSet<AclBinding>>,
    /// Those that policies bring.
    pub brought: BroughtAcls,
    /// Both.
    pub all: Shared<BTreeSet<AclBinding>>,
    pub index: AclIndex,
    /// Whether they are declared with the virtual cluster, so that clients do not change them.
    pub are_declared: bool,
    /// How many there may be.
    pub limits: Limits,
    super_users: BTreeSet<Principal>,
    enabled: bool,
}

/// The sources that a view is compiled from.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    pub name: &'a VclusterName,
    pub state: &'a VclusterState,
    /// All virtual clusters: some show what is nobody else's.
    pub vclusters: &'a BTreeMap<VclusterName, Arc<VclusterState>>,
    pub nodes: &'a BTreeMap<NodeId, NodeRecord>,
    /// Those of the nodes that this one does not hear: clients are not sent there.
    pub unheard: &'a BTreeSet<NodeId>,
    /// Of the physical clusters that it reaches, as far as they are known.
    pub topologies: &'a Topologies,
    pub signing_keys: Option<&'a SigningKeys>,
    /// The policies of all virtual clusters.
    pub policies: &'a Shared<BTreeMap<PolicyId, Policy>>,
    pub groups: &'a BTreeMap<GroupName, AccountGroup>,
    pub revision: Revision,
    pub route: RouteSight,
    /// By what ids clients know topics, of each physical cluster that took over.
    pub first_topic_ids: &'a BTreeMap<ClusterId, Shared<FirstTopicIds>>,
}

impl View {
    /// Compiles a view, taking over from `previous` every part that did not change.
    pub fn compile(previous: Option<&Self>, source: Source<'_>) -> Self {
        let Source {
            name,
            state,
            nodes,
            unheard,
            topologies,
            signing_keys,
            ..
        } = source;
        let home = state.home.as_ref();
        let foreign = state.foreign_clusters();
        let reached = home.into_iter().chain(foreign.iter().copied());
        let apis = Apis::compile(reached.filter_map(|cluster| topologies.get(cluster).map(Arc::as_ref)));
        let apis = if foreign.is_empty() {
            apis
        } else {
            apis.of_several()
        };
        let features = home.and_then(|home| topologies.get(home));
        let features = features
            .map(|topology| topology.features.clone())
            .unwrap_or_default();
        let stored_policies = StoredPolicies::of(&source);
        let serving = nodes.values().filter(|node| node.liveness != Liveness::Down);
        let serving = u32::try_from(serving.count()).unwrap_or(u32::MAX).max(1);
        let view = Self {
            name: name.clone(),
            revision: source.revision,
            kafka_cluster_id: state.kafka_cluster_id.as_str().into(),
            acls: Acls::compile(
                previous.map(|view| &view.acls),
                state,
                BroughtAcls::of(name, &stored_policies.everywhere, &stored_policies.own),
            ),
            names: names(previous, &source, home),
            brokers: Brokers::compile(
                previous.map(|view| &view.brokers),
                (name, state),
                (nodes, unheard),
                topologies,
            ),
            cluster: state.home.clone(),
            part: Part::Whole,
            route: source.route,
            producers: producers(state),
            transactions: transactions(state, source.route),
            epochs: epochs(state, source.route),
            apis: reuse(previous.map(|view| &view.apis), apis),
            features: reuse(previous.map(|view| &view.features), features),
            directory: Directory::compile(previous.map(|view| &view.directory), name, state, signing_keys),
            policies: policies(previous, &stored_policies),
            request_policies: request_policies(previous, &stored_policies),
            rates: rates(previous, &stored_policies),
            stored_policies,
            quotas: quotas(previous, state, serving),
            serving,
        };
        if foreign.is_empty() {
            view
        } else {
            view.with(previous, &source, &foreign)
        }
    }

    /// Adds the parts on other clusters than its home.
    fn with(self, previous: Option<&Self>, source: &Source<'_>, foreign: &BTreeSet<&ClusterId>) -> Self {
        let of_cluster = |cluster: &ClusterId| {
            let previous = previous.and_then(|view| view.on(cluster));
            names(previous, source, Some(cluster))
        };
        let theirs: Vec<Arc<Names>> = foreign.iter().map(|cluster| of_cluster(cluster)).collect();
        let all: Arc<[Arc<Names>]> = [&self.names].into_iter().chain(&theirs).cloned().collect();
        let parts = foreign.iter().zip(theirs).map(|(cluster, names)| Self {
            cluster: Some((*cluster).clone()),
            names,
            part: Part::Foreign {
                names: Arc::clone(&all),
            },
            ..self.clone()
        });
        let parts = parts.collect();
        Self {
            part: Part::Home(parts),
            ..self
        }
    }

    /// The parts on other clusters than its home.
    pub fn foreign(&self) -> &[Self] {
        match &self.part {
            Part::Home(parts) => parts,
            Part::Whole | Part::Foreign { .. } => &[],
        }
    }

    /// Its part of one physical cluster.
    pub fn on(&self, cluster: &ClusterId) -> Option<&Self> {
        let mut parts = std::iter::once(self).chain(self.foreign());
        parts.find(|part| part.cluster.as_ref() == Some(cluster))
    }

    /// Whether this is of another cluster than the home.
    pub fn is_foreign(&self) -> bool {
        matches!(self.part, Part::Foreign { .. })
    }

    /// Whether a topic of this name is on another cluster than this part.
    pub fn is_elsewhere(&self, name: &str) -> bool {
        self.alias_elsewhere(name).is_some()
    }

    /// The topic of this name, if it is on another cluster than this part.
    pub fn alias_elsewhere(&self, name: &str) -> Option<Cow<'_, Alias>> {
        self.others().find_map(|names| names.by_virtual_name(name))
    }

    /// The name of the topic of this id, if it is on another cluster than this part.
    pub fn name_elsewhere(&self, id: TopicId<Virtual>) -> Option<&str> {
        let alias = self.others().find_map(|names| names.by_virtual_id(id))?;
        Some(alias.virtual_name.as_str())
    }

    fn others(&self) -> impl Iterator<Item = &Names> {
        let all: &[Arc<Names>] = match &self.part {
            Part::Foreign { names } => names,
            Part::Whole | Part::Home(_) => &[],
        };
        let of_foreign = self.foreign().iter().map(|part| part.names.as_ref());
        let others = all.iter().map(Arc::as_ref).chain(of_foreign);
        others.filter(|names| names.cluster() != self.cluster.as_ref())
    }
}

/// The compiled policies, if there are any: those of `previous` where nothing changed. Sessions know by the pointer whether
/// records were judged by what holds now.
fn policies(previous: Option<&View>, stored: &StoredPolicies) -> Option<Arc<Policies>> {
    if let Some(previous) = previous
        && previous.stored_policies == *stored
    {
        return previous.policies.clone();
    }
    let policies = Policies::compile(&stored.everywhere, &stored.own, &stored.members);
    (!policies.is_empty()).then(|| Arc::new(policies))
}

/// The compiled policies on requests, if there are any: those of `previous` where nothing changed.
fn request_policies(previous: Option<&View>, stored: &StoredPolicies) -> Option<Arc<RequestPolicies>> {
    if let Some(previous) = previous
        && previous.stored_policies == *stored
    {
        return previous.request_policies.clone();
    }
    let policies = RequestPolicies::compile(&stored.everywhere, &stored.own, &stored.members);
    (!policies.is_empty()).then(|| Arc::new(policies))
}

/// The compiled policies that limit rates, if there are any: those of `previous` where nothing changed.
fn rates(previous: Option<&View>, stored: &StoredPolicies) -> Option<Arc<RatePolicies>> {
    if let Some(previous) = previous
        && previous.stored_policies == *stored
    {
        return previous.rates.clone();
    }
    let rates = RatePolicies::compile(&stored.everywhere, &stored.own, &stored.members);
    (!rates.is_empty()).then(|| Arc::new(rates))
}

/// The quotas, if there are any: those of `previous` where nothing changed. Sessions know by the pointer whether they are others.
/// Nodes that may serve clients share what is allowed.
fn quotas(previous: Option<&View>, state: &VclusterState, serving: u32) -> Option<Arc<Quotas>> {
    let quotas = Quotas::new(&state.quotas, &state.spec.limits, serving)?;
    Some(reuse(previous.and_then(|view| view.quotas.as_ref()), quotas))
}

impl StoredPolicies {
    fn of(source: &Source<'_>) -> Self {
        let scopes = source.policies.keys().chain(source.state.policies.keys());
        let groups = scopes.filter_map(|id| id.scope.group());
        let members = groups.filter_map(|name| {
            let members = source.groups.get(name)?.members_in(source.name);
            Some((name.clone(), Arc::new(members.cloned().collect())))
        });
        Self {
            everywhere: source.policies.clone(),
            own: source.state.policies.clone(),
            members: members.collect(),
        }
    }
}

fn producers(state: &VclusterState) -> ProducerIds {
    match (&state.mark, &state.spec.kind) {
        (Some(mark), _) => ProducerIds::marked(mark, state.home.as_ref()),
        (None, VclusterKind::Passthrough) => ProducerIds::Plain,
        (None, VclusterKind::Partner | VclusterKind::Standard(_)) => ProducerIds::Nobodys,
    }
}

fn transactions(state: &VclusterState, route: RouteSight) -> TransactionIds {
    match &state.mark {
        Some(mark) if route.is_home_switched => TransactionIds::marked(mark),
        _ => TransactionIds::Plain,
    }
}

/// Where topics are shown as they are, their ids are others after a switch, and nobody compares epochs.
fn epochs(state: &VclusterState, route: RouteSight) -> LeaderEpochs {
    match state.spec.kind {
        VclusterKind::Passthrough => LeaderEpochs::default(),
        VclusterKind::Partner | VclusterKind::Standard(_) => LeaderEpochs::since(route.generation),
    }
}

fn names(previous: Option<&View>, source: &Source<'_>, cluster: Option<&ClusterId>) -> Arc<Names> {
    let no_topics = BTreeMap::new();
    let topology = cluster.and_then(|cluster| source.topologies.get(cluster));
    // Borders are drawn between those that are on one cluster, wherever routes lead.
    let kept = source
        .vclusters
        .get(source.name)
        .map_or(source.state, Arc::as_ref);
    let neighbours = Neighbours::of(source.name, &kept.spec.kind, source.vclusters);
    let sources = Sources {
        vcluster: source.name,
        cluster,
        aliases: &source.state.aliases,
        topics: topology.map_or(&no_topics, |topology| &topology.topics),
        holders: &source.state.holders,
        neighbours: &neighbours,
        first_ids: cluster.and_then(|cluster| source.first_topic_ids.get(cluster)),
    };
    let scope = Scope::on(source.state, cluster);
    Names::compile(previous.map(|view| &view.names), scope, sources)
}

impl Acls {
    /// The policy that brings the ACL that decided, if one does.
    pub fn brought_by(&self, acl: AclRef) -> Option<&PolicyName> {
        if self.brought.is_empty() {
            return None;
        }
        let policy = self.brought.by(&self.index.matched(acl).binding())?;
        Some(policy.name())
    }

    fn compile(previous: Option<&Arc<Self>>, state: &VclusterState, brought: BroughtAcls) -> Arc<Self> {
        let super_users = state.spec.super_users.iter();
        let super_users: BTreeSet<_> = super_users.map(|name| Principal::user(name.as_str())).collect();
        let enabled = state.has_acls_in_force();
        let are_declared = state.spec.declared_acls().is_some();
        let stored = state.acls();
        match previous {
            Some(previous)
                if previous.enabled == enabled
                    && previous.are_declared == are_declared
                    && previous.limits == state.spec.limits
                    && previous.stored == *stored
                    && previous.brought == brought
                    && previous.super_users == super_users =>
            {
                Arc::clone(previous)
            }
            _ => {
                let all = all(stored, &brought);
                Arc::new(Self {
                    index: match enabled {
                        true => AclIndex::compile(&all, &super_users, IfNoAcl::Deny),
                        false => AclIndex::disabled(),
                    },
                    stored: stored.clone(),
                    brought,
                    all,
                    are_declared,
                    limits: state.spec.limits.clone(),
                    super_users,
                    enabled,
                })
            }
        }
    }
}

/// The stored ACLs with those that policies bring. Without such, it is what is stored.
fn all(stored: &Shared<BTreeSet<AclBinding>>, brought: &BroughtAcls) -> Shared<BTreeSet<AclBinding>> {
    let mut all = stored.clone();
    if !brought.is_empty() {
        all.extend(brought.iter().cloned());
    }
    all
}

fn reuse<T: PartialEq>(previous: Option<&Arc<T>>, compiled: T) -> Arc<T> {
    match previous {
        Some(previous) if **previous == compiled => Arc::clone(previous),
        _ => Arc::new(compiled),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use klamm_raft::model::{
        AclEntry, BrokerKey, BrokerSlot, Operation, PatternType, Permission, PortSlot, ResourcePattern,
        ResourceType,
    };

    use super::*;
    use crate::vcluster::samples;

    fn state() -> VclusterState {
        let mut state = samples::partner(&[]);
        state.spec.super_users.insert("admin".parse().unwrap());
        state
    }

    fn compile(previous: Option<&View>, state: &VclusterState, topologies: &Topologies) -> View {
        let source = Source {
            name: &"v".parse().unwrap(),
            state,
            vclusters: &BTreeMap::new(),
            nodes: &BTreeMap::new(),
            unheard: &BTreeSet::new(),
            first_topic_ids: &BTreeMap::new(),
            topologies,
            signing_keys: None,
            policies: &Shared::default(),
            groups: &BTreeMap::new(),
            revision: Revision(1),
            route: RouteSight::default(),
        };
        View::compile(previous, source)
    }

    /// Which parts of `next` are those of `previous`.
    fn kept(previous: &View, next: &View) -> Vec<&'static str> {
        let parts = [
            ("acls", Arc::ptr_eq(&previous.acls, &next.acls)),
            ("names", Arc::ptr_eq(&previous.names, &next.names)),
            ("brokers", Arc::ptr_eq(&previous.brokers, &next.brokers)),
            ("apis", Arc::ptr_eq(&previous.apis, &next.apis)),
            ("features", Arc::ptr_eq(&previous.features, &next.features)),
            ("directory", Arc::ptr_eq(&previous.directory, &next.directory)),
        ];
        parts
            .into_iter()
            .filter(|(_, same)| *same)
            .map(|(name, _)| name)
            .collect()
    }

    #[test]
    fn a_change_rebuilds_only_what_it_touches() {
        let topologies = Topologies::from([("main".parse().unwrap(), Arc::default())]);
        let first = compile(None, &state(), &topologies);
        let same = compile(Some(&first), &state(), &topologies);
        assert_eq!(
            kept(&first, &same),
            ["acls", "names", "brokers", "apis", "features", "directory"]
        );

        let mut granted = state();
        let pattern = ResourcePattern {
            resource_type: ResourceType::Topic,
            name: "t".into(),
            pattern_type: PatternType::Literal,
        };
        let (operation, permission) = (Operation::Read, Permission::Allow);
        let entry = AclEntry {
            principal: "User:a".into(),
            host: "*".into(),
            operation,
            permission,
        };
        granted.acls.insert(AclBinding { pattern, entry });
        let next = compile(Some(&first), &granted, &topologies);
        assert_eq!(
            kept(&first, &next),
            ["names", "brokers", "apis", "features", "directory"]
        );

        let mut demoted = state();
        demoted.spec.super_users.clear();
        let next = compile(Some(&first), &demoted, &topologies);
        assert_eq!(
            kept(&first, &next),
            ["names", "brokers", "apis", "features", "directory"]
        );

        let mut larger = state();
        let key = BrokerKey {
            cluster: "main".parse().unwrap(),
            physical_id: 7,
        };
        larger.brokers.insert(
            key,
            BrokerSlot {
                virtual_id: 1,
                port: PortSlot(1),
            },
        );
        let next = compile(Some(&first), &larger, &topologies);
        assert_eq!(
            kept(&first, &next),
            ["acls", "names", "apis", "features", "directory"]
        );
    }
}
