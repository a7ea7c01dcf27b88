//! Quotas: who uses more than it may is answered at once, told for how long, and not read meanwhile. Nothing is lost.

use std::collections::BTreeMap;
use std::time::Instant;

use kafka_protocol::messages::{FetchResponse, ProduceResponse};
use kafka_protocol::protocol::Decodable;
use klamm_raft::model::{QuotaEntity, QuotaKey, QuotaName, QuotaValue};

use super::messages::{
    FETCH, FETCH_VERSION, PRODUCE, PRODUCE_VERSION, encoded, fetch, produce, read, records, written,
};
use super::*;

fn alice() -> QuotaEntity {
    QuotaEntity::User(QuotaName::Named("alice".to_owned()))
}

fn set(gateway: &Gateway, entity: QuotaEntity, quotas: &[(QuotaKey, f64)]) {
    let quotas = quotas.iter().map(|(key, rate)| (*key, QuotaValue::new(*rate)));
    let quotas: BTreeMap<_, _> = quotas.collect();
    gateway.change(|state| {
        state.quotas.insert(entity, quotas);
    });
}

/// Writes, reads and beats as it is asked to.
fn serves(frame: &Bytes) -> Deed {
    match i16::from_be_bytes([frame[0], frame[1]]) {
        PRODUCE if frame[13..15] == [0, 0] => Deed::Nothing,
        PRODUCE => written(0),
        FETCH => read(records(100_000)),
        _ => Deed::Answer(vec![0, 0]),
    }
}

/// The time for which a client is throttled by the next answer, in milliseconds.
async fn throttled(client: &mut Client, api: i16) -> u64 {
    let mut body = client.receive().await.unwrap().slice(4..);
    let ms = match api {
        PRODUCE => {
            ProduceResponse::decode(&mut body, PRODUCE_VERSION)
                .unwrap()
                .throttle_time_ms
        }
        _ => {
            FetchResponse::decode(&mut body, FETCH_VERSION)
                .unwrap()
                .throttle_time_ms
        }
    };
    u64::try_from(ms).unwrap()
}

/// Use beyond a second's worth takes its time, in answers and between requests.
async fn is_paced(key: QuotaKey, api: i16, ask: fn(i32) -> Vec<u8>) {
    let gateway = Gateway::start(limits(), serves).await;
    set(&gateway, alice(), &[(key, 200_000.0)]);
    let mut client = gateway.log_in().await;
    let begun = Instant::now();
    let mut told = 0;
    // At once, so that nothing but the gateway holds them back.
    client.send(&(0..5).flat_map(ask).collect::<Vec<u8>>()).await;
    for _ in 0..5 {
        told = throttled(&mut client, api).await;
    }
    let (took, owed) = (begun.elapsed(), Duration::from_millis(told));
    // 500 KB are more than 2.5 s of 200 KB in a second, of which one second was had in advance.
    assert!(took + owed >= Duration::from_millis(1490), "{took:?}, {owed:?}");
    if api == PRODUCE {
        // The next is not read before the one before is paid for.
        assert!(took >= Duration::from_millis(900), "{took:?}");
    }
    client.send(&heartbeat(9)).await;
    assert_eq!(client.receive_id().await, Some(9));
    assert!(begun.elapsed() >= took + owed - Duration::from_millis(50));
    let metrics = gateway.metrics.encode().unwrap();
    let counted = format!(
        "klamm_throttle_seconds_count{{quota=\"{}\",vcluster=\"",
        key.name()
    );
    assert!(metrics.contains(&counted), "{metrics}");
}

#[actix::test]
async fn what_is_produced_is_paced() {
    is_paced(QuotaKey::ProducerByteRate, PRODUCE, |id| {
        produce(id, 1, records(100_000))
    })
    .await;
}

#[actix::test]
async fn what_is_consumed_is_paced() {
    is_paced(QuotaKey::ConsumerByteRate, FETCH, fetch).await;
}

#[actix::test]
async fn what_is_not_acknowledged_is_paced_too() {
    let gateway = Gateway::start(limits(), serves).await;
    set(&gateway, alice(), &[(QuotaKey::ProducerByteRate, 200_000.0)]);
    let mut client = gateway.log_in().await;
    let begun = Instant::now();
    for id in 0..4 {
        client.send(&produce(id, 0, records(100_000))).await;
    }
    client.send(&produce(4, 1, Bytes::new())).await;
    assert_eq!(client.receive_id().await, Some(4));
    assert!(
        begun.elapsed() >= Duration::from_millis(990),
        "{:?}",
        begun.elapsed()
    );
}

#[actix::test]
async fn sessions_of_a_user_share_a_quota_and_others_go_on() {
    let gateway = Gateway::start(limits(), serves).await;
    let (mut one, mut other) = (gateway.log_in().await, gateway.log_in().await);
    set(&gateway, alice(), &[(QuotaKey::ProducerByteRate, 100_000.0)]);
    one.send(&produce(1, 1, records(300_000))).await;
    let told = throttled(&mut one, PRODUCE).await;
    assert!((1_500..=2_100).contains(&told), "{told}");
    // Who produces nothing is not held back.
    for id in 0..3 {
        other.send(&heartbeat(id)).await;
        assert_eq!(other.receive_id().await, Some(id));
    }
    other.send(&produce(5, 1, records(100_000))).await;
    let more = throttled(&mut other, PRODUCE).await;
    assert!(more > 1_000, "{more}");
    // Nor is anybody, once there is no quota.
    gateway.change(|state| state.quotas.clear());
    let mut third = gateway.log_in().await;
    third.send(&produce(6, 1, records(300_000))).await;
    assert_eq!(throttled(&mut third, PRODUCE).await, 0);
}

