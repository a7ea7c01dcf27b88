//! The API of event gateways in the description: the schemas of what it takes and answers.

use serde_json::{Map, Value, json};

use super::schemas::{ACCOUNTS, NAMES, principals, text};

/// Adds the schemas.
pub(super) fn add_schemas(schemas: &mut Map<String, Value>) {
    let mut add = |name: &str, schema: Value| drop(schemas.insert(name.to_owned(), schema));
    let string = || json!({ "type": "string" });
    let id = || json!({ "type": "string", "format": "uuid", "readOnly": true });
    let time = || json!({ "type": "string", "format": "date-time", "readOnly": true });
    add("ProblemDetails", problem_details());
    add("EventGatewayVirtualCluster", virtual_cluster());
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
                    "description": "A number, or the first and the last",
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
            "instance": { "type": "string", "description": "The path that was asked for" },
            "detail": { "type": "string" },
            "invalid_parameters": {
                "type": "array",
                "description": "Of a 400: the field that is wrong",
                "items": { "type": "object", "required": ["field", "reason"], "properties": {
                    "field": { "type": "string" }, "rule": { "type": "string" }, "reason": { "type": "string" },
                } },
            },
        },
    })
}

fn virtual_cluster() -> Value {
    let string = || json!({ "type": "string" });
    json!({
        "type": "object",
        "required": ["name", "authentication"],
        "additionalProperties": false,
        "properties": {
            "id": { "type": "string", "format": "uuid", "readOnly": true },
            "name": text(NAMES),
            "description": { "type": "string", "maxLength": 512 },
            "labels": { "type": "object", "maxProperties": 50, "additionalProperties": { "type": "string", "maxLength": 63 } },
            "dns_label": string(),
            "destination": {
                "type": "object",
                "description": "The physical cluster, by its id or its name; without it, main",
                "properties": { "id": string(), "name": string() },
            },
            "authentication": { "type": "array", "minItems": 1, "items": event_gateway_method() },
            "acl_mode": {
                "type": "string",
                "enum": ["enforce_on_gateway", "passthrough"],
                "default": "passthrough",
                "description": "With enforce_on_gateway everything is denied until there are super_users who manage ACLs",
            },
            "super_users": { "type": "array", "items": text(ACCOUNTS) },
            "namespace": event_gateway_namespace(),
            "topic_aliases": {
                "type": "array",
                "description": "Alias topics that come and go with it",
                "items": { "type": "object", "required": ["alias", "topic"], "properties": {
                    "alias": string(),
                    "topic": { "type": "string", "description": "A name on the physical cluster that is not shown otherwise" },
                    "condition": { "type": "string", "description": "Empty: an alias is there for everybody" },
                    "conflict": { "type": "string", "enum": ["warn", "ignore"] },
                    "repoint": {
                        "type": "boolean",
                        "default": false,
                        "writeOnly": true,
                        "description": "Lets an alias that is there stand for another topic; without it that is a 409, which says what each group would do",
                    },
                    "backend_cluster": { "type": "string", "readOnly": true },
                } },
            },
            "created_at": { "type": "string", "format": "date-time", "readOnly": true },
            "updated_at": { "type": "string", "format": "date-time", "readOnly": true },
            "type": { "type": "string", "enum": ["Standard", "Partner", "Passthrough"], "readOnly": true },
            "topics": { "type": "array", "items": string(), "readOnly": true },
            "consumer_groups": { "type": "array", "items": string(), "readOnly": true },
            "bootstrap_servers": { "type": "string", "readOnly": true },
        },
    })
}

/// Which names are its own, in the words of event gateways.
fn event_gateway_namespace() -> Value {
    let selectors = |name: &str| {
        json!({
            "type": "array",
            "items": {
                "type": "object",
                "required": ["type"],
                "properties": {
                    "type": { "type": "string", "enum": ["glob", "exact_list"] },
                    "glob": { "type": "string" },
                    "exact_list": {
                        "type": "array",
                        "items": { "type": "object", "required": [name], "properties": { name: { "type": "string" } } },
                    },
                    "conflict": { "type": "string", "enum": ["warn", "ignore"], "description": "Given back; a clash is refused" },
                },
            },
        })
    };
    json!({
        "type": "object",
        "required": ["mode", "prefix"],
        "properties": {
            "mode": { "type": "string", "enum": ["hide_prefix", "enforce_prefix"] },
            "prefix": { "type": "string" },
            "additional": {
                "type": "object",
                "properties": { "topics": selectors("backend"), "consumer_groups": selectors("value") },
            },
        },
    })
}

/// How clients say who they are, in the words of event gateways.
fn event_gateway_method() -> Value {
    let string = || json!({ "type": "string" });
    json!({
        "type": "object",
        "required": ["type"],
        "properties": {
            "type": {
                "type": "string",
                "enum": ["anonymous", "sasl_plain", "sasl_scram", "oauth_bearer", "client_certificate"],
            },
            "mediation": {
                "type": "string",
                "enum": ["terminate", "passthrough", "validate_forward"],
                "description": "Required, but for sasl_scram, where the default is passthrough",
            },
            "principals": principals(),
            "algorithm": {
                "type": "string",
                "enum": ["sha256", "sha512"],
                "description": "Of sasl_scram; without it, both",
            },
            "provider": {
                "type": "string",
                "description": "Of oauth_bearer: an entry of gateway.oauth.providers; without it, the one that jwks and issuer fit",
            },
            "jwks": {
                "type": "object",
                "required": ["endpoint"],
                "properties": { "endpoint": string(), "timeout": string(), "cache_expiration": string() },
            },
            "claims_mapping": { "type": "object", "properties": { "sub": string(), "scope": string() } },
            "validate": {
                "type": "object",
                "properties": {
                    "audiences": {
                        "type": "array",
                        "items": { "type": "object", "required": ["name"], "properties": { "name": string() } },
                    },
                    "issuer": string(),
                    "required_scopes": { "type": "array", "items": string() },
                    "rules": { "type": "array", "items": { "type": "object" } },
                },
            },
            "required": { "type": "boolean", "description": "Of client_certificate" },
            "principal_mapping_rules": { "type": "string", "description": "Of client_certificate" },
        },
    })
}
