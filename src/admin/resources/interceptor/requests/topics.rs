//! Plugins about topics: how they are created and configured, and whether they are changed at all.

use klamm_raft::model::{Policy, PolicyAction, PolicyPhase, RequestKind, RequestSetting};
use serde::Deserialize;

use super::fields::PluginFields;
use super::rule::{ActionWord, ChoiceRule, NumberRule, RuleBook, RuledField, ValueRule, as_it_is, text_of};
use crate::admin::resources::interceptor::plugins::{configuration, of_phase};
use crate::admin::resources::interceptor::topics::patterns;
use crate::admin::resources::invalid::Invalid;

/// The form of the rule for a configuration.
#[derive(Debug, Clone, Copy)]
enum ConfigForm {
    Whole,
    Fraction,
    Choice,
    Text,
    Flag,
}

/// The configurations of topics that there are fields for.
const CONFIGS: [(&str, &str, ConfigForm); 24] = [
    ("cleanupPolicy", "cleanup.policy", ConfigForm::Choice),
    ("compressionType", "compression.type", ConfigForm::Choice),
    ("deleteRetentionMs", "delete.retention.ms", ConfigForm::Whole),
    ("fileDeleteDelayMs", "file.delete.delay.ms", ConfigForm::Whole),
    ("flushMessages", "flush.messages", ConfigForm::Whole),
    ("flushMs", "flush.ms", ConfigForm::Whole),
    ("indexIntervalBytes", "index.interval.bytes", ConfigForm::Whole),
    ("maxCompactionLagMs", "max.compaction.lag.ms", ConfigForm::Whole),
    ("maxMessageBytes", "max.message.bytes", ConfigForm::Whole),
    (
        "messageTimestampDifferenceMaxMs",
        "message.timestamp.difference.max.ms",
        ConfigForm::Whole,
    ),
    ("messageTimestampType", "message.timestamp.type", ConfigForm::Text),
    (
        "minCleanableDirtyRatio",
        "min.cleanable.dirty.ratio",
        ConfigForm::Fraction,
    ),
    ("minCompactionLagMs", "min.compaction.lag.ms", ConfigForm::Whole),
    ("minInsyncReplicas", "min.insync.replicas", ConfigForm::Whole),
    ("preallocate", "preallocate", ConfigForm::Flag),
    ("retentionBytes", "retention.bytes", ConfigForm::Whole),
    ("retentionMs", "retention.ms", ConfigForm::Whole),
    ("segmentBytes", "segment.bytes", ConfigForm::Whole),
    ("segmentIndexBytes", "segment.index.bytes", ConfigForm::Whole),
    ("segmentJitterMs", "segment.jitter.ms", ConfigForm::Whole),
    ("segmentMs", "segment.ms", ConfigForm::Whole),
    (
        "uncleanLeaderElectionEnable",
        "unclean.leader.election.enable",
        ConfigForm::Flag,
    ),
    (
        "messageDownconversionEnable",
        "message.downconversion.enable",
        ConfigForm::Flag,
    ),
    ("minInSyncReplicas", "min.insync.replicas", ConfigForm::Whole),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadOnlyTopics {
    topic: Option<String>,
    #[serde(default)]
    action: ActionWord,
}

/// Topics that are created.
pub(in crate::admin::resources::interceptor) fn create_topic(config: &str) -> Result<Policy, Invalid> {
    let mut fields = PluginFields::of(config)?;
    let topics = patterns(fields.take::<String>("topic")?.as_deref())?;
    let mut rules = RuleBook::new(&[RequestKind::CreateTopics]);
    let naming = RuledField::new("namingConvention", "the name of a topic");
    let convention: Option<ValueRule<String>> = fields.take(naming.name)?;
    rules.matching(&naming, "context.topic.name", convention, as_it_is)?;
    for (name, about, value, setting) in [
        (
            "numPartition",
            "the number of partitions",
            "request.partitions",
            RequestSetting::Partitions,
        ),
        (
            "replicationFactor",
            "the replication factor",
            "request.replicationFactor",
            RequestSetting::ReplicationFactor,
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
    configs(&mut rules, &fields, |name, holds| {
        format!("!({name} in request.configs) || ({holds})")
    })?;
    rules.into_policy(topics)
}

/// Topics that are configured. What an incremental change does but to set a value cannot be judged, and is refused.
pub(in crate::admin::resources::interceptor) fn alter_topic_config(config: &str) -> Result<Policy, Invalid> {
    let mut fields = PluginFields::of(config)?;
    let topics = patterns(fields.take::<String>("topic")?.as_deref())?;
    let mut rules = RuleBook::new(&[RequestKind::AlterConfigs, RequestKind::IncrementalAlterConfigs]);
    let blacklist: Option<ChoiceRule<String>> = fields.take("blacklist")?;
    if let Some(blacklist) = blacklist {
        let names: Vec<String> = blacklist.values.iter().map(|name| text_of(name)).collect();
        let field = RuledField::new("blacklist", "");
        let otherwise = field.effect(blacklist.action, None)?;
        let rule = format!(
            "request.resourceType != 'topic' || !request.configs.exists(name, name in [{}])",
            names.join(", ")
        );
        let demand = format!("nobody changes {}", blacklist.values.join(", "));
        rules.add(rule, demand, otherwise);
    }
    rules.about(&[RequestKind::AlterConfigs]);
    configs(&mut rules, &fields, |name, holds| {
        format!("request.resourceType != 'topic' || !({name} in request.configs) || ({holds})")
    })?;
    rules.about(&[RequestKind::IncrementalAlterConfigs]);
    configs(&mut rules, &fields, |name, holds| {
        format!(
            "request.resourceType != 'topic' || !({name} in request.configs) \
             || request.configOperations[{name}] == 'set' && ({holds})"
        )
    })?;
    rules.into_policy(topics)
}

/// The rules for configurations; `judged` makes one of the name, in quotes, and of what holds for the value.
fn configs(
    rules: &mut RuleBook,
    fields: &PluginFields,
    judged: impl Fn(&str, &str) -> String,
) -> Result<(), Invalid> {
    for name in fields.names() {
        let Some((field, config, form)) = CONFIGS.iter().find(|(field, ..)| *field == name) else {
            return Err(Invalid::new(format!("spec.config: the field {name} is unknown")));
        };
        let quoted = text_of(config);
        let judged = |holds: String| judged(&quoted, &holds);
        let value = format!("request.configs[{quoted}]");
        let field = RuledField::new(field, *config).setting(RequestSetting::Config((*config).to_owned()));
        match form {
            ConfigForm::Whole => {
                let rule: Option<NumberRule<i64>> = fields.get(name)?;
                rules.number(&field, &format!("int({value})"), rule, judged)?;
            }
            ConfigForm::Fraction => {
                let rule: Option<NumberRule<f64>> = fields.get(name)?;
                rules.number(&field, &format!("double({value})"), rule, judged)?;
            }
            ConfigForm::Choice => rules.choice(&field, &value, fields.get(name)?, judged)?,
            ConfigForm::Text => {
                let rule: Option<ValueRule<String>> = fields.get(name)?;
                rules.exactly(&field, &value, rule, judged)?;
            }
            ConfigForm::Flag => {
                let rule: Option<ValueRule<bool>> = fields.get(name)?;
                let rule = rule.map(|rule| rule.map(|flag| flag.to_string()));
                rules.exactly(&field, &value, rule, judged)?;
            }
        }
    }
    Ok(())
}

/// Topics that nobody changes.
pub(in crate::admin::resources::interceptor) fn read_only(config: &str) -> Result<Policy, Invalid> {
    let ReadOnlyTopics { topic, action } = configuration(config)?;
    if action != ActionWord::Block {
        return Err(Invalid::new("spec.config.action: there is BLOCK only"));
    }
    Ok(Policy {
        topics: patterns(topic.as_deref())?,
        ..of_phase(PolicyPhase::Cluster, PolicyAction::ReadOnly)
    })
}
