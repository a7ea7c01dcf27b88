//! Names as types: each is checked once, where it enters, and trusted afterwards.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Why a text is not a valid name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {text:?} is invalid: {rule}")]
pub struct InvalidName {
    what: &'static str,
    text: String,
    rule: &'static str,
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $what:literal, $rule:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(Arc<str>);

        impl $type {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $type {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, InvalidName> {
                let check: fn(&str) -> bool = $check;
                if check(text) {
                    Ok(Self(text.into()))
                } else {
                    Err(InvalidName { what: $what, text: text.chars().take(300).collect(), rule: $rule })
                }
            }
        }

        impl TryFrom<String> for $type {
            type Error = InvalidName;

            fn try_from(text: String) -> Result<Self, InvalidName> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> Self {
                name.0.as_ref().to_owned()
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    };
}

macro_rules! compares_exactly {
    ($($type:ident),*) => {$(
        impl PartialEq for $type {
            fn eq(&self, other: &Self) -> bool {
                self.0 == other.0
            }
        }

        impl Eq for $type {}

        impl PartialOrd for $type {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }

        impl Ord for $type {
            fn cmp(&self, other: &Self) -> Ordering {
                self.0.cmp(&other.0)
            }
        }

        impl Hash for $type {
            fn hash<H: Hasher>(&self, state: &mut H) {
                self.0.hash(state);
            }
        }

        impl std::borrow::Borrow<str> for $type {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    )*};
}

fn is_resource_text(text: &str) -> bool {
    text.bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

name!(
    /// The name of a virtual cluster. It holds no `:`, which is what separates it from a group on the physical cluster.
    VclusterName,
    "virtual cluster name",
    "1 to 200 of the characters a-z A-Z 0-9 . _ -",
    |t| (1..=200).contains(&t.len()) && is_resource_text(t)
);

name!(
    /// A Kafka topic name, virtual or physical, by Kafka's own rule (1 to 249 legal characters, not `.` or `..`).
    TopicName,
    "topic name",
    "1 to 249 of the characters a-z A-Z 0-9 . _ -, and neither '.' nor '..'",
    |t| (1..=249).contains(&t.len()) && is_resource_text(t) && t != "." && t != ".."
);

name!(
    /// The name of a service account, unique in its virtual cluster.
    AccountName,
    "service account name",
    "1 to 249 bytes without control characters, and without a space at either end",
    |t| (1..=249).contains(&t.len()) && !t.contains(char::is_control) && t.trim() == t
);

name!(
    /// The purpose of an access token of the admin API.
    AccessTokenName,
    "access token name",
    "1 to 100 characters, none of them a control character",
    |t| (1..=100).contains(&t.chars().count()) && !t.chars().any(char::is_control)
);

name!(
    /// The id of a physical cluster in the backend configuration, such as `main`. Ids compare without case (variables
    /// name them in capitals) and keep their spelling.
    ClusterId,
    "physical cluster id",
    "1 to 100 of the characters a-z A-Z 0-9 . _ -",
    |t| (1..=100).contains(&t.len()) && is_resource_text(t)
);

name!(
    /// The name of an identity provider in the operator's configuration.
    ProviderName,
    "provider name",
    "1 to 100 of the characters a-z A-Z 0-9 . _ -",
    |t| (1..=100).contains(&t.len()) && is_resource_text(t)
);

name!(
    /// The name of a key that records are encrypted with, in the configuration of the nodes.
    KeyName,
    "name of a key",
    "1 to 100 of the characters a-z A-Z 0-9 . _ -",
    |t| (1..=100).contains(&t.len()) && is_resource_text(t)
);

name!(
    /// The name of a schema registry, in the configuration of the nodes.
    RegistryName,
    "name of a registry",
    "1 to 100 of the characters a-z A-Z 0-9 . _ -",
    |t| (1..=100).contains(&t.len()) && is_resource_text(t)
);

name!(
    /// The name of credentials for a physical cluster, in the backend configuration.
    CredentialsName,
    "name of credentials",
    "1 to 100 of the characters a-z A-Z 0-9 . _ -",
    |t| (1..=100).contains(&t.len()) && is_resource_text(t)
);

name!(
    /// The beginning of all names of a namespace.
    NamePrefix,
    "prefix",
    "1 to 100 of the characters a-z A-Z 0-9 . _ -",
    |t| (1..=100).contains(&t.len()) && is_resource_text(t)
);

name!(
    /// Names of topics or groups: one, or all that match, where `*` stands for any characters and `?` for one. Neither
    /// stands for a colon: an id that holds one may be that of a virtual cluster, which its name and a colon begin.
    /// Only a selector that begins with `__` selects names that begin with `__`: systems keep what is theirs there.
    NameSelector,
    "selector",
    "1 to 249 of the characters a-z A-Z 0-9 . _ - and the wildcards * and ?",
    |t| {
        (1..=249).contains(&t.len())
            && t.bytes().all(|b| matches!(b, b'*' | b'?') || is_resource_text(char::from(b).encode_utf8(&mut [0; 4])))
    }
);

name!(
    /// The name of a policy, unique in its scope.
    PolicyName,
    "policy name",
    "1 to 255 of the characters a-z A-Z 0-9 . _ -",
    |t| (1..=255).contains(&t.len()) && is_resource_text(t)
);

name!(
    /// The name of a group of accounts.
    GroupName,
    "group name",
    "1 to 100 of the characters a-z A-Z 0-9 _ -",
    |t| (1..=100).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
);

name!(
    /// The text of a regular expression. Whoever compiles it says whether it is one.
    RegexText,
    "regular expression",
    "1 to 1000 bytes",
    |t| (1..=1000).contains(&t.len())
);

name!(
    /// The key of a header that a policy sets or removes.
    HeaderKey,
    "header",
    "1 to 255 bytes that do not begin with klamm/, which is for what the gateway itself says",
    |t| (1..=255).contains(&t.len()) && !t.starts_with("klamm/")
);

name!(
    /// The name of a listener, the same on every node that has it.
    ListenerName,
    "listener name",
    "1 to 64 of the characters a-z A-Z 0-9 . _ -",
    |t| (1..=64).contains(&t.len()) && is_resource_text(t)
);

name!(
    /// The name of a virtual cluster in host names. A broker is `b<id>-<label>`, hence the length, and hence no label
    /// looks like that.
    DnsLabel,
    "DNS label",
    "1 to 51 of the characters a-z 0-9 -, with - neither first nor last, and not as b1-... which names a broker",
    |t| (1..=51).contains(&t.len()) && is_dns_label(t) && !names_a_broker(t)
);

compares_exactly!(
    VclusterName,
    TopicName,
    AccessTokenName,
    AccountName,
    ProviderName,
    KeyName,
    RegistryName,
    CredentialsName,
    NamePrefix,
    NameSelector,
    PolicyName,
    GroupName,
    RegexText,
    HeaderKey,
    ListenerName,
    DnsLabel
);

/// The beginning of names that are not for everybody: of heartbeats of connectors, for instance.
const RESERVED: &str = "__";

impl NamePrefix {
    /// Whether `name` begins with it, and is longer.
    pub fn begins(&self, name: &str) -> bool {
        name.len() > self.0.len() && name.starts_with(self.as_str())
    }

    /// Whether a name can begin with both.
    pub fn meets(&self, other: &Self) -> bool {
        self.0.starts_with(other.as_str()) || other.0.starts_with(self.as_str())
    }

    /// Whether two topics of which one begins with this prefix and one with the other can be the same to Kafka, which
    /// takes `.` and `_` for one character, because the names of metrics do.
    pub fn collides(&self, other: &Self) -> bool {
        let same = |(a, b): (u8, u8)| a == b || matches!((a, b), (b'.', b'_') | (b'_', b'.'));
        self.0.bytes().zip(other.0.bytes()).all(same)
    }
}

impl NameSelector {
    /// Whether it selects `name`.
    pub fn matches(&self, name: &str) -> bool {
        if name.starts_with(RESERVED) && !self.0.starts_with(RESERVED) || name.contains(':') {
            return false;
        }
        glob(self.0.as_bytes(), name.as_bytes())
    }

    /// The beginning of all names that it selects.
    pub fn head(&self) -> &str {
        let end = self.0.find(['*', '?']).unwrap_or(self.0.len());
        &self.0[..end]
    }

    /// Whether it selects exactly one name.
    pub fn is_exact(&self) -> bool {
        !self.0.contains(['*', '?'])
    }

    /// Whether it may select a name that begins with `prefix`.
    pub fn may_meet(&self, prefix: &NamePrefix) -> bool {
        let (mine, theirs) = (self.0.as_bytes(), prefix.0.as_bytes());
        for (at, own) in mine.iter().enumerate() {
            match (own, theirs.get(at)) {
                (b'*', _) | (_, None) => return true,
                (b'?', Some(_)) => {}
                (own, Some(their)) if own != their => return false,
                _ => {}
            }
        }
        // It is no longer than the prefix: the names of a namespace are.
        false
    }
}

/// Whether a whole name matches. Takes time in the product of the lengths at most: only the last `*` is gone back to.
fn glob(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(own) if *own == b'?' || *own == name[n] => {
                p += 1;
                n += 1;
            }
            _ => {
                let Some((at, from)) = star else { return false };
                p = at + 1;
                n = from + 1;
                star = Some((at, n));
            }
        }
    }
    pattern[p..].iter().all(|own| *own == b'*')
}

/// RFC 1123 §2.1, in lower case: names compare without case.
fn is_dns_label(text: &str) -> bool {
    let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    text.bytes().all(legal) && !text.starts_with('-') && !text.ends_with('-')
}

fn names_a_broker(text: &str) -> bool {
    let number = text.strip_prefix('b').and_then(|rest| rest.split_once('-'));
    number.is_some_and(|(number, _)| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

impl ListenerName {
    /// The listener that the keys of a single listener make.
    pub fn short_form() -> Self {
        Self("default".into())
    }
}

impl ClusterId {
    /// Whether it is the physical cluster that every node has.
    pub fn is_main(&self) -> bool {
        self.0.eq_ignore_ascii_case(super::MAIN_CLUSTER)
    }

    fn folded(&self) -> impl Iterator<Item = u8> {
        self.0.bytes().map(|b| b.to_ascii_lowercase())
    }
}

impl PartialEq for ClusterId {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for ClusterId {}

impl PartialOrd for ClusterId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ClusterId {
    fn cmp(&self, other: &Self) -> Ordering {
        self.folded().cmp(other.folded())
    }
}

impl Hash for ClusterId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(self.0.to_ascii_lowercase().as_bytes());
    }
}

/// The id of a gateway node. Never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NodeId(pub u64);

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The Raft log index of the last command that the state holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Revision(pub u64);

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashSet};

