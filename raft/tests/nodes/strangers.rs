//! The port for peers, seen from outside: who is no peer gets nothing and costs nothing.

use std::net::SocketAddr;
use std::time::Duration;

use crate::support::{Cluster, propose};
use klamm_raft::{Node, NotReady, Secret, StartError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Sends `bytes` and reads what comes until the other end closes.
async fn send(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    let closed = tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut answer));
    // A reset is as good as a close.
    closed.await.expect("the connection is closed").ok();
    answer
}

/// This process's resident memory.
fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

#[tokio::test]
async fn hostile_bytes_cost_nothing() {
    let cluster = Cluster::started().await;
    let address = cluster.address(1);
    let before = resident_bytes();
    let huge = [0x7f, 0xff, 0xff, 0xff].repeat(1000);
    for bytes in [
        &huge[..],
        b"GET / HTTP/1.1\r\nhost: x\r\n\r\n",
        &[0; 4096],
        b"KLAMMRF\xff",
        b"K",
    ] {
        for _ in 0..8 {
            if bytes.len() > 1 {
                let answer = send(address, bytes).await;
                assert!(answer.len() <= 1, "strangers learn nothing: {answer:?}");
            }
        }
    }
    // A hello that is right up to the proof, then a length that nobody would send.
    let mut hello = b"KLAMMRF\x01".to_vec();
    hello.extend_from_slice(&[0; 80]);
    hello.extend_from_slice(&huge);
    assert_eq!(send(address, &hello).await, [2], "another cluster's id");
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 64 * 1024 * 1024, "{grown} bytes more");
    propose(cluster.node(1), "one").await.unwrap();
}

#[tokio::test]
async fn silent_connections_do_not_keep_peers_out() {
    let cluster = Cluster::started().await;
    let mut silent = Vec::new();
    for _ in 0..100 {
        silent.push(TcpStream::connect(cluster.address(1)).await.unwrap());
    }
    propose(cluster.node(2), "one").await.unwrap();
    let mut byte = [0];
    for stream in &mut silent {
        let closed = tokio::time::timeout(Duration::from_secs(30), stream.read(&mut byte)).await;
        assert!(matches!(closed.expect("it is closed in time"), Ok(0) | Err(_)));
    }
}

#[tokio::test]
async fn a_node_with_another_secret_stays_outside() {
    let mut cluster = Cluster::started().await;
    cluster.stop(3).await;
    cluster.secret = Some(Secret::new("not the secret of this test").unwrap());
    let stranger = cluster.start(3);
    let limit = Duration::from_secs(3);
    assert_eq!(
        stranger.wait_ready(limit).await,
        Err(NotReady::TimedOut { after: limit })
    );
    propose(cluster.node(1), "one").await.unwrap();
    assert!(!stranger.states().borrow().vclusters.contains_key("one"));
    assert!(
        stranger
            .status()
            .peers
            .iter()
            .all(|peer| peer.silent_for.is_none())
    );
}

#[tokio::test]
async fn a_node_at_another_nodes_address_is_not_taken_for_it() {
    let mut cluster = Cluster::started().await;
    cluster.stop(3).await;
    let mut config = cluster.config(3);
    let (one, two) = (cluster.address(1).to_string(), cluster.address(2).to_string());
    config.peers.insert(klamm_raft::model::NodeId(1), two);
    config.peers.insert(klamm_raft::model::NodeId(2), one);
    let lost = Node::start(config).unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(lost.status().peers.iter().all(|peer| peer.silent_for.is_none()));
    lost.shutdown().await;
}

#[tokio::test]
async fn without_a_secret_peers_are_on_loopback() {
    let cluster = Cluster::configured();
    let mut config = cluster.config(1);
    config.secret = None;
    config
        .peers
        .insert(klamm_raft::model::NodeId(2), "gateway2.example:7000".to_owned());
    let error = Node::start(config.clone()).unwrap_err();
    assert!(
        matches!(&error, StartError::NoSecret { address } if address == "gateway2.example:7000"),
        "{error}"
    );
    config
        .peers
        .insert(klamm_raft::model::NodeId(2), "localhost:7000".to_owned());
    config.listen = Some("0.0.0.0:0".parse().unwrap());
    assert!(matches!(
        Node::start(config.clone()),
        Err(StartError::NoSecret { .. })
    ));
    config.listen = Some("127.0.0.1:0".parse().unwrap());
    Node::start(config).unwrap().shutdown().await;
}

#[tokio::test]
async fn contradictions_are_refused_at_the_start() {
    let cluster = Cluster::configured();
    let mut config = cluster.config(1);
    config.listen = None;
    assert!(matches!(
        Node::start(config.clone()),
        Err(StartError::NoListenAddress)
    ));
    config = cluster.config(1);
    config.peers.remove(&klamm_raft::model::NodeId(1));
    assert!(matches!(Node::start(config), Err(StartError::NotAmongPeers(_))));
    assert!(Secret::new("short").is_err());
    let shown = format!("{:?}", cluster.config(2));
    assert!(!shown.contains("a secret for this test"), "{shown}");
}
