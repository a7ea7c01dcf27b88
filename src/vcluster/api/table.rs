//! Which APIs a virtual cluster serves, and in which versions. What is not in this table is neither announced nor
//! answered.

use super::description::{AnsweredBy, Api, VersionRange, Way};
use crate::backend::topology::{ApiRanges, Topology};

/// The APIs that are served, by key, in the stable versions of Kafka 4.3 that the handlers know.
pub static APIS: &[&Api] = &[
    &super::produce::PRODUCE,
    &super::fetch::FETCH,
    &super::offsets::LIST_OFFSETS,
    &super::metadata::METADATA,
    &super::offsets::OFFSET_COMMIT,
    &super::offset_fetch::OFFSET_FETCH,
    &super::coordinator::FIND_COORDINATOR,
    &super::membership::JOIN_GROUP,
    &super::membership::HEARTBEAT,
    &super::membership::LEAVE_GROUP,
    &super::membership::SYNC_GROUP,
    &super::group_descriptions::DESCRIBE_GROUPS,
    &super::groups::LIST_GROUPS,
    &super::login::SASL_HANDSHAKE,
    &super::versions::API_VERSIONS,
    &super::create_topics::CREATE_TOPICS,
    &super::delete_topics::DELETE_TOPICS,
    &super::delete_records::DELETE_RECORDS,
    &super::producer_id::INIT_PRODUCER_ID,
    &super::offsets::OFFSET_FOR_LEADER_EPOCH,
    &super::txn::ADD_PARTITIONS_TO_TXN,
    &super::txn::ADD_OFFSETS_TO_TXN,
    &super::txn::END_TXN,
    &super::txn_admin::WRITE_TXN_MARKERS,
    &super::txn::TXN_OFFSET_COMMIT,
    &super::acls::DESCRIBE_ACLS,
    &super::acls::CREATE_ACLS,
    &super::acls::DELETE_ACLS,
    &super::configs::DESCRIBE_CONFIGS,
    &super::alter_configs::ALTER_CONFIGS,
    &super::log_dirs::ALTER_REPLICA_LOG_DIRS,
    &super::log_dirs::DESCRIBE_LOG_DIRS,
    &super::login::SASL_AUTHENTICATE,
    &super::replicas::CREATE_PARTITIONS,
    &super::groups::DELETE_GROUPS,
    &super::replicas::ELECT_LEADERS,
    &super::alter_configs::INCREMENTAL_ALTER_CONFIGS,
    &super::replicas::ALTER_PARTITION_REASSIGNMENTS,
    &super::replicas::LIST_PARTITION_REASSIGNMENTS,
    &super::offsets::OFFSET_DELETE,
    &super::quotas::DESCRIBE_CLIENT_QUOTAS,
    &super::quotas::ALTER_CLIENT_QUOTAS,
    &super::scram_users::DESCRIBE_USER_SCRAM_CREDENTIALS,
    &super::scram_users::ALTER_USER_SCRAM_CREDENTIALS,
    &super::quorum::DESCRIBE_QUORUM,
    &super::cluster::DESCRIBE_CLUSTER,
    &super::txn_admin::DESCRIBE_PRODUCERS,
    &super::txn_admin::DESCRIBE_TRANSACTIONS,
    &super::txn_admin::LIST_TRANSACTIONS,
    &super::consumer_group::CONSUMER_GROUP_HEARTBEAT,
    &super::group_descriptions::CONSUMER_GROUP_DESCRIBE,
    &super::telemetry::GET_TELEMETRY_SUBSCRIPTIONS,
    &super::telemetry::PUSH_TELEMETRY,
    &super::config_resources::LIST_CONFIG_RESOURCES,
    &super::topic_partitions::DESCRIBE_TOPIC_PARTITIONS,
    &super::consumer_group::SHARE_GROUP_HEARTBEAT,
    &super::group_descriptions::SHARE_GROUP_DESCRIBE,
    &super::share_fetch::SHARE_FETCH,
    &super::share_fetch::SHARE_ACKNOWLEDGE,
    &super::share_state::INITIALIZE_SHARE_GROUP_STATE,
    &super::share_state::READ_SHARE_GROUP_STATE,
    &super::share_state::WRITE_SHARE_GROUP_STATE,
    &super::share_state::DELETE_SHARE_GROUP_STATE,
    &super::share_state::READ_SHARE_GROUP_STATE_SUMMARY,
    &super::streams_group::STREAMS_GROUP_HEARTBEAT,
    &super::group_descriptions::STREAMS_GROUP_DESCRIBE,
    &super::offset_fetch::DESCRIBE_SHARE_GROUP_OFFSETS,
    &super::share_offsets::ALTER_SHARE_GROUP_OFFSETS,
    &super::share_offsets::DELETE_SHARE_GROUP_OFFSETS,
];

