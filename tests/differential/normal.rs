//! The closed list of what may differ between a broker and a gateway by its nature. Everything else must be equal.

use klamm::wire::Class;

use crate::fields::now_ms;
use crate::side::{MADE_UP, Names};
use crate::tree::Tree;

/// Fields that hold the time at which a coordinator did something.
const TIMES: [&str; 5] = [
    "Timestamp",
    "LastTimestamp",
    "TransactionStartTimeMs",
    "LastFetchTimestamp",
    "LastCaughtUpTimestamp",
];

/// Fields that say how much of a disk is taken, or free.
const SIZES: [&str; 3] = ["PartitionSize", "TotalBytes", "UsableBytes"];

/// Numbers that are nobody's choice: how long a client is throttled, how brokers are numbered, which port they are on,
/// which number a producer or a subscription is given, when a transaction began or ended, how full a disk is.
pub(crate) fn int((name, class): (&str, Class), value: i64) -> Tree {
    match class {
        Class::Nothing if TIMES.contains(&name) && value > now_ms() => Tree::Text("a later time".into()),
        Class::Nothing if SIZES.contains(&name) && value >= 0 => Tree::Text("a size".into()),
        Class::Nothing if name == "SubscriptionId" => Tree::Text("an id".into()),
        Class::ThrottleTimeMs => Tree::Int(0),
        Class::BrokerId if value >= 0 => Tree::Text("a broker".into()),
        Class::Port if value > 0 => Tree::Text("a port".into()),
        Class::ProducerId if value >= 0 => Tree::Text("a producer".into()),
        _ => Tree::Int(value),
    }
}

/// The address of a broker, the id of a cluster, a directory of a broker, UUIDs (of members) wherever they are, and how a request is called that
/// needs a permission.
pub(crate) fn text((name, class): (&str, Class), text: &str) -> String {
    match class {
        _ if name == "LogDir" && text.starts_with('/') => "a directory".into(),
        Class::Host if !text.is_empty() => "a host".into(),
        Class::ClusterId => "a cluster".into(),
        Class::ErrorMessage if text.ends_with(" permission.") => {
            // A broker puts its own object into this sentence.
            let needed = text.rsplit(' ').nth(1).unwrap_or_default();
            format!("needs {needed} permission.")
        }
        _ => without_uuids(text),
    }
}

/// Ids that a broker makes up.
const IDS: [&str; 2] = ["ClientInstanceId", "ReplicaDirectoryId"];

/// A topic's id becomes its name. Ids that requests made up stay; others are those of topics that came later.
pub(crate) fn uuid((name, class): (&str, Class), value: [u8; 16], names: &Names) -> Tree {
    if IDS.contains(&name) && value != [0; 16] {
        return Tree::Text("an id".into());
    }
    match names.name_of(&value) {
        // Brokers make topics of their own when they are first needed, which may be before or after ids are read.
        Some(name) if class == Class::TopicId && name.starts_with("__") => {
            Tree::Text("id of a later topic".into())
        }
        Some(name) if class == Class::TopicId => Tree::Text(format!("id of {name}")),
        None if class == Class::TopicId
            && names.are_known()
            && value != [0; 16]
            && !value.ends_with(&MADE_UP) =>
        {
            Tree::Text("id of a later topic".into())
        }
        _ => Tree::Bytes(value.to_vec()),
    }
}

/// 8-4-4-4-12 hexadecimal digits.
fn without_uuids(text: &str) -> String {
    const LENGTH: usize = 36;
    let is_uuid = |part: &[u8]| {
        part.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
    };
    let mut bytes = text.as_bytes().to_vec();
    let mut at = 0;
    while at + LENGTH <= bytes.len() {
        if is_uuid(&bytes[at..at + LENGTH]) {
            bytes.splice(at..at + LENGTH, *b"a uuid");
        }
        at += 1;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
