//! Plugins about what is written and read.

use klamm_raft::model::{Policy, PolicyAction, PolicyPhase, RequestKind, RequestSetting};

use super::fields::PluginFields;
use super::rule::{ActionWord, ChoiceRule, NumberRule, RuleBook, RuledField, ValueRule, as_it_is};
use crate::admin::resources::interceptor::plugins::of_phase;
use crate::admin::resources::interceptor::topics::patterns;
use crate::admin::resources::invalid::Invalid;

const CODECS: [&str; 5] = ["NONE", "GZIP", "SNAPPY", "LZ4", "ZSTD"];
const ISOLATION_LEVELS: [&str; 2] = ["read_uncommitted", "read_committed"];

/// Checks that a word is one of those that there are.
fn known(field: &str, words: &[&str], word: &str) -> Result<(), Invalid> {
    match words.contains(&word) {
        true => Ok(()),
        false => Err(Invalid::new(format!(
            "spec.config.{field}: {word} is unknown; there are {}",
            words.join(", ")
        ))),
    }
}

/// Rules for what is written.
pub(in crate::admin::resources::interceptor) fn produce(config: &str) -> Result<Policy, Invalid> {
    let mut fields = PluginFields::of(config)?;
    let topics = patterns(fields.take::<String>("topic")?.as_deref())?;
    let headers: Option<ValueRule<bool>> = fields.take("recordHeaderRequired")?;
    if let Some(headers) = headers.filter(|headers| headers.value) {
        return header_required(&fields, &headers).map(|policy| Policy { topics, ..policy });
    }
    let mut rules = RuleBook::new(&[RequestKind::Produce]);
    let acks: Option<ChoiceRule<i64>> = fields.take("acks")?;
    rules.one_number(&RuledField::new("acks", "acks"), "request.acks", acks)?;
    let compressions: Option<ChoiceRule<String>> = fields.take("compressions")?;
    if let Some(rule) = &compressions {
        rule.values
            .iter()
            .try_for_each(|codec| known("compressions", &CODECS, codec))?;
    }
    let compressions = compressions.map(|rule| rule.map(|codec| codec.to_ascii_lowercase()));
    let field = RuledField::new("compressions", "the compression");
    rules.choice(&field, "request.compression", compressions, as_it_is)?;
    let field = RuledField::new("idempotenceRequired", "an idempotent producer");
    rules.required(&field, "request.idempotent", fields.take(field.name)?)?;
    let field = RuledField::new("transactionRequired", "a transaction");
    rules.required(&field, "request.transactional", fields.take(field.name)?)?;
    version(&mut rules, &mut fields)?;
    fields.end()?;
    rules.into_policy(topics)
}

/// Headers are looked at record by record, which a policy on requests does not.
fn header_required(others: &PluginFields, rule: &ValueRule<bool>) -> Result<Policy, Invalid> {
    if others.names().next().is_some() {
        return Err(Invalid::new(
            "spec.config.recordHeaderRequired looks at records, and the other fields at requests: put it into an interceptor of \
             its own",
        ));
    }
    if rule.action != ActionWord::Block {
        return Err(Invalid::new(
            "spec.config.recordHeaderRequired: there is the action BLOCK only",
        ));
    }
    let description = "each record must have a header".to_owned();
    Ok(Policy {
        condition: Some("size(record.headers) > 0".to_owned()),
        ..of_phase(PolicyPhase::Produce, PolicyAction::Require { description })
    })
}

/// Rules for what is read.
pub(in crate::admin::resources::interceptor) fn fetch(config: &str) -> Result<Policy, Invalid> {
    let mut fields = PluginFields::of(config)?;
    let topics = patterns(fields.take::<String>("topic")?.as_deref())?;
    let mut rules = RuleBook::new(&[RequestKind::Fetch]);
    let field = RuledField::new("isolationLevel", "isolation.level").setting(RequestSetting::IsolationLevel);
    let level: Option<ValueRule<String>> = fields.take(field.name)?;
    if let Some(rule) = &level {
        known(field.name, &ISOLATION_LEVELS, &rule.value)?;
    }
    rules.exactly(&field, "request.isolationLevel", level, as_it_is)?;
    let field = RuledField::new("rackIdRequired", "client.rack");
    let holds = "has(request.rackId) && request.rackId != ''";
    rules.required(&field, holds, fields.take(field.name)?)?;
    for (name, about, value, setting) in [
        (
            "fetchMaxBytes",
            "fetch.max.bytes",
            "request.maxBytes",
            RequestSetting::MaxBytes,
        ),
        (
            "fetchMinBytes",
            "fetch.min.bytes",
            "request.minBytes",
            RequestSetting::MinBytes,
        ),
        (
            "maxWaitMs",
            "fetch.max.wait.ms",
            "request.maxWaitMs",
            RequestSetting::MaxWaitMs,
        ),
    ] {
        let number: Option<NumberRule<i64>> = fields.take(name)?;
        rules.number(
            &RuledField::new(name, about).setting(setting),
            value,
            number,
            as_it_is,
        )?;
    }
    version(&mut rules, &mut fields)?;
    fields.end()?;
    rules.into_policy(topics)
}

fn version(rules: &mut RuleBook, fields: &mut PluginFields) -> Result<(), Invalid> {
    let field = RuledField::new("version", "the version of the request");
    let number: Option<NumberRule<i64>> = fields.take(field.name)?;
    rules.number(&field, "request.version", number, as_it_is)
}
