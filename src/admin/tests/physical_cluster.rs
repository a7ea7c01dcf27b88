//! Physical clusters that are resources: secrets are references, what is configured or used stays, and who reaches them is
//! shown.

use klamm_raft::model::{ClusterReport, ReportedReach};

use super::*;

const CLUSTER: &str = "/gateway/v2/physical-cluster";
const BACKENDS: &str = "/v1/event-gateways/default/backend-clusters";

const SWITCH: &str = "/gateway/v2/cluster/routes/switch";

const JAAS: &str = "org.apache.kafka.common.security.scram.ScramLoginModule required username=\"klamm\"";

/// One with a login, whose password is written so.
fn with_password(name: &str, password: &str) -> Value {
    cluster(
        name,
        json!({
            "bootstrap.servers": "east-1:9092", "security.protocol": "SASL_SSL",
            "sasl.mechanism": "SCRAM-SHA-512", "sasl.jaas.config": format!("{JAAS} password=\"{password}\";"),
        }),
    )
}

fn cluster(name: &str, properties: Value) -> Value {
    json!({ "kind": "PhysicalCluster", "apiVersion": "gateway/v2", "metadata": { "name": name },
            "spec": { "properties": properties } })
}

fn plaintext(name: &str) -> Value {
    cluster(name, json!({ "bootstrap.servers": "east-1:9092" }))
}

#[actix_web::test]
async fn one_is_put_shown_and_deleted() {
    let gateway = Gateway::walkthrough().await;
    let one = format!("{CLUSTER}/east");
    gateway.get(&one).await.refused(404);
    let body = with_password("east", "${env[KLAMM_SECRET_EAST]}");
    let dry = gateway.put(&format!("{CLUSTER}?dryMode=true"), &body).await.ok();
    assert_eq!(dry["upsertResult"], "CREATED");
    assert_eq!(gateway.get(CLUSTER).await.ok(), json!([]));
    let put = gateway.put(CLUSTER, &body).await.ok();
    assert_eq!(put["upsertResult"], "CREATED");
    assert_eq!(put["resource"]["spec"], body["spec"]);
    // What is shown can be put back.
    let shown = gateway.get(&one).await.ok();
    assert_eq!(shown["status"]["usedBy"], json!([]));
    let again = gateway.put(CLUSTER, &shown).await.ok();
    assert_eq!(again["upsertResult"], "NOT_CHANGED");
    let mut more = body.clone();
    more["metadata"]["labels"] = json!({ "region": "east" });
    more["spec"]["description"] = json!("in the east");
    more["spec"]["roles"] = json!("upstream");
    assert_eq!(gateway.put(CLUSTER, &more).await.ok()["upsertResult"], "UPDATED");
    let listed = gateway.get(CLUSTER).await.ok();
    assert_eq!(listed[0]["metadata"]["labels"]["region"], "east");
    assert_eq!(
        gateway
            .delete(&format!("{CLUSTER}/EAST"), &Value::Null)
            .await
            .status,
        204
    );
    let gone = gateway.delete(&one, &Value::Null).await.refused(404);
    assert_eq!(gone, "there is no physical cluster east among the resources");
    let reading = gateway
        .send(Some("eye:conduktor"), Method::PUT, CLUSTER, "{}")
        .await;
    reading.refused(403);
}

