//! Keeps the picture of one physical cluster up to date: looks every few seconds and on demand, and publishes what it
//! saw. It knows no virtual cluster.

mod picture;
mod scout;
mod sketch;
mod tracked;
mod waiting;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use klamm_raft::model::TopicName;
use tokio::time::timeout;
use tracing::{info, warn};

use crate::backend::dial::Dialer;
use crate::backend::topology::{PhysicalTopic, Topics, Topology};
use crate::backend::{Redial, Retire};
use crate::chain::Chain;
use crate::metrics::UpstreamFault;
pub use picture::{Picture, Publisher, Reach, picture};
pub use scout::LookError;
use scout::{Scout, Sighting};
pub use sketch::Implausible;
use sketch::TopicReport;
pub use tracked::Tracked;
use waiting::{Extent, Waiting};

/// Messages that wait for the watcher.
const MAILBOX: usize = 256;

/// Time from one look at all that is tracked to the next while the cluster is reachable, less up to a quarter by chance.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Time to the next look at the brokers alone, likewise.
const PULSE_EVERY: Duration = Duration::from_secs(2);

/// A cluster that has not answered for so long counts as unreachable. The look goes on: it may be slow.
const OVERDUE_AFTER: Duration = Duration::from_secs(3);

/// The first pause while the watcher has no picture: short at first, so that clusters may start together.
const FIRST_RETRY: Duration = Duration::from_millis(250);

/// However many ask for it, looks do not follow each other more closely.
const LOOK_GAP: Duration = Duration::from_millis(50);

/// A look that takes longer is given up, so that nobody waits for long.
const LOOK_TIMEOUT: Duration = Duration::from_secs(15);

/// Asks for a picture that is newer than this message; answered when it is published.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Result<(), Unavailable>")]
pub struct LookNow;

/// Says which topics the picture shows from now on: these and no others. Answered when a picture with them is published.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<(), Unavailable>")]
pub struct Track {
    pub topics: Tracked,
}

/// Asks for one topic, tracked or not, as it is now. `None`: it does not exist.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<Option<PhysicalTopic>, Unavailable>")]
pub struct DescribeTopic {
    pub name: TopicName,
}

/// Asks for all topics as they are now, tracked or not: all that the gateway's own account may describe.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Result<Topics, Unavailable>")]
pub struct ListTopics;

/// Why the watcher cannot tell now.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Unavailable {
    #[error("the physical cluster cannot be queried at the moment")]
    Look(#[source] Arc<LookError>),
    #[error("the gateway's own account on the physical cluster may not describe the topic")]
    Denied,
    #[error("the physical cluster answered error code {0} for the topic")]
    Unclear(i16),
    #[error("the physical cluster did not mention the topic in its answer")]
    Silent,
    #[error("too many requests are waiting for the physical cluster")]
    Overloaded,
    #[error("the watcher of the physical cluster has stopped")]
    Stopped,
}

/// The actor. One for each physical cluster and node.
#[derive(Debug)]
pub struct Watcher {
    dialer: Arc<Dialer>,
    publisher: Publisher,
    /// `None` while it is out looking.
    scout: Option<Scout>,
    tracked: Tracked,
    /// Those that were tracked when the cluster was last asked.
    covered: Tracked,
    /// Tracked topics that the gateway's account may not describe, as far as that was logged.
    denied: BTreeSet<TopicName>,
    waiting: Waiting,
    next_look: SpawnHandle,
    last_look: Option<Instant>,
    /// When all tracked topics were asked for.
    last_whole: Option<Instant>,
    failures: u32,
}

/// One look.
#[derive(Debug)]
struct Look {
    asked: Tracked,
    /// The picture that the rest is taken from; none when all that is tracked is asked for.
    kept: Option<Arc<Topology>>,
    /// The topics that were tracked then.
    covers: Tracked,
    waiting: Waiting,
}

impl Watcher {
    /// A watcher that looks through `dialer` and publishes through `publisher`.
    pub fn new(dialer: Arc<Dialer>, publisher: Publisher) -> Self {
        Self {
            scout: Some(Scout::new(Arc::clone(&dialer))),
            dialer,
            publisher,
            tracked: Tracked::Those(Arc::default()),
            covered: Tracked::Those(Arc::default()),
            denied: BTreeSet::new(),
            waiting: Waiting::default(),
            next_look: SpawnHandle::default(),
            last_look: None,
            last_whole: None,
            failures: 0,
        }
    }

    /// The next look comes after `pause`, instead of when it was to come.
    fn look_after(&mut self, pause: Duration, ctx: &mut Context<Self>) {
        ctx.cancel_future(self.next_look);
        self.next_look = ctx.run_later(pause, Self::look);
    }

    /// Somebody waits: look as soon as the last look allows, unless one is running (then its end sees to it).
    fn hasten(&mut self, ctx: &mut Context<Self>) {
        if self.scout.is_some() {
            let since = self.last_look.map_or(Duration::MAX, |at| at.elapsed());
            self.look_after(self.gap().saturating_sub(since), ctx);
        }
    }

