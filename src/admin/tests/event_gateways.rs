//! The API of event gateways: the same virtual clusters in other words, and what of the configuration it shows.

use super::*;

const ROOT: &str = "/v1/event-gateways";
const PATH: &str = "/v1/event-gateways/default/virtual-clusters";

/// The walkthrough's gateway with the virtual cluster that is built in.
pub(super) async fn started() -> Arc<Gateway> {
    Gateway::walkthrough().await.with_passthrough()
}

fn team_a() -> Value {
    json!({
        "name": "team-a",
        "description": "orders of team A",
        "labels": { "env": "test" },
        "dns_label": "vc-1",
        "destination": { "name": "clusterA" },
        "authentication": [
            { "type": "sasl_plain", "mediation": "terminate", "principals": [{ "username": "ann", "password": "x" }] },
            { "type": "sasl_scram", "algorithm": "sha256" },
            { "type": "oauth_bearer", "mediation": "terminate",
              "jwks": { "endpoint": "https://idp/keys", "timeout": "10s", "cache_expiration": "1h" },
              "validate": { "audiences": [{ "name": "kafka" }], "issuer": "https://idp" } },
        ],
        "acl_mode": "passthrough",
        "namespace": { "mode": "hide_prefix", "prefix": "team_",
            "additional": { "topics": [{ "type": "exact_list", "exact_list": [{ "backend": "b" }, { "backend": "a" }],
                                         "conflict": "ignore" },
                                       { "type": "glob", "glob": "ops_*", "conflict": "warn" }] } },
        "topic_aliases": [
            { "alias": "z", "topic": "internal-z", "condition": "", "conflict": "ignore" },
            { "alias": "c", "topic": "internal-c", "condition": "", "conflict": "warn" },
        ],
    })
}

#[actix_web::test]
async fn a_virtual_cluster_is_given_back_as_it_was_written() {
    let gateway = started().await;
    let body = team_a();
    let created = gateway.admin(Method::POST, PATH, &body).await;
    assert_eq!(created.status, 201, "{}", created.body);
    let created = created.json();
    for field in [
        "name",
        "description",
        "labels",
        "dns_label",
        "acl_mode",
        "namespace",
        "topic_aliases",
    ] {
        assert_eq!(created[field], body[field], "{field}");
    }
    let id = created["id"].as_str().expect("an id").to_owned();
    assert_eq!(uuid::Uuid::parse_str(&id).expect("a UUID").to_string(), id);
    assert_eq!(created["destination"]["name"], "clusterA");
    let backend = created["destination"]["id"].as_str().expect("an id");
    assert!(uuid::Uuid::parse_str(backend).is_ok(), "{backend}");
    assert_eq!(created["created_at"], created["updated_at"]);
    let methods = &created["authentication"];
    assert_eq!(methods[0]["principals"], json!([{ "username": "ann" }]));
    assert_eq!(
        methods[1],
        json!({ "type": "sasl_scram", "algorithm": "sha256", "mediation": "passthrough" })
    );
    let mut bearer = body["authentication"][2].clone();
    bearer["provider"] = json!("corporate");
    assert_eq!(methods[2], bearer);

    // It is the same resource, and its other words change nothing of what they do not speak of.
    let shown = gateway.get("/gateway/v2/virtual-cluster/team-a").await.ok();
    let spec = &shown["spec"];
    assert_eq!(
        (&spec["backend"], &spec["dnsLabel"]),
        (&json!("clusterA"), &json!("vc-1"))
    );
    assert_eq!(
        spec["namespace"]["additional"]["topics"],
        json!(["a", "b", "ops_*"])
    );
    assert_eq!(
        (&spec["description"], &spec["labels"]),
        (&body["description"], &body["labels"])
    );
    assert_eq!(
        gateway.put(VCLUSTER, &shown).await.ok()["upsertResult"],
        "NOT_CHANGED"
    );
    let mut other = shown.clone();
    other["spec"]["description"] = json!("not read");
    other["spec"]["namespace"]["additional"]["topics"] = json!(["a"]);
    gateway.put(VCLUSTER, &other).await.ok();
    let seen = gateway.get(&format!("{PATH}/{id}")).await.ok();
    assert_eq!(seen["description"], body["description"]);
    assert_eq!(
        seen["namespace"]["additional"]["topics"],
        json!([{ "type": "exact_list", "exact_list": [{ "backend": "a" }] }])
    );
    gateway.put(VCLUSTER, &shown).await.ok();

    for which in [&*id, "team-a"] {
        let mut seen = gateway.get(&format!("{PATH}/{which}")).await.ok();
        seen["updated_at"] = created["updated_at"].clone();
        assert_eq!(seen, created);
    }
    let revision = gateway.states.borrow().vclusters["team-a"].clone();
    gateway.put(&format!("{PATH}/{id}"), &created).await.ok();
    assert_eq!(
        gateway.states.borrow().vclusters["team-a"],
        revision,
        "what is shown can be put back"
    );

    let again = gateway.admin(Method::POST, PATH, &body).await.refused(409);
    assert!(again.contains("use PUT to change it"), "{again}");
    let deleted = gateway.delete(&format!("{PATH}/{id}"), &Value::Null).await;
    assert_eq!(deleted.status, 204, "its aliases go with it: {}", deleted.body);
    gateway.get(&format!("{PATH}/{id}")).await.refused(404);
}

