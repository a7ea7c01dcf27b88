//! What the page on the protocol says of every API that Kafka knows. Only the test that holds docs/PROTOCOL.md against the
//! table of what is served uses it.

use super::table::{Api, Apis, VersionRange};
use crate::wire::{api_name, api_versions};

/// The keys that Kafka 4.3 knows: 0 to this one, without a gap.
const LAST_KEY: i16 = 92;

/// An API that is served, or could be: what the caller needs, and what becomes of the request on the way.
struct Said {
    key: i16,
    rights: &'static str,
    way: &'static str,
}

const fn said(key: i16, rights: &'static str, way: &'static str) -> Said {
    Said { key, rights, way }
}

const BETWEEN_BROKERS: &str = "What brokers ask of each other: as it is, through `passthrough`; elsewhere POLICY_VIOLATION for those who have the right.";

const LET_IN: &str = "Groups; names and ids of topics. POLICY_VIOLATION for a group that belongs to somebody else and is let in.";

const SAID: &[Said] = &[
    said(
        0,
        "WRITE on the topic; WRITE on the transactional id where batches are transactional",
        "Names or ids of topics. Announced from 0, as brokers do for old librdkafka. Records are not read, but for the headers of batches, in which [producer ids are marked](VIRTUAL-CLUSTERS.md#producer-ids).",
    ),
    said(
        1,
        "READ on the topic",
        "Names or ids; leaders, preferred replicas and endpoints. Without fetch sessions ([decision](decisions/0002-fetch-without-sessions.md)).",
    ),
    said(2, "DESCRIBE on the topic", "Names."),
    said(
        3,
        "DESCRIBE on the topic; to create it CREATE on it or on the cluster",
        "Asked anew for topics that the caller may describe; brokers, controller, cluster id, names, ids and bitfields of the answer are the virtual cluster's. Topics are created through `passthrough`, and in the namespace of a Standard cluster.",
    ),
    said(8, "READ on the group and the topic", "Group; names or ids."),
    said(
        9,
        "DESCRIBE on the group and the topic",
        "Groups; names or ids. \"All\" is what the caller may describe.",
    ),
    said(
        10,
        "DESCRIBE on the group or transactional id",
        "Groups and transactional ids; the coordinator is a virtual broker.",
    ),
    said(
        11,
        "READ on the group",
        "Group; topic names inside of the `consumer` protocol's subscriptions.",
    ),
    said(12, "READ on the group", "Group."),
    said(13, "READ on the group", "Group."),
    said(
        14,
        "READ on the group",
        "Group; topic names inside of the `consumer` protocol's assignments.",
    ),
    said(
        15,
        "DESCRIBE on the group",
        "Groups, members' subscriptions and assignments, bitfields. Members' hosts are masked.",
    ),
    said(
        16,
        "DESCRIBE on the cluster, or on each group",
        "Only groups of this virtual cluster that the caller may describe.",
    ),
    said(17, "none", ""),
    said(
        18,
        "none",
        "In a version that is not known: answered in version 0, with the versions of ApiVersions alone.",
    ),
    said(
        19,
        "CREATE on the cluster or the topic; DESCRIBE_CONFIGS for details",
        "Names; replica assignments. Topics of a Standard cluster's own namespace, and any through `passthrough`; for others, and in a Partner, those who have the right are told TOPIC_ALREADY_EXISTS if the virtual cluster shows one of that name, else POLICY_VIOLATION.",
    ),
    said(
        20,
        "DESCRIBE and DELETE on the topic",
        "Names or ids. What an alias or a list shows belongs to somebody else: POLICY_VIOLATION for those who have the right.",
    ),
    said(
        21,
        "DELETE on the topic",
        "Names. What an alias or a list shows: as DeleteTopics.",
    ),
    said(
        22,
        "WRITE on the transactional id; without one IDEMPOTENT_WRITE on the cluster, or WRITE on any topic",
        "Transactional id, if there is one.",
    ),
    said(
        23,
        "CLUSTER_ACTION on the cluster, or DESCRIBE on the topic",
        "Names.",
    ),
    said(
        24,
        "WRITE on the transactional id and the topics",
        "Transactional id; names. All partitions are added, or none. From version 4 on only brokers ask: see below.",
    ),
    said(
        25,
        "WRITE on the transactional id, READ on the group",
        "Transactional id; group.",
    ),
    said(26, "WRITE on the transactional id", "Transactional id."),
    said(
        27,
        "ALTER or CLUSTER_ACTION on the cluster",
        "As it is, through `passthrough`; refused elsewhere: see below.",
    ),
    said(
        28,
        "WRITE on the transactional id, READ on the group and the topic",
        "Transactional id; group; names.",
    ),
    said(
        29,
        "DESCRIBE on the cluster",
        "The newest, on every node; REQUEST_TIMED_OUT from one that cannot reach its leader.",
    ),
    said(
        30,
        "ALTER on the cluster",
        "Answered when every live gateway node has it in force.",
    ),
    said(31, "ALTER on the cluster", "Likewise."),
    said(
        32,
        "DESCRIBE_CONFIGS on the topic, the group, or for brokers the cluster",
        "Topics, brokers, groups; only configurations of which it is known what becomes of their values: [see below](#configurations).",
    ),
    said(
        33,
        "ALTER_CONFIGS on the topic, the group, or for brokers the cluster",
        "Everything but addresses through `passthrough`; elsewhere topics and groups of the virtual cluster's own, and POLICY_VIOLATION for what else the caller has the right to: [see below](#configurations).",
    ),
    said(
        34,
        "ALTER on the cluster",
        "Through `passthrough`; elsewhere POLICY_VIOLATION for those who have the right.",
    ),
    said(
        35,
        "DESCRIBE on the cluster",
        "Topics of this virtual cluster. Paths (elsewhere `log-dir-0`) and sizes of disks are told through `passthrough` only.",
    ),
    said(36, "none", ""),
    said(
        37,
        "ALTER on the topic",
        "Names; replica assignments. What an alias or a list shows: as DeleteTopics, or INVALID_PARTITIONS when it has as many partitions already.",
    ),
    said(42, "DELETE on the group", LET_IN),
    said(43, "ALTER on the cluster", "As AlterReplicaLogDirs."),
    said(
        44,
        "ALTER_CONFIGS on the topic, the group, or for brokers the cluster",
        "As AlterConfigs.",
    ),
    said(45, "ALTER on the cluster", "As AlterReplicaLogDirs; replicas."),
    said(
        46,
        "DESCRIBE on the cluster",
        "Topics of this virtual cluster; replicas.",
    ),
    said(47, "DELETE on the group, READ on the topic", LET_IN),
    said(
        48,
        "DESCRIBE_CONFIGS on the cluster",
        "There are none: a virtual cluster has no quotas, and those of the physical cluster are not told. Stock `kafka-configs --describe --entity-type users` asks for it.",
    ),
    said(
        50,
        "DESCRIBE on the cluster",
        "SCRAM credentials of the virtual cluster's service accounts; the newest, as above.",
    ),
    said(
        51,
        "ALTER on the cluster",
        "The same. Who has no service account yet gets one. Names are those of service accounts.",
    ),
    said(
        55,
        "DESCRIBE on the cluster",
        "Through `passthrough` only. A controller that is no broker has the id -1, listeners are left out.",
    ),
    said(
        60,
        "none; DESCRIBE on the cluster for the bitfield",
        "Brokers, controller, cluster id, bitfield.",
    ),
    said(
        61,
        "READ on the topic",
        "Names; producer ids. Idempotent producers of other virtual clusters are left out.",
    ),
    said(
        65,
        "DESCRIBE on the transactional id and the topics",
        "Transactional ids; only topics that the caller may describe.",
    ),
    said(
        66,
        "DESCRIBE on the transactional id",
        "Only transactions of this virtual cluster that the caller may describe. The pattern is matched here, against virtual ids.",
    ),
    said(
        68,
        "READ on the group, DESCRIBE on all topics subscribed to",
        "Group; names subscribed to; topic ids of owned and assigned partitions. A regular expression is evaluated by the broker or resolved by the gateway, see below.",
    ),
    said(
        69,
        "DESCRIBE on the group and all its topics",
        "Groups, members' subscriptions and assignments, bitfields. Members' hosts are masked.",
    ),
    said(
        71,
        "none",
        "As it is (KIP-714). Brokers offer it only with a receiver of telemetry; the connection to the broker stays with \
         its client, whose measurements belong to the connection.",
    ),
    said(
        72,
        "none",
        "As it is: what a client measures is told to the physical cluster's receiver, with virtual names.",
    ),
    said(
        74,
        "DESCRIBE_CONFIGS on the cluster",
        "Topics, groups and brokers of this virtual cluster; metrics subscriptions through `passthrough` only.",
    ),
    said(75, "DESCRIBE on the topic", "As Metadata; the cursor."),
    said(
        76,
        "READ on the group, DESCRIBE on all topics subscribed to",
        "Group; names subscribed to; topic ids of assigned partitions.",
    ),
    said(
        77,
        "DESCRIBE on the group and all its topics",
        "Groups, members' assignments, bitfields. Members' hosts are masked.",
    ),
    said(
        78,
        "READ on the group and the topic",
        "Group; topic ids; leaders and endpoints. The connection to the broker stays with its client: share sessions \
         belong to connections.",
    ),
    said(
        79,
        "READ on the group and the topic",
        "Group; topic ids; leaders and endpoints.",
    ),
    said(83, "CLUSTER_ACTION on the cluster", BETWEEN_BROKERS),
    said(84, "CLUSTER_ACTION on the cluster", BETWEEN_BROKERS),
    said(85, "CLUSTER_ACTION on the cluster", BETWEEN_BROKERS),
    said(86, "CLUSTER_ACTION on the cluster", BETWEEN_BROKERS),
    said(87, "CLUSTER_ACTION on the cluster", BETWEEN_BROKERS),
    said(
        88,
        "READ on the group, DESCRIBE on all topics of the topology; CREATE on the cluster or the internal topics for those to be created",
        "Group; every topic of the topology; endpoints of applications stay. Internal topics are created where clients may create topics: not in a Partner, see below.",
    ),
    said(
        89,
        "DESCRIBE on the group and all topics of its topology",
        "Groups, topologies, bitfields. Members' hosts are masked.",
    ),
    said(
        90,
        "DESCRIBE on the group and the topic",
        "Groups; names, ids. \"All\" is what the caller may describe.",
    ),
    said(91, "READ on the group and the topic", LET_IN),
    said(92, "DELETE on the group, READ on the topic", LET_IN),
];

