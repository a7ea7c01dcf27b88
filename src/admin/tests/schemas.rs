//! Published schemas hold: a body that its schema refuses is refused by the gateway, and the other way around. The
//! bodies are good ones, each changed in one place. And nobody gets past what an operation says that it needs.

use std::cell::RefCell;
use std::collections::BTreeMap;

use regex::Regex;

use super::*;
use crate::admin::api::Access;

/// The refusals of the gateway beyond what a schema can say, by their words: what fields mean together, and texts with a
/// grammar of their own.
const BEYOND: [&str; 29] = [
    "name: topic name",
    "must have 3 to 64",
    "spec.externalNames must list",
    "spec.externalNames is for the type EXTERNAL",
    "give either id",
    "give at least one of",
    "must be true in a Partner",
    "spec.superUsers must not be empty where ACLs are enabled",
    "is missing; only users that are already in the list",
    "is not a rule",
    "spec.authentication.principalMappingRules",
    "is neither * nor an IP address",
    "spec.acls is for spec.aclMode REST_API",
    "spec.condition is missing",
    "spec.condition: require needs",
    "spec.condition: at ",
    "spec.action.actions.value is missing",
    "of an ACL can have at most",
    "parent_policy_id: only",
    "condition: at ",
    "condition is missing: without it skip_record",
    "config.actions.value is missing",
    "spec.pluginClass",
    "spec.config",
    "spec.properties.",
    "spec.credentials",
    "bootstrap_servers: ",
    "authentication.password: ",
    "tls.",
];

/// The values that the gateway takes beyond what it publishes: the end of the place, and the value.
const LENIENT: [(&str, &str); 1] = [("/spec/type", "local")];

fn acl() -> Value {
    json!({ "resourcePattern": { "resourceType": "TOPIC", "name": "a", "patternType": "LITERAL" },
        "principal": "User:ann", "host": "*", "operation": "READ", "permissionType": "ALLOW" })
}

/// That ACL in a virtual cluster.
fn own_acl() -> Value {
    let mut own = acl();
    own["vCluster"] = json!("mypartner");
    own
}

/// Of the members of the gateway cluster.
fn of_members() -> Vec<(Method, String, Value)> {
    let bodies = [
        ("promote", json!({ "nodeId": 2 })),
        ("demote", json!({ "nodeId": 2 })),
        ("remove", json!({ "nodeId": 2, "force": true })),
        ("replace", json!({ "nodeId": 2, "with": 1 })),
        ("voters", json!({ "target": 3 })),
    ];
    let path = |action: &str| format!("/gateway/v2/cluster/members/{action}");
    let switch = json!({
        "cluster": "main", "to": "spare", "vCluster": "mypartner",
        "fence": true, "force": true, "expectedGeneration": 7,
    });
    let switch = (
        Method::POST,
        "/gateway/v2/cluster/routes/switch".to_owned(),
        switch,
    );
    let members = bodies.map(|(action, body)| (Method::POST, path(action), body));
    members.into_iter().chain([switch]).collect()
}

/// Physical clusters, in the words of both APIs.
fn physical_clusters() -> Vec<(Method, String, Value)> {
    let (jaas, password) = (
        "org.apache.kafka.common.security.plain.PlainLoginModule required username=a",
        "${env[KLAMM_SECRET_EAST]}",
    );
    let east = json!({
        "kind": "PhysicalCluster", "apiVersion": "gateway/v2",
        "metadata": { "name": "east", "labels": { "env": "test" } },
        "spec": { "roles": "upstream", "description": "x",
                  "properties": { "bootstrap.servers": "a:1", "security.protocol": "SASL_PLAINTEXT",
                                  "sasl.mechanism": "PLAIN",
                                  "sasl.jaas.config": format!("{jaas} password=\"{password}\";") },
                  "credentials": { "billing": { "sasl.jaas.config": password } } },
    });
    let module = "org.apache.kafka.common.security.plain.PlainLoginModule required";
    let plain = |user: &str| format!("{module} username={user} password=\"{password}\";");
    let configured = json!({
        "kind": "PhysicalCluster", "apiVersion": "gateway/v2", "metadata": { "name": "clusterA" },
        "spec": { "properties": { "bootstrap.servers": "a:9092", "security.protocol": "SASL_PLAINTEXT",
                                  "sasl.mechanism": "PLAIN", "sasl.jaas.config": plain("gateway") },
                  "credentials": { "billing": { "sasl.jaas.config": plain("billing") } } },
    });
    let backends = "/v1/event-gateways/default/backend-clusters";
    let backend = json!({
        "name": "west", "description": "x", "labels": { "env": "test" }, "bootstrap_servers": ["a:1"],
        "authentication": { "type": "sasl_scram", "algorithm": "sha256", "username": "a", "password": password },
        "tls": { "enabled": true, "insecure_skip_verify": false, "ca_bundle": "${file[ca.pem]}",
                 "tls_versions": ["tls12", "tls13"],
                 "client_identity": { "certificate": "${file[crt.pem]}", "key": "${file[key.pem]}" } },
        "metadata_update_interval_seconds": 60, "insecure_allow_anonymous_virtual_cluster_auth": true,
    });
    vec![
        (Method::PUT, "/gateway/v2/physical-cluster".to_owned(), east),
        (
            Method::POST,
            "/gateway/v2/cluster/adopt-physical-cluster".to_owned(),
            configured,
        ),
        (Method::POST, backends.to_owned(), backend.clone()),
        (Method::PUT, format!("{backends}/mypartner"), backend.clone()),
        (Method::PATCH, format!("{backends}/mypartner"), backend),
    ]
}

