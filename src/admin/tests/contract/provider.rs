//! The Terraform provider of the same product (github.com/conduktor/terraform-provider-conduktor): Go structs that JSON
//! is read into, and a comparison of what was planned with what is answered.

use super::*;

/// The header that it sends with every request.
const CLIENT: (&str, &str) = ("X-CDK-CLIENT", "TF/0.0.1");

async fn send(gateway: &Arc<Gateway>, method: Method, path: &str, body: &Value) -> Reply {
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let user = Some("admin:conduktor");
    // The library that it is made with takes its bodies for text.
    let headers = [CLIENT, ("Content-Type", "text/plain; charset=utf-8")];
    gateway.send_with(&headers, user, method, (path, &body)).await
}

/// It asks for metrics, with a login, to see whether the login is right.
#[actix_web::test]
async fn its_first_question_is_answered() {
    let gateway = Gateway::new();
    *gateway.audience.lock().unwrap() = Audience::Users;
    assert_eq!(
        send(&gateway, Method::GET, "/metrics", &Value::Null).await.status,
        200
    );
    let wrong = Some("admin:wrong");
    let refused = gateway
        .send_with(&[CLIENT], wrong, Method::GET, ("/metrics", ""))
        .await;
    refused.refused(401);
}

/// It puts a `v` before the version and compares it with the versions of another product, if it is a version then.
#[actix_web::test]
async fn its_second_question_is_the_version_which_is_not_to_be_compared() {
    let gateway = Gateway::new();
    *gateway.audience.lock().unwrap() = Audience::Users;
    let health = send(&gateway, Method::GET, "/health", &Value::Null).await.ok();
    assert_eq!(health["status"], "UP");
    let checks = health["checks"].as_array().expect("a list");
    assert!(checks.iter().all(|check| check["id"].is_string()));
    let build = checks
        .iter()
        .find(|check| check["id"] == "buildInfo")
        .expect("a check");
    assert_eq!(build["status"], "UP");
    let version = build["data"]["version"].as_str().expect("a version");
    assert_eq!(version, concat!("klamm-", env!("CARGO_PKG_VERSION")));
}

/// `clientProperties` are read into a map of maps of strings.
#[actix_web::test]
async fn client_properties_are_by_method_wherever_it_reads_them() {
    let gateway = Gateway::walkthrough().await;
    gateway.speak(ALL_METHODS);
    let mut spec = partner();
    spec["spec"]["authentication"] = json!([
        { "type": "sasl_plain", "mediation": "terminate" },
        { "type": "oauth_bearer", "provider": "corporate" },
        { "type": "anonymous" },
        { "type": "client_certificate" },
    ]);
    let put = send(&gateway, Method::PUT, VCLUSTER, &spec).await.ok()["resource"].clone();
    let got = send(
        &gateway,
        Method::GET,
        &format!("{VCLUSTER}/mypartner"),
        &Value::Null,
    )
    .await
    .ok();
    let listed = send(&gateway, Method::GET, VCLUSTER, &Value::Null).await.ok()[0].clone();
    for resource in [put, got, listed] {
        assert_eq!(
            resource["spec"]["clientProperties"],
            json!({
                "PLAIN": {
                    "security.protocol": "SASL_SSL",
                    "sasl.mechanism": "PLAIN",
                    "sasl.jaas.config": "org.apache.kafka.common.security.plain.PlainLoginModule required username='{{username}}' password='{{password}}';",
                },
                "OAUTHBEARER": {
                    "security.protocol": "SASL_SSL",
                    "sasl.mechanism": "OAUTHBEARER",
                    "sasl.jaas.config": "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required clientId='{{clientId}}' clientSecret='{{clientSecret}}';",
                },
            })
        );
        // It can be put back.
        let again = send(&gateway, Method::PUT, VCLUSTER, &resource).await.ok();
        assert_eq!(again["upsertResult"], "NOT_CHANGED");
    }
    let flat = gateway.get(&format!("{VCLUSTER}/mypartner")).await.ok();
    assert_eq!(flat["spec"]["clientProperties"]["sasl.mechanism"], "PLAIN");
}

/// Its request is the struct that it keeps, in which the token is empty.
#[actix_web::test]
async fn a_token_may_be_asked_for_with_an_empty_token() {
    let gateway = Gateway::walkthrough().await;
    let wanted = |token: &str| json!({ "vCluster": "mypartner", "username": "partner-user", "lifeTimeSeconds": 3600, "token": token });
    let made = send(&gateway, Method::POST, TOKEN, &wanted("")).await.ok();
    assert!(made["token"].as_str().is_some_and(|token| !token.is_empty()));
    let refused = send(&gateway, Method::POST, TOKEN, &wanted("ey"))
        .await
        .refused(400);
    assert!(refused.contains("token must be empty"), "{refused}");
}

