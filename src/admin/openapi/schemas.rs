//! The schemas of the OpenAPI description: what bodies hold.

mod credentials;

use klamm_raft::model::Limit;
use serde_json::{Map, Value, json};

use super::event_gateways;
use crate::admin::resources::{API_VERSION, given_limits};

pub(super) const NAMES: &str = "^[a-zA-Z0-9._-]+$";
pub(super) const ACCOUNTS: &str = "^[a-zA-Z0-9_-]{3,64}$";

pub(super) fn text(pattern: &str) -> Value {
    json!({ "type": "string", "pattern": pattern })
}

/// The name of an account as Kafka takes it.
fn any_account() -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": 249 })
}

/// All schemas, by name.
pub(super) fn schemas() -> Value {
    let in_vcluster = |name: Value| {
        json!({
            "type": "object",
            "required": ["name"],
            "additionalProperties": false,
            "properties": { "name": name, "vCluster": text(NAMES) },
        })
    };
    let mut schemas = json!({
        "NameInVirtualCluster": in_vcluster(json!({ "type": "string" })),
        "Cluster": cluster(),
        "KafkaClusterToAccept": kafka_cluster_to_accept(),
        "AcceptedKafkaCluster": accepted_kafka_cluster(),
        "UpgradeToFinalize": upgrade_to_finalize(),
        "FinalizedUpgrade": finalized_upgrade(),
        "Topic": topic(),
        "Error": {
            "type": "object",
            "required": ["title", "msg"],
            "properties": {
                "title": { "type": "string" },
                "msg": { "type": "string" },
            },
        },
    });
    add_operations(&mut schemas);
    add_dry_run(&mut schemas);
    credentials::add(&mut schemas);
    event_gateways::add_schemas(&mut schemas);
    schemas["VirtualCluster"] = virtual_cluster();
    schemas["AliasTopic"] = resource("AliasTopic", in_vcluster(text(NAMES)), alias_topic_spec());
    schemas["GatewayServiceAccount"] = resource(
        "GatewayServiceAccount",
        in_vcluster(text(ACCOUNTS)),
        json!({
            "type": "object",
            "required": ["type"],
            "additionalProperties": false,
            "properties": {
                "type": { "type": "string", "enum": ["LOCAL", "EXTERNAL"] },
                "externalNames": {
                    "type": "array",
                    "description": "Of an EXTERNAL: what identity providers, certificates or the physical cluster call it",
                    "items": { "type": "string" },
                },
                "upstreamCredentials": {
                    "type": "string",
                    "description": "The credentials, by their name in the backend configuration, with which requests of \
                                    this account reach physical clusters",
                },
            },
        }),
    );
    schemas
}

fn alias_topic_spec() -> Value {
    json!({
        "type": "object",
        "required": ["physicalName"],
        "additionalProperties": false,
        "properties": {
            "physicalName": text(NAMES),
            "physicalCluster": { "type": "string", "default": "main" },
            "repoint": {
                "type": "boolean",
                "default": false,
                "writeOnly": true,
                "description": "Lets an alias topic that is there stand for another physical topic. \
                                Without it that is a 409, which says what groups that read it would do.",
            },
        },
    })
}

fn add_operations(schemas: &mut Value) {
    let string = || json!({ "type": "string" });
    let strings = || json!({ "type": "array", "items": { "type": "string" } });
    let object = |required: &[&str], properties: Value| json!({ "type": "object", "required": required, "properties": properties });
    schemas["Liveness"] = object(
        &["status"],
        json!({ "status": { "type": "string", "enum": ["LIVE"] } }),
    );
    schemas["Readiness"] = object(
        &["status"],
        json!({
            "status": { "type": "string", "enum": ["READY", "NOTREADY"] },
            "reasons": strings(),
            "warnings": strings(),
        }),
    );
    let checks = object(
        &["id", "status"],
        json!({
            "id": string(),
            "status": { "type": "string", "enum": ["UP"] },
            "data": object(&[], json!({ "version": string() })),
        }),
    );
    schemas["Health"] = object(
        &["status", "checks"],
        json!({
            "status": { "type": "string", "enum": ["UP"] },
            "checks": { "type": "array", "items": checks },
            "outcome": { "type": "string", "enum": ["UP"] },
        }),
    );
    schemas["Versions"] = object(&["gateway"], json!({ "gateway": string() }));
    schemas["Absent"] =
        json!({ "type": "object", "description": "Of a kind that this gateway does not have." });
}

