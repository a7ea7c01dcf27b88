//! Which APIs a virtual cluster serves, and in which versions. What is not in this table is neither announced nor
//! answered.

use crate::backend::topology::{ApiRanges, Topology};

/// A served API, by Kafka's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i16)]
pub enum Api {
    Produce = 0,
    Fetch = 1,
    ListOffsets = 2,
    Metadata = 3,
    OffsetCommit = 8,
    OffsetFetch = 9,
    FindCoordinator = 10,
    JoinGroup = 11,
    Heartbeat = 12,
    LeaveGroup = 13,
    SyncGroup = 14,
    DescribeGroups = 15,
    ListGroups = 16,
    SaslHandshake = 17,
    ApiVersions = 18,
    CreateTopics = 19,
    DeleteTopics = 20,
    DeleteRecords = 21,
    InitProducerId = 22,
    OffsetForLeaderEpoch = 23,
    AddPartitionsToTxn = 24,
    AddOffsetsToTxn = 25,
    EndTxn = 26,
    WriteTxnMarkers = 27,
    TxnOffsetCommit = 28,
    DescribeAcls = 29,
    CreateAcls = 30,
    DeleteAcls = 31,
    DescribeConfigs = 32,
    AlterConfigs = 33,
    AlterReplicaLogDirs = 34,
    DescribeLogDirs = 35,
    SaslAuthenticate = 36,
    CreatePartitions = 37,
    DeleteGroups = 42,
    ElectLeaders = 43,
    IncrementalAlterConfigs = 44,
    AlterPartitionReassignments = 45,
    ListPartitionReassignments = 46,
    OffsetDelete = 47,
    DescribeClientQuotas = 48,
    DescribeUserScramCredentials = 50,
    AlterUserScramCredentials = 51,
    DescribeQuorum = 55,
    DescribeCluster = 60,
    DescribeProducers = 61,
    DescribeTransactions = 65,
    ListTransactions = 66,
    ConsumerGroupHeartbeat = 68,
    ConsumerGroupDescribe = 69,
    GetTelemetrySubscriptions = 71,
    PushTelemetry = 72,
    ListConfigResources = 74,
    DescribeTopicPartitions = 75,
    ShareGroupHeartbeat = 76,
    ShareGroupDescribe = 77,
    ShareFetch = 78,
    ShareAcknowledge = 79,
    InitializeShareGroupState = 83,
    ReadShareGroupState = 84,
    WriteShareGroupState = 85,
    DeleteShareGroupState = 86,
    ReadShareGroupStateSummary = 87,
    StreamsGroupHeartbeat = 88,
    StreamsGroupDescribe = 89,
    DescribeShareGroupOffsets = 90,
    AlterShareGroupOffsets = 91,
    DeleteShareGroupOffsets = 92,
}

/// Who answers an API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AnsweredBy {
    /// A broker: only versions that it offers are served.
    Broker,
    /// The gateway.
    Gateway,
}

struct Served {
    api: Api,
    versions: VersionRange,
    answered_by: AnsweredBy,
}

/// A range of versions, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VersionRange {
    pub min: i16,
    pub max: i16,
}

impl VersionRange {
    /// Whether `version` is in the range.
    pub fn contains(self, version: i16) -> bool {
        (self.min..=self.max).contains(&version)
    }

    fn and(self, (min, max): (i16, i16)) -> Option<Self> {
        let both = Self {
            min: self.min.max(min),
            max: self.max.min(max),
        };
        (both.min <= both.max).then_some(both)
    }
}

const fn broker(api: Api, min: i16, max: i16) -> Served {
    Served {
        api,
        versions: VersionRange { min, max },
        answered_by: AnsweredBy::Broker,
    }
}

const fn gateway(api: Api, min: i16, max: i16) -> Served {
    Served {
        api,
        versions: VersionRange { min, max },
        answered_by: AnsweredBy::Gateway,
    }
}

