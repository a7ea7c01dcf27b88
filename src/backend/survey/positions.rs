//! How far groups are from the ends of the topics that they have committed offsets for.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::StreamExt as _;
use futures_util::stream;
use kafka_protocol::messages::ListGroupsRequest;

use super::{
    LATEST, LIST_GROUPS, MAX_BROKERS, PartitionOffsets, Survey, SurveyError, WhenMissing, accepted, ask,
    committed_by, offsets, readable, within,
};
use crate::address::HostPort;

/// How many records groups have not read yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupPositions {
    /// By group, topic and partition; groups that have committed nothing are not there.
    pub unread_records: BTreeMap<String, BTreeMap<(String, i32), i64>>,
    /// Groups that were not looked at, because there are too many.
    pub unread_groups: usize,
}

/// Offsets by group, and how many groups were not looked at.
type OffsetsOfGroups = (BTreeMap<String, PartitionOffsets>, usize);

impl Survey {
    /// How many records the groups that `is_meant` have not read yet.
    ///
    /// # Errors
    /// When a broker does not say.
    pub async fn positions(&self, is_meant: impl Fn(&str) -> bool) -> Result<GroupPositions, SurveyError> {
        within(async {
            let asked = stream::iter(self.brokers.values())
                .map(|broker| self.offsets_at(broker, &is_meant))
                .buffer_unordered(MAX_BROKERS);
            let answers: Vec<_> = asked.collect().await;
            let (mut committed, mut unread_groups) = (BTreeMap::new(), 0);
            for answer in answers {
                let (offsets, unread) = answer?;
                committed.extend(offsets);
                unread_groups += unread;
            }
            let topics = committed.values().flat_map(PartitionOffsets::keys);
            let ends = self
                .ends(topics.map(|(topic, _)| topic.as_str()).collect())
                .await?;
            Ok(GroupPositions {
                unread_records: unread_records(committed, &ends),
                unread_groups,
            })
        })
        .await
    }

    async fn offsets_at(
        &self,
        broker: &HostPort,
        is_meant: impl Fn(&str) -> bool,
    ) -> Result<OffsetsOfGroups, SurveyError> {
        let mut line = self.dialer.dial(broker).await?;
        let listed = ask(&mut line, LIST_GROUPS, &ListGroupsRequest::default()).await?;
        accepted(listed.error_code)?;
        let listed = listed.groups.into_iter().map(|group| group.group_id);
        let (groups, unread) = readable(listed.filter(|group| is_meant(group)).collect());
        let mut committed = BTreeMap::new();
        for group in groups {
            committed.insert(group.to_string(), committed_by(&mut line, &group).await?);
        }
        Ok((committed, unread))
    }

    /// Where topics end, as far as they are there.
    async fn ends(&self, topics: BTreeSet<&str>) -> Result<PartitionOffsets, SurveyError> {
        let mut ends = PartitionOffsets::new();
        if topics.is_empty() {
            return Ok(ends);
        }
        for (leader, partitions) in self.led(topics, WhenMissing::IsLeftOut).await? {
            let broker = self.brokers.get(&leader).ok_or(SurveyError::NoBroker)?;
            let mut line = self.dialer.dial(broker).await?;
            ends.extend(offsets(&mut line, &partitions, LATEST).await?);
        }
        Ok(ends)
    }
}

/// The records between the offsets of groups and the ends. Partitions that are not there any more are left out.
fn unread_records(
    committed: BTreeMap<String, PartitionOffsets>,
    ends: &PartitionOffsets,
) -> BTreeMap<String, PartitionOffsets> {
    let groups = committed.into_iter().filter_map(|(group, offsets)| {
        let unread = offsets.into_iter().filter_map(|(partition, offset)| {
            let end = ends.get(&partition)?;
            Some((partition, (end - offset).max(0)))
        });
        let unread: PartitionOffsets = unread.collect();
        (!unread.is_empty()).then_some((group, unread))
    });
    groups.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offsets(all: &[(&str, i32, i64)]) -> PartitionOffsets {
        all.iter()
            .map(|(topic, partition, offset)| (((*topic).to_owned(), *partition), *offset))
            .collect()
    }

    #[test]
    fn what_groups_have_not_read_lies_before_the_ends() {
        let committed = [
            (
                "app",
                offsets(&[("orders", 0, 7), ("orders", 1, 12), ("gone", 0, 3)]),
            ),
            ("idle", PartitionOffsets::new()),
        ];
        let committed = committed.map(|(group, offsets)| (group.to_owned(), offsets));
        let ends = offsets(&[("orders", 0, 10), ("orders", 1, 11), ("bills", 0, 5)]);
        let unread = unread_records(committed.into(), &ends);
        // Records may be deleted while one looks.
        assert_eq!(
            unread,
            [("app".to_owned(), offsets(&[("orders", 0, 3), ("orders", 1, 0)]))].into()
        );
    }
}
