//! Quotas by Kafka's own tools, and how stock clients fare that have one: slower, and nothing is lost. Only ratios are asked
//! of the machine.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use klamm::quickstart::admin;
use serde_json::json;

use crate::scene::{IDLE_MS, Login, Scene, counted, lines};

/// Bytes in a second.
const RATE: u64 = 100_000;
/// Records of a hundred bytes, of which so many are four times what is allowed in a second.
const RECORDS: usize = 4_000;

fn setup(scene: &Scene, name: &str) -> Result<(Login, Login)> {
    let physical = format!("{name}-physical");
    scene.topic(&physical, 1)?;
    scene.vcluster(name, &[("orders", &physical)])?;
    let boss = scene.login(name, "super-user", 1)?;
    scene.client_ok(
        &boss,
        "kafka-acls",
        &[
            "--add",
            "--allow-principal",
            "User:partner",
            "--operation",
            "All",
            "--topic",
            "*",
            "--group",
            "*",
        ],
    )?;
    let partner = scene.login(name, "partner", 1)?;
    Ok((boss, partner))
}

fn alter(scene: &Scene, boss: &Login, entity: &[&str], change: &[&str]) -> Result<String> {
    scene.client_ok(boss, "kafka-configs", &[&["--alter"], entity, change].concat())
}

fn describe(scene: &Scene, boss: &Login, entity: &[&str]) -> Result<String> {
    scene.client_ok(boss, "kafka-configs", &[&["--describe"], entity].concat())
}

fn records() -> Vec<String> {
    (0..RECORDS).map(|number| format!("{number:0>100}")).collect()
}

/// The least time that all records take: a second's worth is had at once, and a request more.
fn least() -> Duration {
    let bytes = 100 * RECORDS as u64;
    Duration::from_secs_f64(bytes as f64 / RATE as f64 - 1.5)
}

fn timed<T>(done: impl FnOnce() -> Result<T>) -> Result<(T, Duration)> {
    let begun = Instant::now();
    Ok((done()?, begun.elapsed()))
}

#[test]
fn kafkas_own_tools_put_and_show_quotas() -> Result<()> {
    let scene = Scene::shared()?;
    let (boss, partner) = setup(&scene, "quotas-shown")?;
    let users = |name: &'static str| ["--entity-type", "users", "--entity-name", name];
    let put = ["--add-config", "producer_byte_rate=1000,consumer_byte_rate=2000"];
    alter(&scene, &boss, &users("partner"), &put)?;
    let shown = describe(&scene, &boss, &users("partner"))?;
    ensure!(
        shown.contains("user-principal 'partner'")
            && shown.contains("producer_byte_rate=1000.0")
            && shown.contains("consumer_byte_rate=2000.0"),
        "{shown}"
    );
    let pair = [
        "--entity-type",
        "users",
        "--entity-default",
        "--entity-type",
        "clients",
        "--entity-name",
        "app",
    ];
    alter(&scene, &boss, &pair, &["--add-config", "request_percentage=12.5"])?;
    let shown = describe(&scene, &boss, &pair)?;
    ensure!(
        shown.contains("default user-principal, client-id 'app'")
            && shown.contains("request_percentage=12.5"),
        "{shown}"
    );
    let ips = ["--entity-type", "ips", "--entity-default"];
    alter(
        &scene,
        &boss,
        &ips,
        &["--add-config", "connection_creation_rate=1000"],
    )?;
    let shown = describe(&scene, &boss, &ips)?;
    ensure!(shown.contains("connection_creation_rate=1000.0"), "{shown}");
    let all = describe(&scene, &boss, &["--entity-type", "users"])?;
    ensure!(all.contains("'partner'") && !all.contains("'app'"), "{all}");

    others_do_not(&scene, (&boss, &partner))?;
    let taken = ["--delete-config", "producer_byte_rate,consumer_byte_rate"];
    alter(&scene, &boss, &users("partner"), &taken)?;
    let shown = describe(&scene, &boss, &users("partner"))?;
    ensure!(!shown.contains("byte_rate"), "{shown}");
    Ok(())
}

