//! Policies in the words of another gateway: put, shown in the same words, resolved for a client, and refused where they
//! would do something else there.

mod rates;
mod requests;

use super::*;

const INJECTION: &str = "io.conduktor.gateway.interceptor.DynamicHeaderInjectionPlugin";
const REMOVAL: &str = "io.conduktor.gateway.interceptor.safeguard.MessageHeaderRemovalPlugin";

fn interceptor(name: &str, scope: Value, plugin: &str, config: Value) -> Value {
    json!({
        "kind": "Interceptor", "apiVersion": "gateway/v2", "metadata": { "name": name, "scope": scope },
        "spec": { "pluginClass": plugin, "priority": 10, "config": config, "comment": "why" },
    })
}

fn stamp(scope: Value) -> Value {
    let headers = json!({ "origin": "{{user}} at {{ userIp }}", "app": "{{clientId}}/{{vcluster}}" });
    let config = json!({ "topic": "orders-.*", "headers": headers });
    interceptor("stamp", scope, INJECTION, config)
}

fn with(mut body: Value, place: &str, value: Value) -> Value {
    *body.pointer_mut(place).expect("a place") = value;
    body
}

fn titles(list: &Value) -> Vec<String> {
    let one = |shown: &Value| {
        let scope = shown["metadata"]["scope"]
            .as_object()
            .cloned()
            .unwrap_or_default();
        let scope: Vec<&str> = scope.values().filter_map(Value::as_str).collect();
        let name = shown["metadata"]["name"].as_str().expect("a name");
        format!("{name} {}", scope.join("/")).trim().to_owned()
    };
    list.as_array().expect("a list").iter().map(one).collect()
}

async fn with_a_group() -> Arc<Gateway> {
    let gateway = Gateway::walkthrough().await;
    let group = json!({ "kind": "GatewayGroup", "apiVersion": "gateway/v2", "metadata": { "name": "billing" },
                        "spec": { "members": [{ "name": "partner-user", "vCluster": "mypartner" }] } });
    gateway.put(GROUP, &group).await.ok();
    gateway
}

#[actix_web::test]
async fn an_interceptor_is_shown_as_it_was_put() {
    let gateway = with_a_group().await;
    for scope in [
        json!({ "vCluster": "mypartner" }),
        json!({ "group": "billing" }),
        json!({ "vCluster": "mypartner", "group": "billing" }),
        json!({ "vCluster": "mypartner", "username": "ann" }),
        json!({ "username": "ann" }),
    ] {
        let body = stamp(scope.clone());
        let dry = gateway
            .put(&format!("{INTERCEPTOR}?dryMode=true"), &body)
            .await
            .ok();
        assert_eq!(dry["upsertResult"], "CREATED");
        let put = gateway.put(INTERCEPTOR, &body).await.ok();
        assert_eq!(
            (&put["upsertResult"], &put["resource"]),
            (&json!("CREATED"), &body)
        );
        let again = gateway.put(INTERCEPTOR, &put["resource"]).await.ok();
        assert_eq!(again["upsertResult"], "NOT_CHANGED");
        assert_eq!(
            gateway
                .delete(&format!("{INTERCEPTOR}/stamp"), &scope)
                .await
                .status,
            204
        );
        gateway
            .delete(&format!("{INTERCEPTOR}/stamp"), &scope)
            .await
            .refused(404);
    }
    // An absent scope, an empty one and one that names nothing are all the same: everybody, everywhere.
    let mut absent = stamp(Value::Null);
    absent["metadata"].as_object_mut().unwrap().remove("scope");
    assert_eq!(gateway.put(INTERCEPTOR, &absent).await.ok()["resource"], absent);
    for scope in [
        json!(null),
        json!({}),
        json!({ "vCluster": null, "group": null, "username": null }),
    ] {
        let same = gateway.put(INTERCEPTOR, &stamp(scope)).await.ok();
        assert_eq!(
            (&same["upsertResult"], &same["resource"]),
            (&json!("NOT_CHANGED"), &absent)
        );
    }
    // Whoever deletes one without a scope may send no body.
    let one = format!("{INTERCEPTOR}/stamp");
    let admin = Some("admin:conduktor");
    assert_eq!(gateway.send(admin, Method::DELETE, &one, "").await.status, 204);
    gateway
        .put(INTERCEPTOR, &stamp(json!({ "group": "nobodys" })))
        .await
        .refused(404);
    gateway
        .put(INTERCEPTOR, &stamp(json!({ "vCluster": "nowhere" })))
        .await
        .refused(404);
    gateway
        .send(Some("eye:conduktor"), Method::PUT, INTERCEPTOR, "{}")
        .await
        .refused(403);
}

