//! The names that rules may use, by the kind of requests that they are about.

use klamm_raft::model::RequestKind;

use crate::expression::{VariableShape, Vocabulary};
use crate::policy::vocabulary::{CONTEXT, CONTEXT_WITHOUT_TOPIC, Named, context_name};

/// Writes the enum with its names.
macro_rules! variables {
    ($($variable:ident = $name:literal $shape:ident,)*) => {
        /// Something that a request, or an item of it, says.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum RequestVariable {
            $($variable,)*
        }

        impl RequestVariable {
            const fn named(self) -> (&'static str, VariableShape) {
                match self {
                    $(Self::$variable => ($name, VariableShape::$shape),)*
                }
            }
        }
    };
}

variables! {
    Api = "request.api" Single,
    Version = "request.version" Single,
    Partitions = "request.partitions" Single,
    ReplicationFactor = "request.replicationFactor" Single,
    Assignments = "request.assignments" Open,
    Configs = "request.configs" Open,
    ConfigOperations = "request.configOperations" Open,
    ValidateOnly = "request.validateOnly" Single,
    ResourceType = "request.resourceType" Single,
    ResourceName = "request.resourceName" Single,
    Acks = "request.acks" Single,
    TimeoutMs = "request.timeoutMs" Single,
    TransactionalId = "request.transactionalId" Single,
    Compression = "request.compression" Single,
    Idempotent = "request.idempotent" Single,
    Transactional = "request.transactional" Single,
    IsolationLevel = "request.isolationLevel" Single,
    MaxBytes = "request.maxBytes" Single,
    MinBytes = "request.minBytes" Single,
    MaxWaitMs = "request.maxWaitMs" Single,
    RackId = "request.rackId" Single,
    GroupId = "request.groupId" Single,
    MemberId = "request.memberId" Single,
    GroupInstanceId = "request.groupInstanceId" Single,
    MemberEpoch = "request.memberEpoch" Single,
    SessionTimeoutMs = "request.sessionTimeoutMs" Single,
    RebalanceTimeoutMs = "request.rebalanceTimeoutMs" Single,
    ProtocolType = "request.protocolType" Single,
    ServerAssignor = "request.serverAssignor" Single,
    PatternType = "request.patternType" Single,
    Principal = "request.principal" Single,
    Host = "request.host" Single,
    Operation = "request.operation" Single,
    Permission = "request.permission" Single,
}

/// The names that rules on one kind of requests may use: what is known of the client, and what a request says.
#[derive(Debug)]
pub(super) struct KindVocabulary {
    pub(super) words: Vocabulary,
    /// How many of them tell of the client and the topic.
    context: usize,
    own: &'static [RequestVariable],
}

/// The meaning of a name of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NameOfRule {
    Context(Named),
    Request(RequestVariable),
}

impl KindVocabulary {
    /// The meaning of the name with this number.
    pub(super) fn meaning(&self, number: usize) -> Option<NameOfRule> {
        match number.checked_sub(self.context) {
            None => Named::of(number).map(NameOfRule::Context),
            Some(place) => self.own.get(place).copied().map(NameOfRule::Request),
        }
    }
}

const fn names<const N: usize>(
    context: usize,
    own: &[RequestVariable],
) -> [(&'static str, VariableShape); N] {
    let mut names = [("", VariableShape::Single); N];
    let mut at = 0;
    while at < N {
        names[at] = match at < context {
            true => context_name(at),
            false => own[at - context].named(),
        };
        at += 1;
    }
    names
}

const fn context(kind: RequestKind) -> usize {
    match kind.is_of_topics() {
        true => CONTEXT,
        false => CONTEXT_WITHOUT_TOPIC,
    }
}

/// Writes the vocabulary of each kind. All have the version.
macro_rules! vocabularies {
    ($($kind:ident: $($variable:ident)*,)*) => {
        /// The names that rules on requests of a kind may use.
        pub(super) fn of(kind: RequestKind) -> &'static KindVocabulary {
            match kind {
                $(RequestKind::$kind => {
                    const CONTEXT: usize = context(RequestKind::$kind);
                    const OWN: &[RequestVariable] =
                        &[RequestVariable::Version, $(RequestVariable::$variable,)*];
                    static NAMES: [(&str, VariableShape); CONTEXT + OWN.len()] = names(CONTEXT, OWN);
                    static IT: KindVocabulary = KindVocabulary {
                        words: Vocabulary { variables: &NAMES, advice: None },
                        context: CONTEXT,
                        own: OWN,
                    };
                    &IT
                })*
            }
        }
    };
}

