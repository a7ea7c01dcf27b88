//! Policies: put in a scope, listed as they take effect, and refused for what would not be done.

use super::*;

fn filter(name: &str, vcluster: Option<&str>, username: Option<&str>) -> Value {
    let mut metadata = json!({ "name": name });
    for (field, value) in [("vCluster", vcluster), ("username", username)] {
        if let Some(value) = value {
            metadata[field] = json!(value);
        }
    }
    json!({
        "kind": "Policy", "apiVersion": "gateway/v2", "metadata": metadata,
        "spec": { "phase": "consume", "condition": "record.headers['customer'] != 'a'",
                  "topics": [{ "patternType": "PREFIXED", "name": "topic" }],
                  "action": { "type": "skip_record" } },
    })
}

/// A policy for producers, with one part changed.
fn headers(field: &str, value: Value) -> Value {
    let mut policy = json!({
        "kind": "Policy", "apiVersion": "gateway/v2", "metadata": { "name": "stamp", "vCluster": "mypartner" },
        "spec": { "phase": "produce", "action": { "type": "modify_headers", "actions": [
            { "op": "set", "key": "customer", "value": "a" }, { "op": "remove", "key": "secret" },
        ] } },
    });
    policy["spec"][field] = value;
    policy
}

fn names(list: &Value) -> Vec<String> {
    let one = |policy: &Value| {
        let part = |field: &str| policy["metadata"][field].as_str().unwrap_or("*").to_owned();
        format!("{} {} {}", part("name"), part("vCluster"), part("username"))
    };
    list.as_array().expect("a list").iter().map(one).collect()
}

#[actix_web::test]
async fn a_policy_is_put_shown_and_deleted_in_its_scope() {
    let gateway = Gateway::walkthrough().await;
    for (vcluster, username) in [
        (None, None),
        (None, Some("ann")),
        (Some("mypartner"), None),
        (Some("mypartner"), Some("ann")),
    ] {
        let policy = filter("mine", vcluster, username);
        let dry = gateway
            .admin(Method::PUT, &format!("{POLICY}?dryMode=true"), &policy)
            .await
            .ok();
        assert_eq!(dry["upsertResult"], "CREATED");
        let put = gateway.put(POLICY, &policy).await;
        assert!(put.revision.is_some());
        let put = put.ok();
        assert_eq!(put["upsertResult"], "CREATED");
        // What is shown can be put back.
        let again = gateway.put(POLICY, &put["resource"]).await.ok();
        assert_eq!(again["upsertResult"], "NOT_CHANGED");
        assert_eq!(put["resource"]["metadata"], policy["metadata"]);
        assert_eq!(put["resource"]["spec"]["priority"], 100);
        assert_eq!(put["resource"]["spec"]["enabled"], true);
        for part in ["phase", "condition", "topics", "action"] {
            assert_eq!(put["resource"]["spec"][part], policy["spec"][part], "{part}");
        }
    }
    let all = ["mine * *", "mine * ann", "mine mypartner *", "mine mypartner ann"];
    assert_eq!(names(&gateway.get(POLICY).await.ok()), all);
    let of_one = json!({ "name": "mine", "vCluster": "mypartner" });
    let gone = gateway.delete(POLICY, &of_one).await;
    assert_eq!(gone.status, 204, "{}", gone.body);
    assert_eq!(names(&gateway.get(POLICY).await.ok()), [all[0], all[1], all[3]]);
    let refused = gateway.delete(POLICY, &of_one).await.refused(404);
    assert_eq!(refused, "policy mine of virtual cluster mypartner does not exist");
    let nowhere = json!({ "name": "mine", "vCluster": "nowhere" });
    gateway.delete(POLICY, &nowhere).await.refused(404);
    gateway
        .put(POLICY, &filter("mine", Some("nowhere"), None))
        .await
        .refused(404);
    let reading = gateway
        .send(Some("eye:conduktor"), Method::PUT, POLICY, "{}")
        .await;
    reading.refused(403);
}

