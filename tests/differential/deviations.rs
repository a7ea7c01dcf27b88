//! Where the gateway intentionally does not answer as a broker: a closed list, each with its reason.

use crate::tree::{Difference, Tree};

/// A difference that is meant to be.
#[derive(Debug)]
pub(crate) struct Deviation {
    pub(crate) key: i16,
    /// The end of the path of the field.
    pub(crate) path: &'static str,
    /// Whether the two values are those that are meant.
    pub(crate) holds: fn(&Difference) -> bool,
    pub(crate) reason: &'static str,
}

const fn deviation(
    key: i16,
    path: &'static str,
    holds: fn(&Difference) -> bool,
    reason: &'static str,
) -> Deviation {
    Deviation {
        key,
        path,
        holds,
        reason,
    }
}

const SESSIONS: &str = "clients are given no fetch sessions";
const REPLICAS: &str = "nobody fetches as a replica, whatever its rights";
const INTERNAL: &str = "internal topics of the physical cluster are in no virtual cluster";
const WORDS: &str = "words of a broker may name physical things: only denials are said anew";
const MASKED: &str = "a broker knows the gateway's address only, which is nobody's business";

const OTHERS: &str = "transactions of other producers of a physical topic are nobody's business";
const BROKERS_ONLY: &str = "brokers ask this of each other, and never through a gateway";

const OWNED: &str =
    "topics of a Partner belong to somebody else: who may change them is told POLICY_VIOLATION";

pub(crate) const DEVIATIONS: &[Deviation] = &[
    deviation(
        19,
        ".Topics[]",
        |d| gateway_says_nothing(d) || refused_by_policy(d),
        OWNED,
    ),
    deviation(19, ".Topics[].Configs[]", gateway_says_nothing, OWNED),
    deviation(
        19,
        ".ErrorCode",
        |d| (broker_says(d, 0) || broker_says(d, 36)) && gateway_says(d, POLICY),
        OWNED,
    ),
    deviation(
        19,
        ".ErrorMessage",
        |d| matches!(&d.gateway, Some(Tree::Text(text)) if text.contains("are not created through")),
        OWNED,
    ),
    deviation(19, ".NumPartitions", |d| gateway_says(d, -1), OWNED),
    deviation(19, ".ReplicationFactor", |d| gateway_says(d, -1), OWNED),
    deviation(19, ".TopicConfigErrorCode", gateway_says_nothing, OWNED),
    deviation(20, ".ErrorMessage", gateway_has_no_words, WORDS),
    deviation(21, ".ErrorCode", is_against_policy, OWNED),
    deviation(21, ".LowWatermark", |d| gateway_says(d, -1), OWNED),
    deviation(33, ".ErrorCode", is_against_policy, OWNED),
    deviation(33, ".ErrorMessage", gateway_has_no_words, WORDS),
    deviation(37, ".ErrorCode", is_against_policy, OWNED),
    deviation(44, ".ErrorCode", is_against_policy, OWNED),
    deviation(44, ".ErrorMessage", gateway_has_no_words, WORDS),
    deviation(46, ".ErrorMessage", gateway_has_no_words, WORDS),
    deviation(74, ".ConfigResources[]", is_internal_topic, INTERNAL),
    deviation(75, ".Topics[]", is_internal_topic, INTERNAL),
    deviation(24, ".ErrorCode", |d| gateway_says(d, 31), BROKERS_ONLY),
    deviation(24, ".ResultsByTransaction[]", gateway_says_nothing, BROKERS_ONLY),
    deviation(
        27,
        ".ErrorCode",
        |d| broker_says(d, 3) && gateway_says(d, 44),
        OTHERS,
    ),
    deviation(61, ".ErrorMessage", gateway_has_no_words, WORDS),
    deviation(65, ".Topics[]", is_internal_topic, INTERNAL),
    deviation(68, ".ErrorMessage", gateway_has_no_words, WORDS),
    deviation(69, ".ClientHost", |_| true, MASKED),
    deviation(1, ".SessionId", gateway_says_0, SESSIONS),
    deviation(
        1,
        ".ErrorCode",
        |d| gateway_says(d, 29) && !broker_says(d, 0),
        REPLICAS,
    ),
    deviation(1, ".Responses[]", gateway_says_nothing, REPLICAS),
    deviation(
        1,
        ".Partitions[]",
        |d| {
            d.broker.is_none()
                && d.gateway
                    .as_ref()
                    .is_some_and(|g| g.holds("ErrorCode", &Tree::Int(29)))
        },
        REPLICAS,
    ),
    deviation(1, ".Partitions[].AbortedTransactions", broker_says_null, REPLICAS),
    deviation(1, ".Partitions[].CurrentLeader", gateway_says_nothing, REPLICAS),
    deviation(
        2,
        ".Partitions[].ErrorCode",
        |d| broker_says(d, 35) && gateway_says(d, 3),
        "a topic that is absent is so for any timestamp",
    ),
    deviation(3, ".Topics[]", is_internal_topic, INTERNAL),
    deviation(10, ".ErrorMessage", gateway_has_no_words, WORDS),
    deviation(15, ".ClientHost", |_| true, MASKED),
    deviation(
        18,
        ".ApiKeys[]",
        gateway_says_nothing,
        "docs/PROTOCOL.md lists the APIs that are not served",
    ),
    deviation(
        18,
        ".FinalizedFeaturesEpoch",
        |_| true,
        "the epochs of two clusters are not the same",
    ),
    deviation(
        18,
        ".FinalizedFeatures[]",
        gateway_says_nothing,
        "features whose APIs are not served are not told of",
    ),
    deviation(
        18,
        ".SupportedFeatures[]",
        gateway_says_nothing,
        "features whose APIs are not served are not told of",
    ),
    deviation(32, ".Results[].ErrorMessage", gateway_has_no_words, WORDS),
    deviation(
        32,
        ".Results[].Configs[]",
        is_about_replicas,
        "throttled replicas are named by physical brokers",
    ),
    deviation(
        32,
        ".Results[].Configs[]",
        gateway_says_nothing,
        "what clients of the whole physical cluster measure is no tenant's business",
    ),
    deviation(
        32,
        ".Results[].ErrorCode",
        |d| broker_says(d, 0) && gateway_says(d, 42),
        "what clients of the whole physical cluster measure is no tenant's business",
    ),
    deviation(60, ".ErrorMessage", |d| d.gateway.is_some(), WORDS),
];

