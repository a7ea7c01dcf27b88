//! The plugins: what each becomes, and why others become nothing.

use klamm_raft::model::{Policy, PolicyAction, PolicyPhase, PolicyScope, PolicySpelling};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::super::event_gateway::labels;
use super::super::invalid::Invalid;
use super::{Spec, cipher, headers, own, rates, requests, schemas};
use crate::admin::body::read_text;
use crate::policy::{self, PolicyFault};

/// The beginning of the names of their classes.
const PREFIX: &str = "io.conduktor.gateway.interceptor.";

/// Makes a policy of a configuration: all of it, but for the priority and the comment.
type TranslatePlugin = fn(&str) -> Result<Policy, Invalid>;

/// The plugins that there are.
const PLUGINS: [(&str, TranslatePlugin); 16] = [
    ("EncryptPlugin", cipher::encrypt),
    ("DecryptPlugin", cipher::decrypt),
    ("DynamicHeaderInjectionPlugin", headers::injection),
    ("safeguard.MessageHeaderRemovalPlugin", headers::removal),
    ("safeguard.CreateTopicPolicyPlugin", requests::create_topic),
    (
        "safeguard.AlterTopicConfigPolicyPlugin",
        requests::alter_topic_config,
    ),
    ("safeguard.ReadOnlyTopicPolicyPlugin", requests::read_only),
    ("safeguard.ProducePolicyPlugin", requests::produce),
    ("safeguard.FetchPolicyPlugin", requests::fetch),
    ("safeguard.ConsumerGroupPolicyPlugin", requests::consumer_group),
    ("safeguard.ClientIdRequiredPolicyPlugin", requests::client_id),
    ("safeguard.ProducerRateLimitingPolicyPlugin", rates::produced),
    ("safeguard.ConsumerRateLimitingPolicyPlugin", rates::consumed),
    ("safeguard.LimitConnectionPolicyPlugin", rates::connections),
    (
        "safeguard.SchemaPayloadValidationPolicyPlugin",
        schemas::payload_validation,
    ),
    (
        "safeguard.TopicRequiredSchemaIdPolicyPlugin",
        schemas::required_id,
    ),
];

/// Parts of the names of other plugins, and why there are none.
const ABSENT: [(&str, &str); 13] = [
    (
        "Encrypt",
        "EncryptPlugin encrypts what is produced; single fields and what is fetched are not encrypted",
    ),
    ("Decrypt", "DecryptPlugin decrypts what is fetched"),
    ("Masking", "fields are not masked yet"),
    (
        "Schema",
        "SchemaPayloadValidationPolicyPlugin and TopicRequiredSchemaIdPolicyPlugin look at schemas",
    ),
    (
        "DataQuality",
        "a policy with the action require demands something of records (pluginClass klamm.Policy)",
    ),
    (
        "RateLimiting",
        "ProducerRateLimitingPolicyPlugin, ConsumerRateLimitingPolicyPlugin and LimitConnectionPolicyPlugin limit rates",
    ),
    (
        "safeguard.Limit",
        "requests of single groups are not counted: spec.limits.requestsPerSecond of a VirtualCluster limits all of its requests, and the client quota request_percentage (kafka-configs) those of a user",
    ),
    (
        "AlterBrokerConfig",
        "configurations of brokers cannot be changed through a virtual cluster",
    ),
    (
        "SqlTopic",
        "a policy with the action skip_record filters the records of a topic (pluginClass klamm.Policy)",
    ),
    (
        "CelTopic",
        "a policy with the action skip_record filters the records of a topic (pluginClass klamm.Policy)",
    ),
    ("LargeMessage", "large records are not kept elsewhere"),
    ("chaos.", "the gateway makes no faults"),
    ("Audit", "changes and refusals are in the audit log of every node"),
];

/// The policy that an interceptor is.
pub(super) fn read(spec: Spec, scope: &PolicyScope) -> Result<Policy, Invalid> {
    let Spec {
        plugin_class,
        priority,
        config,
        comment,
    } = spec;
    let description = comment.unwrap_or_default();
    let description = labels::description(description).map_err(|_| {
        Invalid::new(format!(
            "spec.comment: more than {} characters",
            labels::MAX_DESCRIPTION_CHARS
        ))
    })?;
    let policy = if plugin_class == own::PLUGIN_CLASS {
        own::read(config, scope)?
    } else {
        let translate = translate(&plugin_class)?;
        literal(&config)?;
        let config = Value::Object(config).to_string();
        let policy = translate(&config)?;
        policy::check(&policy).map_err(fault)?;
        let spelling = Some(PolicySpelling::Interceptor { plugin_class, config });
        Policy { spelling, ..policy }
    };
    Ok(Policy {
        priority,
        description,
        ..policy
    })
}

/// A fault of the policy, at the field of the plugin that it comes from.
fn fault(fault: PolicyFault) -> Invalid {
    Invalid::new(match fault {
        PolicyFault::TopicExpression(error) => format!("spec.config.topic: {error}"),
        PolicyFault::HeaderPattern { error, .. } => format!("spec.config.headerKeyRegex: {error}"),
        PolicyFault::HeaderValue { error, .. } => format!("spec.config.headers: {error}"),
        other => format!("spec.config: {other}"),
    })
}

fn translate(plugin_class: &str) -> Result<TranslatePlugin, Invalid> {
    let name = plugin_class.strip_prefix(PREFIX).unwrap_or(plugin_class);
    let has_prefix = name.len() < plugin_class.len();
    if let Some((_, translate)) = PLUGINS.iter().find(|(known, _)| has_prefix && *known == name) {
        return Ok(*translate);
    }
    let absent = ABSENT.iter().find(|(part, _)| name.contains(part));
    let why = absent.map_or(String::new(), |(_, why)| format!(": {why}"));
    let known: Vec<String> = PLUGINS
        .iter()
        .map(|(known, _)| format!("{PREFIX}{known}"))
        .collect();
    Err(Invalid::new(format!(
        "spec.pluginClass {plugin_class} is not supported{why}. There are {}, {}",
        known.join(", "),
        own::PLUGIN_CLASS
    )))
}

/// A policy that does nothing yet, to be filled by a plugin.
pub(super) fn of_phase(phase: PolicyPhase, action: PolicyAction) -> Policy {
    Policy {
        priority: 0,
        ..Policy::new(phase, action)
    }
}

/// Reads the configuration of a plugin.
pub(super) fn configuration<T: DeserializeOwned>(config: &str) -> Result<T, Invalid> {
    read_text(config).map_err(|error| Invalid::new(format!("spec.config: {error}")))
}

/// Checks that no text stands for something that only the other gateway knows: it would be taken as it stands.
fn literal(config: &Map<String, Value>) -> Result<(), Invalid> {
    match config.values().any(names_a_variable) {
        true => Err(Invalid::new(
            "spec.config: environment variables (${NAME}) are not put in place by the gateway: write what is meant",
        )),
        false => Ok(()),
    }
}

/// Whether a text in it names an environment variable. Bodies nest no deeper than their reader.
fn names_a_variable(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains("${"),
        Value::Array(items) => items.iter().any(names_a_variable),
        Value::Object(fields) => fields.values().any(names_a_variable),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}