#[actix::test]
async fn a_client_is_not_idle_while_it_is_not_read() {
    let limits = Limits {
        idle_timeout: Duration::from_millis(700),
        tidy_after: Duration::from_millis(50),
        frame_timeout: Duration::from_millis(700),
        ..limits()
    };
    let gateway = Gateway::start(limits, serves).await;
    set(&gateway, alice(), &[(QuotaKey::ProducerByteRate, 100_000.0)]);
    let mut client = gateway.log_in().await;
    client.send(&produce(1, 1, records(200_000))).await;
    assert!(throttled(&mut client, PRODUCE).await >= 900);
    // Half of a frame, which is not read meanwhile.
    let next = produce(2, 1, records(50_000));
    client.send(&next[..20_000]).await;
    tokio::time::sleep(Duration::from_millis(800)).await;
    client.send(&next[20_000..]).await;
    assert_eq!(client.receive_id().await, Some(2));
}

/// The broker of a physical cluster has quotas, too.
#[actix::test]
async fn what_a_broker_says_of_its_quotas_is_passed_on_and_held_to() {
    let throttles = |frame: &Bytes| match i16::from_be_bytes([frame[0], frame[1]]) {
        PRODUCE => {
            let ms = if frame[7] == 1 { 400 } else { 60_000 };
            let answer = ProduceResponse::default().with_throttle_time_ms(ms);
            Deed::Answer(encoded(&answer, PRODUCE_VERSION))
        }
        _ => Deed::Answer(vec![0, 0]),
    };
    let gateway = Gateway::start(limits(), throttles).await;
    let mut client = gateway.log_in().await;
    let begun = Instant::now();
    client.send(&produce(1, 1, records(10))).await;
    assert_eq!(throttled(&mut client, PRODUCE).await, 400);
    client.send(&heartbeat(2)).await;
    assert_eq!(client.receive_id().await, Some(2));
    assert!(
        begun.elapsed() >= Duration::from_millis(390),
        "{:?}",
        begun.elapsed()
    );

    // A lane that the broker does not read is nobody else's.
    client.send(&produce(3, 1, records(10))).await;
    assert_eq!(throttled(&mut client, PRODUCE).await, 60_000);
    let before = gateway.broker.connections.load(Ordering::SeqCst);
    let order = |mode| gateway.orders.send_modify(|orders| orders.mode = mode);
    order(SessionMode::Close(End::Drained));
    gateway.expect_sessions(0).await;
    order(SessionMode::Serve);
    let mut other = gateway.log_in().await;
    other.send(&heartbeat(4)).await;
    assert_eq!(other.receive_id().await, Some(4));
    assert_eq!(gateway.broker.connections.load(Ordering::SeqCst), before + 1);
}

#[actix::test]
async fn the_time_of_requests_is_paced_and_a_wait_for_it_is_short() {
    let gateway = Gateway::start(limits(), serves).await;
    set(&gateway, alice(), &[(QuotaKey::RequestPercentage, 1e-6)]);
    let mut client = gateway.log_in().await;
    let begun = Instant::now();
    // Work of ten nanoseconds is allowed in a second.
    for id in 0..2 {
        client.send(&heartbeat(id)).await;
        assert_eq!(client.receive_id().await, Some(id));
    }
    assert!(
        begun.elapsed() >= Duration::from_millis(900),
        "{:?}",
        begun.elapsed()
    );
    client.send(&fetch(2)).await;
    assert!((1..=1_000).contains(&throttled(&mut client, FETCH).await));
}

#[actix::test]
async fn connections_of_an_address_are_paced() {
    let gateway = Gateway::start(limits(), serves).await;
    let address = QuotaEntity::Address(QuotaName::Named("127.0.0.1".to_owned()));
    set(&gateway, address, &[(QuotaKey::ConnectionCreationRate, 4.0)]);
    let begun = Instant::now();
    for _ in 0..8 {
        gateway.log_in().await;
    }
    assert!(
        begun.elapsed() >= Duration::from_millis(900),
        "{:?}",
        begun.elapsed()
    );
}

#[actix::test]
async fn a_quota_of_a_client_id_is_of_that_alone() {
    let gateway = Gateway::start(limits(), serves).await;
    // The clients of these tests call themselves so.
    let named = |name: &str| QuotaEntity::Client(QuotaName::Named(name.to_owned()));
    set(&gateway, named("other"), &[(QuotaKey::ProducerByteRate, 1.0)]);
    let mut client = gateway.log_in().await;
    client.send(&produce(1, 1, records(10_000))).await;
    assert_eq!(throttled(&mut client, PRODUCE).await, 0);
    set(&gateway, named("c"), &[(QuotaKey::ProducerByteRate, 10_000.0)]);
    client.send(&produce(2, 1, records(15_000))).await;
    assert!(throttled(&mut client, PRODUCE).await > 400);
}
