//! Registries that answer, do not answer, and answer nonsense.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use klamm_raft::model::RegistryName;
use serde_json::json;

use super::testing::{StandIn, name, started};
use super::*;
use crate::schemas::{NoSchema, SchemaNeed, SchemaRef, SchemasAtHand};

fn need(number: i32) -> SchemaNeed {
    SchemaNeed {
        registry: name(),
        id: SchemaRef::Number(number),
    }
}

/// The end of one need, waited for.
async fn obtained(registries: &Arc<Registries>, need: SchemaNeed) -> Result<(), NoSchema> {
    let all = Arc::clone(registries).obtain(vec![need.clone()]).await;
    all.schema(&need.registry, need.id).map(drop)
}

#[actix_rt::test]
async fn a_schema_is_asked_for_once_however_many_wait_for_it() {
    let stand_in = StandIn::start();
    stand_in.knows(7, Some("JSON"), &json!({}));
    let (registries, _) = started(stand_in.config());
    assert_eq!(
        registries.schema(&name(), SchemaRef::Number(7)).map(drop),
        Err(NoSchema::NotYet)
    );
    let all = (0..20).map(|_| Arc::clone(&registries).obtain(vec![need(7)]));
    for obtained in futures_util::future::join_all(all).await {
        obtained.schema(&name(), SchemaRef::Number(7)).unwrap();
    }
    assert_eq!(stand_in.calls(), 1);
    registries.schema(&name(), SchemaRef::Number(7)).unwrap();
    let other: RegistryName = "other".parse().unwrap();
    let missing = SchemaNeed {
        registry: other.clone(),
        ..need(7)
    };
    assert_eq!(obtained(&registries, missing).await, Err(NoSchema::NoRegistry));
    assert_eq!(
        registries.schema(&other, SchemaRef::Number(7)).map(drop),
        Err(NoSchema::NoRegistry)
    );
}

#[actix_rt::test]
async fn there_are_only_so_many_calls_at_once() {
    let stand_in = StandIn::start();
    let (registries, _) = started(stand_in.config());
    let needs = (1..=60).map(need).collect();
    Arc::clone(&registries).obtain(needs).await;
    assert_eq!(stand_in.calls(), 60);
    let most = stand_in.most_at_once.load(Ordering::SeqCst);
    assert!((2..=8).contains(&most), "{most}");
}

