//! The keys of each provider, read in the background: at the start, every so often, and when a token names a key that is
//! not known. Keys that were read once stay until better ones come.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use arc_swap::ArcSwap;
use klamm_raft::model::ProviderName;
use tokio::sync::oneshot;
use tracing::{info, warn};

use super::{FetchError, Fetcher, Location};
use crate::auth::oauth::{KeySet, Keyring, MalformedKeys, Provider};
use crate::chain::Chain;
use crate::metrics::KeyMetrics;
use crate::supervision::{Component, Supervisor};
use crate::tls::{Trust, TrustError};

/// Messages that wait for a reader.
const MAILBOX: usize = 64;

/// Between two fetches that tokens caused: whoever invents key ids must not make the gateway ask more often.
const MIN_INTERVAL: Duration = Duration::from_secs(5);

/// After a failed fetch the next comes sooner: after this time, and twice as long each time.
const FIRST_RETRY: Duration = Duration::from_secs(1);

/// Logins that wait for one fetch. One more is judged by the keys that are there.
const MAX_WAITING: usize = 1024;

/// A provider of tokens, as the operator configured it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderConfig {
    pub provider: Provider,
    /// Where its keys are.
    pub keys: Location,
    /// How often they are read.
    pub refresh: Duration,
    /// Whose certificates its server may have.
    pub trust: Trust,
}

