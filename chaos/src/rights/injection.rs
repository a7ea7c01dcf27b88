//! Breaks one node after the other, as the kind of fault says, and takes note of what came of it.

use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use super::clients::{self, Scene};
use super::effects::Effects;
use super::fault::FaultKind;
use super::growth;
use super::slowed::SlowWrites;
use crate::world::{NODES, World};

/// Before and after a fault, in milliseconds.
const BEFORE_MS: std::ops::Range<u64> = 500..1500;
const AFTER_MS: std::ops::Range<u64> = 1000..2500;
/// How long faults last, in milliseconds: longer than an election and a lease together, and shorter than a lease.
const LONG_MS: std::ops::Range<u64> = 6000..8500;
const SHORT_MS: std::ops::Range<u64> = 200..2000;

/// How much later a node hears of everything, and for how long before it is cut off.
const LATE_MS: u64 = 500;
const LATE_FOR: Duration = Duration::from_millis(2500);
/// Bytes that are left of a disk: fewer than a node wants to keep free, and none.
const LEFT_BYTES: [u64; 2] = [16 << 20, 0];
/// How long each write takes: of a follower, and of the leader.
const SLOW_FOLLOWER: Duration = Duration::from_millis(3500);
const SLOW_LEADER: Duration = Duration::from_millis(1500);
/// Changes after which the others' logs do not reach back any more.
const GROWTH: usize = 2600;
/// The time after which the leader is killed, in milliseconds, when it was not seen that the voters change.
const CHANGING_MS: std::ops::Range<u64> = 0..600;
/// How long a node catches up before it is killed, in milliseconds.
const CATCHING_UP_MS: std::ops::Range<u64> = 300..1500;

/// The faults of a run.
pub(super) struct Injection<'a> {
    pub(super) world: &'a mut World,
    pub(super) scene: &'a Scene,
    pub(super) kind: FaultKind,
    pub(super) random: fastrand::Rng,
    pub(super) effects: Effects,
}