/// Another virtual cluster has quotas of its own, who has no right to it does not change them, and what cannot be is refused.
fn others_do_not(scene: &Scene, (boss, partner): (&Login, &Login)) -> Result<()> {
    let users = ["--entity-type", "users", "--entity-name", "partner"];
    let put = ["--add-config", "producer_byte_rate=1000"];
    // Those of another virtual cluster are its own.
    let (other, _) = setup(scene, "quotas-elsewhere")?;
    let none = describe(scene, &other, &["--entity-type", "users"])?;
    ensure!(!none.contains("byte_rate"), "{none}");
    // Who has no right to it neither changes nor sees them.
    let refused = scene.client(
        partner,
        "kafka-configs",
        &[&["--alter"], &users[..], &put].concat(),
        "",
    )?;
    ensure!(
        refused.all().contains("ClusterAuthorizationException"),
        "{}",
        refused.all()
    );
    let wrong = scene.client(
        boss,
        "kafka-configs",
        &[
            &["--alter"],
            &users[..],
            &["--add-config", "producer_byte_rate=-1"],
        ]
        .concat(),
        "",
    )?;
    ensure!(
        wrong
            .all()
            .contains("Quota producer_byte_rate must be greater than 0"),
        "{}",
        wrong.all()
    );
    Ok(())
}

#[test]
fn java_clients_are_held_to_their_quotas_and_lose_nothing() -> Result<()> {
    let scene = Scene::shared()?;
    let (boss, partner) = setup(&scene, "quotas-java")?;
    let rate = format!("producer_byte_rate={RATE},consumer_byte_rate={RATE}");
    let user = ["--entity-type", "users", "--entity-name", "partner"];
    alter(&scene, &boss, &user, &["--add-config", &rate])?;
    let records = records();
    let produce = [
        "--topic",
        "orders",
        "--command-property",
        "batch.size=10000",
        "--command-property",
        "enable.idempotence=true",
    ];
    let (produced, took) =
        timed(|| scene.client(&partner, "kafka-console-producer", &produce, &records.join("\n")))?;
    ensure!(!produced.stderr.contains("ERROR"), "{}", produced.all());
    ensure!(took >= least(), "produced in {took:?}");
    ensure!(counted(&scene.stored("quotas-java-physical")?) == counted(&records));

    let count = RECORDS.to_string();
    let consume = [
        "--topic",
        "orders",
        "--from-beginning",
        "--group",
        "app",
        "--max-messages",
        &count,
        "--timeout-ms",
        "60000",
        "--command-property",
        "max.partition.fetch.bytes=20000",
    ];
    let (read, took) = timed(|| scene.client(&partner, "kafka-console-consumer", &consume, ""))?;
    ensure!(
        counted(&lines(&read.stdout)) == counted(&records),
        "{}",
        read.stderr
    );
    ensure!(took >= least(), "consumed in {took:?}");
    let metrics = scene.metrics(1)?;
    for quota in ["producer_byte_rate", "consumer_byte_rate"] {
        let line = format!("klamm_throttle_seconds_count{{quota=\"{quota}\",vcluster=\"quotas-java\"}}");
        ensure!(metrics.contains(&line), "{quota}");
    }
    // Others have none.
    let unlimited = scene.client(
        &boss,
        "kafka-console-consumer",
        &[
            "--topic",
            "orders",
            "--from-beginning",
            "--max-messages",
            &count,
            "--timeout-ms",
            IDLE_MS,
        ],
        "",
    )?;
    ensure!(counted(&lines(&unlimited.stdout)) == counted(&records));
    Ok(())
}

