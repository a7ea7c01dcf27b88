//! Policies that look at schemas, in each of the three spellings: said, shown and put again, and refused where they say what nobody
//! would do.

use super::fuzz::{CONSUME_POLICIES, PRODUCE_POLICIES};
use super::*;

fn policy(phase: &str, action: Value) -> Value {
    json!({
        "kind": "Policy", "apiVersion": "gateway/v2",
        "metadata": { "name": "good", "vCluster": "mypartner" },
        "spec": { "phase": phase, "action": action },
    })
}

/// An action of this type with these fields.
fn action(fields: &Value) -> Value {
    let mut action = fields.clone();
    action["type"] = json!("schema_validation");
    action
}

#[actix_web::test]
async fn what_is_validated_is_said_and_shown() {
    let gateway = Gateway::walkthrough().await;
    let all = json!({
        "validate": "schema", "registry": "central", "formats": ["json_schema", "avro"], "parts": ["value", "key"],
    });
    for (fields, shown) in [
        (
            json!({ "validate": "json" }),
            json!({ "validate": "json", "parts": ["value"] }),
        ),
        (
            json!({ "validate": "id", "parts": ["key"] }),
            json!({ "validate": "id", "parts": ["key"] }),
        ),
        (
            json!({ "validate": "id", "registry": "central" }),
            json!({ "validate": "id", "registry": "central", "parts": ["value"] }),
        ),
        (all.clone(), all),
    ] {
        for phase in ["produce", "consume"] {
            let put = gateway.put(POLICY, &policy(phase, action(&fields))).await.ok();
            assert_eq!(put["resource"]["spec"]["action"], action(&shown));
            let again = gateway.put(POLICY, &put["resource"]).await.ok();
            assert_eq!(again["upsertResult"], "NOT_CHANGED");
        }
    }
    for (phase, fields, why) in [
        ("produce", json!({}), "validate is missing"),
        ("produce", json!({ "validate": "xml" }), "\"xml\" is unknown"),
        (
            "produce",
            json!({ "validate": "json", "more": 1 }),
            "more is unknown",
        ),
        ("produce", json!({ "validate": "schema" }), "klamm.registries"),
        (
            "produce",
            json!({ "validate": "schema", "registry": "a b" }),
            "name of a registry",
        ),
        (
            "produce",
            json!({ "validate": "json", "registry": "a" }),
            "json is about syntax alone",
        ),
        (
            "consume",
            json!({ "validate": "id", "formats": ["avro"] }),
            "they are for validate: schema",
        ),
        (
            "consume",
            json!({ "validate": "json", "parts": [] }),
            "it names no part of the record",
        ),
        (
            "consume",
            json!({ "validate": "schema", "registry": "a", "formats": ["protobuf"] }),
            "schemas in Protobuf are not looked into yet",
        ),
        ("cluster", json!({ "validate": "json" }), "this is about records"),
    ] {
        let refused = gateway
            .put(POLICY, &policy(phase, action(&fields)))
            .await
            .refused(400);
        assert!(refused.contains(why), "{fields}: {refused}");
    }
    let mut skip = policy("produce", action(&json!({ "validate": "json" })));
    skip["spec"]["failureMode"] = json!("skip");
    let refused = gateway.put(POLICY, &skip).await.refused(400);
    assert!(
        refused.contains("spec.failureMode of the phase produce is one of reject"),
        "{refused}"
    );
}

async fn made(gateway: &Arc<Gateway>, path: &str, name: &str, config: &Value) -> Value {
    let body = json!({ "type": "schema_validation", "name": name, "config": config });
    let made = gateway.admin(Method::POST, path, &body).await;
    assert_eq!(made.status, 201, "{}", made.body);
    made.json()
}