#[actix_web::test]
async fn those_of_a_virtual_cluster_are_listed_as_they_take_effect() {
    let gateway = Gateway::walkthrough().await;
    let placed = |mut policy: Value, priority: i32| {
        policy["spec"]["priority"] = json!(priority);
        policy
    };
    let mine = Some("mypartner");
    for policy in [
        placed(filter("b", mine, None), 7),
        placed(filter("a", mine, None), 7),
        placed(filter("last", None, None), 8),
        placed(filter("first", None, None), -1),
        // Its twin of the virtual cluster holds in its place, but one for an account alone does not.
        placed(filter("a", None, None), 0),
        placed(filter("first", mine, Some("ann")), 9),
        headers("priority", json!(100)),
    ] {
        gateway.put(POLICY, &policy).await.ok();
    }
    let listed = names(&gateway.get(&format!("{POLICY}?vcluster=mypartner")).await.ok());
    let expected = [
        "stamp mypartner *",
        "first * *",
        "a mypartner *",
        "b mypartner *",
        "last * *",
        "first mypartner ann",
    ];
    assert_eq!(listed, expected);
    let named = gateway
        .get(&format!("{POLICY}?vcluster=mypartner&name=first"))
        .await
        .ok();
    assert_eq!(names(&named), ["first * *", "first mypartner ann"]);
    gateway
        .get(&format!("{POLICY}?vcluster=nowhere"))
        .await
        .refused(404);
    assert_eq!(gateway.get(POLICY).await.ok().as_array().map(Vec::len), Some(7));
}

#[actix_web::test]
async fn what_would_not_be_done_is_refused() {
    let gateway = Gateway::walkthrough().await;
    let with = |field: &str, value: Value| {
        let mut policy = filter("mine", Some("mypartner"), None);
        policy["spec"][field] = value;
        policy
    };
    let require = json!({ "type": "require", "description": "why" });
    let set = |key: &str| json!({ "type": "modify_headers", "actions": [{ "op": "set", "key": key, "value": "" }] });
    let cases = [
        (
            with(
                "action",
                json!({ "type": "encrypt_fields", "failure_mode": "error" }),
            ),
            "spec.action.type is not supported yet",
        ),
        (
            with("action", json!({ "type": "nothing" })),
            "use one of modify_headers, skip_record, require",
        ),
        (
            with("action", json!({ "type": "skip_record", "more": 1 })),
            "more is unknown",
        ),
        (with("more", json!(1)), "spec.more is unknown"),
        (
            with("phase", json!("cluster")),
            "spec.action.type: this is about records",
        ),
        (with("phase", json!("produce")), "skip_record is for consume only"),
        (with("action", require.clone()), "require is for produce only"),
        (with("condition", json!(null)), "spec.condition is missing"),
        (
            headers("action", require),
            "spec.condition: require needs a condition",
        ),
        (
            with("condition", json!("record.heders['a'] == 'b'")),
            "spec.condition: at 0: the name \"record.heders\" is not known",
        ),
        (with("condition", json!("true &&")), "spec.condition: at 7:"),
        (
            headers("condition", json!("record.offset > 5")),
            "spec.condition: at 0: the name \"record.offset\" is not known",
        ),
        (
            headers(
                "action",
                json!({ "type": "modify_headers", "actions": [
                    { "op": "remove", "key": "a" }, { "op": "set", "key": "b", "value": "${context.nothing}" },
                ] }),
            ),
            "spec.action.actions[1].value: at 2:",
        ),
        (with("failureMode", json!("mark")), "is never shown"),
        (
            with("failureMode", json!("reject")),
            "one of error, skip, mark, passthrough",
        ),
        (
            headers("failureMode", json!("skip")),
            "one of reject, mark, passthrough",
        ),
        (headers("action", set("")), "spec.action.actions.key: header"),
        (headers("action", set("klamm/x")), "do not begin with klamm/"),
        (
            headers("action", json!({ "type": "modify_headers", "actions": [] })),
            "must list 1 to 64",
        ),
        (
            headers("topics", json!([{ "patternType": "LITERAL", "name": "*" }])),
            "spec.topics.name: topic name",
        ),
        (
            headers("topics", json!([{ "patternType": "GLOB", "name": "a" }])),
            "use one of LITERAL, PREFIXED, REGEX",
        ),
        (
            headers("topics", json!([{ "patternType": "REGEX", "name": "a(" }])),
            "spec.topics.name: the regular expression is invalid",
        ),
        (
            headers(
                "topics",
                json!([{ "patternType": "REGEX", "name": "a" }, { "patternType": "REGEX", "name": "b" }]),
            ),
            "one regular expression at most",
        ),
        (
            headers(
                "action",
                json!({ "type": "modify_headers", "actions": [{ "op": "remove_matching", "key": "[" }] }),
            ),
            "spec.action.actions[0].key: the regular expression is invalid",
        ),
        (
            headers("description", json!("x".repeat(513))),
            "more than 512 characters",
        ),
    ];
    for (policy, why) in cases {
        let refused = gateway.put(POLICY, &policy).await.refused(400);
        assert!(refused.contains(why), "{why}: {refused}");
    }
    let large = with(
        "topics",
        json!(vec![json!({ "patternType": "LITERAL", "name": "x" }); 300]),
    );
    let refused = gateway.put(POLICY, &large).await.refused(400);
    assert!(refused.contains("more than 256 items"), "{refused}");
    let long: Vec<Value> = (0..64)
        .map(|n| json!({ "op": "set", "key": format!("k{n}"), "value": "x".repeat(1100) }))
        .collect();
    let large = headers("action", json!({ "type": "modify_headers", "actions": long }));
    let refused = gateway.put(POLICY, &large).await.refused(409);
    assert!(refused.contains("would take more than 65536 bytes"), "{refused}");
    assert_eq!(gateway.get(POLICY).await.ok(), json!([]));
}

