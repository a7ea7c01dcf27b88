//! Clients at their default settings through every fault that gateway nodes bear while rights come and go: they go on by
//! themselves, and nothing is lost, doubled or out of order. `make faults-clients`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use klamm::quickstart::admin::{self, Admin};
use klamm::quickstart::child;

use super::gaps::longest_gap;
use super::paced::{ALIAS, Clients, Deed, now_ms, times};
use crate::program::Program;
use crate::scene::{LIMIT, Login, Scene};

/// The virtual cluster of the nodes that bear faults, and its physical one.
const VCLUSTER: &str = "chaos";
const PHYSICAL: &str = "main";

/// The clocks of nodes may be an hour fast.
const TOKEN_SECONDS: u64 = 24 * 3600;

/// The program that brings faults about says so where its nodes' admin API is, and when they have healed.
const OPEN: &str = "clients may come: ";
const HEALED: &str = "healed";

/// The fault that is no fault: requests go from one Kafka cluster to another and back. The program starts both, makes the topic there,
/// and says where their brokers are. Between two switches it leaves groups the time to read.
const SWITCH: &str = "switch";
const BROKERS: &str = "brokers: ";
const SETTLE: &str = "14";
/// How often it is waited for the end of all switches.
const LOOKS: usize = 4;

/// A program that is built beside the gateway.
fn built(name: &str, by: &str) -> Result<PathBuf> {
    let program = Path::new(env!("CARGO_BIN_EXE_klamm")).with_file_name(name);
    ensure!(
        program.exists(),
        "{} is missing; make it with: {by}",
        program.display()
    );
    Ok(program)
}

fn command(scene: &Scene, fault: &str, seconds: &str) -> Result<Command> {
    let program = built("klamm-chaos", "cargo build --workspace")?;
    let mut command = child::guarded(&program.display().to_string());
    if fault == SWITCH {
        command.args([
            SWITCH,
            "--seconds",
            seconds,
            "--settle",
            SETTLE,
            "--topic",
            &topic(fault),
        ]);
        return Ok(command);
    }
    if fault == "lease-clock" {
        let planted = built("planted/klamm", "chaos/planted.sh build")?;
        command.arg("--binary").arg(planted);
    }
    command.args([
        "rights",
        fault,
        "--seconds",
        seconds,
        "--backend",
        scene.physical(),
    ]);
    Ok(command)
}

/// The topic of the clients that bear a fault.
fn topic(fault: &str) -> String {
    format!("paced-{fault}")
}

/// The names of all faults.
fn all() -> Result<Vec<String>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("chaos/faults.sh");
    let listed = Command::new("bash").arg(script).arg("list").output()?;
    ensure!(listed.status.success(), "the faults are not listed");
    let names = String::from_utf8(listed.stdout)?;
    Ok(names
        .split_whitespace()
        .chain([SWITCH])
        .map(str::to_owned)
        .collect())
}

/// The account, with a topic, of clients at nodes that bear faults.
fn admit(scene: &Scene, url: &str, topic: &str) -> Result<Login> {
    let admin = Admin::new(url);
    admin.put("alias-topic", &admin::alias(VCLUSTER, ALIAS, (PHYSICAL, topic)))?;
    let token = admin.token(VCLUSTER, "super-user", TOKEN_SECONDS)?;
    scene.login_with(admin.bootstrap(VCLUSTER)?, "super-user", token)
}

/// Waits until nodes have healed, for several times as long as for anything else.
fn healed(faults: &mut Program) -> Result<()> {
    let mut looks = 0;
    loop {
        looks += 1;
        let shown = faults.shows("nodes have healed", |said| {
            said.lines().any(|line| line == HEALED)
        });
        match shown {
            Err(_) if looks < LOOKS => {}
            shown => return shown,
        }
    }
}

/// Lines about how clients bore a fault, and whether nodes did.
fn bear(scene: &Scene, fault: &str, seconds: &str) -> Result<(Vec<String>, Result<String>)> {
    let topic = topic(fault);
    if fault != SWITCH {
        scene.topic(&topic, 1)?;
    }
    let mut faults = Program::run(scene, fault, command(scene, fault, seconds)?)?;
    faults.shows("nodes serve", |said| said.contains(OPEN))?;
    let said = faults.said();
    let after = |word: &str| said.split(word).nth(1).and_then(|rest| rest.lines().next());
    let url = after(OPEN);
    let brokers: Vec<String> = after(BROKERS)
        .map(|brokers| brokers.split_whitespace().map(str::to_owned).collect())
        .unwrap_or_default();
    let user = admit(scene, url.context("an address")?, &topic)?;
    let mut clients = Clients::start(scene, &topic, (ALIAS, &user.bootstrap), Some(&user))?;
    let begun = now_ms();
    faults.tell("begin")?;
    healed(&mut faults)?;
    clients.go_on_after(now_ms())?;
    let gone_on = now_ms();
    let said = match brokers.is_empty() {
        true => clients.finish(scene, &topic)?,
        false => clients.finish_on(scene, &topic, &brokers)?,
    };
    let mut lines = Vec::new();
    for (client, said) in said.by_client() {
        for deed in Deed::ALL {
            let times = times(said, deed);
            let (count, gap) = (times.len(), longest_gap(&times, begun, gone_on));
            let name = deed.name();
            lines.push(format!(
                "{fault:16} {client:12} {name:8} {count:6}, longest gap {gap:6} ms"
            ));
        }
    }
    faults.tell("end")?;
    Ok((lines, faults.finish(LIMIT)))
}

#[test]
#[ignore = "takes half an hour: make faults-clients"]
fn clients_go_on_through_every_fault() -> Result<()> {
    let chosen = std::env::var("KLAMM_FAULTS").unwrap_or_default();
    let mut words = chosen.split_whitespace().map(str::to_owned);
    let seconds = words.next().unwrap_or_else(|| "60".to_owned());
    let mut faults: Vec<String> = words.collect();
    if faults.is_empty() {
        faults = all()?;
    }
    let scene = Scene::of_kafka_alone()?;
    let mut failed = Vec::new();
    for fault in faults {
        let borne = bear(&scene, &fault, &seconds).and_then(|(lines, verdict)| {
            println!("{}", lines.join("\n"));
            verdict
        });
        if let Err(error) = borne {
            println!("{fault:16} {error:#}");
            failed.push(fault);
        }
    }
    ensure!(failed.is_empty(), "clients did not go on through {failed:?}");
    Ok(())
}
