//! Groups of accounts: whom they hold, what they are the scope of, and when they go.

use super::*;

fn group(name: &str, members: &[(&str, Option<&str>)]) -> Value {
    let member = |(name, vcluster): &(&str, Option<&str>)| match vcluster {
        Some(vcluster) => json!({ "name": name, "vCluster": vcluster }),
        None => json!({ "name": name }),
    };
    let members: Vec<Value> = members.iter().map(member).collect();
    json!({ "kind": "GatewayGroup", "apiVersion": "gateway/v2", "metadata": { "name": name },
            "spec": { "members": members } })
}

fn policy(group: &str) -> Value {
    json!({ "kind": "Policy", "apiVersion": "gateway/v2", "metadata": { "name": "mine", "group": group },
            "spec": { "phase": "consume", "condition": "true", "action": { "type": "skip_record" } } })
}

#[actix_web::test]
async fn a_group_is_put_shown_and_deleted() {
    let gateway = Gateway::walkthrough().await;
    let one = format!("{GROUP}/billing");
    gateway.get(&one).await.refused(404);
    let both = [
        ("partner-user", Some("mypartner")),
        ("super-user", Some("mypartner")),
    ];
    let body = group("billing", &both);
    let dry = gateway.put(&format!("{GROUP}?dryMode=true"), &body).await.ok();
    assert_eq!(dry["upsertResult"], "CREATED");
    assert_eq!(gateway.get(GROUP).await.ok(), json!([]));
    let put = gateway.put(GROUP, &body).await;
    assert!(put.revision.is_some());
    let put = put.ok();
    assert_eq!(
        (&put["upsertResult"], &put["resource"]),
        (&json!("CREATED"), &body)
    );
    // What is shown can be put back.
    let shown = gateway.get(&format!("{one}?showDefaults=false")).await.ok();
    assert_eq!(
        gateway.put(GROUP, &shown).await.ok()["upsertResult"],
        "NOT_CHANGED"
    );
    let fewer = gateway.put(GROUP, &group("billing", &both[..1])).await.ok();
    assert_eq!(fewer["upsertResult"], "UPDATED");
    let mut empty = group("audit", &[]);
    empty["spec"] = json!({ "members": null, "externalGroups": null });
    assert_eq!(
        gateway.put(GROUP, &empty).await.ok()["resource"]["spec"]["members"],
        json!([])
    );
    let listed = gateway.get(&format!("{GROUP}?showDefaults=true")).await.ok();
    let names: Vec<&Value> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["metadata"]["name"])
        .collect();
    assert_eq!(names, ["audit", "billing"]);
    assert_eq!(gateway.delete(&one, &Value::Null).await.status, 204);
    let gone = gateway.delete(&one, &Value::Null).await.refused(404);
    assert_eq!(gone, "group billing does not exist");
    let reading = gateway
        .send(Some("eye:conduktor"), Method::PUT, GROUP, "{}")
        .await;
    reading.refused(403);
}

#[actix_web::test]
async fn a_member_is_an_account_and_leaves_with_it() {
    let gateway = Gateway::walkthrough().await;
    let refused = gateway
        .put(GROUP, &group("g", &[("nobody", Some("mypartner"))]))
        .await
        .refused(404);
    assert_eq!(
        refused,
        "service account nobody does not exist in virtual cluster mypartner"
    );
    // Without a virtual cluster, it is one of the built-in virtual cluster.
    let refused = gateway
        .put(GROUP, &group("g", &[("partner-user", None)]))
        .await
        .refused(404);
    assert_eq!(refused, "virtual cluster passthrough does not exist");
    gateway
        .put(GROUP, &group("g", &[("partner-user", Some("mypartner"))]))
        .await
        .ok();
    let member = json!({ "name": "partner-user", "vCluster": "mypartner" });
    let dry = gateway.delete(&format!("{ACCOUNT}?dryMode=true"), &member).await;
    let said = dry.warning.clone().unwrap_or_default();
    assert!(
        dry.status == 204 && said.contains("partner-user of mypartner was a member of the groups g,"),
        "{said}"
    );
    let gone = gateway.delete(ACCOUNT, &member).await;
    assert!(
        gone.warning
            .is_some_and(|said| said.contains("member of the groups g,"))
    );
    let left = gateway.get(&format!("{GROUP}/g")).await.ok();
    assert_eq!(left["spec"]["members"], json!([]));
    gateway.put(ACCOUNT, &account("partner-user")).await.ok();
    assert_eq!(gateway.get(&format!("{GROUP}/g")).await.ok(), left);
}

#[actix_web::test]
async fn a_group_that_is_a_scope_stays() {
    let gateway = Gateway::walkthrough().await;
    let refused = gateway.put(POLICY, &policy("g")).await.refused(404);
    assert_eq!(refused, "group g does not exist");
    gateway.put(GROUP, &group("g", &[])).await.ok();
    let put = gateway.put(POLICY, &policy("g")).await.ok();
    assert_eq!(
        put["resource"]["metadata"],
        json!({ "name": "mine", "group": "g" })
    );
    let refused = gateway
        .delete(&format!("{GROUP}/g"), &Value::Null)
        .await
        .refused(409);
    assert_eq!(
        refused,
        "group g is still the scope of policy mine for the group g of all virtual clusters"
    );
    let which = json!({ "name": "mine", "group": "g" });
    assert_eq!(gateway.delete(POLICY, &which).await.status, 204);
    assert_eq!(
        gateway.delete(&format!("{GROUP}/g"), &Value::Null).await.status,
        204
    );
}

#[actix_web::test]
async fn what_is_no_group_is_refused() {
    let gateway = Gateway::walkthrough().await;
    let mut external = group("g", &[]);
    external["spec"]["externalGroups"] = json!(["ops"]);
    let mut more = group("g", &[]);
    more["spec"]["owner"] = json!("ops");
    for (body, why) in [
        (
            external,
            "spec.externalGroups is not supported: list the accounts in spec.members",
        ),
        (more, "the field spec.owner is unknown"),
        (group("a.b", &[]), "metadata.name: group name"),
        (group("", &[]), "metadata.name: group name"),
        (group("g", &[("", Some("mypartner"))]), "spec.members.name"),
    ] {
        let refused = gateway.put(GROUP, &body).await.refused(400);
        assert!(refused.contains(why), "{refused}");
    }
    gateway
        .get(&format!("{GROUP}?vcluster=mypartner"))
        .await
        .refused(400);
    gateway.get(&format!("{GROUP}/a.b")).await.refused(400);
    let both = json!({ "kind": "Policy", "apiVersion": "gateway/v2",
                       "metadata": { "name": "p", "group": "g", "username": "ann" }, "spec": policy("g")["spec"] });
    let refused = gateway.put(POLICY, &both).await.refused(400);
    assert!(
        refused.contains("metadata.group and metadata.username exclude each other"),
        "{refused}"
    );
}
