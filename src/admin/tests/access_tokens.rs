//! Access tokens: made, used, listed and revoked.

use klamm_raft::model::AccessTokenId;

use super::*;

/// Makes a token, and gives its id and its text.
async fn made(gateway: &Arc<Gateway>, body: Value) -> (String, String) {
    let reply = gateway.admin(Method::POST, ACCESS, &body).await;
    assert_eq!(reply.status, 201, "{}", reply.body);
    let text = |field: &str| reply.json()[field].as_str().expect("a text").to_owned();
    (text("id"), text("token"))
}

fn wanted(name: &str, role: &str, seconds: i64) -> Value {
    json!({ "name": name, "role": role, "lifeTimeSeconds": seconds })
}

#[actix_web::test]
async fn an_access_token_stands_for_its_user_until_it_is_revoked() {
    let gateway = event_gateways::started().await;
    let (id, token) = made(&gateway, wanted("ci", "ADMIN", 3600)).await;
    assert!(token.starts_with("klamm_pat_"), "{token}");
    let listed = gateway.get(ACCESS).await.ok();
    assert_eq!(
        (&listed[0]["id"], &listed[0]["username"], &listed[0]["role"]),
        (&json!(id), &json!("admin"), &json!("ADMIN"))
    );
    assert_eq!(
        (&listed[0]["name"], listed[0].get("lastUsedAt")),
        (&json!("ci"), None)
    );
    let by_token = async |method, path: &str, body: &Value| {
        let body = body.to_string();
        gateway.send(Some(&token), method, path, &body).await
    };
    let put = by_token(Method::PUT, ACCOUNT, &account("made-by-token")).await;
    assert_eq!(put.ok()["upsertResult"], "CREATED");
    for path in [VCLUSTER, "/v1/event-gateways/default/virtual-clusters", ACCESS] {
        assert_eq!(
            by_token(Method::GET, path, &Value::Null).await.status,
            200,
            "{path}"
        );
    }
    // Written down in the background.
    tokio::task::yield_now().await;
    let used = gateway.get(ACCESS).await.ok()[0]["lastUsedAt"].clone();
    assert!(used.as_str().is_some_and(|at| at.ends_with('Z')), "{used}");
    let revision = gateway.states.borrow().revision;
    by_token(Method::GET, VCLUSTER, &Value::Null).await.ok();
    tokio::task::yield_now().await;
    assert_eq!(
        gateway.states.borrow().revision,
        revision,
        "a use is not written down each time"
    );

    // It could not be ended by ending this one.
    let another = by_token(Method::POST, ACCESS, &wanted("heir", "ADMIN", 1))
        .await
        .refused(403);
    assert!(another.contains("would outlive it"), "{another}");

    let one = format!("{ACCESS}/{id}");
    let dry = gateway.delete(&format!("{one}?dryMode=true"), &Value::Null).await;
    assert_eq!(dry.status, 204);
    assert_eq!(by_token(Method::GET, VCLUSTER, &Value::Null).await.status, 200);
    assert_eq!(gateway.delete(&one, &Value::Null).await.status, 204);
    by_token(Method::GET, VCLUSTER, &Value::Null).await.refused(401);
    assert_eq!(gateway.get(ACCESS).await.ok(), json!([]));
    gateway.delete(&one, &Value::Null).await.refused(404);
    gateway
        .delete(&format!("{ACCESS}/seven"), &Value::Null)
        .await
        .refused(400);
}

#[actix_web::test]
async fn an_access_token_may_not_more_than_it_says_and_not_more_than_its_user() {
    let gateway = Gateway::walkthrough().await;
    let (_, reading) = made(&gateway, json!({ "name": "watch", "lifeTimeSeconds": 60 })).await;
    let body = account("other").to_string();
    let put = gateway
        .send(Some(&reading), Method::PUT, ACCOUNT, &body)
        .await
        .refused(403);
    assert!(
        put.contains("may only read") && put.contains("access token"),
        "{put}"
    );
    assert_eq!(
        gateway
            .send(Some(&reading), Method::GET, ACCOUNT, "")
            .await
            .status,
        200
    );

    // As if the user had been made one who may only read, and another one had gone.
    let (_, writing) = made(&gateway, wanted("ci", "ADMIN", 60)).await;
    let become_of = |username: &str| {
        let mut state = State::clone(&gateway.states.borrow());
        for token in state.access_tokens.values_mut() {
            token.username = username.to_owned();
        }
        gateway.states.send_replace(Arc::new(state));
    };
    become_of("eye");
    gateway
        .send(Some(&writing), Method::PUT, ACCOUNT, &body)
        .await
        .refused(403);
    become_of("gone");
    gateway
        .send(Some(&writing), Method::GET, ACCOUNT, "")
        .await
        .refused(401);
    become_of("admin");
    assert_eq!(
        gateway
            .send(Some(&writing), Method::PUT, ACCOUNT, &body)
            .await
            .status,
        200
    );
    let mut state = State::clone(&gateway.states.borrow());
    for token in state.access_tokens.values_mut() {
        token.expires_at_s = token.issued_at_s;
    }
    gateway.states.send_replace(Arc::new(state));
    gateway
        .send(Some(&writing), Method::GET, ACCOUNT, "")
        .await
        .refused(401);
}

