//! Policies in the words of event gateways: the same policies, whichever API made them, and the order of their effect.

use super::fuzz::{CLUSTER_POLICIES, CONSUME_POLICIES, PRODUCE_POLICIES};
use super::*;

const CONSUME_CHAIN: &str = "/v1/event-gateways/default/virtual-clusters/mypartner/consume-policy-chain";

/// Withholds something.
fn filter(name: &str) -> Value {
    json!({ "type": "skip_record", "name": name, "condition": "record.headers['customer'] != 'a'" })
}

/// Sets a header.
fn headers(value: &str) -> Value {
    json!({
        "type": "modify_headers", "name": "stamp", "labels": { "env": "test" },
        "config": { "actions": [{ "op": "set", "key": "by", "value": value }, { "op": "remove", "key": "x" }] },
    })
}

fn rights(match_: &str) -> Value {
    json!({
        "type": "acls", "name": "readers", "condition": "context.auth.principal.name == \"ann\"",
        "config": { "rules": [{
            "resource_type": "transactional_id", "action": "deny",
            "operations": [{ "name": "describe" }, { "name": "alter_configs" }],
            "resource_names": [{ "match": match_ }, { "match": "*" }],
        }] },
    })
}

#[track_caller]
fn created(reply: &Reply) -> Value {
    assert_eq!(reply.status, 201, "{}", reply.body);
    reply.json()
}

fn id(policy: &Value) -> String {
    policy["id"].as_str().expect("an id").to_owned()
}

/// One field of each, in their order.
fn each(list: &Value, field: &str) -> Vec<String> {
    let all = list.as_array().expect("a list").iter();
    all.map(|one| one[field].as_str().expect("a text").to_owned())
        .collect()
}

async fn names(gateway: &Arc<Gateway>, path: &str) -> Vec<String> {
    each(&gateway.get(path).await.ok(), "name")
}

/// A policy of our own words.
async fn own(gateway: &Arc<Gateway>, name: &str, vcluster: Option<&str>, spec: Value) {
    let mut metadata = json!({ "name": name });
    if let Some(vcluster) = vcluster {
        metadata["vCluster"] = json!(vcluster);
    }
    let policy = json!({ "kind": "Policy", "apiVersion": "gateway/v2", "metadata": metadata, "spec": spec });
    gateway.put(POLICY, &policy).await.ok();
}

#[actix_web::test]
async fn a_policy_is_made_shown_changed_and_deleted() {
    let gateway = event_gateways::started().await;
    for (path, body) in [
        (PRODUCE_POLICIES, headers("klamm")),
        (CONSUME_POLICIES, filter("only-mine")),
        (CLUSTER_POLICIES, rights("team-*")),
    ] {
        let made = created(&gateway.admin(Method::POST, path, &body).await);
        for (field, value) in body.as_object().expect("fields") {
            assert_eq!(made[field], *value, "{path} {field}");
        }
        assert_eq!(
            (&made["enabled"], &made["description"], &made["parent_policy_id"]),
            (&json!(true), &json!(""), &Value::Null)
        );
        assert_eq!(made["created_at"], made["updated_at"]);
        assert_ne!(made["created_at"], "1970-01-01T00:00:00Z");
        let one = format!("{path}/{}", id(&made));
        assert_eq!(gateway.get(&one).await.ok(), made);
        assert_eq!(gateway.get(path).await.ok(), json!([made]));

        // What is shown can be put back, and what is put is carried out.
        assert_eq!(gateway.put(&one, &made).await.ok(), made);
        let mut changed = made.clone();
        changed["enabled"] = json!(false);
        changed["description"] = json!("asleep");
        let put = gateway.put(&one, &changed).await.ok();
        assert_eq!(
            (&put["enabled"], &put["description"]),
            (&json!(false), &json!("asleep"))
        );
        assert_eq!((&put["id"], &put["config"]), (&made["id"], &made["config"]));
        changed["name"] = json!("another");
        let refused = gateway.put(&one, &changed).await.refused(409);
        assert!(refused.contains("cannot be renamed"), "{refused}");
        let again = gateway.admin(Method::POST, path, &body).await.refused(409);
        assert!(again.contains("use PUT to change it"), "{again}");

        // It is the same policy in our own words.
        let name = made["name"].as_str().expect("a name");
        let listed = gateway
            .get(&format!("{POLICY}?vcluster=mypartner&name={name}"))
            .await
            .ok();
        assert_eq!(listed[0]["spec"]["description"], "asleep");
        assert_eq!(gateway.delete(&one, &Value::Null).await.status, 204);
        gateway.get(&one).await.refused(404);
        gateway.delete(&one, &Value::Null).await.refused(404);
    }
}

