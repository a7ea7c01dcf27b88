//! The protocol under everything that can happen to it: three nodes with clocks that run wrong, pauses, lost and late
//! messages, changes of the leader; at random, from seeds. Raft is an oracle here: it elects, commits and confirms leaders.
//!
//! A change that was acknowledged must be seen by every request that is read after that. Each mistake that one could make in the
//! protocol must be found within a few seeds: otherwise the model shows nothing.

mod chance;
mod mistake;

use std::collections::VecDeque;
use std::time::Duration;

use super::{HeldLeases, LeaderAcks, LeaseTable, LeaseTerms, ProcessId};
use crate::clock::BootTime;
use crate::model::{NodeId, Revision};
use chance::Chance;
use mistake::Mistake;

const NODES: usize = 3;
const SPAN: Duration = Duration::from_millis(2500);
/// One step, and one run, in milliseconds of true time.
const STEP: f64 = 5.0;
const RUN: f64 = 40_000.0;
/// From one question for a lease to the next.
const RENEWAL: f64 = 250.0;

/// A leadership as a node knows of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Leadership {
    term: u64,
    leader: usize,
}

struct Node {
    /// How fast its clock runs.
    rate: f64,
    follows: Leadership,
    hears: Option<(f64, Leadership)>,
    /// As a leader.
    table: Option<(u64, LeaseTable)>,
    /// As a leader: all up to here is committed, as far as it knows.
    knows: u64,
    acks: LeaderAcks,
    held: HeldLeases,
    until: BootTime,
    shows: u64,
    /// The revisions that it will show, and when.
    applies: VecDeque<(f64, u64)>,
    paused_until: f64,
    cut_until: f64,
    next_renewal: f64,
}

enum Message {
    Ask {
        leadership: Leadership,
        from: usize,
        asked: BootTime,
        shows: u64,
    },
    Grant {
        to: usize,
        asked: BootTime,
        floor: u64,
    },
}

/// A leader has a majority confirm it.
struct Confirming {
    /// When it learns of it.
    at: f64,
    /// The node that acknowledges it, with the leader a majority, and when; none once it has, or cannot.
    other: Option<usize>,
    acknowledged_at: f64,
    is_acknowledged: bool,
    leadership: Leadership,
    from: usize,
    asked: BootTime,
    floor: u64,
}

/// A change that is committed and not acknowledged yet.
struct Change {
    asks: Leadership,
    revision: u64,
}

/// A request that a node has read.
struct Request {
    node: usize,
    /// The newest revision that was acknowledged before it was read.
    must_see: u64,
    resumes: f64,
    clock: BootTime,
    first: Option<First>,
}

/// The first of the two things that a decision looks at.
enum First {
    Lease(bool),
    View(u64),
}

#[derive(Debug, Default)]
struct Seen {
    decisions: u64,
    held: u64,
    acknowledged: u64,
    elections: u64,
    violations: u64,
}

struct World {
    mistake: Mistake,
    chance: Chance,
    now: f64,
    leads: Leadership,
    committed: u64,
    acknowledged: u64,
    nodes: Vec<Node>,
    messages: Vec<(f64, Message)>,
    confirming: Vec<Confirming>,
    changes: Vec<Change>,
    requests: Vec<Request>,
    seen: Seen,
}

fn moment(milliseconds: f64) -> BootTime {
    BootTime::START.after(Duration::from_secs_f64(milliseconds.max(0.0) / 1000.0))
}

fn holder(node: usize) -> (NodeId, ProcessId) {
    (NodeId(node as u64), ProcessId(node as u64))
}

/// Takes those out of a list for which `is_due` holds.
fn due<T>(list: &mut Vec<T>, is_due: impl FnMut(&mut T) -> bool) -> Vec<T> {
    list.extract_if(.., is_due).collect()
}

impl World {
    fn new(seed: u64, mistake: Mistake) -> Self {
        let mut chance = Chance::new(seed);
        let leads = Leadership { term: 1, leader: 0 };
        let nodes = (0..NODES).map(|_| Node {
            rate: 1.0 + chance.between(-0.05, 0.05),
            follows: leads,
            hears: None,
            table: None,
            knows: 0,
            acks: LeaderAcks::new(BootTime::START),
            held: HeldLeases::default(),
            until: BootTime::START,
            shows: 0,
            applies: VecDeque::new(),
            paused_until: 0.0,
            cut_until: 0.0,
            next_renewal: 0.0,
        });
        let nodes = nodes.collect();
        let mut world = Self {
            mistake,
            chance,
            // Long after the machines have started.
            now: 1_000_000.0,
            leads,
            committed: 0,
            acknowledged: 0,
            nodes,
            messages: Vec::new(),
            confirming: Vec::new(),
            changes: Vec::new(),
            requests: Vec::new(),
            seen: Seen::default(),
        };
        world.begin_to_lead(0, 1);
        world
    }

