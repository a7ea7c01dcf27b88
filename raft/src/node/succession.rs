//! How long leases of leaders before may go on, as a new leader finds it out: a majority says when it last acknowledged one of
//! them. Without that it has to take each node for one that has just got a lease.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use openraft::async_runtime::watch::WatchReceiver;
use tokio::time::sleep;

use super::core::{Core, Raft};
use crate::clock::BootTime;
use crate::members::ClusterMembers;

/// How long a node may take to answer.
const ANSWER: Duration = Duration::from_millis(700);
/// So often a majority is asked; what is found out later shortens no wait.
const ATTEMPTS: usize = 3;
const PAUSE: Duration = Duration::from_millis(100);

/// Finds it out each time that this node begins to lead, for as long as it is polled.
pub(super) async fn look_back(core: Arc<Core>) {
    let Some(raft) = core.raft.get() else {
        return std::future::pending().await;
    };
    let mut metrics = raft.metrics();
    let mut asked = None;
    loop {
        let (leader, term) = {
            let now = metrics.borrow_watched();
            (now.current_leader, now.current_term)
        };
        if leader == Some(core.id.0) && asked != Some(term) {
            asked = Some(term);
            for _ in 0..ATTEMPTS {
                if ask(&core, raft, term).await {
                    break;
                }
                sleep(PAUSE).await;
            }
        }
        if metrics.changed().await.is_err() {
            return std::future::pending().await;
        }
    }
}

/// Has the voters say when they last acknowledged a leader before this term. Whether a majority answered.
async fn ask(core: &Core, raft: &Raft, term: u64) -> bool {
    let members = ClusterMembers::of(raft.metrics().borrow_watched().membership_config.membership());
    let own = (core.id, core.granting.acknowledged_before(term));
    let mut moments = BTreeMap::from([own]);
    let others = members.voters().into_iter().filter(|id| *id != core.id);
    let mut answers: FuturesUnordered<_> = others
        .map(|id| async move { (id, core.peers.acknowledged(id, term, ANSWER).await) })
        .collect();
    let mut is_known = false;
    loop {
        // Any majority will do. A node that has just started knows of no time before.
        if let Some(last) = members.by_majority(&moments) {
            core.granting.no_leader_after(raft, term, last);
            is_known = true;
        }
        match answers.next().await {
            None => return is_known,
            Some((node, Ok(elapsed))) => {
                // It is that long since, and the answer has been on its way.
                moments.insert(node, BootTime::now().before(elapsed));
            }
            Some((node, Err(error))) => {
                tracing::debug!(%node, %error, "the node does not say when it last acknowledged a leader");
            }
        }
    }
}
