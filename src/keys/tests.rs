//! Key files as they come, change and go, and a service that answers as it is told.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use klamm_raft::model::KeyName;
use serde_json::json;

use super::testing::{PLAINTEXT, Service, name, started, vault, vault_with};
use super::*;
use crate::envelope::{KeysAtHand, NoKey, RecordKeyNeed};
use crate::metrics::Metrics;
use crate::supervision::Supervisor;

const ONE: &str = "1 q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4k=\n";
const TWO: &str = "2 AAAAASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4k=\n";

fn write(path: &Path, text: &str, mode: u32) {
    let beside = path.with_extension("new");
    fs::write(&beside, text).unwrap();
    fs::set_permissions(&beside, Permissions::from_mode(mode)).unwrap();
    fs::rename(&beside, path).unwrap();
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..200 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{what}: not in time");
}

#[actix_rt::test]
async fn a_key_file_is_followed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("payroll.keys");
    write(&path, ONE, 0o600);
    let (keys, metrics) = started(KeyConfig::File { path: path.clone() });
    let sealing = keys.sealing(&name()).unwrap();
    let wrapped = sealing.wrapped().to_vec();
    let is_same = |other: &[u8]| wrapped == other;
    assert!(
        is_same(keys.sealing(&name()).unwrap().wrapped()),
        "it is used again"
    );
    let mut sealed = b"plain".to_vec();
    sealing.seal(b"", &mut sealed, 0).unwrap();
    let opens = || {
        let opening = keys.opening(&name(), &wrapped)?;
        let mut copy = sealed.clone();
        opening.open(b"", &mut copy, 0).unwrap();
        assert_eq!(copy, b"plain");
        Ok::<_, NoKey>(())
    };
    assert_eq!(opens(), Ok(()));
    assert_eq!(keys.pinned(&name(), None).unwrap().version(), 1);

    // A new version wraps new data keys, and the old one opens what it wrapped. Keys of records stay with the oldest.
    write(&path, &format!("# two\n{ONE}\n{TWO}"), 0o640);
    until("the new version is used", || {
        !is_same(keys.sealing(&name()).unwrap().wrapped())
    })
    .await;
    assert_eq!(keys.sealing(&name()).unwrap().wrapped()[..4], [0, 0, 0, 2]);
    assert_eq!(opens(), Ok(()));
    assert_eq!(keys.pinned(&name(), None).unwrap().version(), 1);
    assert_eq!(keys.pinned(&name(), Some(2)).unwrap().version(), 2);
    assert_eq!(keys.pinned(&name(), Some(3)).err(), Some(NoKey::Refused));

    // What is no key changes nothing.
    write(&path, "1 short\n", 0o600);
    until("the trouble is told", || !keys.troubles().is_empty()).await;
    assert!(keys.troubles()[0].1.contains("line 1"), "{:?}", keys.troubles());
    assert_eq!(opens(), Ok(()));
    write(&path, ONE, 0o604);
    until("the rights are told", || {
        keys.troubles()
            .first()
            .is_some_and(|(_, why)| why.contains("by everybody"))
    })
    .await;

    // What was wrapped by a version that is gone is not opened.
    write(&path, TWO, 0o600);
    until("the old version is gone", || opens() == Err(NoKey::Refused)).await;
    assert!(keys.troubles().is_empty());

    // Without the file there is no key, until it is back.
    fs::remove_file(&path).unwrap();
    until("the key is gone", || {
        keys.sealing(&name()).err() == Some(NoKey::Away)
    })
    .await;
    assert_eq!(opens(), Err(NoKey::Away));
    assert!(keys.troubles()[0].1.contains("does not exist"));
    assert!(
        metrics
            .encode()
            .unwrap()
            .contains("klamm_record_key_usable{key=\"payroll\"} 0")
    );
    write(&path, ONE, 0o600);
    until("the key is back", || opens() == Ok(())).await;
    assert!(
        metrics
            .encode()
            .unwrap()
            .contains("klamm_record_key_usable{key=\"payroll\"} 1")
    );
}

#[actix_rt::test]
async fn a_data_key_opens_by_its_own_key_only() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("k");
    write(&path, ONE, 0o600);
    let (keys, _) = started(KeyConfig::File { path: path.clone() });
    let wrapped = keys.sealing(&name()).unwrap().wrapped().to_vec();
    // The same bytes under another name are another key.
    let other: KeyName = "other".parse().unwrap();
    let metrics = Metrics::new().unwrap();
    let supervisor = Supervisor::new(metrics.components.clone());
    let configs = BTreeMap::from([(other.clone(), KeyConfig::File { path })]);
    let others = RecordKeys::start(&configs, &metrics.record_keys, &supervisor);
    assert_eq!(others.opening(&other, &wrapped).err(), Some(NoKey::Refused));
    assert_eq!(others.opening(&name(), &wrapped).err(), Some(NoKey::Unknown));
    for at in 0..wrapped.len() {
        let mut changed = wrapped.clone();
        changed[at] ^= 1;
        assert_eq!(
            keys.opening(&name(), &changed).err(),
            Some(NoKey::Refused),
            "byte {at}"
        );
        assert_eq!(keys.opening(&name(), &wrapped[..at]).err(), Some(NoKey::Refused));
    }
}

