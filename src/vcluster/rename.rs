//! The map between the names of a virtual cluster and those of its physical cluster, and the only place that converts
//! one into the other. It knows nothing of rights.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use aws_lc_rs::digest;
use klamm_raft::model::{AliasTopic, ClusterId, TopicName, VclusterName};

use super::names::{Physical, Topic, TopicId, Virtual};
use crate::backend::topology::PhysicalTopic;

/// Between a virtual cluster's name and one of its group or transactional ids. No virtual cluster's name holds it, so
/// that two virtual clusters never share an id.
const SEPARATOR: char = ':';

/// The longest text that every version of every request can carry: a length of 15 bits.
const MAX_TEXT_BYTES: usize = i16::MAX as usize;

/// One topic of a virtual cluster, by all its names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alias {
    pub virtual_name: Topic<Virtual>,
    pub physical_name: Topic<Physical>,
    /// Whether the physical topic is known to exist.
    pub exists: bool,
    /// None while it is not known to exist, or when its cluster has no topic ids.
    pub ids: Option<AliasIds>,
}

/// The ids of a topic on both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AliasIds {
    pub virtual_id: TopicId<Virtual>,
    pub physical_id: TopicId<Physical>,
}

/// A group or transactional id does not fit into a request once its virtual cluster's name is put before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the id is too long")]
pub struct IdTooLong;

/// What a virtual cluster shows of its physical cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Alias topics, and groups and transactional ids in a namespace of its own.
    Aliases,
    /// Everything, under its own names and ids: topics, groups and transactional ids.
    Everything,
}

/// All names of one virtual cluster on its home cluster. Injective both ways: an alias has one physical topic, and a
/// physical topic has one alias.
#[derive(Debug)]
pub struct Names {
    vcluster: VclusterName,
    scope: Scope,
    namespace: String,
    /// By virtual name.
    aliases: Vec<Alias>,
    by_virtual_name: HashMap<TopicName, usize>,
    by_physical_name: HashMap<TopicName, usize>,
    by_virtual_id: HashMap<TopicId<Virtual>, usize>,
    by_physical_id: HashMap<TopicId<Physical>, usize>,
}

impl Names {
    /// Compiles the aliases of `vcluster` that are on `home`. `previous` is given back when nothing changed.
    pub fn compile(
        previous: Option<&Arc<Self>>,
        vcluster: &VclusterName,
        home: Option<&ClusterId>,
        aliases: &BTreeMap<TopicName, AliasTopic>,
        topics: &HashMap<TopicName, PhysicalTopic>,
    ) -> Arc<Self> {
        let aliases: Vec<Alias> = aliases
            .iter()
            .filter(|(_, alias)| Some(&alias.physical_cluster) == home)
            .map(|(name, alias)| Alias::new(vcluster, name, alias, topics.get(&alias.physical_name)))
            .collect();
        match previous {
            Some(previous) if previous.aliases == aliases && previous.vcluster == *vcluster => {
                Arc::clone(previous)
            }
            _ => Arc::new(Self::of(vcluster, Scope::Aliases, aliases)),
        }
    }

    /// The names of a virtual cluster that shows the whole physical cluster as it is. Of `topics` it has the ids;
    /// others, created a moment ago, go by name. `previous` is given back when nothing changed.
    pub fn transparent(
        previous: Option<&Arc<Self>>,
        vcluster: &VclusterName,
        topics: &HashMap<TopicName, PhysicalTopic>,
    ) -> Arc<Self> {
        let mut aliases: Vec<Alias> = topics
            .iter()
            .map(|(name, topic)| Alias::same(name.clone(), Some(topic)))
            .collect();
        aliases.sort_by(|a, b| a.virtual_name.as_str().cmp(b.virtual_name.as_str()));
        match previous {
            Some(previous) if previous.aliases == aliases && previous.vcluster == *vcluster => {
                Arc::clone(previous)
            }
            _ => Arc::new(Self::of(vcluster, Scope::Everything, aliases)),
        }
    }

    fn of(vcluster: &VclusterName, scope: Scope, aliases: Vec<Alias>) -> Self {
        let ids = |alias: &Alias| alias.ids;
        Self {
            vcluster: vcluster.clone(),
            scope,
            namespace: format!("{vcluster}{SEPARATOR}"),
            by_virtual_name: index(&aliases, |alias| Some(alias.virtual_name.topic_name().clone())),
            by_physical_name: index(&aliases, |alias| Some(alias.physical_name.topic_name().clone())),
            by_virtual_id: index(&aliases, |alias| ids(alias).map(|ids| ids.virtual_id)),
            by_physical_id: index(&aliases, |alias| ids(alias).map(|ids| ids.physical_id)),
            aliases,
        }
    }

    /// What is shown of the physical cluster.
    pub fn scope(&self) -> Scope {
        self.scope
    }

    /// All topics that are known, by virtual name.
    pub fn aliases(&self) -> &[Alias] {
        &self.aliases
    }

