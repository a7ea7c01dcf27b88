//! The clients of a run: some have a right given and taken away, all others use it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::client::{Client, Decision};
use super::tally::{Standing, Tally};
use crate::wire::LoginRefused;
use crate::world::NODES;

/// The account whose right comes and goes.
pub(super) const USER: &str = "user";
/// The account that gives and takes it.
pub(super) const SUPER_USER: &str = "super-user";

/// Clients of each node whose connections stay, and as many whose connections come for one decision.
const PER_NODE: usize = 1;
/// As many of both kinds follow the faults.
const FOLLOWING: usize = 8;
/// Connections whose requests lie in the sockets of a node that is stopped.
const BUFFERED: usize = 10;
/// Between two decisions of one client.
const PACE: Duration = Duration::from_millis(20);
/// After a request that was not answered.
const PAUSE: Duration = Duration::from_millis(60);
/// Longer than any node is stopped.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long the right is there, and then is not, in milliseconds.
const THERE_MS: std::ops::Range<u64> = 20..80;
const GONE_MS: std::ops::Range<u64> = 80..250;
/// A right stays away for so long after a fault, so that what lay in a socket is answered meanwhile.
const AFTERWARDS: Duration = Duration::from_millis(1500);

/// Everything that the clients of a run share.
#[derive(Debug)]
pub(super) struct Scene {
    /// Of each node.
    pub(super) addresses: [SocketAddr; NODES],
    pub(super) tokens: Tokens,
    pub(super) tally: Tally,
    pub(super) standing: Standing,
    /// The nodes that a fault is at.
    pub(super) faulted: [AtomicBool; NODES],
    /// Those of them that are stopped.
    pub(super) stopped: [AtomicBool; NODES],
    /// The node that a fault is at, or was at last.
    pub(super) latest: AtomicUsize,
    /// Requests that a node does not answer are sent to another one.
    pub(super) asks_elsewhere: bool,
    pub(super) is_over: AtomicBool,
}

/// The passwords of the accounts.
#[derive(Debug)]
pub(super) struct Tokens {
    pub(super) user: String,
    pub(super) super_user: String,
}

/// Whether a connection stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Connection {
    Stays,
    ForOne,
}

/// The node that a client asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AskedNode {
    Fixed(usize),
    /// That which a fault is at, or was at last.
    Latest,
}

impl Scene {
    /// A request was answered: whether it was allowed, and whether it was sent after the right was gone, and answered before
    /// it came back.
    fn decided(&self, node: usize, is_allowed: bool, is_gone: bool) {
        self.tally.nodes[node].decided(is_allowed, is_gone);
        let is_there = is_gone && self.latest.load(Ordering::SeqCst) == node;
        self.tally
            .at_fault
            .fetch_add(u64::from(is_there), Ordering::SeqCst);
    }

