//! One key: where it is, the data key that seals now, those that were opened, and how it fares.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use klamm_raft::model::KeyName;
use tokio::sync::Notify;
use tracing::{info, warn};

use super::aws::Aws;
use super::config::KeyConfig;
use super::derived::{RECORD_KEYS, derived};
use super::file::FileKey;
use super::opened::OpenedKeys;
use super::service::{KeyService, OpenedBytes, ServiceError};
use super::vault::Vault;
use crate::chain::Chain;
use crate::envelope::{BadKey, DataKey, DueWhen, NoKey, PinnedKey, RecordKeyNeed, SealingKey};
use crate::metrics::{KeyCall, KeyCallOutcome, RecordKeyMetrics};
use crate::pace::CallPace;

/// A data key that is so old is to be followed by another one …
const DUE_AFTER: Duration = Duration::from_secs(3600);

/// … and may be used no more. Between the two a key service may be away.
const SPENT_AFTER: Duration = Duration::from_secs(2 * 3600);

/// The version of the key for keys of records, where a service has wrapped it: there is but one.
const RECORD_KEY_VERSION: u32 = 1;

/// How often a key file is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How often it is looked whether opened data keys are too old, and whether trouble with a key service is over.
const TIDY_EVERY: Duration = Duration::from_secs(20);

/// The longest time for which a key service that does not answer is left alone.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// The most data keys that one call opens.
const MOST_IN_CALL: usize = 64;

/// One key of the configuration.
#[derive(Debug)]
pub(super) struct KeySource {
    name: KeyName,
    place: KeyPlace,
    /// Random bytes of this process, in the nonces of all that is sealed.
    prefix: [u8; 4],
    sealing: ArcSwapOption<CurrentKey>,
    opened: OpenedKeys,
    /// The key for keys of records, as a service has wrapped it.
    record_key: Option<Box<[u8]>>,
    pinned: ArcSwapOption<KeptPinnedKey>,
    /// There is to be another data key.
    renewal: Notify,
    /// One call at a time.
    turn: Arc<tokio::sync::Mutex<()>>,
    fares: Mutex<KeyFares>,
    metrics: RecordKeyMetrics,
}

/// Where a key is.
#[derive(Debug)]
enum KeyPlace {
    File(FileKey),
    Service(Box<Result<KeyService, ServiceError>>),
}

/// The data key that seals now.
#[derive(Debug)]
struct CurrentKey {
    key: Arc<SealingKey>,
    since: Instant,
}

/// The key for keys of records, as a service has opened it.
#[derive(Debug)]
struct KeptPinnedKey {
    key: Arc<PinnedKey>,
    since: Instant,
}

/// How a key fares.
#[derive(Debug)]
struct KeyFares {
    pace: CallPace,
    /// Why it cannot be used, if it cannot.
    trouble: Option<String>,
}

impl Default for KeyFares {
    fn default() -> Self {
        Self {
            pace: CallPace::of(LONGEST_PAUSE),
            trouble: None,
        }
    }
}

/// A data key that was not wrapped by the key that a record names, or by a version that is not there.
pub(super) type RefusedDataKey = (KeyName, Box<[u8]>);

impl KeySource {
    pub(super) fn new(
        name: &KeyName,
        config: &KeyConfig,
        prefix: [u8; 4],
        metrics: &RecordKeyMetrics,
    ) -> Self {
        let place = match config {
            KeyConfig::File { path } => KeyPlace::File(FileKey::new(name, path)),
            KeyConfig::Vault(config) => {
                let vault = Vault::new(config).map(KeyService::Vault);
                KeyPlace::Service(Box::new(vault.map_err(ServiceError::from)))
            }
            KeyConfig::Aws(config) => {
                let aws = Aws::new(config).map(KeyService::Aws);
                KeyPlace::Service(Box::new(aws.map_err(ServiceError::from)))
            }
        };
        let source = Self {
            name: name.clone(),
            place,
            prefix,
            sealing: ArcSwapOption::empty(),
            opened: OpenedKeys::default(),
            record_key: config.record_key().map(Box::from),
            pinned: ArcSwapOption::empty(),
            renewal: Notify::new(),
            turn: Arc::default(),
            fares: Mutex::default(),
            metrics: metrics.clone(),
        };
        source.metrics.usable(name.as_str(), true);
        source.look();
        source
    }

    /// The data key that seals now. A key file makes another one at once.
    pub(super) fn sealing(&self) -> Result<Arc<SealingKey>, NoKey> {
        if let Some(current) = &*self.sealing.load() {
            let age = current.since.elapsed();
            let due = current.key.due();
            if due != DueWhen::Spent && age < SPENT_AFTER {
                let is_due = due == DueWhen::Now || age >= DUE_AFTER;
                if !is_due {
                    return Ok(Arc::clone(&current.key));
                }
                if let KeyPlace::Service(_) = &self.place {
                    self.renewal.notify_one();
                    return Ok(Arc::clone(&current.key));
                }
            }
        }
        match &self.place {
            KeyPlace::File(file) => {
                let (key, wrapped) = file.data_key()?;
                Ok(self.seal_with(key, wrapped))
            }
            KeyPlace::Service(_) => Err(NoKey::NotYet),
        }
    }

