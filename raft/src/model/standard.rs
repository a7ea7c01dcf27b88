//! What a Standard virtual cluster shows of one physical cluster, and how names of the two sides correspond. Injective
//! both ways: two names never stand for the same thing, and nothing has two names.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::names::{NamePrefix, NameSelector};
use super::{ClusterId, Holder, TopicName};

/// A view of one physical cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standard {
    /// The physical cluster. It stays what it was when the virtual cluster was created.
    pub backend: ClusterId,
    pub namespace: Namespace,
    /// Topics that are let in beside the namespace, under their own names.
    pub topics: BTreeSet<NameSelector>,
    /// Groups that are let in beside the namespace, under their own names.
    pub groups: BTreeSet<NameSelector>,
}

/// Which names of the physical cluster belong to the virtual cluster. Append-only: the order is on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Namespace {
    /// No topic but those that are let in; ids of groups and transactions are kept apart from those of others.
    None,
    /// Those that begin with the prefix, which clients do not see.
    HidePrefix(NamePrefix),
    /// Those that begin with the prefix, which clients see and must write.
    EnforcePrefix(NamePrefix),
}

impl Namespace {
    /// The prefix, if there is one.
    pub fn prefix(&self) -> Option<&NamePrefix> {
        match self {
            Self::None => None,
            Self::HidePrefix(prefix) | Self::EnforcePrefix(prefix) => Some(prefix),
        }
    }

    /// What the physical cluster calls `name`; `None` when the name is outside of the namespace.
    pub fn physical<'a>(&self, name: &'a str) -> Option<Cow<'a, str>> {
        match self {
            Self::None => None,
            Self::HidePrefix(prefix) => Some(Cow::Owned([prefix.as_str(), name].concat())),
            Self::EnforcePrefix(prefix) => prefix.begins(name).then_some(Cow::Borrowed(name)),
        }
    }

    /// What clients call `physical`; `None` when it is outside of the namespace.
    pub fn of_physical<'a>(&self, physical: &'a str) -> Option<&'a str> {
        match self {
            Self::None => None,
            Self::HidePrefix(prefix) => physical.strip_prefix(prefix.as_str()),
            Self::EnforcePrefix(prefix) => prefix.begins(physical).then_some(physical),
        }
    }
}

impl Standard {
    /// What the physical cluster calls a topic `name` of which nothing is known; `None` when there can be none of that name.
    pub fn physical_topic<'a>(&self, name: &'a str) -> Option<Cow<'a, str>> {
        to_physical(&self.namespace, &self.topics, name)
    }

    /// What clients call a topic `physical` of which nothing is known; `None` when they would not see it.
    pub fn virtual_topic<'a>(&self, physical: &'a str) -> Option<&'a str> {
        to_virtual(&self.namespace, &self.topics, physical).filter(|name| !name.is_empty())
    }

    /// What the physical cluster calls the group `id`. Without a prefix, `None` for what is not let in.
    pub fn physical_group<'a>(&self, id: &'a str) -> Option<Cow<'a, str>> {
        to_physical(&self.namespace, &self.groups, id)
    }

    /// What clients call the group `physical`. Without a prefix, `None` for what is not let in.
    pub fn virtual_group<'a>(&self, physical: &'a str) -> Option<&'a str> {
        to_virtual(&self.namespace, &self.groups, physical)
    }

    /// Whether the topic `physical`, which clients call `name`, is of the namespace: it is created, changed and deleted
    /// through the virtual cluster. What is let in beside the namespace belongs to somebody else.
    pub fn owns(&self, name: &str, physical: &str) -> bool {
        self.namespace.physical(name).as_deref() == Some(physical)
    }

    /// How names of topics begin that clients may see, as the physical cluster calls them.
    pub fn topic_heads(&self) -> impl Iterator<Item = &str> {
        let prefix = self.namespace.prefix().map(NamePrefix::as_str);
        prefix
            .into_iter()
            .chain(self.topics.iter().map(NameSelector::head))
    }

    /// A selector that would let in what the namespace shows already.
    pub fn overlap(&self) -> Option<(&NameSelector, &NamePrefix)> {
        let prefix = self.namespace.prefix()?;
        let mut selectors = self.topics.iter().chain(&self.groups);
        selectors
            .find(|selector| selector.may_meet(prefix))
            .map(|selector| (selector, prefix))
    }

    /// Whether a topic of the namespace and one that is let in could both be called `name`.
    pub fn may_be_contested(&self, name: &str) -> bool {
        matches!(self.namespace, Namespace::HidePrefix(_)) && self.lets_in(name)
    }

    /// Whether a topic of this name is let in under it.
    pub fn lets_in(&self, name: &str) -> bool {
        selects(&self.topics, name)
    }

    /// What clients would call the topic `physical`, and why, whoever else would be called so; `None` when they never see it.
    pub fn claim<'a>(&self, physical: &'a str) -> Option<(Holder, &'a str)> {
        if self.lets_in(physical) {
            return Some((Holder::LetIn, physical));
        }
        let name = self.namespace.of_physical(physical)?;
        (!name.is_empty()).then_some((Holder::Own, name))
    }

    /// The name under which a physical topic is shown already, were an alias `name` given to it.
    pub fn shown_beside(&self, name: &TopicName, physical: &TopicName) -> Option<String> {
        let (_, shown) = self.claim(physical.as_str())?;
        (shown != name.as_str()).then(|| shown.to_owned())
    }
}

