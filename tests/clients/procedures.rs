//! Procedures of whoever runs a gateway cluster, while clients at their default settings are at work: how long each takes, and for how
//! long each client heard nothing meanwhile. `make procedures`.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use klamm::quickstart::node::GatewayNode;
use serde_json::Value;

use super::gaps::longest_gap;
use super::paced::{ALIAS, Clients, Deed, Said, now_ms, times};
use crate::growth::{cluster, joining, voters_become, with_role};
use crate::scene::{self, Scene};

const NAME: &str = "procedures";

/// Between two procedures, so that each finds everything as it usually is.
const SETTLE: Duration = Duration::from_secs(4);

/// The base64 of 32 bytes.
const BACKUP_KEY: &str = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\n";

/// A procedure that was carried out.
struct Procedure {
    name: &'static str,
    took: Duration,
    /// From its beginning until all clients had gone on.
    span: (u64, u64),
}

/// The gateway, its clients, and what was done so far. Nodes are numbered from 1, by place.
struct Operator {
    scene: Scene,
    joined: Vec<GatewayNode>,
    clients: Clients,
    done: Vec<Procedure>,
}

impl Operator {
    fn start() -> Result<Self> {
        let scene = Scene::start_with(1, "127.0.0.1", |stage| {
            let advertised = format!("127.0.0.1:{}", stage.spare_port(0));
            let key = stage.directory().join("backup.key");
            fs::write(&key, BACKUP_KEY)?;
            fs::set_permissions(&key, Permissions::from_mode(0o600))?;
            Ok(vec![
                ("KLAMM_RAFT_ADVERTISED".to_owned(), advertised),
                ("KLAMM_BACKUP_KEY_FILE".to_owned(), key.display().to_string()),
            ])
        })?;
        scene.topic(NAME, 1)?;
        scene.vcluster(NAME, &[(ALIAS, NAME)])?;
        let user = scene.login(NAME, "super-user", 1)?;
        let clients = Clients::start(&scene, NAME, (ALIAS, &user.bootstrap), Some(&user))?;
        Ok(Self {
            scene,
            joined: Vec::new(),
            clients,
            done: Vec::new(),
        })
    }

    fn node(&mut self, number: usize) -> &mut GatewayNode {
        match number {
            1 => self.scene.stage.node_mut(1),
            _ => &mut self.joined[number - 2],
        }
    }

    /// Carries out a procedure.
    fn does(&mut self, name: &'static str, what: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        let (began, begun) = (now_ms(), Instant::now());
        what(self).with_context(|| name)?;
        let took = begun.elapsed();
        self.clients.go_on_after(now_ms())?;
        self.done.push(Procedure {
            name,
            took,
            span: (began, now_ms()),
        });
        thread::sleep(SETTLE);
        Ok(())
    }

    /// A node with an empty disk joins, and serves.
    fn join(&mut self) -> Result<()> {
        let place = u16::try_from(self.joined.len())? + 1;
        let mut node = GatewayNode::start(joining(&self.scene, place))?;
        node.await_ready()?;
        self.joined.push(node);
        Ok(())
    }

    /// Another machine takes the place of a node, with an empty disk.
    fn start_anew(&mut self, number: usize) -> Result<()> {
        let mut settings = self.node(number).settings().clone();
        settings.data_dir = settings.data_dir.with_file_name("anew");
        *self.node(number) = GatewayNode::start(settings)?;
        Ok(self.node(number).await_ready()?)
    }

    fn restart(&mut self, number: usize) -> Result<()> {
        self.node(number).restart()?;
        Ok(self.node(number).await_ready()?)
    }

    /// Ends nodes, and takes their disks away.
    fn lose(&mut self, numbers: &[usize]) -> Result<()> {
        for number in numbers {
            let node = self.node(*number);
            node.kill();
            fs::remove_dir_all(&node.settings().data_dir)?;
        }
        Ok(())
    }

