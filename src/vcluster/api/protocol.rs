//! The page on the protocol, as the descriptions of all APIs make it. Only the test that holds docs/PROTOCOL.md against
//! the table of what is served uses it.

use super::description::Api;
use super::table::{APIS, api_of};
use crate::wire::{api_name, api_versions};

/// The keys that Kafka 4.3 knows: 0 to this one, without a gap.
const LAST_KEY: i16 = 92;

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
        "Delegation tokens: clients log in with tokens of the gateway, which do not outlive their account.",
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

/// Where in the page the tables begin and end.
const BEGIN: &str =
    "<!-- Made from the descriptions in src/vcluster/api by `KLAMM_BLESS=1 cargo test --lib protocol`. -->\n";
const END: &str = "<!-- The end of what is made. -->\n";

/// The two tables of the page.
fn tables() -> String {
    let mut served = String::from(
        "| key | API | versions | answered by | rights | what happens on the way |\n|---|---|---|---|---|---|\n",
    );
    let mut absent = String::from("| key | API | Kafka 4.3 | why |\n|---|---|---|---|\n");
    for key in 0..=LAST_KEY {
        match api_of(key) {
            Some(api) => served.push_str(&served_row(api)),
            None => absent.push_str(&absent_row(key)),
        }
    }
    format!(
        "{BEGIN}\n{served}\n## Not served\n\nEverything else that Kafka 4.3 has. It is not announced; a client that \
         sends it nevertheless is disconnected.\n\n{absent}\n{}\n{END}",
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

fn served_row(api: &Api) -> String {
    let (key, range) = (api.key, api.versions.range);
    let by = match api.is_answered_here() {
        true => "gateway",
        false => "brokers",
    };
    format!(
        "| {key} | {api:?} | {}-{} | {by} | {} | {} |\n",
        range.min, range.max, api.rights, api.on_the_way
    )
    .replace("|  |", "| |")
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
    let why = never.map_or("?", |(_, why)| *why);
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
    let (served, never) = (
        APIS.iter().map(|api| api.key),
        NEVER.iter().flat_map(|(keys, _)| keys.iter().copied()),
    );
    let mut keys: Vec<i16> = served.chain(never).collect();
    keys.sort_unstable();
    assert_eq!(keys, (0..=LAST_KEY).collect::<Vec<_>>());
    assert!(crate::wire::api_keys().all(|key| key <= LAST_KEY));
}

#[test]
fn every_version_of_a_served_api_is_served_or_told_of() {
    for api in APIS {
        let (key, served) = (api.key, api.versions.range);
        let kafka = api_versions(key).expect("Kafka has it");
        let never = NEVER_FROM.iter().find(|(never, ..)| *never == key);
        let last = never.map_or(kafka.hi, |(_, from, _)| from - 1);
        assert_eq!((served.min, served.max), (kafka.lo, last), "{api:?}");
    }
}
