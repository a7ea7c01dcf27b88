//! The scope of a virtual cluster on a physical one: what it shows of it, and which names outside of the alias map that
//! gives.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Bound;

use klamm_raft::model::{
    ClusterId, Namespace, Neighbours, Standard, TopicName, VclusterKind, VclusterName, VclusterState,
    begins_kafkas_own,
};

use crate::vcluster::pattern::beginning;

/// Between a virtual cluster's name and one of its group or transactional ids. No virtual cluster's name holds it, so
/// that two virtual clusters never share an id.
const SEPARATOR: char = ':';

/// The longest text that every version of every request can carry: a length of 15 bits.
const MAX_TEXT_BYTES: usize = i16::MAX as usize;

/// There can be no group or transactional id of this name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdRefused {
    #[error("the id is too long")]
    TooLong,
    #[error("the id is outside of the namespace")]
    OutsideNamespace,
}

/// The part of its physical cluster that a virtual cluster shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Alias topics, and groups and transactional ids in a namespace of its own.
    Aliases,
    /// Alias topics, and what belongs to its namespace or is let in beside it.
    Part(Standard),
    /// Everything, under its own names and ids: topics, groups and transactional ids.
    Everything,
}

impl Scope {
    /// The scope of a virtual cluster of this kind.
    fn of(kind: &VclusterKind) -> Self {
        match kind {
            VclusterKind::Partner => Self::Aliases,
            VclusterKind::Standard(standard) => Self::Part(standard.clone()),
            VclusterKind::Passthrough => Self::Everything,
        }
    }

    /// The topics of `all` that may be shown beside aliases, in order. What belongs to others is passed over, not
    /// looked at.
    pub fn candidates<'a, T>(
        &self,
        all: &'a BTreeMap<TopicName, T>,
    ) -> impl Iterator<Item = (&'a TopicName, &'a T)> + use<'a, T> {
        let mut heads: Vec<String> = match self {
            Self::Aliases => Vec::new(),
            Self::Part(standard) => standard.topic_heads().map(str::to_owned).collect(),
            Self::Everything => vec![String::new()],
        };
        heads.sort_unstable();
        // One that begins with the last one that was kept adds nothing.
        heads.dedup_by(|head, kept| head.starts_with(kept.as_str()));
        heads.into_iter().flat_map(|head| {
            let from = all.range::<str, _>((Bound::Included(head.as_str()), Bound::Unbounded));
            from.take_while(move |(name, _)| name.as_str().starts_with(&head))
        })
    }

    /// Whether a topic may be shown beside aliases.
    pub fn may_show(&self, physical: &str) -> bool {
        match self {
            Self::Aliases => false,
            Self::Part(standard) => standard.claim(physical).is_some(),
            Self::Everything => true,
        }
    }

    /// The scope of a virtual cluster on one of its physical clusters. Away from home that is aliases, whatever its
    /// kind, and no group or transaction is there.
    pub fn on(vcluster: &VclusterState, cluster: Option<&ClusterId>) -> Self {
        match vcluster.home.as_ref() == cluster {
            true => Self::of(&vcluster.spec.kind),
            false => Self::Aliases,
        }
    }
}

/// Names of groups, transactions and topics that are no alias.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Realm {
    pub(super) scope: Scope,
    neighbours: Neighbours,
    /// The virtual cluster's name and the separator: what begins ids where nothing else does.
    own: String,
}

impl Realm {
    pub(super) fn new(vcluster: &VclusterName, scope: Scope, neighbours: Neighbours) -> Self {
        Self {
            scope,
            neighbours,
            own: format!("{vcluster}{SEPARATOR}"),
        }
    }

    /// The name on the physical cluster of a topic that is no alias, and of which nothing is known.
    pub(super) fn physical_topic(&self, name: &str) -> Option<TopicName> {
        let physical = match &self.scope {
            Scope::Aliases => return None,
            Scope::Part(standard) => standard.physical_topic(name)?,
            Scope::Everything => Cow::Borrowed(name),
        };
        physical.parse().ok()
    }

    /// The name for clients of a topic that is no alias, and of which nothing is known.
    pub(super) fn virtual_topic(&self, physical: &str) -> Option<TopicName> {
        let name = match &self.scope {
            Scope::Aliases => return None,
            Scope::Part(standard) => standard.virtual_topic(physical)?,
            Scope::Everything => physical,
        };
        name.parse().ok()
    }

    pub(super) fn physical_group(&self, id: &str) -> Result<String, IdRefused> {
        match &self.scope {
            Scope::Everything => Ok(id.to_owned()),
            Scope::Aliases => fitting(self.mark(id)),
            Scope::Part(standard) => match standard.physical_group(id, &self.neighbours) {
                Some(physical) => fitting(physical.into_owned()),
                None => self.marked_unless_prefixed(standard, id),
            },
        }
    }

