//! Three nodes, one killed in the middle of everything: nothing acknowledged is lost or doubled, clients finish alone.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::{Context, Result, ensure};
use kafka_protocol::messages::delete_acls_request::DeleteAclsFilter;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::{
    DeleteAclsRequest, DeleteAclsResponse, FetchRequest, FetchResponse, HeartbeatRequest, MetadataRequest,
    TopicName,
};
use kafka_protocol::protocol::StrBytes;
use klamm::quickstart::child::{self, Output};
use klamm::quickstart::node::GatewayNode;
use serde_json::Value;

use crate::access_tokens;
use crate::leases;
use crate::scene::{LIMIT, Login, Scene, counted, eventually, lines, script};
use crate::wire::{Wire, plain};

/// How many records the producer sends, and how many per second: about eight seconds of traffic.
pub(crate) const RECORDS: usize = 4_000;
const RATE: &str = "500";

/// The error of a broker that could not find out in time.
const REQUEST_TIMED_OUT: i16 = 7;

/// The error of a broker for a partition that another one leads now.
const NOT_LEADER_OR_FOLLOWER: i16 = 6;

/// The name of the event that the producer prints for each record that was acknowledged.
const ACKNOWLEDGED: &str = "producer_send_success";

/// A started tool whose output goes to a file.
pub(crate) struct Running {
    process: Child,
    log: std::path::PathBuf,
}

impl Running {
    fn start(scene: &Scene, name: &str, words: &str) -> Result<Self> {
        let log = scene.stage.directory().join(format!("{name}.out"));
        let errors = std::fs::File::create(log.with_extension("err"))?;
        let mut command = script("tool");
        command
            .args(words.split_whitespace())
            .stdin(Stdio::null())
            .stdout(std::fs::File::create(&log)?)
            .stderr(errors);
        Ok(Self {
            process: child::start(command)?,
            log,
        })
    }

