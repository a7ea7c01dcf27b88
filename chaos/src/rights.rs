//! Rights that come and go while nodes are stopped, cut off and killed: when it was acknowledged that a right is gone, no node
//! allows what it gave.

mod client;
mod clients;
mod tally;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::{Args, ValueEnum};

use crate::say;
use crate::world::{Links, NODES, World};
use clients::{SUPER_USER, Scene, Tokens, USER};
use tally::{Standing, Tally};

/// From one fault to the next, in milliseconds.
const INTERVAL_MS: std::ops::Range<u64> = 500..2000;
/// How long faults last, in milliseconds: in turn longer than an election and a lease together, and shorter than a lease.
const LASTING_MS: [std::ops::Range<u64>; 2] = [6000..8500, 200..2000];

/// Fewer decisions in a second prove nothing.
const MIN_DECISIONS: u64 = 20;
/// A right that is taken away more seldom than once in so many seconds proves nothing.
const MIN_REVOKED_EVERY: u64 = 5;

/// Rights under one kind of fault.
#[derive(Debug, Args)]
pub(crate) struct RightsArguments {
    /// The fault that nodes bear meanwhile.
    #[arg(value_enum)]
    fault: Fault,
    /// How long it goes on, in seconds.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Decides every choice of the run; a random one when it is not given.
    #[arg(long)]
    seed: Option<u64>,
    /// Nodes decide whatever they hear (klamm.authorization.isolated: decide). A run that finds nothing then shows nothing.
    #[arg(long)]
    decide: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Fault {
    /// Nothing.
    None,
    /// A follower is stopped (SIGSTOP).
    PauseFollower,
    /// The leader is stopped.
    PauseLeader,
    /// A follower is cut off from the other nodes; its clients still reach it.
    IsolateFollower,
    /// The leader is.
    IsolateLeader,
    /// The leader is killed (SIGKILL) and started again.
    KillLeader,
}

/// Runs it; whether it shows what it should.
pub(crate) fn run(arguments: &RightsArguments, binary: &Path) -> anyhow::Result<bool> {
    let seed = arguments.seed.unwrap_or_else(|| fastrand::u64(..));
    let fault = arguments.fault;
    let name = fault.to_possible_value().context("a name")?.get_name().to_owned();
    say(&format!(
        "rights, {name}, seed {seed}: repeat with rights {name} --seed {seed} --seconds {}",
        arguments.seconds
    ));
    let more: &[(&str, &str)] = match arguments.decide {
        true => &[("KLAMM_AUTHORIZATION_ISOLATED", "decide")],
        false => &[],
    };
    let mut world = World::start(binary, more, Links::Relayed)?;
    let scene = Arc::new(scene(&world)?);
    let threads = clients::start(&scene, seed);
    let faults = inject(
        &mut world,
        &scene,
        fault,
        (seed, Duration::from_secs(arguments.seconds)),
    )?;
    scene.is_over.store(true, Ordering::SeqCst);
    world.heal()?;
    for thread in threads {
        // One that panicked has counted what it saw.
        drop(thread.join());
    }
    scene.tally.held_by_nodes(world.held_requests());
    let is_valid = judge(&scene.tally, faults, fault, arguments.seconds);
    if !is_valid {
        say(&format!(
            "the nodes' logs and data are kept in {}",
            world.keep().display()
        ));
    }
    Ok(is_valid)
}

fn scene(world: &World) -> anyhow::Result<Scene> {
    let admins = world.admins();
    let addresses: Vec<SocketAddr> = world.client_addresses()?;
    Ok(Scene {
        addresses: addresses
            .try_into()
            .map_err(|addresses| anyhow::anyhow!("as many addresses as nodes, not {addresses:?}"))?,
        tokens: Tokens {
            user: admins[0].token(USER)?,
            super_user: admins[0].token(SUPER_USER)?,
        },
        tally: Tally::default(),
        standing: Standing::default(),
        faulted: Default::default(),
        stopped: Default::default(),
        is_over: AtomicBool::new(false),
    })
}

/// Breaks one node after the other; how many there were.
fn inject(
    world: &mut World,
    scene: &Scene,
    fault: Fault,
    (seed, duration): (u64, Duration),
) -> anyhow::Result<usize> {
    let mut random = fastrand::Rng::with_seed(seed ^ 1);
    let end = Instant::now() + duration;
    let mut faults = 0;
    loop {
        thread::sleep(Duration::from_millis(random.u64(INTERVAL_MS)));
        let lasting = LASTING_MS[faults % LASTING_MS.len()].clone();
        let lasting = Duration::from_millis(random.u64(lasting));
        if Instant::now() + lasting > end {
            thread::sleep(end.saturating_duration_since(Instant::now()));
            return Ok(faults);
        }
        let Some(leader) = world.leader() else { continue };
        let node = match fault {
            Fault::None => continue,
            Fault::PauseLeader | Fault::IsolateLeader | Fault::KillLeader => leader,
            Fault::PauseFollower | Fault::IsolateFollower => {
                (leader + 1 + random.usize(0..NODES - 1)) % NODES
            }
        };
        scene.faulted[node].store(true, Ordering::SeqCst);
        match fault {
            Fault::None => {}
            Fault::PauseFollower | Fault::PauseLeader => {
                let mut waiting = clients::before_stop(scene, node);
                scene.standing.await_there();
                let until = Instant::now() + lasting;
                world.pause_node(node)?;
                scene.stopped[node].store(true, Ordering::SeqCst);
                let gone = clients::while_stopped(scene, &mut waiting, until);
                thread::sleep(until.saturating_duration_since(Instant::now()));
                world.resume_node(node)?;
                if let Some(gone) = gone {
                    clients::after_stop(scene, node, waiting, gone);
                }
                scene.stopped[node].store(false, Ordering::SeqCst);
            }
            Fault::IsolateFollower | Fault::IsolateLeader => {
                scene.standing.await_there();
                world.isolate(node, true);
                thread::sleep(lasting);
                world.isolate(node, false);
            }
            Fault::KillLeader => {
                scene.standing.await_there();
                world.kill_node(node)?;
                thread::sleep(lasting);
                world.start_node(node)?;
            }
        }
        scene.faulted[node].store(false, Ordering::SeqCst);
        faults += 1;
    }
}

fn judge(tally: &Tally, faults: usize, fault: Fault, seconds: u64) -> bool {
    say(&format!("faults: {faults}"));
    say(tally.to_string().trim_end());
    let count = |count: &AtomicU64| count.load(Ordering::SeqCst);
    let (wrong, after) = (tally.sum(|node| &node.wrong), tally.sum(|node| &node.after));
    let (refused, fatal) = (count(&tally.refused_logins), count(&tally.fatal));
    let mut violations = Vec::new();
    if wrong > 0 {
        violations.push(format!("{wrong} requests were allowed after the right was gone"));
    }
    if refused + fatal > 0 {
        violations.push(format!(
            "{refused} logins with a good token were refused, and {fatal} requests were answered with another error"
        ));
    }
    let few = |what: &str, number: u64, least: u64| {
        (number < least).then(|| format!("{what}: only {number}, and {least} would be enough"))
    };
    let mut vacuous: Vec<String> = Vec::new();
    vacuous.extend(few(
        "decisions after a right was gone",
        after,
        seconds * MIN_DECISIONS,
    ));
    let revocations = count(&tally.revocations);
    vacuous.extend(few(
        "rights that were taken away",
        revocations,
        seconds / MIN_REVOKED_EVERY,
    ));
    if faults == 0 && fault != Fault::None {
        vacuous.push("nothing was broken".to_owned());
    }
    match fault {
        Fault::None => {}
        Fault::PauseFollower | Fault::PauseLeader => {
            if tally.sum(|node| &node.buffered) == 0 {
                vacuous.push("no request lay in the socket of a node that was stopped".to_owned());
            }
        }
        Fault::IsolateFollower | Fault::IsolateLeader => {
            if count(&tally.held) == 0 {
                vacuous.push("no node held a request back".to_owned());
            }
        }
        Fault::KillLeader => {
            if tally.sum(|node| &node.held) == 0 {
                vacuous.push("no client noticed".to_owned());
            }
        }
    }
    for violation in &violations {
        say(&format!("VIOLATION: {violation}"));
    }
    for reason in &vacuous {
        say(&format!("proves nothing: {reason}"));
    }
    say(match (violations.is_empty(), vacuous.is_empty()) {
        (true, true) => "verdict: valid",
        (false, _) => "verdict: INVALID",
        (true, false) => "verdict: unknown",
    });
    violations.is_empty() && vacuous.is_empty()
}