    pub(super) fn physical_transactional_id(&self, id: &str) -> Result<String, IdRefused> {
        match &self.scope {
            Scope::Everything => Ok(id.to_owned()),
            Scope::Aliases => fitting(self.mark(id)),
            Scope::Part(standard) => match standard.namespace.physical(id) {
                Some(physical) => fitting(physical.into_owned()),
                None => self.marked_unless_prefixed(standard, id),
            },
        }
    }

    pub(super) fn virtual_group<'a>(&self, physical: &'a str) -> Option<&'a str> {
        match &self.scope {
            Scope::Everything => Some(physical),
            Scope::Aliases => self.unmark(physical),
            Scope::Part(standard) => {
                let marked = self.marked_group(standard, physical);
                marked.or_else(|| standard.virtual_group(physical, &self.neighbours))
            }
        }
    }

    /// Whether others may have to do with a group: all belong to others where everything is shown, and what is let in
    /// does.
    pub(super) fn is_let_in_group(&self, physical: &str) -> bool {
        match &self.scope {
            Scope::Everything => true,
            Scope::Aliases => false,
            Scope::Part(standard) => standard.lets_in_group(physical, &self.neighbours),
        }
    }

    pub(super) fn virtual_transactional_id<'a>(&self, physical: &'a str) -> Option<&'a str> {
        match &self.scope {
            Scope::Everything => Some(physical),
            Scope::Aliases => self.unmark(physical),
            Scope::Part(standard) => match standard.namespace.prefix() {
                Some(_) => standard.namespace.of_physical(physical),
                None => self.unmark(physical),
            },
        }
    }

    fn marked_unless_prefixed(&self, standard: &Standard, id: &str) -> Result<String, IdRefused> {
        match standard.namespace.prefix() {
            Some(_) => Err(IdRefused::OutsideNamespace),
            None => fitting(self.mark(id)),
        }
    }

    /// The group that the physical cluster calls `physical` because it is neither let in nor given a prefix.
    fn marked_group<'a>(&self, standard: &Standard, physical: &'a str) -> Option<&'a str> {
        let id = self.unmark(physical)?;
        let is_marked =
            standard.namespace.prefix().is_none() && standard.physical_group(id, &self.neighbours).is_none();
        is_marked.then_some(id)
    }

    /// A text that is no topic's name, neither here nor on the physical cluster.
    pub(super) fn impossible_topic(&self) -> &str {
        &self.own
    }

    /// The stand-in for a topic that the physical cluster must not take for one of its own.
    pub(super) fn stand_in(&self, name: &str) -> Result<String, IdRefused> {
        match &self.scope {
            Scope::Everything => Ok(name.to_owned()),
            Scope::Aliases | Scope::Part(_) => fitting(self.mark(name)),
        }
    }

    /// The topic's name that something stands in for.
    pub(super) fn stood_in_for<'a>(&self, physical: &'a str) -> Option<&'a str> {
        match &self.scope {
            Scope::Everything => Some(physical),
            Scope::Aliases | Scope::Part(_) => self.unmark(physical),
        }
    }

    /// The expression by which a broker finds, of the topics that belong to this virtual cluster, those whose names the
    /// client's expression matches. None where there is no such expression.
    pub(super) fn physical_pattern(&self, text: &str) -> Option<String> {
        match &self.scope {
            Scope::Aliases => None,
            Scope::Everything => Some(text.to_owned()),
            Scope::Part(standard) => match &standard.namespace {
                Namespace::None => None,
                // A broker would find topics that are its own, too.
                namespace
                    if namespace
                        .prefix()
                        .is_some_and(|prefix| begins_kafkas_own(prefix.as_str())) =>
                {
                    None
                }
                Namespace::HidePrefix(prefix) => beginning::behind(prefix.as_str(), text),
                Namespace::EnforcePrefix(prefix) => {
                    let begins = beginning::beginning(text).starts_with(prefix.as_str());
                    begins.then(|| text.to_owned())
                }
            },
        }
    }

    /// The expression that a client is told for one that a broker has.
    pub(super) fn virtual_pattern<'a>(&self, physical: &'a str) -> Option<&'a str> {
        match &self.scope {
            Scope::Aliases => None,
            Scope::Everything => Some(physical),
            Scope::Part(standard) => match &standard.namespace {
                Namespace::None => None,
                Namespace::HidePrefix(prefix) => beginning::from_behind(prefix.as_str(), physical),
                Namespace::EnforcePrefix(prefix) => {
                    let begins = beginning::beginning(physical).starts_with(prefix.as_str());
                    begins.then_some(physical)
                }
            },
        }
    }

    fn mark(&self, id: &str) -> String {
        [self.own.as_str(), id].concat()
    }

    fn unmark<'a>(&self, physical: &'a str) -> Option<&'a str> {
        physical.strip_prefix(self.own.as_str())
    }
}

fn fitting(id: String) -> Result<String, IdRefused> {
    match id.len() <= MAX_TEXT_BYTES {
        true => Ok(id),
        false => Err(IdRefused::TooLong),
    }
}