const POLICY: i64 = 44;

/// The fields that name a topic.
const NAMES: [&str; 3] = ["Name", "Topic", "ResourceName"];

/// The deviation that explains a difference.
pub(crate) fn find(key: i16, difference: &Difference) -> Option<usize> {
    DEVIATIONS.iter().position(|known| {
        known.key == key && difference.path.ends_with(known.path) && (known.holds)(difference)
    })
}

fn broker_says(difference: &Difference, value: i64) -> bool {
    difference.broker == Some(Tree::Int(value))
}

fn gateway_says(difference: &Difference, value: i64) -> bool {
    difference.gateway == Some(Tree::Int(value))
}

fn gateway_says_0(difference: &Difference) -> bool {
    gateway_says(difference, 0)
}

fn gateway_says_nothing(difference: &Difference) -> bool {
    difference.gateway.is_none()
}

fn gateway_has_no_words(difference: &Difference) -> bool {
    matches!(&difference.gateway, Some(Tree::Null)) || difference.gateway == Some(Tree::Text(String::new()))
}

fn broker_says_null(difference: &Difference) -> bool {
    difference.broker == Some(Tree::Null)
}

fn named(difference: &Difference) -> Option<&str> {
    let item = difference.broker.as_ref()?;
    match NAMES.iter().find_map(|name| item.field(name))? {
        Tree::Text(name) => Some(name),
        _ => None,
    }
}

fn is_against_policy(difference: &Difference) -> bool {
    broker_says(difference, 0) && gateway_says(difference, POLICY)
}

fn refused_by_policy(difference: &Difference) -> bool {
    let gateway = difference.gateway.as_ref();
    gateway.is_some_and(|topic| topic.field("ErrorCode") == Some(&Tree::Int(POLICY)))
}

fn is_internal_topic(difference: &Difference) -> bool {
    gateway_says_nothing(difference) && named(difference).is_some_and(|name| name.starts_with("__"))
}

fn is_about_replicas(difference: &Difference) -> bool {
    gateway_says_nothing(difference)
        && named(difference).is_some_and(|name| name.ends_with(".throttled.replicas"))
}
