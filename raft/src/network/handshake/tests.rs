//! Nodes that meet: who takes whom for what.

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, duplex};

use super::*;
use crate::boots::BootMemories;
use crate::founding::FoundingId;
use crate::network::hello::Relation;
use crate::network::message::Request;

/// A node of the three of a cluster.
fn identity(own: u64, secret: Option<&ClusterSecret>, cluster: Option<u8>) -> Identity {
    of_nodes(own, 3, secret, cluster)
}

fn of_nodes(own: u64, nodes: u64, secret: Option<&ClusterSecret>, cluster: Option<u8>) -> Identity {
    let addresses = (1..=nodes).map(|id| (NodeId(id), format!("gateway{id}.example:9300")));
    let cluster = cluster.map(|byte| FoundingId::of([byte; FoundingId::BYTES]));
    let standing = cluster.map_or(Standing::New, |cluster| Standing::Member { cluster });
    let standing = watch::Sender::new(standing).subscribe();
    Identity::new(
        (NodeId(own), None),
        &addresses.collect(),
        (secret.cloned(), None),
        (standing, KnownBoots::new(None, BootMemories::default())),
        (Level::NEWEST, watch::Sender::new(Arc::default()).subscribe()),
    )
}

fn secret() -> ClusterSecret {
    ClusterSecret::generate().unwrap()
}

type Met = (Result<Channel, HandshakeError>, Result<Channel, HandshakeError>);

/// A caller calls a server, taking it for node 2.
async fn meet(caller: &Identity, server: &Identity) -> Met {
    let (near, far) = duplex(64 * 1024);
    tokio::join!(
        caller.meet(Box::new(near), NodeId(2)),
        server.greet(Box::new(far), None)
    )
}

/// Two ends that have met.
pub(in crate::network) async fn channels() -> (Channel, Channel) {
    let secret = secret();
    let (one, two) = (
        identity(1, Some(&secret), Some(1)),
        identity(2, Some(&secret), Some(1)),
    );
    let (caller, server) = meet(&one, &two).await;
    (caller.unwrap(), server.unwrap())
}

#[tokio::test]
async fn nodes_of_one_cluster_meet_with_a_secret_and_without() {
    for secret in [Some(secret()), None] {
        let (one, two) = (
            identity(1, secret.as_ref(), Some(1)),
            identity(2, secret.as_ref(), Some(1)),
        );
        let (caller, server) = meet(&one, &two).await;
        let (caller, server) = (caller.unwrap().terms, server.unwrap().terms);
        assert_eq!((caller.peer, server.peer), (NodeId(2), NodeId(1)));
        assert_eq!(
            (caller.relation, server.relation),
            (Relation::Fellows, Relation::Fellows)
        );
        assert_eq!((caller.version, server.version), (Level::NEWEST, Level::NEWEST));
    }
}

#[tokio::test]
async fn who_does_not_know_the_level_of_the_cluster_is_refused_with_both_versions() {
    let secret = secret();
    let (old, mut ahead) = (
        identity(1, Some(&secret), Some(1)),
        identity(2, Some(&secret), Some(1)),
    );
    let raised = State {
        level: Level::NEXT,
        ..State::default()
    };
    ahead.states = watch::Sender::new(Arc::new(raised)).subscribe();
    ahead.highest = Level::NEXT;
    let (caller, server) = meet(&old, &ahead).await;
    let refused = caller.unwrap_err().to_string();
    assert!(
        refused.contains("1 to 2") && refused.contains("3 to 3"),
        "{refused}"
    );
    assert!(
        matches!(server, Err(HandshakeError::Version { .. })),
        "{server:?}"
    );
}

#[tokio::test]
async fn a_node_that_knows_no_cluster_yet_is_a_stranger() {
    let secret = secret();
    for (one, two) in [(None, Some(1)), (Some(1), None), (None, None)] {
        let (one, two) = (identity(1, Some(&secret), one), identity(2, Some(&secret), two));
        let (caller, server) = meet(&one, &two).await;
        let relations = (caller.unwrap().terms.relation, server.unwrap().terms.relation);
        assert_eq!(relations, (Relation::Strangers, Relation::Strangers));
    }
}

