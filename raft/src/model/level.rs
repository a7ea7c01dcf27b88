//! Feature levels: what a cluster may use of what its nodes know (as CockroachDB's cluster version, or Kafka's
//! `metadata.version` of KIP-778).

use std::fmt;

use serde::{Deserialize, Serialize};

/// Which commands, fields and peer messages there are. A level has all that the one below has. A value is written in the
/// format of the lowest level that has everything in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Level(pub u8);

impl Level {
    /// Every version of klamm knows this one.
    pub const FIRST: Self = Self(1);
    /// Adds policies. No release has it yet.
    pub const POLICIES: Self = Self(2);
    /// Adds leases.
    pub const LEASES: Self = Self(2);
    /// Adds nodes that come and go.
    pub const MEMBERS: Self = Self(2);
    /// Adds physical clusters that are resources, and those that stand in for others.
    pub const PHYSICAL_CLUSTERS: Self = Self(2);
    /// Adds client quotas.
    pub const QUOTAS: Self = Self(2);
    /// Adds questions of the application to that of another node.
    pub const INQUIRIES: Self = Self(2);
    /// The highest that this version of klamm knows.
    pub const NEWEST: Self = Self::POLICIES;
    /// A stand-in for the level after the newest, for tests of upgrades.
    #[cfg(feature = "next-level")]
    pub const NEXT: Self = Self(Self::NEWEST.0 + 1);
}

impl Default for Level {
    fn default() -> Self {
        Self::FIRST
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The levels and features that a node can work with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ability {
    /// Its version of klamm, for people.
    pub version: String,
    /// The highest level that it knows. It knows all below, too.
    pub highest: Level,
    /// Since when it is so, in seconds since the Unix epoch.
    pub since_s: u64,
}

impl Ability {
    /// Whether it is the same, whenever it began.
    pub fn is_as(&self, other: &Self) -> bool {
        (&self.version, self.highest) == (&other.version, other.highest)
    }
}

impl Default for Ability {
    fn default() -> Self {
        Self {
            version: String::new(),
            highest: Level::NEWEST,
            since_s: 0,
        }
    }
}
