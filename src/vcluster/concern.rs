//! Whether what changed on physical clusters concerns a virtual cluster. Most that happens there concerns others.

use std::sync::Arc;

use klamm_raft::model::{ClusterId, VclusterState};

use super::rename::Scope;
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
    let scope = Scope::on(own, Some(cluster));
    let aliases = own.aliases.values();
    let mut there = aliases.filter(|alias| alias.physical_cluster == *cluster);
    let shows_the_same = scope.candidates(topics).eq(scope.candidates(&now.topics))
        && there.all(|alias| topics.get(&alias.physical_name) == now.topics.get(&alias.physical_name));
    !is_same || !shows_the_same
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
    fn topics_of_others_do_not_concern_a_namespace() {
        let standard = samples::standard("dev-", &["shared-*", "exactly", "dev"]);
        let then = pictures(&[("main", with_topics(&["dev-a", "exactly"]))]);
        for (topics, is_theirs) in [
            (&["dev-a", "exactly"][..], false),
            (&["dev-a", "exactly", "test-a", "share", "sharee"], false),
            (&["dev-a", "dev-b", "exactly"], true),
            (&["exactly"], true),
            (&["dev-a"], true),
            (&["dev-a", "exactly", "shared-1"], true),
        ] {
            let now = pictures(&[("main", with_topics(topics))]);
            assert_eq!(is_concerned(&standard, &then, &now), is_theirs, "{topics:?}");
        }
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
