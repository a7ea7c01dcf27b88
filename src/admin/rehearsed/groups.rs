//! The rehearsal of a switch for groups: whether the cluster that takes over has their offsets, and how far these lag.

use std::collections::BTreeMap;
use std::sync::Arc;

use klamm_raft::model::{ClusterId, PASSTHROUGH, RouteKey, State, VclusterName};

use super::{RehearsalFinding, Severity, finding, some};
use crate::admin::repoint::names_on;
use crate::admin::services::{CannotAsk, Services};
use crate::backend::GroupPositions;
use crate::vcluster::rename::Names;

const ABOUT: &str = "groups";

/// The names of groups of the virtual clusters whose groups would move.
struct MovingGroups(Vec<(VclusterName, Arc<Names>)>);

impl MovingGroups {
    /// The virtual cluster `passthrough` shows the groups of all others, so that it comes last.
    fn of(state: &State, key: &RouteKey) -> Self {
        let led = state.led_by(key).filter_map(|name| {
            let own = state.vclusters.get(name)?;
            let is_at_home = own.home.as_ref() == Some(&key.cluster);
            is_at_home.then(|| (name.clone(), names_on(state, (name, own), &key.cluster)))
        });
        let mut all: Vec<_> = led.collect();
        all.sort_by_key(|(name, _)| name.as_str() == PASSTHROUGH);
        Self(all)
    }

    /// The group as operators know it.
    fn name(&self, physical: &str) -> Option<String> {
        self.0.iter().find_map(|(vcluster, names)| {
            let group = names.virtual_group(physical)?;
            Some(format!("{group} ({vcluster})"))
        })
    }
}

/// Looks at the offsets of groups on both clusters.
pub(in crate::admin) async fn look_at_groups(
    services: &Services,
    state: &State,
    key: &RouteKey,
    target: &ClusterId,
) -> RehearsalFinding {
    let last = state.routes.last(key);
    if last == target {
        return finding(Severity::Ok, ABOUT, "no group would move");
    }
    let moving = Arc::new(MovingGroups::of(state, key));
    let positions = |cluster: &ClusterId| {
        let moving = Arc::clone(&moving);
        let is_meant = move |group: &str| moving.name(group).is_some();
        (services.positions)(cluster.clone(), Arc::new(is_meant))
    };
    match futures_util::future::try_join(positions(last), positions(target)).await {
        Ok((here, there)) => compared(&moving, (&here, &there), target),
        Err(CannotAsk(why)) => finding(
            Severity::Warn,
            ABOUT,
            format!("offsets of groups could not be looked at: {why}"),
        ),
    }
}

/// How many more records a group would read than if it stayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum GroupLag {
    Records(i64),
    /// Of some partitions the cluster has no offset.
    InPart,
    Unknown,
}

fn lag(here: &BTreeMap<(String, i32), i64>, there: Option<&BTreeMap<(String, i32), i64>>) -> GroupLag {
    let Some(there) = there else {
        return GroupLag::Unknown;
    };
    if here.keys().any(|partition| !there.contains_key(partition)) {
        return GroupLag::InPart;
    }
    let more = here.iter().map(|(partition, here)| {
        let there = there.get(partition).copied().unwrap_or_default();
        (there - here).max(0)
    });
    GroupLag::Records(more.sum())
}

fn compared(
    moving: &MovingGroups,
    (here, there): (&GroupPositions, &GroupPositions),
    target: &ClusterId,
) -> RehearsalFinding {
    let lags = here.unread_records.iter().map(|(group, records)| {
        let name = moving.name(group).unwrap_or_else(|| group.clone());
        (name, lag(records, there.unread_records.get(group)))
    });
    let lags: Vec<(String, GroupLag)> = lags.collect();
    let such = |wanted: GroupLag| -> Vec<&str> {
        let such = lags.iter().filter(|(_, lag)| *lag == wanted);
        such.map(|(name, _)| name.as_str()).collect()
    };
    let (none, in_part) = (such(GroupLag::Unknown), such(GroupLag::InPart));
    let mut text = vec![match lags.len() {
        0 => "no group has committed an offset".to_owned(),
        many => format!(
            "{} of {many} groups have their offsets on {target}",
            many - none.len() - in_part.len()
        ),
    }];
    let records = lags.iter().filter_map(|(name, lag)| match lag {
        GroupLag::Records(records) => Some((*records, name)),
        GroupLag::InPart | GroupLag::Unknown => None,
    });
    if let Some((records, name)) = records.max() {
        text.push(match records {
            0 => "they would read nothing again".to_owned(),
            records => format!("they would read at most {records} records again: {name}"),
        });
    }
    if !in_part.is_empty() {
        text.push(format!("of some partitions it has none of {}", some(&in_part)));
    }
    if !none.is_empty() {
        text.push(format!(
            "where their auto.offset.reset says would start {}",
            some(&none)
        ));
    }
    let unread = here.unread_groups.max(there.unread_groups);
    if unread > 0 {
        text.push(format!("{unread} groups were not looked at"));
    }
    let is_well = none.is_empty() && in_part.is_empty() && unread == 0;
    let severity = if is_well { Severity::Ok } else { Severity::Warn };
    finding(severity, ABOUT, text.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn positions(groups: &[(&str, &[(i32, i64)])]) -> GroupPositions {
        let groups = groups.iter().map(|(group, partitions)| {
            let partitions = partitions.iter();
            let unread = partitions.map(|(partition, unread)| (("orders".to_owned(), *partition), *unread));
            ((*group).to_owned(), unread.collect())
        });
        GroupPositions {
            unread_records: groups.collect(),
            unread_groups: 0,
        }
    }

    fn told(here: &GroupPositions, there: &GroupPositions) -> (Severity, String) {
        let found = compared(
            &MovingGroups(Vec::new()),
            (here, there),
            &"spare".parse().unwrap(),
        );
        (found.severity, found.text)
    }

    #[test]
    fn groups_that_would_start_anew_are_named_and_the_greatest_lag_is_told() {
        let here = positions(&[
            ("a", &[(0, 0), (1, 2)]),
            ("b", &[(0, 5)]),
            ("c", &[(0, 1), (1, 1)]),
        ]);
        let there = positions(&[
            ("a", &[(0, 3), (1, 1)]),
            ("b", &[(0, 5)]),
            ("c", &[(0, 1), (1, 9)]),
        ]);
        let well = "3 of 3 groups have their offsets on spare; they would read at most 8 records again: c";
        assert_eq!(told(&here, &there), (Severity::Ok, well.to_owned()));
        let there = positions(&[("b", &[(0, 0)]), ("c", &[(0, 1)])]);
        let (severity, text) = told(&here, &there);
        assert_eq!(severity, Severity::Warn);
        assert_eq!(
            text,
            "1 of 3 groups have their offsets on spare; they would read nothing again; of some partitions it has none of c; where their auto.offset.reset says would start a"
        );
    }

    #[test]
    fn what_was_not_looked_at_is_told() {
        let none = GroupPositions::default();
        assert_eq!(
            told(&none, &none),
            (Severity::Ok, "no group has committed an offset".to_owned())
        );
        let cut = GroupPositions {
            unread_groups: 7,
            ..GroupPositions::default()
        };
        for (here, there) in [(&cut, &none), (&none, &cut)] {
            let (severity, text) = told(here, there);
            assert_eq!(severity, Severity::Warn);
            assert!(text.ends_with("7 groups were not looked at"), "{text}");
        }
    }
}
