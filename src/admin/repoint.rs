//! The effect of an alias topic that is to stand for another physical topic on the groups that read it. Only told:
//! whether it is done, the operator says.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use klamm_raft::model::{AliasTopic, ClusterId, Neighbours, State, TopicName, VclusterName, VclusterState};
use klamm_raft::outcome::Refusal;

use super::problem::ApiError;
use super::services::{CannotAsk, Services};
use crate::backend::{Bounds, Committed};
use crate::vcluster::rename::{Names, Scope, Sources};

/// Groups, and partitions of each, that are told. Of more, only how many there are.
const GROUPS_SHOWN: usize = 8;
const PARTITIONS_SHOWN: usize = 4;

/// The effect on a group in one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    /// It has committed an offset for the other topic before, and goes on there.
    GoesOn { at: i64, bounds: Bounds },
    /// It has committed nothing there. A consumer that runs keeps its offset, which is one of the other topic, too.
    Keeps { at: i64, bounds: Bounds },
    /// The offset is none of the other topic.
    Outside { at: i64, bounds: Bounds },
    /// The other topic has no such partition.
    NoPartition,
}

/// The refusal to let an alias topic stand for something else without being told so.
pub(super) async fn refusal(
    services: &Services,
    state: &State,
    (vcluster, name): (&VclusterName, &TopicName),
    (from, to): (&AliasTopic, &AliasTopic),
) -> ApiError {
    let refusal = Refusal::WouldRepoint {
        vcluster: vcluster.clone(),
        name: name.clone(),
        cluster: from.physical_cluster.clone(),
        physical: from.physical_name.clone(),
    };
    let effects = match state.vclusters.get(vcluster) {
        Some(own) => effects(services, state, (vcluster, own), (from, to)).await,
        None => Ok(String::new()),
    };
    let effects = effects
        .unwrap_or_else(|error| format!("the effect on groups cannot be determined at the moment: {error}"));
    ApiError::from(refusal).because(effects)
}

async fn effects(
    services: &Services,
    state: &State,
    (vcluster, own): (&VclusterName, &VclusterState),
    (from, to): (&AliasTopic, &AliasTopic),
) -> Result<String, CannotAsk> {
    let committed = |alias: &AliasTopic| {
        let names = names_on(state, (vcluster, own), &alias.physical_cluster);
        (services.committed)(
            services.serving(&alias.physical_cluster),
            alias.physical_name.clone(),
            names,
        )
    };
    let bounds = (services.bounds)(services.serving(&to.physical_cluster), to.physical_name.clone());
    let (before, there, bounds) = futures_util::future::join3(committed(from), committed(to), bounds).await;
    Ok(text(&to.physical_name, &before?, &there?, &bounds?))
}

/// The names of groups on a physical cluster. No topic needs to be known for that.
pub(super) fn names_on(
    state: &State,
    (vcluster, own): (&VclusterName, &VclusterState),
    cluster: &ClusterId,
) -> Arc<Names> {
    let neighbours = Neighbours::of(vcluster, &own.spec.kind, &state.vclusters);
    let cluster = Some(cluster);
    let sources = Sources {
        vcluster,
        cluster,
        aliases: &BTreeMap::new(),
        topics: &BTreeMap::new(),
        holders: &BTreeMap::new(),
        neighbours: &neighbours,
        first_ids: None,
    };
    Names::compile(None, Scope::on(own, cluster), sources)
}

fn effect(committed: i64, there: Option<i64>, bounds: Option<Bounds>) -> Effect {
    let Some(bounds) = bounds else {
        return Effect::NoPartition;
    };
    let at = there.unwrap_or(committed);
    let is_inside = (bounds.start..=bounds.end).contains(&at);
    match (is_inside, there) {
        (false, _) => Effect::Outside { at, bounds },
        (true, Some(_)) => Effect::GoesOn { at, bounds },
        (true, None) => Effect::Keeps { at, bounds },
    }
}

