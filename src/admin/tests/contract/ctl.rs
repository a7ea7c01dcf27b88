//! The command line `conduktor` (github.com/conduktor/ctl): it learns kinds and actions from the description when it
//! starts, and knows nothing else of a gateway that answers.

use super::*;

/// A kind as the command line finds it: path, name and place.
fn kinds(description: &Value) -> Vec<(String, String, u32)> {
    let mut kinds = Vec::new();
    for (path, method, operation) in operations(description) {
        let listed = &description["paths"][path]["get"];
        let tags = operation["tags"].as_array().into_iter().flatten();
        let tag = tags
            .filter_map(Value::as_str)
            .find_map(|tag| tag.strip_prefix("cli_"));
        if let (Some(tag), "put", true) = (tag, method, listed.is_object()) {
            let (kind, place) = tag
                .split_once("_gateway_v2_")
                .expect("cli_<kind>_<api>_v<version>_<place>");
            kinds.push((path.to_owned(), kind.to_owned(), place.parse().expect("a number")));
        }
    }
    kinds.sort_by_key(|(.., place)| *place);
    kinds
}

#[actix_web::test]
async fn kinds_are_named_by_tags_in_the_order_in_which_they_are_applied() {
    let gateway = Gateway::new();
    let found: Vec<String> = kinds(&description(&gateway).await)
        .into_iter()
        .map(|(path, kind, place)| format!("{place} {kind} {path}"))
        .collect();
    assert_eq!(
        found,
        [
            "6 physical-cluster /gateway/v2/physical-cluster",
            "7 virtual-cluster /gateway/v2/virtual-cluster",
            "8 alias-topic /gateway/v2/alias-topic",
            "9 concentration-rule /gateway/v2/concentration-rule",
            "10 gateway-service-account /gateway/v2/service-account",
            "11 gateway-group /gateway/v2/group",
            "12 interceptor /gateway/v2/interceptor",
            "13 policy /gateway/v2/policy",
        ]
    );
}

#[actix_web::test]
async fn a_kind_that_can_be_got_by_name_has_a_path_below_its_list() {
    let gateway = Gateway::new();
    let description = description(&gateway).await;
    assert!(description["paths"]["/gateway/v2/virtual-cluster/{vCluster}"]["get"].is_object());
}

/// A parameter that does not say whether it is required makes it crash, and one without a type is lost.
#[actix_web::test]
async fn parameters_say_whether_they_are_required_and_of_which_type_they_are() {
    let gateway = Gateway::new();
    let description = description(&gateway).await;
    let mut seen = 0;
    for (path, method, operation) in operations(&description) {
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let name = &parameter["name"];
            assert!(parameter["required"].is_boolean(), "{method} {path} {name}");
            assert!(parameter["schema"]["type"].is_string(), "{method} {path} {name}");
            seen += 1;
        }
    }
    assert!(seen > 20, "only {seen}");
}

/// A query parameter of a PUT other than `dryMode` would be looked for in the metadata of what is put.
#[actix_web::test]
async fn what_is_put_is_named_by_its_body_alone() {
    let gateway = Gateway::new();
    let description = description(&gateway).await;
    for (path, _, _) in kinds(&description) {
        let parameters = description["paths"][&path]["put"]["parameters"].as_array();
        let names: Vec<_> = parameters
            .into_iter()
            .flatten()
            .map(|one| one["name"].clone())
            .collect();
        assert!(names.iter().all(|name| name == "dryMode"), "{path}: {names:?}");
    }
}

