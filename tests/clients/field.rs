//! A client's place in a virtual cluster: its topics, accounts and ACLs, and what the broker has of it afterwards.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use super::alone;
use super::desk::{Batch, Desk, Stored};
use super::place::Place;
use crate::scene::{Login, Scene};

/// How many records a step of producing writes.
const COUNT: usize = 20;

/// The topics and accounts of one client in one place.
#[derive(Debug)]
pub(crate) struct Field<'a> {
    scene: &'a Scene,
    place: Place,
    prefix: String,
    super_user: Login,
    user: Login,
}

/// Makes the virtual clusters of these places, once per scene.
pub(crate) fn prepare(scene: &Scene, places: &[Place]) -> Result<()> {
    for resource in places.iter().filter_map(|place| place.resource()) {
        scene.stage.admin(1).put("virtual-cluster", &resource)?;
    }
    Ok(())
}

/// The account of a client whose names begin like this.
pub(crate) fn user(prefix: &str) -> String {
    prefix.replace('.', "-")
}

/// Somebody of a place. Brokers know their users when they start.
fn login(scene: &Scene, place: Place, username: &str) -> Result<Login> {
    match place.vcluster() {
        Some(vcluster) => scene.login(vcluster, username, 1),
        None => scene.login_with(alone::address(scene, place), username, alone::PASSWORD.to_owned()),
    }
}

impl<'a> Field<'a> {
    pub(crate) fn lay_out(scene: &'a Scene, desk: &mut Desk, place: Place, prefix: &str) -> Result<Self> {
        let user = user(prefix);
        let field = Self {
            scene,
            place,
            prefix: prefix.to_owned(),
            super_user: login(scene, place, place.super_user())?,
            user: login(scene, place, &user)?,
        };
        // The first alias decides the home.
        for name in ["copies", "orders", "closed"] {
            let topic = format!("{prefix}-{name}");
            let physical = place.physical(&topic);
            let create = ["--create", "--topic", &physical, "--partitions", "2"];
            let at = ["kafka-topics", "--bootstrap-server", field.bootstrap(name)?];
            desk.ok(&[&at[..], &create].concat())?;
            if let Some(vcluster) = place.vcluster().filter(|_| place.has_aliases()) {
                let physical = (place.cluster(name), physical.as_str());
                let alias = klamm::quickstart::admin::alias(vcluster, &topic, physical);
                scene.stage.admin(1).put("alias-topic", &alias)?;
            }
        }
        field.grant_all(desk)?;
        Ok(field)
    }

    /// The broker itself that has this topic.
    fn bootstrap(&self, topic: &str) -> Result<&str> {
        self.scene
            .stage
            .bootstrap(self.place.cluster(topic))
            .context("the cluster was started")
    }

    fn grant_all(&self, desk: &mut Desk) -> Result<()> {
        let (orders, copies) = (
            format!("{}-orders", self.prefix),
            format!("{}-copies", self.prefix),
        );
        let own = format!("{}-app", self.prefix);
        self.grant(desk, &["Read", "Write", "DescribeConfigs"], &["--topic", &orders])?;
        self.grant(desk, &["Read", "Write"], &["--topic", &copies])?;
        let prefixed = ["--resource-pattern-type", "prefixed"];
        self.grant(desk, &["Read"], &[&["--group", &own], &prefixed[..]].concat())?;
        self.grant(
            desk,
            &["Write"],
            &[&["--transactional-id", &own], &prefixed[..]].concat(),
        )?;
        let share = format!("{own}-share");
        let earliest = ["--alter", "--add-config", "share.auto.offset.reset=earliest"];
        let group = ["--entity-type", "groups", "--entity-name", &share];
        self.by_super_user(desk, "kafka-configs", &[&group[..], &earliest].concat())
    }

    fn grant(&self, desk: &mut Desk, operations: &[&str], on: &[&str]) -> Result<()> {
        let principal = format!("User:{}", self.user.username);
        let mut words = vec!["--add", "--force", "--allow-principal", &principal];
        for operation in operations {
            words.extend(["--operation", operation]);
        }
        words.extend(on);
        self.by_super_user(desk, "kafka-acls", &words)
    }

    fn by_super_user(&self, desk: &mut Desk, tool: &str, words: &[&str]) -> Result<()> {
        let at = [
            tool,
            "--bootstrap-server",
            &self.super_user.bootstrap,
            "--command-config",
            &self.super_user.file,
        ];
        desk.ok(&[&at[..], words].concat()).map(drop)
    }

