//! Names that a change of a Standard virtual cluster would give to two topics. Knows what is there before and after, not
//! who asks.

use std::collections::BTreeMap;
use std::fmt;

use klamm_raft::model::{AliasTopic, Holder, Standard, TopicName};

use super::scope::Scope;
use crate::backend::topology::PhysicalTopic;

/// A name that two topics would have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clash {
    pub name: TopicName,
    pub one: Claimant,
    pub other: Claimant,
}

/// One of those who would have a name. Its text is for operators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claimant {
    Alias(TopicName, AliasTopic),
    Topic(Holder, TopicName),
}

impl fmt::Display for Claimant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alias(name, alias) => write!(
                f,
                "the alias topic {name} ({} on {})",
                alias.physical_name, alias.physical_cluster
            ),
            Self::Topic(Holder::Own, physical) => write!(f, "{physical}, a topic of the namespace"),
            Self::Topic(Holder::LetIn, physical) => {
                write!(f, "{physical}, which is let in under its own name")
            }
        }
    }
}

/// The names that would have one topic more than before, and one that has the name as well. `before` is none for a virtual
/// cluster that is new.
pub fn clashes(
    before: Option<&Standard>,
    after: &Standard,
    aliases: &BTreeMap<TopicName, AliasTopic>,
    topics: &BTreeMap<TopicName, PhysicalTopic>,
) -> Vec<Clash> {
    let mut claims: BTreeMap<TopicName, Vec<(Claimant, bool)>> = BTreeMap::new();
    let is_of_alias = |physical: &TopicName| {
        let mut of_aliases = aliases.values();
        of_aliases.any(|alias| alias.physical_cluster == after.backend && alias.physical_name == *physical)
    };
    for physical in Scope::Part(after.clone())
        .candidates(topics)
        .map(|(name, _)| name)
    {
        let Some((holder, name)) = after.claim(physical.as_str()) else {
            continue;
        };
        let Ok(name) = name.parse::<TopicName>() else {
            continue;
        };
        let could_be_held = aliases.contains_key(&name) || after.may_be_contested(name.as_str());
        if !could_be_held || is_of_alias(physical) {
            continue;
        }
        let before = before.and_then(|before| before.claim(physical.as_str()));
        let is_new = before.is_none_or(|(_, before)| before != name.as_str());
        let claim = (Claimant::Topic(holder, physical.clone()), is_new);
        claims.entry(name).or_default().push(claim);
    }
    let clashing = claims.into_iter().filter_map(|(name, mut claims)| {
        if let Some(alias) = aliases.get(&name) {
            claims.insert(0, (Claimant::Alias(name.clone(), alias.clone()), false));
        }
        // Who has it comes first.
        claims.sort_by_key(|(_, is_new)| *is_new);
        let is_news = claims.iter().any(|(_, is_new)| *is_new);
        let mut claimants = claims.into_iter().map(|(claimant, _)| claimant);
        let (one, other) = (claimants.next()?, claimants.next_back()?);
        is_news.then_some(Clash { name, one, other })
    });
    clashing.collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use klamm_raft::model::Namespace;

    use super::*;

    fn hide(prefix: &str, topics: &[&str]) -> Standard {
        Standard {
            backend: "main".parse().unwrap(),
            namespace: Namespace::HidePrefix(prefix.parse().unwrap()),
            topics: topics.iter().map(|text| text.parse().unwrap()).collect(),
            groups: BTreeSet::new(),
        }
    }

    /// The clashes of a change, as `name: one | other`.
    fn found(
        before: Option<&Standard>,
        after: &Standard,
        aliases: &[(&str, &str, &str)],
        topics: &[&str],
    ) -> Vec<String> {
        let aliases = aliases.iter().map(|(name, cluster, physical)| {
            let alias = AliasTopic {
                physical_cluster: cluster.parse().unwrap(),
                physical_name: physical.parse().unwrap(),
            };
            (name.parse().unwrap(), alias)
        });
        let topic = PhysicalTopic {
            id: [1; 16],
            partitions: 1,
        };
        let topics = topics.iter().map(|name| (name.parse().unwrap(), topic));
        let clashes = clashes(before, after, &aliases.collect(), &topics.collect());
        let text = |clash: Clash| format!("{}: {} | {}", clash.name, clash.one, clash.other);
        clashes.into_iter().map(text).collect()
    }

    #[test]
    fn a_selector_that_lets_in_a_name_of_the_namespace_clashes_in_either_order() {
        let (without, with) = (hide("dev-", &[]), hide("dev-", &["pay*"]));
        let both = ["dev-payouts", "payouts", "payments", "dev-orders", "orders"];
        let clash =
            ["payouts: dev-payouts, a topic of the namespace | payouts, which is let in under its own name"];
        assert_eq!(found(Some(&without), &with, &[], &both), clash);
        assert_eq!(found(None, &with, &[], &both), clash, "nobody had it first");
        assert_eq!(
            found(Some(&with), &with, &[], &both).len(),
            0,
            "the change is not the reason"
        );
        assert_eq!(found(Some(&with), &without, &[], &both).len(), 0);
        assert_eq!(found(Some(&without), &with, &[], &["dev-payouts"]).len(), 0);
        let more = hide("dev-", &["pay*", "rate*"]);
        assert_eq!(
            found(Some(&with), &more, &[], &both).len(),
            0,
            "it clashed before"
        );
    }

    #[test]
    fn aliases_have_their_names_before_what_a_change_brings() {
        let (dev, test) = (hide("dev-", &[]), hide("test-", &["pub*"]));
        let aliases = [("orders", "clusterA", "sold"), ("public", "main", "public")];
        let topics = ["dev-orders", "test-orders", "public"];
        assert_eq!(
            found(Some(&dev), &test, &aliases, &topics),
            ["orders: the alias topic orders (sold on clusterA) | test-orders, a topic of the namespace"],
            "an alias may stand for what is let in"
        );
        assert_eq!(found(Some(&dev), &dev, &aliases, &topics).len(), 0);
    }
}
