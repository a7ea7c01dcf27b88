//! The topics that Kafka keeps for itself. Knows no virtual cluster.

/// Kafka's own list of internal topics: coordinators keep their state there, and brokers alone write to them.
pub const INTERNAL_TOPICS: [&str; 3] = ["__consumer_offsets", "__transaction_state", "__share_group_state"];

/// The log of the controllers, which no client can create.
pub const CLUSTER_METADATA_TOPIC: &str = "__cluster_metadata";

/// Whether the topic `name` is Kafka's own: those are on a list, and others that begin with `__` are ordinary topics.
pub fn is_kafkas_own(name: &str) -> bool {
    name.starts_with("__") && (name == CLUSTER_METADATA_TOPIC || INTERNAL_TOPICS.contains(&name))
}

/// Whether the name of a topic that is Kafka's own begins with `prefix`.
pub fn begins_kafkas_own(prefix: &str) -> bool {
    let mut own = INTERNAL_TOPICS.iter().chain([&CLUSTER_METADATA_TOPIC]);
    own.any(|name| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_on_the_list_is_kafkas_own() {
        for own in INTERNAL_TOPICS.into_iter().chain([CLUSTER_METADATA_TOPIC]) {
            assert!(is_kafkas_own(own), "{own}");
        }
        for ordinary in [
            "__debezium-heartbeat.shop",
            "__consumer_offsets_",
            "_consumer_offsets",
            "__",
            "__Consumer_offsets",
            "__consumer.offsets",
        ] {
            assert!(!is_kafkas_own(ordinary), "{ordinary}");
        }
    }

    #[test]
    fn a_prefix_may_begin_what_is_kafkas_own() {
        for prefix in ["_", "__", "__t", "__share_group_state"] {
            assert!(begins_kafkas_own(prefix), "{prefix}");
        }
        for prefix in ["a", "_a", "__d", "__share_group_state-"] {
            assert!(!begins_kafkas_own(prefix), "{prefix}");
        }
    }
}