#[actix_web::test]
async fn secrets_are_references_to_what_resources_may_name() {
    let gateway = Gateway::walkthrough().await;
    let tls = |name: &str, value: &str| {
        let mut body = plaintext("east");
        let properties = &mut body["spec"]["properties"];
        properties["security.protocol"] = json!("SSL");
        properties["ssl.truststore.type"] = json!("PEM");
        properties[name] = json!(value);
        body
    };
    let mut further = plaintext("east");
    further["spec"]["credentials"] = json!({ "billing": { "sasl.mechanism": "PLAIN" } });
    let with = |roles: &str, original: &str| {
        let mut body = plaintext("east");
        body["spec"]["roles"] = json!(roles);
        body["spec"]["failoverFor"] = json!(original);
        body
    };
    for (body, why) in [
        (
            with_password("east", "s3cret"),
            "spec.properties.sasl.jaas.config: password: a resource holds no secrets, since every reader of the admin API sees it: write a reference instead, ${env[NAME]}",
        ),
        (
            with_password("east", "x${env[KLAMM_SECRET_A]}"),
            "a resource holds no secrets",
        ),
        (
            with_password("east", "${env[PATH]}"),
            "${env[PATH]} is not for resources",
        ),
        (
            with_password("east", "${file[/etc/passwd]}"),
            "is not for resources",
        ),
        (with_password("east", "${file[../x]}"), "must not go up by .."),
        (with_password("east", "${vault[x]}"), "this is not a reference"),
        (
            tls("ssl.truststore.certificates", "no certificate"),
            "there is no certificate in PEM form",
        ),
        (
            tls("ssl.truststore.location", "/etc/ca.pem"),
            "a resource has no paths",
        ),
        (tls("ssl.keystore.key", "s3cret"), "a resource holds no secrets"),
        (
            tls("ssl.truststore.typo", "x"),
            "the Kafka property ssl.truststore.typo is unknown",
        ),
        (
            cluster("east", json!({ "bootstrap.servers": "${env[KLAMM_SECRET_A]}" })),
            "this cannot be a reference",
        ),
        (
            cluster("east", json!({})),
            "spec.properties.bootstrap.servers: this is required",
        ),
        (
            cluster("east", json!({ "bootstrap.servers": "east" })),
            "spec.properties.bootstrap.servers",
        ),
        (further, "the security protocol does not use SASL"),
        (
            with("spare", "main"),
            "spec.roles: \"spare\" is unknown; use one of upstream, failover",
        ),
        (with("failover", "east"), "cannot stand in for itself"),
        (
            with("upstream", "main"),
            "only a physical cluster with gateway.roles: failover stands in for another",
        ),
    ] {
        let refused = gateway.put(CLUSTER, &body).await.refused(400);
        assert!(refused.contains(why), "{refused}");
        assert!(!refused.contains("s3cret"), "{refused}");
    }
    let aimless = gateway.put(CLUSTER, &with("failover", "west")).await;
    let warning = aimless.warning.clone().expect("a warning");
    assert!(
        warning.contains("there is no physical cluster west: requests can be switched once there is one"),
        "{warning}"
    );
    let stand_in = gateway.put(CLUSTER, &with("failover", "main")).await.ok();
    let spec = &stand_in["resource"]["spec"];
    assert_eq!(
        (&spec["roles"], &spec["failoverFor"]),
        (&json!("failover"), &json!("main"))
    );
    assert_eq!(spec["properties"], plaintext("east")["spec"]["properties"]);
    let ca = tls("ssl.truststore.certificates", "${file[ca.pem]}");
    assert_eq!(gateway.put(CLUSTER, &ca).await.ok()["upsertResult"], "UPDATED");
}

#[actix_web::test]
async fn what_the_configuration_has_is_not_put() {
    let gateway = Gateway::walkthrough().await;
    let refused = gateway.put(CLUSTER, &plaintext("MAIN")).await.refused(409);
    assert!(
        refused.contains("MAIN is part of the configuration of this node"),
        "{refused}"
    );
    gateway
        .delete(&format!("{CLUSTER}/main"), &Value::Null)
        .await
        .refused(409);
    let refused = gateway.get(&format!("{CLUSTER}/clusterA")).await.refused(404);
    assert!(refused.contains("part of the configuration"), "{refused}");
    let id = NodeId(2);
    let report = ClusterReport {
        is_configured: true,
        ..ClusterReport::default()
    };
    let mut state = State::clone(&gateway.states.borrow());
    state.nodes.insert(id, state.nodes[&NodeId(1)].clone());
    let of_it = [("east".parse().unwrap(), report)].into();
    state.cluster_reports.insert(id, of_it);
    gateway.states.send_replace(Arc::new(state));
    let refused = gateway.put(CLUSTER, &plaintext("east")).await.refused(409);
    assert!(
        refused.contains("east is part of the configuration of node 2"),
        "{refused}"
    );
}

