//! `spec.limits`: the most that a virtual cluster may have of what belongs to it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use klamm_raft::model::{Limit, Limits};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};

use super::invalid::Invalid;

/// Numbers by what they limit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct LimitsSpec(BTreeMap<String, u64>);

impl LimitsSpec {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The limits as they are shown.
    pub(super) fn of(limits: &Limits) -> Self {
        let named = limits
            .0
            .iter()
            .map(|(limit, most)| (limit.name().to_owned(), *most));
        Self(named.collect())
    }

    pub(super) fn read(self) -> Result<Limits, Invalid> {
        let read = self.0.into_iter().map(|(name, most)| {
            let limit = given().find(|limit| limit.name() == name).ok_or_else(|| {
                let known: Vec<&str> = given().map(Limit::name).collect();
                Invalid::new(format!(
                    "the field spec.limits.{name} is unknown; the fields are {}",
                    known.join(", ")
                ))
            })?;
            let why = match limit.is_of_clients() {
                true => "without a limit, leave it out",
                false => "every node holds all of it in memory",
            };
            match (most < limit.least(), most > limit.ceiling()) {
                (true, _) => Err(Invalid::new(format!(
                    "spec.limits.{name} must be at least {}: it is a rate",
                    limit.least()
                ))),
                (_, true) => Err(Invalid::new(format!(
                    "spec.limits.{name} must be at most {}: {why}",
                    limit.ceiling()
                ))),
                (false, false) => Ok((limit, most)),
            }
        });
        read.collect::<Result<_, _>>().map(Limits)
    }
}

impl JsonSchema for LimitsSpec {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Limits".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let number = |limit: Limit| {
            let about = match limit.is_of_clients() {
                true => format!(
                    "The most {limit}, on all nodes together. Without it, what klamm.limits.vcluster says."
                ),
                false => format!("The most {limit}. Without it {}.", limit.most()),
            };
            let (least, most) = (limit.least(), limit.ceiling());
            let shown = json!({ "type": "integer", "minimum": least, "maximum": most, "description": about });
            (limit.name().to_owned(), shown)
        };
        json_schema!({
            "type": "object",
            "additionalProperties": false,
            "properties": given().map(number).collect::<Map<_, _>>(),
        })
    }
}

/// Those that a virtual cluster can be given.
fn given() -> impl Iterator<Item = Limit> {
    Limit::ALL.into_iter().filter(|limit| limit.is_given())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(name: &str, most: u64) -> LimitsSpec {
        LimitsSpec([(name.to_owned(), most)].into())
    }

    #[test]
    fn what_is_read_is_shown() {
        for limit in given() {
            let spec = spec(limit.name(), 7);
            assert_eq!(LimitsSpec::of(&spec.clone().read().unwrap()), spec);
        }
    }

    #[test]
    fn what_there_is_not_and_what_is_too_much_is_refused() {
        for (name, most, part) in [
            ("stateBytes", 1, "aliasTopics, serviceAccounts"),
            ("acl", 1, "spec.limits.acl is unknown"),
            ("acls", 500_001, "at most 500000"),
            ("bytesInPerSecond", 0, "at least 1: it is a rate"),
            ("connections", u64::MAX, "without a limit, leave it out"),
        ] {
            let refused = spec(name, most).read().unwrap_err().to_string();
            assert!(refused.contains(part), "{refused}");
        }
    }
}
