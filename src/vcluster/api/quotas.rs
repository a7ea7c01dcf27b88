//! DescribeClientQuotas and AlterClientQuotas (KIP-546), answered by the gateway: the quotas are those of the virtual
//! cluster, and hold on the gateway. Those of the physical cluster are none of a tenant's business.

mod entity;
mod filter;

use std::collections::BTreeMap;

use super::ask::{Ask, Stop, check_count};
use super::change::{self, Answers};
use super::description::{AnsweredBy, Api, Request, ServedVersions};
use super::error_code::{ErrorCode, denial};
use crate::authz::Resource;
use crate::quota::Quotas;
use crate::vcluster::plan::Plan;
use crate::wire::{Item, Node, Value, field};
use entity::{EntityWords, parts};
use filter::QuotaFilter;
use klamm_raft::command::Command;
use klamm_raft::model::{Operation, QuotaChange, QuotaKey, QuotaValue};

pub(super) const DESCRIBE_CLIENT_QUOTAS: Api = Api {
    key: 48,
    versions: ServedVersions::new(0, 1),
    rights: "DESCRIBE_CONFIGS on the cluster",
    on_the_way: "[Quotas](QUOTAS.md) of the virtual cluster; the latest ones, as for DescribeAcls. Those of the physical cluster are not shown.",
    answered_by: AnsweredBy::Gateway(Request::everything(describe)),
};

pub(super) const ALTER_CLIENT_QUOTAS: Api = Api {
    key: 49,
    versions: ServedVersions::new(0, 1),
    rights: "ALTER_CONFIGS on the cluster",
    on_the_way: "Quotas of the virtual cluster. Answered once [no gateway node decides by what was before](CONSISTENCY.md).",
    answered_by: AnsweredBy::Gateway(Request::everything(alter)),
};

const REFUSED: &str = "There is no room for this, or the upgrade of the gateway is not finished: remove some quotas, or ask the operator of the gateway.";

/// Why something is not done, in words.
type Failure = (ErrorCode, Value);

fn invalid(words: impl Into<Value>) -> Failure {
    (ErrorCode::InvalidRequest, words.into())
}

/// DescribeClientQuotas.
fn describe(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let mut response = ask.response()?;
    let asked = match ask.gate.allows(Operation::DescribeConfigs, Resource::CLUSTER) {
        true => QuotaFilter::of(ask.message.root()),
        false => Err((ErrorCode::ClusterAuthorizationFailed, Value::Null)),
    };
    let asked = match asked {
        Ok(_) if !ask.is_confirmed()? => Err((ErrorCode::RequestTimedOut, change::UNCONFIRMED.into())),
        asked => asked,
    };
    match asked {
        Ok(filter) => {
            response.set(field::ENTRIES, Value::Empty);
            let quotas = ask.view.quotas.as_deref();
            let shown = quotas.map(Quotas::shown).unwrap_or_default();
            for (entity, quotas) in shown.iter() {
                if !filter.matches(entity) {
                    continue;
                }
                let mut entry = response.item(field::ENTRIES);
                for (kind, name) in parts(entity) {
                    let mut part = entry.item(field::ENTITY);
                    part.set(field::ENTITY_TYPE, kind)
                        .set(field::ENTITY_NAME, name.map_or(Value::Null, Value::from));
                    entry.push(field::ENTITY, part);
                }
                for (key, value) in quotas {
                    let mut quota = entry.item(field::VALUES);
                    quota
                        .set(field::KEY, key.name())
                        .set(field::VALUE, Value::Float(value.get()));
                    entry.push(field::VALUES, quota);
                }
                response.push(field::ENTRIES, entry);
            }
        }
        Err((error, words)) => {
            response
                .set(field::ERROR_CODE, error)
                .set(field::ERROR_MESSAGE, words)
                .set(field::ENTRIES, Value::Null);
        }
    }
    ask.reply(&response)
}

/// The result for one entity.
type Altered = Result<Vec<QuotaChange>, Failure>;

/// AlterClientQuotas. Each entity is changed or not for itself.
fn alter(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let root = ask.message.root();
    check_count(root.items(field::ENTRIES).count())?;
    let permission = match ask.gate.allows(Operation::AlterConfigs, Resource::CLUSTER) {
        false => {
            let error = ErrorCode::ClusterAuthorizationFailed;
            Err((error, denial(error.code()).map_or(Value::Null, Value::from)))
        }
        true if !ask.is_confirmed()? => Err((ErrorCode::RequestTimedOut, change::UNCONFIRMED.into())),
        true => Ok(()),
    };
    let quotas = ask.view.quotas.as_deref();
    let mut changes = Vec::new();
    let mut results: BTreeMap<EntityWords<'_>, Result<(), Failure>> = BTreeMap::new();
    for entry in root.items(field::ENTRIES) {
        let entity = EntityWords::of(entry);
        let result = match &permission {
            Err(failure) => Err(failure.clone()),
            Ok(()) if results.contains_key(&entity) => {
                Err(invalid(format!("Ignoring duplicate entity {entity}")))
            }
            Ok(()) => altered(&entity, entry, quotas).map(|mut altered| changes.append(&mut altered)),
        };
        results.insert(entity, result);
    }
    let answer = |instead: Option<Failure>| answer_of(ask, &results, instead.as_ref());
    let answers = Answers {
        done: answer(None)?,
        refused: answer(Some((ErrorCode::PolicyViolation, REFUSED.into())))?,
        not_known: answer(Some((ErrorCode::RequestTimedOut, Value::Null)))?,
    };
    if changes.is_empty() || root.bool_in(field::VALIDATE_ONLY) == Some(true) {
        return ask.reply(&answers.done);
    }
    let command = Command::AlterQuotas {
        vcluster: ask.view.name.clone(),
        changes,
    };
    change::change(ask, command, &answers)
}

