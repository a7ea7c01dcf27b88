//! Which topics of each physical cluster the virtual clusters need a picture of. It follows their changes, so that one of
//! them costs nothing for what the others have.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use klamm_raft::model::{ClusterId, TopicName, VclusterKind, VclusterState};

use crate::backend::Tracked;

/// The topics that all virtual clusters need, and how many times.
#[derive(Debug, Default)]
pub(super) struct Tracking(BTreeMap<ClusterId, BTreeMap<Need, usize>>);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Need {
    /// A virtual cluster shows more than aliases.
    All,
    /// An alias stands for the topic.
    Topic(TopicName),
}

impl Tracking {
    /// A virtual cluster has changed. The answer names the physical clusters of which something else is needed now.
    pub(super) fn change(
        &mut self,
        before: Option<&VclusterState>,
        after: Option<&VclusterState>,
    ) -> BTreeSet<ClusterId> {
        let mut changed = BTreeSet::new();
        // What is new comes first, so that what stays is never given up.
        for (cluster, need) in after.into_iter().flat_map(needs) {
            let count = self.0.entry(cluster.clone()).or_default();
            let count = count.entry(need).or_default();
            *count += 1;
            if *count == 1 {
                changed.insert(cluster.clone());
            }
        }
        for (cluster, need) in before.into_iter().flat_map(needs) {
            let Some(counts) = self.0.get_mut(cluster) else {
                continue;
            };
            match counts.get_mut(&need) {
                Some(count) if *count > 1 => *count -= 1,
                _ => {
                    counts.remove(&need);
                    changed.insert(cluster.clone());
                }
            }
        }
        changed
    }

    /// The topics that are needed of a physical cluster.
    pub(super) fn tracked(&self, cluster: &ClusterId) -> Tracked {
        let needs = self.0.get(cluster).into_iter().flat_map(BTreeMap::keys);
        let topics = needs.map(|need| match need {
            Need::All => None,
            Need::Topic(name) => Some(name.clone()),
        });
        // The first `None` ends it.
        let topics = topics.collect::<Option<BTreeSet<TopicName>>>();
        topics.map_or(Tracked::All, |topics| Tracked::Those(Arc::new(topics)))
    }
}

fn needs(own: &VclusterState) -> impl Iterator<Item = (&ClusterId, Need)> {
    let aliases = own.aliases.values();
    let topics = aliases.map(|alias| (&alias.physical_cluster, Need::Topic(alias.physical_name.clone())));
    let is_more = own.spec.kind != VclusterKind::Partner;
    let all = own.home.iter().filter(move |_| is_more);
    topics.chain(all.map(|home| (home, Need::All)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vcluster::samples::{partner, passthrough};

    fn clusters(names: &[&str]) -> BTreeSet<ClusterId> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    fn those(names: &[&str]) -> Tracked {
        Tracked::Those(Arc::new(names.iter().map(|name| name.parse().unwrap()).collect()))
    }

    #[test]
    fn a_topic_is_needed_until_its_last_alias_is_gone() {
        let main: ClusterId = "main".parse().unwrap();
        let mut tracking = Tracking::default();
        assert_eq!(tracking.tracked(&main), those(&[]));
        let (one, both) = (
            partner(&[("x", "main", "a")]),
            partner(&[("x", "main", "a"), ("y", "other", "b")]),
        );
        assert_eq!(tracking.change(None, Some(&one)), clusters(&["main"]));
        assert_eq!(
            tracking.change(None, Some(&both)),
            clusters(&["other"]),
            "a is known"
        );
        assert_eq!(tracking.change(Some(&one), Some(&both)), clusters(&[]));
        assert_eq!(tracking.tracked(&main), those(&["a"]));
        assert_eq!(tracking.tracked(&"other".parse().unwrap()), those(&["b"]));
        assert_eq!(tracking.change(Some(&both), None), clusters(&[]));
        let other = partner(&[("x", "main", "c")]);
        assert_eq!(
            tracking.change(Some(&both), Some(&other)),
            clusters(&["main", "other"])
        );
        assert_eq!(tracking.tracked(&main), those(&["c"]));
        assert_eq!(tracking.tracked(&"other".parse().unwrap()), those(&[]));
    }

    #[test]
    fn all_topics_are_needed_while_one_virtual_cluster_shows_more_than_aliases() {
        let main: ClusterId = "main".parse().unwrap();
        let mut tracking = Tracking::default();
        let (partner, through) = (partner(&[("x", "main", "a")]), passthrough());
        tracking.change(None, Some(&partner));
        assert_eq!(tracking.change(None, Some(&through)), clusters(&["main"]));
        assert_eq!(tracking.tracked(&main), Tracked::All);
        assert_eq!(tracking.change(Some(&through), None), clusters(&["main"]));
        assert_eq!(tracking.tracked(&main), those(&["a"]));
    }
}
