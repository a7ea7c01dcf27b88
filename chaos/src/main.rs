//! Seeded fault runs: three gateway nodes, changes through all of them, nodes that are killed and paused meanwhile.
//!
//! A run has three parts: faults under load, healing, and the verdict. Each invariant is one file below [`invariants`].
//! The seed decides every choice of the run; the order in which processes get to run is the machine's.

mod disks;
mod faults;
mod findings;
mod history;
mod invariants;
#[allow(unreachable_pub, reason = "public where it is at home")]
#[path = "../../src/quickstart/ports.rs"]
mod ports;
mod relay;
mod rights;
mod run_arguments;
mod switch;
mod upgrade;
mod verdict;
mod wire;
mod workload;
mod world;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};

use faults::Faults;
use history::History;
use rights::RightsArguments;
use run_arguments::RunArguments;
use switch::SwitchArguments;
use upgrade::UpgradeArguments;
use verdict::Verdict;
use world::{World, WorldSetup};

/// Kills and pauses gateway nodes under load, then checks that nothing acknowledged was lost.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// The gateway's binary; by default the one beside this program.
    #[arg(long)]
    binary: Option<PathBuf>,
    /// How long faults go on, in seconds.
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// Decides every choice of the run; a random one when it is not given.
    #[arg(long)]
    seed: Option<u64>,
    /// Clients that make changes.
    #[arg(long, default_value_t = 4)]
    writers: usize,
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Takes rights away under one kind of fault, and looks whether any node still allows what they gave.
    Rights(RightsArguments),
    /// Damages files, gives nodes old copies of theirs, and starts copies beside nodes that run.
    Corrupt(RunArguments),
    /// Makes backups under load, loses disks, and brings the cluster back.
    Backup(RunArguments),
    /// Switches requests from one Kafka cluster to another and back, and looks in what order they reach the brokers.
    Switch(SwitchArguments),
    /// Upgrades nodes one by one under load, and back, raises the feature level, and starts an older node.
    Upgrade(UpgradeArguments),
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let binary = match arguments.binary {
        Some(binary) => binary,
        None => std::env::current_exe()?.with_file_name("klamm"),
    };
    match &arguments.action {
        Some(Action::Rights(arguments)) => return rights::run(arguments, &binary),
        Some(Action::Corrupt(arguments)) => return disks::corrupt(arguments, &binary),
        Some(Action::Backup(arguments)) => return disks::backup(arguments, &binary),
        Some(Action::Switch(arguments)) => return switch::run(arguments, &binary),
        Some(Action::Upgrade(arguments)) => return upgrade::run(arguments, &binary),
        None => {}
    }
    let seed = arguments.seed.unwrap_or_else(|| fastrand::u64(..));
    say(&format!(
        "seed {seed}: repeat with --seed {seed} --seconds {}",
        arguments.seconds
    ));
    let mut world = World::start(&binary, &WorldSetup::default())?;
    let history = History::default();
    let faults = {
        let running = workload::start(&world, &history, arguments.writers);
        let faults = Faults::run(&mut world, seed, Duration::from_secs(arguments.seconds))?;
        world.heal()?;
        running.stop();
        faults
    };
    let accounts = world.accounts_everywhere()?;
    let verdict = Verdict::of((&history.operations(), &history.looks()), &faults, &accounts);
    say(&verdict.to_string());
    if verdict.is_valid() {
        return Ok(ExitCode::SUCCESS);
    }
    say(&format!(
        "the nodes' logs and data are kept in {}",
        world.keep().display()
    ));
    Ok(ExitCode::FAILURE)
}

/// Says something, and waits until somebody says a line.
fn wait_after(said: &str) -> anyhow::Result<()> {
    say(said);
    std::io::stdin().read_line(&mut String::new())?;
    Ok(())
}

#[expect(clippy::print_stdout, reason = "this is what the command is for")]
fn say(line: &str) {
    println!("{line}");
}
