//! A Standard virtual cluster: what it shows of one physical cluster, and how names of the two sides correspond.
//! Injective both ways: two names never stand for the same thing, and nothing has two names.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::names::{NamePrefix, NameSelector};
use super::{ClusterId, Holder, Neighbours, TopicName, is_kafkas_own};

/// A view of one physical cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standard {
    /// The physical cluster. It stays what it was when the virtual cluster was created.
    pub backend: ClusterId,
    pub namespace: Namespace,
    /// Topics that are let in beside the namespace, under their own names.
    pub topics: BTreeSet<NameSelector>,
    /// Groups that are let in beside the namespace, under their own names, unless they are another virtual cluster's.
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

    /// The name of `name` on the physical cluster; `None` when the name is outside of the namespace.
    pub fn physical<'a>(&self, name: &'a str) -> Option<Cow<'a, str>> {
        match self {
            Self::None => None,
            Self::HidePrefix(prefix) => Some(Cow::Owned([prefix.as_str(), name].concat())),
            Self::EnforcePrefix(prefix) => prefix.begins(name).then_some(Cow::Borrowed(name)),
        }
    }

    /// The name of `physical` for clients; `None` when it is outside of the namespace.
    pub fn of_physical<'a>(&self, physical: &'a str) -> Option<&'a str> {
        match self {
            Self::None => None,
            Self::HidePrefix(prefix) => physical.strip_prefix(prefix.as_str()),
            Self::EnforcePrefix(prefix) => prefix.begins(physical).then_some(physical),
        }
    }
}

impl Standard {
    /// The name on the physical cluster of a topic `name` of which nothing is known; `None` when there can be none of
    /// that name.
    pub fn physical_topic<'a>(&self, name: &'a str) -> Option<Cow<'a, str>> {
        to_physical(&self.namespace, |name| self.lets_in(name), name)
            .filter(|physical| !is_kafkas_own(physical))
    }

    /// The name for clients of a topic `physical` of which nothing is known; `None` when they would not see it.
    pub fn virtual_topic<'a>(&self, physical: &'a str) -> Option<&'a str> {
        if is_kafkas_own(physical) {
            return None;
        }
        to_virtual(&self.namespace, |name| self.lets_in(name), physical).filter(|name| !name.is_empty())
    }

    /// The name of the group `id` on the physical cluster. Without a prefix, `None` for what is not let in.
    pub fn physical_group<'a>(&self, id: &'a str, others: &Neighbours) -> Option<Cow<'a, str>> {
        to_physical(&self.namespace, |id| self.lets_in_group(id, others), id)
    }

    /// The name of the group `physical` for clients. Without a prefix, `None` for what is not let in.
    pub fn virtual_group<'a>(&self, physical: &'a str, others: &Neighbours) -> Option<&'a str> {
        to_virtual(&self.namespace, |id| self.lets_in_group(id, others), physical)
    }

    /// Whether a group is let in, and so belongs to somebody else. What is in the namespace of another virtual cluster is
    /// not, whatever selects it.
    pub fn lets_in_group(&self, id: &str, others: &Neighbours) -> bool {
        selects(&self.groups, id) && !others.have(id)
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

    /// A topic of Kafka's own that a selector names. Wildcards and prefixes pass over those.
    pub fn named_of_kafka(&self) -> Option<TopicName> {
        let named = self
            .topics
            .iter()
            .find(|selector| is_kafkas_own(selector.as_str()));
        named.and_then(|selector| selector.as_str().parse().ok())
    }

    /// A selector of groups that selects nothing but what begins with `prefix`.
    pub fn group_selector_within(&self, prefix: &NamePrefix) -> Option<&NameSelector> {
        let mut selectors = self.groups.iter();
        selectors.find(|selector| selector.head().starts_with(prefix.as_str()))
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

    /// The name that clients would have for the topic `physical`, and why, whoever else would have that name; `None`
    /// when they never see it.
    pub fn claim<'a>(&self, physical: &'a str) -> Option<(Holder, &'a str)> {
        if is_kafkas_own(physical) {
            return None;
        }
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
    is_let_in: impl Fn(&str) -> bool,
    name: &'a str,
) -> Option<Cow<'a, str>> {
    match is_let_in(name) {
        true => Some(Cow::Borrowed(name)),
        false => namespace.physical(name),
    }
}

fn to_virtual<'a>(
    namespace: &Namespace,
    is_let_in: impl Fn(&str) -> bool,
    physical: &'a str,
) -> Option<&'a str> {
    match is_let_in(physical) {
        true => Some(physical),
        // A name that is let in stands for what is let in.
        false => namespace
            .of_physical(physical)
            .filter(|name| !is_let_in(name) || *name == physical),
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
    fn without_a_namespace_there_is_what_is_let_in() {
        let all = standard(Namespace::None, &["*"]);
        check(&all, "orders", Some("orders"));
        check(&all, "__debezium-heartbeat.shop", None);
        check(
            &standard(Namespace::None, &["__debezium-*"]),
            "__debezium-heartbeat.shop",
            Some("__debezium-heartbeat.shop"),
        );
        assert!(!all.owns("orders", "orders") && !all.may_be_contested("orders"));
    }

    #[test]
    fn topics_of_kafka_itself_are_shown_by_nothing() {
        let prefixed = |prefix: &str| standard(Namespace::HidePrefix(prefix.parse().unwrap()), &[]);
        let enforced = standard(Namespace::EnforcePrefix("__".parse().unwrap()), &[]);
        let own = [
            "__consumer_offsets",
            "__transaction_state",
            "__share_group_state",
            "__cluster_metadata",
        ];
        for topic in own {
            for (standard, name) in [
                (standard(Namespace::None, &["*", "__*", "?*", topic]), topic),
                (standard(Namespace::None, &[&topic.replace('s', "?")]), topic),
                (prefixed("_"), &topic[1..]),
                (prefixed("__"), &topic[2..]),
                (prefixed(&topic[..4]), &topic[4..]),
                (enforced.clone(), topic),
            ] {
                assert_eq!(standard.physical_topic(name), None, "{standard:?} {name}");
                assert_eq!(standard.virtual_topic(topic), None, "{standard:?} {topic}");
            }
        }
        check(
            &prefixed("__"),
            "debezium-heartbeat",
            Some("__debezium-heartbeat"),
        );
        check(&prefixed("_"), "consumer_offsets", Some("_consumer_offsets"));
        check(&hide(&[]), "__consumer_offsets", Some("dev-__consumer_offsets"));
        let named = standard(Namespace::None, &["orders", "__consumer_offsets"]).named_of_kafka();
        assert_eq!(named.unwrap().as_str(), "__consumer_offsets");
        assert_eq!(
            standard(Namespace::None, &["__*", "orders"]).named_of_kafka(),
            None
        );
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
