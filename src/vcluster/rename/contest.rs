//! Which topics of the physical cluster are shown beside aliases, where several would have the same name. Whoever had a
//! name first keeps it; the other one is hidden. It knows no order itself: an alias is older than what it hides, the rest
//! is on record, or was seen before.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use klamm_raft::model::{Holder, Standard, TopicName};

use super::scope::{Realm, Scope};
use super::{Alias, Names, Sources};
use crate::backend::topology::PhysicalTopic;

/// A topic that clients do not see, because another one has its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hidden {
    pub name: TopicName,
    pub physical: TopicName,
    pub partitions: u32,
    pub by: HeldBy,
}

/// Who has the name of a hidden topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeldBy {
    /// An alias topic.
    Alias,
    /// Another topic of the physical cluster.
    Topic(Holder),
    /// Nobody until the nodes have agreed: two topics would have it, and this node saw neither before the other.
    Nobody,
}

/// The names that two topics of the physical cluster would have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contests {
    /// Names whose holder is not on record, with who had it before the other came, where this node saw that.
    pub unrecorded: BTreeMap<TopicName, Option<Holder>>,
    /// Records of names that one topic alone would have now.
    pub outlived: BTreeMap<TopicName, Holder>,
}

/// The topics beside aliases.
#[derive(Debug, Default)]
pub(super) struct BesideAliases {
    pub(super) shown: Vec<Alias>,
    pub(super) hidden: Vec<Hidden>,
    pub(super) contests: Contests,
    /// Names that no topic has, and none gets before it is listed.
    pub(super) closed: BTreeSet<TopicName>,
}

/// The topics that would have one name.
#[derive(Debug, Default)]
struct Claims<'a> {
    own: Option<Claim<'a>>,
    let_in: Option<Claim<'a>>,
}

type Claim<'a> = (&'a TopicName, &'a PhysicalTopic);

impl<'a> Claims<'a> {
    fn of(&mut self, holder: Holder) -> &mut Option<Claim<'a>> {
        match holder {
            Holder::Own => &mut self.own,
            Holder::LetIn => &mut self.let_in,
        }
    }

    /// Which of them was shown under the name.
    fn shown_by(&self, previous: &Names, name: &TopicName) -> Option<Holder> {
        let place = previous.by_virtual_name.get(name)?;
        let shown = previous.aliases[*place].physical_name.topic_name();
        let is_shown = |claim: Option<Claim<'_>>| claim.is_some_and(|(physical, _)| physical == shown);
        match (is_shown(self.own), is_shown(self.let_in)) {
            (true, _) => Some(Holder::Own),
            (_, true) => Some(Holder::LetIn),
            _ => None,
        }
    }
}

impl BesideAliases {
    /// All topics that are known of those that `realm` shows beside `aliases`, which are the ones on this cluster.
    pub(super) fn of(
        realm: &Realm,
        sources: Sources<'_>,
        aliases: &[Alias],
        previous: Option<&Names>,
    ) -> Self {
        match &realm.scope {
            Scope::Aliases => Self::default(),
            Scope::Everything => Self::everything(sources, aliases),
            Scope::Part(standard) => Self::part(standard, &realm.scope, sources, aliases, previous),
        }
    }

    fn everything(sources: Sources<'_>, aliases: &[Alias]) -> Self {
        let taken = physical_names(aliases);
        let free = sources
            .topics
            .iter()
            .filter(|(name, _)| !taken.contains(name) && !sources.have_alias(name));
        Self {
            shown: free
                .map(|(name, topic)| Alias::same(name.clone(), Some(topic)))
                .collect(),
            ..Self::default()
        }
    }

    fn part(
        standard: &Standard,
        scope: &Scope,
        sources: Sources<'_>,
        aliases: &[Alias],
        previous: Option<&Names>,
    ) -> Self {
        let mut beside = Self::default();
        let taken = physical_names(aliases);
        let mut contestable: BTreeMap<TopicName, Claims<'_>> = BTreeMap::new();
        for (physical, topic) in scope.candidates(sources.topics) {
            let claim = standard.claim(physical.as_str());
            let Some((holder, name)) = claim.filter(|_| !taken.contains(physical)) else {
                continue;
            };
            let Ok(name) = name.parse::<TopicName>() else {
                continue;
            };
            if sources.have_alias(&name) {
                beside.hide(name, (physical, topic), HeldBy::Alias);
            } else if standard.may_be_contested(name.as_str()) {
                *contestable.entry(name).or_default().of(holder) = Some((physical, topic));
            } else {
                beside.show(sources, name, (physical, topic));
            }
        }
        for name in sources.holders.keys() {
            contestable.entry(name.clone()).or_default();
        }
        let previous = previous.filter(|previous| previous.cluster() == sources.cluster);
        for (name, claims) in contestable {
            beside.judge(sources, name, claims, previous);
        }
        // What is an alias on another cluster is nothing here.
        let elsewhere = sources
            .aliases
            .iter()
            .filter(|(_, alias)| Some(&alias.physical_cluster) != sources.cluster);
        beside.closed.extend(elsewhere.map(|(name, _)| name.clone()));
        beside
    }

    /// Gives a name to one of those who would have it, or to nobody.
    fn judge(&mut self, sources: Sources<'_>, name: TopicName, claims: Claims<'_>, previous: Option<&Names>) {
        let record = sources.holders.get(&name).copied();
        let holder = match (record, claims.own, claims.let_in) {
            (Some(holder), ..) => Some(holder),
            (None, Some(_), None) => Some(Holder::Own),
            (None, None, _) => Some(Holder::LetIn),
            (None, Some(_), Some(_)) => {
                let before = previous.and_then(|previous| claims.shown_by(previous, &name));
                self.contests.unrecorded.insert(name.clone(), before);
                before
            }
        };
        if let Some(holder) = record.filter(|_| claims.own.is_some() != claims.let_in.is_some()) {
            self.contests.outlived.insert(name.clone(), holder);
        }
        let is_there = match holder {
            Some(Holder::Own) => claims.own.is_some(),
            // It may have been created a moment ago.
            Some(Holder::LetIn) => true,
            None => false,
        };
        if !is_there {
            self.closed.insert(name.clone());
        }
        for (kind, claim) in [(Holder::Own, claims.own), (Holder::LetIn, claims.let_in)] {
            match claim {
                Some(claim) if holder == Some(kind) => self.show(sources, name.clone(), claim),
                Some(claim) => {
                    let by = holder.map_or(HeldBy::Nobody, HeldBy::Topic);
                    self.hide(name.clone(), claim, by);
                }
                None => {}
            }
        }
    }

    fn show(&mut self, sources: Sources<'_>, name: TopicName, (physical, topic): Claim<'_>) {
        let shown = Alias::new(sources.told_ids(), name, physical.clone(), Some(topic));
        self.shown.push(shown);
    }

    fn hide(&mut self, name: TopicName, (physical, topic): Claim<'_>, by: HeldBy) {
        self.hidden.push(Hidden {
            name,
            physical: physical.clone(),
            partitions: topic.partitions,
            by,
        });
    }
}

fn physical_names(aliases: &[Alias]) -> HashSet<&TopicName> {
    let names = aliases.iter().map(|alias| alias.physical_name.topic_name());
    names.collect()
}

#[cfg(test)]
mod tests;