/// A policy on requests.
fn on_requests(spec: Value) -> Value {
    let mut policy = filter("requests", Some("mypartner"), None);
    policy["spec"] = spec;
    policy["spec"]["phase"] = json!("cluster");
    policy
}

fn rules(rules: Value) -> Value {
    on_requests(json!({ "action": { "type": "request_rules", "rules": rules } }))
}

#[actix_web::test]
async fn policies_on_requests_are_shown_as_they_were_put() {
    let gateway = Gateway::walkthrough().await;
    let settings = json!({
        "partitions": "6", "replicationFactor": "3", "configs": { "retention.ms": "${request.configs['a']}" },
    });
    let fetched =
        json!({ "isolationLevel": "read_committed", "maxBytes": "1", "minBytes": "2", "maxWaitMs": "3" });
    for spec in [
        json!({ "topics": [{ "patternType": "PREFIXED", "name": "a-" }],
            "condition": "context.topic.name != 'a-b' && context.auth.principal.name != 'admin'",
            "action": { "type": "request_rules", "rules": [
                { "requests": ["create_topics"], "rule": "request.partitions <= 12", "description": "at most 12" },
                { "requests": ["create_topics"], "rule": "request.partitions <= 6", "otherwise": { "override": settings } },
                { "requests": ["fetch"], "rule": "request.rackId != null", "otherwise": { "override": fetched } },
                { "requests": ["alter_configs", "incremental_alter_configs", "produce"], "rule": "request.version > 0",
                    "otherwise": { "observe": true } },
            ] } }),
        json!({ "condition": "context.client.id != 'a'", "action": { "type": "request_rules", "rules": [
            { "requests": ["create_partitions", "join_group", "consumer_group_heartbeat", "offset_commit", "offset_fetch",
                "txn_offset_commit", "create_acls", "delete_acls", "any", "heartbeat"], "rule": "request.version >= 0" },
        ] } }),
        json!({ "topics": [{ "patternType": "LITERAL", "name": "old" }], "action": { "type": "read_only" } }),
    ] {
        let policy = on_requests(spec);
        let put = gateway.put(POLICY, &policy).await.ok();
        for part in ["phase", "condition", "topics", "action"] {
            assert_eq!(put["resource"]["spec"][part], policy["spec"][part], "{part}");
        }
    }
}