/// Why keys could not be read.
#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error("the keys cannot be fetched")]
    Fetch(#[from] FetchError),
    #[error("the document that was fetched is not a set of keys")]
    Malformed(#[from] MalformedKeys),
}

/// The providers as sessions see them: their keys, and a way to have them read again.
#[derive(Debug, Clone, Default)]
pub struct Keys {
    ring: Arc<ArcSwap<Keyring>>,
    readers: Arc<BTreeMap<ProviderName, Addr<Reader>>>,
}

impl Keys {
    /// The providers and their keys as they are now.
    pub fn ring(&self) -> Arc<Keyring> {
        self.ring.load_full()
    }

    /// Has the keys of a provider read again, unless that was tried a moment ago. Complete when [`Self::ring`] holds
    /// what came of it.
    pub fn look_again(&self, provider: &ProviderName) -> impl Future<Output = ()> + use<> {
        let asked = self.readers.get(provider).map(|reader| reader.send(LookAgain));
        async move {
            if let Some(asked) = asked {
                // A reader that is gone or busy leaves the keys as they are.
                let _ = asked.await;
            }
        }
    }
}

/// The readers of all providers.
#[derive(Debug)]
pub struct KeyReaders;

impl KeyReaders {
    /// Starts a reader for each provider, on the current arbiter.
    ///
    /// # Errors
    /// The authorities of a provider cannot be read.
    pub fn start(
        providers: &BTreeMap<ProviderName, ProviderConfig>,
        metrics: &KeyMetrics,
        supervisor: &Supervisor,
    ) -> Result<Keys, TrustError> {
        let ring = Arc::new(ArcSwap::from_pointee(Keyring {
            providers: providers
                .iter()
                .map(|(name, config)| (name.clone(), (Arc::new(config.provider.clone()), None)))
                .collect(),
        }));
        let mut readers = BTreeMap::new();
        for (name, config) in providers {
            let fetcher = match config.keys.needs_trust() {
                true => Fetcher::new(&config.trust)?,
                false => Fetcher::local(),
            };
            let reader = Reader {
                name: name.clone(),
                location: config.keys.clone(),
                refresh: config.refresh,
                fetcher,
                ring: Arc::clone(&ring),
                metrics: metrics.clone(),
                begun: None,
                is_reading: false,
                waiting: Vec::new(),
                failures: 0,
                timer: None,
            };
            let reader = supervisor.start(Component::KeyReader(name.clone()), reader);
            readers.insert(name.clone(), reader);
        }
        Ok(Keys {
            ring,
            readers: Arc::new(readers),
        })
    }
}

/// Asks for fresher keys.
#[derive(Debug, Message)]
#[rtype(result = "()")]
struct LookAgain;

/// Reads the keys of one provider.
#[derive(Debug)]
struct Reader {
    name: ProviderName,
    location: Location,
    refresh: Duration,
    fetcher: Fetcher,
    ring: Arc<ArcSwap<Keyring>>,
    metrics: KeyMetrics,
    begun: Option<Instant>,
    is_reading: bool,
    waiting: Vec<oneshot::Sender<()>>,
    failures: u32,
    timer: Option<SpawnHandle>,
}

impl Reader {
    fn read(&mut self, ctx: &mut Context<Self>) {
        self.is_reading = true;
        self.begun = Some(Instant::now());
        if let Some(timer) = self.timer.take() {
            ctx.cancel_future(timer);
        }
        let (fetcher, location) = (self.fetcher.clone(), self.location.clone());
        let fetch = tokio::task::spawn_blocking(move || -> Result<KeySet, ReadError> {
            Ok(KeySet::parse(&fetcher.get(&location)?)?)
        });
        ctx.spawn(fetch.into_actor(self).map(|outcome, reader, ctx| {
            let outcome = outcome.unwrap_or_else(|_| Err(FetchError::Aborted.into()));
            reader.was_read(outcome, ctx);
        }));
    }

    fn was_read(&mut self, outcome: Result<KeySet, ReadError>, ctx: &mut Context<Self>) {
        self.is_reading = false;
        match outcome {
            Ok(keys) => {
                if self.failures > 0 || self.begun.is_none() {
                    info!(provider = %self.name, keys = keys.count(), "the keys of a provider can be read again");
                }
                self.failures = 0;
                self.metrics.read(self.name.as_str(), keys.count());
                self.publish(keys);
            }
            Err(error) => {
                self.failures = self.failures.saturating_add(1);
                self.metrics.failed(self.name.as_str());
                warn!(
                    provider = %self.name, location = %self.location, error = %Chain(&error),
                    "the keys of a provider cannot be read; the last ones read stay in use",
                );
            }
        }
        for waiting in self.waiting.drain(..) {
            // Whoever waited may have left.
            let _ = waiting.send(());
        }
        self.timer = Some(ctx.run_later(self.pause(), |reader, ctx| {
            reader.timer = None;
            if !reader.is_reading {
                reader.read(ctx);
            }
        }));
    }

    fn publish(&self, keys: KeySet) {
        let keys = Arc::new(keys);
        self.ring.rcu(|ring| {
            let mut ring = Keyring::clone(ring);
            if let Some((_, known)) = ring.providers.get_mut(&self.name) {
                *known = Some(Arc::clone(&keys));
            }
            ring
        });
    }

    fn pause(&self) -> Duration {
        match self.failures {
            0 => self.refresh,
            failures => FIRST_RETRY
                .saturating_mul(2_u32.saturating_pow(failures - 1))
                .min(self.refresh),
        }
    }
}

impl Actor for Reader {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        self.read(ctx);
    }
}

impl Supervised for Reader {
    /// The keys are read at once, whoever had them read a moment ago.
    fn restarting(&mut self, _: &mut Self::Context) {
        self.begun = None;
        self.is_reading = false;
        self.waiting.clear();
        self.timer = None;
    }
}

impl Handler<LookAgain> for Reader {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: LookAgain, ctx: &mut Self::Context) -> Self::Result {
        let is_recent = self.begun.is_some_and(|begun| begun.elapsed() < MIN_INTERVAL);
        if (is_recent && !self.is_reading) || self.waiting.len() >= MAX_WAITING {
            return Box::pin(std::future::ready(()));
        }
        let (done, wait) = oneshot::channel();
        self.waiting.push(done);
        if !self.is_reading {
            self.read(ctx);
        }
        Box::pin(async move {
            // An error means that the reader is gone.
            let _ = wait.await;
        })
    }
}

#[cfg(test)]
mod tests;
