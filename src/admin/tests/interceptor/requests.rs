//! Plugins that demand something of requests: the rules that they become.

use super::*;

const SAFEGUARD: &str = "io.conduktor.gateway.interceptor.safeguard.";

fn safeguard(plugin: &str, config: Value) -> Value {
    interceptor("guard", Value::Null, &format!("{SAFEGUARD}{plugin}"), config)
}

/// The rules that a configuration has become: whom they are about, what holds, and what else.
async fn rules(gateway: &Arc<Gateway>, plugin: &str, config: Value) -> Vec<(String, String, Value)> {
    let body = safeguard(plugin, config.clone());
    let put = gateway.put(INTERCEPTOR, &body).await.ok();
    assert_eq!(put["resource"]["spec"]["config"], config);
    let shown = gateway.get(POLICY).await.ok()[0].clone();
    assert_eq!(shown["spec"]["phase"], "cluster");
    let rules = shown["spec"]["action"]["rules"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let one = |rule: &Value| {
        let requests: Vec<&str> = rule["requests"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(Value::as_str)
            .collect();
        let otherwise = match (&rule["otherwise"]["override"], &rule["otherwise"]["observe"]) {
            (Value::Null, observe) => observe.clone(),
            (set, _) => set.clone(),
        };
        (
            requests.join(","),
            rule["rule"].as_str().unwrap().to_owned(),
            otherwise,
        )
    };
    rules.iter().map(one).collect()
}

fn rule(requests: &str, holds: &str, otherwise: Value) -> (String, String, Value) {
    (requests.to_owned(), holds.to_owned(), otherwise)
}

#[actix_web::test]
async fn creation_and_configuration_of_topics_have_rules() {
    let gateway = Gateway::walkthrough().await;
    let config = json!({
        "topic": "a.*", "namingConvention": { "value": "a-[a-z']+\\.x" },
        "numPartition": { "min": 1, "max": 6, "action": "OVERRIDE", "overrideValue": 3 },
        "replicationFactor": { "min": 3 },
        "retentionMs": { "min": 10, "max": 100, "action": "INFO", "overrideValue": 20, "throttleTimeMs": 5 },
        "minCleanableDirtyRatio": { "max": 0.5 },
        "cleanupPolicy": { "values": ["delete", "delete,compact"] },
        "preallocate": { "value": false, "action": "OVERRIDE" },
        "messageTimestampType": { "value": "CreateTime" },
    });
    let found = rules(&gateway, "CreateTopicPolicyPlugin", config).await;
    let create = "create_topics";
    let expected = [
        rule(
            create,
            r"context.topic.name.matches('\\A(?:a-[a-z\']+\\.x)\\z')",
            Value::Null,
        ),
        rule(
            create,
            "request.partitions >= 1 && request.partitions <= 6",
            json!({ "partitions": "3" }),
        ),
        rule(create, "request.replicationFactor >= 3", Value::Null),
        rule(
            create,
            "!('cleanup.policy' in request.configs) || (request.configs['cleanup.policy'] in ['delete', 'delete,compact'])",
            Value::Null,
        ),
        rule(
            create,
            "!('message.timestamp.type' in request.configs) || (request.configs['message.timestamp.type'] == 'CreateTime')",
            Value::Null,
        ),
        rule(
            create,
            "!('min.cleanable.dirty.ratio' in request.configs) || (double(request.configs['min.cleanable.dirty.ratio']) <= 0.5)",
            Value::Null,
        ),
        rule(
            create,
            "!('preallocate' in request.configs) || (request.configs['preallocate'] == 'false')",
            json!({ "configs": { "preallocate": "false" } }),
        ),
        rule(
            create,
            "!('retention.ms' in request.configs) || (int(request.configs['retention.ms']) >= 10 && int(request.configs['retention.ms']) <= 100)",
            json!(true),
        ),
    ];
    assert_eq!(found, expected);
    let config =
        json!({ "blacklist": { "values": ["x", "y"], "action": "BLOCK" }, "segmentBytes": { "max": 9 } });
    let found = rules(&gateway, "AlterTopicConfigPolicyPlugin", config).await;
    let expected = [
        rule(
            "alter_configs,incremental_alter_configs",
            "request.resourceType != 'topic' || !request.configs.exists(name, name in ['x', 'y'])",
            Value::Null,
        ),
        rule(
            "alter_configs",
            "request.resourceType != 'topic' || !('segment.bytes' in request.configs) || (int(request.configs['segment.bytes']) <= 9)",
            Value::Null,
        ),
        rule(
            "incremental_alter_configs",
            "request.resourceType != 'topic' || !('segment.bytes' in request.configs) || request.configOperations['segment.bytes'] == 'set' && (int(request.configs['segment.bytes']) <= 9)",
            Value::Null,
        ),
    ];
    assert_eq!(found, expected);
    assert_eq!(
        rules(
            &gateway,
            "ReadOnlyTopicPolicyPlugin",
            json!({ "topic": "a", "action": "BLOCK" })
        )
        .await,
        []
    );
    assert_eq!(
        gateway.get(POLICY).await.ok()[0]["spec"]["action"],
        json!({ "type": "read_only" })
    );
}

#[actix_web::test]
async fn what_is_written_and_read_and_by_whom_has_rules() {
    let gateway = Gateway::walkthrough().await;
    let config = json!({
        "acks": { "value": [-1, 1] }, "compressions": { "values": ["NONE", "ZSTD"], "action": "INFO" },
        "idempotenceRequired": { "value": true }, "transactionRequired": { "value": false },
        "version": { "min": 9 }, "recordHeaderRequired": { "value": false },
    });
    let expected = [
        rule("produce", "request.acks in [-1, 1]", Value::Null),
        rule("produce", "request.compression in ['none', 'zstd']", json!(true)),
        rule("produce", "request.idempotent", Value::Null),
        rule("produce", "request.version >= 9", Value::Null),
    ];
    assert_eq!(rules(&gateway, "ProducePolicyPlugin", config).await, expected);
    let config = json!({
        "isolationLevel": { "value": "read_committed", "action": "OVERRIDE" }, "rackIdRequired": { "value": true },
        "fetchMaxBytes": { "max": 1000, "action": "OVERRIDE", "overrideValue": 1000 }, "maxWaitMs": { "min": 5 },
    });
    let expected = [
        rule(
            "fetch",
            "request.isolationLevel == 'read_committed'",
            json!({ "isolationLevel": "read_committed" }),
        ),
        rule(
            "fetch",
            "has(request.rackId) && request.rackId != ''",
            Value::Null,
        ),
        rule("fetch", "request.maxBytes <= 1000", json!({ "maxBytes": "1000" })),
        rule("fetch", "request.maxWaitMs >= 5", Value::Null),
    ];
    assert_eq!(rules(&gateway, "FetchPolicyPlugin", config).await, expected);
    let config = json!({
        "groupId": { "value": "g-.*" }, "sessionTimeoutMs": { "max": 60000, "action": "INFO" },
        "rebalanceTimeoutMs": { "min": 30 }, "memberId": { "value": "m.*" }, "groupInstanceId": { "value": "i.*" },
    });
    let both = "join_group,consumer_group_heartbeat";
    let expected = [
        rule(
            "join_group,consumer_group_heartbeat,offset_commit,txn_offset_commit,heartbeat",
            r"request.groupId.matches('\\A(?:g-.*)\\z')",
            Value::Null,
        ),
        rule(
            both,
            "request.rebalanceTimeoutMs == -1 || request.rebalanceTimeoutMs >= 30",
            Value::Null,
        ),
        rule(
            both,
            r"request.groupInstanceId.matches('\\A(?:i.*)\\z')",
            Value::Null,
        ),
        rule(
            both,
            r"request.memberId == '' || request.memberId.matches('\\A(?:m.*)\\z')",
            Value::Null,
        ),
        rule("join_group", "request.sessionTimeoutMs <= 60000", json!(true)),
    ];
    assert_eq!(
        rules(&gateway, "ConsumerGroupPolicyPlugin", config).await,
        expected
    );
    let config = json!({ "namingConvention": "app-.*", "action": "INFO" });
    let expected = [rule(
        "any",
        r"context.client.id.matches('\\A(?:app-.*)\\z')",
        json!(true),
    )];
    assert_eq!(
        rules(&gateway, "ClientIdRequiredPolicyPlugin", config).await,
        expected
    );
    // That records have headers is seen in the records.
    let body = safeguard(
        "ProducePolicyPlugin",
        json!({ "topic": "a", "recordHeaderRequired": { "value": true } }),
    );
    gateway.put(INTERCEPTOR, &body).await.ok();
    let shown = gateway.get(POLICY).await.ok()[0]["spec"].clone();
    assert_eq!(
        (&shown["phase"], &shown["action"]["type"]),
        (&json!("produce"), &json!("require"))
    );
    assert_eq!(shown["condition"], "size(record.headers) > 0");
}

#[actix_web::test]
async fn demands_on_requests_that_would_be_others_are_refused() {
    let gateway = Gateway::walkthrough().await;
    let number = |rule: Value| ("CreateTopicPolicyPlugin", json!({ "numPartition": rule }));
    for ((plugin, config), why) in [
        (
            number(json!({ "min": 1, "action": "THROTTLE" })),
            "spec.config.numPartition: THROTTLE is not supported: rates are limited by client quotas (kafka-configs)",
        ),
        (
            number(json!({ "min": 1, "action": "OVERRIDE" })),
            "spec.config.numPartition: OVERRIDE needs overrideValue",
        ),
        (number(json!({ "action": "BLOCK" })), "min or max is missing"),
        (
            number(json!({ "min": 1, "action": "DROP" })),
            "spec.config.numPartition: action: \"DROP\" is unknown; use one of BLOCK, INFO, OVERRIDE, THROTTLE",
        ),
        (
            number(json!({ "min": 1, "least": 1 })),
            "spec.config.numPartition: the field least is unknown",
        ),
        (number(json!({ "min": 1.5 })), "spec.config.numPartition: min"),
        (
            ("CreateTopicPolicyPlugin", json!({ "retention": { "min": 1 } })),
            "spec.config: the field retention is unknown",
        ),
        (
            ("CreateTopicPolicyPlugin", json!({ "topic": "a" })),
            "spec.config demands nothing",
        ),
        (
            (
                "CreateTopicPolicyPlugin",
                json!({ "namingConvention": { "value": "a", "action": "OVERRIDE" } }),
            ),
            "OVERRIDE is not supported here",
        ),
        (
            (
                "CreateTopicPolicyPlugin",
                json!({ "namingConvention": { "value": "a(" } }),
            ),
            "spec.config: spec.action.rules",
        ),
        (
            (
                "ProducePolicyPlugin",
                json!({ "acks": { "value": [-1], "action": "OVERRIDE", "overrideValue": -1 } }),
            ),
            "spec.config.acks: OVERRIDE is not supported here",
        ),
        (
            (
                "ProducePolicyPlugin",
                json!({ "compressions": { "values": ["LZ5"] } }),
            ),
            "spec.config.compressions: LZ5 is unknown; there are NONE, GZIP, SNAPPY, LZ4, ZSTD",
        ),
        (
            (
                "FetchPolicyPlugin",
                json!({ "isolationLevel": { "value": "none" } }),
            ),
            "spec.config.isolationLevel: none is unknown",
        ),
        (
            (
                "ProducePolicyPlugin",
                json!({ "recordHeaderRequired": { "value": true }, "acks": { "value": [-1] } }),
            ),
            "put it into an interceptor of its own",
        ),
        (
            ("ProducePolicyPlugin", json!({ "compressions": { "values": [] } })),
            "spec.config.compressions: values are missing",
        ),
        (
            ("FetchPolicyPlugin", json!({ "isolation": {} })),
            "spec.config: the field isolation is unknown",
        ),
        (
            (
                "ClientIdRequiredPolicyPlugin",
                json!({ "clientIdTemplate": "a", "action": "OVERRIDE" }),
            ),
            "clientIdTemplate is not supported",
        ),
        (
            ("ClientIdRequiredPolicyPlugin", json!({ "action": "OVERRIDE" })),
            "OVERRIDE is not supported here",
        ),
        (
            ("ReadOnlyTopicPolicyPlugin", json!({ "action": "INFO" })),
            "spec.config.action: there is BLOCK only",
        ),
    ] {
        let refused = gateway
            .put(INTERCEPTOR, &safeguard(plugin, config))
            .await
            .refused(400);
        assert!(refused.contains(why), "{why}: {refused}");
    }
}
