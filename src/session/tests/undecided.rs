//! Requests that come while the node may not decide.

use super::messages::{PRODUCE, produce, records};
use super::*;

const A_WHILE: Duration = Duration::from_secs(60);

/// The count of held requests with this outcome.
fn held(gateway: &Gateway, outcome: &str) -> u64 {
    let text = gateway.metrics.encode().unwrap();
    let prefix = format!("klamm_requests_held_total{{outcome=\"{outcome}\"}} ");
    let count = text.lines().find_map(|line| line.strip_prefix(&prefix));
    count.unwrap().parse().unwrap()
}

#[actix::test]
async fn a_request_waits_until_the_node_may_decide_and_is_judged_then() {
    let gateway = Gateway::start(limits(), prompt).await;
    let mut client = gateway.log_in().await;
    gateway.lease().allow_for(Duration::ZERO);
    client.send(&heartbeat(5)).await;
    client.send(&heartbeat(6)).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(gateway.broker.keys().is_empty(), "it was decided");
    // Whatever holds by then.
    gateway.change(|state| state.accounts.clear());
    gateway.lease().allow_for(A_WHILE);
    assert_eq!(client.receive().await, None);
    gateway.expect_end("account_deleted").await;
    assert!(
        gateway.broker.keys().is_empty(),
        "it was judged by what was before"
    );
    assert_eq!((held(&gateway, "resumed"), held(&gateway, "closed")), (1, 0));
}

#[actix::test]
async fn a_connection_is_closed_without_an_answer_when_the_node_may_not_decide() {
    let gateway = Gateway::start(limits(), prompt).await;
    let mut client = gateway.log_in().await;
    gateway.lease().allow_for(Duration::ZERO);
    client.send(&heartbeat(5)).await;
    assert_eq!(client.receive().await, None);
    gateway.expect_end("undecided").await;
    assert_eq!((held(&gateway, "resumed"), held(&gateway, "closed")), (0, 1));
}

/// Nobody is told that a password is wrong by a node that may not know it yet. What the node can do is told.
#[actix::test]
async fn nobody_is_logged_in_or_refused_while_the_node_may_not_decide() {
    let gateway = Gateway::start(limits(), prompt).await;
    gateway.lease().allow_for(Duration::ZERO);
    let mut client = gateway.connect().await;
    client.send(&request(API_VERSIONS, 0, 1, b"")).await;
    assert_eq!(client.receive_id().await, Some(1));
    client.send(&request(17, 1, 2, b"\0\x05PLAIN")).await;
    assert_eq!(client.receive_id().await, Some(2));
    client.send(&request(36, 1, 3, b"\0\0\0\x0c\0alice\0guess")).await;
    assert_eq!(client.receive().await, None);
    gateway.expect_end("undecided").await;
}

/// The client has given up on them by then, and has sent them elsewhere.
#[actix::test]
async fn requests_that_did_not_leave_before_the_lease_ended_never_do() {
    let does = |_: &Bytes| Deed::Later(A_WHILE, Vec::new());
    let gateway = Gateway::start(limits(), does).await;
    let mut client = gateway.log_in().await;
    client.send(&produce(5, 1, records(10))).await;
    while gateway.broker.keys().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // More than sockets take that nobody reads.
    client.send(&produce(6, 1, records(16 << 20))).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    gateway.lease().allow_for(Duration::ZERO);
    gateway.lease().allow_for(A_WHILE);
    // Whatever has the session go on.
    gateway.orders.send_modify(|_| ());
    gateway.expect_end("undecided").await;
    assert_eq!(gateway.broker.keys(), [PRODUCE]);
}
