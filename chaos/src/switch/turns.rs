//! One switch after the other, there and back: while all is well, while a node is cut off, and while one is paused.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use super::clients::SwitchScene;
use super::order::{KafkaSide, RequestOrder};
use crate::world::{Admin, NODES, World};

/// Fewer switches show nothing, nor do fewer with a node that is cut off or paused.
pub(super) const MIN_SWITCHES: usize = 20;
pub(super) const MIN_BROKEN: usize = 5;

/// Requests that come to a cluster before they are switched to the other one.
const MIN_REQUESTS: u64 = 20;
/// How long they may take.
const REQUESTS_COME: Duration = Duration::from_secs(60);
/// How long a switch may take, with all attempts.
const SWITCHED: Duration = Duration::from_secs(60);
/// After an attempt that was not acknowledged.
const AGAIN: Duration = Duration::from_millis(300);
/// How long a node is broken before requests are switched, and altogether: shorter and longer than a switch takes then.
const BEFORE_MS: std::ops::Range<u64> = 0..300;
const BROKEN_MS: std::ops::Range<u64> = 800..9000;
/// Beyond the least time, a run goes on for so long until there were enough switches.
const PATIENCE: Duration = Duration::from_secs(600);

/// The state of the nodes when requests are switched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NodesAre {
    Well,
    /// But for one, which no other node hears; its clients and Kafka still reach it.
    CutOff(usize),
    /// But for one, which is stopped (SIGSTOP).
    Paused(usize),
}

impl NodesAre {
    pub(super) fn broken(self) -> Option<usize> {
        match self {
            Self::Well => None,
            Self::CutOff(node) | Self::Paused(node) => Some(node),
        }
    }
}

/// A switch that was made.
#[derive(Debug, Clone)]
pub(super) struct SwitchTurn {
    pub(super) nodes: NodesAre,
    pub(super) begun: Instant,
    /// When it was acknowledged.
    pub(super) made: Instant,
    /// When all nodes were well again.
    pub(super) ended: Instant,
}

/// All switches of a run.
pub(super) struct Turns<'a> {
    pub(super) world: &'a mut World,
    pub(super) scene: &'a SwitchScene,
    pub(super) order: &'a Arc<RequestOrder>,
    pub(super) random: fastrand::Rng,
    /// Between two switches.
    pub(super) settle: Duration,
}

impl Turns<'_> {
    /// Switches for so long, and until there were enough.
    pub(super) fn run(mut self, duration: Duration) -> anyhow::Result<Vec<SwitchTurn>> {
        let begun = Instant::now();
        let mut made: Vec<SwitchTurn> = Vec::new();
        let mut side = KafkaSide::Main;
        // It ends where it began.
        while side != KafkaSide::Main || begun.elapsed() < duration || made.len() < MIN_SWITCHES {
            ensure!(
                begun.elapsed() < duration + PATIENCE,
                "only {} switches could be made",
                made.len()
            );
            side = side.other();
            let nodes = self.next(made.len());
            made.push(self.switch(nodes, side)?);
            self.requests_come()?;
            thread::sleep(self.settle);
        }
        Ok(made)
    }

    /// In turn, so that there are enough of each.
    fn next(&mut self, turn: usize) -> NodesAre {
        let node = self.random.usize(0..NODES);
        match turn % 6 {
            2 => NodesAre::CutOff(node),
            5 => NodesAre::Paused(node),
            _ => NodesAre::Well,
        }
    }

    fn switch(&mut self, nodes: NodesAre, to: KafkaSide) -> anyhow::Result<SwitchTurn> {
        let whole: Vec<Admin> = self.whole(nodes);
        let broken = Duration::from_millis(self.random.u64(BROKEN_MS));
        match nodes {
            NodesAre::Well => {}
            NodesAre::CutOff(node) => self.world.isolate(node, true),
            NodesAre::Paused(node) => self.world.pause_node(node)?,
        }
        if nodes != NodesAre::Well {
            thread::sleep(Duration::from_millis(self.random.u64(BEFORE_MS)));
        }
        let begun = Instant::now();
        self.order.may_enter(to);
        self.scene.switches.fetch_add(1, Ordering::SeqCst);
        let made = thread::scope(|scope| {
            let switching = scope.spawn(|| ask(&whole, to));
            let healed = match nodes {
                NodesAre::Well => Ok(()),
                NodesAre::CutOff(node) => {
                    thread::sleep(broken);
                    self.world.isolate(node, false);
                    Ok(())
                }
                NodesAre::Paused(node) => {
                    thread::sleep(broken);
                    self.world.resume_node(node)
                }
            };
            let made = switching.join();
            let made = made.map_err(|_| anyhow::anyhow!("the thread that switches panicked"))?;
            healed.and(made)
        })?;
        self.world.wait_until_healed()?;
        Ok(SwitchTurn {
            nodes,
            begun,
            made,
            ended: Instant::now(),
        })
    }

    /// The nodes that can be asked, one of them first.
    fn whole(&mut self, nodes: NodesAre) -> Vec<Admin> {
        let all = self.world.admins().into_iter().enumerate();
        let whole = all.filter(|(node, _)| Some(*node) != nodes.broken());
        let mut whole: Vec<Admin> = whole.map(|(_, admin)| admin).collect();
        self.random.shuffle(&mut whole);
        whole
    }

    fn requests_come(&self) -> anyhow::Result<()> {
        let deadline = Instant::now() + REQUESTS_COME;
        while self.order.entered() < MIN_REQUESTS {
            ensure!(
                Instant::now() < deadline,
                "no requests come to the cluster that they were switched to"
            );
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}

/// Asks one node after the other until the switch is acknowledged; when it was.
fn ask(whole: &[Admin], to: KafkaSide) -> anyhow::Result<Instant> {
    let deadline = Instant::now() + SWITCHED;
    let mut attempts = whole.iter().cycle();
    loop {
        let admin = attempts.next().context("a node")?;
        match admin.switch(to.name()) {
            Ok(()) => return Ok(Instant::now()),
            Err(error) if Instant::now() > deadline => {
                return Err(error.context("requests could not be switched"));
            }
            Err(_) => thread::sleep(AGAIN),
        }
    }
}