    use super::*;

    #[test]
    fn the_head_of_a_selector_is_what_all_its_names_begin_with() {
        for (selector, head) in [
            ("orders", "orders"),
            ("orders-*", "orders-"),
            ("a?b*", "a"),
            ("*x", ""),
        ] {
            assert_eq!(selector.parse::<NameSelector>().unwrap().head(), head);
        }
    }

    #[test]
    fn selectors_match_whole_names() {
        let check = |selector: &str, name: &str, expected: bool| {
            let selector: NameSelector = selector.parse().expect("a selector");
            assert_eq!(selector.matches(name), expected, "{selector} {name}");
        };
        check("a", "a", true);
        check("a", "ab", false);
        check("a*", "a", true);
        check("*b", "aab", true);
        check("*ab*c", "xabyabzc", true);
        check("*ab*c", "xabyabz", false);
        check("a?c", "abc", true);
        check("a?c", "ac", false);
        for selector in ["*", "part*", "part?*", "part?g"] {
            check(selector, "part:g", false);
        }
        check("*", "__heartbeats", false);
        check("__*", "__heartbeats", true);
        assert!("a b".parse::<NameSelector>().is_err() && "".parse::<NameSelector>().is_err());
    }

    #[test]
    fn prefixes_collide_as_topics_do() {
        let check = |a: &str, b: &str, meet: bool, collide: bool| {
            let (a, b): (NamePrefix, NamePrefix) = (a.parse().unwrap(), b.parse().unwrap());
            for (a, b) in [(&a, &b), (&b, &a)] {
                assert_eq!((a.meets(b), a.collides(b)), (meet, collide), "{a} {b}");
            }
        };
        check("acme.", "acme_", false, true);
        check("acme.", "acme_x-", false, true);
        check("a._b-", "a_.b", false, true);
        check("acme.", "acme.", true, true);
        check("acme", "acme_", true, true);
        check("acme.", "acme-", false, false);
        check("acme.a-", "acme_b-", false, false);
    }