#[actix_web::test]
async fn a_change_is_carried_out_and_keeps_the_name() {
    let gateway = started().await;
    let created = gateway.admin(Method::POST, PATH, &team_a()).await.json();
    let id = created["id"].as_str().expect("an id").to_owned();
    let mut changed = created.clone();
    changed["authentication"] = json!([{ "type": "sasl_scram", "mediation": "terminate" }]);
    // Nobody can manage them yet: everything is denied.
    changed["acl_mode"] = json!("enforce_on_gateway");
    changed.as_object_mut().unwrap().remove("topic_aliases");
    changed.as_object_mut().unwrap().remove("labels");
    let put = gateway.put(&format!("{PATH}/team-a"), &changed).await.ok();
    assert_eq!(
        put["authentication"].as_array().map(Vec::len),
        Some(2),
        "both algorithms"
    );
    assert_eq!(put["labels"], json!({}));
    assert!(put.get("topic_aliases").is_none(), "{put}");
    assert_eq!(put["id"], created["id"]);
    let after = gateway.states.borrow().vclusters["team-a"].clone();
    assert!(after.spec.acl_enabled && after.spec.super_users.is_empty() && after.aliases.is_empty());
    changed["name"] = json!("team-b");
    gateway.put(&format!("{PATH}/{id}"), &changed).await.refused(409);

    let both = json!({ "name": "at-once", "destination": { "name": "clusterA" },
        "authentication": [{ "type": "anonymous" }], "super_users": ["root"] });
    let (first, second) = futures_util::join!(
        gateway.admin(Method::POST, PATH, &both),
        gateway.admin(Method::POST, PATH, &both)
    );
    let mut statuses = [first.status, second.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409], "one of two that come at once");
}

#[actix_web::test]
async fn without_a_namespace_everything_is_shown_or_what_other_words_let_in() {
    let gateway = started().await;
    let body = |name: &str| json!({ "name": name, "authentication": [{ "type": "sasl_plain", "mediation": "terminate" }] });
    let created = gateway.admin(Method::POST, PATH, &body("all")).await;
    assert_eq!(created.status, 201, "{}", created.body);
    let spec = gateway.get("/gateway/v2/virtual-cluster/all").await.ok()["spec"].clone();
    assert_eq!(
        (&spec["topics"], &spec["consumerGroups"]),
        (&json!(["*"]), &json!(["*"]))
    );
    assert!(spec.get("description").is_none(), "{spec}");

    let few = json!({
        "kind": "VirtualCluster", "apiVersion": "gateway/v2", "metadata": { "name": "few" },
        "spec": { "topics": ["shared"], "consumerGroups": ["ops"], "aclEnabled": false },
    });
    gateway.put(VCLUSTER, &few).await.ok();
    let shown = gateway.get(&format!("{PATH}/few")).await.ok();
    assert_eq!(
        (&shown["topics"], &shown["consumer_groups"]),
        (&json!(["shared"]), &json!(["ops"]))
    );
    let mut changed = shown.clone();
    changed["description"] = json!("still few");
    changed["topics"] = json!(["*"]);
    let put = gateway.put(&format!("{PATH}/few"), &changed).await.ok();
    assert_eq!(
        put["topics"],
        json!(["shared"]),
        "there are no words here to let in more"
    );
}