fn answer_of(
    ask: &Ask<'_>,
    results: &BTreeMap<EntityWords<'_>, Result<(), Failure>>,
    instead: Option<&Failure>,
) -> Result<Item, Stop> {
    let mut response = ask.response()?;
    for (entity, result) in results {
        let mut entry = response.item(field::ENTRIES);
        for (kind, name) in entity.parts() {
            let mut part = entry.item(field::ENTITY);
            part.set(field::ENTITY_TYPE, kind)
                .set(field::ENTITY_NAME, name.map_or(Value::Null, Value::from));
            entry.push(field::ENTITY, part);
        }
        let failure = match result {
            Ok(()) => instead,
            Err(failure) => Some(failure),
        };
        let (error, words) = failure.cloned().unwrap_or((ErrorCode::None, Value::Null));
        entry
            .set(field::ERROR_CODE, error)
            .set(field::ERROR_MESSAGE, words);
        response.push(field::ENTRIES, entry);
    }
    Ok(response)
}

/// The changes for one entity.
fn altered(words: &EntityWords<'_>, entry: Node<'_>, quotas: Option<&Quotas>) -> Altered {
    let mut ops: BTreeMap<&str, Option<f64>> = BTreeMap::new();
    for op in entry.items(field::OPS) {
        let key = op.text_in(field::KEY).unwrap_or_default();
        let value = op.child(field::VALUE).and_then(Node::float).unwrap_or_default();
        let is_removed = op.bool_in(field::REMOVE) == Some(true);
        if ops.insert(key, (!is_removed).then_some(value)).is_some() {
            return Err(invalid(format!("Ignoring duplicate entity {words}")));
        }
    }
    let entity = words.entity().map_err(invalid)?;
    let keys = words.keys();
    let mut changes = Vec::with_capacity(ops.len());
    for (name, value) in ops {
        let key = keys.iter().copied().find(|key| key.name() == name);
        let (key, value) = match (key, value) {
            (Some(key), None) => (key, None),
            // There never was one.
            (None, None) => continue,
            (None, Some(_)) => return Err(invalid(format!("Invalid configuration key {name}"))),
            (Some(key), Some(value)) => {
                check(key, value).map_err(invalid)?;
                check_limit(key, value, quotas)?;
                (key, Some(QuotaValue::new(value)))
            }
        };
        let entity = entity.clone();
        changes.push(QuotaChange { entity, key, value });
    }
    Ok(changes)
}

/// Checks that a quota is not above the limit that the operator has set for the virtual cluster as a whole.
fn check_limit(key: QuotaKey, value: f64, quotas: Option<&Quotas>) -> Result<(), Failure> {
    match quotas.and_then(|quotas| quotas.most(key)) {
        Some((most, limit)) if value > most as f64 => {
            let (key, limit) = (key.name(), limit.name());
            let words = format!(
                "{key} can be at most {most} here: the operator of the gateway has limited the virtual cluster to {limit} {most}."
            );
            Err((ErrorCode::PolicyViolation, words.into()))
        }
        _ => Ok(()),
    }
}

/// Checks a value.
fn check(key: QuotaKey, value: f64) -> Result<(), String> {
    // A fraction that comes of reckoning with floating-point numbers.
    const EPSILON: f64 = 1e-6;
    let name = key.name();
    if value.is_nan() || value <= 0.0 {
        return Err(format!("Quota {name} must be greater than 0"));
    }
    let (most, kind) = match key {
        QuotaKey::RequestPercentage | QuotaKey::ControllerMutationRate => return Ok(()),
        QuotaKey::ConnectionCreationRate => (f64::from(i32::MAX), "an INT"),
        QuotaKey::ProducerByteRate | QuotaKey::ConsumerByteRate => (i64::MAX as f64, "a LONG"),
    };
    if value > most {
        return Err(format!("Proposed value for {name} is too large for {kind}."));
    }
    match value % 1.0 > EPSILON {
        true => Err(format!("{name} cannot be a fractional value.")),
        false => Ok(()),
    }
}
