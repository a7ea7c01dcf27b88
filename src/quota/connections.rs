//! How many connections a virtual cluster has on a node, and how many more it may have there.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// The connections of a virtual cluster on a node. They are counted whether there is a limit or not, so that one holds from the
/// moment that it is set.
#[derive(Debug, Default)]
pub struct OpenConnections {
    here: AtomicU64,
    /// On all nodes together; 0 where there is no limit, or nobody may come.
    most: AtomicU64,
    /// How many nodes share it.
    nodes: AtomicU32,
    /// How many there may be here.
    allowed: AtomicU64,
}

/// One of them, until it is dropped.
#[derive(Debug)]
pub struct OpenConnection(Arc<OpenConnections>);

impl OpenConnections {
    /// Counts one more, unless there are as many as there may be; `limit` is how many there may be on how many nodes.
    pub fn enter(self: &Arc<Self>, limit: Option<(u64, u32)>) -> Option<OpenConnection> {
        let allowed = self.allow(limit);
        let enter = |here| (here < allowed).then_some(here + 1);
        let entered = self
            .here
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, enter);
        entered.ok().map(|_| OpenConnection(Arc::clone(self)))
    }

    /// How many there may be here. A new limit is shared evenly until it is known who has how many.
    fn allow(&self, limit: Option<(u64, u32)>) -> u64 {
        let (most, nodes) = limit.unwrap_or_default();
        let nodes = nodes.max(1);
        let before = self.most.swap(most, Ordering::Relaxed);
        let of_nodes = self.nodes.swap(nodes, Ordering::Relaxed);
        if limit.is_none() {
            return u64::MAX;
        }
        if (before, of_nodes) != (most, nodes) {
            self.allowed
                .store(most.div_ceil(u64::from(nodes)), Ordering::Relaxed);
        }
        self.allowed.load(Ordering::Relaxed)
    }

    /// How many there are here, if others are to know.
    pub fn shared(&self) -> Option<u64> {
        (self.most.load(Ordering::Relaxed) > 0).then(|| self.here.load(Ordering::Relaxed))
    }

    /// So many are on the other nodes: of those that are still free, each node may take an equal part. None: nobody knows, and
    /// each node may have an equal part of all.
    pub fn share(&self, elsewhere: Option<u64>) {
        let most = self.most.load(Ordering::Relaxed);
        let nodes = u64::from(self.nodes.load(Ordering::Relaxed).max(1));
        let allowed = match elsewhere {
            Some(elsewhere) => {
                let here = self.here.load(Ordering::Relaxed);
                let free = most.saturating_sub(here.saturating_add(elsewhere));
                here + free.div_ceil(nodes)
            }
            None => most.div_ceil(nodes),
        };
        self.allowed.store(allowed, Ordering::Relaxed);
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.here.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_no_more_than_there_may_be() {
        let open = Arc::new(OpenConnections::default());
        let unlimited = open.enter(None).unwrap();
        let limit = Some((2, 1));
        let second = open.enter(limit).unwrap();
        assert!(open.enter(limit).is_none());
        drop(unlimited);
        assert!(open.enter(limit).is_some());
        assert_eq!(open.shared(), Some(1));
        assert!(open.enter(Some((0, 1))).is_none());
        drop(second);
        assert!(open.enter(None).is_some());
        assert_eq!(open.shared(), None);
    }

    #[test]
    fn nodes_share_what_is_free() {
        let open = Arc::new(OpenConnections::default());
        let limit = Some((30, 3));
        let enter = || std::iter::from_fn(|| open.enter(limit));
        let first: Vec<_> = enter().collect();
        assert_eq!(first.len(), 10);
        open.share(Some(2));
        let more: Vec<_> = enter().collect();
        assert_eq!(more.len(), 6);
        open.share(Some(14));
        assert!(open.enter(limit).is_none());
        // Who is cut off keeps what there is.
        open.share(None);
        assert!(open.enter(limit).is_none());
        drop(more);
        drop(first);
        assert_eq!(enter().collect::<Vec<_>>().len(), 10);
    }

    #[test]
    fn all_nodes_together_have_hardly_more_than_there_may_be() {
        let nodes: [Arc<OpenConnections>; 3] = Default::default();
        let mut kept = Vec::new();
        for _ in 0..20 {
            for node in &nodes {
                // More than there may be, everywhere.
                kept.extend(std::iter::from_fn(|| node.enter(Some((100, 3)))));
            }
            let here: Vec<u64> = nodes.iter().filter_map(|node| node.shared()).collect();
            for (node, own) in nodes.iter().zip(&here) {
                node.share(Some(here.iter().sum::<u64>() - own));
            }
        }
        assert!((100..103).contains(&kept.len()), "{}", kept.len());
    }
}
