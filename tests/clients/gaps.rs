//! Clients at their default settings whose gateway node, or whose broker, is killed again and again: for how long each of them
//! hears nothing, and that nothing is lost or doubled; and that they go on through the one node that is left. `make failover`.

use std::collections::BTreeMap;
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use klamm::quickstart::admin;

use super::paced::{ALIAS, Clients, Deed, Said, now_ms, times};
use crate::leases::allow;
use crate::scene::{CLUSTER, Scene, eventually};

const VCLUSTER: &str = "paced";
/// One of the topics is written through the gateway, the other at the brokers.
const THROUGH: &str = "paced-through";
const DIRECT: &str = "paced-direct";

/// Between two kills, so that each finds everything as it usually is.
const SETTLE: Duration = Duration::from_secs(4);

/// Every so many kills, the node that leads the gateway cluster is killed: that holds the others up, too.
const LEADER_EVERY: usize = 3;
/// The leader is restarted so often at most, until the node that serves clients leads.
const MOST_RESTARTS: usize = 8;

/// The longest time without a deed that began after `from`, or lasted until then, and began before `until`.
pub(super) fn longest_gap(times: &[u64], from: u64, until: u64) -> u64 {
    let pairs = times.windows(2).map(|pair| (pair[0], pair[1]));
    let gaps = pairs.filter(|&(before, after)| after > from && before < until);
    gaps.map(|(before, after)| after - before).max().unwrap_or(0)
}

/// The time of a kill, and of when all clients had gone on.
type Span = (u64, u64);

/// How long each client heard nothing around each kill.
fn report(arm: &str, said: &Said, kills: &[Span]) -> Vec<String> {
    let mut lines = Vec::new();
    for (client, said) in said.by_client() {
        for deed in Deed::ALL {
            let times = times(said, deed);
            let gaps = kills
                .iter()
                .map(|&(from, until)| longest_gap(&times, from, until));
            lines.push(format!(
                "{arm:26} {client:12} {:8} {}",
                deed.name(),
                spread(gaps.collect())
            ));
        }
    }
    lines
}

fn spread(mut all: Vec<u64>) -> String {
    all.sort_unstable();
    let at = |percent: usize| {
        all.get((all.len() * percent).div_ceil(100).saturating_sub(1))
            .copied()
            .unwrap_or(0)
    };
    let (half, most, worst) = (at(50), at(99), at(100));
    format!(
        "{:3} kills: half {half:6} ms, p99 {most:6} ms, longest {worst:6} ms",
        all.len()
    )
}

/// The index of the node through which the clients write. After a restart it need not be the one that new clients are sent to.
fn serving(scene: &Scene) -> Result<usize> {
    let nodes = 1..=scene.stage.nodes().len();
    let written = |node: usize| -> Result<u64> {
        let metric = format!("klamm_requests_total{{api=\"Produce\",vcluster=\"{VCLUSTER}\"}} ");
        let metrics = scene.metrics(node)?;
        let count = metrics.lines().find_map(|line| line.strip_prefix(&metric));
        Ok(count.map_or(Ok(0), str::parse)?)
    };
    let before: Vec<u64> = nodes.clone().map(written).collect::<Result<_>>()?;
    thread::sleep(Duration::from_secs(1));
    let after: Vec<u64> = nodes.map(written).collect::<Result<_>>()?;
    let more = before.iter().zip(&after).map(|(before, after)| after - before);
    let (index, most) = more.enumerate().max_by_key(|(_, more)| *more).context("a node")?;
    ensure!(most > 0, "nobody writes through any node");
    Ok(index)
}

/// A gateway node that was killed.
struct NodeKill {
    span: Span,
    /// How long the next change took, in milliseconds.
    change: u64,
    /// Whether it led the gateway cluster.
    was_leader: bool,
}

/// The index of the node that leads the gateway cluster, as another than that one says.
fn leader(scene: &Scene, not: usize) -> Result<usize> {
    let asked = (not + 1) % scene.stage.nodes().len();
    let leader = scene.stage.admin(asked + 1).leader()?;
    leader.checked_sub(1).context("ids begin at 1")
}

/// Restarts leaders in an orderly way until the node that serves the topic leads.
fn have_server_lead(scene: &mut Scene) -> Result<()> {
    for _ in 0..MOST_RESTARTS {
        let server = serving(scene)?;
        let leads = leader(scene, server)?;
        if leads == server {
            return Ok(());
        }
        scene.stage.nodes_mut()[leads].restart()?;
        scene.stage.nodes_mut()[leads].await_ready()?;
        thread::sleep(SETTLE);
    }
    Ok(())
}

/// Kills the node that serves the topic and has another one make a change meanwhile.
fn kill_node(scene: &mut Scene, clients: &mut Clients) -> Result<NodeKill> {
    let victim = serving(scene)?;
    let other = (victim + 1) % scene.stage.nodes().len();
    let was_leader = leader(scene, victim)? == victim;
    let killed = now_ms();
    let begun = Instant::now();
    scene.stage.nodes_mut()[victim].kill();
    let name = format!("after-{killed}");
    eventually("a change is made", || {
        Ok(scene
            .stage
            .admin(other + 1)
            .put("service-account", &admin::account(VCLUSTER, &name))
            .is_ok())
    })?;
    let change = u64::try_from(begun.elapsed().as_millis())?;
    clients.go_on_after(killed)?;
    let gone_on = now_ms();
    scene.stage.nodes_mut()[victim].restart()?;
    scene.stage.nodes_mut()[victim].await_ready()?;
    thread::sleep(SETTLE);
    Ok(NodeKill {
        span: (killed, gone_on),
        change,
        was_leader,
    })
}

