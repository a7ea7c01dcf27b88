//! The plugin that is a policy in its own words.

use klamm_raft::model::{Policy, PolicyKey, PolicyScope};
use serde_json::{Map, Value, json};

use super::super::invalid::Invalid;
use super::super::policy;
use super::plugins::configuration;

pub(super) const PLUGIN_CLASS: &str = "klamm.Policy";

/// The fields of a policy's spec that interceptors say elsewhere.
const ELSEWHERE: [&str; 2] = ["priority", "description"];

/// Reads the spec of a policy, and its labels beside it.
pub(super) fn read(mut config: Map<String, Value>, scope: &PolicyScope) -> Result<Policy, Invalid> {
    if let Some(field) = ELSEWHERE.iter().find(|field| config.contains_key(**field)) {
        return Err(Invalid::new(format!(
            "spec.config.{field}: an interceptor says it in spec.priority or spec.comment"
        )));
    }
    let labels = config.remove("labels").unwrap_or_else(|| json!({}));
    let spec: policy::Spec = configuration(&Value::Object(config).to_string())?;
    let labels = configuration(&labels.to_string())?;
    policy::read_spec(spec, labels, scope).map_err(|invalid| Invalid::new(format!("spec.config: {invalid}")))
}

/// Class and configuration of a policy that was put in other words than those of a plugin.
pub(super) fn spell(key: &PolicyKey, policy: &Policy) -> (String, Map<String, Value>) {
    let shown = policy::show(key, policy);
    let mut config = match serde_json::to_value(&shown.spec) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    };
    config.retain(|field, _| !ELSEWHERE.contains(&field.as_str()));
    if !policy.labels.is_empty() {
        config.insert("labels".to_owned(), json!(policy.labels));
    }
    (PLUGIN_CLASS.to_owned(), config)
}
