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
    if !then.is_same_but_for_topics(now) {
        return true;
    }
    let scope = Scope::on(own, Some(cluster));
    let aliases = || {
        let aliases = own.aliases.values();
        let there = aliases.filter(|alias| alias.physical_cluster == *cluster);
        there.map(|alias| &alias.physical_name)
    };
    if now.news.number == then.news.number + 1 {
        let mut topics = now.news.topics.iter();
        return topics.any(|topic| scope.may_show(topic.as_str()) || aliases().any(|alias| alias == topic));
    }
    !scope.candidates(&then.topics).eq(scope.candidates(&now.topics))
        || aliases().any(|alias| then.topics.get(alias) != now.topics.get(alias))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::backend::topology::{Broker, News, PhysicalTopic};
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
            topics: Arc::new(names.iter().map(topic).collect()),
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
    fn who_saw_the_picture_before_is_told_what_is_new() {
        let numbered = |topics: &[&str], number, news: &[&str]| {
            let news = News {
                number,
                topics: news.iter().map(|name| name.parse().unwrap()).collect(),
            };
            pictures(&[(
                "main",
                Topology {
                    news,
                    ..with_topics(topics)
                },
            )])
        };
        let partner = samples::partner(&ALIASES);
        let then = numbered(&["here"], 4, &[]);
        assert!(!is_concerned(
            &partner,
            &then,
            &numbered(&["here", "new"], 5, &["new"])
        ));
        assert!(is_concerned(&partner, &then, &numbered(&[], 5, &["here"])));
        let missed = numbered(&[], 6, &["new"]);
        assert!(
            is_concerned(&partner, &then, &missed),
            "what the one between told was missed"
        );
        let standard = samples::standard("dev-", &[]);
        assert!(is_concerned(
            &standard,
            &then,
            &numbered(&["dev-a"], 5, &["dev-a"])
        ));
        assert!(!is_concerned(
            &standard,
            &then,
            &numbered(&["test-a"], 5, &["test-a"])
        ));
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