/// The topic as a broker describes it.
fn described(scene: &Scene) -> Result<String> {
    scene.direct("kafka-topics", &["--describe", "--topic", DIRECT], "")
}

fn after<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.split(name).nth(1)?.split_whitespace().next()
}

/// Brokers that were started again, by id.
#[derive(Default)]
struct Restarted(BTreeMap<u16, Child>);

impl Restarted {
    /// Kills the broker that leads the topic, and starts it again once all clients have gone on.
    fn kill_leader(&mut self, scene: &Scene, clients: &mut Clients) -> Result<Span> {
        let told = described(scene)?;
        let leader = after(&told, "Leader: ").and_then(|id| id.parse().ok());
        let leader = leader.with_context(|| told.clone())?;
        let killed = now_ms();
        match self.0.remove(&leader) {
            Some(mut broker) => {
                broker.kill()?;
                broker.wait()?;
            }
            None => scene.kill_broker(CLUSTER, leader)?,
        }
        clients.go_on_after(killed)?;
        let gone_on = now_ms();
        self.0.insert(leader, scene.start_broker(CLUSTER, leader)?);
        eventually("the broker is in sync", || {
            let told = described(scene)?;
            Ok(after(&told, "Isr: ").is_some_and(|replicas| replicas.split(',').count() == 3))
        })?;
        thread::sleep(SETTLE);
        Ok((killed, gone_on))
    }
}

impl Drop for Restarted {
    fn drop(&mut self) {
        for broker in self.0.values_mut() {
            broker.kill().ok();
            broker.wait().ok();
        }
    }
}

/// Kills all nodes but the first, which an operator has decide by itself; how long it took until all clients had gone on through it.
fn leave_one(scene: &mut Scene, clients: &mut Clients) -> Result<Duration> {
    let begun = Instant::now();
    for node in &mut scene.stage.nodes_mut()[1..] {
        node.kill();
    }
    allow(scene, 600)?;
    clients.go_on_after(now_ms())?;
    let took = begun.elapsed();
    for node in &mut scene.stage.nodes_mut()[1..] {
        node.restart()?;
        node.await_ready()?;
    }
    Ok(took)
}

fn kill_nodes(scene: &mut Scene, kills: usize) -> Result<Vec<String>> {
    scene.topic(THROUGH, 1)?;
    scene.vcluster(VCLUSTER, &[(ALIAS, THROUGH)])?;
    let user = scene.login(VCLUSTER, "super-user", 1)?;
    let mut clients = Clients::start(scene, "through", (ALIAS, &user.bootstrap), Some(&user))?;
    let mut all = Vec::new();
    for number in 0..kills {
        if number % LEADER_EVERY == 0 {
            have_server_lead(scene)?;
        }
        all.push(kill_node(scene, &mut clients)?);
    }
    let alone = leave_one(scene, &mut clients)?;
    let said = clients.finish(scene, THROUGH)?;
    let mut lines = vec![format!(
        "one node of three is left, and decides: all clients went on after {alone:.1?}"
    )];
    for (who, is_leader) in [
        ("the leading node is killed", true),
        ("another node is killed", false),
    ] {
        let of: Vec<&NodeKill> = all.iter().filter(|kill| kill.was_leader == is_leader).collect();
        let spans: Vec<Span> = of.iter().map(|kill| kill.span).collect();
        lines.extend(report(who, &said, &spans));
        let changes = spread(of.iter().map(|kill| kill.change).collect());
        lines.push(format!("{who:26} the next change       {changes}"));
    }
    Ok(lines)
}

fn kill_brokers(scene: &Scene, kills: usize) -> Result<Vec<String>> {
    scene.topic(DIRECT, 1)?;
    let mut clients = Clients::start(scene, "direct", (DIRECT, scene.physical()), None)?;
    let mut brokers = Restarted::default();
    let spans: Vec<Span> = (0..kills)
        .map(|_| brokers.kill_leader(scene, &mut clients))
        .collect::<Result<_>>()?;
    let said = clients.finish(scene, DIRECT)?;
    Ok(report("a broker is killed", &said, &spans))
}

#[test]
#[ignore = "takes minutes: make failover"]
fn clients_go_on_when_what_serves_them_is_killed() -> Result<()> {
    let kills = std::env::var("KLAMM_KILLS").map_or(Ok(10), |kills| kills.parse())?;
    let mut scene = Scene::nodes_before(3, &["--nodes", "3"])?;
    for line in kill_nodes(&mut scene, kills)? {
        println!("{line}");
    }
    for line in kill_brokers(&scene, kills)? {
        println!("{line}");
    }
    Ok(())
}

#[test]
fn a_gap_counts_where_it_is_about_the_kill() {
    let times = [10, 20, 30, 530, 540, 1540];
    assert_eq!(longest_gap(&times, 100, 535), 500);
    assert_eq!(longest_gap(&times, 31, 600), 1000);
    assert_eq!(
        longest_gap(&times, 5, 25),
        10,
        "later ones are about something else"
    );
    assert_eq!(
        spread(vec![5, 1, 3]),
        "  3 kills: half      3 ms, p99      5 ms, longest      5 ms"
    );
}