/// The policy that an interceptor has become.
async fn policy(gateway: &Arc<Gateway>, body: &Value) -> Value {
    gateway.put(INTERCEPTOR, body).await.ok();
    gateway.get(POLICY).await.ok()[0].clone()
}

#[actix_web::test]
async fn an_interceptor_is_a_policy() {
    let gateway = Gateway::walkthrough().await;
    let shown = policy(&gateway, &stamp(json!({ "vCluster": "mypartner" }))).await;
    assert_eq!(
        shown,
        json!({
            "kind": "Policy", "apiVersion": "gateway/v2", "metadata": { "name": "stamp", "vCluster": "mypartner" },
            "spec": { "phase": "produce", "priority": 10, "enabled": true, "description": "why",
                "topics": [{ "patternType": "PREFIXED", "name": "orders-" }],
                "action": { "type": "modify_headers", "actions": [
                    { "op": "set_if_absent", "key": "app",
                      "value": "${has(context.client.id) ? context.client.id : ''}/${context.vcluster.name}" },
                    { "op": "set_if_absent", "key": "origin",
                      "value": "${context.auth.principal.name} at ${context.client.address}" },
                ] } },
        })
    );
    // Who puts the policy as he was shown it changes nothing; who changes it has made it a policy.
    let same = gateway.put(POLICY, &shown).await.ok();
    assert_eq!(same["upsertResult"], "NOT_CHANGED");
    assert_eq!(
        gateway.get(INTERCEPTOR).await.ok()[0]["spec"]["pluginClass"],
        INJECTION
    );
    let changed = with(shown, "/spec/priority", json!(11));
    assert_eq!(
        gateway.put(POLICY, &changed).await.ok()["upsertResult"],
        "UPDATED"
    );
    let own = gateway.get(INTERCEPTOR).await.ok()[0].clone();
    assert_eq!(
        (&own["spec"]["pluginClass"], &own["spec"]["priority"]),
        (&json!("klamm.Policy"), &json!(11))
    );
    assert_eq!(own["spec"]["config"]["topics"], changed["spec"]["topics"]);
    // It can be put back, and changed, in these words, too.
    assert_eq!(
        gateway.put(INTERCEPTOR, &own).await.ok()["upsertResult"],
        "NOT_CHANGED"
    );
    let mut labelled = with(own, "/spec/config/enabled", json!(false));
    labelled["spec"]["config"]["labels"] = json!({ "team": "sales" });
    let put = gateway.put(INTERCEPTOR, &labelled).await.ok();
    assert_eq!(
        (&put["upsertResult"], &put["resource"]),
        (&json!("UPDATED"), &labelled)
    );
    assert_eq!(
        gateway.get(POLICY).await.ok()[0]["metadata"]["labels"],
        json!({ "team": "sales" })
    );
}

#[actix_web::test]
async fn topics_and_keys_are_regular_expressions() {
    let gateway = Gateway::walkthrough().await;
    for (topic, patterns) in [
        (json!(".*"), Value::Null),
        (Value::Null, Value::Null),
        (
            json!("orders"),
            json!([{ "patternType": "LITERAL", "name": "orders" }]),
        ),
        (
            json!("or_d-.*"),
            json!([{ "patternType": "PREFIXED", "name": "or_d-" }]),
        ),
        (json!("a.b"), json!([{ "patternType": "REGEX", "name": "a.b" }])),
        (
            json!("(a|b).*"),
            json!([{ "patternType": "REGEX", "name": "(a|b).*" }]),
        ),
    ] {
        let config = json!({ "topic": topic, "headerKeyRegex": "x-.*" });
        let shown = policy(&gateway, &interceptor("hide", Value::Null, REMOVAL, config)).await;
        assert_eq!(shown["spec"]["topics"], patterns, "{topic}");
        assert_eq!(shown["spec"]["phase"], "consume");
        let actions = json!([{ "op": "remove_matching", "key": "x-.*" }]);
        assert_eq!(shown["spec"]["action"]["actions"], actions);
    }
}

