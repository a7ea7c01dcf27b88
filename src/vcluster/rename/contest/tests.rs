//! Whoever had a name first keeps it, by every way that leads to a topic.

use std::sync::Arc;

use klamm_raft::model::{AliasTopic, ClusterId, Namespace, Neighbours};
use proptest::prelude::*;

use super::*;
use crate::vcluster::pattern::Pattern;

/// A virtual cluster `dev` that hides the prefix `dev-` of `main` and lets `pay*` in, as it changes.
#[derive(Default)]
struct World {
    aliases: BTreeMap<TopicName, AliasTopic>,
    topics: BTreeMap<TopicName, PhysicalTopic>,
    holders: BTreeMap<TopicName, Holder>,
    names: Option<Arc<Names>>,
}

fn name(text: &str) -> TopicName {
    text.parse().unwrap()
}

impl World {
    fn with(topics: &[&str]) -> Self {
        let mut world = Self::default();
        for topic in topics {
            world.create(topic);
        }
        world
    }

    fn create(&mut self, topic: &str) {
        let id = u8::try_from(self.topics.len() + 1).unwrap();
        let topic_of_id = PhysicalTopic {
            id: [id; 16],
            partitions: 1,
        };
        self.topics.insert(name(topic), topic_of_id);
    }

    fn delete(&mut self, topic: &str) {
        self.topics.remove(topic);
    }

    /// The names of a node that saw all before.
    fn look(&mut self) -> Arc<Names> {
        let names = self.compile(self.names.as_ref());
        self.names = Some(Arc::clone(&names));
        names
    }

    /// The names of a node that has just started.
    fn fresh(&self) -> Arc<Names> {
        self.compile(None)
    }

    fn compile(&self, previous: Option<&Arc<Names>>) -> Arc<Names> {
        let backend: ClusterId = "main".parse().unwrap();
        let scope = Scope::Part(Standard {
            backend: backend.clone(),
            namespace: Namespace::HidePrefix("dev-".parse().unwrap()),
            topics: BTreeSet::from(["pay*".parse().unwrap()]),
            groups: BTreeSet::new(),
        });
        let sources = Sources {
            vcluster: &"dev".parse().unwrap(),
            cluster: Some(&backend),
            aliases: &self.aliases,
            topics: &self.topics,
            holders: &self.holders,
            neighbours: &Neighbours::default(),
            first_ids: None,
        };
        Names::compile(previous, scope, sources)
    }
}

/// Checks which topic has a name, and that the others are reached by nothing.
#[track_caller]
fn check(names: &Names, called: &str, holder: Option<&str>, hidden: &[&str]) {
    let found = names.by_virtual_name(called);
    let found = found.as_deref().map(|alias| alias.physical_name.as_str());
    assert_eq!(found, holder, "{called}");
    let kept: Vec<&str> = names
        .hidden()
        .iter()
        .filter(|hidden| hidden.name.as_str() == called)
        .map(|hidden| hidden.physical.as_str())
        .collect();
    assert_eq!(kept, hidden, "{called}");
    for physical in hidden {
        assert_eq!(names.by_physical_name(physical), None, "{physical}");
        assert_eq!(names.virtual_topic_name(physical), None, "{physical}");
        let listed = names.aliases().iter();
        assert!(
            listed
                .clone()
                .all(|alias| alias.physical_name.as_str() != *physical)
        );
    }
}

#[test]
fn what_comes_later_is_hidden_and_the_holder_is_told() {
    let mut world = World::with(&["dev-payouts", "payments"]);
    world.look();
    world.create("payouts");
    world.create("dev-payments");
    let names = world.look();
    check(&names, "payouts", Some("dev-payouts"), &["payouts"]);
    check(&names, "payments", Some("payments"), &["dev-payments"]);
    let unrecorded = BTreeMap::from([
        (name("payments"), Some(Holder::LetIn)),
        (name("payouts"), Some(Holder::Own)),
    ]);
    assert_eq!(names.contests().unrecorded, unrecorded);
    let owned = |topic| names.owns(&names.by_virtual_name(topic).unwrap());
    assert!(owned("payouts") && !owned("payments"));
}

#[test]
fn a_node_that_saw_neither_shows_neither_before_it_is_on_record() {
    let mut world = World::with(&["dev-payouts", "payouts"]);
    let names = world.fresh();
    check(&names, "payouts", None, &["dev-payouts", "payouts"]);
    assert_eq!(
        names.contests().unrecorded,
        BTreeMap::from([(name("payouts"), None)])
    );
    assert_eq!(names.hidden()[0].by, HeldBy::Nobody);
    for (holder, shown, hidden) in [
        (Holder::Own, "dev-payouts", "payouts"),
        (Holder::LetIn, "payouts", "dev-payouts"),
    ] {
        world.holders = BTreeMap::from([(name("payouts"), holder)]);
        let names = world.fresh();
        check(&names, "payouts", Some(shown), &[hidden]);
        assert_eq!(names.contests(), &Contests::default());
        // A node that showed the other one before follows, too.
        let mut other = World::with(&[hidden]);
        other.look();
        other.topics = world.topics.clone();
        other.holders = world.holders.clone();
        check(&other.look(), "payouts", Some(shown), &[hidden]);
    }
}

