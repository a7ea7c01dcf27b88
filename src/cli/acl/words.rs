//! The words of ACLs as `kafka-acls` takes them, whatever their case.

use std::str::FromStr;

use clap::ValueEnum;

/// Operations: as they are typed, and in JSON.
pub(super) const OPERATIONS: [(&str, &str); 14] = [
    ("All", "ALL"),
    ("Read", "READ"),
    ("Write", "WRITE"),
    ("Create", "CREATE"),
    ("Delete", "DELETE"),
    ("Alter", "ALTER"),
    ("Describe", "DESCRIBE"),
    ("ClusterAction", "CLUSTER_ACTION"),
    ("DescribeConfigs", "DESCRIBE_CONFIGS"),
    ("AlterConfigs", "ALTER_CONFIGS"),
    ("IdempotentWrite", "IDEMPOTENT_WRITE"),
    ("CreateTokens", "CREATE_TOKENS"),
    ("DescribeTokens", "DESCRIBE_TOKENS"),
    ("TwoPhaseCommit", "TWO_PHASE_COMMIT"),
];

/// Of filters: whatever the operation is.
const ANY: &str = "ANY";

/// An operation by its name in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OperationWord(&'static str);

impl OperationWord {
    pub(super) const ALL: Self = Self("ALL");
    pub(super) const READ: Self = Self("READ");
    pub(super) const WRITE: Self = Self("WRITE");
    pub(super) const CREATE: Self = Self("CREATE");
    pub(super) const DESCRIBE: Self = Self("DESCRIBE");
    pub(super) const IDEMPOTENT_WRITE: Self = Self("IDEMPOTENT_WRITE");

    pub(super) fn json(self) -> &'static str {
        self.0
    }

    /// Whether it stands for all of them, as only filters can.
    pub(super) fn is_any(self) -> bool {
        self.0 == ANY
    }
}

impl FromStr for OperationWord {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fold = |text: &str| text.replace(['_', '-'], "").to_ascii_lowercase();
        let words = || OPERATIONS.into_iter().chain([("Any", ANY)]);
        words()
            .find(|(word, _)| fold(word) == fold(text))
            .map(|(_, json)| Self(json))
            .ok_or_else(|| {
                let all: Vec<&str> = words().map(|(word, _)| word).collect();
                format!("use one of {}", all.join(", "))
            })
    }
}

/// How the name of a resource is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum PatternWord {
    /// The resource of this name
    Literal,
    /// All resources whose names begin so
    Prefixed,
    /// ACLs of this name, literal or prefixed
    Any,
    /// All ACLs that cover the resource of this name
    Match,
}

impl PatternWord {
    pub(super) fn json(self) -> &'static str {
        match self {
            Self::Literal => "LITERAL",
            Self::Prefixed => "PREFIXED",
            Self::Any => ANY,
            Self::Match => "MATCH",
        }
    }

    /// Whether it can be said of an ACL, not only of a filter.
    pub(super) fn is_specific(self) -> bool {
        matches!(self, Self::Literal | Self::Prefixed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_read_in_any_spelling() {
        for text in ["IdempotentWrite", "idempotent-write", "IDEMPOTENT_WRITE"] {
            assert_eq!(text.parse(), Ok(OperationWord::IDEMPOTENT_WRITE), "{text}");
        }
        let refused = "Reed".parse::<OperationWord>().expect_err("a mistake");
        assert!(refused.contains("use one of All, Read, Write"), "{refused}");
    }
}