#[actix_web::test]
async fn one_of_the_configuration_is_adopted_as_it_is_reached_there() {
    let gateway = Gateway::walkthrough().await;
    let adopt = "/gateway/v2/cluster/adopt-physical-cluster";
    let plain = "org.apache.kafka.common.security.plain.PlainLoginModule required";
    // The references of this test all lead to the secret that is configured.
    let written = |password: &str| {
        let jaas = |user: &str| format!("{plain} username=\"{user}\" password=\"{password}\";");
        let mut body = cluster(
            "clusterA",
            json!({
                "bootstrap.servers": "a:9092", "security.protocol": "SASL_PLAINTEXT",
                "sasl.mechanism": "PLAIN", "sasl.jaas.config": jaas("gateway"),
            }),
        );
        body["spec"]["credentials"] = json!({ "billing": { "sasl.jaas.config": jaas("billing") } });
        body
    };
    let body = written("${env[KLAMM_SECRET_A]}");
    let refused = gateway.put(CLUSTER, &body).await.refused(409);
    assert!(refused.contains("klamm cluster adopt clusterA"), "{refused}");
    let refused = gateway
        .admin(Method::POST, adopt, &written("s3cret"))
        .await
        .refused(400);
    assert!(refused.contains("a resource holds no secrets"), "{refused}");
    gateway
        .admin(Method::POST, adopt, &written("${env[PATH]}"))
        .await
        .refused(400);
    let mut other = body.clone();
    other["spec"]["properties"]["bootstrap.servers"] = json!("b:9092");
    other["spec"]["credentials"] = json!({});
    let refused = gateway.admin(Method::POST, adopt, &other).await.refused(409);
    assert!(
        refused.ends_with("what differs: bootstrap.servers, credentials"),
        "{refused}"
    );
    let refused = gateway
        .admin(Method::POST, adopt, &plaintext("east"))
        .await
        .refused(409);
    assert!(refused.contains("there is nothing to adopt"), "{refused}");
    let refused = gateway
        .admin(Method::POST, adopt, &plaintext("main"))
        .await
        .refused(409);
    assert!(refused.contains("cannot be adopted"), "{refused}");
    let dry = gateway
        .admin(Method::POST, &format!("{adopt}?dryMode=true"), &body)
        .await
        .ok();
    assert_eq!(dry["upsertResult"], "CREATED");
    for result in ["CREATED", "NOT_CHANGED"] {
        let put = gateway.admin(Method::POST, adopt, &body).await.ok();
        assert_eq!(put["upsertResult"], result);
        assert_eq!(put["resource"]["spec"], body["spec"]);
    }
}

#[actix_web::test]
async fn what_is_used_stays_and_its_users_are_named() {
    let gateway = Gateway::walkthrough().await;
    let mut east = with_password("east", "${env[KLAMM_SECRET_EAST]}");
    let billing = json!({ "sasl.jaas.config": "${env[KLAMM_SECRET_BILLING]}" });
    east["spec"]["credentials"] = json!({ "billing": billing, "shipping": billing });
    gateway.put(CLUSTER, &east).await.ok();
    let mut alias = alias("topic9", "internal-topic-name9");
    alias["spec"]["physicalCluster"] = json!("east");
    gateway.put(ALIAS, &alias).await.ok();
    let one = format!("{CLUSTER}/east");
    let refused = gateway.delete(&one, &Value::Null).await.refused(409);
    assert_eq!(
        refused,
        "physical cluster east is still used by AliasTopic/mypartner/topic9"
    );
    assert_eq!(
        gateway.get(&one).await.ok()["status"]["usedBy"],
        json!(["mypartner"])
    );
    gateway
        .delete(ALIAS, &json!({ "name": "topic9", "vCluster": "mypartner" }))
        .await;
    let mut shipper = account("partner-user");
    shipper["spec"]["upstreamCredentials"] = json!("shipping");
    gateway.put(ACCOUNT, &shipper).await.ok();
    let refused = gateway.delete(&one, &Value::Null).await.refused(409);
    let user = "spec.upstreamCredentials of GatewayServiceAccount/mypartner/partner-user";
    assert!(refused.contains(user), "{refused}");
    let mut fewer = east.clone();
    fewer["spec"]["credentials"] = json!({ "billing": billing });
    gateway.put(CLUSTER, &fewer).await.refused(409);
    // The configuration has credentials of that name, too.
    shipper["spec"]["upstreamCredentials"] = json!("billing");
    gateway.put(ACCOUNT, &shipper).await.ok();
    gateway.put(CLUSTER, &fewer).await.ok();
    assert_eq!(gateway.delete(&one, &Value::Null).await.status, 204);
}

