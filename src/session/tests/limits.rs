//! Limits of a virtual cluster: all of its clients share them, whoever they are, and what is closed has a reason.

use std::time::Instant;

use klamm_raft::model::{
    Limit, LimitedRate, Limits as VclusterLimits, Policy, PolicyAction, PolicyId, PolicyPhase, PolicyScope,
};

use super::messages::{FETCH, PRODUCE, fetch, produce, read, records, written};
use super::*;

fn set(gateway: &Gateway, limit: Limit, most: u64) {
    gateway.change(|state| state.spec.limits = VclusterLimits([(limit, most)].into()));
}

fn serves(frame: &Bytes) -> Deed {
    match i16::from_be_bytes([frame[0], frame[1]]) {
        PRODUCE => written(0),
        FETCH => read(records(100_000)),
        _ => Deed::Answer(vec![0, 0]),
    }
}

/// Whoever moves records waits for the bytes of all, and heartbeats are not late.
async fn is_paced(limit: Limit, ask: fn(i32) -> Vec<u8>) {
    let gateway = Gateway::start(limits(), serves).await;
    set(&gateway, limit, 100_000);
    let (mut one, mut other) = (gateway.log_in().await, gateway.log_in().await);
    let begun = Instant::now();
    for id in 0..3 {
        one.send(&ask(id)).await;
        assert_eq!(one.receive_id().await, Some(id));
    }
    other.send(&heartbeat(7)).await;
    assert_eq!(other.receive_id().await, Some(7));
    let before = begun.elapsed();
    // 300 KB in all, of which a second's worth was had in advance.
    other.send(&ask(8)).await;
    assert_eq!(other.receive_id().await, Some(8));
    other.send(&heartbeat(9)).await;
    assert_eq!(other.receive_id().await, Some(9));
    let took = begun.elapsed();
    assert!(took >= Duration::from_millis(2_900), "{took:?}");
    assert!(
        before < took - Duration::from_millis(700),
        "{before:?} of {took:?}"
    );
    let metrics = gateway.metrics.encode().unwrap();
    let counted = format!("klamm_throttle_seconds_count{{quota=\"{}\",", limit.name());
    assert!(metrics.contains(&counted), "{metrics}");
}

#[actix::test]
async fn producers_wait_for_the_bytes_of_all_requests() {
    is_paced(Limit::BytesIn, |id| produce(id, 1, records(100_000))).await;
}

#[actix::test]
async fn consumers_wait_for_the_bytes_of_all_answers() {
    is_paced(Limit::BytesOut, fetch).await;
}

/// A policy for one account, or for all of them.
fn limit_rate(gateway: &Gateway, account: Option<&str>, of: LimitedRate, per_second: u64) {
    let id = PolicyId {
        name: "rate".parse().unwrap(),
        scope: account.map_or(PolicyScope::All, |name| {
            PolicyScope::Account(name.parse().unwrap())
        }),
    };
    let action = PolicyAction::LimitRate { of, per_second };
    let policy = Policy::new(PolicyPhase::Cluster, action);
    gateway.change(|state| {
        state.policies.insert(id, policy);
    });
}

#[actix::test]
async fn policies_limit_those_whom_they_concern() {
    let gateway = Gateway::start(limits(), serves).await;
    limit_rate(&gateway, Some("bob"), LimitedRate::ProducedBytes, 1);
    let mut client = gateway.log_in().await;
    let begun = Instant::now();
    for id in 0..3 {
        client.send(&produce(id, 1, records(100_000))).await;
        assert_eq!(client.receive_id().await, Some(id));
    }
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    limit_rate(&gateway, None, LimitedRate::ProducedBytes, 100_000);
    let begun = Instant::now();
    for id in 0..3 {
        client.send(&produce(id, 1, records(100_000))).await;
        assert_eq!(client.receive_id().await, Some(id));
    }
    let took = begun.elapsed();
    assert!(took >= Duration::from_millis(900), "{took:?}");
    let metrics = gateway.metrics.encode().unwrap();
    assert!(
        metrics.contains("klamm_throttle_seconds_count{quota=\"policy\","),
        "{metrics}"
    );
}

#[actix::test]
async fn a_policy_limits_connections() {
    let gateway = Gateway::start(limits(), serves).await;
    limit_rate(&gateway, None, LimitedRate::NewConnections, 4);
    let begun = Instant::now();
    for id in 0..8 {
        let mut client = gateway.log_in().await;
        client.send(&heartbeat(id)).await;
        assert_eq!(client.receive_id().await, Some(id));
    }
    assert!(
        begun.elapsed() >= Duration::from_millis(900),
        "{:?}",
        begun.elapsed()
    );
}

#[actix::test]
async fn requests_of_all_are_paced() {
    let gateway = Gateway::start(limits(), serves).await;
    set(&gateway, Limit::Requests, 10);
    let (mut one, mut other) = (gateway.log_in().await, gateway.log_in().await);
    let begun = Instant::now();
    for id in 0..10 {
        for client in [&mut one, &mut other] {
            client.send(&heartbeat(id)).await;
            assert_eq!(client.receive_id().await, Some(id));
        }
    }
    let took = begun.elapsed();
    assert!(took >= Duration::from_millis(790), "{took:?}");
    gateway.change(|state| state.spec.limits = VclusterLimits::default());
    let begun = Instant::now();
    one.send(&(0..100).flat_map(heartbeat).collect::<Vec<u8>>()).await;
    for id in 0..100 {
        assert_eq!(one.receive_id().await, Some(id));
    }
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[actix::test]
async fn there_are_no_more_connections_than_there_may_be() {
    let gateway = Gateway::start(limits(), serves).await;
    let one = gateway.log_in().await;
    set(&gateway, Limit::Connections, 2);
    // Who has not logged in takes nobody's place.
    let _stranger = gateway.connect().await;
    let _other = gateway.log_in().await;
    let mut third = gateway.connect().await;
    assert!(!third.is_let_in("alice", &gateway.token()).await);
    gateway.expect_end("over_limit").await;
    drop(one);
    gateway.expect_end("client_closed").await;
    gateway.log_in().await;
}

#[actix::test]
async fn connections_that_log_in_are_paced() {
    let gateway = Gateway::start(limits(), serves).await;
    set(&gateway, Limit::NewConnections, 4);
    let begun = Instant::now();
    for id in 0..8 {
        let mut client = gateway.log_in().await;
        client.send(&heartbeat(id)).await;
        assert_eq!(client.receive_id().await, Some(id));
    }
    let took = begun.elapsed();
    assert!(took >= Duration::from_millis(900), "{took:?}");
    // So many that the last would wait for longer than it may.
    set(&gateway, Limit::NewConnections, 1);
    for _ in 0..40 {
        let mut client = gateway.connect().await;
        if !client.is_let_in("alice", &gateway.token()).await {
            gateway.expect_end("over_limit").await;
            return;
        }
    }
    panic!("all were let in");
}
