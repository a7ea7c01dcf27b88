//! Signing keys: listed by their ids, rotated and retired, with the tokens that depend on them.

use klamm_raft::model::SigningKey;

use super::*;

const KEYS: &str = "/gateway/v2/signing-key";
const RETIRE: &str = "/gateway/v2/signing-key/retire";

async fn issue(gateway: &Arc<Gateway>) {
    let body = json!({ "username": "super-user", "vCluster": "mypartner", "lifeTimeSeconds": 60 });
    gateway.admin(Method::POST, TOKEN, &body).await.ok();
}

async fn rotate(gateway: &Arc<Gateway>, retire_old: bool) -> Reply {
    let body = json!({ "retireOld": retire_old });
    gateway.admin(Method::POST, KEYS, &body).await
}

#[actix_web::test]
async fn a_rotation_says_what_depends_on_the_old_key_and_never_shows_a_key() {
    let gateway = Gateway::walkthrough().await;
    issue(&gateway).await;
    let first = SigningKey(vec![7; 32]).id().to_string();
    let expected = json!([{ "id": first, "signs": true, "liveTokens": 1 }]);
    assert_eq!(gateway.get(KEYS).await.ok(), expected);
    let dry = gateway
        .admin(
            Method::POST,
            &format!("{KEYS}?dryMode=true"),
            &json!({ "retireOld": true }),
        )
        .await
        .ok();
    let expected_dry = json!({ "id": "", "replaced": first, "endedTokens": 1, "oldTokens": 0 });
    assert_eq!(dry, expected_dry);
    assert_eq!(gateway.get(KEYS).await.ok(), expected);

    let rotated = gateway.admin(Method::POST, KEYS, &json!({})).await;
    let keys = gateway.states.borrow().signing_keys.clone().unwrap();
    let second = keys.current.id().to_string();
    assert_eq!(
        rotated.json(),
        json!({ "id": second, "replaced": first, "endedTokens": 0, "oldTokens": 1 })
    );
    issue(&gateway).await;
    let tokens = gateway.get(TOKEN).await.ok();
    let mut signers: Vec<_> = tokens
        .as_array()
        .unwrap()
        .iter()
        .map(|token| token["keyId"].clone())
        .collect();
    signers.sort_by_key(|id| id != &json!(first));
    assert_eq!(signers, [json!(first), json!(second)]);

    // The same once more, because the answer was lost: nothing ends.
    let refused = rotate(&gateway, false).await.refused(409);
    assert!(
        refused.contains("1 live tokens") && refused.contains(&first),
        "{refused}"
    );
    let retired = gateway
        .admin(Method::POST, RETIRE, &json!({ "id": first }))
        .await
        .ok();
    assert_eq!(retired, json!({ "id": first, "endedTokens": 1 }));
    assert_eq!(
        gateway.get(KEYS).await.ok(),
        json!([{ "id": second, "signs": true, "liveTokens": 1 }])
    );
    let all = rotate(&gateway, true).await.ok();
    assert_eq!(
        (&all["replaced"], &all["endedTokens"], &all["oldTokens"]),
        (&json!(second), &json!(1), &json!(0))
    );
    assert_eq!(gateway.get(TOKEN).await.ok(), json!([]));
}

#[actix_web::test]
async fn what_cannot_be_retired_is_refused_and_so_is_who_may_only_read() {
    let gateway = Gateway::walkthrough().await;
    let signs = SigningKey(vec![7; 32]).id().to_string();
    let retire = async |id: &str| gateway.admin(Method::POST, RETIRE, &json!({ "id": id })).await;
    let refused = retire(&signs).await.refused(409);
    assert!(refused.contains("rotate it before you retire it"), "{refused}");
    retire("0123456789abcdef").await.refused(404);
    let refused = retire("K7").await.refused(400);
    assert!(
        refused.contains("id: the id of a signing key must be 16 hexadecimal digits"),
        "{refused}"
    );
    for path in [KEYS, RETIRE] {
        let body = json!({ "id": signs }).to_string();
        let reading = gateway
            .send(Some("eye:conduktor"), Method::POST, path, &body)
            .await;
        reading.refused(403);
    }
    let reading = gateway.send(Some("eye:conduktor"), Method::GET, KEYS, "").await;
    assert_eq!(reading.status, 200);
}