    /// The data key that was wrapped like this.
    pub(super) fn opening(&self, wrapped: &[u8]) -> Result<Arc<DataKey>, NoKey> {
        match &self.place {
            KeyPlace::File(file) => file.open(wrapped).map(Arc::new),
            KeyPlace::Service(_) => self.opened.get(wrapped, Instant::now()).ok_or(NoKey::NotYet),
        }
    }

    /// The key for keys of records.
    pub(super) fn pinned(&self, version: Option<u32>) -> Result<Arc<PinnedKey>, NoKey> {
        match &self.place {
            KeyPlace::File(file) => file.pinned(version),
            KeyPlace::Service(_) if self.record_key.is_none() => Err(NoKey::Unpinned),
            KeyPlace::Service(_) if version.is_some_and(|version| version != RECORD_KEY_VERSION) => {
                Err(NoKey::Refused)
            }
            KeyPlace::Service(_) => {
                let kept = self.pinned.load();
                let kept = kept.as_ref().filter(|kept| kept.since.elapsed() < SPENT_AFTER);
                let kept = kept.ok_or(NoKey::NotYet)?;
                if kept.since.elapsed() >= DUE_AFTER {
                    self.renewal.notify_one();
                }
                Ok(Arc::clone(&kept.key))
            }
        }
    }

    /// Why it cannot be used, if it cannot.
    pub(super) fn trouble(&self) -> Option<String> {
        self.fares().trouble.clone()
    }

    fn seal_with(&self, key: DataKey, wrapped: Box<[u8]>) -> Arc<SealingKey> {
        let key = Arc::new(SealingKey::new(key, wrapped, self.prefix));
        self.sealing.store(Some(Arc::new(CurrentKey {
            key: Arc::clone(&key),
            since: Instant::now(),
        })));
        key
    }

    /// Has a key service make and open what is needed, in its turn. What it refuses for good comes back.
    pub(super) async fn obtain(self: Arc<Self>, needs: Vec<RecordKeyNeed>) -> Vec<RefusedDataKey> {
        let turn = Arc::clone(&self.turn).lock_owned().await;
        // Whoever waited before may have obtained the same.
        let needs: Vec<RecordKeyNeed> = needs.into_iter().filter(|need| self.lacks(need)).collect();
        if needs.is_empty() || !self.fares().pace.may_call(Instant::now()) {
            return Vec::new();
        }
        let asked = tokio::task::spawn_blocking(move || {
            let refused = self.ask(&needs, false);
            // Also when nobody waits for it any more.
            drop(turn);
            refused
        });
        asked.await.unwrap_or_default()
    }

    fn lacks(&self, need: &RecordKeyNeed) -> bool {
        match need {
            // Whoever seals may need the key for keys of records, too.
            RecordKeyNeed::Sealing(_) => {
                matches!(self.sealing(), Err(NoKey::NotYet))
                    || matches!(self.pinned(None), Err(NoKey::NotYet))
            }
            RecordKeyNeed::Opening { wrapped, .. } => self.opened.get(wrapped, Instant::now()).is_none(),
        }
    }

    /// Asks a key service for what is needed, for another data key also where there is one, and for the key for keys of records
    /// before all else, if it is due. Blocks.
    fn ask(&self, needs: &[RecordKeyNeed], is_another: bool) -> Vec<RefusedDataKey> {
        let KeyPlace::Service(service) = &self.place else {
            return Vec::new();
        };
        let service = match &**service {
            Ok(service) => service,
            Err(error) => {
                self.went_wrong(Chain(error).to_string());
                return Vec::new();
            }
        };
        if !self.pin(service) {
            return Vec::new();
        }
        if needs.iter().any(|need| matches!(need, RecordKeyNeed::Sealing(_)))
            && (is_another || matches!(self.sealing(), Err(NoKey::NotYet)))
            && let Some((key, wrapped)) = self.timed(KeyCall::Wrap, || service.data_key())
        {
            match DataKey::new(&key) {
                Ok(key) => {
                    self.seal_with(key, wrapped);
                }
                Err(bad) => self.went_wrong(bad.to_string()),
            }
        }
        let wrapped = needs.iter().filter_map(|need| match need {
            RecordKeyNeed::Opening { wrapped, .. } => Some(&**wrapped),
            RecordKeyNeed::Sealing(_) => None,
        });
        let wrapped: Vec<&[u8]> = wrapped.collect();
        let mut refused = Vec::new();
        for some in wrapped.chunks(MOST_IN_CALL) {
            let mut opened = OpenedBytes::new();
            let done = self.timed(KeyCall::Unwrap, || service.open(some, &mut opened));
            let mut good = Vec::new();
            for (wrapped, bytes) in some.iter().zip(opened) {
                match bytes.map(|bytes| DataKey::new(&bytes)) {
                    Some(Ok(key)) => good.push((Box::from(*wrapped), Arc::new(key))),
                    Some(Err(BadKey)) | None => refused.push((self.name.clone(), Box::from(*wrapped))),
                }
            }
            self.opened.add(good, Instant::now());
            if done.is_none() {
                break;
            }
        }
        refused
    }