    fn clock(&self, node: usize) -> BootTime {
        moment(self.now * self.nodes[node].rate)
    }

    fn runs(&self, node: usize) -> bool {
        self.now >= self.nodes[node].paused_until
    }

    fn in_contact(&self, node: usize) -> bool {
        self.now > self.nodes[node].cut_until
    }

    fn run(mut self) -> Seen {
        let end = self.now + RUN;
        while self.now < end {
            self.now += STEP;
            self.trouble();
            for node in 0..NODES {
                if self.runs(node) {
                    self.live(node);
                }
            }
            self.commit();
            self.deliver();
            self.acknowledge_leaders();
            self.confirm();
            self.acknowledge();
            self.decide();
        }
        self.seen
    }

    fn trouble(&mut self) {
        if self.chance.is(STEP / 20_000.0) {
            let node = self.chance.node();
            self.nodes[node].paused_until = self.now + self.chance.between(100.0, 9000.0);
        }
        if self.chance.is(STEP / 30_000.0) {
            let node = self.chance.node();
            self.nodes[node].cut_until = self.now + self.chance.between(500.0, 9000.0);
        }
        let leader = &self.nodes[self.leads.leader];
        let is_missed = leader.paused_until.max(leader.cut_until) > self.now + 50.0;
        let is_elected = self.chance.is(STEP / 5000.0) || is_missed && self.chance.is(STEP / 1500.0);
        if !is_elected {
            return;
        }
        let elected = self.chance.node();
        if !self.runs(elected) || !self.in_contact(elected) {
            return;
        }
        self.leads = Leadership {
            term: self.leads.term + 1,
            leader: elected,
        };
        self.seen.elections += 1;
        for node in 0..NODES {
            let cut = (self.nodes[node].cut_until - self.now).max(0.0);
            let later = match node == elected {
                true => 0.0,
                false => self.chance.between(1.0, 400.0) + cut,
            };
            self.nodes[node].hears = Some((self.now + later, self.leads));
        }
    }

    fn begin_to_lead(&mut self, node: usize, term: u64) {
        let span = match self.mistake {
            // What the bound adds is taken off beforehand.
            Mistake::NoMargin => (SPAN - super::RESERVE) * 100 / (100 + super::DRIFT_PERCENT),
            _ => SPAN,
        };
        let members = match self.mistake {
            Mistake::NewLeaderKnowsNobody => 0..0,
            _ => 0..NODES,
        };
        let members = members.map(|member| holder(member).0);
        let (terms, now) = (LeaseTerms { span }, self.clock(node));
        let mut table = LeaseTable::new(terms, members, Revision(self.committed), now);
        if let Some(last) = self.last_acknowledged(node, term) {
            table.nobody_asked_after(last);
        }
        self.nodes[node].table = Some((term, table));
        self.nodes[node].knows = self.committed;
    }

    /// The last moment at which a majority acknowledged a leader before this term, as its leader finds it out.
    fn last_acknowledged(&mut self, leader: usize, term: u64) -> Option<BootTime> {
        let own = self.nodes[leader].acks.before(term);
        if self.mistake == Mistake::OwnWordOnly {
            return Some(own);
        }
        let other = self.another(leader)?;
        let elapsed = self.clock(other).since(self.nodes[other].acks.before(term));
        Some(own.max(self.clock(leader).before(elapsed)))
    }

    /// Another node that runs and is in contact, if there is one.
    fn another(&mut self, node: usize) -> Option<usize> {
        let others =
            (0..NODES).filter(|other| *other != node && self.runs(*other) && self.in_contact(*other));
        let others: Vec<usize> = others.collect();
        let chosen = self.chance.node() % others.len().max(1);
        others.get(chosen).copied()
    }

    /// One node goes on.
    fn live(&mut self, id: usize) {
        if let Some((at, heard)) = self.nodes[id].hears
            && self.now >= at
            && heard.term > self.nodes[id].follows.term
        {
            self.nodes[id].follows = heard;
            self.nodes[id].next_renewal = 0.0;
            if heard.leader == id {
                self.begin_to_lead(id, heard.term);
            }
        }
        let (now, in_contact) = (self.now, self.in_contact(id));
        let clock = self.clock(id);
        let node = &mut self.nodes[id];
        while let Some((at, revision)) = node.applies.front().copied()
            && now >= at
            && in_contact
        {
            node.shows = node.shows.max(revision);
            node.applies.pop_front();
        }
        node.until = node.held.shows(Revision(node.shows));
        if now * node.rate < node.next_renewal {
            return;
        }
        node.next_renewal = now * node.rate + RENEWAL;
        let (to, shows) = (node.follows.leader, node.shows);
        let ask = Message::Ask {
            leadership: node.follows,
            from: id,
            asked: clock,
            shows,
        };
        self.send((id, to), ask);
    }