    fn look(&mut self, ctx: &mut Context<Self>) {
        let Some(mut scout) = self.scout.take() else {
            return;
        };
        let look = self.next();
        self.last_look = Some(Instant::now());
        let looking = async move {
            let outcome = timeout(LOOK_TIMEOUT, scout.look(&look.asked)).await;
            (scout, look, outcome.unwrap_or(Err(LookError::Timeout)))
        };
        let overdue = ctx.run_later(OVERDUE_AFTER, |watcher, _| watcher.lost(&LookError::Timeout));
        ctx.spawn(
            looking
                .into_actor(self)
                .map(move |(scout, look, outcome), watcher, ctx| {
                    ctx.cancel_future(overdue);
                    let is_current = scout.is_of(&watcher.dialer);
                    watcher.scout = Some(match is_current {
                        true => scout,
                        false => Scout::new(Arc::clone(&watcher.dialer)),
                    });
                    match outcome.and_then(|sighting| watcher.recognised(sighting)) {
                        Ok(sighting) => watcher.saw(&sighting, look),
                        Err(error) => watcher.saw_nothing(error, look.waiting),
                    }
                    let pause = match is_current {
                        true => watcher.pause(),
                        false => Duration::ZERO,
                    };
                    watcher.look_after(pause, ctx);
                }),
        );
    }

    /// All that is tracked is asked for every few seconds and on demand; in between, what is new.
    fn next(&mut self) -> Look {
        let waiting = std::mem::take(&mut self.waiting);
        let known = self.publisher.last();
        let news = self.tracked.beside(&self.covered, waiting.topics());
        let is_whole = known.is_none()
            || news.is_all()
            || waiting.is_for_all()
            || waiting.is_for_a_list()
            || self.until_whole().is_zero();
        let everything = || match waiting.is_for_a_list() {
            true => Tracked::All,
            false => self
                .tracked
                .beside(&Tracked::Those(Arc::default()), waiting.topics()),
        };
        if is_whole {
            self.last_whole = Some(Instant::now());
        }
        Look {
            asked: if is_whole { everything() } else { news },
            kept: known.filter(|_| !is_whole),
            covers: self.tracked.clone(),
            waiting,
        }
    }

    /// Refuses what another Kafka cluster than the expected one shows: it is no picture of this one.
    fn recognised(&self, sighting: Sighting) -> Result<Sighting, LookError> {
        let expected = self.dialer.expected();
        let recognised = expected.saw(&sighting.sketch.kafka_cluster_id);
        self.dialer
            .metrics()
            .other_cluster
            .set(i64::from(recognised.is_err()));
        if recognised.is_err() {
            // A picture of it may have been taken before it was known which one it has to be.
            self.publisher
                .retract(|known| expected.check(&known.kafka_cluster_id).is_err());
        }
        recognised?;
        Ok(sighting)
    }

    fn saw(&mut self, sighting: &Sighting, look: Look) {
        self.failures = 0;
        let mut fresh = sighting.topology(self.publisher.last().as_deref());
        Arc::make_mut(&mut fresh.topics).retain(|name, _| self.tracked.holds(name));
        let is_same = |kept: &Arc<Topology>| kept.kafka_cluster_id == fresh.kafka_cluster_id;
        if let Some(kept) = look.kept.filter(is_same) {
            fresh.topics = self.with_kept(&kept, sighting, &fresh.topics);
        }
        // What was given up meanwhile is not in the picture.
        self.covered = look.covers.both(&self.tracked);
        if self.publisher.reached(Reach::Reachable) {
            self.dialer.metrics().reachable.set(1);
            info!(
                cluster = %self.dialer.cluster(), kafka_cluster_id = fresh.kafka_cluster_id,
                brokers = fresh.brokers.len(), "the physical cluster is reachable"
            );
        }
        self.note_denied(sighting);
        self.publisher.publish(fresh);
        look.waiting.answer(&sighting.sketch);
    }

    /// The topics that were not asked for, as they were, and those that were. Nothing is copied when nothing is new.
    fn with_kept(&self, kept: &Topology, sighting: &Sighting, seen: &Topics) -> Arc<Topics> {
        let mut topics = Arc::clone(&kept.topics);
        let asked = &sighting.sketch.topics;
        match self.covered.beside(&self.tracked, asked.keys()) {
            Tracked::Those(others) => {
                let is_new = |name: &&TopicName| kept.topics.get(*name) != seen.get(*name);
                for name in others.iter().filter(is_new) {
                    let topics = Arc::make_mut(&mut topics);
                    match seen.get(name) {
                        Some(topic) => topics.insert(name.clone(), *topic),
                        None => topics.remove(name),
                    };
                }
            }
            Tracked::All => {
                let topics = Arc::make_mut(&mut topics);
                topics.retain(|name, _| self.tracked.holds(name) && !asked.contains_key(name));
                topics.extend(seen.iter().map(|(name, topic)| (name.clone(), *topic)));
            }
        }
        topics
    }

