//! All registries of a node, as those who judge records see them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use futures_util::future::join_all;
use klamm_raft::model::RegistryName;

use super::config::RegistryConfig;
use super::source::RegistrySource;
use crate::metrics::RegistryMetrics;
use crate::schemas::{NoSchema, Schema, SchemaNeed, SchemaRef, SchemasAtHand};
use crate::supervision::{Component, Supervisor};

/// The registries of the configuration, by name.
#[derive(Default)]
pub struct Registries {
    sources: BTreeMap<RegistryName, Arc<RegistrySource>>,
    /// The registries that policies name and the configuration does not.
    missing: ArcSwap<BTreeSet<RegistryName>>,
}

impl Registries {
    /// Takes registries into use. Nothing is asked yet: one that is away is no reason not to start.
    pub fn start(
        configs: &BTreeMap<RegistryName, RegistryConfig>,
        metrics: &RegistryMetrics,
        supervisor: &Supervisor,
    ) -> Self {
        let source = |(name, config): (&RegistryName, &RegistryConfig)| {
            let source = Arc::new(RegistrySource::new(name, config, metrics));
            let kept = Arc::clone(&source);
            supervisor.keep(Component::Registry(name.clone()), move || {
                Arc::clone(&kept).keep()
            });
            (name.clone(), source)
        };
        Self {
            sources: configs.iter().map(source).collect(),
            missing: ArcSwap::default(),
        }
    }

    /// Waits until registries have given what is needed, or have been asked in vain.
    pub async fn obtain(self: Arc<Self>, needs: Vec<SchemaNeed>) -> ObtainedSchemas {
        let asked = needs.into_iter().map(|need| {
            let source = self.sources.get(&need.registry).map(Arc::clone);
            async move {
                let found = match source {
                    Some(source) => source.obtain(need.id).await,
                    None => Err(NoSchema::NoRegistry),
                };
                (need, found)
            }
        });
        let obtained = join_all(asked).await.into_iter().collect();
        ObtainedSchemas {
            registries: self,
            obtained,
        }
    }

    /// Takes note of the registries that policies name.
    pub fn are_named(&self, named: impl Iterator<Item = RegistryName>, metrics: &RegistryMetrics) {
        let missing: BTreeSet<RegistryName> = named.filter(|name| !self.sources.contains_key(name)).collect();
        for gone in self.missing.load().difference(&missing) {
            metrics.forget(gone.as_str());
        }
        for name in &missing {
            metrics.usable(name.as_str(), false);
        }
        self.missing.store(Arc::new(missing));
    }

    /// The registries that cannot be asked now, with why.
    pub fn troubles(&self) -> Vec<(RegistryName, String)> {
        let configured = self
            .sources
            .iter()
            .filter_map(|(name, source)| Some((name.clone(), source.trouble()?)));
        let missing = self.missing.load();
        let missing = missing.iter().map(|name| {
            let why = "a policy names it, and klamm.registries of this node does not have it".to_owned();
            (name.clone(), why)
        });
        configured.chain(missing).collect()
    }
}

impl fmt::Debug for Registries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.sources.keys()).finish()
    }
}

impl SchemasAtHand for Registries {
    fn schema(&self, registry: &RegistryName, id: SchemaRef) -> Result<Arc<Schema>, NoSchema> {
        self.sources.get(registry).ok_or(NoSchema::NoRegistry)?.schema(id)
    }
}

/// The registries of a node, and what they have given or refused just now. That is known to nobody else, and soon forgotten.
#[derive(Debug)]
pub struct ObtainedSchemas {
    registries: Arc<Registries>,
    obtained: BTreeMap<SchemaNeed, Result<Arc<Schema>, NoSchema>>,
}

impl SchemasAtHand for ObtainedSchemas {
    fn schema(&self, registry: &RegistryName, id: SchemaRef) -> Result<Arc<Schema>, NoSchema> {
        match self.registries.schema(registry, id) {
            Err(NoSchema::NotYet) => {
                let mut obtained = self.obtained.iter();
                let found = obtained.find(|(need, _)| need.id == id && need.registry == *registry);
                found.map_or(Err(NoSchema::NotYet), |(_, found)| found.clone())
            }
            known => known,
        }
    }
}
