//! Rights that come and go while nodes are stopped, cut off and killed: when it was acknowledged that a right is gone, no node
//! allows what it gave.

mod agreement;
mod client;
mod clients;
mod clocks;
mod effects;
mod fault;
mod growth;
mod injection;
mod slowed;
mod tally;

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::{Args, ValueEnum};

use crate::verdict::{UNKNOWN, pronounce};
use crate::world::{World, WorldSetup};
use crate::{say, wait_after};
use clients::{SUPER_USER, Scene, Tokens, USER};
use clocks::LeaseClocks;
use effects::Effects;
use fault::FaultKind;
use injection::Injection;
use slowed::SlowWrites;
use tally::{Standing, Tally};

/// Rights under one kind of fault.
#[derive(Debug, Args)]
pub(crate) struct RightsArguments {
    /// The fault that nodes bear meanwhile.
    #[arg(value_enum)]
    fault: FaultKind,
    /// How long it goes on, in seconds.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Decides every choice of the run; a random one when it is not given.
    #[arg(long)]
    seed: Option<u64>,
    /// Nodes decide whatever they hear (klamm.authorization.isolated: decide). A run that finds nothing then shows nothing.
    #[arg(long)]
    decide: bool,
    /// The mistake that nodes make. A run that finds nothing then shows nothing. It takes nodes with the feature `planted`.
    #[arg(long)]
    mistake: Option<String>,
    /// A Kafka cluster behind the nodes (host:port). The run says where the admin API is, so that clients may come, and waits
    /// for a line of its input before the first fault and, once all nodes have healed, before its end.
    #[arg(long)]
    backend: Option<String>,
}

/// Runs it: success, failure, or [`UNKNOWN`].
pub(crate) fn run(arguments: &RightsArguments, binary: &Path) -> anyhow::Result<ExitCode> {
    let seed = arguments.seed.unwrap_or_else(|| fastrand::u64(..));
    let fault = arguments.fault;
    let name = fault.to_possible_value().context("a name")?.get_name().to_owned();
    say(&format!(
        "rights, {name}, seed {seed}: repeat with rights {name} --seed {seed} --seconds {}",
        arguments.seconds
    ));
    let setup = match surroundings(arguments) {
        Ok(setup) => setup,
        Err(missing) => return Ok(unknown(&missing)),
    };
    let mut world = World::start(binary, &setup)?;
    let lease_clocks = LeaseClocks::now(&world);
    if !lease_clocks.are_shown() {
        let is_needed = "it takes nodes that are built with the feature `planted`";
        ensure!(arguments.mistake.is_none(), "{is_needed}");
        if fault.is_planted() {
            return Ok(unknown(is_needed));
        }
    }
    let scene = Arc::new(scene(&world, fault)?);
    if arguments.backend.is_some() {
        wait_after(&format!("clients may come: {}", world.admins()[0].url()))?;
    }
    let threads = clients::start(&scene, seed);
    let injection = Injection {
        world: &mut world,
        scene: &scene,
        kind: fault,
        random: fastrand::Rng::with_seed(seed ^ 1),
        effects: Effects::default(),
    };
    let mut effects = injection.run(Duration::from_secs(arguments.seconds))?;
    scene.is_over.store(true, Ordering::SeqCst);
    world.heal()?;
    for thread in threads {
        // One that panicked has counted what it saw.
        drop(thread.join());
    }
    scene.tally.held_by_nodes(world.held_requests());
    if arguments.backend.is_some() {
        wait_after("healed")?;
    }
    if fault == FaultKind::LeaseClock {
        effects.doubts.extend(lease_clocks.doubts(&world));
    }
    effects.doubts.extend(clocks::doubts_of_day_clocks(&world, fault));
    let disagreements = compare(&world, &scene, &mut effects);
    let code = judge(&scene.tally, &effects, disagreements, arguments);
    if code != ExitCode::SUCCESS {
        say(&format!(
            "the nodes' logs and data are kept in {}",
            world.keep().display()
        ));
    }
    Ok(code)
}

/// The surroundings of the nodes, or what is missing for them.
fn surroundings(arguments: &RightsArguments) -> Result<WorldSetup, String> {
    if arguments.fault == FaultKind::SlowDisk && !SlowWrites::are_possible() {
        return Err("strace is not installed".to_owned());
    }
    let mut setup = arguments.fault.setup()?;
    let isolated = arguments.decide.then(|| "decide".to_owned());
    let variables = [
        ("KLAMM_AUTHORIZATION_ISOLATED", isolated),
        ("PLANTED_MISTAKE", arguments.mistake.clone()),
        ("KAFKA_MAIN_BOOTSTRAP_SERVERS", arguments.backend.clone()),
    ];
    let given = variables
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)));
    setup.of_all.extend(given);
    Ok(setup)
}

/// Differences between nodes; a doubt, where some node does not say what it knows.
fn compare(world: &World, scene: &Scene, effects: &mut Effects) -> Vec<String> {
    agreement::violations(world, scene).unwrap_or_else(|error| {
        effects
            .doubts
            .push(format!("nodes could not be compared: {error:#}"));
        Vec::new()
    })
}

fn unknown(why: &str) -> ExitCode {
    say(&format!("proves nothing: {why}"));
    say("verdict: unknown");
    ExitCode::from(UNKNOWN)
}

fn scene(world: &World, fault: FaultKind) -> anyhow::Result<Scene> {
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
        latest: Default::default(),
        asks_elsewhere: fault == FaultKind::Drain,
        is_over: AtomicBool::new(false),
    })
}

fn judge(
    tally: &Tally,
    effects: &Effects,
    mut violations: Vec<String>,
    arguments: &RightsArguments,
) -> ExitCode {
    say(&effects.to_string());
    say(tally.to_string().trim_end());
    violations.extend(effects.wrong.iter().cloned());
    let wrong = tally.sum(|node| &node.wrong);
    if wrong > 0 {
        violations.push(format!("{wrong} requests were allowed after the right was gone"));
    }
    let (refused, fatal) = tally.errors();
    if refused + fatal > 0 {
        violations.push(format!(
            "{refused} logins with a good token were refused, and {fatal} requests were answered with another error"
        ));
    }
    let (unanswered, held) = (tally.unanswered(), tally.held());
    if arguments.fault == FaultKind::Drain && unanswered + held > 0 {
        violations.push(format!(
            "{unanswered} requests were answered by no node, and {held} were held back, although nodes stopped in an orderly way"
        ));
    }
    let vacuous = effects.too_few(arguments.fault, tally, arguments.seconds);
    pronounce(&violations, &vacuous)
}