#[actix_web::test]
async fn what_would_be_something_else_is_refused() {
    let gateway = Gateway::walkthrough().await;
    let headers = |value: &str| with(stamp(Value::Null), "/spec/config/headers/app", json!(value));
    let config = |config: Value| with(stamp(Value::Null), "/spec/config", config);
    let class = |class: &str| with(stamp(Value::Null), "/spec/pluginClass", json!(class));
    let own = |config: Value| interceptor("p", Value::Null, "klamm.Policy", config);
    let encrypt = "io.conduktor.gateway.interceptor.EncryptSchemaBasedPlugin";
    for (body, why) in [
        (
            class(encrypt),
            "spec.pluginClass io.conduktor.gateway.interceptor.EncryptSchemaBasedPlugin is not supported: EncryptPlugin encrypts what is produced; single fields and what is fetched are not encrypted. There are io.conduktor.gateway.interceptor.EncryptPlugin, ",
        ),
        (
            class("io.conduktor.gateway.interceptor.chaos.SimulateSlowBrokerPlugin"),
            "the gateway makes no faults",
        ),
        (
            class("DynamicHeaderInjectionPlugin"),
            "spec.pluginClass DynamicHeaderInjectionPlugin is not supported. There are",
        ),
        (
            headers("{{uuid}}"),
            "spec.config.headers.app: {{uuid}} is not supported: there are {{user}}, {{clientId}}, {{vcluster}}, {{userIp}}",
        ),
        (
            headers("{{record.value.a}}"),
            "{{record.value.a}} is not supported",
        ),
        (headers("{{user"), "spec.config.headers.app: {{ without }}"),
        (
            headers("${HOST}"),
            "environment variables (${NAME}) are not put in place",
        ),
        (
            config(json!({ "headers": {} })),
            "spec.config.headers must name 1 to 64 headers",
        ),
        (
            config(json!({ "topic": ".*" })),
            "spec.config: the field headers is missing",
        ),
        (
            config(json!({ "headers": { "a": "b" }, "schemaRegistryConfig": {} })),
            "spec.config: the field schemaRegistryConfig is unknown",
        ),
        (
            config(json!({ "headers": { "a": 1 } })),
            "spec.config: headers.a must be a text",
        ),
        (
            config(json!({ "headers": { "klamm/a": "b" } })),
            "spec.config.headers: header",
        ),
        (
            config(json!({ "topic": "a(?=b)", "headers": { "a": "b" } })),
            "spec.config.topic: the regular expression is invalid",
        ),
        (
            interceptor("h", Value::Null, REMOVAL, json!({ "headerKeyRegex": "[" })),
            "spec.config.headerKeyRegex: the regular expression is invalid",
        ),
        (
            interceptor(
                "h",
                Value::Null,
                REMOVAL,
                json!({ "headerKeyRegex": "x".repeat(256) }),
            ),
            "longer than 255 bytes",
        ),
        (
            stamp(json!({ "group": "g", "username": "ann" })),
            "metadata.scope.group and metadata.scope.username exclude each other",
        ),
        (
            stamp(json!({ "vcluster": "a" })),
            "the field metadata.scope.vcluster is unknown",
        ),
        (
            with(stamp(Value::Null), "/metadata/name", json!("resolve")),
            "choose another name",
        ),
        (
            with(stamp(Value::Null), "/metadata/name", json!("a b")),
            "metadata.name: policy name",
        ),
        (
            with(stamp(Value::Null), "/spec/comment", json!("x".repeat(513))),
            "spec.comment: more than 512 characters",
        ),
        (
            own(json!({ "phase": "consume", "priority": 1, "action": { "type": "skip_record" } })),
            "spec.config.priority: an interceptor says it in spec.priority",
        ),
        (
            own(json!({ "phase": "consume", "condition": "a", "action": { "type": "skip_record" } })),
            "spec.config: spec.condition: at 0",
        ),
        (
            own(json!({ "phase": "consume", "action": { "type": "skip_record" }, "more": 1 })),
            "spec.config: the field more is unknown",
        ),
    ] {
        let refused = gateway.put(INTERCEPTOR, &body).await.refused(400);
        assert!(refused.contains(why), "{why}: {refused}");
    }
    assert_eq!(gateway.get(INTERCEPTOR).await.ok(), json!([]));
    gateway.get(&format!("{INTERCEPTOR}?scope=a")).await.refused(400);
}

