//! Requests that come while they are switched to another physical cluster.

use super::*;
use crate::vcluster::view::{RouteSight, View};

/// Time for something to happen that should not.
const A_MOMENT: Duration = Duration::from_millis(100);

/// Has requests go nowhere, or to brokers again, as the node does.
fn fence(gateway: &Gateway, is_fenced: bool) {
    if is_fenced {
        gateway.door.passage.fence();
    }
    let view = gateway.door.view.load_full();
    let route = RouteSight {
        is_fenced,
        ..view.route
    };
    gateway.door.view.store(Arc::new(View {
        route,
        ..(*view).clone()
    }));
    if !is_fenced {
        gateway.door.passage.lift();
    }
    gateway.orders.send_modify(|orders| orders.recheck += 1);
}

async fn until_drained(gateway: &Gateway) {
    while !gateway.door.passage.is_drained() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A gateway that is fenced while the broker owes an answer.
async fn fenced_while_asked(does: fn(&Bytes) -> Deed) -> (Gateway, Client) {
    let gateway = Gateway::start(limits(), does).await;
    let mut client = gateway.log_in().await;
    client.send(&heartbeat(5)).await;
    while gateway.broker.keys().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    fence(&gateway, true);
    (gateway, client)
}

#[actix::test]
async fn a_request_waits_until_it_is_known_where_it_goes_and_the_connection_stays() {
    let gateway = Gateway::start(limits(), prompt).await;
    let mut client = gateway.log_in().await;
    client.send(&heartbeat(5)).await;
    assert_eq!(client.receive_id().await, Some(5));
    let asked = gateway.broker.keys().len();
    assert!(!gateway.door.passage.is_drained());
    fence(&gateway, true);
    until_drained(&gateway).await;
    client.send(&heartbeat(6)).await;
    client.send(&heartbeat(7)).await;
    tokio::time::sleep(A_MOMENT).await;
    assert_eq!(gateway.broker.keys().len(), asked, "it was sent");
    assert!(gateway.door.passage.is_drained());
    fence(&gateway, false);
    assert_eq!(client.receive_id().await, Some(6));
    assert_eq!(client.receive_id().await, Some(7));
    assert_eq!(gateway.broker.keys().len(), asked + 2);
}

/// Requests that were sent before are answered, and until then somebody is under way.
#[actix::test]
async fn nobody_is_off_the_way_before_the_broker_has_answered() {
    let (gateway, mut client) = fenced_while_asked(|_| Deed::Later(3 * A_MOMENT, vec![0, 0])).await;
    tokio::time::sleep(A_MOMENT).await;
    assert!(!gateway.door.passage.is_drained(), "it was not answered yet");
    assert_eq!(client.receive_id().await, Some(5));
    until_drained(&gateway).await;
}

/// A broker that does not answer keeps nobody for ever.
#[actix::test]
async fn a_connection_ends_whose_broker_does_not_answer_in_time() {
    let (gateway, _client) = fenced_while_asked(|_| Deed::Later(Duration::from_secs(60), Vec::new())).await;
    gateway.expect_end("switching").await;
    until_drained(&gateway).await;
}

/// A member that waits for the others of its group, which may take minutes, keeps nobody for as long as a broker that does not answer.
#[actix::test]
async fn a_member_that_waits_for_its_group_is_not_waited_for_as_long() {
    let gateway = Gateway::start(limits(), |_| Deed::Nothing).await;
    let mut client = gateway.log_in().await;
    let sync_group = request(14, 0, 5, b"\0\x01g\0\0\0\x01\0\x01m\0\0\0\0");
    client.send(&sync_group).await;
    while gateway.broker.keys().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let begun = Instant::now();
    fence(&gateway, true);
    until_drained(&gateway).await;
    assert!(begun.elapsed() < crate::session::switching::FINISH);
    gateway.expect_end("switching").await;
}

/// A client asks for something, and is gone when the broker has the request.
async fn ask_and_be_gone(gateway: &Gateway) {
    let mut client = gateway.log_in().await;
    client.send(&heartbeat(5)).await;
    while gateway.broker.keys().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    client.send(&[0xff; 4]).await;
    gateway.expect_end("frame_length").await;
}

/// A client that is gone does not see the answer, but its request is carried out.
#[actix::test]
async fn who_is_gone_is_off_the_way_when_the_broker_has_answered() {
    let gateway = Gateway::start(limits(), |_| Deed::Later(4 * A_MOMENT, vec![0, 0])).await;
    ask_and_be_gone(&gateway).await;
    gateway.expect_sessions(0).await;
    fence(&gateway, true);
    assert!(!gateway.door.passage.is_drained(), "it was not answered yet");
    until_drained(&gateway).await;
}

/// A broker that does not answer keeps the way of nobody for ever, and what is only read keeps it not at all.
#[actix::test]
async fn who_is_gone_is_not_waited_for_long() {
    let gateway = Gateway::start(limits(), |_| Deed::Nothing).await;
    ask_and_be_gone(&gateway).await;
    fence(&gateway, true);
    until_drained(&gateway).await;
}