impl Injection<'_> {
    /// Breaks nodes for so long.
    pub(super) fn run(mut self, duration: Duration) -> anyhow::Result<Effects> {
        if self.kind == FaultKind::Snapshot {
            growth::grow(self.world, GROWTH);
        }
        let end = Instant::now() + duration;
        loop {
            thread::sleep(Duration::from_millis(self.random.u64(BEFORE_MS)));
            let is_long = self.is_long();
            let range = if is_long { LONG_MS } else { SHORT_MS };
            let lasting = Duration::from_millis(self.random.u64(range));
            if Instant::now() + lasting > end {
                thread::sleep(end.saturating_duration_since(Instant::now()));
                return Ok(self.effects);
            }
            let Some(leader) = self.world.leader() else {
                continue;
            };
            let Some(node) = self.choose(leader) else { continue };
            let term = self.world.term();
            self.scene.faulted[node].store(true, Ordering::SeqCst);
            self.scene.latest.store(node, Ordering::SeqCst);
            self.bear(node, lasting)?;
            self.scene.faulted[node].store(false, Ordering::SeqCst);
            self.effects.faults += 1;
            self.effects.long += u64::from(is_long);
            self.effects.elections += u64::from(self.world.term() > term);
            thread::sleep(Duration::from_millis(self.random.u64(AFTER_MS)));
        }
    }

    /// In turn, where the length of a fault matters.
    fn is_long(&self) -> bool {
        use FaultKind::{IsolateFollower, IsolateLeader, KillLeader, PauseFollower, PauseLeader};
        let is_in_turn = matches!(
            self.kind,
            PauseFollower | PauseLeader | IsolateFollower | IsolateLeader | KillLeader
        );
        !is_in_turn || self.effects.faults.is_multiple_of(2)
    }

    /// The node that is broken next.
    fn choose(&mut self, leader: usize) -> Option<usize> {
        use FaultKind::{
            DayClock, Drain, FullDisk, IsolateFollower, IsolateLeader, KillLeader, LateFollower, LeaseClock,
            Members, None as Nothing, OneWay, PauseFollower, PauseLeader, SlowDisk, Snapshot,
        };
        let follower = (leader + 1 + self.random.usize(0..NODES - 1)) % NODES;
        let turn = self.effects.faults;
        Some(match self.kind {
            Nothing => return None,
            PauseLeader | IsolateLeader | KillLeader | Members => leader,
            PauseFollower | IsolateFollower | LateFollower | LeaseClock | DayClock | Snapshot => follower,
            OneWay if turn % 4 < 2 => leader,
            FullDisk | SlowDisk if turn % 2 == 1 => leader,
            OneWay | FullDisk | SlowDisk => follower,
            Drain => usize::try_from(turn).ok()? % NODES,
        })
    }

    fn bear(&mut self, node: usize, lasting: Duration) -> anyhow::Result<()> {
        use FaultKind::{
            DayClock, Drain, FullDisk, IsolateFollower, IsolateLeader, KillLeader, LateFollower, LeaseClock,
            Members, None as Nothing, OneWay, PauseFollower, PauseLeader, SlowDisk, Snapshot,
        };
        match self.kind {
            Nothing => {}
            PauseFollower | PauseLeader => return self.pause(node, lasting),
            IsolateFollower | IsolateLeader | LeaseClock | DayClock => {
                self.cut(node, lasting, |world, is_cut| world.isolate(node, is_cut));
            }
            LateFollower => {
                self.world.hears_late(node, LATE_MS);
                thread::sleep(LATE_FOR);
                self.cut(node, lasting, |world, is_cut| world.isolate(node, is_cut));
                self.world.hears_late(node, 0);
            }
            OneWay if self.effects.faults.is_multiple_of(2) => {
                self.cut(node, lasting, |world, is_cut| world.mute(node, is_cut));
            }
            OneWay => self.cut(node, lasting, |world, is_cut| world.deafen(node, is_cut)),
            KillLeader => {
                self.scene.standing.await_there();
                self.world.kill_node(node)?;
                self.last(lasting);
                self.world.start_node(node)?;
            }
            FullDisk => return self.fill(node, lasting),
            SlowDisk => return self.slow_down(node, lasting),
            Drain => return self.restart(node),
            Snapshot => return self.lose(node),
            Members => return self.come_and_go(node),
        }
        Ok(())
    }

    fn cut(&mut self, node: usize, lasting: Duration, cut: impl Fn(&World, bool)) {
        self.scene.standing.await_there();
        cut(self.world, true);
        self.last_at(node, lasting);
        cut(self.world, false);
    }

    /// Lets a fault last.
    fn last(&mut self, lasting: Duration) {
        let before = self.scene.tally.revocations();
        thread::sleep(lasting);
        self.effects.taken_meanwhile += u64::from(self.scene.tally.revocations() > before);
    }

    /// Lets a fault last, and looks at its end whether the node that it is at has a lease.
    fn last_at(&mut self, node: usize, lasting: Duration) {
        self.last(lasting);
        let left = self.world.admins()[node].metric("klamm_lease_seconds_left");
        self.effects.without_lease += u64::from(left.is_ok_and(|seconds| seconds == 0.0));
    }

    fn pause(&mut self, node: usize, lasting: Duration) -> anyhow::Result<()> {
        let mut waiting = clients::before_stop(self.scene, node);
        self.scene.standing.await_there();
        let before = self.scene.tally.revocations();
        let until = Instant::now() + lasting;
        self.world.pause_node(node)?;
        self.scene.stopped[node].store(true, Ordering::SeqCst);
        let gone = clients::while_stopped(self.scene, &mut waiting, until);
        thread::sleep(until.saturating_duration_since(Instant::now()));
        self.effects.taken_meanwhile += u64::from(self.scene.tally.revocations() > before);
        self.world.resume_node(node)?;
        if let Some(gone) = gone {
            clients::after_stop(self.scene, node, waiting, gone);
        }
        self.scene.stopped[node].store(false, Ordering::SeqCst);
        Ok(())
    }

    fn fill(&mut self, node: usize, lasting: Duration) -> anyhow::Result<()> {
        self.scene.standing.await_there();
        let turn = usize::try_from(self.effects.faults / 2)?;
        self.world
            .volume(node)?
            .fill(LEFT_BYTES[turn % LEFT_BYTES.len()])?;
        self.last_at(node, lasting);
        self.world.volume(node)?.empty()?;
        if self.world.has_lost_its_disk(node)? {
            self.effects.disks_lost += 1;
            self.world.start_node(node)?;
        }
        self.world.wait_until_healed()
    }

    fn slow_down(&mut self, node: usize, lasting: Duration) -> anyhow::Result<()> {
        let by = match self.effects.faults.is_multiple_of(2) {
            true => SLOW_FOLLOWER,
            false => SLOW_LEADER,
        };
        self.scene.standing.await_there();
        let slowed = SlowWrites::of(self.world.process_id(node)?, by)?;
        self.last_at(node, lasting);
        drop(slowed);
        self.world.wait_until_healed()
    }

    fn restart(&mut self, node: usize) -> anyhow::Result<()> {
        let admin = self.world.admins().swap_remove(node);
        let mut held = 0;
        self.world
            .stop_node(node, || held = admin.held_requests().unwrap_or(held))?;
        self.scene.tally.held_by_nodes(held);
        self.world.start_node(node)?;
        self.world.wait_until_healed()
    }

    /// A fourth node joins, comes to vote and goes, while the leader is killed or not.
    fn come_and_go(&mut self, leader: usize) -> anyhow::Result<()> {
        let is_killed = self.effects.faults.is_multiple_of(2);
        let other = (leader + 1) % NODES;
        let given = self.effects.last_guest.max(NODES as u64);
        let id = self.world.guest_joins(given)?;
        if id <= given {
            let wrong = format!("the number {id} was given twice");
            self.effects.wrong.push(wrong);
            return self.world.guest_is_killed();
        }
        self.effects.last_guest = id;
        self.world
            .change_members(other, "promote", &json!({ "nodeId": id }))?;
        if is_killed {
            let until = Instant::now() + Duration::from_millis(self.random.u64(CHANGING_MS));
            while Instant::now() < until && !self.world.are_voters_changing() {}
            self.effects.cut_short += u64::from(self.world.are_voters_changing());
            self.world.kill_node(leader)?;
            let lasting = Duration::from_millis(self.random.u64(AFTER_MS));
            self.last(lasting);
            self.world.start_node(leader)?;
        }
        self.world.voters_are(NODES + 1)?;
        self.world.guest_is_removed(other, id)?;
        self.world.voters_are(NODES)?;
        self.world.wait_until_healed()?;
        self.effects.members_changed += 1;
        Ok(())
    }

    fn lose(&mut self, node: usize) -> anyhow::Result<()> {
        let turn = self.effects.faults;
        self.scene.standing.await_there();
        self.world.kill_node(node)?;
        match turn % 2 {
            0 => self.world.wipe(node)?,
            _ => growth::grow(self.world, GROWTH),
        }
        let before = self.world.snapshots(node)?;
        self.world.start_node(node)?;
        if turn % 4 >= 2 {
            thread::sleep(Duration::from_millis(self.random.u64(CATCHING_UP_MS)));
            self.world.kill_node(node)?;
            self.world.start_node(node)?;
        }
        self.world.wait_until_healed()?;
        self.effects.snapshots += u64::from(self.world.snapshots(node)? > before);
        Ok(())
    }
}
