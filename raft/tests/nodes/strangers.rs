//! The port for peers, seen from outside: who is no peer gets nothing and costs nothing.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::support::{Cluster, propose};
use klamm_raft::{ClusterSecret, Node, NotReady, PeerRefusal, StartError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

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

/// How many callers a node turned away for that.
fn refused(node: &Node, refusal: PeerRefusal) -> u64 {
    let counts = node.status().refused_peers;
    counts
        .iter()
        .filter(|(known, _)| *known == refusal)
        .map(|(_, count)| count)
        .sum()
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
        // What begins as it should, with a length that nobody would send, or with a first message of nobody.
        &[b"klamm/ps", &huge[..]].concat(),
        &[&b"klamm/ps\x00\x70"[..], &[9; 4096]].concat(),
        &[&b"klamm/p0\x00\x70"[..], &[9; 4096]].concat(),
        b"klamm/ps\x00\x70",
        b"k",
    ] {
        let answers = futures::future::join_all((0..8).map(|_| send(address, bytes))).await;
        assert!(
            answers.iter().all(Vec::is_empty),
            "strangers learn nothing: {answers:?}"
        );
    }
    // Those that speak another protocol, and those that have no secret.
    assert!(refused(cluster.node(1), PeerRefusal::NotKlamm) >= 16);
    assert_eq!(refused(cluster.node(1), PeerRefusal::SecretOnOneSide), 8);
    assert_eq!(refused(cluster.node(2), PeerRefusal::NotKlamm), 0);
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

/// Connects again and again from one address, says these words, and waits until the connection is closed.
async fn pester(from: Ipv4Addr, to: SocketAddr, words: &'static [u8], closed: Arc<AtomicU64>) {
    loop {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((from, 0).into()).unwrap();
        let Ok(mut stream) = socket.connect(to).await else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        stream.write_all(words).await.ok();
        while matches!(stream.read(&mut [0; 64]).await, Ok(1..)) {}
        closed.fetch_add(1, Ordering::Relaxed);
    }
}

/// More strangers than there are seats, from as many addresses: nodes that start again come in all the same.
#[tokio::test]
async fn a_flood_of_strangers_does_not_keep_peers_out() {
    let mut cluster = Cluster::started().await;
    let (mut flood, closed) = (JoinSet::new(), Arc::<AtomicU64>::default());
    for node in 1..=3 {
        for number in 1..=100 {
            let words: &[u8] = if number % 2 == 0 { b"" } else { b"klamm/ps" };
            let from = Ipv4Addr::new(127, 0, 1, number);
            flood.spawn(pester(from, cluster.address(node), words, Arc::clone(&closed)));
        }
    }
    for id in [3, 1] {
        cluster.stop(id).await;
        propose(cluster.node(2), &format!("without-{id}")).await.unwrap();
        let node = cluster.start(id);
        node.wait_ready(Duration::from_secs(10)).await.unwrap();
        propose(&node, &format!("with-{id}")).await.unwrap();
    }
    let closed = closed.load(Ordering::Relaxed);
    assert!(closed > 300, "{closed}: seats were given to others");
    flood.shutdown().await;
    assert_eq!(cluster.agreed().await.vclusters.len(), 4);
}

/// A node with the same ids and the same secret, but of another founding, stays outside.
#[tokio::test]
async fn a_node_of_another_cluster_stays_outside() {
    let (mut cluster, mut other) = (Cluster::started().await, Cluster::configured());
    other.secret = cluster.secret.clone();
    other.start_all().await;
    propose(other.node(3), "of-the-other").await.unwrap();
    for id in 1..=3 {
        other.stop(id).await;
    }
    cluster.stop(3).await;
    std::fs::remove_dir_all(cluster.data_dir(3)).unwrap();
    std::fs::rename(other.data_dir(3), cluster.data_dir(3)).unwrap();
    let stranger = cluster.start(3);
    stays_outside(&cluster, &stranger).await;
    assert!(refused(cluster.node(1), PeerRefusal::OtherCluster) > 0);
    let id = |node: &Node| node.status().cluster_id.expect("it was founded");
    assert_eq!(id(cluster.node(1)), id(cluster.node(2)));
    assert_ne!(id(cluster.node(1)), id(&stranger));
    assert!(
        !cluster
            .node(1)
            .states()
            .borrow()
            .vclusters
            .contains_key("of-the-other")
    );
}

/// The others go on, and the stranger, their node 3, neither becomes ready nor hears of it.
async fn stays_outside(cluster: &Cluster, stranger: &Node) {
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
async fn a_node_with_another_secret_stays_outside() {
    let mut cluster = Cluster::started().await;
    cluster.stop(3).await;
    cluster.secret = Some(ClusterSecret::generate().unwrap());
    let stranger = cluster.start(3);
    stays_outside(&cluster, &stranger).await;
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
    let shown = format!("{:?}", cluster.config(2));
    assert!(
        shown.contains("ClusterSecret(..)") && !shown.contains("klamm_cluster_"),
        "{shown}"
    );
}
