//! The API of event gateways in the description: the schemas of what it takes and answers.

use serde_json::{Map, Value, json};

/// Adds the schemas.
pub(super) fn add_schemas(schemas: &mut Map<String, Value>) {
    let mut add = |name: &str, schema: Value| drop(schemas.insert(name.to_owned(), schema));
    let string = || json!({ "type": "string" });
    let id = || json!({ "type": "string", "format": "uuid", "readOnly": true });
    let time = || json!({ "type": "string", "format": "date-time", "readOnly": true });
    add("ProblemDetails", problem_details());
    add(
        "EventGateway",
        json!({
            "type": "object",
            "properties": {
                "id": id(), "name": string(), "description": string(), "created_at": time(), "updated_at": time(),
                "nodes_total": { "type": "integer" }, "virtual_clusters_total": { "type": "integer" },
                "min_runtime_version": string(), "version": string(),
            },
        }),
    );
    add(
        "EventGatewayBackendCluster",
        json!({
            "type": "object",
            "description": "A physical cluster of the configuration of the node that answers",
            "properties": {
                "id": id(), "name": string(), "description": string(), "created_at": time(), "updated_at": time(),
                "bootstrap_servers": { "type": "array", "items": string() },
                "authentication": { "type": "object" },
                "insecure_allow_anonymous_virtual_cluster_auth": { "type": "boolean" },
                "tls": { "type": "object" },
                "metadata_update_interval_seconds": { "type": "integer" },
                "sasl_mechanism": string(),
            },
        }),
    );
    add(
        "EventGatewayListener",
        json!({
            "type": "object",
            "description": "A listener of the configuration of the node that answers",
            "properties": {
                "id": id(), "name": string(), "description": string(), "created_at": time(), "updated_at": time(),
                "addresses": { "type": "array", "items": string() },
                "ports": {
                    "type": "array",
                    "description": "A number, or the first and the last one",
                    "items": { "oneOf": [string(), { "type": "integer" }] },
                },
                "security_protocols": { "type": "array", "items": string() },
            },
        }),
    );
    add(
        "EventGatewayListenerPolicy",
        json!({
            "type": "object",
            "properties": {
                "id": id(), "name": string(), "description": string(), "created_at": time(), "updated_at": time(),
                "type": { "type": "string", "enum": ["tls_server", "forward_to_virtual_cluster"] },
                "enabled": { "type": "boolean" },
                "config": { "type": "object" },
            },
        }),
    );
    for one in [
        "EventGateway",
        "EventGatewayVirtualCluster",
        "EventGatewayBackendCluster",
        "EventGatewayListener",
    ] {
        add(&format!("{one}s"), page_of(one));
    }
}

fn page_of(one: &str) -> Value {
    let path = || json!({ "type": "string", "nullable": true });
    json!({
        "type": "object",
        "required": ["data", "meta"],
        "properties": {
            "data": { "type": "array", "items": { "$ref": format!("#/components/schemas/{one}") } },
            "meta": { "type": "object", "properties": { "page": { "type": "object", "properties": {
                "first": { "type": "string" }, "next": path(), "previous": path(), "size": { "type": "integer" },
            } } } },
        },
    })
}

fn problem_details() -> Value {
    json!({
        "type": "object",
        "description": "RFC 9457",
        "required": ["status", "title", "type", "instance", "detail"],
        "properties": {
            "status": { "type": "integer" },
            "title": { "type": "string" },
            "type": { "type": "string" },
            "instance": { "type": "string", "description": "The path of the request" },
            "detail": { "type": "string" },
            "invalid_parameters": {
                "type": "array",
                "description": "With a 400: the field that is wrong",
                "items": { "type": "object", "required": ["field", "reason"], "properties": {
                    "field": { "type": "string" }, "rule": { "type": "string" }, "reason": { "type": "string" },
                } },
            },
        },
    })
}
