//! The facts that command lines and generators made for the API's model read from the description: kinds and actions by
//! tags and extensions, and examples, which are shown to people as templates.

use serde_json::{Value, json};

use crate::admin::api::Operation;

/// Adds what concerns this operation.
pub(super) fn mark(described: &mut Value, operation: &Operation) {
    if let Some((kind, place)) = operation.applies {
        described["tags"] = json!([tag(kind, place)]);
    }
    if let Some(action) = operation.action {
        described["x-cdk-run-name"] = json!(action);
        described["x-cdk-run-doc"] = json!(operation.summary);
    }
    if let Some(example) = &operation.example {
        described["requestBody"]["content"]["application/json"]["example"] = example.clone();
    }
}

/// Names a kind, and its place in the order in which kinds are applied.
fn tag(kind: &str, place: u8) -> String {
    format!("cli_{}_gateway_v2_{place}", kebab(kind))
}

/// A kind's name as tags spell it.
fn kebab(kind: &str) -> String {
    let mut spelled = String::new();
    for letter in kind.chars() {
        if letter.is_ascii_uppercase() && !spelled.is_empty() {
            spelled.push('-');
        }
        spelled.push(letter.to_ascii_lowercase());
    }
    spelled
}