#[test]
fn a_name_on_record_is_nobody_elses_while_its_holder_is_gone() {
    let mut world = World::with(&["dev-payouts", "payouts"]);
    world.holders = BTreeMap::from([(name("payouts"), Holder::Own)]);
    world.delete("dev-payouts");
    let names = world.look();
    check(&names, "payouts", None, &["payouts"]);
    let outlived = BTreeMap::from([(name("payouts"), Holder::Own)]);
    assert_eq!(names.contests().outlived, outlived);
    world.holders.clear();
    check(&world.look(), "payouts", Some("payouts"), &[]);

    let mut world = World::with(&["dev-payouts", "payouts"]);
    world.holders = BTreeMap::from([(name("payouts"), Holder::LetIn)]);
    world.delete("payouts");
    let names = world.look();
    check(&names, "payouts", Some("payouts"), &["dev-payouts"]);
    assert!(!names.by_virtual_name("payouts").unwrap().exists);
    world.delete("dev-payouts");
    assert_eq!(
        world.look().contests(),
        &Contests::default(),
        "nobody would get the name"
    );
}

#[test]
fn an_alias_has_its_name_wherever_its_topic_is() {
    let mut world = World::with(&["dev-orders", "dev-payouts", "payouts", "sold"]);
    for (alias, cluster, physical) in [("orders", "main", "sold"), ("payouts", "clusterA", "sold")] {
        let alias_topic = AliasTopic {
            physical_cluster: cluster.parse().unwrap(),
            physical_name: name(physical),
        };
        world.aliases.insert(name(alias), alias_topic);
    }
    let names = world.look();
    check(&names, "orders", Some("sold"), &["dev-orders"]);
    check(&names, "payouts", None, &["dev-payouts", "payouts"]);
    assert!(names.hidden().iter().all(|hidden| hidden.by == HeldBy::Alias));
    world.aliases.clear();
    world.delete("payouts");
    let names = world.look();
    check(&names, "orders", Some("dev-orders"), &[]);
    check(&names, "payouts", Some("dev-payouts"), &[]);
}

#[test]
fn a_name_of_an_alias_on_another_cluster_leads_to_nothing_here() {
    let mut world = World::default();
    let elsewhere = AliasTopic {
        physical_cluster: "clusterA".parse().unwrap(),
        physical_name: name("sold"),
    };
    world.aliases.insert(name("orders"), elsewhere);
    let names = world.look();
    check(&names, "orders", None, &[]);
    assert_eq!(
        names.by_physical_name("dev-orders"),
        None,
        "created a moment ago, perhaps"
    );
    assert!(names.by_virtual_name("new").is_some());
}

#[test]
fn a_broker_evaluates_no_expression_that_would_find_what_is_hidden() {
    let asked = |names: &Names, text: &str| {
        let pattern = Pattern::compile(text).unwrap();
        names.physical_pattern(&pattern, text).is_some()
    };
    let mut world = World::with(&["dev-payouts", "dev-orders"]);
    let names = world.look();
    assert!(asked(&names, "pay.*") && asked(&names, "orders"));
    world.create("payouts");
    let names = world.fresh();
    assert!(!asked(&names, "pay.*") && asked(&names, "orders"));
    let elsewhere = AliasTopic {
        physical_cluster: "clusterA".parse().unwrap(),
        physical_name: name("sold"),
    };
    world.aliases.insert(name("orders"), elsewhere);
    assert!(!asked(&world.fresh(), "orders"));
}

#[derive(Debug, Clone)]
enum Step {
    Create(&'static str),
    Delete(&'static str),
    /// A node says what it saw, and it is on record.
    Record,
    /// A record that nobody contests any more is dropped.
    Release,
}

proptest! {
    /// Whatever happens on the physical cluster, a name that stands for a topic that is there never comes to stand for
    /// another one, and nothing has two names.
    #[test]
    fn a_name_is_never_taken_over(steps in prop::collection::vec(
        prop_oneof![
            prop::sample::select(vec!["payouts", "dev-payouts", "pay", "dev-pay"]).prop_map(Step::Create),
            prop::sample::select(vec!["payouts", "dev-payouts", "pay", "dev-pay"]).prop_map(Step::Delete),
            Just(Step::Record),
            Just(Step::Release),
        ], 0..40))
    {
        let mut world = World::default();
        let mut before = world.look();
        for step in steps {
            match step {
                Step::Create(topic) if !world.topics.contains_key(topic) => world.create(topic),
                Step::Create(_) => {}
                Step::Delete(topic) => world.delete(topic),
                Step::Record => for (contested, seen) in &before.contests().unrecorded {
                    world.holders.insert(contested.clone(), seen.unwrap_or(Holder::Own));
                },
                Step::Release => for outlived in before.contests().outlived.keys() {
                    world.holders.remove(outlived);
                },
            }
            let names = world.look();
            for alias in before.aliases() {
                let is_there = world.topics.contains_key(alias.physical_name.topic_name());
                let now = names.by_virtual_name(alias.virtual_name.as_str());
                let now = now.map(|now| now.physical_name.clone());
                prop_assert!(!is_there || now.as_ref() == Some(&alias.physical_name), "{alias:?} {now:?}");
            }
            let listed: BTreeSet<_> = names.aliases().iter().map(|alias| alias.virtual_name.as_str()).collect();
            prop_assert_eq!(listed.len(), names.aliases().len());
            prop_assert_eq!(listed.len() + names.hidden().len(), world.topics.len());
            before = names;
        }
    }
}
