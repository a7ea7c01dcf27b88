//! Leases: a node that is cut off, or does not keep up, decides nothing by the time that a change is acknowledged without it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use klamm_raft::model::{NodeId, State};
use klamm_raft::{Lease, Node};

use crate::partition::Net;
use crate::ports::PortBlock;
use crate::support::{Cluster, LIMIT, propose};

fn knows(state: &State, name: &str) -> bool {
    state.vclusters.contains_key(name)
}

/// Looks all the time, as sessions do, whether a node decides by a state without what was acknowledged.
struct Watch {
    acknowledged: Arc<AtomicBool>,
    watching: tokio::task::JoinHandle<Result<u64, String>>,
    over: Arc<AtomicBool>,
}

impl Watch {
    fn of(node: &Node, name: &'static str) -> Self {
        let (acknowledged, over) = (Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default());
        let (lease, states) = (node.lease(), node.states());
        let (is_acknowledged, is_over) = (Arc::clone(&acknowledged), Arc::clone(&over));
        let watching = tokio::task::spawn_blocking(move || {
            let mut looks = 0;
            while !is_over.load(Ordering::Acquire) {
                let must_know = is_acknowledged.load(Ordering::Acquire);
                // In the order of a session: the request is there, then the lease, then the view.
                let (holds, state) = (lease.holds(), states.borrow().clone());
                if must_know && holds && !knows(&state, name) {
                    return Err(format!("decided without {name:?} after it was acknowledged"));
                }
                looks += 1;
                std::thread::sleep(Duration::from_micros(200));
            }
            Ok(looks)
        });
        Self {
            acknowledged,
            watching,
            over,
        }
    }

    fn acknowledged(&self) {
        self.acknowledged.store(true, Ordering::Release);
    }

    async fn end(self) {
        self.over.store(true, Ordering::Release);
        let looks = self.watching.await.unwrap().unwrap();
        assert!(looks > 0);
    }
}

async fn holds(lease: &Lease) {
    tokio::time::timeout(LIMIT, lease.regained())
        .await
        .expect("a lease");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_cut_off_decides_nothing_once_a_change_is_acknowledged_without_it() {
    let net = Net::start().await;
    let nodes = &net.cluster.nodes;
    let leader = net.cluster.leader().await;
    let follower = (1..=3).find(|id| *id != leader).unwrap();
    for (round, cut) in [follower, leader].into_iter().enumerate() {
        let name = ["first", "second"][round];
        let node = &nodes[&cut];
        holds(&node.lease()).await;
        let watch = Watch::of(node, name);
        net.set(cut, false);
        let other = (1..=3).find(|id| *id != cut).unwrap();
        propose(&nodes[&other], name).await.unwrap();
        watch.acknowledged();
        assert!(!node.lease().holds(), "nobody would have acknowledged it");
        assert!(!knows(&node.states().borrow(), name));
        // The others go on.
        holds(&nodes[&other].lease()).await;
        net.set(cut, true);
        holds(&node.lease()).await;
        assert!(
            knows(&node.states().borrow(), name),
            "it came back without what it missed"
        );
        watch.end().await;
    }
}

/// A node whose application does not follow the state asks for leases and gets them, and they do not count.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_does_not_keep_up_loses_its_lease() {
    let cluster = Cluster::started().await;
    let leader = cluster.leader().await;
    let behind = (1..=3).find(|id| *id != leader).unwrap();
    let node = cluster.node(behind);
    let shown = node.states().borrow().revision;
    let visibility = node.report_visibility();
    visibility.report(shown);
    holds(&node.lease()).await;
    propose(cluster.node(leader), "news").await.unwrap();
    assert!(!node.lease().holds(), "it decides by what was before");
    let now = node.states().borrow().revision;
    visibility.report(now);
    holds(&node.lease()).await;
}

/// A node that takes leave is not waited for, and its next process gets a lease at once: nobody takes it for two.
/// Far longer than anything in a test takes.
const LONG_LEASE: Duration = Duration::from_secs(30);

/// Whether nobody waits for the lease of a node that was stopped. None when the leader changed meanwhile, as it may on a busy
/// machine: the next one has to wait for leases that it knows nothing of.
async fn is_given_back() -> Option<bool> {
    let mut cluster = Cluster::started().await;
    cluster.tuning.lease = LONG_LEASE;
    for id in [1, 2, 3] {
        cluster.stop(id).await;
        cluster.start(id).wait_ready(LIMIT).await.unwrap();
    }
    let leader = cluster.leader().await;
    let follower = (1..=3).find(|id| *id != leader).unwrap();
    let lease = cluster.node(follower).lease();
    holds(&lease).await;
    let term = cluster.node(leader).status().term;
    let begun = Instant::now();
    cluster.stop(follower).await;
    assert!(!lease.holds(), "it has given it back");
    let proposed = propose(cluster.node(leader), "meanwhile").await;
    let node = cluster.start(follower);
    let regained = tokio::time::timeout(LONG_LEASE, node.lease().regained()).await;
    let is_soon = proposed.is_ok() && regained.is_ok() && begun.elapsed() < LONG_LEASE;
    (cluster.node(leader).status().term == term).then_some(is_soon)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_stopped_gives_its_lease_back() {
    for _ in 0..5 {
        if let Some(is_given_back) = is_given_back().await {
            assert!(is_given_back, "somebody waited for the lease to end");
            return;
        }
    }
    panic!("the leader changed each time");
}

#[tokio::test]
async fn a_node_that_is_alone_asks_nobody() {
    let directory = tempfile::tempdir().unwrap();
    let node = Node::start(crate::single::config(directory.path())).unwrap();
    assert!(node.lease().holds());
    assert_eq!(node.lease().left(), None);
    node.shutdown().await;
    // The list of peers may name it, too.
    let ports = PortBlock::take().unwrap();
    let address = format!("127.0.0.1:{}", ports.port(0));
    let mut config = crate::single::config(directory.path());
    config.listen = Some(address.parse().unwrap());
    config.peers = [(NodeId(1), address)].into();
    let node = Node::start(config).unwrap();
    node.wait_ready(LIMIT).await.unwrap();
    assert!(node.lease().holds());
}