#[tokio::test]
async fn another_secret_is_told_apart_and_the_caller_learns_nothing() {
    let (one, two) = (secret(), secret());
    let secrets = [(Some(&one), Some(&two)), (Some(&one), None), (None, Some(&two))];
    for (index, (caller, server)) in secrets.into_iter().enumerate() {
        let (called, answered) = meet(&identity(1, caller, Some(1)), &identity(2, server, Some(1))).await;
        assert!(matches!(called, Err(HandshakeError::HungUp)), "{called:?}");
        match index {
            0 => assert!(
                matches!(answered, Err(HandshakeError::OtherSecret)),
                "{answered:?}"
            ),
            _ => assert!(
                matches!(answered, Err(HandshakeError::SecretOnOneSide)),
                "{answered:?}"
            ),
        }
    }
}

#[tokio::test]
async fn nodes_that_are_to_found_a_cluster_must_be_configured_alike() {
    let secret = secret();
    let met = meet(
        &identity(1, Some(&secret), None),
        &of_nodes(2, 5, Some(&secret), None),
    )
    .await;
    assert!(matches!(met.0, Err(HandshakeError::OtherMembers)), "{met:?}");
    let met = meet(
        &identity(1, Some(&secret), Some(1)),
        &of_nodes(2, 5, Some(&secret), Some(1)),
    )
    .await;
    assert!(met.0.is_ok(), "later it does not matter: {met:?}");
}

#[tokio::test]
async fn a_node_that_was_removed_is_told_when() {
    let secret = secret();
    let mut server = identity(2, Some(&secret), Some(1));
    let mut state = State::default();
    state.roster.removed.insert(NodeId(1), Revision(77));
    server.states = watch::Sender::new(Arc::new(state)).subscribe();
    for cluster in [Some(1), None] {
        let (called, _) = meet(&identity(1, Some(&secret), cluster), &server).await;
        assert!(
            matches!(called, Err(HandshakeError::Removed(Revision(77)))),
            "{called:?}"
        );
    }
}

#[tokio::test]
async fn another_cluster_or_node_is_told_apart_at_both_ends() {
    let secret = secret();
    let caller = identity(1, Some(&secret), Some(1));
    let of = |error: Result<Channel, HandshakeError>| error.unwrap_err().to_string();
    for (server, expected) in [
        (identity(2, Some(&secret), Some(2)), HandshakeError::OtherCluster),
        (identity(3, Some(&secret), Some(1)), HandshakeError::OtherNode),
    ] {
        let (called, answered) = meet(&caller, &server).await;
        assert_eq!(
            (of(called), of(answered)),
            (expected.to_string(), expected.to_string())
        );
    }
    let (called, answered) = meet(
        &identity(2, Some(&secret), Some(1)),
        &identity(2, Some(&secret), Some(1)),
    )
    .await;
    assert_eq!(
        of(called),
        HandshakeError::OtherNode.to_string(),
        "a node is not its own peer"
    );
    assert_eq!(of(answered), HandshakeError::OtherNode.to_string());
}

/// Copies what comes from one end to the other, and keeps it, until it has seen enough of it.
async fn record(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) -> Vec<u8> {
    let (mut seen, mut buffer) = (Vec::new(), [0; 4096]);
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        seen.extend_from_slice(&buffer[..length]);
        to.write_all(&buffer[..length]).await.unwrap();
    }
    seen
}

/// The bytes that a caller sent in a handshake and a request that went well.
async fn recorded(caller: &Identity, server: &Identity) -> Vec<u8> {
    let ((near, middle), (middle_too, far)) = (duplex(4096), duplex(4096));
    let ((from_caller, to_caller), (from_server, to_server)) =
        (tokio::io::split(middle), tokio::io::split(middle_too));
    let back = tokio::spawn(record(from_server, to_caller));
    let there = tokio::spawn(record(from_caller, to_server));
    let calls = async {
        let mut channel = caller.meet(Box::new(near), NodeId(2)).await.unwrap();
        let request = Request::Show { after: Revision(7) };
        channel.send(&request).await.unwrap();
    };
    let answers = async {
        let mut channel = server.greet(Box::new(far), None).await.unwrap();
        let request: Request = channel.receive().await.unwrap();
        assert!(matches!(request, Request::Show { after: Revision(7) }));
    };
    tokio::join!(calls, answers);
    let seen = there.await.unwrap();
    back.abort();
    seen
}

