//! Every forwarded API in every version against a real broker: what the virtual cluster makes of a request is one that
//! the broker takes, and what it makes of the answer is one that the client reads, with nothing physical in it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "versions/consumer_groups.rs"]
mod consumer_groups;
#[path = "versions/groups.rs"]
mod groups;
#[path = "versions/metadata.rs"]
mod metadata;
#[path = "versions/records.rs"]
mod records;
#[path = "versions/world.rs"]
mod world;

use klamm::vcluster::api::table::APIS;

use crate::world::world;

/// APIs that the differential test sends through a whole gateway, in every version, or says why it does not: most of
/// them change what others here look at, or the library that writes the requests here does not know them.
const TRIED_ELSEWHERE: [&str; 38] = [
    "CreateTopics",
    "DeleteTopics",
    "DeleteRecords",
    "AddPartitionsToTxn",
    "AddOffsetsToTxn",
    "EndTxn",
    "WriteTxnMarkers",
    "TxnOffsetCommit",
    "AlterConfigs",
    "AlterReplicaLogDirs",
    "DescribeLogDirs",
    "CreatePartitions",
    "ElectLeaders",
    "IncrementalAlterConfigs",
    "AlterPartitionReassignments",
    "ListPartitionReassignments",
    "DescribeQuorum",
    "DescribeProducers",
    "DescribeTransactions",
    "ListTransactions",
    "GetTelemetrySubscriptions",
    "PushTelemetry",
    "ListConfigResources",
    "DescribeTopicPartitions",
    "ShareGroupHeartbeat",
    "ShareGroupDescribe",
    "ShareFetch",
    "ShareAcknowledge",
    "InitializeShareGroupState",
    "ReadShareGroupState",
    "WriteShareGroupState",
    "DeleteShareGroupState",
    "ReadShareGroupStateSummary",
    "StreamsGroupHeartbeat",
    "StreamsGroupDescribe",
    "DescribeShareGroupOffsets",
    "AlterShareGroupOffsets",
    "DeleteShareGroupOffsets",
];

#[test]
fn every_api_is_tried_in_every_version() {
    for scenario in [
        metadata::metadata_and_cluster,
        metadata::configurations,
        records::records_are_produced,
        records::records_are_fetched,
        records::offsets_are_listed,
        records::leader_epochs_are_told,
        records::producer_ids_are_given,
        groups::groups_live_and_die,
        consumer_groups::members_come_and_go,
    ] {
        scenario();
    }
    let mut wrong = Vec::new();
    for api in APIS.iter().filter(|api| !api.is_answered_here()) {
        let untried = world().untried(api);
        match (untried.is_empty(), TRIED_ELSEWHERE.contains(&api.name())) {
            (false, false) => wrong.push(format!("{api:?} is not tried in versions {untried:?}")),
            (true, true) => wrong.push(format!("{api:?} is tried here")),
            (true, false) | (false, true) => {}
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
