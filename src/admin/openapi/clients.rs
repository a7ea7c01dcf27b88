//! What command lines and generators that were made for the API's model read from the description: kinds and actions by
//! tags and extensions, and examples, which are shown to people as templates.

use serde_json::{Value, json};

use super::operations::Operation;

/// The kinds that are put: path, name in a tag, place in the order in which they are applied.
const KINDS: [(&str, &str, u8); 3] = [
    ("/gateway/v2/virtual-cluster", "virtual-cluster", 7),
    ("/gateway/v2/alias-topic", "alias-topic", 8),
    ("/gateway/v2/service-account", "gateway-service-account", 10),
];

/// What is done beside putting and deleting: path, method, name.
const RUNS: [(&str, &str, &str); 3] = [
    ("/gateway/v2/token", "post", "generateServiceAccountToken"),
    ("/gateway/v2/signing-key", "post", "rotateSigningKey"),
    ("/gateway/v2/signing-key/retire", "post", "retireSigningKey"),
];

/// Adds what concerns this operation.
pub(super) fn mark(described: &mut Value, operation: &Operation) {
    let is_it = |path: &str, method: &str| operation.path == path && operation.method == method;
    if let Some((_, kind, order)) = KINDS.iter().find(|(path, ..)| is_it(path, "put")) {
        described["tags"] = json!([tag(kind, *order)]);
    }
    if let Some((.., name)) = RUNS.iter().find(|(path, method, _)| is_it(path, method)) {
        described["x-cdk-run-name"] = json!(name);
        described["x-cdk-run-doc"] = json!(operation.summary);
    }
    if let Some(example) = operation.body.and_then(example) {
        described["requestBody"]["content"]["application/json"]["example"] = example;
    }
}

/// Names a kind, and its place in the order in which kinds are applied.
pub(super) fn tag(kind: &str, order: u8) -> String {
    format!("cli_{kind}_gateway_v2_{order}")
}

/// A kind's name as tags spell it.
pub(super) fn kebab(kind: &str) -> String {
    let mut spelled = String::new();
    for letter in kind.chars() {
        if letter.is_ascii_uppercase() && !spelled.is_empty() {
            spelled.push('-');
        }
        spelled.push(letter.to_ascii_lowercase());
    }
    spelled
}

/// A body of this schema that can be meant. Those of the three kinds go together.
fn example(schema: &str) -> Option<Value> {
    let resource = |metadata: Value, spec: Value| json!({ "kind": schema, "apiVersion": "gateway/v2", "metadata": metadata, "spec": spec });
    Some(match schema {
        "VirtualCluster" => resource(
            json!({ "name": "mypartner" }),
            json!({ "type": "Partner", "aclEnabled": true, "superUsers": ["super-user"] }),
        ),
        "AliasTopic" => resource(
            json!({ "name": "topic1", "vCluster": "mypartner" }),
            json!({ "physicalName": "internal-topic-name1", "physicalCluster": "main" }),
        ),
        "GatewayServiceAccount" => resource(
            json!({ "name": "partner-user", "vCluster": "mypartner" }),
            json!({ "type": "LOCAL" }),
        ),
        "TokenRequest" => {
            json!({ "username": "partner-user", "vCluster": "mypartner", "lifeTimeSeconds": 3600 })
        }
        "SigningKeyRotation" => json!({ "retireOld": false }),
        "SigningKeyToRetire" => json!({ "id": "3f9a51c07b2e8d64" }),
        "ScramPassword" => json!({
            "username": "partner-user", "vCluster": "mypartner", "mechanism": "SCRAM-SHA-256",
            "password": "a long password",
        }),
        "EventGatewayVirtualCluster" => json!({
            "name": "team-a",
            "destination": { "name": "main" },
            "authentication": [{ "type": "sasl_plain", "mediation": "terminate" }],
            "namespace": { "mode": "hide_prefix", "prefix": "team-a-" },
        }),
        _ => return None,
    })
}