#[actix_web::test]
async fn what_the_other_api_made_is_listed_and_can_be_changed() {
    let gateway = started().await;
    let listed = gateway.get(PATH).await.ok();
    let names: Vec<&str> = listed["data"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|one| one["name"].as_str())
        .collect();
    assert_eq!(names, ["mypartner", "passthrough"]);
    let partner = &listed["data"][0];
    assert_eq!(partner["type"], "Partner");
    assert_eq!(partner["destination"]["name"], "clusterA");
    assert_eq!(
        partner["topic_aliases"],
        json!([{ "alias": "topic1", "topic": "internal-topic-name1", "condition": "", "conflict": "warn" }])
    );
    let mut changed = partner.clone();
    changed["description"] = json!("of the walkthrough");
    let put = gateway.put(&format!("{PATH}/mypartner"), &changed).await.ok();
    assert_eq!(
        (&put["type"], &put["description"]),
        (&json!("Partner"), &changed["description"])
    );
    let aliases = gateway.get(ALIAS).await.ok();
    assert_eq!(aliases, json!([alias("topic1", "internal-topic-name1")]));
    changed["namespace"] = json!({ "mode": "hide_prefix", "prefix": "x" });
    let refused = gateway
        .put(&format!("{PATH}/mypartner"), &changed)
        .await
        .refused(400);
    assert!(refused.contains("of the type Partner has none"), "{refused}");
    let built_in = gateway
        .put(&format!("{PATH}/passthrough"), &listed["data"][1])
        .await
        .refused(400);
    assert!(built_in.contains("built in"), "{built_in}");
    gateway
        .delete(&format!("{PATH}/passthrough"), &Value::Null)
        .await
        .refused(409);
}

