//! Plugins that look at the schemas of values. The registry is one that the nodes have in their configuration, by name: where it is
//! is no matter of a resource.

use klamm_raft::model::{
    FailureMode, Policy, PolicyAction, PolicyPhase, RegistryName, SchemaCheck, ValidatedParts,
};
use serde::Deserialize;
use serde_json::Value;

use super::super::invalid::{Invalid, required};
use super::plugins::{configuration, of_phase};
use super::topics;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PayloadValidation {
    #[serde(default)]
    topic: Option<String>,
    #[serde(default)]
    schema_id_required: bool,
    #[serde(default)]
    validate_schema: bool,
    #[serde(default)]
    action: Option<String>,
    #[serde(default)]
    schema_registry_config: Option<RegistryOfPlugin>,
    #[serde(default)]
    cel_cache_size: Option<u64>,
    #[serde(default)]
    throttle_time_ms: Option<Value>,
    #[serde(default)]
    dead_letter_topic: Option<String>,
    #[serde(default)]
    add_error_header: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RegistryOfPlugin {
    #[serde(rename = "type", default)]
    kind: Option<String>,
    host: String,
    #[serde(default)]
    cache_size: Option<u64>,
    #[serde(default)]
    additional_configs: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RequiredId {
    #[serde(default)]
    topic: Option<String>,
    schema_id_required: bool,
    #[serde(default)]
    action: Option<String>,
    #[serde(default)]
    throttle_time_ms: Option<Value>,
}

/// Looks whether values are as their schemas say.
pub(super) fn payload_validation(config: &str) -> Result<Policy, Invalid> {
    let config: PayloadValidation = configuration(config)?;
    if config.dead_letter_topic.is_some() {
        return Err(Invalid::new(
            "spec.config.deadLetterTopic: refused records are not kept elsewhere; leave it out",
        ));
    }
    if config.add_error_header.is_some_and(|is_wanted| is_wanted) {
        return Err(Invalid::new(
            "spec.config.addErrorHeader is for records of a dead letter topic, which there is not: it must be false, or left out",
        ));
    }
    // It is about the memory of expressions, which need none.
    let _ = config.cel_cache_size;
    let registry = config
        .schema_registry_config
        .map(RegistryOfPlugin::name)
        .transpose()?;
    let check = match (config.schema_id_required, config.validate_schema) {
        (true, true) => SchemaCheck::Schema {
            registry: registry.ok_or_else(no_registry)?,
            formats: [].into(),
        },
        (true, false) => SchemaCheck::Id {
            registry: Some(registry.ok_or_else(no_registry)?),
        },
        (false, true) => {
            return Err(Invalid::new(
                "spec.config.schemaIdRequired must be true to validate schemas: a value without the id of one would go through unseen",
            ));
        }
        (false, false) => {
            return Err(Invalid::new(
                "spec.config: it looks at nothing: schemaIdRequired, and validateSchema with it, say at what",
            ));
        }
    };
    validation((config.topic, config.action, config.throttle_time_ms), check)
}

/// Demands that values have the id of a schema.
pub(super) fn required_id(config: &str) -> Result<Policy, Invalid> {
    let config: RequiredId = configuration(config)?;
    if !config.schema_id_required {
        return Err(Invalid::new(
            "spec.config.schemaIdRequired must be true: otherwise nothing is demanded",
        ));
    }
    let check = SchemaCheck::Id { registry: None };
    validation((config.topic, config.action, config.throttle_time_ms), check)
}

fn validation(
    (topic, action, throttle): (Option<String>, Option<String>, Option<Value>),
    check: SchemaCheck,
) -> Result<Policy, Invalid> {
    let failure_mode = match action.as_deref() {
        None | Some("BLOCK") => FailureMode::Refuse,
        Some("INFO") => FailureMode::Passthrough,
        Some(other) => {
            return Err(Invalid::new(format!(
                "spec.config.action {other:?} is not supported: there are BLOCK and INFO"
            )));
        }
    };
    if throttle.is_some() {
        return Err(Invalid::new(
            "spec.config.throttleTimeMs is for the action THROTTLE, which is not supported",
        ));
    }
    let parts = ValidatedParts {
        value: true,
        key: false,
    };
    Ok(Policy {
        topics: topics::patterns(topic.as_deref())?,
        failure_mode: Some(failure_mode),
        ..of_phase(
            PolicyPhase::Produce,
            PolicyAction::ValidateSchema { parts, check },
        )
    })
}

impl RegistryOfPlugin {
    fn name(self) -> Result<RegistryName, Invalid> {
        const AT: &str = "spec.config.schemaRegistryConfig";
        if self.kind.is_some_and(|kind| kind != "CONFLUENT") {
            return Err(Invalid::new(format!(
                "{AT}.type must be CONFLUENT: registries are asked by the API of that one"
            )));
        }
        if self.cache_size.is_some() || self.additional_configs.is_some() {
            return Err(Invalid::new(format!(
                "{AT}: cacheSize and additionalConfigs are no matter of a resource: leave them out"
            )));
        }
        required(&format!("{AT}.host"), &self.host).map_err(|invalid| {
            Invalid::new(format!(
                "{invalid}. It is the name of a registry in the configuration of the nodes (klamm.registries), which says where the registry is"
            ))
        })
    }
}

fn no_registry() -> Invalid {
    Invalid::new(
        "spec.config.schemaRegistryConfig is missing: its host is the name of a registry in the configuration of the nodes (klamm.registries)",
    )
}
