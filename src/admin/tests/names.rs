//! Names that somebody has already: a change does not take them, and what came later is shown as hidden.

use klamm_raft::command::Command;
use klamm_raft::model::Holder;
use serde_json::{Value, json};

use super::{ALIAS, Gateway, Method, VCLUSTER, alias};
use crate::admin::CannotAsk;

const TOPICS: &str = "/gateway/v2/virtual-cluster/dev/topics";

/// Topics of `main` that begin with `dev-`, without it, and what is let in beside them.
fn dev(additional: &[&str]) -> Value {
    json!({
        "kind": "VirtualCluster", "apiVersion": "gateway/v2", "metadata": {"name": "dev"},
        "spec": {"type": "Standard", "aclEnabled": false, "namespace": {
            "mode": "hide_prefix", "prefix": "dev-", "additional": {"topics": additional}}},
    })
}

fn alias_of_dev(name: &str, cluster: &str, physical: &str) -> Value {
    let mut alias = alias(name, physical);
    alias["metadata"]["vCluster"] = json!("dev");
    alias["spec"]["physicalCluster"] = json!(cluster);
    alias
}

#[actix_web::test]
async fn an_alias_takes_no_name_from_a_topic_that_clients_see() {
    let gateway = Gateway::new();
    gateway.put(VCLUSTER, &dev(&["sha*"])).await.ok();
    let before = gateway.states.borrow().clone();
    for (name, rival) in [
        ("orders", "dev-orders, a topic of the namespace"),
        ("shared", "shared, which is let in"),
    ] {
        for path in [ALIAS.to_owned(), format!("{ALIAS}?dryMode=true")] {
            let put = alias_of_dev(name, "clusterA", "internal-1");
            let refused = gateway.put(&path, &put).await.refused(409);
            let has = format!("virtual cluster dev already has a topic {name}: {rival}");
            assert!(refused.contains(&has), "{refused}");
        }
    }
    assert_eq!(*gateway.states.borrow(), before);
    let itself = alias_of_dev("bills", "main", "dev-bills");
    assert_eq!(gateway.put(ALIAS, &itself).await.ok()["upsertResult"], "CREATED");
    *gateway.upstream_failure.lock().unwrap() = Some(CannotAsk("no broker answers".to_owned()));
    let put = alias_of_dev("free", "clusterA", "internal-1");
    gateway.put(ALIAS, &put).await.refused(503);
}

#[actix_web::test]
async fn a_selector_lets_nothing_in_under_a_name_that_is_taken() {
    let gateway = Gateway::new();
    gateway.put(VCLUSTER, &dev(&[])).await.ok();
    gateway
        .put(ALIAS, &alias_of_dev("shared", "clusterA", "internal-1"))
        .await
        .ok();
    for path in [VCLUSTER.to_owned(), format!("{VCLUSTER}?dryMode=true")] {
        let refused = gateway.put(&path, &dev(&["sh*"])).await.refused(409);
        let both = "as shared: the alias topic shared (internal-1 on clusterA), and shared, which is let in";
        assert!(refused.contains(both), "{refused}");
    }
    let refused = gateway.put(VCLUSTER, &dev(&["or*"])).await.ok();
    assert_eq!(refused["upsertResult"], "UPDATED", "nothing there is called so");
    *gateway.upstream_failure.lock().unwrap() = Some(CannotAsk("no broker answers".to_owned()));
    let refused = gateway.put(VCLUSTER, &dev(&["o*"])).await.refused(503);
    assert!(
        refused.contains("Nothing was changed") && refused.contains("no broker answers"),
        "{refused}"
    );
    let mut same = dev(&["or*"]);
    same["spec"]["superUsers"] = json!(["admin"]);
    let put = gateway.put(VCLUSTER, &same).await.ok();
    assert_eq!(
        put["upsertResult"], "UPDATED",
        "where names stay, nobody needs to be asked"
    );
}

#[actix_web::test]
async fn what_is_hidden_is_shown_to_operators_with_who_has_the_name() {
    let gateway = Gateway::new();
    // As if `dev-orders` were created when the alias was there, and `dev-shared` when `shared` was.
    gateway.put(VCLUSTER, &dev(&["shared", "internal-*"])).await.ok();
    let forced = Command::PutAlias {
        vcluster: "dev".parse().unwrap(),
        name: "orders".parse().unwrap(),
        alias: klamm_raft::model::AliasTopic {
            physical_cluster: "clusterA".parse().unwrap(),
            physical_name: "internal-1".parse().unwrap(),
        },
    };
    gateway.apply(forced);
    let shown = gateway.get(&format!("{TOPICS}?name=orders")).await.ok();
    assert_eq!(shown[0]["physicalName"], "internal-1");
    assert_eq!(
        shown[1],
        json!({
            "name": "orders", "physicalCluster": "main", "physicalName": "dev-orders", "owned": false,
            "exists": true, "partitions": 3, "hiddenBy": "AliasTopic orders",
        })
    );
    let names = ["bills".parse().unwrap(), "internal-topic-name1".parse().unwrap()];
    let held = names.map(|name| (name, Holder::Own));
    gateway.apply(Command::SettleNames {
        vcluster: "dev".parse().unwrap(),
        held: held.into(),
        released: [].into(),
    });
    let shown = gateway
        .get(&format!("{TOPICS}?name=internal-topic-name1"))
        .await
        .ok();
    assert_eq!(
        shown[0]["hiddenBy"],
        "topic dev-internal-topic-name1 of the namespace"
    );
    // What is hidden neither comes nor goes.
    let dry = gateway
        .put(&format!("{VCLUSTER}?dryMode=true"), &dev(&["shared"]))
        .await
        .ok();
    assert_eq!(dry["topics"], json!({"appear": [], "vanish": []}));
}

