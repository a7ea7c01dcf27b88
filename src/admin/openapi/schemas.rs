//! The schemas of the OpenAPI description: what bodies hold.

use serde_json::{Value, json};

use crate::admin::resources::API_VERSION;

const NAMES: &str = "^[a-zA-Z0-9._-]+$";
const ACCOUNTS: &str = "^[a-zA-Z0-9_-]{3,64}$";

fn text(pattern: &str) -> Value {
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
        "Topic": topic(),
        "Error": {
            "type": "object",
            "required": ["title", "msg"],
            "properties": {
                "title": { "type": "string" },
                "msg": { "type": "string" },
                "cause": { "type": "string" },
            },
        },
    });
    add_dry_run(&mut schemas);
    add_tokens(&mut schemas);
    add_access_tokens(&mut schemas);
    add_scram(&mut schemas);
    add_event_gateway(&mut schemas);
    schemas["VirtualCluster"] = virtual_cluster();
    schemas["AliasTopic"] = resource(
        "AliasTopic",
        in_vcluster(text(NAMES)),
        json!({
            "type": "object",
            "required": ["physicalName"],
            "additionalProperties": false,
            "properties": {
                "physicalName": text(NAMES),
                "physicalCluster": { "type": "string", "default": "main" },
            },
        }),
    );
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

fn add_tokens(schemas: &mut Value) {
    schemas["TokenRequest"] = json!({
        "type": "object",
        "required": ["username", "lifeTimeSeconds"],
        "additionalProperties": false,
        "properties": {
            "username": any_account(),
            "vCluster": text(NAMES),
            "lifeTimeSeconds": { "type": "integer", "minimum": 1, "maximum": 2_147_483_647 },
        },
    });
    schemas["Token"] =
        json!({ "type": "object", "required": ["token"], "properties": { "token": { "type": "string" } } });
    schemas["IssuedToken"] = json!({
        "type": "object",
        "required": ["id", "vCluster", "username", "issuedAt", "expiresAt"],
        "properties": {
            "id": { "type": "string", "format": "uuid" },
            "vCluster": text(NAMES),
            "username": any_account(),
            "issuedAt": { "type": "string", "format": "date-time" },
            "expiresAt": { "type": "string", "format": "date-time" },
        },
    });
    schemas["TokensToRevoke"] = json!({
        "type": "object",
        "description": "Either id or username.",
        "additionalProperties": false,
        "properties": {
            "vCluster": text(NAMES),
            "id": { "type": "string", "format": "uuid" },
            "username": any_account(),
        },
    });
}

fn add_access_tokens(schemas: &mut Value) {
    let role = || json!({ "type": "string", "enum": ["ADMIN", "READ_ONLY"] });
    let time =
        |description: &str| json!({ "type": "string", "format": "date-time", "description": description });
    schemas["AccessTokenRequest"] = json!({
        "type": "object",
        "required": ["name", "lifeTimeSeconds"],
        "additionalProperties": false,
        "properties": {
            "name": { "type": "string", "minLength": 1, "maxLength": 100, "description": "What it is for" },
            "role": {
                "type": "string",
                "enum": ["ADMIN", "READ_ONLY"],
                "default": "READ_ONLY",
                "description": "What whoever shows it may do, and never more than the user who asked for it",
            },
            "lifeTimeSeconds": { "type": "integer", "minimum": 1, "maximum": 2_147_483_647 },
        },
    });
    schemas["AccessToken"] = json!({
        "type": "object",
        "required": ["id", "name", "username", "role", "issuedAt", "expiresAt"],
        "properties": {
            "id": { "type": "string", "format": "uuid" },
            "name": { "type": "string" },
            "username": { "type": "string", "description": "Who asked for it, and as whom it acts" },
            "role": role(),
            "issuedAt": time("When it was made"),
            "expiresAt": time("From then on it lets nobody in"),
            "lastUsedAt": time("To the hour; absent before its first use"),
        },
    });
    let mut new = schemas["AccessToken"].clone();
    new["required"] = json!(["id", "name", "username", "role", "issuedAt", "expiresAt", "token"]);
    new["properties"]["token"] = json!({ "type": "string", "description": "Shown once. Empty in dry mode" });
    schemas["NewAccessToken"] = new;
}