/// A policy that is made in one API's words is shown in the other's, and can be put back as it is shown.
#[actix_web::test]
async fn event_gateways_have_words_for_it() {
    let gateway = event_gateways::started().await;
    let registries = "/v1/event-gateways/default/schema-registries";
    let registry = gateway.get(registries).await.ok()["data"][0].clone();
    let id = registry["id"].as_str().unwrap();
    assert_eq!(gateway.get(&format!("{registries}/{id}")).await.ok(), registry);
    let by_registry = |registry: Value| json!({ "type": "confluent_schema_registry", "schema_registry": registry, "validate_value": true, "failure_mode": "mark" });
    let schema = json!({ "validate": "schema", "registry": "central", "parts": ["value"] });
    for (number, (path, config, shown, mode)) in [
        (
            PRODUCE_POLICIES,
            by_registry(json!({ "id": id })),
            schema.clone(),
            json!("mark"),
        ),
        (
            CONSUME_POLICIES,
            by_registry(json!({ "name": "central" })),
            schema,
            json!("mark"),
        ),
        (
            PRODUCE_POLICIES,
            json!({ "type": "json", "validate_key": true, "validate_value": true }),
            json!({ "validate": "json", "parts": ["value", "key"] }),
            Value::Null,
        ),
        (
            PRODUCE_POLICIES,
            json!({ "type": "json", "value_validation_action": "reject" }),
            json!({ "validate": "json", "parts": ["value"] }),
            json!("reject"),
        ),
        (
            CONSUME_POLICIES,
            json!({ "type": "json", "key_validation_action": "skip", "failure_mode": "skip" }),
            json!({ "validate": "json", "parts": ["key"] }),
            json!("skip"),
        ),
        (
            CONSUME_POLICIES,
            json!({ "type": "json", "validate_value": true, "failure_mode": "error" }),
            json!({ "validate": "json", "parts": ["value"] }),
            json!("error"),
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("good-{number}");
        let made = made(&gateway, path, &name, &config).await;
        let there = gateway.get(&format!("/gateway/v2/policy?name={name}")).await.ok();
        assert_eq!(there[0]["spec"]["action"], action(&shown));
        assert_eq!(there[0]["spec"]["failureMode"], mode);
        let one = format!("{path}/{}", made["id"].as_str().unwrap());
        let again = json!({ "type": "schema_validation", "config": made["config"] });
        gateway.admin(Method::PUT, &one, &again).await.ok();
        let after = gateway.get(&format!("/gateway/v2/policy?name={name}")).await.ok();
        assert_eq!(after[0]["spec"]["action"], action(&shown));
    }
}

#[actix_web::test]
async fn event_gateways_refuse_what_nobody_would_do() {
    let gateway = event_gateways::started().await;
    for (path, config, why) in [
        (
            PRODUCE_POLICIES,
            json!({ "type": "json" }),
            "it validates nothing",
        ),
        (
            PRODUCE_POLICIES,
            json!({ "type": "confluent_schema_registry", "validate_value": true }),
            "config.schema_registry is missing",
        ),
        (
            PRODUCE_POLICIES,
            json!({ "type": "json", "validate_value": true, "schema_registry": { "name": "central" } }),
            "asks no registry",
        ),
        (
            PRODUCE_POLICIES,
            json!({
                "type": "confluent_schema_registry", "validate_value": true,
                "schema_registry": { "id": "0198d8b4-0000-7000-8000-000000000000" },
            }),
            "there is no schema registry with the id",
        ),
        (
            PRODUCE_POLICIES,
            json!({ "type": "json", "validate_value": true, "failure_mode": "skip" }),
            "for what is consumed",
        ),
        (
            CONSUME_POLICIES,
            json!({ "type": "json", "validate_value": true, "failure_mode": "reject" }),
            "reject is for what is produced",
        ),
        (
            CONSUME_POLICIES,
            json!({ "type": "json", "value_validation_action": "mark", "failure_mode": "skip" }),
            "say different things",
        ),
        (
            CONSUME_POLICIES,
            json!({ "type": "json", "validate_value": true, "more": 1 }),
            "more is unknown",
        ),
    ] {
        let body = json!({ "type": "schema_validation", "name": "x", "config": config });
        let refused = gateway.admin(Method::POST, path, &body).await.refused(400);
        assert!(refused.contains(why), "{body}: {refused}");
    }
}

fn plugin(class: &str, config: &Value) -> Value {
    json!({
        "kind": "Interceptor", "apiVersion": "gateway/v2",
        "metadata": { "name": "good", "scope": { "vCluster": "mypartner" } },
        "spec": {
            "pluginClass": format!("io.conduktor.gateway.interceptor.safeguard.{class}"), "priority": 10, "config": config,
        },
    })
}

const PAYLOAD: &str = "SchemaPayloadValidationPolicyPlugin";
const REQUIRED: &str = "TopicRequiredSchemaIdPolicyPlugin";

#[actix_web::test]
async fn plugins_have_words_for_it() {
    let gateway = Gateway::walkthrough().await;
    let central = || json!({ "host": "central", "type": "CONFLUENT" });
    for (class, config, shown, mode) in [
        (
            PAYLOAD,
            json!({ "topic": "orders.*", "schemaIdRequired": true, "validateSchema": true, "schemaRegistryConfig": central() }),
            json!({ "validate": "schema", "registry": "central", "parts": ["value"] }),
            "reject",
        ),
        (
            PAYLOAD,
            json!({ "schemaIdRequired": true, "action": "INFO", "schemaRegistryConfig": { "host": "central" } }),
            json!({ "validate": "id", "registry": "central", "parts": ["value"] }),
            "passthrough",
        ),
        (
            REQUIRED,
            json!({ "topic": "orders", "schemaIdRequired": true, "action": "BLOCK" }),
            json!({ "validate": "id", "parts": ["value"] }),
            "reject",
        ),
    ] {
        let put = gateway.put(INTERCEPTOR, &plugin(class, &config)).await.ok();
        assert_eq!(put["resource"]["spec"]["config"], config);
        let there = gateway.get("/gateway/v2/policy?name=good").await.ok();
        assert_eq!(there[0]["spec"]["action"], action(&shown));
        assert_eq!(there[0]["spec"]["failureMode"], mode);
    }
    let with = |field: &str, value: Value| {
        let mut config = json!({ "schemaIdRequired": true, "schemaRegistryConfig": central() });
        config[field] = value;
        plugin(PAYLOAD, &config)
    };
    for (body, why) in [
        (with("schemaIdRequired", json!(false)), "it looks at nothing"),
        (
            plugin(
                PAYLOAD,
                &json!({ "validateSchema": true, "schemaRegistryConfig": central() }),
            ),
            "schemaIdRequired must be true",
        ),
        (
            plugin(PAYLOAD, &json!({ "schemaIdRequired": true })),
            "schemaRegistryConfig is missing",
        ),
        (
            with("schemaRegistryConfig", json!({ "host": "http://registry:8081" })),
            "klamm.registries",
        ),
        (
            with(
                "schemaRegistryConfig",
                json!({ "host": "central", "type": "AWS" }),
            ),
            "type must be CONFLUENT",
        ),
        (
            with(
                "schemaRegistryConfig",
                json!({ "host": "central", "cacheSize": 50 }),
            ),
            "cacheSize",
        ),
        (
            with("deadLetterTopic", json!("dead")),
            "spec.config.deadLetterTopic",
        ),
        (with("addErrorHeader", json!(true)), "spec.config.addErrorHeader"),
        (with("action", json!("THROTTLE")), "there are BLOCK and INFO"),
        (with("throttleTimeMs", json!(100)), "spec.config.throttleTimeMs"),
        (with("more", json!(1)), "more is unknown"),
        (
            plugin(REQUIRED, &json!({ "schemaIdRequired": false })),
            "schemaIdRequired must be true",
        ),
        (plugin(REQUIRED, &json!({})), "schemaIdRequired is missing"),
    ] {
        let refused = gateway.put(INTERCEPTOR, &body).await.refused(400);
        assert!(refused.contains(why), "{why}: {refused}");
    }
}