    fn send(&mut self, (from, to): (usize, usize), message: Message) {
        if from == to {
            self.messages.push((self.now, message));
        } else if self.in_contact(from)
            && self.in_contact(to)
            && let Some(latency) = self.chance.latency()
        {
            self.messages.push((self.now + latency, message));
        }
    }

    fn commit(&mut self) {
        let Leadership { term, leader } = self.leads;
        let leads = self.nodes[leader]
            .table
            .as_ref()
            .is_some_and(|(of, _)| *of == term);
        if !leads || !self.runs(leader) || !self.in_contact(leader) || !self.chance.is(STEP / 300.0) {
            return;
        }
        self.committed += 1;
        for node in 0..NODES {
            let later = match self.chance.is(0.03) {
                true => self.chance.between(500.0, 6000.0),
                false => self.chance.between(0.0, 25.0),
            };
            let before = self.nodes[node].applies.back().map_or(0.0, |(at, _)| *at);
            let at = (self.now + later).max(before);
            self.nodes[node].applies.push_back((at, self.committed));
        }
        let (revision, clock) = (Revision(self.committed), self.clock(leader));
        self.nodes[leader].knows = self.committed;
        if let Some((_, table)) = &mut self.nodes[leader].table {
            table.committed(revision, clock);
        }
        self.changes.push(Change {
            asks: self.leads,
            revision: self.committed,
        });
    }

    fn deliver(&mut self) {
        let (now, runs): (f64, Vec<bool>) = (self.now, (0..NODES).map(|node| self.runs(node)).collect());
        let arrived = due(&mut self.messages, |(at, message)| {
            let to = match message {
                Message::Ask { leadership, .. } => leadership.leader,
                Message::Grant { to, .. } => *to,
            };
            *at <= now && runs[to]
        });
        for (_, message) in arrived {
            match message {
                Message::Ask {
                    leadership,
                    from,
                    asked,
                    shows,
                } => self.asked(leadership, from, asked, shows),
                Message::Grant { to, asked, floor } => {
                    let counts_from = match self.mistake {
                        Mistake::FromReceipt => self.clock(to),
                        _ => asked,
                    };
                    let node = &mut self.nodes[to];
                    let shows = match self.mistake {
                        Mistake::CountsBeforeShown => u64::MAX,
                        _ => node.shows,
                    };
                    node.until = node
                        .held
                        .granted((counts_from, SPAN), Revision(floor), Revision(shows));
                }
            }
        }
    }

    fn asked(&mut self, leadership: Leadership, from: usize, asked: BootTime, shows: u64) {
        let clock = self.clock(leadership.leader);
        let leader = &mut self.nodes[leadership.leader];
        let Some((_, table)) = leader
            .table
            .as_mut()
            .filter(|(term, _)| *term == leadership.term && leader.follows == leadership)
        else {
            return;
        };
        let floor = leader.knows;
        if table.asks(holder(from), Revision(shows), (clock, None)).is_ok() {
            let takes = match self.chance.is(0.05) {
                true => self.chance.between(100.0, 1500.0),
                false => self.chance.between(0.5, 15.0),
            };
            let other = self.another(leadership.leader);
            self.note_acknowledged(leadership.leader, leadership.term);
            self.confirming.push(Confirming {
                at: self.now + takes,
                other,
                acknowledged_at: self.now + self.chance.between(0.0, takes),
                is_acknowledged: false,
                leadership,
                from,
                asked,
                floor,
            });
        }
    }

    /// The other half of a majority acknowledges a leader if nobody else was elected since, and they hear each other.
    fn acknowledge_leaders(&mut self) {
        for mut confirming in std::mem::take(&mut self.confirming) {
            let Leadership { term, leader } = confirming.leadership;
            if let Some(other) = confirming
                .other
                .filter(|_| self.now >= confirming.acknowledged_at)
            {
                confirming.other = None;
                let hears = self.runs(other) && self.in_contact(other) && self.in_contact(leader);
                if hears && term == self.leads.term {
                    confirming.is_acknowledged = true;
                    self.note_acknowledged(other, term);
                }
            }
            self.confirming.push(confirming);
        }
    }

    fn note_acknowledged(&mut self, node: usize, term: u64) {
        if self.mistake != Mistake::ForgetsAcknowledgements {
            let clock = self.clock(node);
            self.nodes[node].acks.note(term, clock);
        }
    }

