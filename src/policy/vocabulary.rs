//! The names that conditions and templates of policies may use.

use klamm_raft::model::PolicyPhase;

use crate::expression::{VariableShape, Vocabulary};

/// The meaning of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Named {
    AuthType,
    PrincipalName,
    ClientId,
    ClientAddress,
    VclusterName,
    TopicName,
    Key,
    Value,
    Content,
    Headers,
    AllHeaders,
    Timestamp,
    Partition,
    Offset,
}

/// All names, with their meaning. What is produced has no offset yet, so that this one is the last.
const VARIABLES: [(&str, VariableShape, Named); 14] = [
    ("context.auth.type", VariableShape::Single, Named::AuthType),
    (
        "context.auth.principal.name",
        VariableShape::Single,
        Named::PrincipalName,
    ),
    ("context.client.id", VariableShape::Single, Named::ClientId),
    (
        "context.client.address",
        VariableShape::Single,
        Named::ClientAddress,
    ),
    (
        "context.vcluster.name",
        VariableShape::Single,
        Named::VclusterName,
    ),
    ("context.topic.name", VariableShape::Single, Named::TopicName),
    ("record.key", VariableShape::Single, Named::Key),
    ("record.value", VariableShape::Single, Named::Value),
    ("record.value.content", VariableShape::Open, Named::Content),
    ("record.headers", VariableShape::Open, Named::Headers),
    ("record.allHeaders", VariableShape::Open, Named::AllHeaders),
    ("record.timestamp", VariableShape::Single, Named::Timestamp),
    ("record.partition", VariableShape::Single, Named::Partition),
    ("record.offset", VariableShape::Single, Named::Offset),
];

const NAMES: &[(&str, VariableShape)] = &names();

const fn names() -> [(&'static str, VariableShape); VARIABLES.len()] {
    let mut names = [("", VariableShape::Single); VARIABLES.len()];
    let mut at = 0;
    while at < names.len() {
        names[at] = (VARIABLES[at].0, VARIABLES[at].1);
        at += 1;
    }
    names
}

static CONSUMED: Vocabulary = Vocabulary {
    variables: NAMES,
    advice: None,
};

static PRODUCED: Vocabulary = Vocabulary {
    variables: NAMES.split_at(NAMES.len() - 1).0,
    advice: None,
};

/// How many of the names are known without a record.
pub(super) const CONTEXT: usize = 6;

/// How many of them are known without a topic.
pub(super) const CONTEXT_WITHOUT_TOPIC: usize = 5;

static OF_TOPICS: Vocabulary = Vocabulary {
    variables: NAMES.split_at(CONTEXT).0,
    advice: None,
};

static OF_REQUESTS: Vocabulary = Vocabulary {
    variables: NAMES.split_at(CONTEXT_WITHOUT_TOPIC).0,
    advice: None,
};

/// The names that policies of a phase may use in conditions.
pub(super) fn of(phase: PolicyPhase) -> &'static Vocabulary {
    match phase {
        PolicyPhase::Produce => &PRODUCED,
        PolicyPhase::Consume => &CONSUMED,
        PolicyPhase::Cluster => &OF_TOPICS,
    }
}

/// The names that conditions of policies may use whose requests are about no topic.
pub(super) fn without_topic() -> &'static Vocabulary {
    &OF_REQUESTS
}

/// A name that is known without a record.
pub(super) const fn context_name(number: usize) -> (&'static str, VariableShape) {
    (VARIABLES[number].0, VARIABLES[number].1)
}

impl Named {
    /// The variable with this number.
    pub(super) fn of(number: usize) -> Option<Self> {
        VARIABLES.get(number).map(|(.., named)| *named)
    }

    /// The meaning of a name of the vocabulary.
    #[cfg(test)]
    pub(super) fn by_name(name: &str) -> Option<Self> {
        Self::of(NAMES.iter().position(|(known, _)| *known == name)?)
    }
}