/// The stable versions of Kafka 4.3 that the handlers know.
const SERVED: [Served; 68] = [
    broker(Api::Produce, 3, 13),
    broker(Api::Fetch, 4, 18),
    broker(Api::ListOffsets, 1, 11),
    broker(Api::Metadata, 0, 13),
    broker(Api::OffsetCommit, 2, 10),
    broker(Api::OffsetFetch, 1, 10),
    broker(Api::FindCoordinator, 0, 6),
    broker(Api::JoinGroup, 0, 9),
    broker(Api::Heartbeat, 0, 4),
    broker(Api::LeaveGroup, 0, 5),
    broker(Api::SyncGroup, 0, 5),
    broker(Api::DescribeGroups, 0, 6),
    broker(Api::ListGroups, 0, 5),
    gateway(Api::SaslHandshake, 0, 1),
    gateway(Api::ApiVersions, 0, 4),
    broker(Api::CreateTopics, 2, 7),
    broker(Api::DeleteTopics, 1, 6),
    broker(Api::DeleteRecords, 0, 2),
    broker(Api::InitProducerId, 0, 5),
    broker(Api::OffsetForLeaderEpoch, 2, 4),
    broker(Api::AddPartitionsToTxn, 0, 5),
    broker(Api::AddOffsetsToTxn, 0, 4),
    broker(Api::EndTxn, 0, 5),
    broker(Api::WriteTxnMarkers, 1, 2),
    broker(Api::TxnOffsetCommit, 0, 5),
    gateway(Api::DescribeAcls, 1, 3),
    gateway(Api::CreateAcls, 1, 3),
    gateway(Api::DeleteAcls, 1, 3),
    broker(Api::DescribeConfigs, 1, 4),
    broker(Api::AlterConfigs, 0, 2),
    broker(Api::AlterReplicaLogDirs, 1, 2),
    broker(Api::DescribeLogDirs, 1, 5),
    gateway(Api::SaslAuthenticate, 0, 2),
    broker(Api::CreatePartitions, 0, 3),
    broker(Api::DeleteGroups, 0, 2),
    broker(Api::ElectLeaders, 0, 2),
    broker(Api::IncrementalAlterConfigs, 0, 1),
    broker(Api::AlterPartitionReassignments, 0, 1),
    broker(Api::ListPartitionReassignments, 0, 0),
    broker(Api::OffsetDelete, 0, 0),
    gateway(Api::DescribeClientQuotas, 0, 1),
    gateway(Api::DescribeUserScramCredentials, 0, 0),
    gateway(Api::AlterUserScramCredentials, 0, 0),
    broker(Api::DescribeQuorum, 0, 2),
    broker(Api::DescribeCluster, 0, 2),
    broker(Api::DescribeProducers, 0, 0),
    broker(Api::DescribeTransactions, 0, 0),
    broker(Api::ListTransactions, 0, 2),
    broker(Api::ConsumerGroupHeartbeat, 0, 1),
    broker(Api::ConsumerGroupDescribe, 0, 1),
    broker(Api::GetTelemetrySubscriptions, 0, 0),
    broker(Api::PushTelemetry, 0, 0),
    broker(Api::ListConfigResources, 0, 1),
    broker(Api::DescribeTopicPartitions, 0, 0),
    broker(Api::ShareGroupHeartbeat, 1, 1),
    broker(Api::ShareGroupDescribe, 1, 1),
    broker(Api::ShareFetch, 1, 2),
    broker(Api::ShareAcknowledge, 1, 2),
    broker(Api::InitializeShareGroupState, 0, 0),
    broker(Api::ReadShareGroupState, 0, 0),
    broker(Api::WriteShareGroupState, 0, 1),
    broker(Api::DeleteShareGroupState, 0, 0),
    broker(Api::ReadShareGroupStateSummary, 0, 1),
    broker(Api::StreamsGroupHeartbeat, 0, 0),
    broker(Api::StreamsGroupDescribe, 0, 0),
    broker(Api::DescribeShareGroupOffsets, 0, 1),
    broker(Api::AlterShareGroupOffsets, 0, 0),
    broker(Api::DeleteShareGroupOffsets, 0, 0),
];

impl Api {
    /// The API with this key, if it is served.
    pub fn of_key(key: i16) -> Option<Self> {
        let place = SERVED.binary_search_by_key(&key, |served| served.api.key());
        place.ok().map(|place| SERVED[place].api)
    }