/// A good body for each operation that takes one.
fn good() -> Vec<(Method, String, Value)> {
    let mut good: Vec<(Method, String, Value)> = fuzz::bodies()
        .into_iter()
        .map(|(method, path, body)| (method, path.to_owned(), body))
        .collect();
    let declared = json!({
        "kind": "VirtualCluster", "apiVersion": "gateway/v2", "metadata": { "name": "declared" },
        "spec": { "type": "Standard", "aclEnabled": true, "aclMode": "REST_API", "acls": [acl()], "backend": "main",
                  "namespace": { "mode": "hide_prefix", "prefix": "declared-", "additional": { "topics": ["pub-*"] } },
                  "limits": { "aliasTopics": 5, "bytesInPerSecond": 1000000, "connections": 10 }, "dnsLabel": "declared" },
    });
    let repointed = json!({
        "kind": "AliasTopic", "apiVersion": "gateway/v2", "metadata": { "name": "topic1", "vCluster": "mypartner" },
        "spec": { "physicalName": "internal-topic-name2", "repoint": true },
    });
    let one_token = json!({ "vCluster": "mypartner", "id": "7f1b3a52-6a3d-4c8e-9b7a-0f2d4e6c8a10" });
    let scram = json!({ "username": "partner-user", "vCluster": "mypartner", "mechanism": "SCRAM-SHA-512" });
    let steps = json!([
        { "put": partner() },
        { "delete": { "kind": "AliasTopic", "name": "topic1", "vCluster": "mypartner" } },
    ]);
    let of_somebody = json!({ "vCluster": "mypartner", "principal": "User:ann" });
    let more = [
        (Method::PUT, ACL, own_acl()),
        (Method::DELETE, ACL, own_acl()),
        (Method::DELETE, ACL, of_somebody),
        (Method::PUT, VCLUSTER, declared),
        (Method::PUT, ALIAS, repointed),
        (Method::DELETE, TOKEN, one_token),
        (Method::DELETE, "/gateway/v2/scram-credential", scram),
        (
            Method::POST,
            "/gateway/v2/signing-key",
            json!({ "retireOld": false }),
        ),
        (
            Method::POST,
            "/gateway/v2/signing-key/retire",
            json!({ "id": "3f9a51c07b2e8d64" }),
        ),
        (Method::POST, "/gateway/v2/dry-run", steps),
        (
            Method::POST,
            "/gateway/v2/cluster/accept-kafka-cluster",
            json!({ "physicalCluster": "main", "kafkaClusterId": "a", "instead": "b" }),
        ),
        (
            Method::POST,
            "/gateway/v2/cluster/upgrade/finalize",
            json!({ "featureLevel": 1 }),
        ),
        (
            Method::POST,
            "/gateway/v2/cluster/isolate-ok",
            json!({ "seconds": 60 }),
        ),
    ];
    let event = good
        .iter()
        .find(|(_, path, _)| path.starts_with("/v1/"))
        .expect("one of event gateways");
    let mut changed = event.2.clone();
    changed["name"] = json!("mypartner");
    // What a virtual cluster of this type has none of.
    changed
        .as_object_mut()
        .expect("fields")
        .retain(|field, _| !["namespace", "destination"].contains(&field.as_str()));
    good.push((Method::PUT, format!("{}/mypartner", event.1), changed));
    good.extend(more.map(|(method, path, body)| (method, path.to_owned(), body)));
    good.extend(physical_clusters().into_iter().chain(of_members()));
    good
}

/// Whether a value is as long, as large, and of the form that the schema says.
fn is_within(schema: &Value, value: &Value) -> bool {
    let limit = |word: &str| schema[word].as_f64();
    let within = |size: f64, least: &str, most: &str| {
        limit(least).is_none_or(|least| size >= least) && limit(most).is_none_or(|most| size <= most)
    };
    match value {
        Value::String(text) => {
            let is_like = |pattern: &str| is_match(pattern, text);
            within(text.chars().count() as f64, "minLength", "maxLength")
                && schema["pattern"].as_str().is_none_or(is_like)
        }
        Value::Number(number) => within(number.as_f64().unwrap_or_default(), "minimum", "maximum"),
        Value::Array(items) => within(items.len() as f64, "minItems", "maxItems"),
        _ => true,
    }
}