fn to_physical<'a>(
    namespace: &Namespace,
    let_in: &BTreeSet<NameSelector>,
    name: &'a str,
) -> Option<Cow<'a, str>> {
    match selects(let_in, name) {
        true => Some(Cow::Borrowed(name)),
        false => namespace.physical(name),
    }
}

fn to_virtual<'a>(
    namespace: &Namespace,
    let_in: &BTreeSet<NameSelector>,
    physical: &'a str,
) -> Option<&'a str> {
    match selects(let_in, physical) {
        true => Some(physical),
        // A name that is let in stands for what is let in.
        false => namespace
            .of_physical(physical)
            .filter(|name| !selects(let_in, name) || *name == physical),
    }
}

fn selects(selectors: &BTreeSet<NameSelector>, name: &str) -> bool {
    selectors.iter().any(|selector| selector.matches(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standard(namespace: Namespace, topics: &[&str]) -> Standard {
        Standard {
            backend: "main".parse().unwrap(),
            namespace,
            topics: topics.iter().map(|text| text.parse().unwrap()).collect(),
            groups: BTreeSet::new(),
        }
    }

    fn hide(topics: &[&str]) -> Standard {
        standard(Namespace::HidePrefix("dev-".parse().unwrap()), topics)
    }

    fn check(standard: &Standard, name: &str, physical: Option<&str>) {
        assert_eq!(standard.physical_topic(name).as_deref(), physical, "{name}");
        if let Some(physical) = physical {
            assert_eq!(standard.virtual_topic(physical), Some(name), "{physical}");
        }
    }

    #[test]
    fn a_hidden_prefix_is_put_before_every_name() {
        let standard = hide(&[]);
        check(&standard, "orders", Some("dev-orders"));
        check(&standard, "dev-orders", Some("dev-dev-orders"));
        for foreign in ["orders", "test-orders", "dev-"] {
            assert_eq!(standard.virtual_topic(foreign), None, "{foreign}");
        }
        assert!(standard.owns("orders", "dev-orders"));
    }

    #[test]
    fn an_enforced_prefix_is_part_of_every_name() {
        let standard = standard(Namespace::EnforcePrefix("dev-".parse().unwrap()), &["shared"]);
        check(&standard, "dev-orders", Some("dev-orders"));
        check(&standard, "orders", None);
        check(&standard, "dev-", None);
        check(&standard, "shared", Some("shared"));
        assert!(standard.owns("dev-orders", "dev-orders") && !standard.owns("shared", "shared"));
    }

    #[test]
    fn what_is_let_in_keeps_its_name_which_a_topic_of_the_namespace_may_have_too() {
        let standard = hide(&["shared", "pub-*"]);
        check(&standard, "shared", Some("shared"));
        check(&standard, "pub-x", Some("pub-x"));
        assert_eq!(standard.virtual_topic("dev-shared"), None);
        assert_eq!(standard.virtual_topic("dev-pub-x"), None);
        assert!(!standard.owns("pub-x", "pub-x") && standard.owns("pub-x", "dev-pub-x"));
        assert_eq!(standard.claim("pub-x"), Some((Holder::LetIn, "pub-x")));
        assert_eq!(standard.claim("dev-pub-x"), Some((Holder::Own, "pub-x")));
        assert_eq!(standard.claim("dev-"), None);
        assert!(standard.may_be_contested("pub-x") && !standard.may_be_contested("orders"));
    }

    #[test]
    fn without_a_namespace_there_is_what_is_let_in_and_internal_topics_only_when_asked_for() {
        let all = standard(Namespace::None, &["*"]);
        check(&all, "orders", Some("orders"));
        check(&all, "__consumer_offsets", None);
        check(
            &standard(Namespace::None, &["__consumer*"]),
            "__consumer_offsets",
            Some("__consumer_offsets"),
        );
        assert!(!all.owns("orders", "orders") && !all.may_be_contested("orders"));
    }

    #[test]
    fn a_selector_that_reaches_into_the_namespace_is_found() {
        for (selector, overlaps) in [
            ("*", true),
            ("d*", true),
            ("dev-*", true),
            ("dev-orders", true),
            ("?ev-*", true),
            ("pub-*", false),
            ("dev", false),
        ] {
            assert_eq!(hide(&[selector]).overlap().is_some(), overlaps, "{selector}");
        }
    }
}