#[actix_rt::test]
async fn keys_that_policies_name_and_nobody_has_are_told() {
    let (keys, metrics) = started(KeyConfig::File {
        path: "/nowhere/k".into(),
    });
    let missing: KeyName = "missing".parse().unwrap();
    keys.are_named([name(), missing].into_iter(), &metrics.record_keys);
    let troubles: Vec<String> = keys
        .troubles()
        .into_iter()
        .map(|(name, _)| name.to_string())
        .collect();
    assert_eq!(troubles, ["payroll", "missing"]);
    let shown = "klamm_record_key_usable{key=\"missing\"} 0";
    assert!(metrics.encode().unwrap().contains(shown));
    keys.are_named(std::iter::once(name()), &metrics.record_keys);
    assert_eq!(keys.troubles().len(), 1);
    assert!(!metrics.encode().unwrap().contains(shown));
}

fn opening(wrapped: &str) -> RecordKeyNeed {
    RecordKeyNeed::Opening {
        key: name(),
        wrapped: Box::from(wrapped.as_bytes()),
    }
}

#[actix_rt::test]
async fn a_service_makes_one_data_key_for_all_who_wait_for_it() {
    let (service, dir) = (Service::start(), tempfile::tempdir().unwrap());
    let keys = vault(&service, dir.path());
    assert_eq!(keys.sealing(&name()).err(), Some(NoKey::NotYet));
    assert_eq!(keys.pinned(&name(), None).err(), Some(NoKey::Unpinned));
    service.answers(
        200,
        json!({ "data": { "plaintext": PLAINTEXT, "ciphertext": "vault:v1:abc" } }),
    );
    let waiting = (0..10).map(|_| Arc::clone(&keys).obtain(vec![RecordKeyNeed::Sealing(name())]));
    futures_util::future::join_all(waiting).await;
    assert_eq!(keys.sealing(&name()).unwrap().wrapped(), b"vault:v1:abc");
    let asked = service.asked.lock().unwrap().clone();
    assert_eq!(
        asked,
        [(
            "post /v1/transit/datakey/plaintext/orders http/1.1".to_owned(),
            json!({ "bits": 256 })
        )]
    );
}

#[actix_rt::test]
async fn a_service_opens_many_at_once_and_what_it_refuses_is_known_to_who_asked_only() {
    let (service, dir) = (Service::start(), tempfile::tempdir().unwrap());
    let keys = vault(&service, dir.path());
    service.answers(
        400,
        json!({ "data": { "batch_results": [
            { "plaintext": PLAINTEXT },
            { "error": "cipher: message authentication failed", "plaintext": "" },
        ] } }),
    );
    let needs = vec![opening("vault:v1:good"), opening("vault:v1:bad")];
    let obtained = Arc::clone(&keys).obtain(needs).await;
    assert!(obtained.opening(&name(), b"vault:v1:good").is_ok());
    assert_eq!(
        obtained.opening(&name(), b"vault:v1:bad").err(),
        Some(NoKey::Refused)
    );
    assert!(keys.opening(&name(), b"vault:v1:good").is_ok());
    assert_eq!(keys.opening(&name(), b"vault:v1:bad").err(), Some(NoKey::NotYet));
    assert_eq!(
        service.asked.lock().unwrap()[0],
        (
            "post /v1/transit/decrypt/orders http/1.1".to_owned(),
            json!({ "batch_input": [{ "ciphertext": "vault:v1:good" }, { "ciphertext": "vault:v1:bad" }] })
        )
    );
    // Whoever needs it again asks again, and only for that.
    service.answers(
        200,
        json!({ "data": { "batch_results": [{ "plaintext": PLAINTEXT }] } }),
    );
    let obtained = Arc::clone(&keys)
        .obtain(vec![opening("vault:v1:good"), opening("vault:v1:bad")])
        .await;
    assert!(obtained.opening(&name(), b"vault:v1:bad").is_ok());
    assert_eq!(service.calls(), 2);
}