/// It has a name of its own for the kind, leaves out what is empty, and looks for the exact scope in what it lists.
#[actix_web::test]
async fn interceptors_are_put_found_and_deleted() {
    let gateway = Gateway::walkthrough().await;
    for scope in [json!({}), json!({ "vCluster": "mypartner" })] {
        let body = json!({
            "kind": "GatewayInterceptor", "apiVersion": "gateway/v2", "metadata": { "name": "hide", "scope": scope },
            "spec": { "pluginClass": "io.conduktor.gateway.interceptor.safeguard.MessageHeaderRemovalPlugin", "priority": 1,
                      "config": { "topic": "topic-.*", "headerKeyRegex": "headerKey.*" } },
        });
        let put = send(&gateway, Method::PUT, INTERCEPTOR, &body).await.ok();
        assert_eq!(put["resource"]["spec"], body["spec"]);
        let vcluster = scope["vCluster"]
            .as_str()
            .map_or(String::new(), |name| format!("&vcluster={name}"));
        let path = format!("{INTERCEPTOR}?name=hide&global=false{vcluster}");
        let found = send(&gateway, Method::GET, &path, &Value::Null).await.ok();
        let is_it = |one: &Value| one["metadata"]["scope"]["vCluster"] == scope["vCluster"];
        let found = found
            .as_array()
            .expect("a list")
            .iter()
            .find(|one| is_it(one))
            .cloned();
        assert_eq!(found.expect("it is listed")["spec"], body["spec"]);
        let path = format!("{INTERCEPTOR}/hide");
        assert_eq!(send(&gateway, Method::DELETE, &path, &scope).await.status, 204);
    }
}

/// A Go list that is nil is null.
#[actix_web::test]
async fn a_list_may_be_null() {
    let gateway = Gateway::walkthrough().await;
    let mut local = account("another-user");
    local["spec"]["externalNames"] = Value::Null;
    let made = send(&gateway, Method::PUT, ACCOUNT, &local).await.ok();
    assert_eq!(
        made["resource"]["spec"]["type"], "LOCAL",
        "spelled as it was sent"
    );
    let mut standard = partner();
    standard["metadata"]["name"] = json!("dev");
    standard["spec"] =
        json!({ "aclEnabled": false, "superUsers": null, "topics": null, "consumerGroups": null });
    send(&gateway, Method::PUT, VCLUSTER, &standard).await.ok();
}

/// Of a refusal it shows `msg` and nothing else.
#[actix_web::test]
async fn a_refusal_names_the_field_in_its_message() {
    let gateway = Gateway::walkthrough().await;
    let message = async |path: &str, method: Method, body: Value| {
        let reply = send(&gateway, method, path, &body).await;
        assert_eq!(reply.status, 400, "{}", reply.body);
        reply.json()["msg"].as_str().expect("a message").to_owned()
    };
    let mut wrong = partner();
    wrong["spec"]["aclEnabled"] = json!("yes");
    let said = message(VCLUSTER, Method::PUT, wrong).await;
    assert!(
        said.starts_with("spec.aclEnabled must be true or false"),
        "{said}"
    );
    let mut wrong = partner();
    wrong["spec"]["aclEnable"] = json!(true);
    let said = message(VCLUSTER, Method::PUT, wrong).await;
    assert!(
        said.starts_with("the field spec.aclEnable is unknown; the fields are"),
        "{said}"
    );
    let mut wrong = partner();
    wrong["spec"]["superUsers"] = json!(["ann", 5]);
    let said = message(VCLUSTER, Method::PUT, wrong).await;
    assert!(
        said.starts_with("spec.superUsers[1] must be a text, but is the number 5"),
        "{said}"
    );
    let mut wrong = partner();
    wrong["metadata"] = json!([]);
    let said = message(VCLUSTER, Method::PUT, wrong).await;
    assert!(said.starts_with("metadata must be a map of fields"), "{said}");
    let said = message(VCLUSTER, Method::PUT, json!("no object")).await;
    assert!(
        said.starts_with("the input must be a map of fields, but is a text"),
        "{said}"
    );
    let mut wrong = account("x");
    wrong["spec"]["type"] = json!("LOKAL");
    let said = message(ACCOUNT, Method::PUT, wrong).await;
    assert!(said.starts_with("spec.type "), "{said}");
    let wanted = json!({ "username": "partner-user", "lifeTimeSeconds": "3600" });
    let said = message(TOKEN, Method::POST, wanted).await;
    assert!(
        said.starts_with("lifeTimeSeconds must be a whole number"),
        "{said}"
    );
    let said = message(&format!("{VCLUSTER}?dryRun=true"), Method::PUT, partner()).await;
    assert!(said.contains("the field dryRun is unknown"), "{said}");
}

/// A resource that is gone is 404, also where it is looked for in a list of a virtual cluster that is gone.
#[actix_web::test]
async fn what_is_gone_is_not_found() {
    let gateway = Gateway::new();
    send(&gateway, Method::GET, &format!("{VCLUSTER}/gone"), &Value::Null)
        .await
        .refused(404);
    let filtered = format!("{ACCOUNT}?name=user&vcluster=gone");
    send(&gateway, Method::GET, &filtered, &Value::Null)
        .await
        .refused(404);
}

/// A virtual cluster as it is sent: what is not said is left out, but for what is a boolean.
fn virtual_cluster(name: &str, spec: Value) -> Value {
    json!({ "apiVersion": "gateway/v2", "kind": "VirtualCluster", "metadata": { "name": name }, "spec": spec })
}

