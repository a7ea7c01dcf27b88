//! Topics that brokers make by themselves.

use crate::expression::{Keyed, NoAnswer, Operand};
use crate::policy::{RequestFacts, RequestVariable};

/// Why brokers make a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::vcluster::api) enum AutoCreation {
    /// Somebody asks for its name. Everything is left to the brokers.
    Mentioned,
    /// An application of Kafka Streams needs it. Nobody knows yet how the coordinator will make it.
    ForStreams,
}

/// Such a topic, as rules on the creation of topics look at it.
#[derive(Debug)]
pub(super) struct AutoCreated<'a> {
    pub(super) topic: &'a str,
    pub(super) why: AutoCreation,
}

impl RequestFacts for AutoCreated<'_> {
    fn value(&self, variable: RequestVariable) -> Result<Operand<'_>, NoAnswer> {
        match (self.why, variable) {
            (AutoCreation::Mentioned, RequestVariable::Partitions | RequestVariable::ReplicationFactor) => {
                Ok(Operand::Int(-1))
            }
            (AutoCreation::Mentioned, RequestVariable::Configs) => Ok(Operand::Keyed(&NoConfigs)),
            (AutoCreation::Mentioned, RequestVariable::Assignments) => Ok(Operand::Literal(Vec::new())),
            (_, RequestVariable::ValidateOnly) => Ok(Operand::Bool(false)),
            _ => Err(NoAnswer::Missing),
        }
    }

    fn item(&self) -> String {
        format!("topic {}", self.topic)
    }
}

#[derive(Debug)]
struct NoConfigs;

impl Keyed for NoConfigs {
    fn count(&self) -> usize {
        0
    }

    fn member(&self, _: &str) -> Result<Operand<'_>, NoAnswer> {
        Err(NoAnswer::Missing)
    }

    fn names(&self) -> Vec<&str> {
        Vec::new()
    }
}
