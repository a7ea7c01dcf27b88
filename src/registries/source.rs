//! One registry: what it has given, the calls that are under way, and how it fares.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use klamm_raft::model::RegistryName;
use tokio::sync::Semaphore;
use tracing::{info, warn};

use super::client::{FoundSchema, MOST_CALLS, RegistryClient, RegistryError};
use super::config::RegistryConfig;
use super::kept::KeptSchemas;
use crate::chain::Chain;
use crate::metrics::{RegistryCallOutcome, RegistryMetrics};
use crate::pace::CallPace;
use crate::schemas::{NoSchema, Schema, SchemaRef};

/// The longest time for which a registry that does not answer is left alone: good records are turned away no longer than that
/// once it is back.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// How often it is looked whether trouble is over, and whether schemas are kept that nobody uses.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// One registry of the configuration.
#[derive(Debug)]
pub(super) struct RegistrySource {
    name: RegistryName,
    client: Result<RegistryClient, RegistryError>,
    kept: KeptSchemas,
    /// One call at a time for an id.
    flights: Mutex<HashMap<SchemaRef, Arc<tokio::sync::Mutex<()>>>>,
    calls: Arc<Semaphore>,
    fares: Mutex<RegistryFares>,
    metrics: RegistryMetrics,
}

/// How a registry fares.
#[derive(Debug)]
struct RegistryFares {
    pace: CallPace,
    /// The id that was asked for last in vain, and why.
    trouble: Option<(SchemaRef, String)>,
}

impl RegistrySource {
    pub(super) fn new(name: &RegistryName, config: &RegistryConfig, metrics: &RegistryMetrics) -> Self {
        metrics.usable(name.as_str(), true);
        Self {
            name: name.clone(),
            client: RegistryClient::new(config),
            kept: KeptSchemas::default(),
            flights: Mutex::default(),
            calls: Arc::new(Semaphore::new(MOST_CALLS)),
            fares: Mutex::new(RegistryFares {
                pace: CallPace::of(LONGEST_PAUSE),
                trouble: None,
            }),
            metrics: metrics.clone(),
        }
    }

    /// The schema, without waiting for anything.
    pub(super) fn schema(&self, id: SchemaRef) -> Result<Arc<Schema>, NoSchema> {
        self.kept.get(id, Instant::now())
    }

    /// The schema, for which the registry is asked if nobody has it; whoever asks for the same waits for one answer.
    pub(super) async fn obtain(self: Arc<Self>, id: SchemaRef) -> Result<Arc<Schema>, NoSchema> {
        let turn = self.flight(id).lock_owned().await;
        match self.schema(id) {
            Err(NoSchema::NotYet) => {}
            known => return known,
        }
        let Ok(room) = Arc::clone(&self.calls).acquire_owned().await else {
            return Err(NoSchema::Away);
        };
        if !self.fares().pace.may_call(Instant::now()) {
            return Err(NoSchema::Away);
        }
        let asked = tokio::task::spawn_blocking(move || {
            let found = self.ask(id);
            // Also when nobody waits for it any more.
            drop((turn, room));
            found
        });
        asked.await.unwrap_or(Err(NoSchema::Away))
    }

    /// The turn of those who ask for an id.
    fn flight(&self, id: SchemaRef) -> Arc<tokio::sync::Mutex<()>> {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        flights.retain(|_, flight| Arc::strong_count(flight) > 1);
        Arc::clone(flights.entry(id).or_default())
    }

    /// Asks the registry. Blocks.
    fn ask(&self, id: SchemaRef) -> Result<Arc<Schema>, NoSchema> {
        let begun = Instant::now();
        let client = match &self.client {
            Ok(client) => client,
            Err(error) => {
                self.went_wrong(id, Chain(error).to_string());
                return Err(NoSchema::Away);
            }
        };
        let found = client.schema(id);
        let outcome = match &found {
            Ok(FoundSchema::Schema(_) | FoundSchema::TooLarge) => RegistryCallOutcome::Ok,
            Ok(FoundSchema::Unknown) => RegistryCallOutcome::Unknown,
            Err(_) => RegistryCallOutcome::Failed,
        };
        self.metrics.called(self.name.as_str(), outcome, begun.elapsed());
        let schema = match found {
            Ok(FoundSchema::Schema(written)) => Schema::compile(&written),
            Ok(FoundSchema::TooLarge) => Schema::too_large(),
            Ok(FoundSchema::Unknown) => {
                self.kept.is_unknown(id, Instant::now());
                self.went_well();
                return Err(NoSchema::Unknown);
            }
            Err(error) => {
                self.went_wrong(id, Chain(&error).to_string());
                return Err(NoSchema::Away);
            }
        };
        let schema = Arc::new(schema);
        self.kept.add(id, &schema, Instant::now());
        self.went_well();
        Ok(schema)
    }

    /// Why it cannot be asked, if it cannot.
    pub(super) fn trouble(&self) -> Option<String> {
        self.fares().trouble.as_ref().map(|(_, why)| why.clone())
    }

    fn went_well(&self) {
        let mut fares = self.fares();
        fares.pace.went_well();
        if fares.trouble.take().is_some() {
            info!(registry = %self.name, "a schema registry can be asked again");
        }
        self.metrics.usable(self.name.as_str(), true);
    }

    fn went_wrong(&self, id: SchemaRef, why: String) {
        let mut fares = self.fares();
        fares.pace.failed(Instant::now());
        if fares.trouble.as_ref().is_none_or(|(_, before)| *before != why) {
            warn!(registry = %self.name, error = why, "a schema registry cannot be asked");
        }
        fares.trouble = Some((id, why));
        self.metrics.usable(self.name.as_str(), false);
    }

    fn fares(&self) -> MutexGuard<'_, RegistryFares> {
        // Whoever panicked here left nothing half done.
        self.fares.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks whether trouble is over, also where no record needs the registry just now, and forgets schemas that nobody uses,
    /// until the node ends.
    pub(super) async fn keep(self: Arc<Self>) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let asked_for = self.fares().trouble.as_ref().map(|(id, _)| *id);
            if let Some(id) = asked_for {
                // What comes of it is known to whoever asks next.
                drop(Arc::clone(&self).obtain(id).await);
            }
            let kept = self.kept.tidy(Instant::now());
            self.metrics.kept(self.name.as_str(), kept);
        }
    }
}