impl Effect {
    fn tell(self, text: &mut String) {
        // Writing to a string does not fail.
        let _ = match self {
            Self::GoesOn { at, bounds } => write!(
                text,
                "continues at {at} of {}, where it was there before: reads {} records, skips {}",
                bounds.end,
                bounds.end - at,
                at - bounds.start
            ),
            Self::Keeps { at, bounds } => write!(
                text,
                "starts where its auto.offset.reset says, since it has no offset there: would skip or re-read all {} records; a running consumer continues at {at} of {} and skips {}",
                bounds.end - bounds.start,
                bounds.end,
                at - bounds.start
            ),
            Self::Outside { at, bounds } => write!(
                text,
                "starts where its auto.offset.reset says: {at} is outside {} to {}",
                bounds.start, bounds.end
            ),
            Self::NoPartition => write!(text, "there is no such partition"),
        };
    }
}

/// The effect on each group, for people.
fn text(to: &TopicName, before: &Committed, there: &Committed, bounds: &BTreeMap<i32, Bounds>) -> String {
    let unread = before.unread.max(there.unread);
    let mut text = match (before.offsets.is_empty(), unread) {
        (true, 0) => "no group has committed an offset for it".to_owned(),
        (true, _) => "none of the groups that were checked has committed an offset for it".to_owned(),
        (false, _) => format!("Kafka keeps offsets by physical topic. With {to}"),
    };
    for (group, offsets) in before.offsets.iter().take(GROUPS_SHOWN) {
        let _ = write!(text, "; group {group}:");
        for (count, (partition, &committed)) in offsets.iter().take(PARTITIONS_SHOWN).enumerate() {
            let there = there
                .offsets
                .get(group)
                .and_then(|offsets| offsets.get(partition).copied());
            let comma = if count == 0 { "" } else { "," };
            let _ = write!(text, "{comma} partition {partition} (now at {committed}) ");
            effect(committed, there, bounds.get(partition).copied()).tell(&mut text);
        }
        and_more(&mut text, offsets.len(), PARTITIONS_SHOWN, "partitions");
    }
    and_more(&mut text, before.offsets.len(), GROUPS_SHOWN, "groups");
    if unread > 0 {
        let _ = write!(
            text,
            ". The virtual cluster has more groups than are checked: {unread} were not, and may also have committed offsets"
        );
    }
    text
}

fn and_more(text: &mut String, all: usize, shown: usize, what: &str) {
    if all > shown {
        let _ = write!(text, "; and {} more {what}", all - shown);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { start: 10, end: 50 };

    #[test]
    fn a_group_goes_on_starts_anew_or_is_lost() {
        assert_eq!(
            effect(20, None, Some(BOUNDS)),
            Effect::Keeps {
                at: 20,
                bounds: BOUNDS
            }
        );
        for at in [9, 51] {
            assert_eq!(
                effect(at, None, Some(BOUNDS)),
                Effect::Outside { at, bounds: BOUNDS }
            );
            assert_eq!(
                effect(20, Some(at), Some(BOUNDS)),
                Effect::Outside { at, bounds: BOUNDS }
            );
        }
        assert_eq!(
            effect(99, Some(50), Some(BOUNDS)),
            Effect::GoesOn {
                at: 50,
                bounds: BOUNDS
            }
        );
        assert_eq!(effect(20, Some(20), None), Effect::NoPartition);
    }

    #[test]
    fn the_text_is_bounded() {
        let offsets: BTreeMap<i32, i64> = (0..1000).map(|partition| (partition, 20)).collect();
        let groups = (0..1000).map(|number| (format!("group-{number}"), offsets.clone()));
        let before = Committed {
            offsets: groups.collect(),
            unread: 0,
        };
        let bounds = (0..1000).map(|partition| (partition, BOUNDS)).collect();
        let text = text(&"to".parse().unwrap(), &before, &Committed::default(), &bounds);
        assert!(text.len() < 10_000, "{} bytes", text.len());
        assert!(text.contains("and 992 more groups") && text.contains("and 996 more partitions"));
        assert!(!text.contains("not looked at") && !text.contains("were not"));
    }

    #[test]
    fn what_was_not_looked_at_is_told() {
        let told = |before: &Committed, there: &Committed| {
            text(&"to".parse().unwrap(), before, there, &BTreeMap::new())
        };
        let cut = Committed {
            unread: 7,
            ..Committed::default()
        };
        let whole = Committed::default();
        assert_eq!(told(&whole, &whole), "no group has committed an offset for it");
        for (before, there) in [(&cut, &whole), (&whole, &cut)] {
            let text = told(before, there);
            assert!(
                text.contains("7 were not, and may also have committed offsets"),
                "{text}"
            );
        }
    }
}