#[actix_web::test]
async fn single_fields_are_changed_whatever_the_type() {
    let gateway = event_gateways::started().await;
    let rules = json!({ "phase": "cluster", "action": { "type": "request_rules", "rules": [
        { "requests": ["create_topics"], "rule": "request.partitions <= 6", "description": "at most 6" }] } });
    own(&gateway, "small", Some("mypartner"), rules).await;
    let of_rules = gateway.get(CLUSTER_POLICIES).await.ok()[0].clone();
    assert_eq!(of_rules["type"], "request_rules");
    let made = [
        (PRODUCE_POLICIES, headers("klamm")),
        (CONSUME_POLICIES, filter("only-mine")),
    ];
    let mut all = vec![(CLUSTER_POLICIES, of_rules)];
    for (path, body) in made {
        all.push((path, created(&gateway.admin(Method::POST, path, &body).await)));
    }
    for (path, shown) in all {
        let one = format!("{path}/{}", id(&shown));
        let patch = async |body: Value| gateway.admin(Method::PATCH, &one, &body).await;
        let changed = patch(json!({ "enabled": false, "labels": { "team": "sales" } }))
            .await
            .ok();
        let mut expected = shown.clone();
        expected["enabled"] = json!(false);
        expected["labels"] = json!({ "team": "sales" });
        expected["updated_at"] = changed["updated_at"].clone();
        assert_eq!(changed, expected);
        let changed = patch(json!({ "description": "one", "condition": "context.topic.name == 'a'" }))
            .await
            .ok();
        assert_eq!(
            (&changed["enabled"], &changed["description"]),
            (&json!(false), &json!("one"))
        );
        assert_eq!(changed["condition"], "context.topic.name == 'a'");
        assert_eq!(changed["config"], shown["config"]);
        let nothing = [
            json!({ "name": shown["name"] }),
            json!({ "description": null, "enabled": null, "labels": null, "condition": null }),
        ];
        for nothing in nothing {
            assert_eq!(patch(nothing).await.ok(), changed, "nothing changes");
        }
        assert!(
            patch(json!({ "name": "other" }))
                .await
                .refused(409)
                .contains("cannot be renamed")
        );
        assert!(
            patch(json!({ "condition": "a ==" }))
                .await
                .refused(400)
                .contains("condition: at ")
        );
        assert!(
            patch(json!({ "config": {} }))
                .await
                .refused(400)
                .contains("the field config is unknown")
        );
    }
    // The condition says whose the rights are.
    let made = created(&gateway.admin(Method::POST, CLUSTER_POLICIES, &rights("a")).await);
    let one = format!("{CLUSTER_POLICIES}/{}", id(&made));
    let everybody = json!({ "condition": "" });
    gateway.admin(Method::PATCH, &one, &everybody).await.ok();
    let state = gateway.states.borrow().clone();
    let brought = state.vclusters["mypartner"]
        .policies
        .values()
        .find_map(|policy| match &policy.action {
            klamm_raft::model::PolicyAction::Acls { principals, .. } => Some(principals.clone()),
            _ => None,
        });
    assert_eq!(brought, Some(["User:*".to_owned()].into()));
    let of_all = json!({ "phase": "consume", "condition": "true", "action": { "type": "skip_record" } });
    own(&gateway, "of-all", None, of_all).await;
    let listed = gateway.get(CONSUME_POLICIES).await.ok();
    let everywhere = listed
        .as_array()
        .expect("a list")
        .iter()
        .find(|one| one["name"] == "of-all");
    let one = format!("{CONSUME_POLICIES}/{}", id(everywhere.expect("it holds here")));
    let refused = gateway
        .admin(Method::PATCH, &one, &json!({ "enabled": false }))
        .await
        .refused(409);
    assert!(refused.contains("/gateway/v2/policy"), "{refused}");
}

