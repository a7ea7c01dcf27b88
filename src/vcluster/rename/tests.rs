//! Round trips and injectivity of the name map.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use klamm_raft::model::{
    AliasTopic, ClusterId, FirstTopicIds, NamePrefix, Namespace, Neighbours, Shared, Standard, TopicName,
};
use proptest::prelude::*;

use super::{Names, Scope, Sources};
use crate::backend::topology::PhysicalTopic;
use crate::vcluster::names::TopicId;
use crate::vcluster::pattern::Pattern;

fn names(vcluster: &str, aliases: &[(&str, &str, u8)]) -> Names {
    let home: ClusterId = "main".parse().unwrap();
    let state = aliases
        .iter()
        .map(|(name, physical, _)| (topic(name), alias("main", physical)))
        .collect();
    let topics = aliases
        .iter()
        .map(|(_, physical, id)| (topic(physical), physical_topic(*id)))
        .collect();
    let compiled = compile(None, Scope::Aliases, (vcluster, &home), &state, &topics);
    Arc::into_inner(compiled).unwrap()
}

fn compile(
    previous: Option<&Arc<Names>>,
    scope: Scope,
    (vcluster, home): (&str, &ClusterId),
    aliases: &BTreeMap<TopicName, AliasTopic>,
    topics: &BTreeMap<TopicName, PhysicalTopic>,
) -> Arc<Names> {
    let sources = Sources {
        vcluster: &vcluster.parse().unwrap(),
        cluster: Some(home),
        aliases,
        topics,
        holders: &BTreeMap::new(),
        neighbours: &Neighbours::default(),
        first_ids: None,
    };
    Names::compile(previous, scope, sources)
}

/// A part of a cluster that has these topics.
fn part(namespace: Namespace, let_in: &[&str], aliases: &[(&str, &str)], topics: &[&str]) -> Names {
    let home: ClusterId = "main".parse().unwrap();
    let selectors = || let_in.iter().map(|text| text.parse().unwrap()).collect();
    let scope = Scope::Part(Standard {
        backend: home.clone(),
        namespace,
        topics: selectors(),
        groups: selectors(),
    });
    let aliases = aliases
        .iter()
        .map(|(name, physical)| (topic(name), alias("main", physical)))
        .collect();
    let topics = topics
        .iter()
        .zip(1..)
        .map(|(name, id)| (topic(name), physical_topic(id)))
        .collect();
    Arc::into_inner(compile(None, scope, ("dev", &home), &aliases, &topics)).unwrap()
}

fn hide(prefix: &str) -> Namespace {
    Namespace::HidePrefix(prefix.parse().unwrap())
}

fn listed(names: &Names) -> Vec<(&str, &str)> {
    let aliases = names.aliases().iter();
    aliases
        .map(|alias| (alias.virtual_name.as_str(), alias.physical_name.as_str()))
        .collect()
}

fn topic(name: &str) -> TopicName {
    name.parse().unwrap()
}

fn alias(cluster: &str, physical: &str) -> AliasTopic {
    AliasTopic {
        physical_cluster: cluster.parse().unwrap(),
        physical_name: topic(physical),
    }
}

fn physical_topic(id: u8) -> PhysicalTopic {
    PhysicalTopic {
        id: [id; 16],
        partitions: 1,
    }
}

#[test]
fn swapped_names_are_not_confused() {
    let names = names("v", &[("a", "b", 1), ("b", "a", 2)]);
    assert_eq!(names.by_virtual_name("a").unwrap().physical_name.as_str(), "b");
    assert_eq!(names.by_physical_name("a").unwrap().virtual_name.as_str(), "b");
}

#[test]
fn the_same_physical_topic_has_another_id_in_each_virtual_cluster_and_after_recreation() {
    let ids: BTreeSet<[u8; 16]> = [
        names("v", &[("t", "p", 1)]),
        names("w", &[("t", "p", 1)]),
        names("v", &[("u", "p", 1)]),
        names("v", &[("t", "p", 2)]),
    ]
    .iter()
    .map(|names| *names.aliases()[0].ids.unwrap().virtual_id.bytes())
    .collect();
    assert_eq!(ids.len(), 4);
}