    pub(crate) fn output(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// How many records the producer was told are stored.
    pub(crate) fn acknowledged(&self) -> usize {
        self.output().matches(ACKNOWLEDGED).count()
    }

    /// Ends a tool that has no end of its own.
    pub(crate) fn end(mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }

    pub(crate) fn finish(mut self) -> Result<String> {
        let ended = child::wait(&mut self.process, LIMIT);
        if ended.is_none() {
            self.process.kill().ok();
        }
        let errors = std::fs::read_to_string(self.log.with_extension("err")).unwrap_or_default();
        let status =
            ended.with_context(|| format!("{} hangs: {}", self.log.display(), child::log_end(&errors)))?;
        ensure!(
            status.success(),
            "{}: {status}: {}",
            self.log.display(),
            child::log_end(&errors)
        );
        Ok(self.output())
    }
}

/// Which node goes, and how.
#[derive(Debug, Clone, Copy)]
enum Victim {
    /// The one that leads the Raft group is killed.
    Leader,
    /// The one that the clients of the partner are sent to is killed.
    Serving,
    /// The node is asked to stop.
    Asked,
}

/// The index of the node that leads.
fn leader(scene: &Scene) -> Result<usize> {
    Ok(scene.stage.admin(1).leader()? - 1)
}

/// The address that is advertised for the broker.
fn broker(scene: &Scene, user: &Login) -> Result<String> {
    let metadata = scene.kcat(user, &["-L"], "")?.stdout;
    let broker = metadata
        .lines()
        .find(|line| line.trim_start().starts_with("broker "))
        .context("a broker")?;
    let address = broker.split(" at ").nth(1).context("an address")?;
    Ok(address
        .split_whitespace()
        .next()
        .context("an address")?
        .to_owned())
}

/// The index of the node whose ports are advertised for the broker.
fn serving(scene: &Scene, user: &Login) -> Result<usize> {
    let port: u16 = broker(scene, user)?
        .rsplit(':')
        .next()
        .context("a port")?
        .parse()?;
    let serves = |start: u16, count: u16| (start..start + count).contains(&port);
    let mut nodes = scene.stage.nodes().iter().map(|node| node.settings());
    nodes
        .position(|node| serves(node.port_start, node.port_count))
        .with_context(|| format!("no node has port {port}"))
}

/// Adds ACLs one after the other until told to end; returns the principals whose ACL was acknowledged.
fn change_acls(scene: &Scene, user: &Login, ended: &AtomicBool) -> Result<Vec<String>> {
    let mut acknowledged = Vec::new();
    for number in 0.. {
        if ended.load(Ordering::Relaxed) {
            break;
        }
        let principal = format!("User:p{number}");
        let add = [
            "--add",
            "--allow-principal",
            &principal,
            "--operation",
            "Read",
            "--topic",
            "orders",
        ];
        let output: Output = scene.client(user, "kafka-acls", &add, "")?;
        if output.status.success() {
            acknowledged.push(principal);
        }
    }
    Ok(acknowledged)
}

fn start() -> Result<Scene> {
    Scene::start(3, "127.0.0.1")
}

fn check(mut scene: Scene, victim: Victim) -> Result<()> {
    scene.topic("orders-physical", 2)?;
    scene.vcluster("failover", &[("orders", "orders-physical")])?;
    // Every node's address, as a GET of the virtual cluster tells them.
    let user = scene.login("failover", "super-user", 1)?;

    let producer = start_producer(&scene, &user)?;
    let consumer = start_consumer(&scene, &user)?;
    let acls = change_acls_while_a_node_dies(&scene, &user, &producer, victim)?;
    let events = producer.finish()?;
    let errors: Vec<&str> = events
        .lines()
        .filter(|line| line.contains("error"))
        .take(3)
        .collect();
    ensure!(
        errors.is_empty(),
        "the producer did not finish by itself: {errors:?}"
    );
    let sent = acknowledged(&events);
    nothing_lost_or_doubled(&sent, &scene.stored("orders-physical")?)?;
    consumer_has_all(&consumer, &sent, victim)?;
    consumer.end();

    ensure!(
        acls.len() > 1,
        "only {} changes of ACLs were acknowledged",
        acls.len()
    );
    let listed = scene.client_ok(&user, "kafka-acls", &["--list"])?;
    let gone: Vec<_> = acls
        .iter()
        .filter(|name| !listed.contains(&format!("principal={name},")))
        .collect();
    ensure!(gone.is_empty(), "acknowledged ACLs are gone: {gone:?}");
    the_node_catches_up(&mut scene, victim, &acls)?;
    match victim {
        Victim::Asked => a_node_that_is_alone_says_so(&scene, &user),
        Victim::Leader => no_client_is_sent_to_a_port_that_is_taken(&scene),
        Victim::Serving => leases::a_node_that_was_paused_allows_nothing_that_was_taken_away(&scene),
    }
}

/// Clients are sent to other nodes instead of a port that one cannot open, and to that one again once the port is open.
fn no_client_is_sent_to_a_port_that_is_taken(scene: &Scene) -> Result<()> {
    const NODE: usize = 1;
    let ports = {
        let node = scene.stage.nodes()[NODE].settings();
        node.port_start..node.port_start + node.port_count
    };
    let taken: Vec<TcpListener> = ports
        .clone()
        .filter_map(|port| TcpListener::bind(("127.0.0.1", port)).ok())
        .collect();
    ensure!(!taken.is_empty(), "no port is free");
    scene.vcluster("taken", &[("orders", "orders-physical")])?;
    let told = |node: usize| -> Result<(usize, bool)> {
        let servers = scene.stage.admin(node).bootstrap("taken")?;
        let told: Vec<u16> = servers
            .split(',')
            .map(|server| Ok(server.rsplit(':').next().context("a port")?.parse()?))
            .collect::<Result<_>>()?;
        Ok((told.len(), told.iter().any(|port| ports.contains(port))))
    };
    for node in 1..=scene.stage.nodes().len() {
        eventually("the others are told", || Ok(told(node)? == (2, false)))?;
    }
    let user = scene.login("taken", "super-user", 1)?;
    // The addresses of brokers come a little later.
    eventually("no client is sent there", || Ok(serving(scene, &user)? != NODE))?;
    drop(taken);
    eventually("all are told", || Ok(told(1)? == (3, true)))
}

/// An idempotent producer that goes on until all is acknowledged; the tool itself would not retry.
pub(crate) fn start_producer(scene: &Scene, user: &Login) -> Result<Running> {
    let file = scene.stage.directory().join("idempotent.properties");
    let properties = std::fs::read_to_string(&user.file)? + "enable.idempotence=true\nretries=2147483647\n";
    std::fs::write(&file, properties)?;
    let (bootstrap, file) = (&user.bootstrap, file.display());
    let tool = format!("kafka-verifiable-producer --bootstrap-server {bootstrap} --command-config {file}");
    let load = format!("--topic orders --max-messages {RECORDS} --throughput {RATE} --acks -1");
    Running::start(scene, "producer", &format!("{tool} {load}"))
}

pub(crate) fn start_consumer(scene: &Scene, user: &Login) -> Result<Running> {
    let (bootstrap, file) = (&user.bootstrap, &user.file);
    let tool = format!("kafka-console-consumer --bootstrap-server {bootstrap} --command-config {file}");
    let load = "--topic orders --group app --from-beginning";
    Running::start(scene, "consumer", &format!("{tool} {load}"))
}

/// Kills the victim once the producer is well under way, and returns when it is nearly done: the acknowledged ACLs.
fn change_acls_while_a_node_dies(
    scene: &Scene,
    user: &Login,
    producer: &Running,
    victim: Victim,
) -> Result<Vec<String>> {
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        let changes = scope.spawn(|| change_acls(scene, user, &ended));
        let killed = kill_when_under_way(scene, user, producer, victim);
        let produced = killed.and_then(|()| {
            eventually("the producer goes on", || {
                Ok(producer.acknowledged() >= RECORDS * 7 / 8)
            })
        });
        ended.store(true, Ordering::Relaxed);
        let acls = changes
            .join()
            .map_err(|_| anyhow::anyhow!("the thread that changes ACLs panicked"))?;
        produced.and(acls)
    })
}