vocabularies! {
    CreateTopics: Partitions ReplicationFactor Assignments Configs ValidateOnly,
    CreatePartitions: Partitions Assignments ValidateOnly,
    AlterConfigs: ResourceType ResourceName Configs ValidateOnly,
    IncrementalAlterConfigs: ResourceType ResourceName Configs ConfigOperations ValidateOnly,
    Produce: Acks TimeoutMs TransactionalId Compression Idempotent Transactional,
    Fetch: IsolationLevel MaxBytes MinBytes MaxWaitMs RackId,
    JoinGroup: GroupId MemberId GroupInstanceId SessionTimeoutMs RebalanceTimeoutMs ProtocolType,
    ConsumerGroupHeartbeat: GroupId MemberId GroupInstanceId MemberEpoch RebalanceTimeoutMs RackId ServerAssignor,
    OffsetCommit: GroupId MemberId GroupInstanceId MemberEpoch,
    OffsetFetch: GroupId,
    TxnOffsetCommit: GroupId MemberId GroupInstanceId MemberEpoch TransactionalId,
    CreateAcls: ResourceType ResourceName PatternType Principal Host Operation Permission,
    DeleteAcls: ResourceType ResourceName PatternType Principal Host Operation Permission,
    Any: Api,
    Heartbeat: GroupId MemberId GroupInstanceId MemberEpoch,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_every_name_with_the_kinds_that_have_it() {
        let page = include_str!("../../../docs/EXPRESSIONS.md");
        let kinds = [
            (RequestKind::CreateTopics, &["all"][..]),
            (RequestKind::CreatePartitions, &["all"]),
            (RequestKind::AlterConfigs, &["all"]),
            (RequestKind::IncrementalAlterConfigs, &["all"]),
            (RequestKind::Produce, &["all"]),
            (RequestKind::Fetch, &["all"]),
            (RequestKind::JoinGroup, &["all", "groups"]),
            (RequestKind::ConsumerGroupHeartbeat, &["all", "groups"]),
            (RequestKind::OffsetCommit, &["all", "commits", "offsets"]),
            (RequestKind::OffsetFetch, &["all", "offsets"]),
            (RequestKind::TxnOffsetCommit, &["all", "commits", "offsets"]),
            (RequestKind::CreateAcls, &["all", "ACLs"]),
            (RequestKind::DeleteAcls, &["all", "ACLs"]),
            (RequestKind::Any, &["all"]),
            (RequestKind::Heartbeat, &["all", "groups"]),
        ];
        for (kind, others) in kinds {
            for (name, _) in of(kind).words.variables {
                let quoted = format!("`{name}`");
                let says = |row: &str| {
                    let of = row
                        .trim_end_matches(" |")
                        .rsplit(" | ")
                        .next()
                        .unwrap_or_default();
                    let is_named = of.contains(&format!("`{}`", kind.name()));
                    let is_meant = |word: &&str| of.split(", ").any(|part| part == *word);
                    row.contains(&quoted) && (is_named || others.iter().any(is_meant))
                };
                let is_there = name.starts_with("context.") || page.lines().any(says);
                assert!(is_there, "{name} of {}", kind.name());
            }
        }
    }
}