    #[test]
    fn cluster_ids_compare_without_case_and_keep_their_spelling() {
        let id = |text: &str| text.parse::<ClusterId>().expect("a cluster id");
        assert_eq!(id("clusterA"), id("CLUSTERA"));
        assert_ne!(id("clusterA"), id("clusterB"));
        assert_eq!(id("clusterA").as_str(), "clusterA");
        assert!(BTreeMap::from([(id("clusterA"), ())]).contains_key(&id("CLUSTERa")));
        assert!(HashSet::from([id("clusterA")]).contains(&id("CLUSTERa")));
    }

    #[test]
    fn a_dns_label_fits_into_a_host_name_and_is_never_that_of_a_broker() {
        let longest = "a".repeat(51);
        for good in [
            "a",
            "0",
            "team-a",
            "b1",
            "b-1",
            "b1x-a",
            "bb1-a",
            "passthrough",
            &longest,
        ] {
            assert!(good.parse::<DnsLabel>().is_ok(), "{good}");
        }
        let broker = format!("b{}-{longest}", i32::MAX);
        assert_eq!(broker.len(), 63, "the longest label of DNS");
        let too_long = "a".repeat(52);
        for bad in [
            "", "-a", "a-", "A", "a.b", "a_b", "b1-a", "b007-a", "b1-", "ü", &too_long,
        ] {
            assert!(bad.parse::<DnsLabel>().is_err(), "{bad}");
        }
    }
}