/// The reason why keys are not served, whatever comes.
const NEVER: &[(&[i16], &str)] = &[
    (
        &[4, 5, 6, 7],
        "Between brokers of Kafka 3 and older: Kafka 4 has no version of it.",
    ),
    (
        &[52, 53, 54, 56, 58, 59, 62, 63, 67, 70, 73, 82],
        "Between brokers and controllers: no broker offers it to clients.",
    ),
    (
        &[38, 39, 40, 41],
        "Delegation tokens: clients log in with tokens of the gateway, which outlive no account.",
    ),
    (
        &[49],
        "A virtual cluster has no quotas, and those of the physical cluster concern all of its clients.",
    ),
    (&[57, 64, 80, 81], "Maintenance of the physical cluster itself."),
];

/// The names and versions of APIs that brokers do not offer to clients.
const NAMELESS: &[(i16, &str)] = &[
    (4, "LeaderAndIsr"),
    (5, "StopReplica"),
    (6, "UpdateMetadata"),
    (7, "ControlledShutdown"),
    (52, "Vote"),
    (53, "BeginQuorumEpoch"),
    (54, "EndQuorumEpoch"),
    (56, "AlterPartition"),
    (58, "Envelope"),
    (59, "FetchSnapshot"),
    (62, "BrokerRegistration"),
    (63, "BrokerHeartbeat"),
    (67, "AllocateProducerIds"),
    (70, "ControllerRegistration"),
    (73, "AssignReplicasToDirs"),
    (82, "UpdateRaftVoter"),
];