fn add_dry_run(schemas: &mut Value) {
    schemas["DryRun"] = json!({
        "type": "array",
        "items": {
            "type": "object",
            "additionalProperties": false,
            "properties": {
                "put": { "type": "object", "description": "A resource, as it is put." },
                "delete": {
                    "type": "object",
                    "required": ["kind", "name"],
                    "additionalProperties": false,
                    "properties": {
                        "kind": { "type": "string", "enum": ["VirtualCluster", "AliasTopic", "GatewayServiceAccount"] },
                        "name": { "type": "string" },
                        "vCluster": text(NAMES),
                    },
                },
            },
        },
    });
    schemas["DryRunOutcome"] = json!({
        "type": "object",
        "description": "What the change alone would be answered with dryMode.",
        "required": ["status", "body"],
        "properties": { "status": { "type": "integer" }, "body": {} },
    });
}

fn virtual_cluster() -> Value {
    resource(
        "VirtualCluster",
        json!({
            "type": "object", "required": ["name"], "additionalProperties": false, "properties": { "name": text(NAMES) },
        }),
        json!({
            "type": "object",
            "properties": {
                "aclEnabled": { "type": "boolean" },
                "aclMode": {
                    "type": "string", "enum": ["KAFKA_API", "REST_API"],
                    "description": "Who says what the ACLs are: Kafka clients, as with kafka-acls, which is the default, or \
                                    acls here. It is fixed.",
                },
                "acls": {
                    "type": "array", "items": acl(),
                    "description": "With the aclMode REST_API: all ACLs that there are.",
                },
                "superUsers": { "type": "array", "items": any_account() },
                "type": { "type": "string", "enum": ["Standard", "Partner", "Passthrough"], "default": "Standard" },
                "backend": { "type": "string", "description": "Of a Standard: its physical cluster. It is fixed." },
                "namespace": namespace(),
                "topics": selectors("Without a namespace: topics that are shown under their own names."),
                "consumerGroups": selectors("Without a namespace: groups that are shown under their own names."),
                "authentication": authentication(),
                "dnsLabel": {
                    "type": "string",
                    "description": "What it is called in host names, where listeners tell virtual clusters apart by them. Its name, if that can be a DNS label.",
                },
                "limits": limits(),
                "bootstrapServers": { "type": "string", "readOnly": true },
                "clientProperties": {
                    "type": "object", "readOnly": true, "additionalProperties": { "type": "string" },
                    "description": "Those of the first method. A request with the header X-CDK-CLIENT is answered with \
                                    those of every method, by its name: PLAIN, OAUTHBEARER, MTLS and so on.",
                },
                "unavailable": {
                    "type": "array", "readOnly": true, "items": { "type": "string" },
                    "description": "What of it the node that answers cannot serve, and what to do about it.",
                },
                "unavailable": {
                    "type": "array", "readOnly": true, "items": { "type": "string" },
                    "description": "What of it the node that answers cannot serve, and what to do about it.",
                },
                "listeners": {
                    "type": "array", "readOnly": true, "description": "Its addresses, by listener.",
                    "items": { "type": "object", "properties": {
                        "name": { "type": "string" },
                        "securityProtocol": { "type": "string", "enum": ["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] },
                        "bootstrapServers": { "type": "string" },
                    } },
                },
            },
        }),
    )
}

/// The most of what belongs to a virtual cluster.
fn limits() -> Value {
    let number = |limit: Limit| {
        let about = format!("The most {limit}. Without it {}.", limit.most());
        let shown =
            json!({ "type": "integer", "minimum": 0, "maximum": limit.ceiling(), "description": about });
        (limit.name().to_owned(), shown)
    };
    json!({
        "type": "object",
        "additionalProperties": false,
        "description": "The most that there may be of what belongs to it, where that is not what holds everywhere.",
        "properties": given_limits().map(number).collect::<Map<_, _>>(),
    })
}

fn acl() -> Value {
    let one_of = |words: &[&str]| json!({ "type": "string", "enum": words });
    let object = |properties: Value| {
        let required: Vec<&String> = properties.as_object().into_iter().flat_map(Map::keys).collect();
        json!({ "type": "object", "required": required, "additionalProperties": false, "properties": properties })
    };
    object(json!({
        "resourcePattern": object(json!({
            "resourceType": one_of(&["TOPIC", "GROUP", "CLUSTER", "TRANSACTIONAL_ID", "DELEGATION_TOKEN", "USER"]),
            "name": { "type": "string", "description": "* for all" },
            "patternType": one_of(&["LITERAL", "PREFIXED"]),
        })),
        "principal": { "type": "string", "description": "As User:name, or User:* for everybody" },
        "host": { "type": "string", "description": "An IP address, or * for all" },
        "operation": one_of(&[
            "ALL", "READ", "WRITE", "CREATE", "DELETE", "ALTER", "DESCRIBE", "CLUSTER_ACTION", "DESCRIBE_CONFIGS",
            "ALTER_CONFIGS", "IDEMPOTENT_WRITE", "CREATE_TOKENS", "DESCRIBE_TOKENS", "TWO_PHASE_COMMIT",
        ]),
        "permissionType": one_of(&["ALLOW", "DENY"]),
    }))
}

fn topic() -> Value {
    json!({
        "type": "object",
        "required": ["name", "physicalCluster", "physicalName", "owned", "exists"],
        "properties": {
            "name": { "type": "string" },
            "physicalCluster": { "type": "string" },
            "physicalName": { "type": "string" },
            "owned": { "type": "boolean", "description": "Whether it is created and changed through the virtual cluster" },
            "exists": { "type": "boolean" },
            "partitions": { "type": "integer" },
            "hiddenBy": {
                "type": "string",
                "description": "Of a topic that clients do not see: who has its name",
            },
        },
    })
}

fn authentication() -> Value {
    json!({
        "type": "array",
        "description": "How clients say who they are, in the order in which it is offered. \
                        Without it: tokens and SCRAM credentials of service accounts.",
        "items": {
            "type": "object",
            "required": ["type"],
            "properties": {
                "type": {
                    "type": "string",
                    "enum": [
                        "anonymous", "sasl_plain", "sasl_scram_sha_256", "sasl_scram_sha_512", "oauth_bearer",
                        "client_certificate",
                    ],
                },
                "mediation": { "type": "string", "enum": ["terminate", "passthrough", "validate_forward"] },
                "principals": principals(),
            },
        },
    })
}

pub(super) fn principals() -> Value {
    json!({
        "type": "array",
        "description": "Of sasl_plain with the mediation terminate: users beside the service accounts with their tokens.",
        "items": {
            "type": "object",
            "required": ["username"],
            "additionalProperties": false,
            "properties": {
                "username": any_account(),
                "password": {
                    "type": "string",
                    "writeOnly": true,
                    "description": "A text, or ${env['NAME']}: a variable of the node that takes the request, which begins \
                                    with KLAMM_SECRET_ or is listed in klamm.env.allow there. Who is in \
                                    the list already keeps the password if none is given.",
                },
            },
        },
    })
}

fn namespace() -> Value {
    json!({
        "type": "object",
        "description": "Of a Standard: which names of the physical cluster are its own.",
        "required": ["mode", "prefix"],
        "additionalProperties": false,
        "properties": {
            "mode": { "type": "string", "enum": ["hide_prefix", "enforce_prefix"] },
            "prefix": { "type": "string" },
            "additional": {
                "type": "object",
                "additionalProperties": false,
                "properties": {
                    "topics": selectors("Topics that are let in under their own names."),
                    "consumerGroups": selectors("Groups that are let in under their own names."),
                },
            },
        },
    })
}

fn selectors(description: &str) -> Value {
    json!({
        "type": "array",
        "description": format!("{description} Names, with * for any characters and ? for one."),
        "items": { "type": "string" },
    })
}

fn resource(kind: &str, metadata: Value, spec: Value) -> Value {
    json!({
        "type": "object",
        "required": ["kind", "apiVersion", "metadata", "spec"],
        "additionalProperties": false,
        "properties": {
            "kind": { "type": "string", "enum": [kind] },
            "apiVersion": { "type": "string", "enum": [API_VERSION] },
            "metadata": metadata,
            "spec": spec,
        },
    })
}

fn kafka_cluster_to_accept() -> Value {
    json!({
        "type": "object",
        "required": ["physicalCluster", "kafkaClusterId"],
        "properties": {
            "physicalCluster": { "type": "string" },
            "kafkaClusterId": { "type": "string", "description": "The id of the new Kafka cluster, which must answer" },
            "instead": { "type": "string", "description": "The id of the old one; 409 when it is another one by now" },
        },
    })
}

fn accepted_kafka_cluster() -> Value {
    json!({
        "type": "object",
        "properties": {
            "physicalCluster": { "type": "string" },
            "kafkaClusterId": { "type": "string" },
            "instead": { "type": "string" },
            "upsertResult": { "type": "string", "enum": ["UPDATED", "NOT_CHANGED"] },
            "virtualClusters": { "type": "array", "items": { "type": "object", "properties": {
                "name": { "type": "string" },
                "isHome": { "type": "boolean" },
                "aliasTopics": { "type": "integer" },
            } } },
            "consequences": { "type": "array", "items": { "type": "string" } },
        },
    })
}

fn upgrade_to_finalize() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "featureLevel": { "type": "integer", "description": "The highest that every node knows, when it is not given" },
        },
    })
}

