//! Leases that this node grants while it leads, and what it knows of the others' sight of changes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use openraft::RaftMetrics;
use openraft::async_runtime::watch::WatchReceiver;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::confirm::floor_as_leader;
use super::core::Raft;
use crate::boots::KnownBoots;
use crate::clock::BootTime;
use crate::lease::{LeaderAcks, LeaseTable, LeaseTerms, NotHolder, ProcessId};
use crate::members::ClusterMembers;
use crate::model::{NodeId, Revision, State};
use crate::network::{FloorAnswer, LeaseAnswer, SettledAnswer};
#[cfg(feature = "planted")]
use crate::planted::{PlantedMistake, is_planted};
use crate::types::TypeConfig;

/// A leader that cannot have itself confirmed within this time grants nothing: the lease would be half over.
const CONFIRM: Duration = Duration::from_millis(500);

/// In milliseconds since the Unix epoch.
pub(super) fn clock_of_the_day() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

/// The part of a node that grants leases.
#[derive(Debug)]
pub(crate) struct Granting {
    own: NodeId,
    states: watch::Receiver<Arc<State>>,
    boots: KnownBoots,
    terms: LeaseTerms,
    acks: Mutex<LeaderAcks>,
    /// Of the term that this node led last.
    leading: Mutex<Option<LeadTerm>>,
    /// Somebody asked, showed more, or took leave.
    news: watch::Sender<()>,
}

#[derive(Debug)]
struct LeadTerm {
    term: u64,
    table: LeaseTable,
}

impl Granting {
    pub(super) fn new(
        own: NodeId,
        (states, boots): (watch::Receiver<Arc<State>>, KnownBoots),
        terms: LeaseTerms,
    ) -> Self {
        Self {
            own,
            states,
            boots,
            terms,
            acks: Mutex::new(LeaderAcks::new(BootTime::now())),
            leading: Mutex::default(),
            news: watch::Sender::default(),
        }
    }

    /// A process of a node asks for a lease.
    pub(crate) async fn grant(
        &self,
        raft: &Raft,
        holder: (NodeId, ProcessId),
        shows: Revision,
    ) -> LeaseAnswer {
        // Who was removed by this leader, or one before it, may hold its last lease, and gets no other one.
        if !members(raft).contains(holder.0) {
            return LeaseAnswer::NotLeader;
        }
        let since = self.boots.since(holder.0, self.own);
        match self.with_table(raft, |table, now| table.asks(holder, shows, (now, since))) {
            None => return LeaseAnswer::NotLeader,
            Some(Err(NotHolder)) => return LeaseAnswer::AnotherProcess,
            Some(Ok(())) => self.tell(),
        }
        // It is one of those who confirm it, and others may have by the time that it says so to another leader.
        self.acknowledges(raft.metrics().borrow_watched().current_term);
        let confirmed = floor_as_leader(raft);
        #[cfg(feature = "planted")]
        let confirmed = async {
            match is_planted(PlantedMistake::NotConfirmed) {
                true => FloorAnswer::At(committed(&raft.metrics().borrow_watched())),
                false => confirmed.await,
            }
        };
        match timeout(CONFIRM, confirmed).await {
            Ok(FloorAnswer::At(floor)) => LeaseAnswer::Granted {
                floor,
                millis: u32::try_from(self.terms.span.as_millis()).unwrap_or(u32::MAX),
                clock_ms: clock_of_the_day(),
            },
            Ok(FloorAnswer::NotLeader) | Err(_) => LeaseAnswer::NotLeader,
        }
    }

    /// This node acknowledges the leader of a term. To be noted before the leader can know of it.
    pub(crate) fn acknowledges(&self, term: u64) {
        self.acks().note(term, BootTime::now());
    }

    /// The last moment at which it acknowledged a leader of a term before this one, or later.
    pub(crate) fn acknowledged_before(&self, term: u64) -> BootTime {
        self.acks().before(term)
    }

    /// No leader before this term, in which this node leads, was confirmed by a majority after this moment.
    pub(super) fn no_leader_after(&self, raft: &Raft, term: u64, moment: BootTime) {
        let is_of_term = || raft.metrics().borrow_watched().current_term == term;
        self.with_table(raft, |table, _| {
            if is_of_term() {
                table.nobody_asked_after(moment);
            }
        });
        self.tell();
    }

    fn acks(&self) -> MutexGuard<'_, LeaderAcks> {
        self.acks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A process of a node shows this much.
    pub(crate) fn shows(&self, raft: &Raft, holder: (NodeId, ProcessId), shows: Revision) {
        self.with_table(raft, |table, _| table.shows(holder, shows));
        self.tell();
    }

    /// A process of a node decides nothing any more.
    pub(crate) fn releases(&self, raft: &Raft, holder: (NodeId, ProcessId)) {
        self.with_table(raft, |table, _| table.releases(holder));
        self.tell();
    }

    /// Waits until nobody decides by what was before a change that is committed, or until `limit` is over.
    pub(crate) async fn settled(&self, raft: &Raft, revision: Revision, limit: Duration) -> SettledAnswer {
        let deadline = Instant::now() + limit;
        let mut news = self.news.subscribe();
        loop {
            let unsettled = self.with_table(raft, |table, now| {
                let settlement = table.unsettled(revision, now)?;
                Some((settlement.waiting_for, settlement.next.since(now)))
            });
            let (waiting_for, until_next) = match unsettled {
                None => return SettledAnswer::NotLeader,
                Some(None) => return SettledAnswer::Everywhere,
                Some(Some(waiting)) => waiting,
            };
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return SettledAnswer::Waiting(waiting_for);
            }
            tokio::select! {
                // The sender is this struct's own.
                _ = news.changed() => {}
                () = sleep(until_next.min(left)) => {}
            }
        }
    }

    fn tell(&self) {
        self.news.send_replace(());
    }

    /// Does something with the table, as it is now; nothing, if this node does not lead.
    fn with_table<T>(&self, raft: &Raft, act: impl FnOnce(&mut LeaseTable, BootTime) -> T) -> Option<T> {
        let (leader, term, committed) = {
            let metrics = raft.metrics();
            let metrics = metrics.borrow_watched();
            (metrics.current_leader, metrics.current_term, committed(&metrics))
        };
        if leader != Some(self.own.0) {
            return None;
        }
        let mut leading = self.leading.lock().unwrap_or_else(PoisonError::into_inner);
        let now = BootTime::now();
        if leading.as_ref().is_none_or(|leading| leading.term != term) {
            // Who was removed a moment ago, by a leader before, is still on record.
            let members = members(raft).all();
            let recorded: Vec<NodeId> = self.states.borrow().nodes.keys().copied().collect();
            let members = members.into_iter().chain(recorded);
            #[cfg(feature = "planted")]
            let members = members.filter(|_| !is_planted(PlantedMistake::NewLeaderKnowsNobody));
            let table = LeaseTable::new(self.terms, members, committed, now);
            *leading = Some(LeadTerm { term, table });
        }
        let LeadTerm { table, .. } = leading.as_mut()?;
        table.committed(committed, now);
        Some(act(table, now))
    }
}

/// The members by the log of this node, the newest entry included.
fn members(raft: &Raft) -> ClusterMembers {
    let metrics = raft.metrics();
    let metrics = metrics.borrow_watched();
    ClusterMembers::of(metrics.membership_config.membership())
}

/// The newest revision that is committed, as far as this node knows.
fn committed(metrics: &RaftMetrics<TypeConfig>) -> Revision {
    Revision(metrics.local_committed.map_or(0, |id| id.index))
}
