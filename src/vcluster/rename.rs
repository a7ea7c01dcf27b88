//! The map between the names of a virtual cluster and those of its physical cluster, and the only place that converts
//! one into the other. It knows nothing of rights.

mod alias;
mod clash;
mod contest;
mod departed;
mod scope;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use klamm_raft::model::{
    AliasTopic, ClusterId, FirstTopicIds, Holder, Neighbours, Shared, TopicName, VclusterName,
};

use super::names::{Physical, TopicId, Virtual};
use super::pattern::Pattern;
use crate::backend::topology::PhysicalTopic;
use alias::ToldIds;
use contest::BesideAliases;
use departed::Departed;
use scope::Realm;

pub use alias::{Alias, AliasIds};
pub use clash::{Claimant, Clash, clashes};
pub use contest::{Contests, HeldBy, Hidden};
pub use scope::{IdRefused, Scope};

/// The beginning of a name that stands for a topic which is none, where a broker takes only names that a topic could
/// have.
const ABSENT: &str = "__klamm_absent.";

/// The longest name of a topic.
const MAX_TOPIC_BYTES: usize = 249;

/// The sources that names are compiled from.
#[derive(Debug, Clone, Copy)]
pub struct Sources<'a> {
    pub vcluster: &'a VclusterName,
    pub cluster: Option<&'a ClusterId>,
    /// The alias topics of the virtual cluster. Only those on `cluster` count.
    pub aliases: &'a BTreeMap<TopicName, AliasTopic>,
    /// Topics of `cluster`, as far as they are known.
    pub topics: &'a BTreeMap<TopicName, PhysicalTopic>,
    /// Who is on record as having a name that two topics would have.
    pub holders: &'a BTreeMap<TopicName, Holder>,
    /// On `cluster`.
    pub neighbours: &'a Neighbours,
    /// The ids by which clients know topics of `cluster`, which took over from another.
    pub first_ids: Option<&'a Shared<FirstTopicIds>>,
}

impl<'a> Sources<'a> {
    fn told_ids(self) -> ToldIds<'a> {
        ToldIds {
            vcluster: self.vcluster,
            first: self.first_ids.map(|ids| &**ids),
        }
    }

    /// Whether an alias topic has a name, on whichever cluster.
    fn have_alias(&self, name: &TopicName) -> bool {
        self.aliases.get(name).is_some_and(|alias| !alias.is_of_kafka())
    }
}

/// By what a broker finds the topics that a client's expression matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhysicalPattern {
    /// The expression that finds those of the virtual cluster's own.
    pub text: String,
    /// Those that belong to somebody else.
    pub names: BTreeSet<String>,
}

/// Names and ids come from those who make aliases or topics, lookups from any client. The hash is keyed with a seed of
/// the process, so that neither can prepare names that collide.
type Places<K> = HashMap<K, usize, foldhash::fast::RandomState>;

/// All names of one virtual cluster on one physical cluster. Injective both ways: an alias has one physical topic, and a
/// physical topic has one alias.
#[derive(Debug)]
pub struct Names {
    vcluster: VclusterName,
    cluster: Option<ClusterId>,
    realm: Realm,
    /// By virtual name.
    aliases: Vec<Alias>,
    hidden: Vec<Hidden>,
    contests: Contests,
    /// Names that no topic has, and none gets before it is listed.
    closed: BTreeSet<TopicName>,
    first_ids: Shared<FirstTopicIds>,
    by_virtual_name: Places<TopicName>,
    by_physical_name: Places<TopicName>,
    by_virtual_id: Places<TopicId<Virtual>>,
    by_physical_id: Places<TopicId<Physical>>,
    departed: Departed,
}

