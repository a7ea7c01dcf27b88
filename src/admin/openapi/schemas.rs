//! The schemas that no type stands for: what is said of the node and of failures, and the API of event gateways.

use serde_json::{Map, Value, json};

use super::event_gateways;

/// All schemas, by name.
pub(super) fn schemas() -> Map<String, Value> {
    let mut schemas = Map::new();
    let string = || json!({ "type": "string" });
    let strings = || json!({ "type": "array", "items": { "type": "string" } });
    let object = |required: &[&str], properties: Value| json!({ "type": "object", "required": required, "properties": properties });
    let mut add = |name: &str, schema: Value| drop(schemas.insert(name.to_owned(), schema));
    add(
        "Liveness",
        object(
            &["status"],
            json!({ "status": { "type": "string", "enum": ["LIVE"] } }),
        ),
    );
    add(
        "Readiness",
        object(
            &["status"],
            json!({
                "status": { "type": "string", "enum": ["READY", "NOTREADY"] },
                "reasons": strings(),
                "warnings": strings(),
            }),
        ),
    );
    let checks = object(
        &["id", "status"],
        json!({
            "id": string(),
            "status": { "type": "string", "enum": ["UP"] },
            "data": object(&[], json!({ "version": string() })),
        }),
    );
    add(
        "Health",
        object(
            &["status", "checks"],
            json!({
                "status": { "type": "string", "enum": ["UP"] },
                "checks": { "type": "array", "items": checks },
                "outcome": { "type": "string", "enum": ["UP"] },
            }),
        ),
    );
    add("Versions", object(&["gateway"], json!({ "gateway": string() })));
    add(
        "Absent",
        json!({ "type": "object", "description": "A resource of a kind that this gateway does not have." }),
    );
    add(
        "Error",
        object(&["title", "msg"], json!({ "title": string(), "msg": string() })),
    );
    event_gateways::add_schemas(&mut schemas);
    schemas
}
