//! A topic that brokers make because a client asked for it by name.

use crate::expression::{Keyed, NoAnswer, Operand};
use crate::policy::{RequestFacts, RequestVariable};

/// Such a topic, as rules on the creation of topics look at it: everything is left to the brokers.
#[derive(Debug)]
pub(in crate::vcluster::api) struct AutoCreation<'a> {
    pub(in crate::vcluster::api) topic: &'a str,
}

impl RequestFacts for AutoCreation<'_> {
    fn value(&self, variable: RequestVariable) -> Result<Operand<'_>, NoAnswer> {
        match variable {
            RequestVariable::Partitions | RequestVariable::ReplicationFactor => Ok(Operand::Int(-1)),
            RequestVariable::Configs => Ok(Operand::Keyed(&NoConfigs)),
            RequestVariable::Assignments => Ok(Operand::Literal(Vec::new())),
            RequestVariable::ValidateOnly => Ok(Operand::Bool(false)),
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
