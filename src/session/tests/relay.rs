//! Logins that the broker judges: on the one lane that stays the client's.

use std::collections::BTreeMap;

use klamm_raft::model::{Authentication, Mediation, Method};

use super::*;

const HANDSHAKE: i16 = 17;
const AUTHENTICATE: i16 = 36;

/// Takes every password but `wrong`, and answers Heartbeats after a while.
fn judge(request: &Bytes) -> Deed {
    match (request[1], request.ends_with(b"wrong")) {
        (17, _) => Deed::Answer(vec![0; 6]),
        (36, true) => {
            let refusal: [&[u8]; 4] = [b"\0\x3a", b"\0\x07no, you", &[0; 4], &[0; 8]];
            Deed::Answer(refusal.concat())
        }
        (36, false) => {
            let lifetime = 5000_u64.to_be_bytes();
            let answer: [&[u8]; 4] = [b"\0\0", b"\xff\xff", &[0; 4], &lifetime];
            Deed::Answer(answer.concat())
        }
        _ => slow(request),
    }
}

async fn gateway() -> Gateway {
    let gateway = Gateway::start(limits(), judge).await;
    gateway.change(|state| {
        state.spec.authentication = Authentication(vec![Method::SaslPlain {
            mediation: Mediation::Passthrough,
            users: BTreeMap::new(),
        }]);
    });
    gateway
}

#[actix::test]
async fn the_lane_that_was_logged_in_on_carries_the_requests() {
    let gateway = gateway().await;
    let mut client = gateway.connect().await;
    client.log_in("alice", "right").await;
    client.send(&heartbeat(5)).await;
    assert_eq!(client.receive_id().await, Some(5));
    assert_eq!(gateway.broker.keys(), [HANDSHAKE, AUTHENTICATE, HEARTBEAT]);
    assert_eq!(gateway.broker.connections.load(Ordering::SeqCst), 1);
    // Nobody else gets it.
    drop(client);
    gateway.expect_sessions(0).await;
    gateway.connect().await.log_in("alice", "right").await;
    assert_eq!(gateway.broker.connections.load(Ordering::SeqCst), 2);
}

#[actix::test]
async fn what_the_broker_refuses_is_refused_in_its_words() {
    let gateway = gateway().await;
    let mut client = gateway.connect().await;
    client.send(&request(HANDSHAKE, 1, 1, b"\0\x05PLAIN")).await;
    client.receive().await.unwrap();
    let message = framed(b"\0alice\0wrong");
    client.send(&request(AUTHENTICATE, 1, 2, &message)).await;
    let answer = client.receive().await.unwrap();
    assert!(answer[4..].starts_with(b"\0\x3a\0\x07no, you"), "{answer:?}");
    assert_eq!(client.receive().await, None);
    gateway.expect_end("login_refused").await;
}

#[actix::test]
async fn logging_in_again_waits_until_the_broker_owes_nothing() {
    let gateway = gateway().await;
    let mut client = gateway.connect().await;
    client.log_in("alice", "right").await;
    // Sessions log in again at most once a second.
    tokio::time::sleep(Duration::from_millis(1050)).await;
    let again = [
        heartbeat(5),
        request(HANDSHAKE, 1, 6, b"\0\x05PLAIN"),
        request(AUTHENTICATE, 1, 7, &framed(b"\0alice\0right")),
        heartbeat(8),
    ];
    client.send(&again.concat()).await;
    for id in 5..=8 {
        assert_eq!(client.receive_id().await, Some(id));
    }
    let order = [
        HANDSHAKE,
        AUTHENTICATE,
        HEARTBEAT,
        HANDSHAKE,
        AUTHENTICATE,
        HEARTBEAT,
    ];
    assert_eq!(gateway.broker.keys(), order);
}

#[actix::test]
async fn a_session_ends_with_its_lane_even_if_it_is_idle() {
    let gateway = gateway().await;
    let mut client = gateway.connect().await;
    client.log_in("alice", "right").await;
    gateway.broker.close_all();
    assert_eq!(client.receive().await, None);
    gateway.expect_end("upstream_lost").await;
}