fn finalized_upgrade() -> Value {
    json!({
        "type": "object",
        "properties": {
            "featureLevel": { "type": "integer" },
            "upsertResult": { "type": "string", "enum": ["UPDATED", "NOT_CHANGED"] },
        },
    })
}

fn cluster() -> Value {
    let number = || json!({ "type": "integer", "nullable": true });
    json!({
        "type": "object",
        "properties": {
            "clusterId": { "type": "string", "nullable": true, "description": "What it was called when it was founded" },
            "nodeId": { "type": "integer" },
            "leader": number(),
            "term": { "type": "integer" },
            "lastLog": number(),
            "committed": number(),
            "applied": { "type": "integer" },
            "featureLevel": { "type": "integer", "description": "What may be used of what the nodes know" },
            "nodes": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "id": { "type": "integer" },
                        "liveness": { "type": "string", "enum": ["UP", "DOWN", "DRAINING", "UNKNOWN"] },
                        "version": { "type": "string", "nullable": true },
                        "highestLevel": number(),
                        "listeners": { "type": "array", "items": { "type": "object", "properties": {
                            "name": { "type": "string" },
                            "protocol": { "type": "string" },
                            "advertisedHost": { "type": "string", "nullable": true },
                            "portStart": number(),
                            "portCount": number(),
                            "domain": { "type": "string", "nullable": true },
                            "port": number(),
                        } } },
                        "peerAddress": { "type": "string", "nullable": true },
                        "applied": number(),
                        "silentForMs": number(),
                    },
                },
            },
            "physicalClusters": { "type": "array", "items": { "type": "object", "properties": {
                "name": { "type": "string" },
                "state": { "type": "string", "enum": ["REACHABLE", "UNREACHABLE", "OTHER_CLUSTER", "UNKNOWN"] },
                "kafkaClusterId": { "type": "string", "nullable": true },
                "answers": { "type": "string", "nullable": true },
            } } },
            "unopened": { "type": "array", "items": { "type": "object", "properties": {
                "listener": { "type": "string" },
                "virtualClusters": { "type": "array", "items": { "type": "string" } },
                "reason": { "type": "string" },
            } } },
        },
    })
}
