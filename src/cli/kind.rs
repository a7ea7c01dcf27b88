//! The kinds of resources, as people call them. What is known of a kind is registered with its handlers in the admin API.

use std::cmp::Ordering;
use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use crate::admin::{self, KINDS};

/// A kind, in the order in which resources depend on each other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind(&'static admin::Kind);

impl Kind {
    /// All that are listed.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        KINDS.into_iter().map(Self)
    }

    /// All that are put and deleted.
    pub(super) fn applied() -> impl Iterator<Item = Self> {
        Self::all().filter(|kind| kind.applied.is_some())
    }

    /// The names that people may use, one after the other.
    pub(super) fn names(kinds: impl Iterator<Item = Self>) -> String {
        kinds.map(|kind| kind.called()).collect::<Vec<_>>().join(", ")
    }

    fn place(self) -> Option<u8> {
        self.applied.as_ref().map(|applied| applied.place)
    }

    /// Without case, with or without dashes, singular or plural.
    fn is_called(self, text: &str) -> bool {
        let fold = |text: &str| text.replace('-', "").to_ascii_lowercase();
        self.words.iter().any(|word| fold(word) == fold(text))
    }
}

impl Deref for Kind {
    type Target = admin::Kind;

    fn deref(&self) -> &admin::Kind {
        self.0
    }
}

impl PartialEq for Kind {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.0, other.0)
    }
}

impl Eq for Kind {}

impl PartialOrd for Kind {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Kind {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.place(), self.name).cmp(&(other.place(), other.name))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.called())
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::all()
            .find(|kind| kind.is_called(text))
            .ok_or_else(|| format!("use one of {}", Self::names(Self::all())))
    }
}

/// A kind that is put and deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AppliedKind(pub(super) Kind);

impl FromStr for AppliedKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Kind::applied()
            .find(|kind| kind.is_called(text))
            .map(Self)
            .ok_or_else(|| format!("use one of {}", Kind::names(Kind::applied())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_have_several_names() {
        for (text, name) in [
            ("VirtualCluster", "VirtualCluster"),
            ("virtual-clusters", "VirtualCluster"),
            ("VC", "VirtualCluster"),
            ("service-account", "GatewayServiceAccount"),
            ("sa", "GatewayServiceAccount"),
            ("scram-credential", "scram-credentials"),
        ] {
            assert_eq!(
                text.parse::<Kind>().map(|kind| kind.to_string()),
                Ok(name.to_owned())
            );
        }
        for kind in Kind::all() {
            assert_eq!(kind.called().parse(), Ok(kind));
        }
        let all = "PhysicalCluster, VirtualCluster, AliasTopic, GatewayServiceAccount, GatewayGroup, Interceptor, Policy, topics, acls, tokens, scram-credentials, access-tokens, signing-keys";
        assert_eq!("Topicks".parse::<Kind>(), Err(format!("use one of {all}")));
        let refused = "topics".parse::<AppliedKind>();
        assert_eq!(
            refused,
            Err(
                "use one of PhysicalCluster, VirtualCluster, AliasTopic, GatewayServiceAccount, GatewayGroup, Interceptor, Policy"
                    .to_owned()
            )
        );
    }

    #[test]
    fn no_two_kinds_have_one_name_or_one_place() {
        let mut words: Vec<&str> = Kind::all().flat_map(|kind| kind.words.iter().copied()).collect();
        let mut places: Vec<_> = Kind::applied().map(Kind::place).collect();
        let (all_words, all_places) = (words.len(), places.len());
        words.sort_unstable();
        words.dedup();
        places.sort_unstable();
        places.dedup();
        assert_eq!((words.len(), places.len()), (all_words, all_places));
    }
}