/// Versions of served APIs that are not served: key, the first of them, and why.
const NEVER_FROM: [(i16, i16, &str); 1] = [(
    22,
    6,
    "Unstable in Kafka 4.3 (two-phase commit, KIP-939): brokers do not offer it unless they are told to, and it may still change.",
)];

const NOT_YET: &str = "Not yet.";

/// Where in the page the tables begin and end.
const BEGIN: &str =
    "<!-- Made from src/vcluster/api/protocol.rs by `KLAMM_BLESS=1 cargo test --lib protocol`. -->\n";
const END: &str = "<!-- The end of what is made. -->\n";

/// The two tables of the page.
fn tables() -> String {
    let mut served = String::from(
        "| key | API | versions | answered by | rights | what happens on the way |\n|---|---|---|---|---|---|\n",
    );
    let mut absent = String::from("| key | API | Kafka 4.3 | why |\n|---|---|---|---|\n");
    for key in 0..=LAST_KEY {
        match Api::of_key(key).and_then(|api| Some((api, Apis::compile(None).range(api)?))) {
            Some((api, range)) => served.push_str(&served_row(api, range)),
            None => absent.push_str(&absent_row(key)),
        }
    }
    format!(
        "{BEGIN}\n{served}\n## Not served\n\nEverything else that Kafka 4.3 knows. It is not announced; who asks nevertheless is \
         cut off.\n\n{absent}\n{}\n{END}",
        absent_versions()
    )
}