#[test]
fn a_topic_of_a_cluster_that_took_over_has_the_id_by_which_clients_know_it() {
    let compile = |first_ids: Option<&Shared<FirstTopicIds>>, id| {
        let home: ClusterId = "main".parse().unwrap();
        let sources = Sources {
            vcluster: &"v".parse().unwrap(),
            cluster: Some(&home),
            aliases: &BTreeMap::from([(topic("t"), alias("main", "p"))]),
            topics: &BTreeMap::from([(topic("p"), physical_topic(id))]),
            holders: &BTreeMap::new(),
            neighbours: &Neighbours::default(),
            first_ids,
        };
        Names::compile(None, Scope::Aliases, sources)
    };
    let id = |names: &Names| names.aliases()[0].ids.unwrap();
    let mut first = Shared::<FirstTopicIds>::default();
    first.insert([2; 16], [1; 16]);
    let (before, after) = (compile(None, 1), compile(Some(&first), 2));
    assert_eq!(id(&after).virtual_id, id(&before).virtual_id);
    assert_eq!(
        after.physical_topic_id(id(&before).virtual_id),
        Some(TopicId::new([2; 16]))
    );
    let recreated = compile(Some(&first), 3);
    assert_ne!(id(&recreated).virtual_id, id(&before).virtual_id);
    let told = after.virtual_topic_id(&after.aliases()[0], TopicId::new([3; 16]));
    assert_eq!(
        told,
        id(&recreated).virtual_id,
        "it is told as it will be compiled"
    );
}

#[test]
fn a_topic_without_an_id_has_none_and_one_that_got_an_id_is_told_as_it_will_be_compiled() {
    let before = names("v", &[("t", "p", 0)]);
    let alias = &before.aliases()[0];
    assert_eq!(alias.ids, None);
    let told = before.virtual_topic_id(alias, TopicId::new([7; 16]));
    let after = names("v", &[("t", "p", 7)]);
    assert_eq!(
        after.by_virtual_id(told).map(|alias| alias.virtual_name.as_str()),
        Some("t")
    );
    assert!(before.virtual_topic_id(alias, TopicId::new([0; 16])).is_zero());
}

#[test]
fn aliases_of_another_cluster_are_left_out_and_an_unchanged_map_is_reused() {
    let home: ClusterId = "main".parse().unwrap();
    let state = BTreeMap::from([
        (topic("a"), alias("main", "p")),
        (topic("b"), alias("other", "q")),
    ]);
    let topics = BTreeMap::new();
    let first = compile(None, Scope::Aliases, ("v", &home), &state, &topics);
    assert_eq!(first.aliases().len(), 1);
    assert!(first.by_virtual_name("b").is_none());
    let second = compile(Some(&first), Scope::Aliases, ("v", &home), &state, &topics);
    assert!(Arc::ptr_eq(&first, &second));
    let topics = BTreeMap::from([(topic("p"), physical_topic(1))]);
    let third = compile(Some(&first), Scope::Aliases, ("v", &home), &state, &topics);
    assert!(!Arc::ptr_eq(&first, &third));
}

#[test]
fn an_id_that_would_not_fit_is_refused() {
    let names = names("v", &[]);
    assert!(names.physical_group(&"g".repeat(32_765)).is_ok());
    assert!(names.physical_group(&"g".repeat(32_766)).is_err());
}

proptest! {
    #[test]
    fn group_ids_of_virtual_clusters_never_meet(
        left in "[a-z.]{1,4}", left_id in "[a-z.:]{0,5}", right in "[a-z.]{1,4}", right_id in "[a-z.:]{0,5}",
    ) {
        let (one, other) = (names(&left, &[]), names(&right, &[]));
        let physical = one.physical_group(&left_id).unwrap();
        prop_assert_eq!(one.virtual_group(&physical), Some(left_id.as_str()));
        let same = physical == other.physical_group(&right_id).unwrap();
        prop_assert_eq!(same, left == right && left_id == right_id);
        prop_assert_eq!(other.virtual_group(&physical).is_some(), left == right);
    }

    #[test]
    fn topics_convert_there_and_back(pairs in prop::collection::btree_map("[a-d]{1,3}", "[a-d]{1,3}", 0..12)) {
        let mut taken = BTreeSet::new();
        let pairs: Vec<_> = pairs.iter().filter(|(_, physical)| taken.insert(physical.as_str())).collect();
        let rows: Vec<_> =
            pairs.iter().zip(1u8..).map(|((name, physical), id)| (name.as_str(), physical.as_str(), id)).collect();
        let names = names("v", &rows);
        for (name, physical, id) in rows {
            let alias = names.by_virtual_name(name).unwrap();
            prop_assert_eq!(alias.physical_name.as_str(), physical);
            prop_assert_eq!(&names.by_physical_name(physical).unwrap(), &alias);
            let ids = alias.ids.unwrap();
            prop_assert_eq!(ids.physical_id.bytes(), &[id; 16]);
            prop_assert_eq!(names.by_virtual_id(ids.virtual_id).unwrap(), &*alias);
            prop_assert_eq!(names.by_physical_id(ids.physical_id).unwrap(), &*alias);
        }
    }
}

