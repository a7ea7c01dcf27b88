//! Says a broker's words to a client. Words may name physical things, and nobody can tell what is a name and what is not:
//! so a text is told only when all of it is known, as one of Kafka's own words, a small number, or a topic of the virtual
//! cluster, which gets its virtual name.

use std::collections::HashSet;
use std::sync::LazyLock;

use crate::vcluster::rename::Names;

/// The words that Kafka's messages are made of, one per line, in lower case.
static KNOWN: LazyLock<HashSet<&'static str>> = LazyLock::new(|| include_str!("words.txt").lines().collect());

/// With one of these words a number may be the id of a physical broker.
const NUMBERED: [&str; 5] = ["broker", "brokers", "node", "controller", "replica"];

/// The beginning of a text that counts brokers, and names none.
const COUNTED: &str = "Unable to replicate the partition ";

/// The longest number that is told.
const MAX_DIGITS: usize = 9;

/// The characters that a name may hold beside letters and digits, and those of them that end a sentence, not a name.
const MARKS: [char; 4] = ['.', ':', '-', '_'];
const ENDS: [char; 3] = ['.', ':', '-'];

/// The text with the names of clients; `None` when a part of it is not known.
pub(super) fn renamed(names: &Names, text: &str) -> Option<String> {
    let mut said = String::with_capacity(text.len());
    let (mut has_number, mut is_of_brokers) = (false, false);
    for piece in text.split_inclusive(|c| !is_of_a_name(c)) {
        let end = piece.find(|c| !is_of_a_name(c)).unwrap_or(piece.len());
        let (token, after) = piece.split_at(end);
        let bare = token.trim_matches(ENDS);
        let begin = token.find(bare).unwrap_or_default();
        said.push_str(&token[..begin]);
        match name_of(names, bare) {
            Some(name) => said.push_str(&name),
            None if is_number(bare) => {
                has_number = true;
                said.push_str(bare);
            }
            None if is_known(bare) => {
                is_of_brokers |= NUMBERED.contains(&bare.to_ascii_lowercase().as_str());
                said.push_str(bare);
            }
            None => return None,
        }
        said.push_str(&token[begin + bare.len()..]);
        said.push_str(after);
    }
    let may_name_a_broker = has_number && is_of_brokers && !text.starts_with(COUNTED);
    (!may_name_a_broker).then_some(said)
}

fn is_of_a_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || MARKS.contains(&c)
}

/// The client's name for it, if it is certainly the name of a topic. Where topics are not all known, every text could be
/// one.
fn name_of(names: &Names, physical: &str) -> Option<String> {
    match names.by_physical_name(physical) {
        Some(topic) if topic.exists || !names.is_open() => Some(topic.virtual_name.as_str().to_owned()),
        Some(_) => None,
        None if names.is_transparent() => None,
        None => names.virtual_topic_name(physical),
    }
}

fn is_number(token: &str) -> bool {
    (1..=MAX_DIGITS).contains(&token.len()) && token.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_known(token: &str) -> bool {
    token.is_empty() || KNOWN.contains(token.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::vcluster::rename::{Scope, Sources};
    use klamm_raft::model::{AliasTopic, Neighbours};

    fn said(text: &str) -> Option<String> {
        let alias = |physical: &str| AliasTopic {
            physical_cluster: "main".parse().expect("a name"),
            physical_name: physical.parse().expect("a name"),
        };
        let aliases = BTreeMap::from([
            ("orders".parse().expect("a name"), alias("int-orders")),
            ("bills".parse().expect("a name"), alias("topic")),
        ]);
        let (vcluster, home) = ("acme".parse().expect("a name"), "main".parse().expect("a name"));
        let sources = Sources {
            vcluster: &vcluster,
            cluster: Some(&home),
            aliases: &aliases,
            topics: &BTreeMap::new(),
            holders: &BTreeMap::new(),
            neighbours: &Neighbours::default(),
            first_ids: None,
        };
        let names = Names::compile(None, Scope::Aliases, sources);
        renamed(&names, text)
    }

    #[test]
    fn kafkas_own_words_are_told() {
        for text in [
            "This server does not host this topic-partition.",
            "The coordinator is loading and hence can't process requests.",
            "The member epoch (2) is behind.",
            "Unable to replicate the partition 3 time(s): The target replication factor of 3 cannot be reached because only 1 broker(s) are registered or some brokers have all their log directories cordoned.",
            "",
        ] {
            assert_eq!(said(text).as_deref(), Some(text));
        }
    }

    #[test]
    fn topics_are_called_as_clients_call_them() {
        assert_eq!(
            said("Source topics int-orders, __klamm_absent.acme.other are missing."),
            Some("Source topics orders, other are missing.".into())
        );
        assert_eq!(
            said("The topic is invalid."),
            Some("The bills is invalid.".into())
        );
    }

    #[test]
    fn what_is_not_known_is_not_told() {
        for text in [
            "Source topics foreign are missing.",
            "The broker 3 is not available.",
            "The request to kafka.internal:9092 timed out.",
            "The request to broker.internal timed out.",
            "The timestamp 1234567890123 is invalid.",
            "Zuf\u{e4}llig",
        ] {
            assert_eq!(said(text), None, "{text}");
        }
    }

    #[test]
    fn the_words_are_sorted_and_in_lower_case() {
        let lines: Vec<&str> = include_str!("words.txt").lines().collect();
        assert!(lines.is_sorted_by(|a, b| a < b));
        let is_lower = |word: &&str| !word.bytes().any(|byte| byte.is_ascii_uppercase());
        assert!(lines.iter().all(is_lower));
    }
}
