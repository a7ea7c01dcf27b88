//! `schema_validation` in the words of event gateways. Their schema registries are those of the configuration of the nodes, by name
//! or by id.

use klamm_raft::model::{FailureMode, PolicyAction, PolicyPhase, RegistryName, SchemaCheck, ValidatedParts};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::admin::resources::invalid::{Invalid, required};
use crate::admin::resources::object::object_or_null;

/// The registries of the configuration, with their ids.
type ConfiguredRegistries = [(RegistryName, Uuid)];

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(deny_unknown_fields)]
pub(crate) struct ValidationConfig {
    #[serde(rename = "type")]
    kind: ValidationKind,
    /// The registry that has the schemas; none for `json`, which is about syntax alone.
    #[serde(
        default,
        deserialize_with = "object_or_null",
        skip_serializing_if = "Option::is_none"
    )]
    schema_registry: Option<RegistryReference>,
    #[serde(default)]
    validate_key: bool,
    #[serde(default)]
    validate_value: bool,
    /// The fate of a record that is not as its schema says. Without it, what the deprecated actions say, or that of a policy which
    /// shows nothing that it should not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failure_mode: Option<ValidationFailureMode>,
    /// Deprecated: validates keys, and says what becomes of a record whose key is not as it should be.
    #[serde(default, skip_serializing)]
    key_validation_action: Option<ValidationFailureMode>,
    /// Deprecated: the same of values.
    #[serde(default, skip_serializing)]
    value_validation_action: Option<ValidationFailureMode>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum ValidationKind {
    /// By the schema whose id the record has.
    ConfluentSchemaRegistry,
    /// That it is JSON.
    Json,
    /// Of a policy that was made elsewhere: that it has the id of a schema.
    #[schemars(skip)]
    Id,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum ValidationFailureMode {
    /// Of what is produced.
    Reject,
    /// Of what is consumed.
    Error,
    /// Of what is consumed.
    Skip,
    Mark,
    Passthrough,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(deny_unknown_fields)]
pub(crate) struct RegistryReference {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

impl ValidationConfig {
    pub(super) fn read(
        self,
        phase: PolicyPhase,
        registries: &ConfiguredRegistries,
    ) -> Result<(PolicyAction, Option<FailureMode>), Invalid> {
        let registry = self
            .schema_registry
            .clone()
            .map(|registry| registry.read(registries))
            .transpose()?;
        let check = match (self.kind, registry) {
            (ValidationKind::Json, None) => SchemaCheck::JsonSyntax,
            (ValidationKind::Json, Some(_)) => {
                return Err(Invalid::new(
                    "config.schema_registry: json is about syntax alone, and asks no registry",
                ));
            }
            (ValidationKind::Id, registry) => SchemaCheck::Id { registry },
            (ValidationKind::ConfluentSchemaRegistry, Some(registry)) => SchemaCheck::Schema {
                registry,
                formats: [].into(),
            },
            (ValidationKind::ConfluentSchemaRegistry, None) => {
                return Err(Invalid::new(
                    "config.schema_registry is missing: it names a registry of the configuration of the nodes (klamm.registries)",
                ));
            }
        };
        let parts = ValidatedParts {
            key: self.validate_key || self.key_validation_action.is_some(),
            value: self.validate_value || self.value_validation_action.is_some(),
        };
        if parts == ValidatedParts::default() {
            return Err(Invalid::new(
                "config: it validates nothing: validate_key or validate_value says what",
            ));
        }
        let mode = self.failure_mode(phase)?;
        Ok((PolicyAction::ValidateSchema { parts, check }, mode))
    }

    fn failure_mode(&self, phase: PolicyPhase) -> Result<Option<FailureMode>, Invalid> {
        let said = [
            ("config.failure_mode", self.failure_mode),
            ("config.key_validation_action", self.key_validation_action),
            ("config.value_validation_action", self.value_validation_action),
        ];
        let mut modes = said
            .into_iter()
            .filter_map(|(at, mode)| Some((at, mode?)))
            .map(|(at, mode)| mode.read(at, phase));
        let Some(first) = modes.next().transpose()? else {
            return Ok(None);
        };
        for other in modes {
            if other? != first {
                return Err(Invalid::new(
                    "config: keys and values of one policy meet the same fate: failure_mode, key_validation_action and value_validation_action say different things",
                ));
            }
        }
        Ok(Some(first))
    }

    pub(super) fn show(
        (parts, check): (ValidatedParts, &SchemaCheck),
        mode: Option<FailureMode>,
        phase: PolicyPhase,
    ) -> Self {
        let (kind, registry) = match check {
            SchemaCheck::JsonSyntax => (ValidationKind::Json, None),
            SchemaCheck::Id { registry } => (ValidationKind::Id, registry.as_ref()),
            SchemaCheck::Schema { registry, .. } => (ValidationKind::ConfluentSchemaRegistry, Some(registry)),
        };
        Self {
            kind,
            schema_registry: registry.map(|name| RegistryReference {
                id: None,
                name: Some(name.to_string()),
            }),
            validate_key: parts.key,
            validate_value: parts.value,
            failure_mode: mode.map(|mode| ValidationFailureMode::of(mode, phase)),
            key_validation_action: None,
            value_validation_action: None,
        }
    }
}

impl RegistryReference {
    fn read(self, registries: &ConfiguredRegistries) -> Result<RegistryName, Invalid> {
        const AT: &str = "config.schema_registry";
        match (self.id, self.name) {
            (None, Some(name)) => required(&format!("{AT}.name"), &name),
            (Some(id), None) => {
                let wanted = Uuid::parse_str(&id).ok();
                let found = registries.iter().find(|(_, id)| Some(*id) == wanted);
                found.map(|(name, _)| name.clone()).ok_or_else(|| {
                    Invalid::new(format!("{AT}.id: there is no schema registry with the id {id:?}"))
                })
            }
            _ => Err(Invalid::new(format!("{AT} has either an id or a name"))),
        }
    }
}

impl ValidationFailureMode {
    fn read(self, at: &'static str, phase: PolicyPhase) -> Result<FailureMode, Invalid> {
        match (self, phase) {
            (Self::Reject, PolicyPhase::Produce) | (Self::Error, PolicyPhase::Consume) => {
                Ok(FailureMode::Refuse)
            }
            (Self::Skip, PolicyPhase::Consume) => Ok(FailureMode::Skip),
            (Self::Mark, _) => Ok(FailureMode::Mark),
            (Self::Passthrough, _) => Ok(FailureMode::Passthrough),
            (Self::Reject, _) => Err(Invalid::new(format!(
                "{at}: reject is for what is produced; what is consumed has error"
            ))),
            (Self::Error | Self::Skip, _) => Err(Invalid::new(format!(
                "{at}: error and skip are for what is consumed; what is produced has reject"
            ))),
        }
    }

    fn of(mode: FailureMode, phase: PolicyPhase) -> Self {
        match (mode, phase) {
            (FailureMode::Refuse, PolicyPhase::Consume) => Self::Error,
            (FailureMode::Refuse, _) => Self::Reject,
            (FailureMode::Skip, _) => Self::Skip,
            (FailureMode::Mark, _) => Self::Mark,
            (FailureMode::Passthrough, _) => Self::Passthrough,
        }
    }
}

/// The action that is wanted in the place of one, with what the words have no place for: the formats of schemas.
pub(super) fn changed(wanted: PolicyAction, there: &PolicyAction) -> PolicyAction {
    match (wanted, there) {
        (
            PolicyAction::ValidateSchema {
                parts,
                check: SchemaCheck::Schema { registry, .. },
            },
            PolicyAction::ValidateSchema {
                check: SchemaCheck::Schema { formats, .. },
                ..
            },
        ) => PolicyAction::ValidateSchema {
            parts,
            check: SchemaCheck::Schema {
                registry,
                formats: formats.clone(),
            },
        },
        (wanted, _) => wanted,
    }
}
