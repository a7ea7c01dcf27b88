//! Attacks by a page of somebody else, which can make a browser ask with a login that the browser keeps: nothing comes
//! of them.

use super::*;

const ADMIN: Option<&str> = Some("admin:conduktor");
const JSON: (&str, &str) = ("Content-Type", "application/json");

#[actix_web::test]
async fn a_page_of_somebody_else_changes_nothing() {
    let gateway = Gateway::walkthrough().await;
    let before = gateway.states.borrow().revision;
    let own = ("Host", "gw.example.com:8888");
    let token =
        json!({ "username": "super-user", "vCluster": "mypartner", "lifeTimeSeconds": 60 }).to_string();
    let open = json!({
        "name": "open", "destination": { "name": "main" }, "authentication": [{ "type": "anonymous" }],
    });
    let open = open.to_string();
    let wanted = [
        (Method::POST, "/v1/event-gateways/default/virtual-clusters", &open),
        (Method::POST, TOKEN, &token),
        (Method::PUT, VCLUSTER, &partner().to_string()),
        (
            Method::DELETE,
            ALIAS,
            &json!({ "name": "topic1", "vCluster": "mypartner" }).to_string(),
        ),
    ];
    for (method, path, body) in wanted {
        let send = async |headers: &[(&str, &str)]| {
            let reply = gateway
                .send_with(headers, ADMIN, method.clone(), (path, body))
                .await;
            assert_eq!(reply.is_problem(), path.starts_with("/v1/"), "{path}");
            reply
        };
        let form = ("Content-Type", "text/plain");
        send(&[own, form]).await.refused(415);
        let foreign = ("Origin", "https://evil.example");
        assert!(
            send(&[own, foreign, JSON])
                .await
                .refused(403)
                .contains("evil.example")
        );
        send(&[own, ("Sec-Fetch-Site", "cross-site"), JSON])
            .await
            .refused(403);
        send(&[own, ("Origin", "http://gw.example.com:8888"), form])
            .await
            .refused(415);
        let rebound = [
            ("Host", "evil.example:8888"),
            ("Origin", "http://evil.example:8888"),
            JSON,
        ];
        assert!(send(&rebound).await.refused(403).contains("klamm.http.hosts"));
    }
    assert_eq!(gateway.states.borrow().revision, before, "nothing came of it");
    let same = [
        own,
        ("Origin", "http://gw.example.com:8888"),
        ("Sec-Fetch-Site", "same-origin"),
        JSON,
    ];
    gateway
        .send_with(&same, ADMIN, Method::PUT, (VCLUSTER, &partner().to_string()))
        .await
        .ok();
    for (host, status) in [("evil.example:8888", 403), ("not a host", 400)] {
        let rebound = [("Host", host), ("Sec-Fetch-Site", "same-origin")];
        for path in [VCLUSTER, "/metrics", "/health/ready"] {
            let reply = gateway.send_with(&rebound, ADMIN, Method::GET, (path, ""));
            reply.await.refused(status);
        }
    }
}

#[actix_web::test]
async fn every_answer_says_that_it_is_not_to_be_kept_nor_taken_for_something_else() {
    let gateway = Gateway::new();
    for (method, path, user) in [
        (Method::GET, "/health/live", None),
        (Method::GET, "/metrics", None),
        (Method::GET, VCLUSTER, ADMIN),
        (Method::GET, VCLUSTER, None),
        (Method::GET, "/v1/event-gateways", None),
        (Method::PUT, VCLUSTER, ADMIN),
        (Method::PATCH, VCLUSTER, ADMIN),
        (Method::GET, "/nowhere", None),
    ] {
        let reply = gateway.send(user, method, path, "").await;
        let hardened = reply.hardened.each_ref().map(Option::as_deref);
        assert_eq!(
            hardened,
            [Some("no-store"), Some("nosniff")],
            "{path}: {}",
            reply.status
        );
    }
}

#[actix_web::test]
async fn the_answer_to_a_wrong_password_is_held_back() {
    let gateway = Gateway::new();
    let start = std::time::Instant::now();
    gateway
        .send(Some("admin:wrong"), Method::GET, VCLUSTER, "")
        .await
        .refused(401);
    assert!(start.elapsed() >= Duration::from_millis(100));
}