/// Sends these bytes to a server, and reads what comes; what the server makes of it.
async fn answered(server: &Identity, bytes: &[u8]) -> (Vec<u8>, Result<(), HandshakeError>) {
    let (mut near, far): (DuplexStream, DuplexStream) = duplex(64 * 1024);
    near.write_all(bytes).await.unwrap();
    near.shutdown().await.unwrap();
    let answered = server.greet(Box::new(far), None).await.map(drop);
    let mut said = Vec::new();
    near.read_to_end(&mut said).await.unwrap();
    (said, answered)
}

#[tokio::test]
async fn a_recorded_handshake_is_worth_nothing() {
    let secret = secret();
    let (caller, server) = (
        identity(1, Some(&secret), Some(1)),
        identity(2, Some(&secret), Some(1)),
    );
    let recorded = recorded(&caller, &server).await;
    let (_, replayed) = answered(&server, &recorded).await;
    let forged = matches!(replayed, Err(HandshakeError::NotAlive(ChannelError::Forged)));
    assert!(forged, "{replayed:?}");
    // Not even the first message is worth anything to another node, or under another secret.
    let (said, other) = answered(&identity(3, Some(&secret), Some(1)), &recorded).await;
    assert!(
        matches!(other, Err(HandshakeError::OtherNode)) && !said.is_empty(),
        "{other:?}"
    );
    let (said, other) = answered(&identity(2, Some(&self::secret()), Some(1)), &recorded).await;
    assert!(matches!(other, Err(HandshakeError::OtherSecret)), "{other:?}");
    assert_eq!(said, [], "strangers are told nothing");
}

#[tokio::test]
async fn a_handshake_that_was_changed_or_cut_off_ends_at_once() {
    let secret = secret();
    let (caller, server) = (
        identity(1, Some(&secret), Some(1)),
        identity(2, Some(&secret), Some(1)),
    );
    let recorded = recorded(&caller, &server).await;
    let first = MARK.len() + 2 + usize::from(u16::from_be_bytes([recorded[8], recorded[9]]));
    for at in 0..first {
        let mut changed = recorded[..first].to_vec();
        changed[at] ^= 1;
        let (said, answered) = answered(&server, &changed).await;
        assert!(answered.is_err() && said.is_empty(), "byte {at}: {answered:?}");
        let (said, answered) = self::answered(&server, &recorded[..at]).await;
        assert!(answered.is_err() && said.is_empty(), "{at} bytes: {answered:?}");
    }
    let endless = [MARK, &[0xff, 0xff][..], &[0; 60_000]].concat();
    let (said, answered) = answered(&server, &endless).await;
    assert!(
        matches!(answered, Err(HandshakeError::Malformed)) && said.is_empty(),
        "{answered:?}"
    );
}

/// A server that does not know the secret says that it is content, and is found out.
#[tokio::test]
async fn the_server_has_to_prove_itself_too() {
    let (near, mut far) = duplex(4096);
    let lie = async {
        let mut message = [0; 10];
        far.read_exact(&mut message).await.unwrap();
        let mut message = vec![0; usize::from(u16::from_be_bytes([message[8], message[9]]))];
        far.read_exact(&mut message).await.unwrap();
        // The caller's own message is the best that an impostor has.
        let length = u16::try_from(message.len()).unwrap();
        far.write_all(&[&length.to_be_bytes()[..], &message].concat())
            .await
            .unwrap();
    };
    let caller = identity(1, Some(&secret()), Some(1));
    let (called, ()) = tokio::join!(caller.meet(Box::new(near), NodeId(2)), lie);
    assert!(matches!(called, Err(HandshakeError::Keys(_))), "{called:?}");
}