    fn saw_nothing(&mut self, error: LookError, waiting: Waiting) {
        self.failures = self.failures.saturating_add(1);
        let kind = error.kind();
        // What happened while dialling is counted where it happened.
        if !matches!(error, LookError::Dial(_)) {
            self.dialer.metrics().error(kind);
        }
        self.lost(&error);
        waiting.disappoint(&Unavailable::Look(Arc::new(error)));
    }

    /// The cluster is unreachable, as far as this node can see.
    fn lost(&self, error: &LookError) {
        let kind = error.kind();
        let is_news = self.publisher.reached(Reach::Unreachable(kind));
        if is_news || kind == UpstreamFault::Unusable {
            self.publisher.failed(Chain(error).to_string());
        }
        if is_news {
            self.dialer.metrics().reachable.set(0);
            warn!(cluster = %self.dialer.cluster(), kind = kind.name(), error = %Chain(error), "the physical cluster is unreachable");
        }
    }

    /// Says once of each tracked topic that the cluster keeps it from the gateway itself.
    fn note_denied(&mut self, sighting: &Sighting) {
        let reports = sighting.sketch.topics.iter();
        let denied: BTreeSet<TopicName> = reports
            .filter(|(name, report)| **report == TopicReport::Denied && self.tracked.holds(name))
            .map(|(name, _)| name.clone())
            .collect();
        for name in denied.difference(&self.denied) {
            self.dialer.metrics().error(UpstreamFault::TopicDenied);
            warn!(
                cluster = %self.dialer.cluster(), topic = %name,
                "the gateway's own account on the physical cluster may not describe a topic"
            );
        }
        let asked = &sighting.sketch.topics;
        self.denied
            .retain(|name| self.tracked.holds(name) && !asked.contains_key(name));
        self.denied.extend(denied);
    }

    /// The least time from the start of a look to the next one.
    fn gap(&self) -> Duration {
        if self.failures == 0 { LOOK_GAP } else { FIRST_RETRY }
    }

    fn pause(&self) -> Duration {
        if !self.waiting.is_empty() {
            return self.gap();
        }
        let full = match self.failures.checked_sub(1) {
            None => self.until_whole().min(PULSE_EVERY),
            Some(doublings) => FIRST_RETRY.saturating_mul(1 << doublings.min(8)).min(LOOK_EVERY),
        };
        full - full * u32::from(super::chance()) / (4 * 256)
    }

    /// Time until all that is tracked is to be looked at again.
    fn until_whole(&self) -> Duration {
        let since = self.last_whole.map_or(LOOK_EVERY, |at| at.elapsed());
        LOOK_EVERY.saturating_sub(since)
    }
}

impl Actor for Watcher {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        self.look_after(Duration::ZERO, ctx);
    }
}

impl Supervised for Watcher {
    /// Begins again. The topics to track are told once, so they are kept.
    fn restarting(&mut self, _: &mut Self::Context) {
        let fresh = Self::new(Arc::clone(&self.dialer), self.publisher.clone());
        let tracked = self.tracked.clone();
        *self = Self { tracked, ..fresh };
    }
}

impl Handler<Redial> for Watcher {
    type Result = ();

    /// The last picture stays: it is the same cluster. A look that is under way ends as it began, and the next one follows.
    fn handle(&mut self, Redial { dialer }: Redial, ctx: &mut Self::Context) {
        self.failures = 0;
        if self.scout.is_some() {
            self.scout = Some(Scout::new(Arc::clone(&dialer)));
            self.look_after(Duration::ZERO, ctx);
        }
        self.dialer = dialer;
    }
}

impl Handler<Retire> for Watcher {
    type Result = ();

    fn handle(&mut self, _: Retire, ctx: &mut Self::Context) {
        ctx.stop();
    }
}

impl Handler<LookNow> for Watcher {
    type Result = ResponseFuture<Result<(), Unavailable>>;

    fn handle(&mut self, _: LookNow, ctx: &mut Self::Context) -> Self::Result {
        let answer = self.waiting.for_picture(Extent::All);
        self.hasten(ctx);
        Box::pin(answer)
    }
}

impl Handler<Track> for Watcher {
    type Result = ResponseFuture<Result<(), Unavailable>>;

    fn handle(&mut self, Track { topics }: Track, ctx: &mut Self::Context) -> Self::Result {
        self.tracked = topics;
        let answer = self.waiting.for_picture(Extent::News);
        self.hasten(ctx);
        Box::pin(answer)
    }
}

impl Handler<DescribeTopic> for Watcher {
    type Result = ResponseFuture<Result<Option<PhysicalTopic>, Unavailable>>;

    fn handle(&mut self, DescribeTopic { name }: DescribeTopic, ctx: &mut Self::Context) -> Self::Result {
        let answer = self.waiting.for_topic(name);
        self.hasten(ctx);
        Box::pin(answer)
    }
}

impl Handler<ListTopics> for Watcher {
    type Result = ResponseFuture<Result<Topics, Unavailable>>;

    fn handle(&mut self, _: ListTopics, ctx: &mut Self::Context) -> Self::Result {
        let answer = self.waiting.for_list();
        self.hasten(ctx);
        Box::pin(answer)
    }
}

#[cfg(test)]
mod tests;
