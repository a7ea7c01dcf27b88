//! How much clients want to use on each node, of what quotas are for: nodes tell each other, and keep the last that they heard. It
//! is in no log.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::model::{NodeId, QuotaDemand};

/// The last that this node heard.
#[derive(Debug, Default)]
pub(crate) struct HeardDemands(Mutex<BTreeMap<NodeId, LastHeard>>);

#[derive(Debug)]
struct LastHeard {
    at: Instant,
    demands: Arc<[QuotaDemand]>,
}

/// The demands of another node.
#[derive(Debug, Clone)]
pub struct NodeDemands {
    pub node: NodeId,
    /// How long ago they were heard.
    pub age: Duration,
    pub demands: Arc<[QuotaDemand]>,
}

impl HeardDemands {
    /// A node says this.
    pub(crate) fn note(&self, from: NodeId, mut demands: Vec<QuotaDemand>) {
        demands.truncate(QuotaDemand::MOST);
        let heard = LastHeard {
            at: Instant::now(),
            demands: demands.into(),
        };
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(from, heard);
    }

    /// The last of each node.
    pub(crate) fn all(&self) -> Vec<NodeDemands> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all = all.iter().map(|(node, heard)| NodeDemands {
            node: *node,
            age: heard.at.elapsed(),
            demands: Arc::clone(&heard.demands),
        });
        all.collect()
    }
}