#[actix_web::test]
async fn constants_stay_what_they_are() {
    let gateway = event_gateways::started().await;
    let constant = "$${a}${context.topic.name}$";
    let made = created(
        &gateway
            .admin(Method::POST, PRODUCE_POLICIES, &headers(constant))
            .await,
    );
    assert_eq!(made["config"]["actions"][0]["value"], constant);
    let ours = gateway.get(&format!("{POLICY}?vcluster=mypartner")).await.ok();
    let value = &ours[0]["spec"]["action"]["actions"][0]["value"];
    assert_eq!(
        value, "$$${a}$${context.topic.name}$",
        "nothing of it is an expression"
    );

    // Of our own words, a value may hold one. It stays, or is changed where it was written.
    let set = json!({ "type": "modify_headers", "actions": [{ "op": "set", "key": "by", "value": "${context.topic.name}" }] });
    own(
        &gateway,
        "by-topic",
        Some("mypartner"),
        json!({ "phase": "produce", "action": set }),
    )
    .await;
    let listed = gateway
        .get(&format!("{PRODUCE_POLICIES}?filter[name][eq]=by-topic"))
        .await
        .ok();
    let mut shown = listed[0].clone();
    shown["enabled"] = json!(false);
    let one = format!("{PRODUCE_POLICIES}/{}", id(&shown));
    gateway.put(&one, &shown).await.ok();
    let ours = gateway
        .get(&format!("{POLICY}?vcluster=mypartner&name=by-topic"))
        .await
        .ok();
    assert_eq!(ours[0]["spec"]["action"], set);
    assert_eq!(ours[0]["spec"]["enabled"], false);
    shown["config"]["actions"][0]["key"] = json!("topic");
    let refused = gateway.put(&one, &shown).await.refused(400);
    assert!(refused.contains("all values are constants"), "{refused}");
}

