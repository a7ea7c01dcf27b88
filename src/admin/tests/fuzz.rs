//! Bodies of any shape for every path that takes one: each is carried out or refused with an error object.

use super::*;
use crate::fuzz::chance::Chance;
use crate::fuzz::mutate::spoil;
use crate::fuzz::runner::run;

const SCRAM: &str = "/gateway/v2/scram-credential";
pub(super) const PRODUCE_POLICIES: &str =
    "/v1/event-gateways/default/virtual-clusters/mypartner/produce-policies";
pub(super) const CONSUME_POLICIES: &str =
    "/v1/event-gateways/default/virtual-clusters/mypartner/consume-policies";
pub(super) const CLUSTER_POLICIES: &str =
    "/v1/event-gateways/default/virtual-clusters/mypartner/cluster-policies";
const EVENT_GATEWAY: &str = "/v1/event-gateways/default/virtual-clusters";

/// A gateway begins anew after about so many bodies.
const BODIES: usize = 50;

/// Texts that have hurt somebody.
const TEXTS: [&str; 12] = [
    "",
    "mypartner",
    "super-user",
    "passthrough",
    "main",
    "DEFAULT",
    "RULE:^CN=(.*?),.*$/$1/L,DEFAULT",
    "RULE:(((((((((((a*)*)*)*)*)*/",
    "claims.a == claims.b || size(claims) > 1",
    "..",
    "\u{0}\u{202e}é",
    "*",
];