/// One of a name in each scope, of which the narrower ones hold, and two that stand alone.
async fn scene() -> Arc<Gateway> {
    let gateway = with_a_group().await;
    let placed = |body: Value, priority: i32| with(body, "/spec/priority", json!(priority));
    let hide = |scope: Value| interceptor("hide", scope, REMOVAL, json!({ "headerKeyRegex": "x" }));
    for body in [
        placed(stamp(Value::Null), 1),
        placed(stamp(json!({ "vCluster": "mypartner" })), 50),
        placed(stamp(json!({ "group": "billing" })), 3),
        placed(stamp(json!({ "vCluster": "mypartner", "username": "ann" })), 40),
        placed(hide(Value::Null), 30),
    ] {
        gateway.put(INTERCEPTOR, &body).await.ok();
    }
    let off = json!({ "kind": "Policy", "apiVersion": "gateway/v2", "metadata": { "name": "hide", "vCluster": "mypartner", "username": "bob" },
                      "spec": { "phase": "consume", "enabled": false, "condition": "true", "action": { "type": "skip_record" } } });
    gateway.put(POLICY, &off).await.ok();
    gateway
}

#[actix_web::test]
async fn interceptors_are_listed_by_their_scope() {
    let gateway = scene().await;
    for (filter, expected) in [
        (
            "",
            vec![
                "stamp",
                "stamp billing",
                "hide",
                "stamp ann/mypartner",
                "stamp mypartner",
                "hide bob/mypartner",
            ],
        ),
        ("?global=true", vec!["stamp", "hide"]),
        ("?name=hide&global=false", vec!["hide", "hide bob/mypartner"]),
        (
            "?vcluster=mypartner",
            vec!["stamp ann/mypartner", "stamp mypartner", "hide bob/mypartner"],
        ),
        ("?group=billing", vec!["stamp billing"]),
        ("?username=ann&vcluster=mypartner", vec!["stamp ann/mypartner"]),
        ("?vcluster=nowhere", vec![]),
    ] {
        let found = titles(&gateway.get(&format!("{INTERCEPTOR}{filter}")).await.ok());
        assert_eq!(found, expected, "{filter}");
    }
}

#[actix_web::test]
async fn a_client_is_told_what_holds_for_it() {
    let gateway = scene().await;
    let resolve = async |client: Value| {
        let path = format!("{INTERCEPTOR}/resolve");
        let answer = gateway
            .send(Some("eye:conduktor"), Method::POST, &path, &client.to_string())
            .await;
        let shown = answer.ok();
        let one = |shown: &Value| {
            format!(
                "{}:{}",
                shown["metadata"]["name"].as_str().unwrap(),
                shown["spec"]["priority"]
            )
        };
        shown.as_array().unwrap().iter().map(one).collect::<Vec<_>>()
    };
    let mine = "mypartner";
    for (client, expected) in [
        (json!({ "vCluster": mine }), vec!["hide:30", "stamp:50"]),
        (
            json!({ "vCluster": mine, "username": "partner-user" }),
            vec!["stamp:3", "hide:30"],
        ),
        (
            json!({ "vCluster": mine, "username": "partner-user", "groups": [] }),
            vec!["hide:30", "stamp:50"],
        ),
        (
            json!({ "vCluster": mine, "groups": ["billing"], "username": null }),
            vec!["stamp:3", "hide:30"],
        ),
        (
            json!({ "vCluster": mine, "groups": ["billing"], "username": "ann" }),
            vec!["hide:30", "stamp:40"],
        ),
        (json!({ "vCluster": mine, "username": "bob" }), vec!["stamp:50"]),
    ] {
        assert_eq!(resolve(client.clone()).await, expected, "{client}");
    }
    let path = format!("{INTERCEPTOR}/resolve");
    let ask = async |client: Value| gateway.admin(Method::POST, &path, &client).await;
    ask(json!({ "vCluster": "nowhere" })).await.refused(404);
    ask(json!({ "vCluster": mine, "groups": ["nobodys"] }))
        .await
        .refused(404);
    ask(json!({ "vCluster": mine, "user": "ann" })).await.refused(400);
}