#[actix_web::test]
async fn a_rule_that_could_not_be_kept_is_refused() {
    let gateway = Gateway::walkthrough().await;
    let rule = |requests: &[&str], rule: &str| json!({ "requests": requests, "rule": rule });
    let otherwise = |requests: &[&str], otherwise: Value| {
        let mut rule = rule(requests, "true");
        rule["otherwise"] = otherwise;
        rules(json!([rule]))
    };
    let set = |requests: &[&str], settings: Value| otherwise(requests, json!({ "override": settings }));
    let mut on_topics = rules(json!([rule(&["join_group"], "true")]));
    on_topics["spec"]["topics"] = json!([{ "patternType": "LITERAL", "name": "a" }]);
    let mut of_topic = rules(json!([rule(&["join_group"], "true")]));
    of_topic["spec"]["condition"] = json!("context.topic.name == 'a'");
    let mut failing = rules(json!([rule(&["fetch"], "true")]));
    failing["spec"]["failureMode"] = json!("mark");
    let mut produced = rules(json!([rule(&["fetch"], "true")]));
    produced["spec"]["phase"] = json!("produce");
    let cases = [
        (rules(json!([])), "spec.action.rules must list 1 to 64"),
        (
            rules(json!([rule(&[], "true")])),
            "spec.action.rules[0].requests must list 1 to 14",
        ),
        (
            rules(json!([rule(&["delete_topics"], "true")])),
            "use one of create_topics",
        ),
        (
            rules(json!([
                rule(&["fetch"], "true"),
                rule(&["create_topics", "fetch"], "request.partitions > 1")
            ])),
            "spec.action.rules[1].rule, for fetch: at 0: the name \"request.partitions\" is not known; there are request.version",
        ),
        (
            rules(json!([rule(&["produce"], "record.key == 'a'")])),
            "the name \"record\" is not known",
        ),
        (
            rules(json!([rule(&["produce"], "request.acks ==")])),
            "spec.action.rules[0].rule, for produce: at 15:",
        ),
        (on_topics, "spec.topics: join_group requests"),
        (
            of_topic,
            "spec.condition: at 0: the name \"context.topic\" is not known",
        ),
        (failing, "spec.failureMode is for records"),
        (produced, "are about requests, and for the phase cluster only"),
        (otherwise(&["fetch"], json!({})), "is either override"),
        (
            otherwise(&["fetch"], json!({ "observe": false })),
            "is either override",
        ),
        (
            otherwise(
                &["fetch"],
                json!({ "observe": true, "override": { "maxBytes": "1" } }),
            ),
            "is either override",
        ),
        (
            set(&["fetch"], json!({})),
            "spec.action.rules[0].otherwise.override: it sets nothing",
        ),
        (
            set(&["fetch"], json!({ "partitions": "1" })),
            "override.partitions: fetch requests have no such setting",
        ),
        (
            set(&["produce"], json!({ "acks": "-1" })),
            "override.acks cannot be set by others",
        ),
        (
            set(&["create_topics"], json!({ "partitions": "0" })),
            "a number of partitions, at least 1 is expected",
        ),
        (
            set(&["create_topics"], json!({ "replicationFactor": "40000" })),
            "a number of replicas",
        ),
        (
            set(&["fetch"], json!({ "isolationLevel": "none" })),
            "read_uncommitted or read_committed is expected",
        ),
        (
            set(&["create_topics"], json!({ "partitions": "${request.acks}" })),
            "override.partitions, for create_topics: at 2: the name \"request.acks\" is not known",
        ),
        (
            set(
                &["create_topics"],
                json!({ "configs": { "leader.replication.throttled.replicas": "0:1" } }),
            ),
            "its value names brokers",
        ),
    ];
    for (policy, why) in cases {
        let refused = gateway.put(POLICY, &policy).await.refused(400);
        assert!(refused.contains(why), "{why}: {refused}");
    }
    assert_eq!(gateway.get(POLICY).await.ok(), json!([]));
}

#[actix_web::test]
async fn an_upgrade_that_is_not_finished_has_none() {
    let gateway = Gateway::walkthrough().await;
    gateway
        .states
        .send_modify(|state| Arc::make_mut(state).level = Level::FIRST);
    let refused = gateway
        .put(POLICY, &filter("mine", None, None))
        .await
        .refused(409);
    assert!(
        refused.contains("needs feature level 2, and the cluster is at 1")
            && refused.contains("klamm cluster upgrade finalize"),
        "{refused}"
    );
    assert_eq!(gateway.get(POLICY).await.ok(), json!([]));
}

#[actix_web::test]
async fn a_rehearsal_tells_scopes_apart() {
    let gateway = Gateway::walkthrough().await;
    let own = filter("mine", Some("mypartner"), Some("ann"));
    let steps = json!([
        { "put": own },
        { "delete": { "kind": "Policy", "name": "mine", "vCluster": "mypartner" } },
        { "delete": { "kind": "Policy", "name": "mine", "vCluster": "mypartner", "username": "ann" } },
        { "delete": { "kind": "AliasTopic", "name": "mine", "vCluster": "mypartner", "username": "ann" } },
    ]);
    let outcomes = gateway
        .admin(Method::POST, "/gateway/v2/dry-run", &steps)
        .await
        .ok();
    let statuses: Vec<&Value> = outcomes
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["status"])
        .collect();
    assert_eq!(statuses, [200, 404, 204, 400]);
}

fn rights(condition: &str) -> Value {
    json!({
        "kind": "Policy", "apiVersion": "gateway/v2", "metadata": { "name": "rights", "vCluster": "mypartner" },
        "spec": { "phase": "cluster", "condition": condition, "action": { "type": "acls", "rules": [
            { "permissionType": "ALLOW", "resourceType": "TOPIC", "operations": ["READ", "DESCRIBE"],
              "names": [{ "patternType": "LITERAL", "name": "topic1" }, { "patternType": "PREFIXED", "name": "x-" }] },
        ] } },
    })
}

