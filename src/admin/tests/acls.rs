//! ACLs by themselves: put, found as Kafka finds them, and deleted.

use super::*;

fn acl(principal: &str, operation: &str, (name, pattern): (&str, &str)) -> Value {
    json!({
        "vCluster": "mypartner",
        "resourcePattern": { "resourceType": "TOPIC", "name": name, "patternType": pattern },
        "principal": principal, "host": "*", "operation": operation, "permissionType": "ALLOW",
    })
}

fn read(name: &str) -> Value {
    acl("User:ann", "READ", (name, "LITERAL"))
}

/// A gateway with ACLs of two accounts, and a policy that brings one.
async fn with_acls() -> Arc<Gateway> {
    let gateway = Gateway::walkthrough().await;
    for body in [
        read("orders"),
        read("bills"),
        acl("User:ann", "WRITE", ("ord", "PREFIXED")),
        acl("User:bob", "ALL", ("*", "LITERAL")),
    ] {
        assert_eq!(gateway.put(ACL, &body).await.ok()["upsertResult"], "CREATED");
    }
    let policy = json!({
        "kind": "Policy", "apiVersion": "gateway/v2", "metadata": { "name": "rights", "vCluster": "mypartner" },
        "spec": { "phase": "cluster", "condition": "context.auth.principal.name == 'eve'",
            "action": { "type": "acls", "rules": [{ "permissionType": "ALLOW", "resourceType": "TOPIC",
                "operations": ["READ"], "names": [{ "patternType": "LITERAL", "name": "orders" }] }] } },
    });
    gateway.put(POLICY, &policy).await.ok();
    gateway
}

/// The principals and topics that a query finds.
async fn found(gateway: &Arc<Gateway>, query: &str) -> Vec<String> {
    let found = gateway.get(&format!("{ACL}{query}")).await.ok();
    let text = |acl: &Value, place: &str| {
        acl.pointer(place)
            .and_then(Value::as_str)
            .unwrap_or("-")
            .to_owned()
    };
    let acls = found.as_array().expect("a list").iter();
    acls.map(|acl| {
        format!(
            "{} {}",
            text(acl, "/principal"),
            text(acl, "/resourcePattern/name")
        )
    })
    .collect()
}

#[actix_web::test]
async fn an_acl_is_put_once_and_what_is_shown_can_be_put_back() {
    let gateway = Gateway::walkthrough().await;
    let dry = gateway
        .put(&format!("{ACL}?dryMode=true"), &read("orders"))
        .await
        .ok();
    assert_eq!(dry["upsertResult"], "CREATED");
    assert_eq!(gateway.get(ACL).await.ok(), json!([]));
    let put = gateway.put(ACL, &read("orders")).await;
    assert!(put.revision.is_some() && put.warning.is_none());
    assert_eq!(
        put.ok(),
        json!({ "resource": read("orders"), "upsertResult": "CREATED" })
    );
    let shown = gateway.get(ACL).await.ok();
    assert_eq!(shown, json!([read("orders")]));
    assert_eq!(
        gateway.put(ACL, &shown[0]).await.ok()["upsertResult"],
        "NOT_CHANGED"
    );
    let reading = gateway.send(Some("eye:conduktor"), Method::PUT, ACL, "{}").await;
    reading.refused(403);
}

#[actix_web::test]
async fn acls_are_found_as_kafka_finds_them() {
    let gateway = with_acls().await;
    for (query, expected) in [
        (
            "?vcluster=mypartner",
            &[
                "User:bob *",
                "User:ann bills",
                "User:ann ord",
                "User:ann orders",
                "User:eve orders",
            ][..],
        ),
        ("?principal=User:bob", &["User:bob *"]),
        ("?resourceName=orders", &["User:ann orders", "User:eve orders"]),
        (
            "?resourceType=TOPIC&resourceName=orders&patternType=MATCH",
            &["User:bob *", "User:ann ord", "User:ann orders", "User:eve orders"],
        ),
        ("?patternType=PREFIXED&resourceType=ANY", &["User:ann ord"]),
        ("?operation=ALL", &["User:bob *"]),
        ("?operation=ANY&permissionType=DENY", &[]),
        ("?host=10.0.0.1", &[]),
        ("?resourceType=GROUP", &[]),
    ] {
        assert_eq!(found(&gateway, query).await, expected, "{query}");
    }
    gateway.get(&format!("{ACL}?vcluster=nowhere")).await.refused(404);
    let refused = gateway.get(&format!("{ACL}?operation=Reed")).await.refused(400);
    assert!(
        refused.contains("Reed") && refused.contains("IDEMPOTENT_WRITE"),
        "{refused}"
    );
}