    /// The topic that a client calls `name`.
    pub fn by_virtual_name(&self, name: &str) -> Option<Cow<'_, Alias>> {
        self.named(&self.by_virtual_name, name)
    }

    /// The topic that the physical cluster calls `name`.
    pub fn by_physical_name(&self, name: &str) -> Option<Cow<'_, Alias>> {
        self.named(&self.by_physical_name, name)
    }

    fn named(&self, index: &HashMap<TopicName, usize>, name: &str) -> Option<Cow<'_, Alias>> {
        match (index.get(name), self.scope) {
            (Some(place), _) => Some(Cow::Borrowed(&self.aliases[*place])),
            (None, Scope::Aliases) => None,
            (None, Scope::Everything) => Some(Cow::Owned(Alias::same(name.parse().ok()?, None))),
        }
    }

    /// The topic whose id a client was told to be `id`.
    pub fn by_virtual_id(&self, id: TopicId<Virtual>) -> Option<&Alias> {
        self.by_virtual_id.get(&id).map(|place| &self.aliases[*place])
    }

    /// The topic whose id on the physical cluster is `id`.
    pub fn by_physical_id(&self, id: TopicId<Physical>) -> Option<&Alias> {
        self.by_physical_id.get(&id).map(|place| &self.aliases[*place])
    }

    /// What a client is told when the physical cluster says that the id of `alias` is `id`: also for an id that this
    /// map does not have yet, because the topic was created again a moment ago.
    pub fn virtual_topic_id(&self, alias: &Alias, id: TopicId<Physical>) -> TopicId<Virtual> {
        match alias.ids {
            _ if self.scope == Scope::Everything => TopicId::new(*id.bytes()),
            Some(ids) if ids.physical_id == id => ids.virtual_id,
            _ if id.is_zero() => TopicId::new([0; 16]),
            _ => derive_topic_id(&self.vcluster, &alias.virtual_name, id),
        }
    }

    /// The group or transactional id that the physical cluster sees for a client's `id`.
    pub fn physical_id(&self, id: &str) -> Result<String, IdTooLong> {
        if self.scope == Scope::Everything {
            return Ok(id.to_owned());
        }
        if self.namespace.len() + id.len() > MAX_TEXT_BYTES {
            return Err(IdTooLong);
        }
        Ok([self.namespace.as_str(), id].concat())
    }

    /// A text that is no topic's name, neither here nor on the physical cluster.
    pub fn impossible_topic(&self) -> &str {
        &self.namespace
    }

    /// The client's name of a group or transactional id of the physical cluster; `None` when it is not one of this
    /// virtual cluster.
    pub fn virtual_id<'a>(&self, physical: &'a str) -> Option<&'a str> {
        match self.scope {
            Scope::Aliases => physical.strip_prefix(self.namespace.as_str()),
            Scope::Everything => Some(physical),
        }
    }
}

impl Alias {
    /// A topic that has the same name and id on both sides.
    fn same(name: TopicName, topic: Option<&PhysicalTopic>) -> Self {
        let id = topic.map(|topic| topic.id).filter(|id| *id != [0; 16]);
        Self {
            virtual_name: Topic::new(name.clone()),
            physical_name: Topic::new(name),
            exists: topic.is_some(),
            ids: id.map(|id| AliasIds {
                virtual_id: TopicId::new(id),
                physical_id: TopicId::new(id),
            }),
        }
    }

    fn new(
        vcluster: &VclusterName,
        name: &TopicName,
        alias: &AliasTopic,
        topic: Option<&PhysicalTopic>,
    ) -> Self {
        let virtual_name = Topic::new(name.clone());
        let ids = topic
            .map(|topic| TopicId::new(topic.id))
            .filter(|id| !id.is_zero())
            .map(|physical_id| AliasIds {
                virtual_id: derive_topic_id(vcluster, &virtual_name, physical_id),
                physical_id,
            });
        Self {
            virtual_name,
            physical_name: Topic::new(alias.physical_name.clone()),
            exists: topic.is_some(),
            ids,
        }
    }
}

fn index<K: std::hash::Hash + Eq>(aliases: &[Alias], key: impl Fn(&Alias) -> Option<K>) -> HashMap<K, usize> {
    let places = aliases.iter().enumerate();
    places
        .filter_map(|(place, alias)| Some((key(alias)?, place)))
        .collect()
}

/// The id of a virtual topic: it differs between virtual clusters and between virtual names, and changes when the
/// physical topic is created again. Zero and one are reserved by Kafka, and Kafka avoids ids whose text begins with a
/// dash, which tools would take for an option.
fn derive_topic_id(
    vcluster: &VclusterName,
    name: &Topic<Virtual>,
    physical: TopicId<Physical>,
) -> TopicId<Virtual> {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in [
        vcluster.as_str().as_bytes(),
        &[0],
        name.as_str().as_bytes(),
        &[0],
        physical.bytes(),
    ] {
        context.update(part);
    }
    let hash = context.finish();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.as_ref()[..16]);
    let begins_with_dash = bytes[0] >> 2 == 62;
    let reserved = bytes[..15] == [0; 15] && bytes[15] <= 1;
    if begins_with_dash || reserved {
        bytes[0] ^= 0x80;
    }
    TopicId::new(bytes)
}

#[cfg(test)]
mod tests;