fn kill_when_under_way(scene: &Scene, user: &Login, producer: &Running, victim: Victim) -> Result<()> {
    eventually("the producer runs", || Ok(producer.acknowledged() > RECORDS / 8))?;
    let index = match victim {
        Victim::Leader => leader(scene)?,
        Victim::Serving | Victim::Asked => serving(scene, user)?,
    };
    let signal = if matches!(victim, Victim::Asked) {
        "-TERM"
    } else {
        "-KILL"
    };
    let address = broker(scene, user)?;
    let mut fetcher = Wire::connect(&address)?;
    fetcher.log_in("PLAIN", &plain(&user.username, &user.token))?;
    let pid = scene.stage.nodes()[index].pid().to_string();
    let status = std::process::Command::new("kill").args([signal, &pid]).status()?;
    ensure!(status.success(), "no process {pid}");
    match victim {
        Victim::Asked => is_sent_elsewhere(&mut fetcher, &address),
        Victim::Leader | Victim::Serving => Ok(()),
    }
}

/// A client that fetches is told that its broker is elsewhere, hears where when it asks, and loses the connection only
/// then. A Java client that loses the only broker it knows otherwise forgets its topics, and its consumers rejoin.
fn is_sent_elsewhere(fetcher: &mut Wire, old: &str) -> Result<()> {
    let partition = FetchPartition::default().with_partition_max_bytes(1);
    let topic = FetchTopic::default()
        .with_topic(TopicName(StrBytes::from_static_str("orders")))
        .with_partitions(vec![partition]);
    let fetch = FetchRequest::default()
        .with_max_wait_ms(100)
        .with_session_epoch(-1)
        .with_topics(vec![topic]);
    eventually("the broker is said to be elsewhere", || {
        let answer: FetchResponse = fetcher.ask(11, &fetch).context("cut off without a word")?;
        let topic = answer.responses.first().context("a topic")?;
        let error = topic.partitions.first().context("a partition")?.error_code;
        ensure!(error == 0 || error == NOT_LEADER_OR_FOLLOWER, "error {error}");
        Ok(error == NOT_LEADER_OR_FOLLOWER)
    })?;
    let told = fetcher.ask(1, &MetadataRequest::default().with_topics(None))?;
    let new: Vec<String> = told
        .brokers
        .iter()
        .map(|broker| format!("{}:{}", broker.host, broker.port))
        .collect();
    ensure!(
        !new.is_empty() && new.iter().all(|address| address != old),
        "the broker was at {old} and is at {new:?}"
    );
    let beat = fetcher.ask(0, &HeartbeatRequest::default());
    ensure!(beat.is_err(), "the connection goes on: {beat:?}");
    Ok(())
}

pub(crate) fn nothing_lost_or_doubled(sent: &[String], stored: &[String]) -> Result<()> {
    ensure!(
        sent.len() == RECORDS,
        "{} of {RECORDS} records were acknowledged",
        sent.len()
    );
    let twice: Vec<_> = counted(stored)
        .into_iter()
        .filter(|(_, count)| *count > 1)
        .collect();
    ensure!(twice.is_empty(), "stored more than once: {twice:?}");
    let kept: BTreeSet<&str> = stored.iter().map(String::as_str).collect();
    let lost: Vec<_> = sent
        .iter()
        .filter(|value| !kept.contains(value.as_str()))
        .collect();
    ensure!(lost.is_empty(), "acknowledged but not stored: {lost:?}");
    Ok(())
}

/// A consumer misses nothing. Where a node dies it may see a record again, if its group rebalances before its first
/// commit; a node that drains makes no group rebalance.
fn consumer_has_all(consumer: &Running, sent: &[String], victim: Victim) -> Result<()> {
    let mut read = Vec::new();
    eventually("the consumer has every record", || {
        read = lines(&consumer.output());
        let read: BTreeSet<&str> = read.iter().map(String::as_str).collect();
        Ok(sent.iter().all(|value| read.contains(value.as_str())))
    })?;
    let again = counted(&read).into_values().filter(|count| *count > 1).count();
    ensure!(
        again == 0 || !matches!(victim, Victim::Asked),
        "{again} records were read again"
    );
    Ok(())
}

