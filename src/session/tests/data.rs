//! Large frames in both directions.

use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::{FetchRequest, FetchResponse, ProduceRequest, ProduceResponse};
use kafka_protocol::protocol::Decodable;

use super::messages::{
    FETCH, FETCH_VERSION, PRODUCE_VERSION, encoded, fetch, produce, read, records, topic, written,
};
use super::*;

/// A version of Fetch with topic ids.
const ID_VERSION: i16 = 13;

/// The rest of a Fetch after the client id, by a topic id that nobody has. The header of this version has tagged fields.
fn fetch_of_unknown_id() -> Vec<u8> {
    let topic = FetchTopic::default()
        .with_topic_id(uuid::Uuid::from_bytes([9; 16]))
        .with_partitions(vec![FetchPartition::default()]);
    let body = FetchRequest::default()
        .with_session_epoch(-1)
        .with_topics(vec![topic]);
    [&[0], &encoded(&body, ID_VERSION)[..]].concat()
}

/// Checks that the records are whole, and acknowledges them.
fn takes_records(frame: &Bytes) -> Deed {
    let mut body = frame.slice(11..);
    let request = ProduceRequest::decode(&mut body, PRODUCE_VERSION).unwrap();
    let data = &request.topic_data[0].partition_data[0];
    let got = data.records.clone().unwrap();
    assert!(got == records(got.len()), "{} bytes", got.len());
    if request.acks == 0 {
        return Deed::Nothing;
    }
    written(got.len() as i64)
}

/// Gives half a million bytes.
fn gives_records(_: &Bytes) -> Deed {
    read(records(500_000))
}

#[actix::test]
async fn records_of_any_size_arrive_whole() {
    let gateway = Gateway::start(limits(), takes_records).await;
    let mut client = gateway.log_in().await;
    for (id, length) in [10, 5_000, 70_000, 1_000_000, 3, 9_000_000, 65_000]
        .into_iter()
        .enumerate()
    {
        client.send(&produce(id as i32, 1, records(length))).await;
        let mut answer = client.receive().await.unwrap().slice(4..);
        let answer = ProduceResponse::decode(&mut answer, PRODUCE_VERSION).unwrap();
        assert_eq!(answer.responses[0].name, topic("topic1"));
        assert_eq!(
            answer.responses[0].partition_responses[0].base_offset,
            length as i64
        );
    }
    assert_eq!(gateway.metrics.node.buffered_bytes.get(), 0);
}

#[actix::test]
async fn an_unknown_topic_id_is_looked_for_once() {
    let gateway = Gateway::start(limits(), |_| Deed::Nothing).await;
    let mut client = gateway.log_in().await;
    let body = fetch_of_unknown_id();
    for id in 5..7 {
        client.send(&request(FETCH, ID_VERSION, id, &body)).await;
        let mut answer = client.receive().await.unwrap();
        assert_eq!(i32::from_be_bytes(*answer.first_chunk().unwrap()), id);
        let answer = FetchResponse::decode(&mut answer.split_off(5), ID_VERSION).unwrap();
        let unknown_topic_id = 100;
        assert_eq!(answer.responses[0].partitions[0].error_code, unknown_topic_id);
    }
    assert_eq!(gateway.refreshes.load(Ordering::SeqCst), 2);
    assert!(gateway.broker.keys().is_empty());
}

#[actix::test]
async fn a_panic_ends_one_session() {
    let gateway = Gateway::start(limits(), prompt).await;
    let (mut unlucky, mut other) = (gateway.log_in().await, gateway.log_in().await);
    gateway.is_defective.store(true, Ordering::SeqCst);
    unlucky
        .send(&request(FETCH, ID_VERSION, 5, &fetch_of_unknown_id()))
        .await;
    assert_eq!(unlucky.receive().await, None);
    gateway.expect_end("aborted").await;
    gateway.expect_sessions(1).await;
    other.send(&heartbeat(6)).await;
    assert_eq!(other.receive_id().await, Some(6));
}

#[actix::test]
async fn records_without_acknowledgement_are_sent_on() {
    let gateway = Gateway::start(limits(), takes_records).await;
    let mut client = gateway.log_in().await;
    client.send(&produce(1, 0, records(1000))).await;
    client.send(&produce(2, 1, records(1000))).await;
    assert_eq!(client.receive_id().await, Some(2));
    drop(client);
    gateway.expect_sessions(0).await;
    gateway.log_in().await.send(&produce(3, 1, records(10))).await;
    while gateway.broker.keys().len() < 3 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(
        gateway.broker.connections.load(Ordering::SeqCst),
        2,
        "that lane is nobody else's"
    );
}

#[actix::test]
async fn many_large_answers_arrive_in_order() {
    let gateway = Gateway::start(limits(), gives_records).await;
    let mut client = gateway.log_in().await;
    for id in 0..20 {
        client.send(&fetch(id)).await;
    }
    for id in 0..20 {
        let answer = client.receive().await.unwrap();
        assert_eq!(i32::from_be_bytes(*answer.first_chunk().unwrap()), id);
        let answer = FetchResponse::decode(&mut answer.slice(4..), FETCH_VERSION).unwrap();
        assert_eq!(answer.responses[0].topic, topic("topic1"));
        assert!(answer.responses[0].partitions[0].records == Some(records(500_000)));
    }
    assert_eq!(gateway.metrics.node.buffered_bytes.get(), 0);
}

#[actix::test]
async fn a_client_that_does_not_read_is_cut_off_and_holds_little() {
    let limits = Limits {
        write_timeout: Duration::from_millis(300),
        ..limits()
    };
    let gateway = Gateway::start(limits, gives_records).await;
    let mut client = gateway.log_in().await;
    for id in 0..60 {
        client.send(&fetch(id)).await;
    }
    let mut most = 0;
    while gateway.ended("slow_reader") == 0 {
        most = most.max(gateway.metrics.node.buffered_bytes.get());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!((1..2_000_000).contains(&most), "{most} bytes were held");
    assert_eq!(gateway.metrics.node.buffered_bytes.get(), 0);
}

#[actix::test]
async fn a_client_that_fetches_is_told_to_look_elsewhere_before_a_node_drains() {
    const NOT_LEADER_OR_FOLLOWER: i16 = 6;
    let gateway = Gateway::start(limits(), gives_records).await;
    let mut client = gateway.log_in().await;
    gateway
        .orders
        .send_modify(|orders| orders.mode = SessionMode::Drain);
    loop {
        client.send(&fetch(1)).await;
        let answer = client.receive().await.expect("not cut off without a word");
        let answer = FetchResponse::decode(&mut answer.slice(4..), FETCH_VERSION).unwrap();
        match answer.responses[0].partitions[0].error_code {
            0 => continue,
            error => break assert_eq!(error, NOT_LEADER_OR_FOLLOWER),
        }
    }
    assert_eq!(client.receive_id().await, None);
    gateway.expect_end("drained").await;
}
