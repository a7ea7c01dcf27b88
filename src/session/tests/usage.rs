//! A client's usage is counted once, for its account and its topics, and left for the node in time.

use kafka_protocol::messages::ProduceResponse;
use kafka_protocol::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};

use super::messages::{FETCH, PRODUCE, PRODUCE_VERSION, encoded, fetch, produce, read, topic, written};
use super::testing::PHYSICAL_TOPIC;
use super::*;
use crate::usage::{AccountTally, Figures};

/// A batch with a header that says so many records, and `bytes` behind it that nobody looks at.
fn batch(records: i32, bytes: usize) -> Vec<u8> {
    let mut batch = vec![0; 61 + bytes];
    let length = u32::try_from(batch.len() - 12).unwrap();
    batch[8..12].copy_from_slice(&length.to_be_bytes());
    batch[16] = 2;
    batch[43..57].fill(0xff);
    batch[57..61].copy_from_slice(&records.to_be_bytes());
    batch
}

/// The answer of a broker that takes nothing.
fn refused() -> Deed {
    let partition = PartitionProduceResponse::default()
        .with_error_code(6)
        .with_base_offset(-1);
    let topic = TopicProduceResponse::default()
        .with_name(topic(PHYSICAL_TOPIC))
        .with_partition_responses(vec![partition]);
    let answer = ProduceResponse::default().with_responses(vec![topic]);
    Deed::Answer(encoded(&answer, PRODUCE_VERSION))
}

/// A broker that refuses the request with this id, and sends five records, a marker, and a batch that is cut off.
fn serves(frame: &Bytes) -> Deed {
    let id = i32::from_be_bytes([frame[4], frame[5], frame[6], frame[7]]);
    match i16::from_be_bytes([frame[0], frame[1]]) {
        PRODUCE if frame[13..15] == [0, 0] => Deed::Nothing,
        PRODUCE if id == 6 => refused(),
        PRODUCE => written(0),
        FETCH => {
            let mut marker = batch(1, 20);
            marker[22] = 0x30;
            let cut = &batch(9, 1000)[..300];
            read([&batch(5, 100)[..], &marker, cut].concat().into())
        }
        _ => Deed::Answer(vec![0, 0]),
    }
}

/// The sums of `alice` that were left for the node, once there is so much, or after a while.
async fn left(gateway: &Gateway, is_enough: fn(&AccountTally) -> bool) -> AccountTally {
    let mut sum = AccountTally::default();
    for _ in 0..300 {
        for (vcluster, account, used) in gateway.shared.usage.take().accounts() {
            assert_eq!((vcluster, account), (gateway.door.metrics.name(), "alice"));
            sum.own.add(&used.own);
            for (topic, figures) in &used.topics {
                sum.topic(topic).add(figures);
            }
        }
        if is_enough(&sum) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    sum
}

#[actix::test]
async fn records_are_counted_once_a_broker_took_them_or_the_client_gets_them() {
    let gateway = Gateway::start(limits(), serves).await;
    let mut client = gateway.log_in().await;
    let two = [batch(3, 50), batch(4, 60)].concat();
    for (id, records) in [(5, two.clone()), (6, batch(100, 1))] {
        client.send(&produce(id, 1, records.into())).await;
        assert_eq!(client.receive_id().await, Some(id));
    }
    client.send(&produce(7, 0, batch(2, 0).into())).await;
    client.send(&fetch(8)).await;
    assert_eq!(client.receive_id().await, Some(8));
    let used = left(&gateway, |used| used.of_topics().consumed_records > 0).await;
    let expected = Figures {
        produced_bytes: two.len() as u64 + 61,
        produced_records: 3 + 4 + 2,
        consumed_bytes: 161 + 81 + 300,
        consumed_records: 5,
        ..Figures::default()
    };
    let topics: Vec<_> = used.topics.iter().collect();
    assert_eq!(topics, [(&"topic1".parse().unwrap(), &expected)]);
    assert_eq!(used.own.connections, 1);
    assert_eq!(used.own.denied_requests, 0);
    let text = gateway.metrics.encode().unwrap();
    for (direction, bytes) in [("in", used.own.bytes_in), ("out", used.own.bytes_out)] {
        let line = format!(
            "klamm_client_bytes_total{{direction=\"{direction}\",vcluster=\"{}\"}} {bytes}\n",
            gateway.door.metrics.name()
        );
        assert!(text.contains(&line), "{line}{text}");
    }
}

#[actix::test]
async fn what_an_idle_client_used_is_left_within_a_second_and_the_rest_at_the_end() {
    let gateway = Gateway::start(limits(), serves).await;
    let mut client = gateway.log_in().await;
    let first = left(&gateway, |used| used.own.connections > 0).await;
    assert_eq!(
        first.own.connections, 1,
        "nobody asked for anything, and it is there"
    );
    client.send(&heartbeat(9)).await;
    assert_eq!(client.receive_id().await, Some(9));
    drop(client);
    gateway.expect_sessions(0).await;
    let last = left(&gateway, |used| used.own.requests > 0).await;
    assert_eq!((last.own.requests, last.own.connections), (1, 0));
}