#[actix_rt::test]
async fn that_there_is_no_schema_is_remembered_for_a_short_time() {
    let stand_in = StandIn::start();
    let (registries, _) = started(stand_in.config());
    assert_eq!(obtained(&registries, need(7)).await, Err(NoSchema::Unknown));
    assert_eq!(obtained(&registries, need(7)).await, Err(NoSchema::Unknown));
    assert_eq!(stand_in.calls(), 1);
    assert!(registries.troubles().is_empty());
    stand_in.knows(7, None, &json!("string"));
    let begun = Instant::now();
    while obtained(&registries, need(7)).await.is_err() {
        assert!(begun.elapsed() < Duration::from_secs(20), "for ever");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // A registry that knows no UUIDs is not in trouble.
    stand_in.answers_at(
        "/api/schemas/guids/01010101-0101-0101-0101-010101010101",
        405,
        json!({}),
    );
    let unique = SchemaNeed {
        registry: name(),
        id: SchemaRef::Unique([1; 16]),
    };
    assert_eq!(obtained(&registries, unique).await, Err(NoSchema::Unknown));
    assert!(registries.troubles().is_empty());
}

/// As long as it answers like that, and not longer.
async fn trouble(status: u16, answer: serde_json::Value) {
    let stand_in = StandIn::start();
    stand_in.knows(7, None, &json!("string"));
    stand_in.knows(8, None, &json!("string"));
    let (registries, metrics) = started(stand_in.config());
    assert_eq!(obtained(&registries, need(8)).await, Ok(()));
    stand_in.answers_always(Some((status, answer)));
    let (begun, calls) = (Instant::now(), stand_in.calls());
    while begun.elapsed() < Duration::from_secs(1) {
        assert_eq!(obtained(&registries, need(7)).await, Err(NoSchema::Away));
        // What is known stays.
        assert_eq!(obtained(&registries, need(8)).await, Ok(()));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(stand_in.calls() - calls < 5);
    assert_eq!(registries.troubles().len(), 1);
    let shown = metrics.encode().unwrap();
    assert!(shown.contains("klamm_registry_usable{registry=\"central\"} 0"));
    stand_in.answers_always(None);
    // Also where nobody asks.
    let begun = Instant::now();
    while !registries.troubles().is_empty() {
        assert!(
            begun.elapsed() < Duration::from_secs(10),
            "{:?}",
            registries.troubles()
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(obtained(&registries, need(7)).await, Ok(()));
}

#[actix_rt::test]
async fn trouble_is_told_asked_about_seldom_and_over_by_itself() {
    let all = [
        (503, json!({})),
        (404, json!("no such page")),
        (200, json!("?")),
        (401, json!({})),
    ];
    let all = all.map(|(status, answer)| trouble(status, answer));
    futures_util::future::join_all(all).await;
}

#[actix_rt::test]
async fn a_node_says_who_it_is_as_the_file_has_it_now() {
    let stand_in = StandIn::start();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("secret");
    fs::write(&file, "first\n").unwrap();
    let password = RegistryConfig {
        access: RegistryAccess::Password {
            username: "klamm".to_owned(),
            file: file.clone(),
        },
        ..stand_in.config()
    };
    let (registries, _) = started(password);
    assert_eq!(obtained(&registries, need(1)).await, Err(NoSchema::Unknown));
    fs::write(&file, "second").unwrap();
    assert_eq!(obtained(&registries, need(2)).await, Err(NoSchema::Unknown));
    let token = RegistryConfig {
        access: RegistryAccess::Token { file: file.clone() },
        ..stand_in.config()
    };
    let (registries, _) = started(token);
    assert_eq!(obtained(&registries, need(3)).await, Err(NoSchema::Unknown));
    let asked = stand_in.asked.lock().unwrap().clone();
    let by: Vec<&str> = asked.iter().filter_map(|(_, by)| by.as_deref()).collect();
    assert_eq!(
        by,
        [
            "Basic a2xhbW06Zmlyc3Q=",
            "Basic a2xhbW06c2Vjb25k",
            "Bearer second"
        ]
    );
    assert!(asked[0].0.starts_with("GET /api/schemas/ids/1 "), "{asked:?}");
    fs::remove_file(&file).unwrap();
    assert_eq!(obtained(&registries, need(4)).await, Err(NoSchema::Away));
    assert!(registries.troubles()[0].1.contains("cannot be read"));
}

#[actix_rt::test]
async fn a_registry_that_policies_name_and_the_node_lacks_is_told() {
    let stand_in = StandIn::start();
    let (registries, metrics) = started(stand_in.config());
    let named = |names: &[&str]| {
        let names: Vec<RegistryName> = names.iter().map(|name| name.parse().unwrap()).collect();
        registries.are_named(names.into_iter(), &metrics.registries);
        let troubles = registries.troubles();
        troubles
            .into_iter()
            .map(|(name, _)| name.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(named(&["central", "east"]), ["east"]);
    assert!(
        metrics
            .encode()
            .unwrap()
            .contains("klamm_registry_usable{registry=\"east\"} 0")
    );
    assert!(named(&["central"]).is_empty());
    assert!(!metrics.encode().unwrap().contains("registry=\"east\""));
}

#[actix_rt::test]
async fn a_schema_that_is_too_long_is_no_trouble_of_the_registry() {
    let stand_in = StandIn::start();
    stand_in.knows(9, Some("JSON"), &json!({ "title": "x".repeat(2 << 20) }));
    let (registries, _) = started(stand_in.config());
    assert_eq!(obtained(&registries, need(9)).await, Ok(()));
    let schema = registries.schema(&name(), SchemaRef::Number(9)).unwrap();
    assert!(schema.validate(b"{}").is_err() && registries.troubles().is_empty());
}
