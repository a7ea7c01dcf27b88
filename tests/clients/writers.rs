//! Idempotent and transactional producers of two clients, whose topic has a rule and changes of headers: what becomes of
//! their records while a broker is killed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::desk::{Desk, Stored};
use super::programs::Program as Source;
use crate::program::Program;
use crate::scene::{LIMIT, Scene};

const VCLUSTER: &str = "written";
const PHYSICAL: &str = "written-physical";

/// The clients and their programs. Each has a producer of both kinds.
const CLIENTS: [(&str, Source); 2] = [
    ("java", Source::Java("Client.java")),
    ("librdkafka", Source::Script("librdkafka")),
];
const KINDS: [&str; 2] = ["idempotent", "transactional"];

/// So many records more of each producer show that it goes on, a transaction with a refused record among them.
const PROGRESS: usize = 60;

/// The headers of every record that is stored: those of one name in their order, and the policy's at the end.
const HEADERS: [&str; 3] = ["twice=a", "twice=b", "marked=yes"];

/// All of them at work.
pub(crate) struct Writers {
    programs: Vec<(&'static str, Program)>,
}

/// A record that the rule forbids is refused; of all others a header is removed and one is set.
fn policies() -> [Value; 2] {
    let policy = |name: &str, action: Value| {
        json!({
            "kind": "Policy", "apiVersion": "gateway/v2", "metadata": {"name": name, "vCluster": VCLUSTER},
            "spec": {"phase": "produce", "topics": [{"patternType": "LITERAL", "name": "orders"}], "action": action},
        })
    };
    let mut rule = policy(
        "rule",
        json!({"type": "require", "description": "keys begin with ok-"}),
    );
    rule["spec"]["condition"] = json!("record.key.startsWith('ok-')");
    let actions = json!([{"op": "remove", "key": "secret"}, {"op": "set", "key": "marked", "value": "yes"}]);
    let headers = policy("headers", json!({"type": "modify_headers", "actions": actions}));
    [rule, headers]
}

/// The records of a producer that were stored, in the order in which it heard so.
fn stored(said: &str, client: &str, kind: &str) -> Vec<String> {
    let mark = format!("ok-{client}-{kind}-");
    let keys = said.lines().filter_map(|line| line.strip_prefix("stored "));
    keys.filter(|key| key.starts_with(&mark))
        .map(str::to_owned)
        .collect()
}

/// The number at the end of a key.
fn number(key: &str) -> Result<usize> {
    let number = key.rsplit('-').next().and_then(|number| number.parse().ok());
    number.with_context(|| key.to_owned())
}

impl Writers {
    pub(crate) fn start(scene: &Scene) -> Result<Self> {
        scene.topic(PHYSICAL, 6)?;
        scene.vcluster(VCLUSTER, &[("orders", PHYSICAL)])?;
        for policy in policies() {
            scene.stage.admin(1).put("policy", &policy)?;
        }
        let user = scene.login(VCLUSTER, "super-user", 1)?;
        let scenario = scene.stage.directory().join("written.scenario");
        let text = format!(
            "bootstrap={}\nprefix=written\nusername={}\npassword={}\nwrite=orders\n",
            user.bootstrap, user.username, user.token
        );
        fs::write(&scenario, text)?;
        let mut programs = Vec::new();
        for (client, source) in CLIENTS {
            let name = format!("written-{client}");
            programs.push((client, Program::run(scene, &name, source.command(&scenario))?));
        }
        Ok(Self { programs })
    }

    /// Waits until each producer has stored some more.
    pub(crate) fn go_on(&mut self) -> Result<()> {
        for (client, program) in &mut self.programs {
            let counts = |said: &str| KINDS.map(|kind| stored(said, client, kind).len());
            let before = counts(&program.said());
            program.shows(&format!("the producers of {client} go on"), |said| {
                let now = counts(said);
                now.iter()
                    .zip(before)
                    .all(|(now, before)| *now >= before + PROGRESS)
            })?;
        }
        Ok(())
    }

    /// Ends them; what they were told is what the broker has, once, in order and with its headers.
    pub(crate) fn finish(mut self, scene: &Scene) -> Result<()> {
        let mut said = BTreeMap::new();
        for (client, program) in &mut self.programs {
            program.tell("finish")?;
            said.insert(*client, program.finish(LIMIT)?);
        }
        let mut desk = Desk::start(&scene.stage.directory().join("written-desk.err"))?;
        let committed = desk.read_in_order(scene.physical(), PHYSICAL)?;
        for (client, said) in said {
            let is_wrong = |line: &&str| line.starts_with("failed ") || line.starts_with("taken ");
            let wrong: Vec<&str> = said.lines().filter(is_wrong).take(10).collect();
            ensure!(
                wrong.is_empty(),
                "{client} failed, or wrote what the rule forbids: {wrong:?}"
            );
            for kind in KINDS {
                let of = format!("{client}-{kind}-");
                let refused = said.matches(&format!("refused bad-{of}")).count();
                ensure!(refused > 0, "{of}: nothing was refused");
                check(&stored(&said, client, kind), &committed, &format!("ok-{of}"))
                    .with_context(|| of.clone())?;
            }
        }
        let bad: Vec<_> = committed
            .iter()
            .filter(|(_, record)| !record.key.starts_with("ok-"))
            .collect();
        ensure!(bad.is_empty(), "the rule forbids {bad:?}");
        Ok(())
    }
}

/// Compares what one producer was told with what is committed of it.
fn check(told: &[String], committed: &[(u32, Stored)], mark: &str) -> Result<()> {
    let mine: Vec<&(u32, Stored)> = committed
        .iter()
        .filter(|(_, record)| record.key.starts_with(mark))
        .collect();
    let there: BTreeSet<&str> = mine.iter().map(|(_, record)| record.key.as_str()).collect();
    let wanted: BTreeSet<&str> = told.iter().map(String::as_str).collect();
    ensure!(
        mine.len() == there.len(),
        "{} records, {} different",
        mine.len(),
        there.len()
    );
    let lost: Vec<_> = wanted.difference(&there).collect();
    let untold: Vec<_> = there.difference(&wanted).collect();
    ensure!(
        lost.is_empty() && untold.is_empty(),
        "lost: {lost:?}; not acknowledged: {untold:?}"
    );
    let mut last: BTreeMap<u32, usize> = BTreeMap::new();
    for (partition, record) in mine {
        let number = number(&record.key)?;
        if let Some(before) = last.insert(*partition, number) {
            ensure!(
                before < number,
                "{number} comes after {before} in partition {partition}"
            );
        }
        ensure!(record.headers == HEADERS, "{record:?}");
    }
    Ok(())
}