    /// A leader learns that it was acknowledged, if it does not follow another one yet.
    fn confirm(&mut self) {
        let now = self.now;
        for confirming in due(&mut self.confirming, |confirming| confirming.at <= now) {
            let leader = confirming.leadership.leader;
            let follows = self.nodes[leader].follows == confirming.leadership;
            if confirming.is_acknowledged && follows || self.mistake == Mistake::NotConfirmed {
                let to = confirming.from;
                let grant = Message::Grant {
                    to,
                    asked: confirming.asked,
                    floor: confirming.floor,
                };
                self.send((leader, to), grant);
            }
        }
    }

    fn acknowledge(&mut self) {
        for mut change in std::mem::take(&mut self.changes) {
            let Leadership { term, leader } = change.asks;
            let (shows, clock) = (self.nodes[leader].shows, self.clock(leader));
            let still_leads = self.nodes[leader].follows == change.asks;
            let is_leading = self.nodes[self.leads.leader]
                .table
                .as_ref()
                .is_some_and(|(of, _)| *of == self.leads.term);
            let runs = self.runs(leader);
            match &mut self.nodes[leader].table {
                Some((of, table)) if *of == term && still_leads => {
                    table.shows(holder(leader), Revision(shows));
                    let settled = table.unsettled(Revision(change.revision), clock).is_none();
                    if runs && (settled || self.mistake == Mistake::AcknowledgedAtCommit) {
                        self.acknowledged = self.acknowledged.max(change.revision);
                        self.seen.acknowledged += 1;
                        continue;
                    }
                }
                // Whoever proposed it asks the new leader.
                _ if is_leading => change.asks = self.leads,
                _ => {}
            }
            self.changes.push(change);
        }
    }

    fn decide(&mut self) {
        if self.chance.is(STEP / 10.0) {
            let node = self.chance.node();
            // A round of work may have begun before the request was read.
            let pause = match self.nodes[node].paused_until > self.now {
                true => 4000.0,
                false => 0.0,
            };
            let round = self.now - self.chance.between(0.0, 20.0) - pause;
            self.requests.push(Request {
                node,
                must_see: self.acknowledged,
                resumes: self.now,
                clock: moment(round * self.nodes[node].rate),
                first: None,
            });
        }
        for mut request in std::mem::take(&mut self.requests) {
            let id = request.node;
            if self.now < request.resumes || !self.runs(id) {
                self.requests.push(request);
                continue;
            }
            let clock = match self.mistake {
                Mistake::OldClock => request.clock,
                _ => self.clock(id),
            };
            let holds = clock < self.nodes[id].until;
            let (view, allowed) = match request.first {
                None => {
                    request.first = Some(match self.mistake {
                        Mistake::ViewFirst => First::View(self.nodes[id].shows),
                        _ => First::Lease(holds),
                    });
                    let takes = self.chance.between(0.0, 200.0);
                    request.resumes = self.now + if self.chance.is(0.02) { takes } else { 0.0 };
                    if self.chance.is(0.002) {
                        self.nodes[id].paused_until = self.now + self.chance.between(100.0, 5000.0);
                    }
                    self.requests.push(request);
                    continue;
                }
                Some(First::Lease(held)) => (self.nodes[id].shows, held),
                Some(First::View(view)) => (view, holds),
            };
            if !allowed {
                self.seen.held += 1;
                continue;
            }
            self.seen.decisions += 1;
            if view < request.must_see {
                self.seen.violations += 1;
            }
        }
    }
}

/// The number of runs without a mistake.
const RUNS: u64 = 25;
/// Within so many runs each mistake is found.
const FOUND_WITHIN: u64 = 60;

#[test]
fn no_acknowledged_change_is_missed_whatever_happens() {
    let mut all = Seen::default();
    for seed in 1..=RUNS {
        let seen = World::new(seed, Mistake::None).run();
        assert_eq!(seen.violations, 0, "seed {seed}: {seen:?}");
        all.decisions += seen.decisions;
        all.held += seen.held;
        all.acknowledged += seen.acknowledged;
        all.elections += seen.elections;
    }
    // Enough went on to mean something.
    assert!(
        all.decisions > 1000 * RUNS && all.acknowledged > 20 * RUNS,
        "{all:?}"
    );
    assert!(all.held > 10 * RUNS && all.elections > 2 * RUNS, "{all:?}");
}

#[test]
fn every_mistake_is_found() {
    for mistake in [
        Mistake::FromReceipt,
        Mistake::ViewFirst,
        Mistake::NewLeaderKnowsNobody,
        Mistake::AcknowledgedAtCommit,
        Mistake::NotConfirmed,
        Mistake::NoMargin,
        Mistake::CountsBeforeShown,
        Mistake::OldClock,
        Mistake::OwnWordOnly,
        Mistake::ForgetsAcknowledgements,
    ] {
        let found = (1..=FOUND_WITHIN).any(|seed| World::new(seed, mistake).run().violations > 0);
        assert!(found, "{mistake:?} goes unnoticed");
    }
}
