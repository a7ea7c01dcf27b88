//! The API of event gateways in the description: its operations, and the schemas of what it takes and answers.

use serde_json::{Value, json};

use super::operations::{Access, Content, Operation};
use super::schemas::{ACCOUNTS, NAMES, principals, text};

const LIST: &[&str] = &[
    "page[size]",
    "page[after]",
    "filter[name][contains]",
    "filter[name][eq]",
];

const VIRTUAL_CLUSTERS: &[&str] = &[
    "page[size]",
    "page[after]",
    "filter[name][contains]",
    "filter[name][eq]",
    "filter[backend_cluster_id][eq]",
];

const LISTENERS: &[&str] = &[
    "page[size]",
    "page[after]",
    "filter[name][contains]",
    "filter[name][eq]",
    "filter[virtual_cluster_id][eq]",
];

const POLICIES: &[&str] = &["filter[name][contains]", "filter[name][eq]"];

/// All operations of these paths.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        path: "/v1/event-gateways",
        method: "get",
        id: "listEventGateways",
        summary: "List the event gateways: there is one, all nodes together",
        access: Access::Reader,
        query: LIST,
        body: None,
        success: ("200", Content::One("EventGateways")),
        failures: &["400", "503"],
    },
    Operation {
        path: "/v1/event-gateways",
        method: "post",
        id: "createEventGateway",
        summary: "Refused: the gateway is the nodes that run",
        access: Access::Admin,
        query: &[],
        body: None,
        success: ("default", Content::One("ProblemDetails")),
        failures: &["400"],
    },
    Operation {
        path: "/v1/event-gateways/{gatewayId}",
        method: "get",
        id: "getEventGateway",
        summary: "Get the event gateway, by its id or as default",
        access: Access::Reader,
        query: &[],
        body: None,
        success: ("200", Content::One("EventGateway")),
        failures: &["404", "503"],
    },
    Operation {
        path: "/v1/event-gateways/{gatewayId}",
        method: "put",
        id: "replaceEventGateway",
        summary: "Refused: the gateway is the nodes that run",
        access: Access::Admin,
        query: &[],
        body: None,
        success: ("default", Content::One("ProblemDetails")),
        failures: &["400"],
    },
    Operation {
        path: "/v1/event-gateways/{gatewayId}",
        method: "patch",
        id: "changeEventGateway",
        summary: "Refused: the gateway is the nodes that run",
        access: Access::Admin,
        query: &[],
        body: None,
        success: ("default", Content::One("ProblemDetails")),
        failures: &["400"],
    },
    Operation {
        path: "/v1/event-gateways/{gatewayId}",
        method: "delete",
        id: "deleteEventGateway",
        summary: "Refused: the gateway is the nodes that run",
        access: Access::Admin,
        query: &[],
        body: None,
        success: ("default", Content::One("ProblemDetails")),
        failures: &["400"],
    },
    Operation {
        path: "/v1/event-gateways/{gatewayId}/virtual-clusters",
        method: "get",
        id: "listEventGatewayVirtualClusters",
        summary: "List the virtual clusters, whichever API made them",
        access: Access::Reader,
        query: VIRTUAL_CLUSTERS,
        body: None,
        success: ("200", Content::One("EventGatewayVirtualClusters")),
        failures: &["400", "404", "503"],
    },
    Operation {
        path: "/v1/event-gateways/{gatewayId}/virtual-clusters",
        method: "post",
        id: "createEventGatewayVirtualCluster",
        summary: "Create a virtual cluster of the type Standard",
        access: Access::Admin,
        query: &[],
        body: Some("EventGatewayVirtualCluster"),
        success: ("201", Content::One("EventGatewayVirtualCluster")),
        failures: &["400", "404", "409", "503"],
    },
    Operation {
        path: "/v1/event-gateways/{gatewayId}/virtual-clusters/{virtualClusterId}",
        method: "get",
        id: "getEventGatewayVirtualCluster",
        summary: "Get a virtual cluster, by its id or name",
        access: Access::Reader,
        query: &[],
        body: None,
        success: ("200", Content::One("EventGatewayVirtualCluster")),
        failures: &["404", "503"],
    },
    Operation {
        path: "/v1/event-gateways/{gatewayId}/virtual-clusters/{virtualClusterId}",
        method: "put",
        id: "changeEventGatewayVirtualCluster",
        summary: "Change a virtual cluster; its name and its destination stay",
        access: Access::Admin,
        query: &[],
        body: Some("EventGatewayVirtualCluster"),
        success: ("200", Content::One("EventGatewayVirtualCluster")),
        failures: &["400", "404", "409", "503"],
    },
    Operation {
        path: "/v1/event-gateways/{gatewayId}/virtual-clusters/{virtualClusterId}",
        method: "delete",
        id: "deleteEventGatewayVirtualCluster",
        summary: "Delete a virtual cluster that nothing refers to",
        access: Access::Admin,
        query: &[],
        body: None,
        success: ("204", Content::Nothing),
        failures: &["404", "409", "503"],
    },
    Operation {
        path: "/v1/event-gateways/{gatewayId}/backend-clusters",
        method: "get",
        id: "listEventGatewayBackendClusters",
        summary: "List the physical clusters of the configuration",
        access: Access::Reader,
        query: LIST,
        body: None,
        success: ("200", Content::One("EventGatewayBackendClusters")),
        failures: &["400", "404", "503"],
    },
    Operation {
        path: "/v1/event-gateways/{gatewayId}/backend-clusters",
        method: "post",
        id: "createEventGatewayBackendCluster",
        summary: "Refused: the configuration has the physical clusters",
        access: Access::Admin,
        query: &[],
        body: None,
        success: ("default", Content::One("ProblemDetails")),
        failures: &["400"],
    },
    Operation {
        path: "/v1/event-gateways/{gatewayId}/backend-clusters/{backendClusterId}",
        method: "get",
        id: "getEventGatewayBackendCluster",
        summary: "Get a physical cluster of the configuration",
        access: Access::Reader,
        query: &[],
        body: None,
        success: ("200", Content::One("EventGatewayBackendCluster")),
        failures: &["404", "503"],
    },
    Operation {
        path: "/v1/event-gateways/{gatewayId}/backend-clusters/{backendClusterId}",
        method: "put",
        id: "changeEventGatewayBackendCluster",
        summary: "Refused: the configuration has the physical clusters",
        access: Access::Admin,
        query: &[],
        body: None,
        success: ("default", Content::One("ProblemDetails")),
        failures: &["400"],
    },
    Operation {
        path: "/v1/event-gateways/{gatewayId}/backend-clusters/{backendClusterId}",
        method: "delete",
        id: "deleteEventGatewayBackendCluster",
        summary: "Refused: the configuration has the physical clusters",
        access: Access::Admin,
        query: &[],
        body: None,
        success: ("default", Content::One("ProblemDetails")),
        failures: &["400"],
    },
    Operation {
        path: "/v1/event-gateways/{gatewayId}/listeners",
        method: "get",
        id: "listEventGatewayListeners",
        summary: "List the listeners of the configuration",
        access: Access::Reader,
        query: LISTENERS,
        body: None,
        success: ("200", Content::One("EventGatewayListeners")),
        failures: &["400", "404", "503"],
    },
    Operation {
        path: "/v1/event-gateways/{gatewayId}/listeners",
        method: "post",
        id: "createEventGatewayListener",
        summary: "Refused: the configuration has the listeners",
        access: Access::Admin,
        query: &[],
        body: None,
        success: ("default", Content::One("ProblemDetails")),
        failures: &["400"],
    },
    Operation {
        path: "/v1/event-gateways/{gatewayId}/listeners/{listenerId}",
        method: "get",
        id: "getEventGatewayListener",
        summary: "Get a listener of the configuration",
        access: Access::Reader,
        query: &[],
        body: None,
        success: ("200", Content::One("EventGatewayListener")),
        failures: &["404", "503"],
    },
    Operation {
        path: "/v1/event-gateways/{gatewayId}/listeners/{listenerId}",
        method: "put",
        id: "changeEventGatewayListener",
        summary: "Refused: the configuration has the listeners",
        access: Access::Admin,
        query: &[],
        body: None,
        success: ("default", Content::One("ProblemDetails")),
        failures: &["400"],
    },
    Operation {
        path: "/v1/event-gateways/{gatewayId}/listeners/{listenerId}",
        method: "delete",
        id: "deleteEventGatewayListener",
        summary: "Refused: the configuration has the listeners",
        access: Access::Admin,
        query: &[],
        body: None,
        success: ("default", Content::One("ProblemDetails")),
        failures: &["400"],
    },
    Operation {
        path: "/v1/event-gateways/{gatewayId}/listeners/{listenerId}/policies",
        method: "get",
        id: "listEventGatewayListenerPolicies",
        summary: "List what happens to connections of a listener: TLS, and where they lead",
        access: Access::Reader,
        query: POLICIES,
        body: None,
        success: ("200", Content::Many("EventGatewayListenerPolicy")),
        failures: &["400", "404", "503"],
    },
    Operation {
        path: "/v1/event-gateways/{gatewayId}/listeners/{listenerId}/policies",
        method: "post",
        id: "createEventGatewayListenerPolicy",
        summary: "Refused: the configuration has the listeners",
        access: Access::Admin,
        query: &[],
        body: None,
        success: ("default", Content::One("ProblemDetails")),
        failures: &["400"],
    },
    Operation {
        path: "/v1/event-gateways/{gatewayId}/listeners/{listenerId}/policies/{policyId}",
        method: "get",
        id: "getEventGatewayListenerPolicy",
        summary: "Get a policy of a listener",
        access: Access::Reader,
        query: &[],
        body: None,
        success: ("200", Content::One("EventGatewayListenerPolicy")),
        failures: &["404", "503"],
    },
    Operation {
        path: "/v1/event-gateways/{gatewayId}/listeners/{listenerId}/policies/{policyId}",
        method: "put",
        id: "replaceEventGatewayListenerPolicy",
        summary: "Refused: the configuration has the listeners",
        access: Access::Admin,
        query: &[],
        body: None,
        success: ("default", Content::One("ProblemDetails")),
        failures: &["400"],
    },
    Operation {
        path: "/v1/event-gateways/{gatewayId}/listeners/{listenerId}/policies/{policyId}",
        method: "patch",
        id: "changeEventGatewayListenerPolicy",
        summary: "Refused: the configuration has the listeners",
        access: Access::Admin,
        query: &[],
        body: None,
        success: ("default", Content::One("ProblemDetails")),
        failures: &["400"],
    },
    Operation {
        path: "/v1/event-gateways/{gatewayId}/listeners/{listenerId}/policies/{policyId}",
        method: "delete",
        id: "deleteEventGatewayListenerPolicy",
        summary: "Refused: the configuration has the listeners",
        access: Access::Admin,
        query: &[],
        body: None,
        success: ("default", Content::One("ProblemDetails")),
        failures: &["400"],
    },
];

