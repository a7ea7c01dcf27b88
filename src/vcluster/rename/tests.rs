//! Round trips and injectivity of the name map.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use klamm_raft::model::{AliasTopic, ClusterId, TopicName, VclusterName};
use proptest::prelude::*;

use super::Names;
use crate::backend::topology::PhysicalTopic;
use crate::vcluster::names::TopicId;

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
    let compiled = Names::compile(None, &vcluster.parse().unwrap(), Some(&home), &state, &topics);
    Arc::into_inner(compiled).unwrap()
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
    let vcluster: VclusterName = "v".parse().unwrap();
    let home: ClusterId = "main".parse().unwrap();
    let state = BTreeMap::from([
        (topic("a"), alias("main", "p")),
        (topic("b"), alias("other", "q")),
    ]);
    let topics = HashMap::new();
    let first = Names::compile(None, &vcluster, Some(&home), &state, &topics);
    assert_eq!(first.aliases().len(), 1);
    assert!(first.by_virtual_name("b").is_none());
    let second = Names::compile(Some(&first), &vcluster, Some(&home), &state, &topics);
    assert!(Arc::ptr_eq(&first, &second));
    let topics = HashMap::from([(topic("p"), physical_topic(1))]);
    let third = Names::compile(Some(&first), &vcluster, Some(&home), &state, &topics);
    assert!(!Arc::ptr_eq(&first, &third));
}

#[test]
fn an_id_that_would_not_fit_is_refused() {
    let names = names("v", &[]);
    assert!(names.physical_id(&"g".repeat(32_765)).is_ok());
    assert!(names.physical_id(&"g".repeat(32_766)).is_err());
}

proptest! {
    #[test]
    fn group_ids_of_virtual_clusters_never_meet(
        left in "[a-z.]{1,4}", left_id in "[a-z.:]{0,5}", right in "[a-z.]{1,4}", right_id in "[a-z.:]{0,5}",
    ) {
        let (one, other) = (names(&left, &[]), names(&right, &[]));
        let physical = one.physical_id(&left_id).unwrap();
        prop_assert_eq!(one.virtual_id(&physical), Some(left_id.as_str()));
        let same = physical == other.physical_id(&right_id).unwrap();
        prop_assert_eq!(same, left == right && left_id == right_id);
        prop_assert_eq!(other.virtual_id(&physical).is_some(), left == right);
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
    let topics = HashMap::from([("t".parse().unwrap(), topic)]);
    let names = Names::transparent(None, &"passthrough".parse().unwrap(), &topics);
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
    assert_eq!(names.physical_id("v:g").unwrap(), "v:g");
    assert_eq!(names.virtual_id("v:g"), Some("v:g"));
    let again = Names::transparent(Some(&names), &"passthrough".parse().unwrap(), &topics);
    assert!(Arc::ptr_eq(&names, &again));
}