    /// Runs `klamm cluster` on the data directory of a node that does not run.
    fn offline(&mut self, number: usize, words: &[&str]) -> Result<()> {
        let output = Command::new(env!("CARGO_BIN_EXE_klamm"))
            .arg("cluster")
            .args(words)
            .env_clear()
            .envs(self.node(number).settings().environment())
            .output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "cluster {words:?}: {said}");
        Ok(())
    }

    fn command(&mut self, at: usize, words: &[&str]) -> Result<()> {
        cluster(self.node(at), words).map(drop)
    }
}

/// A line for each.
fn report(done: &[Procedure], said: &Said) -> Vec<String> {
    let line = |procedure: &Procedure| {
        let (from, until) = procedure.span;
        let clients = said.by_client().map(|(client, said)| {
            let [stored, read] = Deed::ALL.map(|deed| longest_gap(&times(said, deed), from, until));
            format!("{client} {stored} {read}")
        });
        let clients: Vec<String> = clients.collect();
        format!(
            "{:38} {:5.1} s; longest gaps of storing and reading, ms: {}",
            procedure.name,
            procedure.took.as_secs_f64(),
            clients.join(", ")
        )
    };
    done.iter().map(line).collect()
}

#[test]
#[ignore = "takes some minutes: make procedures"]
fn clients_go_on_while_a_cluster_is_run() -> Result<()> {
    let mut operator = Operator::start()?;
    operator.does("nothing", |_| {
        thread::sleep(SETTLE);
        Ok(())
    })?;
    operator.does("a second node joins", Operator::join)?;
    operator.does("a third node joins", Operator::join)?;
    operator.does("one voter becomes three", |operator| {
        operator.command(1, &["voters", "--target", "3"])?;
        voters_become(operator.node(1), &[1, 2, 3])
    })?;
    let backup = operator.scene.stage.directory().join("gateway.backup");
    let backup = backup.display().to_string();
    operator.does("a backup is made", |operator| {
        operator.command(2, &["backup", &backup])
    })?;
    for (name, number) in [
        ("the first node is restarted", 1),
        ("the second node is restarted", 2),
        ("the third node is restarted", 3),
    ] {
        operator.does(name, |operator| operator.restart(number))?;
    }
    operator.does("a voter is demoted, and promoted again", |operator| {
        operator.command(1, &["demote", "3"])?;
        operator.command(1, &["promote", "3"])
    })?;
    operator.does("three voters become one, and three again", |operator| {
        operator.command(1, &["voters", "--target", "1"])?;
        operator.command(1, &["voters", "--target", "3"])?;
        voters_become(operator.node(1), &[1, 2, 3])
    })?;
    operator.does("a machine that died is replaced", |operator| {
        operator.node(3).kill();
        operator.start_anew(3)?;
        operator.command(1, &["replace", "3", "--with", "4"])
    })?;
    operator.does("a node is removed", |operator| {
        operator.command(1, &["remove", "4"])
    })?;
    ensure!(with_role(operator.node(1), "VOTER")? == [1, 2]);
    operator.does("all nodes are lost, and restored", |operator| {
        operator.lose(&[1, 2])?;
        operator.offline(1, &["restore", &backup])?;
        operator.restart(1)?;
        operator.restart(2)
    })?;
    operator.does("all but one are lost, and recovered", |operator| {
        operator.lose(&[2])?;
        let seen: Value = scene::json(&cluster(operator.node(1), &["status", "-o", "json"])?)?;
        let id = seen["clusterId"].as_str().context("an id")?.to_owned();
        operator.node(1).kill();
        let left = format!("{backup}.left");
        operator.offline(1, &["recover", "--confirm", &id, "--backup", &left])?;
        operator.restart(1)?;
        operator.restart(2)
    })?;
    let Operator {
        scene,
        clients,
        done,
        joined: _joined,
    } = operator;
    let said = clients.finish(&scene, NAME)?;
    println!("{}", report(&done, &said).join("\n"));
    Ok(())
}