/// Adds the schemas.
pub(super) fn add_schemas(schemas: &mut Value) {
    let string = || json!({ "type": "string" });
    let id = || json!({ "type": "string", "format": "uuid", "readOnly": true });
    let time = || json!({ "type": "string", "format": "date-time", "readOnly": true });
    schemas["ProblemDetails"] = problem_details();
    schemas["EventGatewayVirtualCluster"] = virtual_cluster();
    schemas["EventGateway"] = json!({
        "type": "object",
        "properties": {
            "id": id(), "name": string(), "description": string(), "created_at": time(), "updated_at": time(),
            "nodes_total": { "type": "integer" }, "virtual_clusters_total": { "type": "integer" },
            "min_runtime_version": string(), "version": string(),
        },
    });
    schemas["EventGatewayBackendCluster"] = json!({
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
    });
    schemas["EventGatewayListener"] = json!({
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
    });
    schemas["EventGatewayListenerPolicy"] = json!({
        "type": "object",
        "properties": {
            "id": id(), "name": string(), "description": string(), "created_at": time(), "updated_at": time(),
            "type": { "type": "string", "enum": ["tls_server", "forward_to_virtual_cluster"] },
            "enabled": { "type": "boolean" },
            "config": { "type": "object" },
        },
    });
    for one in [
        "EventGateway",
        "EventGatewayVirtualCluster",
        "EventGatewayBackendCluster",
        "EventGatewayListener",
    ] {
        schemas[format!("{one}s")] = page_of(one);
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
