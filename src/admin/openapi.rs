//! The OpenAPI 3 description of the admin API. A test holds it against the routes.

mod schemas;

use serde_json::{Map, Value, json};

use schemas::schemas;

/// What an operation needs of its caller.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    Public,
    Reader,
    Admin,
}

struct Operation {
    path: &'static str,
    method: &'static str,
    summary: &'static str,
    access: Access,
    /// Query parameters.
    query: &'static [&'static str],
    /// The schema of the body.
    body: Option<&'static str>,
    success: (&'static str, Content),
    failures: &'static [&'static str],
}

#[derive(Clone, Copy)]
enum Content {
    Nothing,
    Text,
    Object,
    One(&'static str),
    Many(&'static str),
    /// The answer to a PUT of this schema.
    Upserted(&'static str),
}

/// Virtual clusters in the words of another product's API.
const EVENT_GATEWAY: &str = "/v1/event-gateways/{gatewayId}/virtual-clusters";
/// One of them.
const EVENT_GATEWAY_ONE: &str = "/v1/event-gateways/{gatewayId}/virtual-clusters/{virtualClusterId}";

const OPERATIONS: &[Operation] = &[
    Operation {
        path: "/gateway/v2/virtual-cluster",
        method: "get",
        summary: "List the virtual clusters",
        access: Access::Reader,
        query: &[],
        body: None,
        success: ("200", Content::Many("VirtualCluster")),
        failures: &["503"],
    },
    Operation {
        path: "/gateway/v2/virtual-cluster",
        method: "put",
        summary: "Create or change a virtual cluster",
        access: Access::Admin,
        query: &["dryMode"],
        body: Some("VirtualCluster"),
        success: ("200", Content::Upserted("VirtualCluster")),
        failures: &["400", "409", "503"],
    },
    Operation {
        path: "/gateway/v2/virtual-cluster/{vCluster}",
        method: "get",
        summary: "Get a virtual cluster, with its bootstrap servers and client properties",
        access: Access::Reader,
        query: &[],
        body: None,
        success: ("200", Content::One("VirtualCluster")),
        failures: &["400", "404", "503"],
    },
    Operation {
        path: "/gateway/v2/virtual-cluster/{vCluster}",
        method: "delete",
        summary: "Delete a virtual cluster that nothing refers to",
        access: Access::Admin,
        query: &["dryMode"],
        body: None,
        success: ("204", Content::Nothing),
        failures: &["400", "404", "409", "503"],
    },
    Operation {
        path: "/gateway/v2/virtual-cluster/{vCluster}/topics",
        method: "get",
        summary: "List the topics of a virtual cluster with the physical topics that they stand for",
        access: Access::Reader,
        query: &["name"],
        body: None,
        success: ("200", Content::Many("Topic")),
        failures: &["400", "404", "503"],
    },
    Operation {
        path: "/gateway/v2/alias-topic",
        method: "get",
        summary: "List alias topics",
        access: Access::Reader,
        query: &["vcluster", "name", "showDefaults"],
        body: None,
        success: ("200", Content::Many("AliasTopic")),
        failures: &["400", "404", "503"],
    },
    Operation {
        path: "/gateway/v2/alias-topic",
        method: "put",
        summary: "Create or change an alias topic; the physical topic must exist",
        access: Access::Admin,
        query: &["dryMode"],
        body: Some("AliasTopic"),
        success: ("200", Content::Upserted("AliasTopic")),
        failures: &["400", "404", "409", "503"],
    },
    Operation {
        path: "/gateway/v2/alias-topic",
        method: "delete",
        summary: "Delete an alias topic; the physical topic stays",
        access: Access::Admin,
        query: &["dryMode"],
        body: Some("NameInVirtualCluster"),
        success: ("204", Content::Nothing),
        failures: &["400", "404", "409", "503"],
    },
    Operation {
        path: "/gateway/v2/service-account",
        method: "get",
        summary: "List service accounts",
        access: Access::Reader,
        query: &["vcluster", "name", "type", "showDefaults"],
        body: None,
        success: ("200", Content::Many("GatewayServiceAccount")),
        failures: &["400", "404", "503"],
    },
    Operation {
        path: "/gateway/v2/service-account",
        method: "put",
        summary: "Create a service account",
        access: Access::Admin,
        query: &["dryMode"],
        body: Some("GatewayServiceAccount"),
        success: ("200", Content::Upserted("GatewayServiceAccount")),
        failures: &["400", "404", "409", "503"],
    },
    Operation {
        path: "/gateway/v2/service-account",
        method: "delete",
        summary: "Delete a service account; its tokens are dead for good",
        access: Access::Admin,
        query: &["dryMode"],
        body: Some("NameInVirtualCluster"),
        success: ("204", Content::Nothing),
        failures: &["400", "404", "409", "503"],
    },
    Operation {
        path: "/gateway/v2/token",
        method: "post",
        summary: "Issue a token: the password of a service account for SASL/PLAIN",
        access: Access::Admin,
        query: &["dryMode"],
        body: Some("TokenRequest"),
        success: ("200", Content::One("Token")),
        failures: &["400", "404", "409", "503"],
    },
    Operation {
        path: "/gateway/v2/token",
        method: "get",
        summary: "List what is known of issued tokens; never the tokens",
        access: Access::Reader,
        query: &["vcluster", "username"],
        body: None,
        success: ("200", Content::Many("IssuedToken")),
        failures: &["400", "404", "503"],
    },
    Operation {
        path: "/gateway/v2/token",
        method: "delete",
        summary: "Revoke one token, or all tokens of a service account; their sessions end",
        access: Access::Admin,
        query: &["dryMode"],
        body: Some("TokensToRevoke"),
        success: ("204", Content::Nothing),
        failures: &["400", "404", "503"],
    },
    Operation {
        path: "/gateway/v2/access-token",
        method: "post",
        summary: "Make an access token: HTTP Bearer in place of the name and password of the user who asks",
        access: Access::Admin,
        query: &["dryMode"],
        body: Some("AccessTokenRequest"),
        success: ("201", Content::One("NewAccessToken")),
        failures: &["400", "409", "503"],
    },
    Operation {
        path: "/gateway/v2/access-token",
        method: "get",
        summary: "List what is known of access tokens; never the tokens",
        access: Access::Reader,
        query: &[],
        body: None,
        success: ("200", Content::Many("AccessToken")),
        failures: &["503"],
    },
    Operation {
        path: "/gateway/v2/access-token/{id}",
        method: "delete",
        summary: "Revoke an access token; when this answers, no node lets anybody in by it",
        access: Access::Admin,
        query: &["dryMode"],
        body: None,
        success: ("204", Content::Nothing),
        failures: &["400", "404", "503"],
    },
    Operation {
        path: "/gateway/v2/scram-credential",
        method: "get",
        summary: "List SCRAM credentials; never the keys",
        access: Access::Reader,
        query: &["vcluster", "username"],
        body: None,
        success: ("200", Content::Many("ScramCredential")),
        failures: &["400", "404", "503"],
    },
    Operation {
        path: "/gateway/v2/scram-credential",
        method: "put",
        summary: "Set the SCRAM password of a service account, which is created if there is none",
        access: Access::Admin,
        query: &["dryMode"],
        body: Some("ScramPassword"),
        success: ("200", Content::Upserted("ScramCredential")),
        failures: &["400", "404", "409", "503"],
    },
    Operation {
        path: "/gateway/v2/scram-credential",
        method: "delete",
        summary: "Delete SCRAM credentials of a service account; their sessions end",
        access: Access::Admin,
        query: &["dryMode"],
        body: Some("ScramCredentialsToDelete"),
        success: ("204", Content::Nothing),
        failures: &["400", "404", "503"],
    },
    Operation {
        path: EVENT_GATEWAY,
        method: "get",
        summary: "List the virtual clusters of the type Standard; the id of the gateway is default",
        access: Access::Reader,
        query: &[],
        body: None,
        success: ("200", Content::One("EventGatewayVirtualClusters")),
        failures: &["404", "503"],
    },
    Operation {
        path: EVENT_GATEWAY,
        method: "post",
        summary: "Create a virtual cluster of the type Standard",
        access: Access::Admin,
        query: &[],
        body: Some("EventGatewayVirtualCluster"),
        success: ("201", Content::One("EventGatewayVirtualCluster")),
        failures: &["400", "404", "409", "503"],
    },
    Operation {
        path: EVENT_GATEWAY_ONE,
        method: "get",
        summary: "Get a virtual cluster, by its id or name",
        access: Access::Reader,
        query: &[],
        body: None,
        success: ("200", Content::One("EventGatewayVirtualCluster")),
        failures: &["404", "503"],
    },
    Operation {
        path: EVENT_GATEWAY_ONE,
        method: "put",
        summary: "Change a virtual cluster; its name stays",
        access: Access::Admin,
        query: &[],
        body: Some("EventGatewayVirtualCluster"),
        success: ("200", Content::One("EventGatewayVirtualCluster")),
        failures: &["400", "404", "409", "503"],
    },
    Operation {
        path: EVENT_GATEWAY_ONE,
        method: "delete",
        summary: "Delete a virtual cluster that nothing refers to",
        access: Access::Admin,
        query: &[],
        body: None,
        success: ("204", Content::Nothing),
        failures: &["404", "409", "503"],
    },
    Operation {
        path: "/gateway/v2/dry-run",
        method: "post",
        summary: "Say what several changes would come to, each after those before it, and change nothing",
        access: Access::Admin,
        query: &[],
        body: Some("DryRun"),
        success: ("200", Content::Many("DryRunOutcome")),
        failures: &["400"],
    },
    Operation {
        path: "/gateway/v2/cluster",
        method: "get",
        summary: "The nodes of the gateway cluster, as this node sees them",
        access: Access::Reader,
        query: &[],
        body: None,
        success: ("200", Content::One("Cluster")),
        failures: &[],
    },
    Operation {
        path: "/gateway/v2/cluster/accept-kafka-cluster",
        method: "post",
        summary: "Accept a Kafka cluster that was built anew in the place of the one that a physical cluster was",
        access: Access::Admin,
        query: &["dryMode"],
        body: Some("KafkaClusterToAccept"),
        success: ("200", Content::One("AcceptedKafkaCluster")),
        failures: &["400", "409", "503"],
    },
    Operation {
        path: "/gateway/v2/docs",
        method: "get",
        summary: "This document",
        access: Access::Public,
        query: &[],
        body: None,
        success: ("200", Content::Object),
        failures: &[],
    },
    Operation {
        path: "/health/live",
        method: "get",
        summary: "Whether the process answers",
        access: Access::Public,
        query: &[],
        body: None,
        success: ("200", Content::Object),
        failures: &[],
    },
    Operation {
        path: "/health/ready",
        method: "get",
        summary: "Whether this node takes clients; 503 lists what is missing",
        access: Access::Public,
        query: &[],
        body: None,
        success: ("200", Content::Object),
        failures: &["503"],
    },
    Operation {
        path: "/versions",
        method: "get",
        summary: "The version of the gateway",
        access: Access::Public,
        query: &[],
        body: None,
        success: ("200", Content::Object),
        failures: &[],
    },
    Operation {
        path: "/metrics",
        method: "get",
        summary: "Metrics in Prometheus's text format",
        access: Access::Public,
        query: &[],
        body: None,
        success: ("200", Content::Text),
        failures: &["500", "503"],
    },
];

/// The whole document.
pub(super) fn document() -> Value {
    let mut paths = Map::new();
    for operation in OPERATIONS {
        let methods = paths.entry(operation.path).or_insert_with(|| json!({}));
        methods[operation.method] = describe(operation);
    }
    json!({
        "openapi": "3.0.3",
        "info": {
            "title": "Klamm admin API",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Resources of the gateway. A PUT creates or changes; what a GET answers can be put back.",
        },
        "paths": paths,
        "components": {
            "securitySchemes": {
                "basic": { "type": "http", "scheme": "basic" },
                "bearer": { "type": "http", "scheme": "bearer", "bearerFormat": "access token" },
            },
            "schemas": schemas(),
        },
    })
}

fn describe(operation: &Operation) -> Value {
    let mut responses = Map::new();
    let (status, content) = operation.success;
    responses.insert(status.to_owned(), response("Success", content));
    let guarded: &[&str] = match operation.access {
        Access::Public => &[],
        Access::Reader => &["401"],
        Access::Admin => &["401", "403", "413"],
    };
    for status in guarded.iter().chain(operation.failures) {
        responses.insert(
            (*status).to_owned(),
            response(meaning(status), Content::One("Error")),
        );
    }
    let mut parameters: Vec<Value> = operation.query.iter().map(|name| parameter(name)).collect();
    let in_path = operation
        .path
        .split('{')
        .skip(1)
        .filter_map(|rest| rest.split('}').next());
    parameters.extend(in_path.map(|name| {
        json!({
            "name": name, "in": "path", "required": true, "schema": { "type": "string" },
        })
    }));
    let mut described = json!({
        "summary": operation.summary,
        "parameters": parameters,
        "responses": responses,
    });
    if operation.access != Access::Public {
        described["security"] = json!([{ "basic": [] }, { "bearer": [] }]);
    }
    if let Some(body) = operation.body {
        described["requestBody"] = json!({
            "required": true,
            "content": { "application/json": { "schema": reference(body) } },
        });
    }
    described
}

fn parameter(name: &str) -> Value {
    let (kind, meaning) = match name {
        "dryMode" => ("boolean", "Say what would happen, and change nothing"),
        "showDefaults" => ("boolean", "Without effect"),
        "vcluster" => ("string", "Only of this virtual cluster"),
        "username" => ("string", "Only of this service account"),
        "type" => ("string", "Only of this type"),
        _ => ("string", "Only of this name"),
    };
    json!({ "name": name, "in": "query", "description": meaning, "schema": { "type": kind } })
}

fn meaning(status: &str) -> &'static str {
    match status {
        "400" => "The request cannot be meant",
        "401" => "No user, a wrong password, or no good access token",
        "403" => "The user may only read",
        "404" => "Something that is named does not exist",
        "409" => "It contradicts what there is",
        "413" => "The body is too large",
        "500" => "The gateway failed",
        _ => "It may work later",
    }
}

fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

fn response(description: &str, content: Content) -> Value {
    let schema = match content {
        Content::Nothing => return json!({ "description": description }),
        Content::Text => {
            let text = json!({ "schema": { "type": "string" } });
            return json!({ "description": description, "content": { "text/plain": text } });
        }
        Content::Object => json!({ "type": "object" }),
        Content::One(schema) => reference(schema),
        Content::Many(schema) => json!({ "type": "array", "items": reference(schema) }),
        Content::Upserted(schema) => json!({
            "type": "object",
            "required": ["resource", "upsertResult"],
            "properties": {
                "resource": reference(schema),
                "upsertResult": { "type": "string", "enum": ["CREATED", "UPDATED", "NOT_CHANGED"] },
                "topics": {
                    "type": "object",
                    "description": "In a dry run: topics that clients would see come and go",
                    "properties": {
                        "appear": { "type": "array", "items": { "type": "string" } },
                        "vanish": { "type": "array", "items": { "type": "string" } },
                    },
                },
            },
        }),
    };
    json!({ "description": description, "content": { "application/json": { "schema": schema } } })
}