impl Names {
    /// Compiles all names. `previous` is given back when nothing changed; of two topics that would have the same name,
    /// and neither is on record, the one keeps it that had it there.
    pub fn compile(previous: Option<&Arc<Self>>, scope: Scope, sources: Sources<'_>) -> Arc<Self> {
        let realm = Realm::new(sources.vcluster, scope, sources.neighbours.clone());
        let mut aliases = aliases(sources);
        let mut beside = BesideAliases::of(&realm, sources, &aliases, previous.map(Arc::as_ref));
        if !beside.shown.is_empty() {
            aliases.append(&mut beside.shown);
            aliases.sort_unstable_by(|a, b| a.virtual_name.as_str().cmp(b.virtual_name.as_str()));
        }
        match previous {
            Some(previous)
                if previous.aliases == aliases
                    && previous.vcluster == *sources.vcluster
                    && previous.cluster.as_ref() == sources.cluster
                    && previous.realm == realm
                    && previous.hidden == beside.hidden
                    && previous.contests == beside.contests
                    && previous.closed == beside.closed
                    && sources
                        .first_ids
                        .map_or(previous.first_ids.is_empty(), |ids| previous.first_ids == *ids) =>
            {
                Arc::clone(previous)
            }
            _ => Arc::new(Self::of(
                previous.map(Arc::as_ref),
                sources,
                realm,
                (aliases, beside),
            )),
        }
    }

    fn of(
        previous: Option<&Self>,
        sources: Sources<'_>,
        realm: Realm,
        (aliases, beside): (Vec<Alias>, BesideAliases),
    ) -> Self {
        let ids = |alias: &Alias| alias.ids;
        let by_virtual_id = index(&aliases, |alias| ids(alias).map(|ids| ids.virtual_id));
        let previous = previous.filter(|previous| previous.cluster.as_ref() == sources.cluster);
        Self {
            departed: Departed::since(previous, &by_virtual_id),
            vcluster: sources.vcluster.clone(),
            cluster: sources.cluster.cloned(),
            realm,
            by_virtual_name: index(&aliases, |alias| Some(alias.virtual_name.topic_name().clone())),
            by_physical_name: index(&aliases, |alias| Some(alias.physical_name.topic_name().clone())),
            by_virtual_id,
            by_physical_id: index(&aliases, |alias| ids(alias).map(|ids| ids.physical_id)),
            aliases,
            hidden: beside.hidden,
            contests: beside.contests,
            closed: beside.closed,
            first_ids: sources.first_ids.cloned().unwrap_or_default(),
        }
    }