#[actix_web::test]
async fn an_alias_stands_for_another_topic_only_when_it_is_told_to() {
    let gateway = Gateway::walkthrough().await;
    let mut moved = alias("topic1", "internal-2");
    for path in [ALIAS.to_owned(), format!("{ALIAS}?dryMode=true")] {
        let refused = gateway.put(&path, &moved).await.refused(409);
        for part in [
            "stands for internal-topic-name1 on clusterA",
            "spec.repoint: true",
            "group app: partition 0 (now at 120) starts where its auto.offset.reset says: 120 is outside 0 to 50",
            "partition 1 (now at 10) continues at 7 of 50, where it was there before: reads 43 records, skips 7",
        ] {
            assert!(refused.contains(part), "{part}: {refused}");
        }
    }
    *gateway.survey_failure.lock().unwrap() = Some(CannotAsk("no broker answers".to_owned()));
    let refused = gateway.put(ALIAS, &moved).await.refused(409);
    assert!(
        refused.contains("cannot be determined at the moment: no broker answers"),
        "{refused}"
    );
    moved["spec"]["repoint"] = json!(true);
    let dry = gateway.put(&format!("{ALIAS}?dryMode=true"), &moved).await.ok();
    assert_eq!(dry["upsertResult"], "UPDATED");
    let put = gateway.put(ALIAS, &moved).await.ok();
    assert_eq!(put["upsertResult"], "UPDATED");
    assert_eq!(put["resource"], alias("topic1", "internal-2"), "it is no state");
    assert_eq!(
        gateway.put(ALIAS, &moved).await.ok()["upsertResult"],
        "NOT_CHANGED"
    );
    assert_eq!(
        gateway.put(ALIAS, &alias("topic1", "internal-2")).await.ok()["upsertResult"],
        "NOT_CHANGED"
    );
    assert_eq!(
        gateway.get(ALIAS).await.ok(),
        json!([alias("topic1", "internal-2")])
    );
}

#[actix_web::test]
async fn aliases_that_are_written_with_a_virtual_cluster_keep_the_same_rules() {
    const PATH: &str = "/v1/event-gateways/default/virtual-clusters";
    let gateway = super::event_gateways::started().await;
    let body = |aliases: Value| {
        json!({
            "name": "dev", "authentication": [{"type": "sasl_scram", "mediation": "terminate"}],
            "namespace": {"mode": "hide_prefix", "prefix": "dev-"}, "topic_aliases": aliases,
        })
    };
    let free = |topic: &str| json!({"alias": "free", "topic": topic});
    let taken = json!({"alias": "orders", "topic": "internal-1"});
    let has = "virtual cluster dev already has a topic orders: dev-orders, a topic of the namespace";
    let refused = gateway.admin(Method::POST, PATH, &body(json!([taken]))).await;
    let refused = refused.refused(409);
    assert!(refused.contains(has), "as it will be: {refused}");

    let made = gateway
        .admin(Method::POST, PATH, &body(json!([free("internal-2")])))
        .await;
    assert_eq!(made.status, 201, "{}", made.body);
    let path = format!("{PATH}/dev");
    let both = body(json!([free("internal-2"), taken]));
    let refused = gateway.put(&path, &both).await.refused(409);
    assert!(refused.contains(has), "{refused}");

    let refused = gateway.put(&path, &body(json!([free("internal-3")]))).await;
    let refused = refused.refused(409);
    for part in [
        "stands for internal-2 on main",
        "in topic_aliases, with repoint: true",
        "group app: partition 1 (now at 7) continues at 7 of 50",
    ] {
        assert!(refused.contains(part), "{part}: {refused}");
    }
    let mut moved = free("internal-3");
    moved["repoint"] = json!(true);
    for _ in 0..2 {
        let put = gateway.put(&path, &body(json!([moved]))).await.ok();
        let shown = &put["topic_aliases"][0];
        assert_eq!(shown["topic"], "internal-3");
        assert!(shown.get("repoint").is_none(), "it is no state: {shown}");
    }

    *gateway.upstream_failure.lock().unwrap() = Some(CannotAsk("no broker answers".to_owned()));
    gateway.put(&path, &body(json!([free("internal-3")]))).await.ok();
    let more = body(json!([free("internal-3"), {"alias": "new", "topic": "internal-4"}]));
    gateway.put(&path, &more).await.refused(503);
}