/// The answer must be what was planned, field by field; what is shown and was not planned is a difference, too,
/// unless it is a field that the gateway fills.
#[actix_web::test]
async fn what_it_puts_is_what_it_gets() {
    let acl = |name: &str| {
        json!({ "resourcePattern": { "resourceType": "TOPIC", "name": name, "patternType": "LITERAL" },
            "principal": "User:ann", "host": "*", "operation": "TWO_PHASE_COMMIT", "permissionType": "DENY" })
    };
    let gateway = Gateway::new();
    for (name, spec, mode, acls) in [
        (
            "minimal",
            json!({ "aclEnabled": false }),
            Value::Null,
            Value::Null,
        ),
        (
            "kafka",
            json!({ "aclEnabled": true, "aclMode": "KAFKA_API", "type": "Partner", "superUsers": ["root"] }),
            json!("KAFKA_API"),
            Value::Null,
        ),
        (
            "unsaid",
            json!({ "aclEnabled": true, "type": "Partner", "superUsers": ["root"] }),
            Value::Null,
            Value::Null,
        ),
        (
            "rest",
            json!({ "aclEnabled": true, "aclMode": "REST_API", "type": "Standard", "acls": [acl("a"), acl("b")] }),
            json!("REST_API"),
            json!([acl("a"), acl("b")]),
        ),
        (
            "empty",
            json!({ "aclEnabled": true, "aclMode": "REST_API" }),
            json!("REST_API"),
            json!([]),
        ),
    ] {
        let resource = virtual_cluster(name, spec.clone());
        let put = send(&gateway, Method::PUT, VCLUSTER, &resource).await.ok()["resource"].clone();
        let got = send(&gateway, Method::GET, &format!("{VCLUSTER}/{name}"), &Value::Null)
            .await
            .ok();
        assert_eq!(put, got, "{name}");
        let got = &got["spec"];
        assert_eq!((&got["aclMode"], &got["acls"]), (&mode, &acls), "{name}");
        assert_eq!(got["aclEnabled"], spec["aclEnabled"], "{name}");
        for field in ["type", "superUsers"] {
            assert!(
                spec[field].is_null() || got[field] == spec[field],
                "{name} {field}"
            );
        }
        let again = send(&gateway, Method::PUT, VCLUSTER, &resource).await.ok();
        assert_eq!(again["upsertResult"], "NOT_CHANGED", "{name}");
    }
}

#[actix_web::test]
async fn declared_acls_are_the_whole_truth_and_their_mode_stays() {
    let gateway = Gateway::new();
    let acl = json!({ "resourcePattern": { "resourceType": "TOPIC", "name": "a", "patternType": "LITERAL" },
        "principal": "User:ann", "host": "*", "operation": "READ", "permissionType": "ALLOW" });
    let rest = |acls: Value| {
        virtual_cluster(
            "rest",
            json!({ "aclEnabled": true, "type": "Partner", "aclMode": "REST_API", "acls": acls }),
        )
    };
    let dry = format!("{VCLUSTER}?dryMode=true");
    let would = send(&gateway, Method::PUT, &dry, &rest(json!([acl]))).await.ok();
    assert_eq!(
        (&would["upsertResult"], &would["resource"]["spec"]["acls"][0]),
        (&json!("CREATED"), &acl)
    );
    assert!(gateway.states.borrow().vclusters.is_empty());
    send(&gateway, Method::PUT, VCLUSTER, &rest(json!([acl, acl])))
        .await
        .ok();
    assert_eq!(gateway.states.borrow().vclusters["rest"].acls().len(), 1);
    let less = send(&gateway, Method::PUT, VCLUSTER, &rest(json!([]))).await.ok();
    assert_eq!(less["upsertResult"], "UPDATED");
    assert!(gateway.states.borrow().vclusters["rest"].acls().is_empty());

    let kafka = json!({ "aclEnabled": true, "type": "Partner", "superUsers": ["root"] });
    let refused = send(
        &gateway,
        Method::PUT,
        VCLUSTER,
        &virtual_cluster("rest", kafka.clone()),
    )
    .await;
    let refused = refused.refused(409);
    assert!(
        refused.contains("created with aclMode REST_API, which cannot change"),
        "{refused}"
    );
    send(&gateway, Method::PUT, VCLUSTER, &virtual_cluster("kafka", kafka))
        .await
        .ok();
    let mut other = rest(json!([]));
    other["metadata"]["name"] = json!("kafka");
    let refused = send(&gateway, Method::PUT, VCLUSTER, &other).await.refused(409);
    assert!(refused.contains("created with aclMode KAFKA_API"), "{refused}");

    let mut wrong = rest(json!([acl]));
    wrong["spec"]["acls"][0]["operation"] = json!("SING");
    let refused = send(&gateway, Method::PUT, VCLUSTER, &wrong).await;
    let said = refused.json()["msg"].as_str().expect("a message").to_owned();
    assert!(
        said.starts_with("spec.acls[0].operation: \"SING\" is unknown; use one of ALL, READ"),
        "{said}"
    );
}