#[actix_rt::test]
async fn a_service_that_fails_is_not_asked_at_once_again_and_nothing_of_it_is_remembered() {
    let (service, dir) = (Service::start(), tempfile::tempdir().unwrap());
    let keys = vault(&service, dir.path());
    service.answers(503, json!({ "errors": ["Vault is sealed"] }));
    let waiting = (0..10).map(|_| Arc::clone(&keys).obtain(vec![RecordKeyNeed::Sealing(name())]));
    futures_util::future::join_all(waiting).await;
    assert_eq!(service.calls(), 1, "the others are told at once");
    assert_eq!(service.most_at_once.load(Ordering::SeqCst), 1);
    assert_eq!(keys.sealing(&name()).err(), Some(NoKey::NotYet));
    assert!(keys.troubles()[0].1.contains("503"), "{:?}", keys.troubles());
    service.answers(
        200,
        json!({ "data": { "plaintext": PLAINTEXT, "ciphertext": "vault:v1:abc" } }),
    );
    tokio::time::sleep(Duration::from_millis(600)).await;
    Arc::clone(&keys)
        .obtain(vec![RecordKeyNeed::Sealing(name())])
        .await;
    assert!(keys.sealing(&name()).is_ok() && keys.troubles().is_empty());
}

#[actix_rt::test]
async fn answers_that_make_no_sense_are_failures() {
    for answer in [
        json!({}),
        json!({ "data": { "plaintext": "AAAA", "ciphertext": "vault:v1:abc" } }),
        json!({ "data": { "plaintext": PLAINTEXT, "ciphertext": "" } }),
        json!({ "data": { "plaintext": PLAINTEXT, "ciphertext": "x".repeat(70_000) } }),
    ] {
        let (service, dir) = (Service::start(), tempfile::tempdir().unwrap());
        let keys = vault(&service, dir.path());
        service.answers(200, answer);
        Arc::clone(&keys)
            .obtain(vec![RecordKeyNeed::Sealing(name())])
            .await;
        assert_eq!(keys.sealing(&name()).err(), Some(NoKey::NotYet));
        let why = keys.troubles().remove(0).1;
        assert!(
            why.contains("answer of Vault") && !why.contains(PLAINTEXT),
            "{why}"
        );
    }
    let (service, dir) = (Service::start(), tempfile::tempdir().unwrap());
    let keys = vault(&service, dir.path());
    // One result for two.
    service.answers(
        200,
        json!({ "data": { "batch_results": [{ "plaintext": PLAINTEXT }] } }),
    );
    Arc::clone(&keys).obtain(vec![opening("a"), opening("b")]).await;
    assert_eq!(keys.opening(&name(), b"a").err(), Some(NoKey::NotYet));
}

#[actix_rt::test]
async fn keys_of_records_are_encrypted_under_a_data_key_that_stays() {
    let (service, dir) = (Service::start(), tempfile::tempdir().unwrap());
    let opened = || {
        (
            200,
            json!({ "data": { "batch_results": [{ "plaintext": PLAINTEXT }] } }),
        )
    };
    let made = || {
        (
            200,
            json!({ "data": { "plaintext": PLAINTEXT, "ciphertext": "vault:v1:abc" } }),
        )
    };
    let mut sealed = Vec::new();
    for _ in 0..2 {
        // As two nodes, or one that was started again.
        let keys = vault_with(&service, dir.path(), Some("vault:v1:pinned"));
        assert_eq!(keys.pinned(&name(), None).err(), Some(NoKey::NotYet));
        service.answers_in_turn([opened(), made()]);
        Arc::clone(&keys)
            .obtain(vec![RecordKeyNeed::Sealing(name())])
            .await;
        assert!(keys.sealing(&name()).is_ok(), "{:?}", keys.troubles());
        let pinned = keys.pinned(&name(), None).unwrap();
        assert_eq!(
            keys.pinned(&name(), Some(pinned.version())).unwrap().version(),
            pinned.version()
        );
        assert_eq!(keys.pinned(&name(), Some(7)).err(), Some(NoKey::Refused));
        let mut key = b"customer".to_vec();
        pinned.seal(b"", &mut key, 0).unwrap();
        sealed.push(key);
    }
    assert_eq!(sealed[0], sealed[1]);
    assert_eq!(
        service.asked.lock().unwrap()[0],
        (
            "post /v1/transit/decrypt/orders http/1.1".to_owned(),
            json!({ "batch_input": [{ "ciphertext": "vault:v1:pinned" }] })
        )
    );
    // One that the service refuses closes the key, and says so.
    let keys = vault_with(&service, dir.path(), Some("vault:v1:foreign"));
    service.answers(
        400,
        json!({ "data": { "batch_results": [{ "error": "message authentication failed" }] } }),
    );
    Arc::clone(&keys)
        .obtain(vec![RecordKeyNeed::Sealing(name())])
        .await;
    assert_eq!(keys.pinned(&name(), None).err(), Some(NoKey::NotYet));
    assert_eq!(keys.sealing(&name()).err(), Some(NoKey::NotYet));
    assert!(
        keys.troubles()[0].1.contains("record.key"),
        "{:?}",
        keys.troubles()
    );
}
