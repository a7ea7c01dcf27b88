//! The parts of resource schemas that types do not say: patterns, and the schema of what surrounds a spec.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::{API_VERSION, Resource};

/// Names of virtual clusters.
pub(in crate::admin) const VCLUSTERS: &str = "^[a-zA-Z0-9._-]{1,200}$";
/// Names of policies.
pub(in crate::admin) const POLICIES: &str = "^[a-zA-Z0-9._-]{1,255}$";
/// Names of topics.
pub(in crate::admin) const TOPICS: &str =
    "^(?:[a-zA-Z0-9_-]|[.][a-zA-Z0-9_-]|[.][.][a-zA-Z0-9._-])[a-zA-Z0-9._-]{0,248}$";
/// Names of what the configuration of a node has: physical clusters, providers, credentials.
pub(in crate::admin) const CONFIGURED: &str = "^[a-zA-Z0-9._-]{1,100}$";
/// The pattern of the prefixes of a namespace.
pub(in crate::admin) const PREFIXES: &str = "^[a-zA-Z0-9._-]{1,100}$";
/// Names of accounts, as Kafka takes them: spaces are inside only.
pub(in crate::admin) const ACCOUNTS: &str =
    r"^[^\x00-\x1f\x7f-\x9f\s](?:[^\x00-\x1f\x7f-\x9f]{0,247}[^\x00-\x1f\x7f-\x9f\s])?$";
/// Names of groups of accounts.
pub(in crate::admin) const GROUPS: &str = "^[a-zA-Z0-9_-]{1,100}$";
/// Labels of host names.
pub(in crate::admin) const DNS_LABELS: &str = "^[a-z0-9](?:[a-z0-9-]{0,49}[a-z0-9])?$";
/// The pattern of values of labels.
pub(in crate::admin) const LABELS: &str = "^[a-zA-Z0-9](?:[a-zA-Z0-9._-]{0,61}[a-zA-Z0-9])?$";
/// The pattern of selectors.
pub(in crate::admin) const SELECTORS: &str = "^[a-zA-Z0-9._*?-]{1,249}$";
/// Ids of tokens.
pub(in crate::admin) const UUIDS: &str = "^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$";
/// Ids of signing keys.
pub(in crate::admin) const KEY_IDS: &str = "^[0-9a-f]{16}$";

/// Says of which kind a resource with this spec is.
pub(in crate::admin) trait OfKind {
    const KIND: &'static str;
    /// The pattern of names of the kind.
    const NAMES: &'static str;
}

impl<M: JsonSchema, S: JsonSchema + OfKind> JsonSchema for Resource<M, S> {
    fn schema_name() -> Cow<'static, str> {
        S::KIND.into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut metadata = M::json_schema(generator);
        if let Some(name) = metadata.pointer_mut("/properties/name") {
            name["pattern"] = S::NAMES.into();
        }
        json_schema!({
            "type": "object",
            "required": ["kind", "apiVersion", "metadata", "spec"],
            "additionalProperties": false,
            "properties": {
                "kind": { "type": "string", "enum": [S::KIND] },
                "apiVersion": { "type": "string", "enum": [API_VERSION] },
                "metadata": metadata,
                "spec": S::json_schema(generator),
            },
        })
    }
}