#[test]
fn a_transparent_view_keeps_all_names_and_ids() {
    let topic = PhysicalTopic {
        id: [7; 16],
        partitions: 1,
    };
    let topics = BTreeMap::from([("t".parse().unwrap(), topic)]);
    let (home, none) = ("main".parse().unwrap(), BTreeMap::new());
    let names = compile(None, Scope::Everything, ("passthrough", &home), &none, &topics);
    let known = names.by_virtual_name("t").unwrap();
    assert_eq!((known.physical_name.as_str(), known.exists), ("t", true));
    assert_eq!(known.ids.unwrap().virtual_id.bytes(), &[7; 16]);
    assert_eq!(names.by_virtual_id(TopicId::new([7; 16])).unwrap(), &*known);
    // Created a moment ago, or about to be.
    let new = names.by_virtual_name("new").unwrap();
    assert_eq!(
        (new.physical_name.as_str(), new.exists, new.ids),
        ("new", false, None)
    );
    assert_eq!(names.by_physical_name("new").unwrap(), new);
    assert_eq!(
        names.virtual_topic_id(&new, TopicId::new([9; 16])).bytes(),
        &[9; 16]
    );
    assert!(names.by_virtual_name("no topic").is_none());
    assert_eq!(names.physical_group("v:g").unwrap(), "v:g");
    assert_eq!(names.virtual_group("v:g"), Some("v:g"));
    let again = compile(
        Some(&names),
        Scope::Everything,
        ("passthrough", &home),
        &none,
        &topics,
    );
    assert!(Arc::ptr_eq(&names, &again));
}

#[test]
fn a_part_lists_its_namespace_what_is_let_in_and_its_aliases() {
    let names = part(
        hide("dev-"),
        &["shared"],
        &[("far", "elsewhere")],
        &[
            "dev-orders",
            "shared",
            "elsewhere",
            "test-orders",
            "__consumer_offsets",
        ],
    );
    assert_eq!(
        listed(&names),
        [
            ("far", "elsewhere"),
            ("orders", "dev-orders"),
            ("shared", "shared")
        ]
    );
    let owned = |name| names.owns(&names.by_virtual_name(name).unwrap());
    assert!(owned("orders") && owned("new") && !owned("shared") && !owned("far"));
    assert!(names.by_physical_name("test-orders").is_none());
    assert!(names.by_physical_name("dev-shared").is_none());
    let new = names.by_virtual_name("new").unwrap();
    assert_eq!(
        (new.physical_name.as_str(), new.exists, new.ids),
        ("dev-new", false, None)
    );
    assert_eq!(names.by_physical_name("dev-new").unwrap(), new);
    let long = "n".repeat(249);
    assert!(
        names.by_virtual_name(&long).is_none(),
        "it has no room for the prefix"
    );
}

/// As a release may have left it that took such aliases.
#[test]
fn an_alias_of_a_topic_of_kafka_itself_shows_nothing() {
    let aliases = [
        ("audit", "__consumer_offsets"),
        ("beats", "__debezium-heartbeat.shop"),
    ];
    let there = ["__consumer_offsets", "__debezium-heartbeat.shop", "dev-audit"];
    let shown = part(hide("dev-"), &["__*"], &aliases, &there);
    assert_eq!(
        listed(&shown),
        [("audit", "dev-audit"), ("beats", "__debezium-heartbeat.shop")],
        "the name is free"
    );
    assert!(shown.by_physical_name("__consumer_offsets").is_none());
    let partner = names("v", &[("audit", "__consumer_offsets", 7)]);
    assert!(partner.by_virtual_name("audit").is_none());
    assert!(partner.by_physical_name("__consumer_offsets").is_none());
    assert!(partner.by_physical_id(TopicId::new([7; 16])).is_none());
}

#[test]
fn an_alias_has_its_names_before_the_namespace() {
    let names = part(
        hide("dev-"),
        &[],
        &[("orders", "elsewhere")],
        &["dev-orders", "elsewhere"],
    );
    assert_eq!(listed(&names), [("orders", "elsewhere")]);
    assert!(names.by_physical_name("dev-orders").is_none());
}

