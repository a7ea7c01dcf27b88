//! Which configurations a reader may see: those that are on a list. Values of others may hold addresses, paths, names of
//! listeners or ids of physical brokers. `docs/PROTOCOL.md` names them, and says what becomes of their values.

use crate::vcluster::rename::Names;

// Kafka's numbers of the kinds of resources that have configurations.
pub(super) const TOPIC: i64 = 2;
pub(super) const BROKER: i64 = 4;
pub(super) const BROKER_LOGGER: i64 = 8;
pub(super) const CLIENT_METRICS: i64 = 16;
pub(super) const GROUP: i64 = 32;

/// Configurations of brokers that tell a client what it may do and what its topics and groups begin with. Sorted.
const OF_BROKERS: [&str; 29] = [
    "auto.create.topics.enable",
    "compression.type",
    "default.replication.factor",
    "delete.topic.enable",
    "fetch.max.bytes",
    "group.consumer.heartbeat.interval.ms",
    "group.consumer.session.timeout.ms",
    "group.initial.rebalance.delay.ms",
    "group.max.session.timeout.ms",
    "group.max.size",
    "group.min.session.timeout.ms",
    "log.cleaner.min.compaction.lag.ms",
    "log.cleanup.policy",
    "log.flush.interval.messages",
    "log.message.timestamp.after.max.ms",
    "log.message.timestamp.before.max.ms",
    "log.message.timestamp.type",
    "log.retention.bytes",
    "log.retention.hours",
    "log.retention.minutes",
    "log.retention.ms",
    "log.roll.ms",
    "log.segment.bytes",
    "message.max.bytes",
    "min.insync.replicas",
    "num.partitions",
    "offsets.retention.minutes",
    "socket.request.max.bytes",
    "unclean.leader.election.enable",
];

/// Configurations of brokers that are the business of whoever runs them. They name nothing physical. Sorted.
const OF_OPERATORS: [&str; 5] = [
    "connections.max.idle.ms",
    "follower.replication.throttled.rate",
    "leader.replication.throttled.rate",
    "max.incremental.fetch.session.cache.slots",
    "replica.alter.log.dirs.io.max.bytes.per.second",
];

/// Configurations of topics that name nothing physical but brokers, which are told by their virtual ids. Sorted.
const OF_TOPICS: [&str; 37] = [
    "cleanup.policy",
    "compression.gzip.level",
    "compression.lz4.level",
    "compression.type",
    "compression.zstd.level",
    "delete.retention.ms",
    "errors.deadletterqueue.group.enable",
    "file.delete.delay.ms",
    "flush.messages",
    "flush.ms",
    "follower.replication.throttled.replicas",
    "index.interval.bytes",
    "leader.replication.throttled.replicas",
    "local.retention.bytes",
    "local.retention.ms",
    "max.compaction.lag.ms",
    "max.message.bytes",
    "message.downconversion.enable",
    "message.format.version",
    "message.timestamp.after.max.ms",
    "message.timestamp.before.max.ms",
    "message.timestamp.difference.max.ms",
    "message.timestamp.type",
    "min.cleanable.dirty.ratio",
    "min.compaction.lag.ms",
    "min.insync.replicas",
    "preallocate",
    "remote.log.copy.disable",
    "remote.log.delete.on.disable",
    "remote.storage.enable",
    "retention.bytes",
    "retention.ms",
    "segment.bytes",
    "segment.index.bytes",
    "segment.jitter.ms",
    "segment.ms",
    "unclean.leader.election.enable",
];

/// The beginnings of configurations of groups.
const OF_GROUPS: [&str; 3] = ["consumer.", "share.", "streams."];

/// Who reads configurations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ConfigReader {
    /// Whoever runs the physical cluster, and sees all of it.
    Operator,
    /// A client of a virtual cluster that shares the physical one.
    Tenant,
}

impl ConfigReader {
    /// The reader of a virtual cluster with such names.
    pub(super) fn of(names: &Names) -> Self {
        match names.is_transparent() {
            true => Self::Operator,
            false => Self::Tenant,
        }
    }

    /// Whether a configuration of a kind of resource is shown.
    pub(super) fn may_see(self, kind: i64, name: &str) -> bool {
        let is_operator = self == Self::Operator;
        match kind {
            TOPIC => OF_TOPICS.binary_search(&name).is_ok(),
            BROKER => {
                OF_BROKERS.binary_search(&name).is_ok()
                    || is_operator && OF_OPERATORS.binary_search(&name).is_ok()
            }
            GROUP => is_of_groups(name),
            // Loggers are named after Kafka's own classes; metrics are asked of all clients of the physical cluster.
            BROKER_LOGGER | CLIENT_METRICS => is_operator,
            _ => false,
        }
    }
}

/// Whether groups have such a configuration.
pub(super) fn is_of_groups(name: &str) -> bool {
    OF_GROUPS.iter().any(|start| name.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_sorted() {
        assert!(OF_BROKERS.is_sorted() && OF_OPERATORS.is_sorted() && OF_TOPICS.is_sorted());
    }

    #[test]
    fn tenants_see_less_than_operators() {
        let of_brokers = "min.insync.replicas";
        for (kind, name, operator, tenant) in [
            (BROKER, of_brokers, true, true),
            (BROKER, OF_OPERATORS[0], true, false),
            (BROKER, "advertised.listeners", false, false),
            (BROKER_LOGGER, "kafka.server.KafkaApis", true, false),
            (CLIENT_METRICS, "interval.ms", true, false),
            (TOPIC, "retention.ms", true, true),
            (GROUP, "consumer.session.timeout.ms", true, true),
            (77, "retention.ms", false, false),
        ] {
            assert_eq!(ConfigReader::Operator.may_see(kind, name), operator, "{name}");
            assert_eq!(ConfigReader::Tenant.may_see(kind, name), tenant, "{name}");
        }
    }

    #[test]
    fn the_page_lists_what_is_shown_of_brokers() {
        let page = include_str!("../../../docs/PROTOCOL.md");
        let listed = |heading: &str| -> Vec<&str> {
            let line = page.lines().find(|line| line.starts_with(heading));
            let names = line.unwrap_or_default().split('`').skip(1).step_by(2);
            names.collect()
        };
        assert_eq!(listed("* Every client sees"), OF_BROKERS);
        assert_eq!(
            listed("* Only `passthrough` shows").get(1..),
            Some(&OF_OPERATORS[..])
        );
    }
}