    /// Has the key for keys of records opened, if it is due; whether that went well.
    fn pin(&self, service: &KeyService) -> bool {
        let Some(wrapped) = self.record_key.as_deref().filter(|_| self.pinned_is_due()) else {
            return true;
        };
        let opened = self.timed(KeyCall::Unwrap, || {
            let mut opened = OpenedBytes::new();
            service.open(&[wrapped], &mut opened)?;
            let bytes = opened.pop().flatten().ok_or(ServiceError::RecordKey)?;
            let derived = derived(&bytes, RECORD_KEYS, &self.name).ok_or(ServiceError::RecordKey)?;
            PinnedKey::new(&derived, RECORD_KEY_VERSION).map_err(|BadKey| ServiceError::RecordKey)
        });
        let Some(key) = opened else { return false };
        self.pinned.store(Some(Arc::new(KeptPinnedKey {
            key: Arc::new(key),
            since: Instant::now(),
        })));
        true
    }

    fn timed<T>(&self, call: KeyCall, make: impl FnOnce() -> Result<T, ServiceError>) -> Option<T> {
        let begun = Instant::now();
        let made = make();
        let outcome = match &made {
            Ok(_) => KeyCallOutcome::Ok,
            Err(_) => KeyCallOutcome::Failed,
        };
        self.metrics
            .called(self.name.as_str(), (call, outcome), begun.elapsed());
        match made {
            Ok(made) => {
                self.went_well();
                Some(made)
            }
            Err(error) => {
                self.went_wrong(Chain(&error).to_string());
                None
            }
        }
    }

    /// Looks at a key file. Blocks.
    fn look(&self) {
        let KeyPlace::File(file) = &self.place else { return };
        match file.look() {
            Ok(is_new) => {
                if is_new {
                    // The next data key is wrapped by the newest version.
                    self.sealing.store(None);
                    info!(key = %self.name, "a key for records was read");
                }
                self.went_well();
            }
            Err(error) => {
                if !file.is_there() {
                    self.sealing.store(None);
                }
                self.went_wrong(Chain(&error).to_string());
            }
        }
    }

    fn went_well(&self) {
        let mut fares = self.fares();
        fares.pace.went_well();
        if fares.trouble.take().is_some() {
            info!(key = %self.name, "a key for records can be used again");
        }
        self.metrics.usable(self.name.as_str(), true);
    }

    fn went_wrong(&self, why: String) {
        let mut fares = self.fares();
        fares.pace.failed(Instant::now());
        if fares.trouble.as_ref() != Some(&why) {
            warn!(key = %self.name, error = why, "a key for records cannot be used");
            fares.trouble = Some(why);
        }
        self.metrics.usable(self.name.as_str(), false);
    }

    fn fares(&self) -> MutexGuard<'_, KeyFares> {
        // Whoever panicked here left nothing half done.
        self.fares.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Follows a key file, or makes data keys before the old ones are used up, until the node ends.
    pub(super) async fn keep(self: Arc<Self>) {
        loop {
            let every = match &self.place {
                KeyPlace::File(_) => LOOK_EVERY,
                KeyPlace::Service(_) => TIDY_EVERY,
            };
            let is_due = tokio::time::timeout(every, self.renewal.notified()).await.is_ok();
            let this = Arc::clone(&self);
            let turn = Arc::clone(&self.turn).lock_owned().await;
            let looking = tokio::task::spawn_blocking(move || {
                this.look();
                // In trouble it is asked even if nobody needs it, so that everybody knows when that is over.
                let is_another = this.is_due() || this.trouble().is_some();
                let is_wanted = is_due && (is_another || this.pinned_is_due()) || this.trouble().is_some();
                if is_wanted && this.fares().pace.may_call(Instant::now()) {
                    this.ask(&[RecordKeyNeed::Sealing(this.name.clone())], is_another);
                }
                let kept = this.opened.tidy(Instant::now());
                this.metrics.opened(this.name.as_str(), kept);
                drop(turn);
            });
            // A panic there is one of this task.
            if let Err(failed) = looking.await {
                std::panic::resume_unwind(failed.into_panic());
            }
        }
    }

    /// Whether another data key is to take the place of the one that seals.
    fn is_due(&self) -> bool {
        let current = self.sealing.load();
        current
            .as_ref()
            .is_none_or(|current| current.key.due() != DueWhen::Later || current.since.elapsed() >= DUE_AFTER)
    }

    /// Whether the key for keys of records is to be opened, for the first time or again.
    fn pinned_is_due(&self) -> bool {
        let is_due = |kept: &Arc<KeptPinnedKey>| kept.since.elapsed() >= DUE_AFTER;
        self.record_key.is_some() && self.pinned.load().as_ref().is_none_or(is_due)
    }
}
