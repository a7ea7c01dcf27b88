//! One virtual cluster over two physical clusters while brokers of both and the gateway die: a group keeps its offsets
//! through it and through rebalances, and what an idempotent producer wrote is there once.

use std::process::Child;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use klamm::quickstart::admin;

use crate::program::Program;
use crate::scene::{CLUSTER, Scene, counted};

/// After the last fault the program reads what is left.
const FINISH: Duration = Duration::from_secs(120);

/// Two members at first, and three with each of four that come.
const ASSIGNMENTS: usize = 2 + 4 * 3;

/// So many records more per topic show that work goes on.
const PROGRESS: u64 = 100;

/// How far commits of the two topics have come.
fn committed(said: &str) -> Vec<u64> {
    let last = said
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix("committed "));
    let counts = last.into_iter().flat_map(str::split_whitespace);
    counts.filter_map(|count| count.parse().ok()).collect()
}

fn goes_on(program: &mut Program, after: &str) -> Result<()> {
    let before = committed(&program.said());
    let wanted = |place: usize| before.get(place).copied().unwrap_or(0) + PROGRESS;
    program.shows(&format!("both topics are read after {after}"), |said| {
        let now = committed(said);
        now.len() == 2 && (0..2).all(|place| now[place] >= wanted(place))
    })
}

/// Brokers that were started again.
#[derive(Default)]
struct Brokers(Vec<Child>);

impl Brokers {
    /// Kills the broker of a cluster, has the group change meanwhile, and starts it again.
    fn restart(&mut self, scene: &Scene, program: &mut Program, cluster: &str) -> Result<()> {
        scene.kill_broker(cluster, 1)?;
        program.tell("rebalance")?;
        self.0.push(scene.start_broker(cluster, 1)?);
        goes_on(program, &format!("a restart of {cluster}"))
    }
}

impl Drop for Brokers {
    fn drop(&mut self) {
        for broker in &mut self.0 {
            broker.kill().ok();
            broker.wait().ok();
        }
    }
}

#[test]
fn offsets_and_records_outlive_restarts_of_either_cluster_and_of_the_gateway() -> Result<()> {
    let mut scene = Scene::start(1, "127.0.0.1")?;
    let topics = [(CLUSTER, "left"), ("main", "right")];
    scene.vcluster("lasting", &[])?;
    for (cluster, topic) in topics {
        scene.topic_on(cluster, topic, 2)?;
        let alias = admin::alias("lasting", topic, (cluster, topic));
        scene.stage.admin(1).put("alias-topic", &alias)?;
    }
    let user = scene.login("lasting", "super-user", 1)?;
    let mut brokers = Brokers::default();
    let mut program = Program::start(&scene, "Endurance", &user, &["left", "right"])?;
    goes_on(&mut program, "the start")?;
    program.tell("rebalance")?;
    goes_on(&mut program, "a rebalance")?;
    for (cluster, _) in topics {
        brokers.restart(&scene, &mut program, cluster)?;
    }
    scene.stage.node_mut(1).kill();
    scene.stage.node_mut(1).restart()?;
    goes_on(&mut program, "the gateway was killed")?;
    program.tell("rebalance")?;
    goes_on(&mut program, "one more rebalance")?;
    program.tell("finish")?;
    let said = program.finish(FINISH)?;
    let assignments = said.matches("assigned ").count();
    ensure!(assignments >= ASSIGNMENTS, "{assignments} assignments in all");

    let written = said.lines().find_map(|line| line.strip_prefix("finished "));
    let written: usize = written.context("it says how many it wrote")?.parse()?;
    let wanted: Vec<String> = (0..written).map(|number| number.to_string()).collect();
    for (cluster, topic) in topics {
        let stored = scene.stored_on(cluster, topic)?;
        ensure!(
            counted(&stored) == counted(&wanted),
            "{topic}: {} of {written} records, {} of them different",
            stored.len(),
            counted(&stored).len()
        );
    }
    Ok(())
}
