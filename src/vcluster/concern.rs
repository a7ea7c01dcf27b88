//! Whether what changed on physical clusters concerns a virtual cluster. Most that happens there concerns others.

use std::sync::Arc;

use klamm_raft::model::{ClusterId, VclusterKind, VclusterState};

use crate::backend::topology::{Topologies, Topology};

/// Whether a view of `own` that is compiled from `now` may differ from the one that was compiled from `then`.
pub(super) fn is_concerned(own: &VclusterState, then: &Topologies, now: &Topologies) -> bool {
    own.reached()
        .into_iter()
        .any(|cluster| match (then.get(cluster), now.get(cluster)) {
            (Some(then), Some(now)) => !Arc::ptr_eq(then, now) && is_other(own, cluster, then, now),
            (then, now) => then.is_some() != now.is_some(),
        })
}

fn is_other(own: &VclusterState, cluster: &ClusterId, then: &Topology, now: &Topology) -> bool {
    let Topology {
        kafka_cluster_id,
        controller,
        brokers,
        topics,
        apis,
        features,
    } = then;
    let is_same = *kafka_cluster_id == now.kafka_cluster_id
        && *controller == now.controller
        && *brokers == now.brokers
        && *apis == now.apis
        && *features == now.features;
    let shows_aliases_only = own.spec.kind == VclusterKind::Partner || own.home.as_ref() != Some(cluster);
    let mut aliases = own
        .aliases
        .values()
        .filter(|alias| alias.physical_cluster == *cluster);
    let has_same_topics = match shows_aliases_only {
        true => aliases.all(|alias| topics.get(&alias.physical_name) == now.topics.get(&alias.physical_name)),
        false => *topics == now.topics,
    };
    !is_same || !has_same_topics
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::backend::topology::{Broker, PhysicalTopic};
    use crate::vcluster::samples;

    const ALIASES: [(&str, &str, &str); 2] = [("a", "main", "here"), ("b", "other", "there")];

    fn with_topics(names: &[&str]) -> Topology {
        let topic = |name: &&str| {
            let topic = PhysicalTopic {
                id: [7; 16],
                partitions: 1,
            };
            (name.parse().unwrap(), topic)
        };
        Topology {
            topics: names.iter().map(topic).collect(),
            ..Topology::default()
        }
    }

    fn pictures(pictures: &[(&str, Topology)]) -> Topologies {
        let picture =
            |(cluster, picture): &(&str, Topology)| (cluster.parse().unwrap(), Arc::new(picture.clone()));
        pictures.iter().map(picture).collect()
    }

    #[test]
    fn topics_of_others_do_not_concern_a_partner() {
        let partner = samples::partner(&ALIASES);
        let then = pictures(&[("main", with_topics(&["here"])), ("other", with_topics(&[]))]);
        let others = pictures(&[
            ("main", with_topics(&["here", "new"])),
            ("other", with_topics(&["here"])),
        ]);
        assert!(!is_concerned(&partner, &then, &then));
        assert!(!is_concerned(&partner, &then, &others));
        assert!(
            is_concerned(&samples::passthrough(), &then, &others),
            "all is shown"
        );

        let gone = pictures(&[("main", with_topics(&[])), ("other", with_topics(&[]))]);
        assert!(is_concerned(&partner, &then, &gone));
        let come = pictures(&[
            ("main", with_topics(&["here"])),
            ("other", with_topics(&["there"])),
        ]);
        assert!(is_concerned(&partner, &then, &come));
    }

    #[test]
    fn other_than_topics_concerns_all_who_reach_the_cluster() {
        let partner = samples::partner(&ALIASES);
        let then = pictures(&[("main", with_topics(&["here"]))]);
        let broker = Broker {
            host: "a".into(),
            port: 9092,
            rack: None,
        };
        let more = Topology {
            brokers: BTreeMap::from([(1, broker)]),
            ..with_topics(&["here"])
        };
        assert!(is_concerned(
            &partner,
            &then,
            &pictures(&[("main", more.clone())])
        ));
        let with_other = pictures(&[("main", with_topics(&["here"])), ("other", with_topics(&[]))]);
        assert!(
            is_concerned(&partner, &then, &with_other),
            "it was never seen before"
        );
        let elsewhere = pictures(&[("main", with_topics(&["here"])), ("third", more)]);
        assert!(!is_concerned(&partner, &then, &elsewhere));
    }
}