#[actix_web::test]
async fn requests_are_switched_for_what_has_something_of_its_own() {
    let gateway = Gateway::walkthrough().await;
    let mut state = State::clone(&gateway.states.borrow());
    let report = ClusterReport {
        stands_in_for: Some("main".parse().unwrap()),
        ..ClusterReport::default()
    };
    let told = [("clusterA".parse().unwrap(), report)].into();
    state.cluster_reports.insert(NodeId(1), told);
    gateway.states.send_replace(Arc::new(state));
    for (cluster, status, why) in [
        ("nowhere", 409, "the physical cluster nowhere is not configured"),
        (
            "clusterA",
            409,
            "the physical cluster clusterA stands in for main",
        ),
    ] {
        let body = json!({ "cluster": cluster, "to": "failover" });
        let switched = gateway.admin(Method::POST, SWITCH, &body).await;
        let said = switched.refused(status);
        assert!(said.contains(why), "{said}");
    }
}

#[actix_web::test]
async fn each_node_says_how_it_reaches_one() {
    let gateway = Gateway::walkthrough().await;
    let report = |reach, fault: Option<&str>| ClusterReport {
        reach,
        brokers: 3,
        fault: fault.map(str::to_owned),
        missing: fault
            .map(|_| "${env[KLAMM_SECRET_EAST]}".to_owned())
            .into_iter()
            .collect(),
        ..ClusterReport::default()
    };
    let east = || "east".parse::<ClusterId>().unwrap();
    let here = report(ReportedReach::Unreachable, Some("it is not set"));
    gateway.reports.lock().unwrap().insert(east(), here);
    let put = gateway
        .put(CLUSTER, &with_password("east", "${env[KLAMM_SECRET_EAST]}"))
        .await;
    let warning = put.warning.clone().expect("a warning");
    assert!(
        warning.contains("cannot follow ${env[KLAMM_SECRET_EAST]}"),
        "{warning}"
    );
    let mut state = State::clone(&gateway.states.borrow());
    state.nodes.insert(NodeId(2), state.nodes[&NodeId(1)].clone());
    state.nodes.insert(NodeId(3), state.nodes[&NodeId(1)].clone());
    let told = [(east(), report(ReportedReach::Reachable, None))].into();
    state.cluster_reports.insert(NodeId(2), told);
    gateway.states.send_replace(Arc::new(state));
    let status = gateway.get(&format!("{CLUSTER}/east")).await.ok()["status"].clone();
    assert_eq!(
        (&status["reachable"], &status["kafkaClusterId"]),
        (&json!("1/3"), &Value::Null)
    );
    let nodes = &status["nodes"];
    assert_eq!(
        nodes["1"],
        json!({ "source": "RESOURCE", "reachable": false, "brokers": 3, "lastError": "it is not set",
                "missingReferences": ["${env[KLAMM_SECRET_EAST]}"] })
    );
    assert_eq!(
        (&nodes["2"]["reachable"], &nodes["3"]["reachable"]),
        (&json!(true), &json!(false))
    );
}

#[actix_web::test]
async fn a_cluster_that_is_closed_takes_nobody_without_a_login() {
    let gateway = Gateway::walkthrough().await;
    let closed = json!({ "bootstrap.servers": "east-1:9092", "gateway.allow.anonymous": "false" });
    gateway.put(CLUSTER, &cluster("east", closed)).await.ok();
    let vcluster = |backend: &str| {
        json!({ "kind": "VirtualCluster", "apiVersion": "gateway/v2", "metadata": { "name": "open" },
                "spec": { "type": "Standard", "backend": backend, "aclEnabled": false,
                          "authentication": [{ "type": "anonymous" }],
                          "namespace": { "mode": "hide_prefix", "prefix": "open-" } } })
    };
    let refused = gateway.put(VCLUSTER, &vcluster("east")).await.refused(400);
    assert!(
        refused.contains("the physical cluster east to everybody"),
        "{refused}"
    );
    let refused = gateway.put(VCLUSTER, &vcluster("west")).await.refused(409);
    assert!(
        refused.contains("the configured ones are clusterA, east, main"),
        "{refused}"
    );
    gateway.put(CLUSTER, &plaintext("east")).await.ok();
    gateway.put(VCLUSTER, &vcluster("east")).await.ok();
}