/// Whether a text matches a pattern. Each is compiled once: that takes longer than a request.
fn is_match(pattern: &str, text: &str) -> bool {
    thread_local! {
        static COMPILED: RefCell<BTreeMap<String, Regex>> = RefCell::default();
    }
    COMPILED.with_borrow_mut(|compiled| match compiled.get(pattern) {
        Some(known) => known.is_match(text),
        None => {
            let new = compiled.entry(pattern.to_owned());
            new.or_insert_with(|| Regex::new(pattern).expect("a pattern"))
                .is_match(text)
        }
    })
}

/// Judges a value by a schema, as far as the description uses their words. The error says what is wrong.
fn judge(root: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.trim_start_matches('#');
        return judge(root, root.pointer(name).expect("it leads somewhere"), value);
    }
    // Who puts what he was shown may keep it: it is not read.
    if schema["readOnly"] == true || value.is_null() && schema["nullable"] == true {
        return Ok(());
    }
    if let Some(choices) = schema
        .get("oneOf")
        .or_else(|| schema.get("anyOf"))
        .and_then(Value::as_array)
    {
        let fits = choices
            .iter()
            .filter(|one| judge(root, one, value).is_ok())
            .count();
        if fits != 1 {
            return Err(format!("{fits} of the choices fit {value}"));
        }
    }
    if schema["enum"]
        .as_array()
        .is_some_and(|words| !words.contains(value))
    {
        return Err(format!("{value} is none of {}", schema["enum"]));
    }
    let is_of_type = match schema["type"].as_str() {
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        _ => true,
    };
    if !is_of_type {
        return Err(format!("{value} is not of the type {}", schema["type"]));
    }
    if !is_within(schema, value) {
        return Err(format!("{value} is not within {schema}"));
    }
    for item in value.as_array().into_iter().flatten() {
        judge(root, &schema["items"], item)?;
    }
    let Some(fields) = value.as_object() else {
        return Ok(());
    };
    for name in schema["required"].as_array().into_iter().flatten() {
        let name = name.as_str().unwrap_or_default();
        if !fields.contains_key(name) {
            return Err(format!("{name} is missing"));
        }
    }
    for (name, field) in fields {
        match (&schema["properties"][name], &schema["additionalProperties"]) {
            (Value::Null, Value::Bool(false)) => return Err(format!("{name} is unknown")),
            (Value::Null, other) => judge(root, other, field)?,
            (known, _) => judge(root, known, field)?,
        }
    }
    Ok(())
}

/// The places of all values in a body.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                places(item, &format!("{at}/{index}"), found);
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                places(field, &format!("{at}/{name}"), found);
            }
        }
        _ => {}
    }
}

/// The body, changed in one place each time.
fn changed(body: &Value) -> Vec<(String, Value)> {
    let (mut all, mut found) = (vec![(String::new(), body.clone())], Vec::new());
    places(body, "", &mut found);
    let odd = [
        json!(null),
        json!(true),
        json!(0),
        json!(-1),
        json!(5_000_000_000_u64),
        json!(1.5),
        json!(""),
        json!("no such word"),
        json!("a/b"),
        json!("x".repeat(300)),
        json!("LOCAL"),
        json!("local"),
        json!([]),
        json!([1]),
        json!({}),
    ];
    for place in found {
        let mut with = |value: Value| {
            let mut changed = body.clone();
            *changed.pointer_mut(&place).expect("a place") = value;
            all.push((place.clone(), changed));
        };
        let here = body.pointer(&place).expect("a place").clone();
        odd.iter()
            .filter(|odd| **odd != here)
            .cloned()
            .for_each(&mut with);
        if let Value::Object(fields) = here {
            for name in fields.keys() {
                let mut fewer = fields.clone();
                fewer.remove(name);
                with(Value::Object(fewer));
            }
            // What reads a struct may take its fields without their names.
            with(fields.values().cloned().collect());
            let mut more = fields;
            more.insert("noSuchField".to_owned(), json!("x"));
            with(Value::Object(more));
        }
    }
    all
}

/// A path of the description that leads to something, or to nothing, but not to another path.
fn filled(path: &str) -> String {
    let mut filled = path.replace("{gatewayId}", "default");
    while let (Some(from), Some(to)) = (filled.find('{'), filled.find('}')) {
        filled.replace_range(from..=to, "mypartner");
    }
    filled
}