/// The API with this key, if it is served.
pub fn api_of(key: i16) -> Option<&'static Api> {
    let place = APIS.binary_search_by_key(&key, |api| api.key);
    place.ok().map(|place| APIS[place])
}

/// The APIs and versions that one virtual cluster serves, by key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Apis {
    ranges: Vec<(&'static Api, VersionRange)>,
}

impl Apis {
    /// The APIs that are served with the brokers of all these clusters; everything in the table while no broker is known.
    pub fn compile<'a>(topologies: impl IntoIterator<Item = &'a Topology>) -> Self {
        let offered: Vec<&ApiRanges> = topologies.into_iter().map(|topology| &topology.apis).collect();
        let ranges = APIS
            .iter()
            .filter_map(|api| Some((*api, served_with(api, &offered)?)));
        Self {
            ranges: ranges.collect(),
        }
    }

    /// Without what is not served where one virtual cluster reaches several physical ones.
    pub fn of_several(mut self) -> Self {
        self.ranges.retain(|(api, _)| api.way() != Way::Nowhere);
        self
    }

    /// The versions in which an API is served.
    pub fn range(&self, api: &Api) -> Option<VersionRange> {
        let place = self
            .ranges
            .binary_search_by_key(&api.key, |(api, _)| api.key)
            .ok()?;
        Some(self.ranges[place].1)
    }

    /// The versions that clients are told, by key.
    pub fn announced(&self) -> impl Iterator<Item = (&'static Api, VersionRange)> {
        self.ranges.iter().map(|(api, range)| {
            let min = api.versions.announced_from.unwrap_or(range.min);
            (*api, VersionRange { min, ..*range })
        })
    }
}

fn served_with(api: &Api, offered: &[&ApiRanges]) -> Option<VersionRange> {
    let range = api.versions.range;
    match api.answered_by {
        AnsweredBy::Gateway(_) | AnsweredBy::Session => Some(range),
        AnsweredBy::Broker(_) => offered
            .iter()
            .try_fold(range, |range, offered| range.and(*offered.0.get(&api.key)?)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::{acls, cluster, fetch, metadata, offsets, produce, versions};
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
        assert!(APIS.is_sorted_by_key(|api| api.key));
        assert_eq!(api_of(60), Some(&cluster::DESCRIBE_CLUSTER));
        assert_eq!(api_of(57), None);
    }

    #[test]
    fn a_forwarded_api_is_served_as_far_as_brokers_offer_it() {
        let apis = apis(&[(1, (0, 12)), (2, (12, 15)), (18, (0, 1)), (19, (0, 7))]);
        assert_eq!(apis.range(&fetch::FETCH), Some(VersionRange { min: 4, max: 12 }));
        assert_eq!(apis.range(&offsets::LIST_OFFSETS), None, "no version in common");
        assert_eq!(apis.range(&metadata::METADATA), None, "not offered");
        assert_eq!(
            apis.range(&versions::API_VERSIONS),
            Some(VersionRange { min: 0, max: 4 })
        );
        assert_eq!(
            apis.range(&acls::CREATE_ACLS),
            Some(VersionRange { min: 1, max: 3 })
        );
    }

    #[test]
    fn produce_is_announced_from_0_and_served_from_3() {
        let apis = apis(&[(0, (0, 11))]);
        assert_eq!(
            apis.range(&produce::PRODUCE),
            Some(VersionRange { min: 3, max: 11 })
        );
        let announced: Vec<_> = apis
            .announced()
            .filter(|(api, _)| *api == &produce::PRODUCE)
            .collect();
        assert_eq!(announced, [(&produce::PRODUCE, VersionRange { min: 0, max: 11 })]);
    }

    #[test]
    fn without_a_topology_the_whole_table_is_served() {
        assert_eq!(Apis::compile(None).announced().count(), APIS.len());
    }
}
