//! Who asks for brokers alone is answered, also when none of them does.

use super::*;

/// Metadata (version 1) of no topics.
fn brokers(correlation_id: i32) -> Vec<u8> {
    request(METADATA, 1, correlation_id, &[0, 0, 0, 0])
}

/// No brokers, an unknown controller, no topics.
const NOTHING: [u8; 12] = [0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];

/// Answers Metadata and Heartbeat.
fn knows_nothing(frame: &Bytes) -> Deed {
    match frame[1] {
        3 => Deed::Answer(NOTHING.to_vec()),
        _ => Deed::Answer(vec![0, 0]),
    }
}

#[actix::test]
async fn a_broker_answers_where_there_is_one() {
    let gateway = Gateway::start(limits(), knows_nothing).await;
    let mut client = gateway.log_in().await;
    client.send(&brokers(5)).await;
    client.send(&heartbeat(6)).await;
    let answer = client.receive().await.unwrap();
    assert_eq!(answer.as_ref(), [&[0, 0, 0, 5][..], &NOTHING].concat());
    assert_eq!(client.receive_id().await, Some(6));
    assert_eq!(gateway.broker.keys(), [METADATA, HEARTBEAT]);
    assert_eq!(
        gateway.broker.connections.load(Ordering::SeqCst),
        1,
        "the lane went back, and on to the session"
    );
}

#[actix::test]
async fn without_a_broker_the_gateway_answers_and_what_it_knows_goes_on() {
    let gateway = Gateway::start(limits(), knows_nothing).await;
    gateway.change(|state| {
        state.spec.super_users.insert("alice".parse().unwrap());
    });
    gateway.broker.stop();
    let mut client = gateway.log_in().await;
    for id in [5, 7] {
        client.send(&brokers(id)).await;
        client.send(&describe_acls(id + 1)).await;
        assert_eq!(client.receive_id().await, Some(id));
        let acls = client.receive().await.unwrap();
        assert_eq!(acls[8..10], [0, 0], "no error");
    }
    client.send(&heartbeat(9)).await;
    assert_eq!(client.receive().await, None, "that, a broker must answer");
    gateway.expect_end("upstream_unavailable").await;
}

#[actix::test]
async fn a_broker_that_says_nothing_is_waited_for_within_bounds() {
    let limits = Limits {
        need_timeout: Duration::from_millis(100),
        ..limits()
    };
    let gateway = Gateway::start(limits, |_| Deed::Nothing).await;
    let mut client = gateway.log_in().await;
    client.send(&brokers(5)).await;
    assert_eq!(client.receive_id().await, Some(5));
    assert_eq!(gateway.broker.keys(), [METADATA]);
}