#[actix_web::test]
async fn acls_are_deleted_one_by_one_or_by_a_filter_and_the_answer_names_them() {
    let gateway = with_acls().await;
    let dry = format!("{ACL}?dryMode=true");
    let of_ann = json!({ "vCluster": "mypartner", "principal": "User:ann" });
    let deleted = gateway.delete(&dry, &of_ann).await.ok();
    assert_eq!(deleted["deleted"].as_array().map(Vec::len), Some(3), "{deleted}");
    let deleted = gateway.delete(ACL, &read("bills")).await;
    assert!(deleted.revision.is_some());
    assert_eq!(deleted.ok(), json!({ "deleted": [read("bills")], "kept": [] }));
    gateway.delete(ACL, &read("bills")).await.refused(404);
    gateway.delete(ACL, &of_ann).await.ok();
    assert_eq!(
        found(&gateway, "?vcluster=mypartner").await,
        ["User:bob *", "User:eve orders"]
    );
    let refused = gateway
        .delete(ACL, &json!({ "vCluster": "mypartner" }))
        .await
        .refused(400);
    assert!(refused.contains("at least one of"), "{refused}");
    let everything = json!({ "vCluster": "mypartner", "resourcePattern": { "resourceType": "ANY" } });
    let deleted = gateway.delete(ACL, &everything).await.ok();
    assert_eq!(deleted["deleted"][0]["principal"], "User:bob");
    assert_eq!(
        deleted["kept"][0]["policy"], "policy rights of virtual cluster mypartner",
        "{deleted}"
    );
}

#[actix_web::test]
async fn an_acl_of_a_policy_is_shown_with_it_and_changed_there() {
    let gateway = with_acls().await;
    let of_policy = gateway.get(&format!("{ACL}?principal=User:eve")).await.ok();
    assert_eq!(
        of_policy[0]["policy"],
        "policy rights of virtual cluster mypartner"
    );
    let refused = gateway.delete(ACL, &of_policy[0]).await.refused(409);
    assert!(
        refused.contains("policy rights of virtual cluster mypartner: change it there"),
        "{refused}"
    );
}

#[actix_web::test]
async fn acls_that_are_declared_are_listed_and_changed_with_their_virtual_cluster() {
    let gateway = Gateway::walkthrough().await;
    let mut declared = partner();
    declared["metadata"]["name"] = json!("declared");
    declared["spec"]["aclMode"] = json!("REST_API");
    let mut own = read("orders");
    own.as_object_mut().expect("an object").remove("vCluster");
    declared["spec"]["acls"] = json!([own]);
    gateway.put(VCLUSTER, &declared).await.ok();
    assert_eq!(found(&gateway, "?vcluster=declared").await, ["User:ann orders"]);
    let mut other = read("orders");
    other["vCluster"] = json!("declared");
    for refused in [
        gateway.put(ACL, &other).await,
        gateway.put(&format!("{ACL}?dryMode=true"), &other).await,
        gateway.delete(ACL, &other).await,
    ] {
        let refused = refused.refused(409);
        assert!(
            refused.contains("spec.acls (aclMode REST_API)") && refused.contains("klamm apply"),
            "{refused}"
        );
    }
}

#[actix_web::test]
async fn what_would_do_nothing_is_refused_or_said() {
    let gateway = Gateway::new().with_passthrough();
    let mut passthrough = read("orders");
    passthrough.as_object_mut().expect("an object").remove("vCluster");
    let is_asked = gateway.put(ACL, &passthrough).await;
    assert_eq!(
        is_asked.warning.is_some(),
        !gateway.states.borrow().vclusters["passthrough"].has_acls_in_force()
    );
    let open = json!({
        "kind": "VirtualCluster", "apiVersion": "gateway/v2", "metadata": { "name": "open" },
        "spec": { "type": "Standard", "aclEnabled": false },
    });
    gateway.put(VCLUSTER, &open).await.ok();
    let mut to_come = read("orders");
    to_come["vCluster"] = json!("open");
    let put = gateway.put(ACL, &to_come).await;
    let warning = put.warning.clone().unwrap_or_default();
    assert!(warning.contains("until its spec.aclEnabled is true"), "{warning}");
    assert_eq!(put.ok()["upsertResult"], "CREATED");
    for (field, value, words) in [
        ("principal", json!("ann"), "write User:ann"),
        ("host", json!("here"), "neither * nor an IP address"),
        (
            "operation",
            json!("IDEMPOTENT_WRITE"),
            "nobody asks for IdempotentWrite",
        ),
        ("vCluster", json!("nowhere"), "nowhere"),
    ] {
        let mut wrong = to_come.clone();
        wrong[field] = value;
        let reply = gateway.put(ACL, &wrong).await;
        let refused = reply.refused(if field == "vCluster" { 404 } else { 400 });
        assert!(refused.contains(words), "{refused}");
    }
}