#[actix_web::test]
async fn lists_are_filtered_and_come_in_pages() {
    let gateway = started().await;
    gateway.admin(Method::POST, PATH, &team_a()).await;
    let names = |listed: &Value| -> Vec<String> {
        let all = listed["data"].as_array().expect("a list").iter();
        all.map(|one| one["name"].as_str().expect("a name").to_owned())
            .collect()
    };
    let found = gateway
        .get(&format!("{PATH}?filter%5Bname%5D%5Bcontains%5D=PART"))
        .await
        .ok();
    assert_eq!(names(&found), ["mypartner"]);
    let backends = gateway
        .get(&format!("{ROOT}/default/backend-clusters"))
        .await
        .ok();
    let main = backends["data"][1]["id"].as_str().expect("an id").to_owned();
    let there = gateway
        .get(&format!("{PATH}?filter[backend_cluster_id][eq]={main}"))
        .await
        .ok();
    assert_eq!(names(&there), ["passthrough"]);
    let mut path = format!("{PATH}?page[size]=2");
    let mut seen = Vec::new();
    loop {
        let page = gateway.get(&path).await.ok();
        assert_eq!(page["meta"]["page"]["size"], 2);
        seen.extend(names(&page));
        match page["meta"]["page"]["next"].as_str() {
            Some(next) => path = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(seen, ["mypartner", "passthrough", "team-a"]);
    for query in [
        "page[size]=0",
        "page[after]=!",
        "page[before]=x",
        "filter[name]=x",
    ] {
        gateway.get(&format!("{PATH}?{query}")).await.refused(400);
    }
}

#[actix_web::test]
async fn there_is_one_gateway_with_an_id_of_its_own() {
    let gateway = started().await;
    let listed = gateway.get(ROOT).await.ok();
    let one = &listed["data"][0];
    let id = one["id"].as_str().expect("an id");
    assert!(uuid::Uuid::parse_str(id).is_ok(), "{id}");
    assert_eq!(
        (&one["name"], &one["nodes_total"], &one["virtual_clusters_total"]),
        (&json!("default"), &json!(2), &json!(2))
    );
    assert_eq!(one["created_at"], "2023-11-14T22:13:20Z");
    for which in [id, &id.to_uppercase(), "default"] {
        assert_eq!(gateway.get(&format!("{ROOT}/{which}")).await.ok(), *one);
        assert_eq!(
            gateway
                .get(&format!("{ROOT}/{which}/virtual-clusters"))
                .await
                .status,
            200
        );
    }
    let other = gateway
        .get(&format!("{ROOT}/other/virtual-clusters"))
        .await
        .refused(404);
    assert!(other.contains(id), "{other}");
    for (method, path) in [
        (Method::POST, ROOT.to_owned()),
        (Method::PATCH, format!("{ROOT}/{id}")),
    ] {
        let refused = gateway
            .admin(method, &path, &json!({ "name": "x" }))
            .await
            .refused(400);
        assert!(refused.contains("one event gateway"), "{refused}");
    }
    let young = Gateway::new();
    young.get(ROOT).await.refused(503);
}

#[actix_web::test]
async fn what_nodes_are_configured_with_is_shown_and_not_changed() {
    let gateway = started().await;
    let path = |rest: &str| format!("{ROOT}/default/{rest}");
    let backends = gateway.get(&path("backend-clusters")).await.ok();
    assert!(!backends.to_string().contains("s3cret"), "{backends}");
    let shared = &backends["data"][0];
    assert_eq!(
        (&shared["name"], &shared["bootstrap_servers"]),
        (&json!("clusterA"), &json!(["a:9092"]))
    );
    assert_eq!(
        shared["authentication"],
        json!({ "type": "sasl_plain", "username": "gateway" })
    );
    let id = shared["id"].as_str().expect("an id");
    assert_eq!(
        gateway.get(&path(&format!("backend-clusters/{id}"))).await.ok(),
        *shared
    );
    gateway.get(&path("backend-clusters/none")).await.refused(404);

    let listeners = gateway.get(&path("listeners")).await.ok();
    let (plain, named) = (&listeners["data"][0], &listeners["data"][1]);
    assert_eq!(
        (&plain["name"], &plain["ports"]),
        (&json!("default"), &json!(["6969-6978"]))
    );
    assert_eq!(
        (&named["name"], &named["ports"]),
        (&json!("public"), &json!([9443]))
    );
    let of = |listener: &Value| path(&format!("listeners/{}", listener["id"].as_str().expect("an id")));
    assert_eq!(gateway.get(&of(named)).await.ok(), *named);
    let policies = gateway.get(&format!("{}/policies", of(named))).await.ok();
    assert_eq!(policies[0]["type"], "tls_server");
    assert_eq!(policies[0]["config"]["client_authentication"]["mode"], "required");
    assert!(!policies.to_string().contains("key.pem"), "{policies}");
    let sni = &policies[1]["config"];
    assert_eq!(
        (&sni["type"], &sni["sni_suffix"]),
        (&json!("sni"), &json!(".kafka.example.com"))
    );
    let policies = gateway.get(&format!("{}/policies", of(plain))).await.ok();
    let to: Vec<&Value> = policies
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| &one["config"]["destination"]["name"])
        .collect();
    assert_eq!(to, ["mypartner", "passthrough"]);
    let one = &policies[0];
    assert_eq!(one["config"]["advertised_port"], 6969);
    let policy = format!("{}/policies/{}", of(plain), one["id"].as_str().expect("an id"));
    assert_eq!(gateway.get(&policy).await.ok(), *one);

    for (method, path, key) in [
        (Method::POST, path("listeners"), "gateway.listeners"),
        (Method::PUT, of(plain), "gateway.listeners"),
        (
            Method::POST,
            format!("{}/policies", of(plain)),
            "gateway.listeners",
        ),
        (Method::PATCH, policy, "gateway.listeners"),
    ] {
        let refused = gateway.admin(method, &path, &json!({})).await.refused(400);
        assert!(refused.contains(key), "{refused}");
    }
}

#[actix_web::test]
async fn failures_are_problem_details_that_name_the_field() {
    let gateway = started().await;
    let with = |more: Value| {
        let mut body = json!({ "name": "another", "authentication": [{ "type": "sasl_plain", "mediation": "terminate" }] });
        for (name, value) in more.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        body
    };
    let bearer = |endpoint: &str| json!({ "authentication": [{ "type": "oauth_bearer", "mediation": "terminate", "jwks": { "endpoint": endpoint } }] });
    for (more, field, part) in [
        (json!({ "dns_label": "A" }), "dns_label", "dns_label: DNS label"),
        (
            json!({ "super_users": [""] }),
            "super_users",
            "super_users: service account name",
        ),
        (
            json!({ "destination": { "id": "a", "name": "b" } }),
            "destination.id",
            "the physical clusters are: ",
        ),
        (
            json!({ "destination": { "id": "main", "name": "clusterA" } }),
            "destination.id",
            "differ",
        ),
        (
            json!({ "authentication": [] }),
            "authentication",
            "must list 1 to 16",
        ),
        (
            bearer("http://evil"),
            "authentication.jwks.endpoint",
            "gateway.oauth.providers; the configured ones are corporate",
        ),
        (json!({ "labels": { "a": "b c" } }), "labels", "labels: the value"),
        (json!({ "description": "x".repeat(513) }), "description", "512"),
        (
            json!({ "topic_aliases": [{ "alias": "a", "topic": "b", "condition": "true" }] }),
            "topic_aliases.condition",
            "for everybody",
        ),
    ] {
        let reply = gateway.admin(Method::POST, PATH, &with(more)).await;
        let told = reply.json();
        assert_eq!(told["invalid_parameters"][0]["field"], field, "{told}");
        let refused = reply.refused(400);
        assert!(refused.contains(part), "{refused}");
    }
    let unknown = gateway
        .admin(Method::POST, PATH, &with(json!({ "destinations": {} })))
        .await;
    assert_eq!(
        unknown.json()["invalid_parameters"][0]["rule"],
        "unknown_property"
    );
    let missing = gateway.admin(Method::POST, PATH, &json!({ "name": "x" })).await;
    let told = missing.json();
    assert_eq!(
        (
            &told["invalid_parameters"][0]["field"],
            &told["invalid_parameters"][0]["rule"]
        ),
        (&json!("authentication"), &json!("required"))
    );
    assert_eq!((&told["status"], &told["instance"]), (&json!(400), &json!(PATH)));
    // Topics that stand for nothing, and for what has its one name already.
    let alias = |topic: &str| with(json!({ "topic_aliases": [{ "alias": "a", "topic": topic }] }));
    gateway
        .admin(Method::POST, PATH, &alias("missing"))
        .await
        .refused(404);
    let shown = gateway
        .admin(Method::POST, PATH, &alias("internal-x"))
        .await
        .refused(409);
    assert!(shown.contains("under one name only"), "{shown}");

    for (user, status) in [
        (None, 401),
        (Some("admin:wrong"), 401),
        (Some("eye:conduktor"), 403),
    ] {
        let reply = gateway.send(user, Method::POST, PATH, "{}").await;
        assert!(reply.is_problem(), "{}", reply.body);
        reply.refused(status);
    }
    for path in ["/v1/nothing", "/v1/event-gateways/default/nothing"] {
        let reply = gateway.get(path).await;
        assert!(reply.is_problem(), "{}", reply.body);
        reply.refused(404);
    }
    let reply = gateway.admin(Method::DELETE, PATH, &Value::Null).await;
    assert!(reply.is_problem(), "{}", reply.body);
    reply.refused(405);
    assert!(!gateway.get("/gateway/v2/nothing").await.is_problem());
}