#[actix_web::test]
async fn the_order_is_that_of_effect_and_can_be_changed() {
    let gateway = event_gateways::started().await;
    let mut ids = BTreeMap::new();
    for (name, place) in [("m", ""), ("b", ""), ("z", "?before=m"), ("a", "?after=m")] {
        let (word, neighbour) = place.split_once('=').unwrap_or(("", ""));
        let path = match ids.get(neighbour) {
            Some(neighbour) => format!("{CONSUME_POLICIES}{word}={neighbour}"),
            None => CONSUME_POLICIES.to_owned(),
        };
        let made = created(&gateway.admin(Method::POST, &path, &filter(name)).await);
        ids.insert(name, id(&made));
    }
    assert_eq!(names(&gateway, CONSUME_POLICIES).await, ["z", "m", "a", "b"]);
    let order =
        |names: &[&str]| json!({ "policies": names.iter().map(|name| &ids[name]).collect::<Vec<_>>() });
    assert_eq!(
        gateway.get(CONSUME_CHAIN).await.ok(),
        order(&["z", "m", "a", "b"])
    );

    let move_b = format!("{CONSUME_POLICIES}/{}/move", ids["b"]);
    let moved = gateway.admin(Method::POST, &move_b, &json!({ "index": 1 })).await;
    assert_eq!(moved.status, 204, "{}", moved.body);
    assert_eq!(names(&gateway, CONSUME_POLICIES).await, ["z", "b", "m", "a"]);
    let refused = gateway
        .admin(Method::POST, &move_b, &json!({ "index": 4 }))
        .await
        .refused(400);
    assert!(refused.contains("the last place is 3"), "{refused}");
    let put = gateway
        .put(CONSUME_CHAIN, &order(&["a", "b", "m", "z"]))
        .await
        .ok();
    assert_eq!(put, order(&["a", "b", "m", "z"]));
    assert_eq!(names(&gateway, CONSUME_POLICIES).await, ["a", "b", "m", "z"]);
    let fewer = gateway
        .put(CONSUME_CHAIN, &order(&["a", "b", "m"]))
        .await
        .refused(409);
    assert!(fewer.contains("must name each policy"), "{fewer}");
    let both = format!("{CONSUME_POLICIES}?before={}&after={}", ids["a"], ids["b"]);
    gateway
        .admin(Method::POST, &both, &filter("n"))
        .await
        .refused(400);
    let nowhere = format!("{CONSUME_POLICIES}?before={}", uuid::Uuid::nil());
    gateway
        .admin(Method::POST, &nowhere, &filter("n"))
        .await
        .refused(404);
}

#[actix_web::test]
async fn those_of_all_virtual_clusters_are_shown_and_stay_where_they_are() {
    let gateway = event_gateways::started().await;
    let skip = |condition: &str, priority: i32| {
        json!({ "phase": "consume", "condition": condition, "priority": priority, "failureMode": "error",
                "topics": [{ "patternType": "PREFIXED", "name": "t" }], "action": { "type": "skip_record" } })
    };
    own(&gateway, "everywhere", None, skip("true", 100)).await;
    own(&gateway, "mine", Some("mypartner"), skip("false", 7)).await;
    let require = json!({ "phase": "produce", "condition": "true", "action": { "type": "require", "description": "why" } });
    own(&gateway, "required", Some("mypartner"), require).await;

    let listed = gateway.get(CONSUME_POLICIES).await.ok();
    assert_eq!(each(&listed, "name"), ["mine", "everywhere"]);
    assert_eq!(listed[1]["scope"], "all virtual clusters");
    assert!(listed[0].get("scope").is_none());
    assert_eq!(
        (&listed[0]["topics"], &listed[0]["failure_mode"]),
        (&json!(["t*"]), &json!("error"))
    );
    let inherited = format!("{CONSUME_POLICIES}/{}", id(&listed[1]));
    assert_eq!(gateway.get(&inherited).await.ok(), listed[1]);
    let refused = gateway.put(&inherited, &listed[1]).await.refused(409);
    assert!(refused.contains("/gateway/v2/policy"), "{refused}");
    gateway.delete(&inherited, &Value::Null).await.refused(409);
    gateway
        .admin(Method::POST, &format!("{inherited}/move"), &json!({ "index": 0 }))
        .await
        .refused(409);
    assert_eq!(
        gateway.get(CONSUME_CHAIN).await.ok(),
        json!({ "policies": [listed[0]["id"]] })
    );

    // What there are no words for stays.
    let one = format!("{CONSUME_POLICIES}/{}", id(&listed[0]));
    let mut changed = listed[0].clone();
    changed["condition"] = json!("true");
    changed.as_object_mut().unwrap().remove("topics");
    let put = gateway.put(&one, &changed).await.ok();
    assert_eq!(
        (&put["topics"], &put["failure_mode"]),
        (&json!(["t*"]), &json!("error"))
    );

    let listed = gateway.get(PRODUCE_POLICIES).await.ok();
    let required = &listed[0];
    assert_eq!(
        (&required["type"], &required["config"]),
        (&json!("require"), &json!({ "description": "why" }))
    );
    let one = format!("{PRODUCE_POLICIES}/{}", id(required));
    assert_eq!(
        gateway.put(&one, required).await.ok()["config"],
        required["config"]
    );
    let mut other = required.clone();
    other["config"]["description"] = json!("other");
    gateway.put(&one, &other).await.refused(400);
    other["name"] = json!("n");
    gateway
        .admin(Method::POST, PRODUCE_POLICIES, &other)
        .await
        .refused(400);
}

