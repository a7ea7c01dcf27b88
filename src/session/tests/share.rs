//! Share sessions: a broker keeps them for a connection, which therefore stays with its client.

use bytes::BytesMut;
use kafka_protocol::messages::{GroupId, ShareFetchRequest, ShareFetchResponse};
use kafka_protocol::protocol::{Encodable, StrBytes};

use super::*;

const SHARE_FETCH: i16 = 78;
const VERSION: i16 = 1;

/// After the tagged fields of the header, of which there are none.
fn encoded(message: &impl Encodable) -> Vec<u8> {
    let mut body = BytesMut::from(&[0][..]);
    message.encode(&mut body, VERSION).unwrap();
    body.to_vec()
}

fn fetch(correlation_id: i32) -> Vec<u8> {
    let body = ShareFetchRequest::default()
        .with_group_id(Some(GroupId(StrBytes::from_static_str("g"))))
        .with_member_id(Some(StrBytes::from_static_str("m")))
        .with_share_session_epoch(correlation_id);
    request(SHARE_FETCH, VERSION, correlation_id, &encoded(&body))
}

fn finds_nothing(_: &Bytes) -> Deed {
    Deed::Answer(encoded(&ShareFetchResponse::default()))
}

#[actix::test]
async fn a_lane_with_a_share_session_stays_with_its_client() {
    let limits = Limits {
        tidy_after: Duration::from_millis(10),
        ..limits()
    };
    let gateway = Gateway::start(limits, finds_nothing).await;
    let connections = || gateway.broker.connections.load(Ordering::SeqCst);
    let mut client = gateway.log_in().await;
    for id in 1..4 {
        client.send(&fetch(id)).await;
        assert_eq!(client.receive_id().await, Some(id));
        // Long enough to be idle.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(connections(), 1, "an idle client keeps it");
    drop(client);
    gateway.expect_sessions(0).await;
    let mut other = gateway.log_in().await;
    other.send(&fetch(4)).await;
    assert_eq!(other.receive_id().await, Some(4));
    assert_eq!(connections(), 2, "nobody else gets it");
}