#[actix_web::test]
async fn the_words_of_event_gateways_are_for_the_same_clusters() {
    let gateway = event_gateways::started().await;
    let body = json!({
        "name": "east", "bootstrap_servers": ["east-1:9092", "east-2:9092"], "labels": { "region": "east" },
        "authentication": { "type": "sasl_plain", "username": "klamm", "password": "${env['KLAMM_SECRET_EAST']}" },
        "tls": { "enabled": true, "ca_bundle": "${file[ca.pem]}" }, "metadata_update_interval_seconds": 60,
    });
    let created = gateway.admin(Method::POST, BACKENDS, &body).await;
    assert_eq!(created.status, 201, "{}", created.body);
    let created = created.json();
    for field in [
        "name",
        "bootstrap_servers",
        "labels",
        "metadata_update_interval_seconds",
    ] {
        assert_eq!(created[field], body[field], "{field}");
    }
    assert_eq!(
        created["authentication"],
        json!({ "type": "sasl_plain", "username": "klamm" })
    );
    assert_eq!(created["tls"]["ca_bundle"], "${file[ca.pem]}");
    gateway.admin(Method::POST, BACKENDS, &body).await.refused(409);
    let id = created["id"].as_str().unwrap();
    for which in [id, "east", "EAST"] {
        assert_eq!(gateway.get(&format!("{BACKENDS}/{which}")).await.ok(), created);
    }
    let resource = gateway.get(&format!("{CLUSTER}/east")).await.ok();
    assert_eq!(resource["spec"]["properties"]["security.protocol"], "SASL_SSL");
    let one = format!("{BACKENDS}/{id}");
    let patch = json!({ "tls": { "enabled": false }, "description": "plain" });
    let patched = gateway.admin(Method::PATCH, &one, &patch).await.ok();
    assert_eq!(
        (&patched["description"], &patched["tls"]["enabled"]),
        (&json!("plain"), &json!(false))
    );
    assert_eq!(patched["authentication"], created["authentication"]);
    let put = gateway.put(&one, &body).await.ok();
    assert_eq!((&put["description"], &put["tls"]), (&json!(""), &created["tls"]));
    let mut renamed = body.clone();
    renamed["name"] = json!("west");
    gateway.put(&one, &renamed).await.refused(409);
    let mut literal = body.clone();
    literal["authentication"]["password"] = json!("s3cret");
    let refused = gateway.put(&one, &literal).await;
    assert_eq!(
        refused.json()["invalid_parameters"][0]["field"],
        "authentication.password"
    );
    assert!(!refused.body.contains("s3cret"), "{}", refused.body);
    let mut nowhere = body.clone();
    nowhere["bootstrap_servers"] = json!(["east"]);
    let refused = gateway.put(&one, &nowhere).await;
    assert_eq!(
        refused.json()["invalid_parameters"][0]["field"],
        "bootstrap_servers"
    );
    for (method, body) in [
        (
            Method::PUT,
            json!({ "name": "main", "bootstrap_servers": ["a:1"],
                              "authentication": { "type": "anonymous" }, "tls": { "enabled": false } }),
        ),
        (Method::PATCH, json!({ "description": "mine" })),
        (Method::DELETE, Value::Null),
    ] {
        let refused = gateway
            .admin(method, &format!("{BACKENDS}/main"), &body)
            .await
            .refused(409);
        assert!(refused.contains("part of the configuration"), "{refused}");
    }
    let names = gateway.get(BACKENDS).await.ok()["data"].clone();
    let names: Vec<&str> = names
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|one| one["name"].as_str())
        .collect();
    assert_eq!(names, ["clusterA", "east", "main"]);
    assert_eq!(gateway.delete(&one, &Value::Null).await.status, 204);
    gateway.get(&one).await.refused(404);
}
