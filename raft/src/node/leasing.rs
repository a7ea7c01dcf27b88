//! The lease of this node: asked for again and again, counted once its floor is shown, given back at the end.

use std::sync::Arc;
use std::time::Duration;

use openraft::async_runtime::watch::WatchReceiver;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use super::core::Core;
use super::granting::clock_of_the_day;
use crate::clock::BootTime;
use crate::lease::HeldLeases;
use crate::model::{NodeId, Revision};
use crate::network::LeaseAnswer;
#[cfg(feature = "planted")]
use crate::planted::{PlantedMistake, is_planted};

/// How long the leader may take to answer.
const ANSWER: Duration = Duration::from_millis(700);
/// Clocks of the day that differ by more than this are worth a warning, in milliseconds.
const FAR_MS: u64 = 2_000;
/// After a refusal, or no answer.
const PAUSE: Duration = Duration::from_millis(100);

/// Keeps this node's lease for as long as it is polled, and while it needs one.
pub(super) async fn keep(core: Arc<Core>) {
    while !core.lease.is_given_back() {
        if core.needs_no_lease() {
            core.lease.set(BootTime::NEVER);
            core.lease.note_granted(BootTime::NEVER);
            until_needed(&core).await;
            core.lease.set(BootTime::START);
            core.lease.note_granted(BootTime::START);
        }
        keep_asking(&core).await;
    }
}

/// Returns when this node needs a lease. Nobody else can make a change before it knows that it is not alone any more: it is
/// the only one that votes.
async fn until_needed(core: &Core) {
    let (mut states, mut members) = (core.states.clone(), core.members.clone());
    while core.needs_no_lease() {
        let changed = tokio::select! {
            changed = states.changed() => changed.is_ok(),
            changed = members.changed() => changed.is_ok(),
        };
        if !changed {
            return std::future::pending().await;
        }
    }
}

/// Asks for one lease after the other, for as long as this node needs them.
async fn keep_asking(core: &Arc<Core>) {
    let mut keeping = LeaseKeeper {
        held: HeldLeases::default(),
        visible: core.visible.watch(),
        asked_another: false,
    };
    while !core.lease.is_given_back() && !core.needs_no_lease() {
        let (began, leader) = (Instant::now(), core.leader());
        let Some((asked, answer)) = keeping.until(core, ask(core, leader)).await else {
            return std::future::pending().await;
        };
        let next = keeping.answered(core, (asked, answer), began);
        let wait = async {
            tokio::select! {
                () = sleep_until(next) => {}
                () = other_leader(core, leader) => {}
            }
        };
        if keeping.until(core, wait).await.is_none() {
            return std::future::pending().await;
        }
    }
}

/// The leases of this node, and what they count by.
struct LeaseKeeper {
    held: HeldLeases,
    visible: watch::Receiver<Revision>,
    /// Whether another process of this node had the lease when the leader was asked last.
    asked_another: bool,
}

impl LeaseKeeper {
    /// Waits, and counts leases as their floors are shown meanwhile. None when the node stops.
    async fn until<T>(&mut self, core: &Core, wait: impl Future<Output = T>) -> Option<T> {
        tokio::pin!(wait);
        loop {
            tokio::select! {
                brought = &mut wait => return Some(brought),
                changed = self.visible.changed() => {
                    changed.ok()?;
                    core.lease.set(self.held.shows(core.visible.now()));
                }
            }
        }
    }

    /// Takes what a leader says to a question that was asked at `asked`. Gives when to ask again.
    fn answered(
        &mut self,
        core: &Core,
        (asked, answer): (BootTime, Option<LeaseAnswer>),
        began: Instant,
    ) -> Instant {
        match answer {
            Some(LeaseAnswer::Granted {
                floor,
                millis,
                clock_ms,
            }) => {
                compare_clocks(core, clock_ms, began.elapsed());
                let span = Duration::from_millis(millis.into());
                #[cfg(feature = "planted")]
                let (asked, floor) = planted(asked, floor);
                core.lease.note_granted(asked.after(span));
                let until = self.held.granted((asked, span), floor, core.visible.now());
                core.lease.set(until);
                self.asked_another = false;
                began + core.tuning.renewal
            }
            Some(LeaseAnswer::AnotherProcess) => {
                if !self.asked_another {
                    tracing::warn!(
                        "another process of this node may still serve clients: this one waits until that is over"
                    );
                }
                self.asked_another = true;
                Instant::now() + PAUSE
            }
            Some(LeaseAnswer::NotLeader) | None => Instant::now() + PAUSE,
        }
    }
}