    /// A request got no answer from a node.
    fn unanswered(&self, node: usize) {
        thread::sleep(PAUSE);
        self.tally.nodes[node].held.fetch_add(1, Ordering::SeqCst);
        if !self.asks_elsewhere || self.is_over.load(Ordering::SeqCst) {
            return;
        }
        let others = (0..NODES).filter(|other| *other != node);
        let answers = |other: usize| {
            let client = Client::log_in(self.addresses[other], USER, &self.tokens.user, PATIENCE);
            client.and_then(|mut client| client.decide()).is_ok()
        };
        if !others.into_iter().any(answers) {
            self.tally.unanswered.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// Starts all clients. They end when the scene is over.
pub(super) fn start(scene: &Arc<Scene>, seed: u64) -> Vec<JoinHandle<()>> {
    let fixed = (0..NODES).flat_map(|node| [AskedNode::Fixed(node); PER_NODE]);
    let asked = fixed.chain([AskedNode::Latest; FOLLOWING]);
    let users = asked.flat_map(|node| [(node, Connection::Stays), (node, Connection::ForOne)]);
    let mut threads: Vec<_> = users
        .map(|(node, connection)| {
            let scene = Arc::clone(scene);
            thread::spawn(move || use_right(&scene, node, connection))
        })
        .collect();
    let scene = Arc::clone(scene);
    threads.push(thread::spawn(move || {
        give_and_take(&scene, fastrand::Rng::with_seed(seed));
    }));
    threads
}

fn use_right(scene: &Scene, asked: AskedNode, connection: Connection) {
    let mut open: Option<(usize, Client)> = None;
    while !scene.is_over.load(Ordering::Relaxed) {
        thread::sleep(PACE);
        let node = match asked {
            AskedNode::Fixed(node) => node,
            AskedNode::Latest => scene.latest.load(Ordering::Relaxed),
        };
        let client = match open.take().filter(|(of, _)| *of == node) {
            Some((_, client)) => Ok(client),
            None => Client::log_in(scene.addresses[node], USER, &scene.tokens.user, PATIENCE),
        };
        let mut client = match client {
            Ok(client) => client,
            Err(error) => {
                if error.is::<LoginRefused>() {
                    scene.tally.refused_logins.fetch_add(1, Ordering::SeqCst);
                }
                scene.unanswered(node);
                continue;
            }
        };
        let before = scene.standing.now();
        let Ok(decision) = client.decide() else {
            scene.unanswered(node);
            continue;
        };
        let is_gone = before.is_some() && before == scene.standing.now();
        match decision {
            Decision::Fatal(_) => {
                scene.tally.fatal.fetch_add(1, Ordering::SeqCst);
            }
            Decision::Allowed | Decision::Denied => {
                scene.decided(node, decision == Decision::Allowed, is_gone);
            }
        }
        if connection == Connection::Stays {
            open = Some((node, client));
        }
    }
}

/// Connections to a node that is about to be stopped, with nothing asked yet.
pub(super) fn before_stop(scene: &Scene, node: usize) -> Vec<Client> {
    let log_in = |_| Client::log_in(scene.addresses[node], USER, &scene.tokens.user, PATIENCE).ok();
    (0..BUFFERED).filter_map(log_in).collect()
}

/// While the node is stopped: once the right is gone, requests are sent to it. Gives how often it was gone by then.
pub(super) fn while_stopped(scene: &Scene, clients: &mut Vec<Client>, until: Instant) -> Option<u64> {
    let before = scene.standing.now();
    let gone = loop {
        match scene.standing.now() {
            Some(times) if before != Some(times) => break times,
            _ if Instant::now() >= until => return None,
            _ => thread::sleep(PACE),
        }
    };
    clients.retain_mut(|client| client.ask_for_decision().is_ok());
    Some(gone)
}

/// After the node goes on: its answers.
pub(super) fn after_stop(scene: &Scene, node: usize, clients: Vec<Client>, gone: u64) {
    let seen = &scene.tally.nodes[node];
    for mut client in clients {
        match client.decision() {
            Ok(decision) => {
                let is_gone = scene.standing.now() == Some(gone);
                scene.decided(node, decision == Decision::Allowed, is_gone);
                seen.buffered.fetch_add(u64::from(is_gone), Ordering::SeqCst);
            }
            Err(_) => drop(seen.held.fetch_add(1, Ordering::SeqCst)),
        }
    }
}

fn give_and_take(scene: &Scene, mut random: fastrand::Rng) {
    let mut open = None;
    for times in 1.. {
        scene.standing.may_be_there();
        at_some_node(scene, &mut open, &mut random, |client| client.grant(USER));
        scene.standing.is_known_there(true);
        thread::sleep(Duration::from_millis(random.u64(THERE_MS)));
        scene.standing.is_known_there(false);
        let was_at_fault = is_any(&scene.faulted);
        let (took, attempts) = at_some_node(scene, &mut open, &mut random, |client| client.revoke(USER));
        if scene.is_over.load(Ordering::Relaxed) {
            return;
        }
        scene.standing.taken_away(times);
        scene.tally.revocations.fetch_add(1, Ordering::SeqCst);
        // Whoever had to ask again waited for something else, too.
        if attempts == 1 {
            scene.tally.acknowledged(took);
        }
        thread::sleep(Duration::from_millis(random.u64(GONE_MS)));
        // What was taken away during a fault stays so until it is over: one time in three, and where a node has yet to
        // answer what lies in its sockets.
        let is_kept = was_at_fault && is_any(&scene.faulted);
        if is_kept && (is_any(&scene.stopped) || random.u8(0..3) == 0) {
            while is_any(&scene.faulted) && !scene.is_over.load(Ordering::Relaxed) {
                thread::sleep(PACE);
            }
            thread::sleep(AFTERWARDS);
        }
    }
}

fn is_any(nodes: &[AtomicBool]) -> bool {
    nodes.iter().any(|node| node.load(Ordering::SeqCst))
}

/// Has a node do something, another one if it does not; how long the last attempt took, and how many there were.
fn at_some_node(
    scene: &Scene,
    open: &mut Option<(usize, Client)>,
    random: &mut fastrand::Rng,
    act: impl Fn(&mut Client) -> anyhow::Result<()>,
) -> (Duration, usize) {
    for attempt in 1.. {
        let is_well = |node: usize| !scene.faulted[node].load(Ordering::SeqCst);
        if open.as_ref().is_none_or(|(node, _)| !is_well(*node)) {
            let node = random.usize(0..NODES);
            let token = &scene.tokens.super_user;
            *open = match is_well(node) {
                true => Client::log_in(scene.addresses[node], SUPER_USER, token, PATIENCE).ok(),
                false => None,
            }
            .map(|client| (node, client));
        }
        if scene.is_over.load(Ordering::Relaxed) {
            break;
        }
        let begun = Instant::now();
        match open.as_mut().map(|(_, client)| act(client)) {
            Some(Ok(())) => return (begun.elapsed(), attempt),
            Some(Err(_)) => *open = None,
            None => thread::sleep(PACE),
        }
    }
    (Duration::ZERO, 0)
}