/// The node that went comes back with its data and serves what it missed.
fn the_node_catches_up(scene: &mut Scene, victim: Victim, acls: &[String]) -> Result<()> {
    let mut gone = None;
    eventually("a node has ended", || {
        let ended = |node: &mut GatewayNode| node.ended();
        gone = scene
            .stage
            .nodes_mut()
            .iter_mut()
            .map(ended)
            .enumerate()
            .find_map(|(index, status)| Some((index, status?)));
        Ok(gone.is_some())
    })?;
    let (dead, status) = gone.context("a node that has ended")?;
    ensure!(
        status.success() == matches!(victim, Victim::Asked),
        "the node ended with {status}"
    );
    scene.stage.nodes_mut()[dead].restart()?;
    scene.stage.nodes_mut()[dead].await_ready()?;
    let user = scene.login("failover", "super-user", dead + 1)?;
    let listed = scene.client_ok(&user, "kafka-acls", &["--list"])?;
    let last = acls.last().context("an ACL")?;
    ensure!(
        listed.contains(&format!("principal={last},")),
        "{last} is missing after the restart: {listed}"
    );
    Ok(())
}

/// Deletes the ACLs of somebody who has none, at the first node: 0, and nothing matched, is the answer of one that knows.
fn delete_nothing(user: &Login) -> Result<DeleteAclsResponse> {
    let mut wire = Wire::connect(&user.bootstrap)?;
    wire.log_in("PLAIN", &plain(&user.username, &user.token))?;
    let filter = DeleteAclsFilter::default()
        .with_resource_type_filter(1)
        .with_pattern_type_filter(1)
        .with_principal_filter(Some(StrBytes::from_static_str("User:nobody")))
        .with_operation(1)
        .with_permission_type(1);
    wire.ask(1, &DeleteAclsRequest::default().with_filters(vec![filter]))
}

/// While the others are paused, the first node cannot know what they have acknowledged. What it would take for the truth
/// it keeps to itself: `nothing matched` could be an ACL that goes on allowing.
fn a_node_that_is_alone_says_so(scene: &Scene, user: &Login) -> Result<()> {
    let others: Vec<String> = scene.stage.nodes()[1..]
        .iter()
        .map(|node| node.pid().to_string())
        .collect();
    let signal = |signal: &str| -> Result<()> {
        let status = std::process::Command::new("kill")
            .arg(signal)
            .args(&others)
            .status()?;
        ensure!(status.success(), "kill {signal} {others:?}");
        Ok(())
    };
    let list = || {
        scene
            .stage
            .admin(1)
            .call("GET", "service-account?vcluster=failover", None)
    };
    signal("-STOP")?;
    let told = thread::scope(|scope| {
        let listed = scope.spawn(list);
        let told = (delete_nothing(user), listed.join());
        let alone = leases::a_node_that_hears_no_leader_decides_nothing(scene, user);
        (told, alone)
    });
    signal("-CONT")?;
    let ((deleted, listed), alone) = told;
    alone?;
    let result = deleted?.filter_results.into_iter().next().context("a result")?;
    ensure!(result.error_code == REQUEST_TIMED_OUT, "{result:?}");
    let listed = listed.map_err(|_| anyhow::anyhow!("the thread that lists panicked"))??;
    ensure!(
        listed.status == 503 && listed.body.contains("cannot confirm that it is up to date"),
        "{listed:?}"
    );
    eventually("the first node is up to date again", || {
        let knows = delete_nothing(user)?
            .filter_results
            .first()
            .map(|result| result.error_code);
        Ok(knows == Some(0) && list()?.status == 200)
    })
}

/// The values of the records that the producer was told are stored.
pub(crate) fn acknowledged(output: &str) -> Vec<String> {
    let events = output
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let successes = events.filter(|event| event["name"] == ACKNOWLEDGED);
    successes
        .filter_map(|event| event["value"].as_str().map(str::to_owned))
        .collect()
}

#[test]
fn a_node_that_is_asked_to_stop_drains() -> Result<()> {
    let scene = start()?;
    // On all nodes at once, which are up for something else here.
    access_tokens::come_and_go(&scene)?;
    check(scene, Victim::Asked)
}

#[test]
fn the_leader_dies() -> Result<()> {
    check(start()?, Victim::Leader)
}

#[test]
fn the_node_that_serves_the_clients_dies() -> Result<()> {
    check(start()?, Victim::Serving)
}