#[actix_web::test]
async fn plugins_that_encrypt_name_keys_of_the_configuration() {
    let gateway = Gateway::walkthrough().await;
    let plugin = |class: &str, config: Value| {
        interceptor(
            "cipher",
            json!({ "vCluster": "mypartner" }),
            &format!("io.conduktor.gateway.interceptor.{class}"),
            config,
        )
    };
    let payload = || json!({ "payload": { "keySecretId": "payroll", "algorithm": "AES256_GCM" } });
    let header = || {
        json!({
            "header": "ssn|iban",
            "payload": { "keySecretId": "payroll", "algorithm": "AES256_GCM" },
        })
    };
    for (class, config, action) in [
        (
            "EncryptPlugin",
            json!({ "topic": "orders.*", "recordValue": payload(), "recordHeader": header() }),
            json!({ "type": "encrypt", "key": "payroll", "parts": ["value"], "headers": ["iban", "ssn"] }),
        ),
        (
            "DecryptPlugin",
            json!({ "topic": "orders.*", "errorPolicy": "fail_fetch" }),
            json!({ "type": "decrypt", "keys": ["*"], "parts": ["value", "key", "headers"] }),
        ),
    ] {
        let put = gateway
            .put(INTERCEPTOR, &plugin(class, config.clone()))
            .await
            .ok();
        assert_eq!(put["resource"]["spec"]["config"], config);
        let shown = gateway.get("/gateway/v2/policy?name=cipher").await.ok();
        assert_eq!(shown[0]["spec"]["action"], action);
    }
    let with = |field: &str, value: Value| {
        let mut config = json!({ "recordValue": payload() });
        config[field] = value;
        plugin("EncryptPlugin", config)
    };
    let of_key =
        |key: Value, algorithm: Value| json!({ "payload": { "keySecretId": key, "algorithm": algorithm } });
    for (body, why) in [
        (
            with("kmsConfig", json!({ "keyTtlMs": 1 })),
            "spec.config.kmsConfig",
        ),
        (
            with("schemaRegistryConfig", json!({})),
            "spec.config.schemaRegistryConfig",
        ),
        (
            with("externalStorage", json!(true)),
            "spec.config.externalStorage",
        ),
        (
            with("compressionType", json!("gzip")),
            "spec.config.compressionType",
        ),
        (
            with("recordValue", json!({ "fields": [{ "fieldName": "a" }] })),
            "spec.config.recordValue.fields",
        ),
        (
            with(
                "recordValue",
                of_key(json!("vault-kms://v/transit/keys/k"), json!("AES256_GCM")),
            ),
            "spec.config.recordValue.payload.keySecretId",
        ),
        (
            with("recordValue", of_key(json!("payroll"), json!("AES128_GCM"))),
            "spec.config.recordValue.payload.algorithm must be AES256_GCM",
        ),
        (
            with("recordKey", of_key(json!("other"), json!("AES256_GCM"))),
            "all parts of a record are encrypted with one key",
        ),
        (
            with(
                "recordHeader",
                json!({ "header": "x-.*", "payload": payload()["payload"] }),
            ),
            "spec.config.recordHeader.header",
        ),
        (plugin("EncryptPlugin", json!({})), "it encrypts nothing"),
        (with("more", json!(1)), "more is unknown"),
        (
            plugin("DecryptPlugin", json!({ "recordValueFields": ["a"] })),
            "spec.config.recordValueFields",
        ),
        (
            plugin("DecryptPlugin", json!({ "errorPolicy": "ignore" })),
            "spec.config.errorPolicy",
        ),
    ] {
        let refused = gateway.put(INTERCEPTOR, &body).await.refused(400);
        assert!(refused.contains(why), "{why}: {refused}");
    }
}
