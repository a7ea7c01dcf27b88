//! Usage of this node: what sessions left is counted for metrics and in the ledger, which is written time and again.

mod asking;
mod labels;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use klamm_raft::model::State;
use tokio::sync::Semaphore;
use tracing::warn;

use crate::chain::Chain;
use crate::config::NodeConfig;
use crate::control::Control;
use crate::metrics::UsageMetrics;
use crate::supervision::{Component, Supervisor};
use crate::unix_time;
use crate::usage::{Figures, Hour, Inbox, Ledger, LedgerBounds, OTHER, Tally, UsageDirectory};
use labels::Labels;

pub(super) use asking::reporter;

/// How often what sessions left is taken.
const TAKE_EVERY: Duration = Duration::from_secs(1);

/// How often names are looked for that are gone.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Questions that are answered at the same time: each reads many files.
const ANSWERS: usize = 2;

/// The usage of this node. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct Accounts {
    ledger: Arc<Ledger>,
    inbox: Arc<Inbox>,
    control: Control,
    metrics: UsageMetrics,
    labels: Arc<Mutex<Labels>>,
    answers: Arc<Semaphore>,
}

impl Accounts {
    /// Goes on with what is in the node's directory, keeps it from now on, and answers other nodes that ask.
    pub(super) fn keep(
        config: &NodeConfig,
        inbox: &Arc<Inbox>,
        control: &Control,
        (metrics, supervisor): (&UsageMetrics, &Supervisor),
    ) -> Self {
        let usage = config.usage;
        let bounds = LedgerBounds {
            names: usage.names,
            hours: usage.keep_hours,
        };
        let ledger = Ledger::open(UsageDirectory::of(&config.data_dir), bounds, now());
        let labels = Labels::new(usage.metrics_accounts, usage.metrics_topics);
        let accounts = Self {
            ledger: Arc::new(ledger),
            inbox: Arc::clone(inbox),
            control: control.clone(),
            metrics: metrics.clone(),
            labels: Arc::new(Mutex::new(labels)),
            answers: Arc::new(Semaphore::new(ANSWERS)),
        };
        asking::answer(&accounts, control);
        let kept = accounts.clone();
        supervisor.keep(Component::Accountant, move || {
            follow(kept.clone(), usage.write_every)
        });
        accounts
    }

    /// Takes what sessions left, and writes all that is not written.
    pub(super) fn write(&self) {
        self.take();
        if let Err(error) = self.ledger.write() {
            self.metrics.write_failures.inc();
            warn!(error = %Chain(&error), "usage cannot be written; it is kept in memory, and will be tried again");
            return;
        }
        if let Err(error) = self.ledger.prune(now()) {
            warn!(error = %Chain(&error), "old usage cannot be deleted");
        }
    }

    fn take(&self) {
        let used = self.inbox.take();
        self.ledger.add(now(), &used);
        if !used.is_empty() {
            self.show(&self.control.state(), &used);
        }
    }

    /// Counts for metrics.
    fn show(&self, state: &State, used: &Tally) {
        let mut labels = self.labels.lock().unwrap_or_else(PoisonError::into_inner);
        for (vcluster, account, used) in used.accounts() {
            let mut sum = used.own;
            sum.add(&used.of_topics());
            let label = labels.account(state, (vcluster, account));
            self.metrics.of_account((vcluster, label), &sum);
            let mut show = |topic: &str, figures: &Figures| {
                let label = labels.topic((vcluster, topic));
                self.metrics.of_topic((vcluster, label), figures);
            };
            used.topics
                .iter()
                .for_each(|(topic, figures)| show(topic.as_str(), figures));
            show(OTHER, &used.other);
        }
    }

    fn forget_the_gone(&self) {
        let mut labels = self.labels.lock().unwrap_or_else(PoisonError::into_inner);
        labels.forget_the_gone(&self.control.state(), &self.metrics);
    }
}

async fn follow(accounts: Accounts, write_every: Duration) {
    let (mut written, mut looked): (Option<Instant>, _) = (None, Instant::now());
    loop {
        tokio::time::sleep(TAKE_EVERY).await;
        accounts.take();
        if looked.elapsed() >= LOOK_EVERY {
            looked = Instant::now();
            accounts.forget_the_gone();
        }
        if written.is_none_or(|written| written.elapsed() >= write_every) {
            written = Some(Instant::now());
            let writing = accounts.clone();
            // What is not written is tried again.
            drop(actix_rt::task::spawn_blocking(move || writing.write()).await);
        }
    }
}

/// The hour that it is. Before 1970 it is the first.
fn now() -> Hour {
    Hour::of(unix_time::now_s().unwrap_or(0))
}