#[actix_web::test]
async fn actions_are_named_and_the_fields_of_their_bodies_have_types() {
    let gateway = Gateway::new();
    let description = description(&gateway).await;
    let all = operations(&description);
    let of_name = |(path, method, operation): &(&str, &str, &Value)| {
        let name = operation["x-cdk-run-name"].as_str()?;
        Some(format!("{name}: {method} {path}"))
    };
    let named: Vec<String> = all.iter().filter_map(of_name).collect();
    assert_eq!(
        named,
        [
            "rotateSigningKey: post /gateway/v2/signing-key",
            "retireSigningKey: post /gateway/v2/signing-key/retire",
            "generateServiceAccountToken: post /gateway/v2/token",
        ]
    );
    for action in ["SigningKeyRotation", "SigningKeyToRetire"] {
        let fields = description["components"]["schemas"][action]["properties"].as_object();
        let types = fields.expect("fields").values().map(|field| &field["type"]);
        assert!(
            types.clone().count() == 1 && types.clone().all(Value::is_string),
            "{action}"
        );
    }
    let schema = &description["components"]["schemas"]["TokenRequest"];
    let fields = schema["properties"].as_object().expect("fields");
    let names: Vec<&str> = fields.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        ["lifeTimeSeconds", "username", "vCluster"],
        "each is a flag"
    );
    for (name, field) in fields {
        assert!(field["type"].is_string(), "{name}: without a type it crashes");
    }
    assert_eq!(schema["required"], json!(["username", "lifeTimeSeconds"]));
}

/// `template` prints the example, for people to fill in and apply.
#[actix_web::test]
async fn examples_of_what_is_put_can_be_put_one_after_the_other() {
    let gateway = Gateway::new().with_passthrough();
    let description = description(&gateway).await;
    let example = |path: &str, method: &str| {
        description["paths"][path][method]["requestBody"]["content"]["application/json"]["example"].clone()
    };
    for path in [
        VCLUSTER,
        ALIAS,
        ACCOUNT,
        GROUP,
        INTERCEPTOR,
        POLICY,
        "/gateway/v2/scram-credential",
    ] {
        let put = gateway.put(path, &example(path, "put")).await.ok();
        assert_eq!(put["upsertResult"], "CREATED", "{path}");
    }
    let token = gateway
        .admin(Method::POST, TOKEN, &example(TOKEN, "post"))
        .await
        .ok();
    assert!(token["token"].is_string());
    let paths = "/v1/event-gateways/{gatewayId}/virtual-clusters";
    let team = example(paths, "post");
    let paths = paths.replace("{gatewayId}", "default");
    let created = gateway.admin(Method::POST, &paths, &team).await;
    assert_eq!(created.status, 201, "{}", created.body);
}

#[actix_web::test]
async fn kinds_that_there_are_none_of_are_listed_and_refused_with_a_reason() {
    let gateway = Gateway::new();
    for (path, kind) in [("/gateway/v2/concentration-rule", "ConcentrationRule")] {
        for filter in ["", "?showDefaults=true", "?vcluster=mypartner&global=true"] {
            assert_eq!(gateway.get(&format!("{path}{filter}")).await.ok(), json!([]));
        }
        let body =
            json!({ "kind": kind, "apiVersion": "gateway/v2", "metadata": { "name": "one" }, "spec": {} });
        let refused = gateway.put(path, &body).await.refused(400);
        let expected = format!("this gateway has no resources of the kind {kind}: ");
        assert!(refused.starts_with(&expected), "{refused}");
        let eye = gateway.send(Some("eye:conduktor"), Method::PUT, path, "{}").await;
        eye.refused(403);
    }
    for path in ["/gateway/v2/concentrated-topic", "/gateway/v2/plugin"] {
        assert_eq!(gateway.get(path).await.ok(), json!([]));
        gateway.put(path, &json!({})).await.refused(405);
    }
    // `delete --ignore-missing-resource` goes by the status.
    for (path, body) in [(
        "/gateway/v2/concentration-rule",
        json!({ "name": "one", "vCluster": "passthrough" }),
    )] {
        gateway.delete(path, &body).await.refused(404);
    }
}

#[actix_web::test]
async fn a_method_that_a_path_does_not_take_is_answered_with_those_that_it_takes() {
    let gateway = Gateway::new();
    for (method, path, allowed) in [
        (Method::PATCH, VCLUSTER, "GET, HEAD, PUT"),
        (
            Method::POST,
            "/gateway/v2/virtual-cluster/mypartner",
            "GET, HEAD, DELETE",
        ),
        (Method::PUT, TOKEN, "POST, GET, HEAD, DELETE"),
        (Method::OPTIONS, "/health/ready", "GET, HEAD"),
        (Method::PUT, "/gateway/v2/interceptor/one", "DELETE"),
    ] {
        let reply = gateway.send(None, method.clone(), path, "").await;
        assert_eq!(reply.allow.as_deref(), Some(allowed), "{method} {path}");
        let refused = reply.refused(405);
        assert!(
            refused.contains(&format!("does not take {method}, only {allowed}")),
            "{refused}"
        );
    }
}