#[actix_web::test]
async fn what_an_access_token_cannot_be_is_refused() {
    let gateway = Gateway::walkthrough().await;
    for (body, part) in [
        (
            wanted("ci", "OWNER", 60),
            "role: \"OWNER\" is unknown; use one of ADMIN, READ_ONLY",
        ),
        (wanted("", "ADMIN", 60), "name: access token name"),
        (wanted("a\nb", "ADMIN", 60), "control character"),
        (wanted("ci", "ADMIN", 0), "lifeTimeSeconds must be from 1"),
        (json!({ "name": "ci" }), "the field lifeTimeSeconds is missing"),
    ] {
        let refused = gateway.admin(Method::POST, ACCESS, &body).await.refused(400);
        assert!(refused.contains(part), "{refused}");
    }
    let dry = format!("{ACCESS}?dryMode=true");
    let reply = gateway
        .admin(Method::POST, &dry, &wanted("ci", "ADMIN", 60))
        .await;
    assert_eq!((reply.status, &reply.json()["token"]), (201, &json!("")));
    assert_eq!(gateway.get(ACCESS).await.ok(), json!([]));
    let reading = gateway
        .send(Some("eye:conduktor"), Method::POST, ACCESS, "{}")
        .await;
    reading.refused(403);
}

/// A token may have been revoked since the node heard of the others. A user of its configuration is known to it anyway.
#[actix_web::test]
async fn an_access_token_is_not_judged_by_a_node_that_may_not_know_that_it_was_revoked() {
    let gateway = event_gateways::started().await;
    let (_, token) = made(&gateway, wanted("ci", "ADMIN", 3600)).await;
    const ISOLATE: &str = "/gateway/v2/cluster/isolate-ok";
    gateway.lease.allow_for(Duration::ZERO);
    for (method, path) in [(Method::GET, "/gateway/v2/cluster"), (Method::POST, ISOLATE)] {
        let reply = gateway
            .send(Some(&token), method, path, &json!({ "seconds": 60 }).to_string())
            .await;
        assert_eq!(reply.status, 503, "{path}: {}", reply.body);
        assert!(
            reply.body.contains("whether an access token was revoked"),
            "{}",
            reply.body
        );
    }
    let allowed = gateway
        .admin(Method::POST, ISOLATE, &json!({ "seconds": 60 }))
        .await;
    assert_eq!(allowed.ok(), json!({ "nodeId": 1, "seconds": 60 }));
    assert!(gateway.lease.holds() && gateway.lease.allowed_for() > Duration::from_secs(50));
    let reply = gateway
        .send(Some(&token), Method::GET, "/gateway/v2/cluster", "")
        .await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let too_long = gateway
        .admin(Method::POST, ISOLATE, &json!({ "seconds": 86_401 }))
        .await;
    assert_eq!(too_long.status, 400, "{}", too_long.body);
}

#[actix_web::test]
async fn a_change_is_judged_again_when_access_tokens_were_revoked_meanwhile() {
    let gateway = event_gateways::started().await;
    let (mine, token) = made(&gateway, wanted("ci", "ADMIN", 3600)).await;
    let (other, _) = made(&gateway, wanted("other", "ADMIN", 3600)).await;
    let revoke = |id: &str| {
        let id = AccessTokenId(id.parse::<uuid::Uuid>().unwrap().into_bytes());
        *gateway.quicker.lock().unwrap() = Some(Command::RevokeAccessToken { id });
    };
    let put = async |by: Option<&str>, name: &str| {
        let body = account(name).to_string();
        match by {
            Some(token) => gateway.send(Some(token), Method::PUT, ACCOUNT, &body).await,
            None => gateway.put(ACCOUNT, &account(name)).await,
        }
    };
    revoke(&other);
    put(Some(&token), "first").await.ok();
    revoke(&mine);
    put(Some(&token), "second").await.refused(401);
    put(None, "third").await.ok();
    let names = |state: &State| -> Vec<String> {
        let vclusters = state.vclusters.values();
        let accounts = vclusters.flat_map(|vcluster| vcluster.accounts.keys());
        accounts.map(ToString::to_string).collect()
    };
    let names = names(&gateway.states.borrow());
    assert!(
        names.contains(&"first".to_owned()) && names.contains(&"third".to_owned()),
        "{names:?}"
    );
    assert!(!names.contains(&"second".to_owned()), "{names:?}");
}
