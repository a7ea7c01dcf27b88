//! Names as types: each is checked once, where it enters, and trusted afterwards.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Why a text is not a valid name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {text:?} is not valid: {rule}")]
pub struct InvalidName {
    what: &'static str,
    text: String,
    rule: &'static str,
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $what:literal, $rule:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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

        impl std::borrow::Borrow<str> for $type {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
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
    "3 to 64 of the characters a-z A-Z 0-9 _ -",
    |t| (3..=64).contains(&t.len()) && is_resource_text(t) && !t.contains('.')
);

name!(
    /// The id of a physical cluster in the backend configuration, such as `main`. Ids compare without case.
    ClusterId,
    "physical cluster id",
    "1 to 100 of the characters a-z A-Z 0-9 . _ -",
    |t| (1..=100).contains(&t.len()) && is_resource_text(t)
);

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