fn absent_versions() -> String {
    let mut rows = String::from("| key | API | not served from version | why |\n|---|---|---|---|\n");
    for (key, from, why) in NEVER_FROM {
        let name = api_name(key).unwrap_or("?");
        rows.push_str(&format!("| {key} | {name} | {from} | {why} |\n"));
    }
    rows
}

fn served_row(api: Api, VersionRange { min, max }: VersionRange) -> String {
    let key = api.key();
    let said = SAID.iter().find(|said| said.key == key);
    let (rights, way) = said.map_or(("?", "?"), |said| (said.rights, said.way));
    let by = if api.is_answered_here() {
        "gateway"
    } else {
        "brokers"
    };
    format!("| {key} | {api:?} | {min}-{max} | {by} | {rights} | {way} |\n").replace("|  |", "| |")
}

fn absent_row(key: i16) -> String {
    let nameless = NAMELESS.iter().find(|(nameless, _)| *nameless == key);
    let name = api_name(key)
        .or_else(|| nameless.map(|(_, name)| *name))
        .unwrap_or("?");
    let versions = match api_versions(key) {
        Some(range) => format!("{}-{}", range.lo, range.hi),
        None => "none".to_owned(),
    };
    let never = NEVER.iter().find(|(keys, _)| keys.contains(&key));
    let is_said = SAID.iter().any(|said| said.key == key);
    let why = never
        .map(|(_, why)| *why)
        .or_else(|| is_said.then_some(NOT_YET))
        .unwrap_or("?");
    format!("| {key} | {name} | {versions} | {why} |\n")
}

#[test]
fn the_page_says_of_every_api_whether_and_how_it_is_served() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/PROTOCOL.md");
    let page = std::fs::read_to_string(path).expect("the page exists");
    let (before, rest) = page
        .split_once(BEGIN)
        .expect("the page has a beginning of its tables");
    let (_, after) = rest.split_once(END).expect("the page has an end of its tables");
    let made = format!("{before}{}{after}", tables());
    if std::env::var_os("KLAMM_BLESS").is_some() {
        std::fs::write(path, &made).expect("the page can be written");
    } else {
        assert!(page == made, "docs/PROTOCOL.md is old: run with KLAMM_BLESS=1");
    }
    assert!(!made.contains("| ? |"), "an API has no words: {}", tables());
}

#[test]
fn every_key_of_kafka_is_told_of_once() {
    let (said, never) = (
        SAID.iter().map(|said| said.key),
        NEVER.iter().flat_map(|(keys, _)| keys.iter().copied()),
    );
    let mut keys: Vec<i16> = said.chain(never).collect();
    keys.sort_unstable();
    assert_eq!(keys, (0..=LAST_KEY).collect::<Vec<_>>());
    assert!(crate::wire::api_keys().all(|key| key <= LAST_KEY));
}

#[test]
fn every_version_of_a_served_api_is_served_or_told_of() {
    for key in 0..=LAST_KEY {
        let Some((api, kafka)) = Api::of_key(key).zip(api_versions(key)) else {
            continue;
        };
        let served = Apis::compile(None).range(api).expect("it is in the table");
        let never = NEVER_FROM.iter().find(|(never, ..)| *never == key);
        let last = never.map_or(kafka.hi, |(_, from, _)| from - 1);
        assert_eq!((served.min, served.max), (kafka.lo, last), "{api:?}");
    }
}