    /// Whether the gateway answers it, not a broker.
    pub(super) fn is_answered_here(self) -> bool {
        let served = SERVED.iter().find(|served| served.api == self);
        served.is_some_and(|served| served.answered_by == AnsweredBy::Gateway)
    }

    /// Kafka's key.
    pub fn key(self) -> i16 {
        self as i16
    }
}

/// The APIs and versions that one virtual cluster serves, by key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Apis {
    ranges: Vec<(Api, VersionRange)>,
}

impl Apis {
    /// What is served with the brokers of all these clusters; everything in the table while no broker is known.
    pub fn compile<'a>(topologies: impl IntoIterator<Item = &'a Topology>) -> Self {
        let offered: Vec<&ApiRanges> = topologies.into_iter().map(|topology| &topology.apis).collect();
        let ranges = SERVED
            .iter()
            .filter_map(|served| Some((served.api, served.with(&offered)?)));
        Self {
            ranges: ranges.collect(),
        }
    }

    /// Without what is not served where one virtual cluster reaches several physical ones: pages of topics, which come
    /// in the order of all topics. Clients ask with Metadata then.
    pub fn of_several(mut self) -> Self {
        self.ranges
            .retain(|(api, _)| *api != Api::DescribeTopicPartitions);
        self
    }

    /// The versions in which an API is served.
    pub fn range(&self, api: Api) -> Option<VersionRange> {
        let place = self.ranges.binary_search_by_key(&api, |(api, _)| *api).ok()?;
        Some(self.ranges[place].1)
    }

    /// What clients are told, by key. Produce is announced from version 0 although it is served from 3, as brokers do:
    /// older librdkafka takes a higher minimum for a sign that it must not compress (KAFKA-18659).
    pub fn announced(&self) -> impl Iterator<Item = (Api, VersionRange)> {
        self.ranges.iter().map(|(api, range)| match api {
            Api::Produce => (*api, VersionRange { min: 0, ..*range }),
            _ => (*api, *range),
        })
    }
}

impl Served {
    fn with(&self, offered: &[&ApiRanges]) -> Option<VersionRange> {
        match self.answered_by {
            AnsweredBy::Gateway => Some(self.versions),
            AnsweredBy::Broker => offered.iter().try_fold(self.versions, |versions, offered| {
                versions.and(*offered.0.get(&self.api.key())?)
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn apis(offered: &[(i16, (i16, i16))]) -> Apis {
        let topology = Topology {
            apis: ApiRanges(offered.iter().copied().collect::<BTreeMap<_, _>>()),
            ..Topology::default()
        };
        Apis::compile(Some(&topology))
    }

    #[test]
    fn the_table_is_sorted_and_finds_what_it_holds() {
        assert!(SERVED.is_sorted_by_key(|served| served.api.key()));
        assert_eq!(Api::of_key(60), Some(Api::DescribeCluster));
        assert_eq!(Api::of_key(57), None);
    }

    #[test]
    fn a_forwarded_api_is_served_as_far_as_brokers_offer_it() {
        let apis = apis(&[(1, (0, 12)), (2, (12, 15)), (18, (0, 1)), (19, (0, 7))]);
        assert_eq!(apis.range(Api::Fetch), Some(VersionRange { min: 4, max: 12 }));
        assert_eq!(apis.range(Api::ListOffsets), None, "no version in common");
        assert_eq!(apis.range(Api::Metadata), None, "not offered");
        assert_eq!(
            apis.range(Api::ApiVersions),
            Some(VersionRange { min: 0, max: 4 })
        );
        assert_eq!(apis.range(Api::CreateAcls), Some(VersionRange { min: 1, max: 3 }));
    }

    #[test]
    fn produce_is_announced_from_0_and_served_from_3() {
        let apis = apis(&[(0, (0, 11))]);
        assert_eq!(apis.range(Api::Produce), Some(VersionRange { min: 3, max: 11 }));
        let announced: Vec<_> = apis.announced().filter(|(api, _)| *api == Api::Produce).collect();
        assert_eq!(announced, [(Api::Produce, VersionRange { min: 0, max: 11 })]);
    }

    #[test]
    fn without_a_topology_the_whole_table_is_served() {
        assert_eq!(Apis::compile(None).announced().count(), SERVED.len());
    }
}
