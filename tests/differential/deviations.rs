//! Where the gateway intentionally does not answer as a broker: a closed list, each with its reason.

use crate::settings::NO_TOPICS;
use crate::tree::{Difference, Tree};
use crate::world::Kind;

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

impl Deviation {
    /// Whether it can be met in a virtual cluster of this kind.
    pub(crate) fn is_of(&self, kind: Kind) -> bool {
        match kind {
            Kind::Partner => !OF_PASSTHROUGH.contains(&self.reason),
            Kind::Passthrough => !OF_PARTNERS.contains(&self.reason),
        }
    }
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
const NO_ID: &str = "a topic that the caller may not name is told without its id";
const NOBODY: &str = "where a broker means nobody it says 0, which may be somebody here";
const NOT_BEGUN: &str = "a share session of which nothing is left is not begun";
const METRICS: &str = "what clients of the whole physical cluster measure is no tenant's business";
const MASKED: &str = "a broker knows the gateway's address only, which is nobody's business";

const OTHERS: &str = "transactions of other producers of a physical topic are nobody's business";
const PHYSICAL: &str = "disks, and the quorum, are those of the whole physical cluster";
const LIVE: &str = "two clusters have not written the same metadata";
const CONTROLLERS: &str =
    "a controller is no broker of a virtual cluster: it has neither number nor address there";
const REPLICAS_IN_WORDS: &str = "words of a broker about replicas may name physical things";
const BROKERS_ONLY: &str = "brokers ask this of each other, and never through a gateway";

const OWNED: &str =
    "topics of a Partner belong to somebody else: who may change them is told POLICY_VIOLATION";

/// Deviations of a Partner only: `passthrough` is the whole physical cluster.
const OF_PARTNERS: [&str; 6] = [OWNED, OTHERS, INTERNAL, METRICS, BROKERS_ONLY, PHYSICAL];

/// Deviations of `passthrough` only: a Partner is shown none of it.
const OF_PASSTHROUGH: [&str; 3] = [LIVE, CONTROLLERS, REPLICAS_IN_WORDS];

pub(crate) const DEVIATIONS: &[Deviation] = &[
    deviation(
        19,
        ".Topics[]",
        |d| is_of_an_absent_topic(d) && (gateway_says_nothing(d) || refused_by_policy(d)),
        OWNED,
    ),
    deviation(19, ".Topics[].Configs[]", gateway_says_nothing, OWNED),
    deviation(
        19,
        ".ErrorCode",
        |d| (broker_says(d, 0) || broker_says(d, 38)) && gateway_says(d, POLICY),
        OWNED,
    ),
    deviation(
        19,
        ".ErrorMessage",
        |d| matches!(&d.gateway, Some(Tree::Text(text)) if text.contains("cannot be created through")),
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
    deviation(37, ".ErrorMessage", says_whose_it_is, OWNED),
    deviation(33, ".ErrorMessage", says_whose_it_is, OWNED),
    deviation(44, ".ErrorMessage", says_whose_it_is, OWNED),
    deviation(44, ".ErrorCode", is_against_policy, OWNED),
    deviation(44, ".ErrorMessage", gateway_has_no_words, WORDS),
    deviation(34, ".ErrorCode", says_policy, OWNED),
    deviation(35, ".Results[].LogDir", |_| true, PHYSICAL),
    deviation(35, ".Results[].TotalBytes", |d| gateway_says(d, -1), PHYSICAL),
    deviation(35, ".Results[].UsableBytes", |d| gateway_says(d, -1), PHYSICAL),
    deviation(35, ".Results[].Topics[]", is_internal_topic, INTERNAL),
    deviation(43, ".ErrorCode", says_policy, OWNED),
    deviation(43, ".ErrorMessage", says_whose_it_is, OWNED),
    deviation(43, ".ErrorMessage", gateway_has_no_words, REPLICAS_IN_WORDS),
    deviation(43, ".ReplicaElectionResults[]", gateway_says_nothing, OWNED),
    deviation(45, ".ErrorCode", says_policy, OWNED),
    deviation(45, ".ErrorMessage", says_whose_it_is, OWNED),
    deviation(45, ".ErrorMessage", gateway_has_no_words, REPLICAS_IN_WORDS),
    deviation(55, ".ErrorCode", says_policy, PHYSICAL),
    deviation(
        55,
        ".ErrorMessage",
        |d| matches!(&d.gateway, Some(Tree::Text(text)) if text.contains("does not show the quorum")),
        PHYSICAL,
    ),
    deviation(55, ".Topics[]", gateway_says_nothing, PHYSICAL),
    deviation(55, ".Nodes[]", gateway_says_nothing, PHYSICAL),
    deviation(55, ".LeaderId", gateway_names_nobody, CONTROLLERS),
    deviation(55, ".Listeners[]", gateway_says_nothing, CONTROLLERS),
    deviation(55, ".HighWatermark", |_| true, LIVE),
    deviation(55, ".LogEndOffset", |_| true, LIVE),
    deviation(55, ".LeaderEpoch", |_| true, LIVE),
    deviation(83, ".ErrorCode", says_policy, BROKERS_ONLY),
    deviation(84, ".ErrorCode", says_policy, BROKERS_ONLY),
    deviation(84, ".StateEpoch", gateway_says_0, BROKERS_ONLY),
    deviation(85, ".ErrorCode", says_policy, BROKERS_ONLY),
    deviation(86, ".ErrorCode", says_policy, BROKERS_ONLY),
    deviation(87, ".ErrorCode", says_policy, BROKERS_ONLY),
    deviation(87, ".StateEpoch", gateway_says_0, BROKERS_ONLY),
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
    deviation(69, ".ClientHost", |_| true, MASKED),
    deviation(77, ".ClientHost", |_| true, MASKED),
    deviation(89, ".ClientHost", |_| true, MASKED),
    deviation(
        78,
        ".AcknowledgeErrorCode",
        |d| broker_says(d, 0) && gateway_says(d, 29),
        "what is acknowledged along with a refused partition is refused too",
    ),
    deviation(78, ".CurrentLeader.LeaderId", gateway_names_nobody, NOBODY),
    deviation(79, ".CurrentLeader.LeaderId", gateway_names_nobody, NOBODY),
    deviation(78, ".AcquisitionLockTimeoutMs", gateway_says_0, NOT_BEGUN),
    deviation(79, ".AcquisitionLockTimeoutMs", gateway_says_0, NOT_BEGUN),
    deviation(
        79,
        ".ErrorCode",
        |d| broker_says(d, 0) && gateway_says(d, 122),
        NOT_BEGUN,
    ),
    deviation(
        79,
        ".Responses[]",
        |d| gateway_says_nothing(d) && is_denied(d),
        NOT_BEGUN,
    ),
    deviation(91, ".Responses[]", is_denied, NO_ID),
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
    deviation(32, ".Results[].ErrorMessage", gateway_has_no_words, WORDS),
    deviation(32, ".Results[].Configs[]", gateway_says_nothing, METRICS),
    deviation(
        32,
        ".Results[].ErrorCode",
        |d| broker_says(d, 0) && gateway_says(d, 42),
        METRICS,
    ),
    deviation(60, ".ErrorMessage", |d| d.gateway.is_some(), WORDS),
];

const POLICY: i64 = 44;

/// The fields that name a topic.
const NAMES: [&str; 3] = ["Name", "Topic", "ResourceName"];

/// The deviation that explains a difference.
pub(crate) fn find(kind: Kind, key: i16, difference: &Difference) -> Option<usize> {
    DEVIATIONS.iter().position(|known| {
        known.is_of(kind)
            && known.key == key
            && difference.path.ends_with(known.path)
            && (known.holds)(difference)
    })
}

fn broker_says(difference: &Difference, value: i64) -> bool {
    difference.broker == Some(Tree::Int(value))
}

fn gateway_says(difference: &Difference, value: i64) -> bool {
    difference.gateway == Some(Tree::Int(value))
}

fn says_policy(difference: &Difference) -> bool {
    gateway_says(difference, POLICY)
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

fn gateway_names_nobody(difference: &Difference) -> bool {
    gateway_says(difference, -1)
}

fn is_denied(difference: &Difference) -> bool {
    let sides = [&difference.broker, &difference.gateway];
    let mut items = sides.into_iter().flatten();
    items.all(|item| item.holds("ErrorCode", &Tree::Int(29)))
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

fn says_whose_it_is(difference: &Difference) -> bool {
    matches!(&difference.gateway, Some(Tree::Text(text)) if text.contains("does not belong to"))
}

fn is_of_an_absent_topic(difference: &Difference) -> bool {
    let sides = [&difference.broker, &difference.gateway];
    let mut items = sides.into_iter().flatten();
    items.all(|item| item.field("Name") == Some(&Tree::Text(NO_TOPICS[0].into())))
}

fn is_internal_topic(difference: &Difference) -> bool {
    gateway_says_nothing(difference) && named(difference).is_some_and(|name| name.starts_with("__"))
}
