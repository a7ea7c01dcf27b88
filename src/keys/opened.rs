//! Data keys that a key service has opened. Looked up without a lock; bounded in number and in time.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;

use crate::envelope::DataKey;

/// How many are kept.
const MOST: usize = 10_000;

/// How long one is kept.
const LIFETIME: Duration = Duration::from_secs(3600);

/// The data keys that were opened last.
#[derive(Debug)]
pub(super) struct OpenedKeys {
    begun: Instant,
    most: usize,
    keys: ArcSwap<HashMap<Box<[u8]>, Arc<KeptKey>>>,
}

#[derive(Debug)]
struct KeptKey {
    key: Arc<DataKey>,
    since: Instant,
    /// In milliseconds since the beginning.
    used: AtomicU64,
}

impl Default for OpenedKeys {
    fn default() -> Self {
        Self::of(MOST)
    }
}

impl OpenedKeys {
    /// At most so many.
    pub(super) fn of(most: usize) -> Self {
        Self {
            begun: Instant::now(),
            most,
            keys: ArcSwap::default(),
        }
    }

    /// The key, if it is there.
    pub(super) fn get(&self, wrapped: &[u8], now: Instant) -> Option<Arc<DataKey>> {
        let keys = self.keys.load();
        let kept = keys.get(wrapped).filter(|kept| is_good(kept, now))?;
        kept.used.store(self.millis(now), Ordering::Relaxed);
        Some(Arc::clone(&kept.key))
    }

    /// Adds keys, and forgets those that are too old. Where there are too many, those that were not used for longest go.
    pub(super) fn add(&self, opened: Vec<(Box<[u8]>, Arc<DataKey>)>, now: Instant) {
        let added = opened.into_iter().map(|(wrapped, key)| {
            let kept = KeptKey {
                key,
                since: now,
                used: AtomicU64::new(self.millis(now)),
            };
            (wrapped, Arc::new(kept))
        });
        let added: Vec<_> = added.collect();
        self.keys.rcu(|keys| {
            let mut keys = HashMap::clone(keys);
            keys.retain(|_, kept| is_good(kept, now));
            keys.extend(added.iter().cloned());
            if keys.len() > self.most {
                let mut used: Vec<u64> = keys
                    .values()
                    .map(|kept| kept.used.load(Ordering::Relaxed))
                    .collect();
                used.sort_unstable();
                // A tenth more, so that it is not so again at once.
                let gone = keys.len() - self.most + self.most / 10;
                let last = used[gone.min(used.len()) - 1];
                let mut left = gone;
                keys.retain(|_, kept| {
                    let goes = left > 0 && kept.used.load(Ordering::Relaxed) <= last;
                    left -= usize::from(goes);
                    !goes
                });
            }
            keys
        });
    }

    /// Forgets those that are too old; how many are left.
    pub(super) fn tidy(&self, now: Instant) -> usize {
        if self.keys.load().values().any(|kept| !is_good(kept, now)) {
            self.add(Vec::new(), now);
        }
        self.keys.load().len()
    }

    fn millis(&self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(self.begun).as_millis();
        u64::try_from(since).unwrap_or(u64::MAX)
    }
}

fn is_good(kept: &KeptKey, now: Instant) -> bool {
    now.saturating_duration_since(kept.since) < LIFETIME
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Arc<DataKey> {
        Arc::new(DataKey::new(&[1; 32]).unwrap())
    }

    #[test]
    fn they_are_bounded_in_number_and_time() {
        let (keys, begun) = (OpenedKeys::of(10), Instant::now());
        let name = |number: u8| Box::from([number]);
        for number in 0..10 {
            keys.add(
                vec![(name(number), key())],
                begun + Duration::from_secs(number.into()),
            );
        }
        let later = begun + Duration::from_secs(60);
        assert!(keys.get(&[0], later).is_some());
        keys.add(vec![(name(10), key())], later);
        // The one that was used last is still there, those that were not are gone.
        assert!(keys.get(&[0], later).is_some() && keys.get(&[10], later).is_some());
        assert!(keys.get(&[1], later).is_none() && keys.get(&[2], later).is_none());
        assert!(keys.get(&[3], later).is_some());
        let old = begun + LIFETIME + Duration::from_secs(5);
        assert!(keys.get(&[0], old).is_none() && keys.get(&[10], old).is_some());
        assert_eq!(keys.tidy(old), 5);
        assert_eq!(keys.tidy(old + LIFETIME), 0);
    }
}