#[test]
fn groups_and_transactions_of_a_part_are_in_its_namespace() {
    let names = part(hide("dev-"), &["ops"], &[], &[]);
    for (id, group, transaction) in [
        ("g", "dev-g", "dev-g"),
        ("ops", "ops", "dev-ops"),
        ("", "dev-", "dev-"),
    ] {
        assert_eq!(names.physical_group(id).unwrap(), group);
        assert_eq!(names.virtual_group(group), Some(id));
        assert_eq!(names.physical_transactional_id(id).unwrap(), transaction);
        assert_eq!(names.virtual_transactional_id(transaction), Some(id));
    }
    assert_eq!(names.virtual_group("test-g"), None);
    assert_eq!(names.virtual_transactional_id("ops"), None);
    let names = part(Namespace::EnforcePrefix("dev-".parse().unwrap()), &[], &[], &[]);
    assert_eq!(names.physical_group("dev-g").unwrap(), "dev-g");
    assert_eq!(names.physical_group("g"), Err(super::IdRefused::OutsideNamespace));
    let names = part(Namespace::None, &["ops"], &[], &[]);
    for (id, group) in [("g", "dev:g"), ("ops", "ops")] {
        assert_eq!(names.physical_group(id).unwrap(), group);
        assert_eq!(names.virtual_group(group), Some(id));
    }
    assert_eq!(names.physical_transactional_id("t").unwrap(), "dev:t");
}

/// A broker knows no virtual cluster: where its own topics begin with the prefix, it is sent no expression.
#[test]
fn no_expression_finds_topics_of_kafka_itself() {
    let any = Pattern::compile(".*").unwrap();
    for (prefix, is_sent) in [
        ("_", false),
        ("__", false),
        ("__c", false),
        ("_d", true),
        ("dev-", true),
    ] {
        let names = part(hide(prefix), &[], &[], &[]);
        assert_eq!(names.physical_pattern(&any, ".*").is_some(), is_sent, "{prefix}");
        let enforced = part(Namespace::EnforcePrefix(prefix.parse().unwrap()), &[], &[], &[]);
        let text = format!("{prefix}.*");
        let pattern = Pattern::compile(&text).unwrap();
        assert_eq!(
            enforced.physical_pattern(&pattern, &text).is_some(),
            is_sent,
            "{prefix}"
        );
    }
}

#[test]
fn what_belongs_to_others_is_named_beside_an_expression() {
    let aliases = [("bought", "elsewhere"), ("moved", "dev-orders")];
    let names = part(hide("dev-"), &["shared"], &aliases, &["dev-bills", "shared"]);
    let asked = |text: &str| {
        let physical = names.physical_pattern(&Pattern::compile(text).unwrap(), text)?;
        Some((physical.text, physical.names.into_iter().collect::<Vec<_>>()))
    };
    let found = |text: &str, beside: &[&str]| {
        let beside = beside.iter().map(|name| (*name).to_owned()).collect();
        Some((text.to_owned(), beside))
    };
    assert_eq!(asked("b.*"), found("dev-(?:b.*)", &["elsewhere"]));
    assert_eq!(
        asked(".*"),
        found("dev-(?:.*)", &["dev-orders", "elsewhere", "shared"]),
        "also what a broker finds by itself"
    );
    assert_eq!(asked("x"), found("dev-(?:x)", &[]));
    assert_eq!(asked("o.*"), None, "a broker would find what is called otherwise");
}

/// Whatever selects them, and also those that come later.
#[test]
fn groups_of_other_virtual_clusters_are_not_let_in() {
    let neighbours: Neighbours = ["test-", "other."]
        .into_iter()
        .map(|prefix| prefix.parse::<NamePrefix>().unwrap())
        .collect();
    let home: ClusterId = "main".parse().unwrap();
    for namespace in [Namespace::None, hide("dev-")] {
        let scope = Scope::Part(Standard {
            backend: home.clone(),
            namespace: namespace.clone(),
            topics: BTreeSet::new(),
            groups: ["t*", "part?*", "other.*", "test-app"]
                .map(|text| text.parse().unwrap())
                .into(),
        });
        let sources = Sources {
            vcluster: &"dev".parse().unwrap(),
            cluster: Some(&home),
            aliases: &BTreeMap::new(),
            topics: &BTreeMap::new(),
            holders: &BTreeMap::new(),
            neighbours: &neighbours,
            first_ids: None,
        };
        let names = Names::compile(None, scope, sources);
        for theirs in [
            "test-app",
            "test-",
            "other.app",
            "part:app",
            "partner:app",
            "t:app",
        ] {
            assert_eq!(names.virtual_group(theirs), None, "{namespace:?} {theirs}");
            let own = names.physical_group(theirs).unwrap();
            assert!(own.starts_with("dev"), "{namespace:?} {theirs}: {own}");
            assert_eq!(names.virtual_group(&own), Some(theirs), "{namespace:?}");
            assert!(names.owns_group(theirs), "{namespace:?} {theirs}");
        }
        for nobodys in ["tests", "t", "partner-app", "part-"] {
            assert_eq!(names.virtual_group(nobodys), Some(nobodys), "{namespace:?}");
            assert_eq!(names.physical_group(nobodys).unwrap(), nobodys, "{namespace:?}");
            assert!(!names.owns_group(nobodys), "{namespace:?} {nobodys}");
        }
    }
}

