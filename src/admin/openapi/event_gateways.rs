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
            "description": "A physical cluster: of the configuration of the node that answers, or one that was put",
            "properties": {
                "id": id(), "name": string(), "description": string(), "created_at": time(), "updated_at": time(),
                "labels": { "type": "object", "additionalProperties": string() },
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
    add_policies(&mut add);
    add_pages(&mut add);
}

/// Lists that come in pages.
fn add_pages(add: &mut impl FnMut(&str, Value)) {
    for one in [
        "EventGateway",
        "EventGatewayStaticKey",
        "EventGatewayVirtualCluster",
        "EventGatewayBackendCluster",
        "EventGatewayListener",
    ] {
        add(&format!("{one}s"), page_of(one));
    }
    add(
        "EventGatewaySchemaRegistries",
        page_of("EventGatewaySchemaRegistry"),
    );
}

/// Policies of virtual clusters, and what they will name.
fn add_policies(add: &mut impl FnMut(&str, Value)) {
    let string = || json!({ "type": "string" });
    let id = || json!({ "type": "string", "format": "uuid", "readOnly": true });
    let time = || json!({ "type": "string", "format": "date-time", "readOnly": true });
    add(
        "EventGatewayPolicy",
        json!({
            "type": "object",
            "description": "A policy that holds in a virtual cluster, whichever API made it",
            "properties": {
                "type": { "type": "string", "enum": ["modify_headers", "skip_record", "require", "acls", "request_rules", "read_only", "encrypt", "decrypt", "limit_rate", "schema_validation"] },
                "name": string(), "description": string(), "enabled": { "type": "boolean" },
                "labels": { "type": "object", "additionalProperties": string() },
                "condition": string(), "parent_policy_id": { "type": "string", "nullable": true },
                "config": { "type": "object" },
                "id": id(), "created_at": time(), "updated_at": time(),
                "topics": { "type": "array", "items": string(), "readOnly": true },
                "failure_mode": { "type": "string", "readOnly": true },
                "scope": { "type": "string", "readOnly": true },
            },
        }),
    );
    for (name, more) in [
        ("EventGatewayStaticKey", json!({})),
        (
            "EventGatewaySchemaRegistry",
            json!({ "type": string(), "config": { "type": "object" } }),
        ),
    ] {
        let mut properties = json!({
            "id": id(), "name": string(), "description": string(), "created_at": time(), "updated_at": time(),
        });
        if let (Some(all), Some(more)) = (properties.as_object_mut(), more.as_object()) {
            all.extend(more.clone());
        }
        add(name, json!({ "type": "object", "properties": properties }));
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