#[actix_web::test]
async fn a_policy_with_acls_is_given_back_as_it_was_written() {
    let gateway = Gateway::walkthrough().await;
    let policy = rights("context.auth.principal.name in ['ann', 'bob']");
    let put = gateway.put(POLICY, &policy).await.ok();
    for part in ["phase", "condition", "action"] {
        assert_eq!(put["resource"]["spec"][part], policy["spec"][part], "{part}");
    }
    let again = gateway.put(POLICY, &put["resource"]).await.ok();
    assert_eq!(again["upsertResult"], "NOT_CHANGED");
    for (condition, why) in [
        (
            "context.auth.principal.name != 'ann'",
            "spec.condition: ACLs are for principals",
        ),
        ("context.topic.name == 'a'", "can only say whose they are"),
    ] {
        let refused = gateway.put(POLICY, &rights(condition)).await.refused(400);
        assert!(refused.contains(why), "{refused}");
    }
    let mut of_ann = policy.clone();
    of_ann["metadata"]["username"] = json!("ann");
    let refused = gateway.put(POLICY, &of_ann).await.refused(400);
    assert!(
        refused.contains("metadata.username and metadata.group are not for acls"),
        "{refused}"
    );
    let mut of_records = policy.clone();
    of_records["spec"]["phase"] = json!("produce");
    let refused = gateway.put(POLICY, &of_records).await.refused(400);
    assert!(refused.contains("they are for the phase cluster"), "{refused}");
}

#[actix_web::test]
async fn what_is_encrypted_is_said_and_shown() {
    let gateway = Gateway::walkthrough().await;
    let policy = |phase: &str, action: Value| {
        json!({
            "kind": "Policy", "apiVersion": "gateway/v2",
            "metadata": { "name": phase, "vCluster": "mypartner" },
            "spec": { "phase": phase, "action": action },
        })
    };
    let full = json!({
        "type": "encrypt", "key": "payroll", "parts": ["value", "key"], "headers": ["ssn"], "deterministicKey": true,
    });
    for (phase, action, shown) in [
        ("produce", full.clone(), full),
        (
            "produce",
            json!({ "type": "encrypt", "key": "payroll" }),
            json!({ "type": "encrypt", "key": "payroll", "parts": ["value"] }),
        ),
        (
            "consume",
            json!({ "type": "decrypt", "keys": ["payroll"] }),
            json!({ "type": "decrypt", "keys": ["payroll"], "parts": ["value", "key", "headers"] }),
        ),
        (
            "consume",
            json!({ "type": "decrypt", "keys": ["*"], "parts": ["value"] }),
            json!({ "type": "decrypt", "keys": ["*"], "parts": ["value"] }),
        ),
    ] {
        let put = gateway.put(POLICY, &policy(phase, action)).await.ok();
        assert_eq!(put["resource"]["spec"]["action"], shown);
        let again = gateway.put(POLICY, &put["resource"]).await.ok();
        assert_eq!(again["upsertResult"], "NOT_CHANGED");
    }
    for (phase, action, why) in [
        ("produce", json!({ "type": "encrypt" }), "key is missing"),
        (
            "produce",
            json!({ "type": "encrypt", "key": "a b" }),
            "name of a key",
        ),
        (
            "produce",
            json!({ "type": "encrypt", "key": "payroll", "parts": ["key"] }),
            "spec.action.deterministicKey must be true",
        ),
        (
            "produce",
            json!({ "type": "encrypt", "key": "payroll", "deterministicKey": true }),
            "spec.action.deterministicKey is for policies that encrypt keys",
        ),
        (
            "produce",
            json!({ "type": "encrypt", "key": "payroll", "parts": [] }),
            "it names no part of the record",
        ),
        (
            "produce",
            json!({ "type": "encrypt", "key": "payroll", "headers": ["klamm/enc"] }),
            "klamm/",
        ),
        (
            "consume",
            json!({ "type": "encrypt", "key": "payroll" }),
            "encrypt is for produce only",
        ),
        (
            "produce",
            json!({ "type": "decrypt", "keys": ["payroll"] }),
            "decrypt is for consume only",
        ),
        (
            "consume",
            json!({ "type": "decrypt", "keys": [] }),
            "spec.action.keys is empty",
        ),
        (
            "cluster",
            json!({ "type": "decrypt", "keys": ["*"] }),
            "this is about records",
        ),
    ] {
        let refused = gateway.put(POLICY, &policy(phase, action)).await.refused(400);
        assert!(refused.contains(why), "{refused}");
    }
}