/// Tells the leader at once what this node shows, whenever that is more.
pub(super) async fn report(core: Arc<Core>) {
    let mut visible = core.visible.watch();
    while visible.changed().await.is_ok() {
        loop {
            let shows = *visible.borrow_and_update();
            let Some(leader) = core.leader() else { break };
            if leader == core.id {
                if let Some(raft) = core.raft.get() {
                    core.granting.shows(raft, core.holder(), shows);
                }
                break;
            }
            if core
                .peers
                .shows(leader, core.process, shows, ANSWER)
                .await
                .is_ok()
            {
                break;
            }
            // The next question for a lease says it, too.
            sleep(PAUSE).await;
        }
    }
}

/// Gives the lease back. Nothing may be decided after this.
pub(super) async fn give_back(core: &Core) {
    core.lease.give_back();
    let Some(leader) = core.leader() else { return };
    if leader == core.id {
        if let Some(raft) = core.raft.get() {
            core.granting.releases(raft, core.holder());
        }
    } else if let Err(error) = core.peers.releases(leader, core.process, ANSWER).await {
        tracing::debug!(%error, "the lease was not given back: it ends by itself");
    }
}

/// Takes note of how far the leader's clock of the day is from this node's: tokens end by the clock of the node that is asked.
fn compare_clocks(core: &Core, leader_ms: u64, took: Duration) {
    let ahead_of = |own: u64| i64::try_from(i128::from(leader_ms) - i128::from(own)).unwrap_or(i64::MAX);
    // It was read somewhere in between.
    let read = u64::try_from((took / 2).as_millis()).unwrap_or_default();
    let ahead = ahead_of(clock_of_the_day().saturating_sub(read));
    let is_far = |ms: i64| ms.unsigned_abs() > FAR_MS + read;
    if is_far(ahead) && !is_far(core.lease.leader_ahead_ms()) {
        tracing::warn!(
            leader_ahead_ms = ahead,
            "the clocks of this node and of the leader differ: tokens end at different times on different nodes"
        );
    }
    core.lease.note_leader_ahead(ahead);
}

/// The leader's answer, if there was one, with the moment before it was asked.
async fn ask(core: &Core, leader: Option<NodeId>) -> (BootTime, Option<LeaseAnswer>) {
    let asked = BootTime::now();
    let shows = core.visible.now();
    let answer = match (leader, core.raft.get()) {
        (Some(leader), Some(raft)) if leader == core.id => {
            Some(core.granting.grant(raft, core.holder(), shows).await)
        }
        (Some(leader), Some(_)) => match core.peers.lease(leader, core.process, shows, ANSWER).await {
            Ok(answer) => Some(answer),
            Err(error) => {
                tracing::debug!(%leader, %error, "the leader grants no lease");
                None
            }
        },
        (None, _) | (_, None) => None,
    };
    (asked, answer)
}

/// From when a lease counts, and its floor.
#[cfg(feature = "planted")]
fn planted(asked: BootTime, floor: Revision) -> (BootTime, Revision) {
    let asked = match is_planted(PlantedMistake::FromReceipt) {
        true => BootTime::now(),
        false => asked,
    };
    let floor = match is_planted(PlantedMistake::CountsBeforeShown) {
        true => Revision(0),
        false => floor,
    };
    (asked, floor)
}

/// Returns when this node follows somebody else.
async fn other_leader(core: &Core, leader: Option<NodeId>) {
    let Some(raft) = core.raft.get() else {
        return std::future::pending().await;
    };
    let mut metrics = raft.metrics();
    loop {
        let now = metrics.borrow_watched().current_leader.map(NodeId);
        if now.is_some() && now != leader {
            return;
        }
        if metrics.changed().await.is_err() {
            return std::future::pending().await;
        }
    }
}
