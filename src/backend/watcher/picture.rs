//! The picture that a watcher publishes, and where others read it.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use tokio::sync::watch;

use crate::backend::topology::{News, Topology};
use crate::metrics::UpstreamFault;

/// Whether the last look at a physical cluster succeeded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Reach {
    /// Nobody has looked yet.
    #[default]
    Unknown,
    Reachable,
    /// For the reason that the metrics tell.
    Unreachable(UpstreamFault),
}

/// The reading end.
#[derive(Debug, Clone)]
pub struct Picture {
    /// The last good picture; `None` until there is one. It stays while the cluster is unreachable.
    pub topology: watch::Receiver<Option<Arc<Topology>>>,
    pub reach: watch::Receiver<Reach>,
    /// The reason why the cluster was last found to be unreachable, for people.
    pub fault: Arc<ArcSwapOption<String>>,
}

/// The writing end. It outlives a watcher, so that a new one can take over.
#[derive(Debug, Clone)]
pub struct Publisher {
    topology: watch::Sender<Option<Arc<Topology>>>,
    reach: watch::Sender<Reach>,
    fault: Arc<ArcSwapOption<String>>,
}

/// Both ends for one physical cluster.
pub fn picture() -> (Publisher, Picture) {
    let (topology, topology_seen) = watch::channel(None);
    let (reach, reach_seen) = watch::channel(Reach::default());
    let fault = Arc::new(ArcSwapOption::empty());
    let publisher = Publisher {
        topology,
        reach,
        fault: Arc::clone(&fault),
    };
    let picture = Picture {
        topology: topology_seen,
        reach: reach_seen,
        fault,
    };
    (publisher, picture)
}

impl Publisher {
    pub(super) fn last(&self) -> Option<Arc<Topology>> {
        self.topology.borrow().clone()
    }

    /// Readers wake only when something changed.
    pub(super) fn publish(&self, mut fresh: Topology) {
        self.topology.send_if_modified(|current| {
            if let Some(last) = current.as_deref() {
                let topics = last.different_topics(&fresh);
                if topics.is_empty() && last.is_same_but_for_topics(&fresh) {
                    return false;
                }
                let number = last.news.number + 1;
                fresh.news = News { number, topics };
            }
            *current = Some(Arc::new(fresh));
            true
        });
    }

    /// Takes back the last picture if it is wrong.
    pub(super) fn retract(&self, is_wrong: impl FnOnce(&Topology) -> bool) {
        self.topology
            .send_if_modified(|current| current.take_if(|known| is_wrong(known)).is_some());
    }

    /// Says what went wrong.
    pub(super) fn failed(&self, fault: String) {
        self.fault.store(Some(Arc::new(fault)));
    }

    /// Says how the last look went; the answer is whether that is news.
    pub(super) fn reached(&self, reach: Reach) -> bool {
        self.reach
            .send_if_modified(|current| std::mem::replace(current, reach) != reach)
    }
}