#[actix_web::test]
async fn what_cannot_be_done_is_refused_with_the_reason() {
    let gateway = event_gateways::started().await;
    let with = |mut policy: Value, field: &str, value: Value| {
        policy[field] = value;
        policy
    };
    let cases = [
        (
            CONSUME_POLICIES,
            with(filter("f"), "type", json!("decrypt_fields")),
            "not supported yet",
        ),
        (
            PRODUCE_POLICIES,
            with(headers("a"), "type", json!("transcode")),
            "not supported yet",
        ),
        (
            CLUSTER_POLICIES,
            with(rights("a"), "type", json!("request_rule_validator")),
            "are made in /gateway/v2/policy, by the action request_rules",
        ),
        (
            PRODUCE_POLICIES,
            with(filter("f"), "type", json!("skip_record")),
            "use one of",
        ),
        (
            CONSUME_POLICIES,
            with(filter("f"), "more", json!(1)),
            "the field more is unknown",
        ),
        (
            CONSUME_POLICIES,
            with(filter("f"), "condition", json!("")),
            "condition is missing",
        ),
        (
            CONSUME_POLICIES,
            with(filter("f"), "condition", json!("a b")),
            "condition: at 0",
        ),
        (
            CONSUME_POLICIES,
            with(
                filter("f"),
                "condition",
                json!(format!("true || '{}' == 'a'", "x".repeat(1000))),
            ),
            "more than 1000",
        ),
        (
            CONSUME_POLICIES,
            with(
                filter("f"),
                "parent_policy_id",
                json!("7f1b3a52-6a3d-4c8e-9b7a-0f2d4e6c8a10"),
            ),
            "schema_validation",
        ),
        (
            CONSUME_POLICIES,
            with(filter("f"), "name", json!("a b")),
            "1 to 255 of the characters",
        ),
        (
            CLUSTER_POLICIES,
            rights("a*b"),
            "config.rules[0].resource_names[0].match",
        ),
        (CLUSTER_POLICIES, rights("**"), "all that begin alike"),
        (
            CLUSTER_POLICIES,
            with(
                rights("a"),
                "condition",
                json!("context.auth.principal.name != 'ann'"),
            ),
            "condition: ACLs are for principals",
        ),
    ];
    for (path, body, why) in cases {
        let reply = gateway.admin(Method::POST, path, &body).await;
        assert!(reply.is_problem(), "{body}");
        let refused = reply.refused(400);
        assert!(refused.contains(why), "{body}: {refused}");
    }
    let without_acls = CLUSTER_POLICIES.replace("mypartner", "passthrough");
    let off = gateway
        .admin(Method::POST, &without_acls, &rights("a"))
        .await
        .refused(409);
    assert!(off.contains("checks no ACLs"), "{off}");
    gateway
        .get(&CLUSTER_POLICIES.replace("mypartner", "nowhere"))
        .await
        .refused(404);
}

#[actix_web::test]
async fn keys_and_registries_are_lists_of_what_is_configured() {
    let gateway = event_gateways::started().await;
    for (of, where_, names) in [
        ("static-keys", "klamm.keys", json!(["payroll"])),
        ("schema-registries", "klamm.registries", json!(["central"])),
    ] {
        let path = format!("/v1/event-gateways/default/{of}");
        let listed = gateway.get(&path).await.ok();
        let all = listed["data"].as_array().unwrap().iter();
        assert_eq!(json!(all.map(|one| &one["name"]).collect::<Vec<_>>()), names);
        assert_eq!(listed["meta"]["page"]["next"], Value::Null);
        gateway.get(&format!("{path}/some")).await.refused(404);
        let key = json!({ "name": "k", "value": "AAAA" });
        let refused = gateway.admin(Method::POST, &path, &key).await.refused(400);
        assert!(
            refused.contains("configuration of every node") && refused.contains(where_),
            "{refused}"
        );
        assert!(!refused.contains("AAAA"));
    }
}

