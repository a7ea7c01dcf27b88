//! Virtual clusters whose methods nobody could use, or that would let everybody in.

use klamm_raft::model::{Protocol, Speech};

use super::*;

const EVENT_GATEWAY: &str = "/v1/event-gateways/default/virtual-clusters";

/// The example of the event gateway's reference document, for a cluster of this configuration.
fn example() -> Value {
    json!({
        "name": "example-name",
        "destination": { "name": "main" },
        "authentication": [{ "type": "anonymous" }],
        "dns_label": "virtual-cluster-1",
    })
}

fn with_methods(name: &str, methods: &Value) -> Value {
    let mut partner = partner();
    partner["metadata"]["name"] = json!(name);
    partner["spec"]["authentication"] = methods.clone();
    partner
}

#[actix_web::test]
async fn clients_are_told_to_speak_what_the_methods_ask_for() {
    let gateway = Gateway::new().with_passthrough();
    let made = gateway.admin(Method::POST, EVENT_GATEWAY, &example()).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let path = format!("{VCLUSTER}/example-name");
    let mut shown = gateway.get(&path).await.ok();
    let properties = json!({ "security.protocol": "PLAINTEXT" });
    assert_eq!(shown["spec"]["clientProperties"], properties);
    assert_eq!(shown["spec"]["bootstrapServers"], "localhost:6970,gw2:7101");
    assert!(shown["spec"].get("listeners").is_none(), "{shown}");

    shown["spec"]["authentication"] = json!([{ "type": "sasl_plain" }, { "type": "anonymous" }]);
    assert_eq!(
        gateway.put(VCLUSTER, &shown).await.ok()["upsertResult"],
        "UPDATED"
    );
    let shown = gateway.get(&path).await.ok();
    assert_eq!(
        shown["spec"]["clientProperties"]["security.protocol"],
        "SASL_PLAINTEXT"
    );
    let protocols: Vec<&Value> = shown["spec"]["listeners"]
        .as_array()
        .expect("two protocols")
        .iter()
        .map(|listener| &listener["securityProtocol"])
        .collect();
    assert_eq!(protocols, ["SASL_PLAINTEXT", "PLAINTEXT"]);
}

#[actix_web::test]
async fn methods_that_no_listener_serves_are_refused_and_the_listeners_named() {
    let gateway = Gateway::new().with_passthrough();
    let certificate = json!([{ "type": "client_certificate" }, { "type": "sasl_plain" }]);
    let refused = gateway
        .put(VCLUSTER, &with_methods("a", &certificate))
        .await
        .refused(400);
    assert!(
        refused.contains("no listener serves the method client_certificate")
            && refused.contains("default (PLAINTEXT or SASL_PLAINTEXT)"),
        "{refused}"
    );
    let anonymous = with_methods("open", &json!([{ "type": "anonymous" }]));
    gateway.put(VCLUSTER, &anonymous).await.ok();

    gateway.speak(Speech::fixed(Protocol::SaslPlaintext));
    let refused = gateway
        .admin(Method::POST, EVENT_GATEWAY, &example())
        .await
        .refused(400);
    assert!(
        refused.contains("no listener serves the method anonymous")
            && refused.contains("default (SASL_PLAINTEXT)"),
        "{refused}"
    );
    let again = gateway.put(VCLUSTER, &anonymous).await.ok();
    assert_eq!(
        again["upsertResult"], "NOT_CHANGED",
        "what is there may be put again"
    );
    gateway.speak(Speech::fixed(Protocol::Plaintext));
    let tokens = with_methods("tokens", &json!([{ "type": "sasl_plain" }]));
    let refused = gateway.put(VCLUSTER, &tokens).await.refused(400);
    assert!(refused.contains("default (PLAINTEXT)"), "{refused}");
}

#[actix_web::test]
async fn a_physical_cluster_is_opened_to_everybody_on_purpose_only() {
    let gateway = Gateway::new().with_passthrough();
    gateway
        .closed
        .lock()
        .unwrap()
        .extend(["main".parse().unwrap(), "clusterA".parse().unwrap()]);
    let names_the_key = |refused: &str, cluster: &str| {
        refused.contains(&format!(
            "set gateway.allow.anonymous: true among the properties of {cluster}"
        ))
    };
    let refused = gateway
        .admin(Method::POST, EVENT_GATEWAY, &example())
        .await
        .refused(400);
    assert!(names_the_key(&refused, "main"), "{refused}");
    // A Partner reaches nothing until it has an alias.
    let open = with_methods("mypartner", &json!([{ "type": "anonymous" }]));
    gateway.put(VCLUSTER, &open).await.ok();
    let topic = alias("topic1", "internal-topic-name1");
    let refused = gateway.put(ALIAS, &topic).await.refused(400);
    assert!(names_the_key(&refused, "clusterA"), "{refused}");

    gateway.closed.lock().unwrap().clear();
    gateway.put(ALIAS, &topic).await.ok();
    gateway.closed.lock().unwrap().insert("clusterA".parse().unwrap());
    let tokens = with_methods("mypartner", &json!([{ "type": "sasl_plain" }]));
    gateway.put(VCLUSTER, &tokens).await.ok();
    let refused = gateway.put(VCLUSTER, &open).await.refused(400);
    assert!(
        names_the_key(&refused, "clusterA"),
        "it reaches that already: {refused}"
    );
}