#[actix_web::test]
async fn whatever_is_got_has_a_head() {
    let gateway = Gateway::walkthrough().await;
    for (path, methods) in description(&gateway).await["paths"].as_object().expect("paths") {
        if methods["get"].is_null() {
            continue;
        }
        let path = path
            .replace("{gatewayId}", "default")
            .replace("{vCluster}", "mypartner")
            .replace("{virtualClusterId}", "mypartner")
            .replace("{name}", "any");
        let admin = Some("admin:conduktor");
        let got = gateway.send(admin, Method::GET, &path, "").await;
        let head = gateway.send(admin, Method::HEAD, &path, "").await;
        assert_eq!(head.status, got.status, "{path}");
    }
}

#[actix_web::test]
async fn a_path_where_nothing_is_is_named() {
    let gateway = Gateway::new();
    let refused = gateway.get("/gateway/v2/virtual-clusters?a=b").await.refused(404);
    assert!(
        refused.contains("nothing at /gateway/v2/virtual-clusters: "),
        "{refused}"
    );
    let long = gateway.get(&format!("/{}", "x".repeat(5000))).await.refused(404);
    assert!(long.len() < 400, "{long}");
}

#[actix_web::test]
async fn every_operation_has_a_name_of_its_own() {
    let gateway = Gateway::new();
    let description = description(&gateway).await;
    let all = operations(&description);
    let names: BTreeSet<&str> = all
        .iter()
        .filter_map(|(.., operation)| operation["operationId"].as_str())
        .filter(|name| !name.is_empty())
        .collect();
    assert_eq!(names.len(), all.len());
}

/// Generated clients read an answer as what the description says of its status.
#[actix_web::test]
async fn a_node_that_is_not_ready_answers_as_described() {
    let gateway = Gateway::new();
    *gateway.unready.lock().unwrap() = vec![Unready::NoLeader];
    let answer = gateway.send(None, Method::GET, "/health/ready", "").await;
    assert_eq!(answer.status, 503);
    let answer = answer.json();
    let description = description(&gateway).await;
    let responses = &description["paths"]["/health/ready"]["get"]["responses"];
    let reference = &responses["503"]["content"]["application/json"]["schema"]["$ref"];
    let name = reference
        .as_str()
        .and_then(|text| text.rsplit('/').next())
        .expect("a schema");
    let schema = &description["components"]["schemas"][name];
    for field in answer.as_object().expect("an object").keys() {
        assert!(
            schema["properties"][field].is_object(),
            "{field} is not described"
        );
    }
    for field in schema["required"].as_array().into_iter().flatten() {
        assert!(
            !answer[field.as_str().expect("a name")].is_null(),
            "{field} is missing"
        );
    }
}

/// It shows `cause` and nothing else, if there is one.
#[actix_web::test]
async fn a_refusal_says_all_in_its_message() {
    let gateway = Gateway::walkthrough().await;
    let mut elsewhere = alias("topic2", "internal-2");
    elsewhere["spec"]["physicalCluster"] = json!("clusterX");
    let mut misspelt = alias("topic2", "internal-2");
    misspelt["spec"]["physicalNam"] = json!("a");
    for (body, status, parts) in [
        (
            elsewhere,
            409,
            [
                "clusterX is not configured",
                "the configured ones are clusterA, main",
            ],
        ),
        (
            misspelt,
            400,
            ["the field spec.physicalNam is unknown", "physicalName"],
        ),
    ] {
        let reply = gateway.put(ALIAS, &body).await;
        assert!(reply.json()["cause"].is_null(), "{}", reply.body);
        let said = reply.refused(status);
        assert!(parts.iter().all(|part| said.contains(part)), "{said}");
    }
}