fn add_scram(schemas: &mut Value) {
    let mechanism = || json!({ "type": "string", "enum": ["SCRAM-SHA-256", "SCRAM-SHA-512"] });
    let iterations = || json!({ "type": "integer", "minimum": 4096, "maximum": 16384, "default": 4096 });
    schemas["ScramCredential"] = json!({
        "type": "object",
        "required": ["vCluster", "username", "mechanism", "iterations"],
        "properties": {
            "vCluster": text(NAMES),
            "username": any_account(),
            "mechanism": mechanism(),
            "iterations": { "type": "integer" },
        },
    });
    schemas["ScramPassword"] = json!({
        "type": "object",
        "required": ["username", "mechanism", "password"],
        "additionalProperties": false,
        "properties": {
            "vCluster": text(NAMES),
            "username": any_account(),
            "mechanism": mechanism(),
            "password": { "type": "string", "writeOnly": true },
            "iterations": iterations(),
        },
    });
    schemas["ScramCredentialsToDelete"] = json!({
        "type": "object",
        "description": "Without a mechanism, all of the account.",
        "required": ["username"],
        "additionalProperties": false,
        "properties": { "vCluster": text(NAMES), "username": any_account(), "mechanism": mechanism() },
    });
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
                    "conflict": { "type": "string", "enum": ["warn", "ignore"], "description": "Without effect" },
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
                "description": "Of oauth_bearer: an entry of gateway.oauth.providers, which says where keys are and who issues",
            },
            "claims_mapping": { "type": "object", "properties": { "sub": string(), "scope": string() } },
            "validate": {
                "type": "object",
                "properties": {
                    "audiences": {
                        "type": "array",
                        "items": { "type": "object", "required": ["name"], "properties": { "name": string() } },
                    },
                    "required_scopes": { "type": "array", "items": string() },
                    "rules": { "type": "array", "items": { "type": "object" } },
                },
            },
            "required": { "type": "boolean", "description": "Of client_certificate" },
            "principal_mapping_rules": { "type": "string", "description": "Of client_certificate" },
        },
    })
}

fn add_event_gateway(schemas: &mut Value) {
    let string = || json!({ "type": "string" });
    schemas["EventGatewayVirtualCluster"] = json!({
        "type": "object",
        "required": ["name", "authentication"],
        "additionalProperties": false,
        "properties": {
            "id": { "type": "string", "format": "uuid", "readOnly": true },
            "name": text(NAMES),
            "dns_label": string(),
            "destination": {
                "type": "object",
                "description": "The physical cluster, whose id is its name; without it, main",
                "properties": { "id": string(), "name": string() },
            },
            "authentication": { "type": "array", "minItems": 1, "items": event_gateway_method() },
            "acl_mode": {
                "type": "string",
                "enum": ["enforce_on_gateway", "passthrough"],
                "default": "passthrough",
                "description": "With enforce_on_gateway there must be super_users",
            },
            "super_users": { "type": "array", "items": any_account() },
            "namespace": event_gateway_namespace(),
            "bootstrap_servers": { "type": "string", "readOnly": true },
        },
    });
    schemas["EventGatewayVirtualClusters"] = json!({
        "type": "object",
        "required": ["data"],
        "properties": {
            "data": { "type": "array", "items": { "$ref": "#/components/schemas/EventGatewayVirtualCluster" } },
            "meta": { "type": "object" },
        },
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
                "bootstrapServers": { "type": "string", "readOnly": true },
                "clientProperties": {
                    "type": "object", "readOnly": true, "additionalProperties": { "type": "string" },
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

fn principals() -> Value {
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
                    "description": "A text, or ${env['NAME']}: a variable of the node that takes the request. Who is in \
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

fn cluster() -> Value {
    let number = || json!({ "type": "integer", "nullable": true });
    json!({
        "type": "object",
        "properties": {
            "nodeId": { "type": "integer" },
            "leader": number(),
            "term": { "type": "integer" },
            "lastLog": number(),
            "committed": number(),
            "applied": { "type": "integer" },
            "nodes": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "id": { "type": "integer" },
                        "liveness": { "type": "string", "enum": ["UP", "DOWN", "DRAINING", "UNKNOWN"] },
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
