//! All keys of a node, as those who judge records see them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use futures_util::future::join_all;
use klamm_raft::model::KeyName;

use super::config::KeyConfig;
use super::source::{KeySource, RefusedDataKey};
use crate::envelope::{DataKey, KeysAtHand, NoKey, PinnedKey, RecordKeyNeed, SealingKey};
use crate::metrics::RecordKeyMetrics;
use crate::supervision::{Component, Supervisor};

/// The keys of the configuration, by name.
#[derive(Default)]
pub struct RecordKeys {
    sources: BTreeMap<KeyName, Arc<KeySource>>,
    /// The keys that policies name and the configuration does not.
    missing: ArcSwap<BTreeSet<KeyName>>,
}

impl RecordKeys {
    /// Takes keys into use: reads key files, and follows them from now on. A key that cannot be used is no reason not to start.
    pub fn start(
        configs: &BTreeMap<KeyName, KeyConfig>,
        metrics: &RecordKeyMetrics,
        supervisor: &Supervisor,
    ) -> Self {
        let mut prefix = [0; 4];
        // Without random bytes the counter alone tells nonces apart, as each process has data keys of its own.
        let _ = SystemRandom::new().fill(&mut prefix);
        let source = |(name, config): (&KeyName, &KeyConfig)| {
            let source = Arc::new(KeySource::new(name, config, prefix, metrics));
            let kept = Arc::clone(&source);
            supervisor.keep(Component::RecordKey(name.clone()), move || {
                Arc::clone(&kept).keep()
            });
            (name.clone(), source)
        };
        Self {
            sources: configs.iter().map(source).collect(),
            missing: ArcSwap::default(),
        }
    }

    /// Waits until key services have made or opened what is needed, or have been asked in vain. What they refuse for good is
    /// known to what comes back.
    pub async fn obtain(self: Arc<Self>, needs: Vec<RecordKeyNeed>) -> ObtainedKeys {
        let mut by_source: BTreeMap<KeyName, Vec<RecordKeyNeed>> = BTreeMap::new();
        for need in needs {
            by_source.entry(need.key().clone()).or_default().push(need);
        }
        let asked = by_source.into_iter().filter_map(|(name, needs)| {
            let source = Arc::clone(self.sources.get(&name)?);
            Some(source.obtain(needs))
        });
        let refused = join_all(asked).await;
        ObtainedKeys {
            keys: self,
            refused: refused.into_iter().flatten().collect(),
        }
    }

    /// Takes note of the keys that policies name.
    pub fn are_named(&self, named: impl Iterator<Item = KeyName>, metrics: &RecordKeyMetrics) {
        let missing: BTreeSet<KeyName> = named.filter(|name| !self.sources.contains_key(name)).collect();
        for gone in self.missing.load().difference(&missing) {
            metrics.forget(gone.as_str());
        }
        for name in &missing {
            metrics.usable(name.as_str(), false);
        }
        self.missing.store(Arc::new(missing));
    }

    /// The keys that cannot be used now, with why.
    pub fn troubles(&self) -> Vec<(KeyName, String)> {
        let configured = self
            .sources
            .iter()
            .filter_map(|(name, source)| Some((name.clone(), source.trouble()?)));
        let missing = self.missing.load();
        let missing = missing.iter().map(|name| {
            let why = "a policy names it, and klamm.keys of this node does not have it".to_owned();
            (name.clone(), why)
        });
        configured.chain(missing).collect()
    }

    fn source(&self, name: &KeyName) -> Result<&KeySource, NoKey> {
        self.sources.get(name).map(Arc::as_ref).ok_or(NoKey::Unknown)
    }
}

impl fmt::Debug for RecordKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.sources.keys()).finish()
    }
}

impl KeysAtHand for RecordKeys {
    fn sealing(&self, key: &KeyName) -> Result<Arc<SealingKey>, NoKey> {
        self.source(key)?.sealing()
    }

    fn opening(&self, key: &KeyName, wrapped: &[u8]) -> Result<Arc<DataKey>, NoKey> {
        self.source(key)?.opening(wrapped)
    }

    fn pinned(&self, key: &KeyName, version: Option<u32>) -> Result<Arc<PinnedKey>, NoKey> {
        self.source(key)?.pinned(version)
    }
}

/// The keys of a node, and what key services have refused just now. That is known to nobody else, and soon forgotten.
#[derive(Debug)]
pub struct ObtainedKeys {
    keys: Arc<RecordKeys>,
    refused: Vec<RefusedDataKey>,
}

impl KeysAtHand for ObtainedKeys {
    fn sealing(&self, key: &KeyName) -> Result<Arc<SealingKey>, NoKey> {
        self.keys.sealing(key)
    }

    fn opening(&self, key: &KeyName, wrapped: &[u8]) -> Result<Arc<DataKey>, NoKey> {
        let is_this = |(name, refused): &RefusedDataKey| name == key && **refused == *wrapped;
        match self.keys.opening(key, wrapped) {
            Err(NoKey::NotYet) if self.refused.iter().any(is_this) => Err(NoKey::Refused),
            other => other,
        }
    }

    fn pinned(&self, key: &KeyName, version: Option<u32>) -> Result<Arc<PinnedKey>, NoKey> {
        self.keys.pinned(key, version)
    }
}