    /// Does what a program asks for with `please`.
    pub(crate) fn please(&self, desk: &mut Desk, what: &str) -> Result<()> {
        let closed = format!("{}-closed", self.prefix);
        match what {
            "grant-write" => self.grant(desk, &["Write"], &["--topic", &closed]),
            "grant-group" => self.grant(desk, &["Read"], &["--group", &closed]),
            "grant-streams" => {
                let own = format!("{}-app", self.prefix);
                let prefixed = ["--resource-pattern-type", "prefixed"];
                self.grant(desk, &["All"], &[&["--topic", &own], &prefixed[..]].concat())?;
                self.grant(desk, &["All"], &[&["--group", &own], &prefixed[..]].concat())
            }
            other => anyhow::bail!("nobody knows how to {other}"),
        }
    }

    /// The scenario that the program reads: properties.
    pub(crate) fn scenario(&self) -> Result<PathBuf> {
        let file =
            self.scene
                .stage
                .directory()
                .join(format!("{}-{}.scenario", self.prefix, self.place.name()));
        let text = format!(
            "bootstrap={}\nprefix={}\nusername={}\npassword={}\nsuper.username={}\nsuper.password={}\nbrokers={}\n",
            self.user.bootstrap,
            self.prefix,
            self.user.username,
            self.user.token,
            self.super_user.username,
            self.super_user.token,
            self.place.brokers()
        );
        fs::write(&file, text)?;
        Ok(file)
    }

    fn stored(&self, desk: &mut Desk, topic: &str) -> Result<Vec<Stored>> {
        let physical = self.place.physical(&format!("{}-{topic}", self.prefix));
        desk.read(self.bootstrap(topic)?, &physical)
    }

    /// Judges on the broker what a step left there. `written` are the codecs of the steps of producing that went well.
    pub(crate) fn check(&self, desk: &mut Desk, step: &str, written: &[&str]) -> Result<()> {
        match step {
            "create-denied" => {
                let at = [
                    "kafka-topics",
                    "--bootstrap-server",
                    self.bootstrap("created")?,
                    "--list",
                ];
                ensure!(
                    !desk.ok(&at)?.contains(&format!("{}-created", self.prefix)),
                    "the topic exists"
                );
            }
            "granted-write" => {
                let stored = self.stored(desk, "closed")?;
                ensure!(
                    stored.len() == 1 && stored[0].value == "granted",
                    "stored: {stored:?}"
                );
            }
            "transaction" => {
                let mut expected: Vec<String> = written
                    .iter()
                    .flat_map(|codec| values(codec))
                    .map(|value| value.to_uppercase())
                    .collect();
                expected.sort();
                let stored = self.stored(desk, "copies")?;
                let mut copies: Vec<String> = stored.into_iter().map(|one| one.value).collect();
                copies.sort();
                ensure!(copies == expected, "stored: {copies:?}");
            }
            _ => {
                if let Some(codec) = codec_of(step) {
                    self.check_records(desk, codec)?;
                }
            }
        }
        Ok(())
    }

    /// Every record of one codec is there once, with its key and its header, in batches of that codec.
    fn check_records(&self, desk: &mut Desk, codec: &str) -> Result<()> {
        let stored: Vec<Stored> = self
            .stored(desk, "orders")?
            .into_iter()
            .filter(|record| record.headers == [format!("codec={codec}")])
            .collect();
        let mut expected: Vec<Stored> = (0..COUNT)
            .map(|n| Stored {
                key: format!("{codec}-key-{n}"),
                value: format!("{codec}-{n}"),
                headers: vec![format!("codec={codec}")],
            })
            .collect();
        expected.sort();
        ensure!(stored == expected, "stored: {stored:?}");
        let batches = self.batches(desk)?;
        let of_codec: Vec<&Batch> = batches
            .iter()
            .filter(|batch| {
                batch
                    .values
                    .iter()
                    .any(|value| value.starts_with(&format!("{codec}-")))
            })
            .collect();
        let compression = if codec == "idempotent" { "none" } else { codec };
        ensure!(
            of_codec.iter().all(|batch| batch.compression == compression),
            "batches: {of_codec:?}"
        );
        ensure!(
            codec != "idempotent" || of_codec.iter().all(|batch| batch.producer >= 0),
            "batches: {of_codec:?}"
        );
        Ok(())
    }

    /// The batches of the orders as they are on disk.
    fn batches(&self, desk: &mut Desk) -> Result<Vec<Batch>> {
        let topic = self.place.physical(&format!("{}-orders", self.prefix));
        let data = self
            .scene
            .stage
            .data_of(self.place.cluster("orders"))
            .context("the cluster was started")?;
        let segments = [0, 1].map(|partition| {
            data.join(format!("1/data/{topic}-{partition}/00000000000000000000.log"))
                .display()
                .to_string()
        });
        desk.batches(&segments)
    }
}

fn values(codec: &str) -> Vec<String> {
    (0..COUNT).map(|n| format!("{codec}-{n}")).collect()
}

/// The CODEC that a step of producing writes.
pub(crate) fn codec_of(step: &str) -> Option<&str> {
    match step {
        "produce" => Some("none"),
        "idempotent" => Some("idempotent"),
        other => other.strip_prefix("produce-"),
    }
}