/// A policy that is put in one API's words is the same policy in the other's, and only names of keys are in either.
#[actix_web::test]
async fn records_are_encrypted_with_keys_of_the_configuration() {
    let gateway = event_gateways::started().await;
    let listed = gateway.get("/v1/event-gateways/default/static-keys").await.ok();
    let key = listed["data"][0].clone();
    let one = format!(
        "/v1/event-gateways/default/static-keys/{}",
        key["id"].as_str().unwrap()
    );
    assert_eq!(gateway.get(&one).await.ok(), key);
    let config = |key: Value| {
        json!({
            "failure_mode": "error", "part_of_record": ["value"],
            "encryption_key": { "type": "static", "key": key },
        })
    };
    let encrypt = |name: &str, config: Value| json!({ "type": "encrypt", "name": name, "config": config });
    for (name, by) in [
        ("by-id", json!({ "id": key["id"] })),
        ("by-name", json!({ "name": "payroll" })),
    ] {
        let made = gateway
            .admin(Method::POST, PRODUCE_POLICIES, &encrypt(name, config(by)))
            .await;
        assert_eq!(made.status, 201, "{}", made.body);
        let made = made.json();
        assert_eq!(
            made["config"]["encryption_key"]["key"],
            json!({ "name": "payroll" })
        );
        assert_eq!(made["config"]["failure_mode"], "error");
        // What is shown can be put back.
        let path = format!("{PRODUCE_POLICIES}/{}", made["id"].as_str().unwrap());
        let again = json!({ "type": "encrypt", "config": made["config"] });
        gateway.admin(Method::PUT, &path, &again).await.ok();
    }
    let shown = gateway.get("/gateway/v2/policy?name=by-id").await.ok();
    assert_eq!(
        shown[0]["spec"]["action"],
        json!({ "type": "encrypt", "key": "payroll", "parts": ["value"] })
    );
    let decrypt = json!({
        "type": "decrypt", "name": "open",
        "config": { "failure_mode": "passthrough", "part_of_record": ["value", "key"], "key_sources": [{ "type": "static" }] },
    });
    let made = gateway.admin(Method::POST, CONSUME_POLICIES, &decrypt).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let shown = gateway.get("/gateway/v2/policy?name=open").await.ok();
    assert_eq!(
        shown[0]["spec"]["action"],
        json!({ "type": "decrypt", "keys": ["*"], "parts": ["value", "key"] })
    );
    assert_eq!(shown[0]["spec"]["failureMode"], "passthrough");
    let aws = json!({
        "failure_mode": "error", "part_of_record": ["value"],
        "encryption_key": { "type": "aws", "arn": "arn:aws:kms:eu-central-1:1:key/1" },
    });
    for (body, why) in [
        (encrypt("x", aws), "config.encryption_key.type: keys of AWS"),
        (
            encrypt(
                "x",
                config(json!({ "id": "0198d8b4-0000-7000-8000-000000000000" })),
            ),
            "there is no static key with the id",
        ),
        (encrypt("x", config(json!({}))), "either an id or a name"),
        (
            encrypt("x", config(json!({ "id": key["id"], "name": "payroll" }))),
            "either an id or a name",
        ),
    ] {
        let refused = gateway
            .admin(Method::POST, PRODUCE_POLICIES, &body)
            .await
            .refused(400);
        assert!(refused.contains(why), "{refused}");
    }
}