#[actix_web::test]
async fn the_gateway_and_its_description_refuse_the_same_bodies() {
    let gateway = fuzz::started().await;
    let document = gateway.get("/gateway/v2/docs").await.ok();
    let good = good();
    // Routes are made ready once, which takes longer than a request.
    let app = gateway.app().await;
    let (mut differences, mut tried, mut beyond, mut lenient) =
        (Vec::new(), Vec::new(), BTreeSet::new(), BTreeSet::new());
    for (described, operations) in document["paths"].as_object().expect("paths") {
        for (method, operation) in operations.as_object().expect("methods") {
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            let is_written = schema["$ref"] == "#/components/schemas/Absent";
            if schema.is_null() || is_written {
                continue;
            }
            let path = filled(described);
            let asked = match operation.to_string().contains("\"dryMode\"") {
                true => format!("{path}?dryMode=true"),
                // It is a dry run itself.
                false => path.clone(),
            };
            let examples = good
                .iter()
                .filter(|(verb, at, _)| verb.as_str().eq_ignore_ascii_case(method) && *at == path);
            let before = tried.len();
            for (verb, _, body) in examples {
                let needs_body = operation["requestBody"]["required"] == true;
                let sent = changed(body).into_iter();
                // Null is sent as no body.
                for (place, body) in sent.filter(|(_, body)| needs_body || !body.is_null()) {
                    let text = if body.is_null() {
                        String::new()
                    } else {
                        body.to_string()
                    };
                    let admin = Some("admin:conduktor");
                    let reply = ask(&app, &[], admin, verb.clone(), (&asked, &text)).await;
                    let by_schema = judge(&document, schema, &body);
                    // There, what is said of the name comes before everything else.
                    let by_gateway = reply.status == 400
                        || described.starts_with("/v1/") && by_schema.is_err() && reply.status == 409;
                    tried.push(place.clone());
                    let value = body.pointer(&place).cloned().unwrap_or_default();
                    match (by_schema, by_gateway) {
                        (Err(_), true) | (Ok(()), false) => {}
                        (Ok(()), true) => match BEYOND.iter().find(|words| reply.body.contains(**words)) {
                            Some(words) => drop(beyond.insert(*words)),
                            None => differences.push(format!(
                                "{method} {described} {place} {value}: only refused: {}",
                                reply.body
                            )),
                        },
                        (Err(why), false) => {
                            let known = LENIENT
                                .iter()
                                .find(|(end, text)| place.ends_with(end) && value == *text);
                            match known {
                                Some(known) => drop(lenient.insert(*known)),
                                None => differences.push(format!(
                                    "{method} {described} {place}: taken with {}, though {why}",
                                    reply.status
                                )),
                            }
                        }
                    }
                }
            }
            assert!(tried.len() > before, "no good body for {method} {described}");
        }
    }
    assert!(
        differences.is_empty(),
        "{} of {}:\n{}",
        differences.len(),
        tried.len(),
        differences.join("\n")
    );
    // What is listed happens.
    assert_eq!(
        (beyond.len(), lenient.len()),
        (BEYOND.len(), LENIENT.len()),
        "{beyond:?} {lenient:?}"
    );
}

#[actix_web::test]
async fn what_is_shown_is_as_it_is_described() {
    let gateway = fuzz::started().await;
    let token = json!({ "username": "partner-user", "vCluster": "mypartner", "lifeTimeSeconds": 3600 });
    gateway.admin(Method::POST, TOKEN, &token).await.ok();
    let document = gateway.get("/gateway/v2/docs").await.ok();
    let mut seen = 0;
    for (described, operations) in document["paths"].as_object().expect("paths") {
        let schema = &operations["get"]["responses"]["200"]["content"]["application/json"]["schema"];
        let path = filled(described);
        if schema.is_null() {
            continue;
        }
        let reply = gateway.get(&path).await;
        if reply.status == 200 {
            let shown = reply.json();
            judge(&document, schema, &shown).unwrap_or_else(|why| panic!("{described}: {why}: {shown}"));
            seen += 1;
        }
    }
    assert!(seen > 15, "only {seen}");
}

/// Whoever forgets to ask for a login is found here: every operation is tried.
#[actix_web::test]
async fn nobody_gets_past_what_an_operation_needs() {
    let gateway = Gateway::walkthrough().await;
    *gateway.audience.lock().unwrap() = Audience::Users;
    let api = handlers::api();
    for operation in api.operations() {
        let path = filled(operation.path);
        let ask = async |user| {
            gateway
                .send(user, operation.method.clone(), &path, "{}")
                .await
                .status
        };
        let (nobody, reader) = (ask(None).await, ask(Some("eye:conduktor")).await);
        let what = format!("{} {}", operation.method, operation.path);
        assert_eq!(
            nobody == 401,
            operation.access != Access::Public,
            "{what}: {nobody}"
        );
        assert_eq!(
            reader == 403,
            operation.access == Access::Admin,
            "{what}: {reader}"
        );
        assert_ne!(reader, 401, "{what}");
    }
}