proptest! {
    #[test]
    fn names_of_a_part_convert_there_and_back(
        name in "[adev-]{1,6}", prefix in "[dev-]{1,3}", let_in in prop::collection::vec("[adev*?-]{1,4}", 0..3),
        mode in 0..3,
    ) {
        let prefix: NamePrefix = prefix.parse().unwrap();
        let namespace = match mode {
            0 => Namespace::None,
            1 => Namespace::HidePrefix(prefix),
            _ => Namespace::EnforcePrefix(prefix),
        };
        let let_in: Vec<&str> = let_in.iter().map(String::as_str).collect();
        let selectors: BTreeSet<_> = let_in.iter().map(|text| text.parse().unwrap()).collect();
        let standard = Standard {
            backend: "main".parse().unwrap(),
            namespace: namespace.clone(),
            topics: selectors.clone(),
            groups: selectors,
        };
        prop_assume!(standard.overlap().is_none());
        let names = part(namespace, &let_in, &[], &[]);
        if let Some(there) = names.by_virtual_name(&name) {
            let back = names.by_physical_name(there.physical_name.as_str());
            prop_assert_eq!(back.as_deref(), Some(&*there));
        }
        if let Some(there) = names.by_physical_name(&name) {
            let back = names.by_virtual_name(there.virtual_name.as_str());
            prop_assert_eq!(back.as_deref(), Some(&*there));
        }
        if let Ok(there) = names.physical_group(&name) {
            prop_assert_eq!(names.virtual_group(&there), Some(name.as_str()));
        }
        if let Some(there) = names.virtual_group(&name) {
            prop_assert_eq!(names.physical_group(there), Ok(name.clone()));
        }
    }
}

#[test]
fn topics_that_departed_are_remembered_until_there_are_too_many() {
    let home: ClusterId = "main".parse().unwrap();
    let aliases = BTreeMap::from([(topic("t"), alias("main", "p"))]);
    let at = |previous: Option<&Arc<Names>>, id: u16| {
        let mut bytes = [9; 16];
        bytes[..2].copy_from_slice(&id.to_be_bytes());
        let physical = PhysicalTopic {
            id: bytes,
            partitions: 1,
        };
        let topics = BTreeMap::from([(topic("p"), physical)]);
        compile(previous, Scope::Aliases, ("v", &home), &aliases, &topics)
    };
    let first = at(None, 0);
    let first_ids = first.aliases()[0].ids.unwrap();
    let mut last = at(Some(&first), 1);
    let departed = last.departed(first_ids.physical_id).unwrap();
    assert_eq!(departed.virtual_name.as_str(), "t");
    let understood = last.physical_topic_id(first_ids.virtual_id);
    assert_eq!(understood, Some(first_ids.physical_id));
    assert!(
        last.by_virtual_id(first_ids.virtual_id).is_none(),
        "it is shown no longer"
    );
    for id in 2..=1024 {
        last = at(Some(&last), id);
    }
    assert!(last.departed(first_ids.physical_id).is_some());
    last = at(Some(&last), 1025);
    assert!(last.departed(first_ids.physical_id).is_none());
    // One that comes back has not departed.
    last = at(Some(&last), 1024);
    let back = last.aliases()[0].ids.unwrap();
    assert!(last.departed(back.physical_id).is_none());
    let moved: ClusterId = "other".parse().unwrap();
    let elsewhere = compile(
        Some(&last),
        Scope::Aliases,
        ("v", &moved),
        &BTreeMap::new(),
        &BTreeMap::new(),
    );
    assert!(elsewhere.physical_topic_id(back.virtual_id).is_none());
}