#[test]
fn librdkafka_is_held_to_a_quota_of_its_client_id() -> Result<()> {
    let scene = Scene::shared()?;
    let (boss, partner) = setup(&scene, "quotas-kcat")?;
    let rate = format!("producer_byte_rate={RATE},consumer_byte_rate={RATE}");
    let client = ["--entity-type", "clients", "--entity-name", "slow"];
    alter(&scene, &boss, &client, &["--add-config", &rate])?;
    let records = records();
    let produce = [
        "-P",
        "-t",
        "orders",
        "-X",
        "client.id=slow",
        "-X",
        "batch.size=10000",
        "-X",
        "enable.idempotence=true",
    ];
    let (produced, took) = timed(|| scene.kcat(&partner, &produce, &records.join("\n")))?;
    ensure!(produced.status.success(), "{}", produced.all());
    ensure!(took >= least(), "produced in {took:?}");
    ensure!(counted(&scene.stored("quotas-kcat-physical")?) == counted(&records));
    let consume = [
        "-C",
        "-t",
        "orders",
        "-o",
        "beginning",
        "-e",
        "-q",
        "-X",
        "client.id=slow",
        "-X",
        "fetch.message.max.bytes=20000",
    ];
    let (read, took) = timed(|| scene.kcat(&partner, &consume, ""))?;
    ensure!(
        counted(&lines(&read.stdout)) == counted(&records),
        "{}",
        read.stderr
    );
    ensure!(took >= least(), "consumed in {took:?}");
    Ok(())
}

/// Limits of a virtual cluster hold for all of its clients together, who see them and cannot raise them.
#[test]
fn limits_of_a_virtual_cluster_are_seen_and_hold_for_all_of_it() -> Result<()> {
    let scene = Scene::shared()?;
    let (boss, partner) = setup(&scene, "quotas-limited")?;
    let mut limited = admin::vcluster("quotas-limited", "super-user");
    limited["spec"]["limits"] = json!({ "bytesInPerSecond": RATE, "connections": 50 });
    scene.stage.admin(1).put("virtual-cluster", &limited)?;
    let all = ["--entity-type", "users", "--entity-default"];
    let shown = describe(&scene, &boss, &all)?;
    ensure!(
        shown.contains("default user-principal") && shown.contains("producer_byte_rate=100000.0"),
        "{shown}"
    );
    let more = ["--add-config", "producer_byte_rate=100001"];
    let raise = [&["--alter"], &all[..], &more].concat();
    let refused = scene.client(&boss, "kafka-configs", &raise, "")?.all();
    ensure!(
        refused.contains("PolicyViolationException") && refused.contains("bytesInPerSecond 100000"),
        "{refused}"
    );

    let records = records();
    let produce = ["-P", "-t", "orders", "-X", "batch.size=10000"];
    let (half, rest) = records.split_at(RECORDS / 2);
    let (produced, took) = timed(|| {
        thread::scope(|scope| {
            let other = scope.spawn(|| scene.kcat(&boss, &produce, &rest.join("\n")));
            let one = scene.kcat(&partner, &produce, &half.join("\n"))?;
            let other = other.join().expect("the other does not panic")?;
            Ok([one, other])
        })
    })?;
    ensure!(
        produced.iter().all(|produced| produced.status.success()),
        "{produced:?}"
    );
    ensure!(took >= least(), "produced in {took:?}");
    ensure!(counted(&scene.stored("quotas-limited-physical")?) == counted(&records));
    Ok(())
}

/// All connections of the client are on one node, which lets it have nearly all of its quota: with an equal part, it would take three
/// times as long.
/// A machine that is busy with other things lets a client have less, so this is a command of its own: `make quotas`.
#[test]
#[ignore = "takes the machine to itself: make quotas"]
fn three_nodes_share_a_quota_as_it_is_wanted() -> Result<()> {
    let scene = Scene::start(3, "127.0.0.1")?;
    let (boss, partner) = setup(&scene, "quotas-shared")?;
    let rate = 20_000;
    let user = ["--entity-type", "users", "--entity-name", "partner"];
    let put = format!("producer_byte_rate={rate}");
    alter(&scene, &boss, &user, &["--add-config", &put])?;
    let records = records();
    let produce = ["-P", "-t", "orders", "-X", "batch.size=4000"];
    let (produced, took) = timed(|| scene.kcat(&partner, &produce, &records.join("\n")))?;
    ensure!(produced.status.success(), "{}", produced.all());
    ensure!(counted(&scene.stored("quotas-shared-physical")?) == counted(&records));
    let whole = Duration::from_secs_f64(100.0 * RECORDS as f64 / f64::from(rate));
    ensure!(
        took >= whole.mul_f64(0.85) && took <= whole.mul_f64(2.0),
        "produced in {took:?}, where the quota allows {whole:?}"
    );
    Ok(())
}
