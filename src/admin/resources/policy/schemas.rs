//! `schema_validation`: the parts of records, and what is demanded of them.

use std::collections::BTreeSet;

use klamm_raft::model::{PolicyAction, RegistryName, SchemaCheck, SchemaFormat, ValidatedParts};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::admin::resources::invalid::{Invalid, required};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(in crate::admin::resources) enum ValidatedPartSpec {
    Value,
    Key,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(in crate::admin::resources) enum SchemaCheckSpec {
    /// It is JSON.
    Json,
    /// It has the id of a schema; where a registry is named, one that this knows.
    Id,
    /// It is as the schema says whose id it has.
    Schema,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(in crate::admin::resources) enum SchemaFormatSpec {
    JsonSchema,
    Avro,
    /// Schemas of this format are not looked into yet.
    #[schemars(skip)]
    Protobuf,
}

/// The parts that are looked at, if a policy does not say.
pub(super) fn default_parts() -> Vec<ValidatedPartSpec> {
    vec![ValidatedPartSpec::Value]
}

/// Checks a validation.
pub(super) fn validate(
    check: SchemaCheckSpec,
    (registry, formats): (Option<&str>, &[SchemaFormatSpec]),
    parts: &[ValidatedPartSpec],
) -> Result<PolicyAction, Invalid> {
    let registry: Option<RegistryName> = registry
        .map(|name| required("spec.action.registry", name))
        .transpose()?;
    if check != SchemaCheckSpec::Schema && !formats.is_empty() {
        return Err(Invalid::new(
            "spec.action.formats are those of schemas that are looked into: they are for validate: schema",
        ));
    }
    let check = match (check, registry) {
        (SchemaCheckSpec::Json, None) => SchemaCheck::JsonSyntax,
        (SchemaCheckSpec::Json, Some(_)) => {
            return Err(Invalid::new(
                "spec.action.registry is for validate: id and validate: schema; json is about syntax alone",
            ));
        }
        (SchemaCheckSpec::Id, registry) => SchemaCheck::Id { registry },
        (SchemaCheckSpec::Schema, Some(registry)) => SchemaCheck::Schema {
            registry,
            formats: formats.iter().copied().map(SchemaFormat::from).collect(),
        },
        (SchemaCheckSpec::Schema, None) => {
            return Err(Invalid::new(
                "spec.action.registry is missing: it is the name of a registry in the configuration of the nodes (klamm.registries), which has the schemas",
            ));
        }
    };
    Ok(PolicyAction::ValidateSchema {
        parts: ValidatedParts {
            value: parts.contains(&ValidatedPartSpec::Value),
            key: parts.contains(&ValidatedPartSpec::Key),
        },
        check,
    })
}

/// The parts that are looked at, as they are shown.
pub(super) fn parts(parts: ValidatedParts) -> Vec<ValidatedPartSpec> {
    let all = [
        (parts.value, ValidatedPartSpec::Value),
        (parts.key, ValidatedPartSpec::Key),
    ];
    all.into_iter()
        .filter_map(|(is_named, part)| is_named.then_some(part))
        .collect()
}

/// The formats as they are shown.
pub(super) fn formats(check: &SchemaCheck) -> Vec<SchemaFormatSpec> {
    static NONE: BTreeSet<SchemaFormat> = BTreeSet::new();
    let formats = match check {
        SchemaCheck::Schema { formats, .. } => formats,
        SchemaCheck::JsonSyntax | SchemaCheck::Id { .. } => &NONE,
    };
    formats.iter().copied().map(SchemaFormatSpec::from).collect()
}

impl From<&SchemaCheck> for SchemaCheckSpec {
    fn from(check: &SchemaCheck) -> Self {
        match check {
            SchemaCheck::JsonSyntax => Self::Json,
            SchemaCheck::Id { .. } => Self::Id,
            SchemaCheck::Schema { .. } => Self::Schema,
        }
    }
}

impl From<SchemaFormatSpec> for SchemaFormat {
    fn from(spec: SchemaFormatSpec) -> Self {
        match spec {
            SchemaFormatSpec::JsonSchema => Self::JsonSchema,
            SchemaFormatSpec::Avro => Self::Avro,
            SchemaFormatSpec::Protobuf => Self::Protobuf,
        }
    }
}

impl From<SchemaFormat> for SchemaFormatSpec {
    fn from(format: SchemaFormat) -> Self {
        match format {
            SchemaFormat::JsonSchema => Self::JsonSchema,
            SchemaFormat::Avro => Self::Avro,
            SchemaFormat::Protobuf => Self::Protobuf,
        }
    }
}