    fn told_ids(&self) -> ToldIds<'_> {
        ToldIds {
            vcluster: &self.vcluster,
            first: Some(&self.first_ids),
        }
    }

    /// The physical cluster of the other side; none before the first alias.
    pub fn cluster(&self) -> Option<&ClusterId> {
        self.cluster.as_ref()
    }

    /// Whether all of the physical cluster is shown as it is.
    pub fn is_transparent(&self) -> bool {
        self.realm.scope == Scope::Everything
    }

    /// Whether there may be topics that this map does not list: those that were created a moment ago.
    pub fn is_open(&self) -> bool {
        self.realm.scope != Scope::Aliases
    }

    /// Whether a topic belongs to this virtual cluster, to be created, changed and deleted through it. What an alias
    /// stands for, or is let in, belongs to somebody else.
    pub fn owns(&self, alias: &Alias) -> bool {
        match &self.realm.scope {
            Scope::Aliases => false,
            Scope::Everything => true,
            Scope::Part(standard) => standard.owns(alias.virtual_name.as_str(), alias.physical_name.as_str()),
        }
    }

    /// All topics that are known, by virtual name.
    pub fn aliases(&self) -> &[Alias] {
        &self.aliases
    }

    /// Topics that clients do not see, because others have their names.
    pub fn hidden(&self) -> &[Hidden] {
        &self.hidden
    }

    /// The names that two topics would have, and that are to be put on record.
    pub fn contests(&self) -> &Contests {
        &self.contests
    }

    /// The topic that a client calls `name`.
    pub fn by_virtual_name(&self, name: &str) -> Option<Cow<'_, Alias>> {
        if let Some(place) = self.by_virtual_name.get(name) {
            return Some(Cow::Borrowed(&self.aliases[*place]));
        }
        let physical = self.realm.physical_topic(name)?;
        self.unlisted(name.parse().ok()?, physical)
    }

    /// The topic that the physical cluster calls `name`.
    pub fn by_physical_name(&self, name: &str) -> Option<Cow<'_, Alias>> {
        if let Some(place) = self.by_physical_name.get(name) {
            return Some(Cow::Borrowed(&self.aliases[*place]));
        }
        let virtual_name = self.realm.virtual_topic(name)?;
        self.unlisted(virtual_name, name.parse().ok()?)
    }

    /// A topic that is not known yet, unless another has one of its names.
    fn unlisted(&self, name: TopicName, physical: TopicName) -> Option<Cow<'_, Alias>> {
        let is_taken = self.by_virtual_name.contains_key(&name)
            || self.by_physical_name.contains_key(&physical)
            || self.closed.contains(&name);
        (!is_taken).then(|| {
            Cow::Owned(match self.is_transparent() {
                true => Alias::same(name, None),
                false => Alias::new(self.told_ids(), name, physical, None),
            })
        })
    }

    /// The topic whose id a client was told to be `id`.
    pub fn by_virtual_id(&self, id: TopicId<Virtual>) -> Option<&Alias> {
        self.by_virtual_id.get(&id).map(|place| &self.aliases[*place])
    }

    /// The topic whose id on the physical cluster is `id`.
    pub fn by_physical_id(&self, id: TopicId<Physical>) -> Option<&Alias> {
        self.by_physical_id.get(&id).map(|place| &self.aliases[*place])
    }

    /// The topic whose id on the physical cluster is `id`, which is shown no longer.
    pub fn departed(&self, id: TopicId<Physical>) -> Option<&Alias> {
        self.departed.by_physical_id(id)
    }

    /// The id on the physical cluster of the topic that a client was told to be `id`, be it shown or departed.
    pub fn physical_topic_id(&self, id: TopicId<Virtual>) -> Option<TopicId<Physical>> {
        if self.is_transparent() {
            return Some(TopicId::new(*id.bytes()));
        }
        let alias = self.by_virtual_id(id).or_else(|| self.departed.by_virtual_id(id));
        Some(alias?.ids?.physical_id)
    }

    /// The id that a client is told when the physical cluster says that the id of `alias` is `id`: also for an id that
    /// this map does not have yet, because the topic was created again a moment ago.
    pub fn virtual_topic_id(&self, alias: &Alias, id: TopicId<Physical>) -> TopicId<Virtual> {
        match alias.ids {
            _ if self.is_transparent() => TopicId::new(*id.bytes()),
            Some(ids) if ids.physical_id == id => ids.virtual_id,
            _ if id.is_zero() => TopicId::new([0; 16]),
            _ => self.told_ids().of(&alias.virtual_name, id),
        }
    }

    /// The group that the physical cluster sees for a client's `id`.
    pub fn physical_group(&self, id: &str) -> Result<String, IdRefused> {
        self.realm.physical_group(id)
    }

    /// Whether a group is the virtual cluster's own, to be changed and deleted through it. What is let in belongs to
    /// somebody else.
    pub fn owns_group(&self, id: &str) -> bool {
        self.is_transparent() || !self.realm.is_let_in_group(id)
    }

    /// The transactional id that the physical cluster sees for a client's `id`.
    pub fn physical_transactional_id(&self, id: &str) -> Result<String, IdRefused> {
        self.realm.physical_transactional_id(id)
    }

    /// The client's name of a group of the physical cluster; `None` when it is not one of this virtual cluster.
    pub fn virtual_group<'a>(&self, physical: &'a str) -> Option<&'a str> {
        self.realm.virtual_group(physical)
    }

    /// The expression by which a broker finds the topics that the client's expression matches, those that are to come
    /// included. None where it would find others, too, or where it can find nothing because names are another's.
    pub fn physical_pattern(&self, pattern: &Pattern, text: &str) -> Option<PhysicalPattern> {
        let text = self.realm.physical_pattern(text)?;
        // A broker knows nothing of names that another has.
        let hidden = self.hidden.iter().map(|hidden| &hidden.name);
        let mut withheld = hidden.chain(&self.closed);
        if withheld.any(|name| pattern.matches(name.as_str())) {
            return None;
        }
        let mut names = BTreeSet::new();
        for alias in self.aliases.iter().filter(|alias| !self.owns(alias)) {
            let own_name = self.realm.virtual_topic(alias.physical_name.as_str());
            if pattern.matches(alias.virtual_name.as_str()) {
                names.insert(alias.physical_name.as_str().to_owned());
            } else if own_name.is_some_and(|name| pattern.matches(name.as_str())) {
                // It is shown by another name than the one by which a broker would find it.
                return None;
            }
        }
        Some(PhysicalPattern { text, names })
    }

    /// The expression that a client is told for one that a broker has; `None` when it is none of this virtual cluster's.
    pub fn virtual_pattern<'a>(&self, physical: &'a str) -> Option<&'a str> {
        self.realm.virtual_pattern(physical)
    }

    /// Whether a group of the physical cluster is shown as it is, so that others than clients of this virtual cluster may
    /// be members of it.
    pub fn is_let_in_group(&self, physical: &str) -> bool {
        self.realm.is_let_in_group(physical)
    }

    /// The client's name of a transactional id of the physical cluster; `None` when it is not one of this virtual
    /// cluster.
    pub fn virtual_transactional_id<'a>(&self, physical: &'a str) -> Option<&'a str> {
        self.realm.virtual_transactional_id(physical)
    }

    /// A text that is no topic's name, neither here nor on the physical cluster.
    pub fn impossible_topic(&self) -> &str {
        self.realm.impossible_topic()
    }

    /// A stand-in: the name that the physical cluster is told instead of a topic of this name, which is none of this
    /// virtual cluster's, so that it does not take it for one of its own.
    pub fn stand_in(&self, name: &str) -> Result<String, IdRefused> {
        self.realm.stand_in(name)
    }

    /// The topic's name that a text of the physical cluster stands in for.
    pub fn stood_in_for<'a>(&self, physical: &'a str) -> Option<&'a str> {
        self.realm.stood_in_for(physical)
    }

    /// The physical name of a topic that a client calls `name`; of one that is none, a name that a topic could have, but
    /// that none has.
    pub fn topic_or_absent(&self, name: &str) -> Result<String, IdRefused> {
        if let Some(alias) = self.by_virtual_name(name) {
            return Ok(alias.physical_name.as_str().to_owned());
        }
        let absent = [ABSENT, self.vcluster.as_str(), ".", name].concat();
        match absent.len() <= MAX_TOPIC_BYTES {
            true => Ok(absent),
            false => Err(IdRefused::TooLong),
        }
    }

    /// The client's name for a topic that the physical cluster calls `name`, be it one or the name of one that is none.
    pub fn virtual_topic_name(&self, name: &str) -> Option<String> {
        if let Some(alias) = self.by_physical_name(name) {
            return Some(alias.virtual_name.as_str().to_owned());
        }
        let absent = name.strip_prefix(ABSENT).and_then(|name| {
            let name = name.strip_prefix(self.vcluster.as_str())?;
            name.strip_prefix('.')
        });
        absent.or_else(|| self.stood_in_for(name)).map(str::to_owned)
    }
}

/// The alias topics on the cluster.
fn aliases(sources: Sources<'_>) -> Vec<Alias> {
    let there = sources
        .aliases
        .iter()
        .filter(|(_, alias)| Some(&alias.physical_cluster) == sources.cluster && !alias.is_of_kafka());
    there
        .map(|(name, alias)| {
            let topic = sources.topics.get(&alias.physical_name);
            Alias::new(
                sources.told_ids(),
                name.clone(),
                alias.physical_name.clone(),
                topic,
            )
        })
        .collect()
}

fn index<K: std::hash::Hash + Eq>(aliases: &[Alias], key: impl Fn(&Alias) -> Option<K>) -> Places<K> {
    let places = aliases.iter().enumerate();
    places
        .filter_map(|(place, alias)| Some((key(alias)?, place)))
        .collect()
}

#[cfg(test)]
mod tests;