type GoodBody = (Method, &'static str, Value);

fn policies() -> Vec<GoodBody> {
    let filter = json!({
        "kind": "Policy", "apiVersion": "gateway/v2", "metadata": { "name": "only-mine", "vCluster": "mypartner",
            "username": "partner-user", "labels": { "team": "sales" } },
        "spec": { "phase": "consume", "priority": 7, "enabled": true, "description": "each his own",
                  "topics": [{ "patternType": "LITERAL", "name": "topic1" }], "condition": "true",
                  "action": { "type": "skip_record" }, "failureMode": "error" },
    });
    let headers = json!({
        "kind": "Policy", "apiVersion": "gateway/v2", "metadata": { "name": "stamp" },
        "spec": { "phase": "produce", "action": { "type": "modify_headers", "actions": [
            { "op": "set", "key": "customer", "value": "a" }, { "op": "remove", "key": "secret" },
            { "op": "set_if_absent", "key": "origin", "value": "b" }, { "op": "remove_matching", "key": "x-.*" },
        ] } },
    });
    let of_group = json!({
        "kind": "Policy", "apiVersion": "gateway/v2", "metadata": { "name": "stamp", "group": "billing" },
        "spec": { "phase": "consume", "topics": [{ "patternType": "REGEX", "name": "a|b" }], "condition": "true",
                  "action": { "type": "skip_record" } },
    });
    let required = json!({
        "kind": "Policy", "apiVersion": "gateway/v2", "metadata": { "name": "named", "vCluster": "mypartner" },
        "spec": { "phase": "produce", "condition": "true",
                  "action": { "type": "require", "description": "records name their customer" } },
    });
    let rights = json!({
        "kind": "Policy", "apiVersion": "gateway/v2", "metadata": { "name": "rights", "vCluster": "mypartner" },
        "spec": { "phase": "cluster", "condition": "context.auth.principal.name == 'partner-user'",
                  "action": { "type": "acls", "rules": [
                      { "permissionType": "ALLOW", "resourceType": "TOPIC", "operations": ["READ", "DESCRIBE"],
                        "names": [{ "patternType": "PREFIXED", "name": "topic" }] },
                  ] } },
    });
    let no_policy = json!({ "name": "only-mine", "vCluster": "mypartner", "username": "partner-user" });
    vec![
        (Method::PUT, POLICY, filter),
        (Method::PUT, POLICY, headers),
        (Method::PUT, POLICY, of_group),
        (Method::PUT, POLICY, required),
        (Method::PUT, POLICY, rights),
        (Method::DELETE, POLICY, no_policy),
    ]
}

/// Policies in the words of event gateways.
fn event_gateway_policies() -> Vec<GoodBody> {
    let headers = json!({
        "type": "modify_headers", "name": "mark-mine", "description": "whose it is", "enabled": true,
        "labels": { "env": "test" }, "condition": "context.topic.name == 'topic1'", "parent_policy_id": null,
        "config": { "actions": [{ "op": "set", "key": "customer", "value": "${a}" }, { "op": "remove", "key": "b" }] },
    });
    let filter = json!({ "type": "skip_record", "name": "only-mine", "condition": "true" });
    let rights = json!({
        "type": "acls", "name": "readers", "condition": "context.auth.principal.name == 'ann'",
        "config": { "rules": [{ "resource_type": "topic", "action": "allow",
            "operations": [{ "name": "read" }], "resource_names": [{ "match": "topic*" }] }] },
    });
    vec![
        (Method::POST, PRODUCE_POLICIES, headers.clone()),
        (Method::POST, CONSUME_POLICIES, filter.clone()),
        (Method::POST, CLUSTER_POLICIES, rights.clone()),
        (
            Method::PUT,
            "/v1/event-gateways/default/virtual-clusters/mypartner/produce-policies/mypartner",
            headers,
        ),
        (
            Method::PUT,
            "/v1/event-gateways/default/virtual-clusters/mypartner/consume-policies/mypartner",
            filter,
        ),
        (
            Method::PUT,
            "/v1/event-gateways/default/virtual-clusters/mypartner/cluster-policies/mypartner",
            rights,
        ),
    ]
}

/// Changes of policies that are there, in those words.
fn event_gateway_policy_changes() -> Vec<GoodBody> {
    let patch = json!({
        "name": "mark-mine", "description": "whose it is", "enabled": false, "labels": { "env": "test" },
        "condition": "true",
    });
    let (place, order) = (
        json!({ "index": 0 }),
        json!({ "policies": ["7f1b3a52-6a3d-4c8e-9b7a-0f2d4e6c8a10"] }),
    );
    vec![
        (
            Method::PATCH,
            "/v1/event-gateways/default/virtual-clusters/mypartner/produce-policies/mypartner",
            patch.clone(),
        ),
        (
            Method::PATCH,
            "/v1/event-gateways/default/virtual-clusters/mypartner/consume-policies/mypartner",
            patch.clone(),
        ),
        (
            Method::PATCH,
            "/v1/event-gateways/default/virtual-clusters/mypartner/cluster-policies/mypartner",
            patch,
        ),
        (
            Method::POST,
            "/v1/event-gateways/default/virtual-clusters/mypartner/produce-policies/mypartner/move",
            place.clone(),
        ),
        (
            Method::POST,
            "/v1/event-gateways/default/virtual-clusters/mypartner/consume-policies/mypartner/move",
            place.clone(),
        ),
        (
            Method::POST,
            "/v1/event-gateways/default/virtual-clusters/mypartner/cluster-policies/mypartner/move",
            place,
        ),
        (
            Method::PUT,
            "/v1/event-gateways/default/virtual-clusters/mypartner/produce-policy-chain",
            order.clone(),
        ),
        (
            Method::PUT,
            "/v1/event-gateways/default/virtual-clusters/mypartner/consume-policy-chain",
            order.clone(),
        ),
        (
            Method::PUT,
            "/v1/event-gateways/default/virtual-clusters/mypartner/cluster-policy-chain",
            order,
        ),
    ]
}

pub(super) fn bodies() -> Vec<GoodBody> {
    [
        policies(),
        interceptors(),
        of_others(),
        event_gateway_policies(),
        event_gateway_policy_changes(),
    ]
    .concat()
}

fn interceptors() -> Vec<GoodBody> {
    let group = json!({
        "kind": "GatewayGroup", "apiVersion": "gateway/v2", "metadata": { "name": "billing" },
        "spec": { "members": [{ "name": "partner-user", "vCluster": "mypartner" }], "externalGroups": [] },
    });
    let interceptor = json!({
        "kind": "Interceptor", "apiVersion": "gateway/v2",
        "metadata": { "name": "stamp", "scope": { "vCluster": "mypartner", "username": "partner-user" } },
        "spec": { "pluginClass": "io.conduktor.gateway.interceptor.DynamicHeaderInjectionPlugin", "priority": 7,
                  "config": { "topic": "a|b", "headers": { "origin": "{{user}}" } }, "comment": "why" },
    });
    let own = json!({
        "kind": "Interceptor", "apiVersion": "gateway/v2", "metadata": { "name": "mine", "scope": null },
        "spec": { "pluginClass": "klamm.Policy", "priority": 7,
                  "config": { "phase": "consume", "condition": "true", "action": { "type": "skip_record" }, "labels": { "a": "b" } } },
    });
    let client = json!({ "vCluster": "mypartner", "groups": ["billing"], "username": "partner-user" });
    vec![
        (Method::PUT, INTERCEPTOR, interceptor),
        (Method::PUT, INTERCEPTOR, own),
        (Method::POST, "/gateway/v2/interceptor/resolve", client),
        (
            Method::DELETE,
            "/gateway/v2/interceptor/mypartner",
            json!({ "vCluster": "mypartner", "username": "partner-user" }),
        ),
        (Method::PUT, GROUP, group),
    ]
}

fn of_others() -> Vec<GoodBody> {
    let standard = json!({
        "kind": "VirtualCluster",
        "apiVersion": "gateway/v2",
        "metadata": { "name": "dev" },
        "spec": { "type": "Standard", "aclEnabled": false, "authentication": [
            { "type": "anonymous" },
            { "type": "sasl_plain", "mediation": "terminate", "principals": [
                { "username": "carol", "password": "secret-of-carol" },
            ] },
            { "type": "oauth_bearer", "mediation": "terminate", "provider": "corporate", "audiences": ["kafka"],
              "requiredScopes": ["use"], "claims": { "principal": "sub", "scope": "scope" },
              "rules": [{ "expression": "true", "message": "never" }] },
            { "type": "client_certificate", "required": true, "principalMappingRules": "DEFAULT" },
        ] },
    });
    let external = json!({
        "kind": "GatewayServiceAccount",
        "apiVersion": "gateway/v2",
        "metadata": { "name": "outsider", "vCluster": "mypartner" },
        "spec": { "type": "EXTERNAL", "externalNames": ["CN=outsider"], "upstreamCredentials": "billing" },
    });
    let token = json!({ "username": "partner-user", "vCluster": "mypartner", "lifeTimeSeconds": 3600 });
    let scram = json!({ "username": "partner-user", "vCluster": "mypartner", "mechanism": "SCRAM-SHA-256",
                        "password": "secret", "iterations": 4096 });
    let event = json!({
        "name": "team", "description": "theirs", "labels": { "env": "test" }, "destination": { "name": "main" },
        "topic_aliases": [{ "alias": "x", "topic": "internal-x", "condition": "", "conflict": "ignore" }], "acl_mode": "enforce_on_gateway", "super_users": ["root-user"],
        "authentication": [{ "type": "sasl_plain", "mediation": "terminate",
                             "principals": [{ "username": "dave", "password": "secret-of-dave" }] }],
        "namespace": { "mode": "hide_prefix", "prefix": "team-", "additional": {
            "topics": [{ "type": "glob", "glob": "pub-*" }],
            "consumer_groups": [{ "type": "exact_list", "exact_list": [{ "value": "ops" }] }],
        } },
    });
    let name = json!({ "name": "topic1", "vCluster": "mypartner" });
    vec![
        (Method::PUT, VCLUSTER, partner()),
        (Method::PUT, VCLUSTER, standard),
        (Method::PUT, ALIAS, alias("topic1", "internal-topic-name1")),
        (Method::DELETE, ALIAS, name.clone()),
        (Method::PUT, ACCOUNT, account("super-user")),
        (Method::PUT, ACCOUNT, external),
        (Method::DELETE, ACCOUNT, name),
        (Method::POST, TOKEN, token),
        (
            Method::DELETE,
            TOKEN,
            json!({ "username": "partner-user", "vCluster": "mypartner" }),
        ),
        (
            Method::POST,
            ACCESS,
            json!({ "name": "ci", "role": "ADMIN", "lifeTimeSeconds": 3600 }),
        ),
        (Method::PUT, SCRAM, scram),
        (
            Method::DELETE,
            SCRAM,
            json!({ "username": "partner-user", "vCluster": "mypartner" }),
        ),
        (Method::POST, EVENT_GATEWAY, event),
    ]
}

/// Changes the shape of a document in one place, anywhere in it.
fn reshape(value: &mut Value, chance: &mut Chance) {
    let children = match value {
        Value::Array(items) => items.len(),
        Value::Object(fields) => fields.len(),
        _ => 0,
    };
    if children > 0 && !chance.one_in(6) {
        let at = chance.below(children);
        match value {
            Value::Array(items) if chance.one_in(6) => items.push(items[at].clone()),
            Value::Array(items) => reshape(&mut items[at], chance),
            Value::Object(fields) => {
                let name = fields.keys().nth(at).unwrap().clone();
                match chance.below(10) {
                    0 => drop(fields.remove(&name)),
                    1 => drop(fields.insert(chance.pick(&TEXTS).to_string(), Value::Null)),
                    _ => reshape(&mut fields[&name], chance),
                }
            }
            _ => {}
        }
        return;
    }
    *value = odd(chance);
}

fn odd(chance: &mut Chance) -> Value {
    match chance.below(9) {
        0 => Value::Null,
        1 => json!(chance.one_in(2)),
        2 => json!(*chance.pick(&[0, 1, -1, i64::MAX, i64::MIN, 4096, 1 << 31])),
        3 => json!(1e308),
        4 => json!([]),
        5 => json!({}),
        6 => json!("x".repeat(chance.below(5_000))),
        7 => (0..40).fold(json!("deep"), |inner, _| json!([inner])),
        _ => json!(chance.pick(&TEXTS)),
    }
}

/// A gateway whose listeners serve every method of the bodies.
pub(super) async fn started() -> Arc<Gateway> {
    let gateway = event_gateways::started().await;
    gateway.speak(ALL_METHODS);
    gateway
}

#[std::prelude::v1::test]
fn fuzz_bodies_of_the_admin_api() {
    let system = actix_web::rt::System::new();
    let bodies = bodies();
    let mut gateway = system.block_on(started());
    for (method, path, body) in &bodies {
        let reply = system.block_on(gateway.admin(method.clone(), path, body));
        assert!(
            reply.status < 300 || [404, 409].contains(&reply.status),
            "{method} {path}: {}",
            reply.body
        );
    }
    run("bodies of the admin API", |chance| {
        if chance.one_in(BODIES) {
            gateway = system.block_on(started());
        }
        let (method, path, mut body) = chance.pick(&bodies).clone();
        for _ in 0..=chance.below(3) {
            reshape(&mut body, chance);
        }
        let mut bytes = body.to_string().into_bytes();
        if chance.one_in(4) {
            spoil(&mut bytes, chance);
        }
        let text = String::from_utf8_lossy(&bytes);
        let reply = system.block_on(gateway.send(Some("admin:conduktor"), method, path, &text));
        match reply.status {
            200..=299 => {}
            400..=499 => drop(reply.refused(reply.status)),
            status => panic!("{status} for {text}: {}", reply.body),
        }
        // What was taken can be shown.
        for path in [VCLUSTER, ALIAS, ACCOUNT, EVENT_GATEWAY] {
            let shown = system.block_on(gateway.get(path));
            assert_eq!(shown.status, 200, "{path} after {text}: {}", shown.body);
        }
    });
}
