//! The stock consumer in the kinds of groups that came after the classic one.

use anyhow::{Result, ensure};

use crate::program::Program;
use crate::scene::{IDLE_MS, LIMIT, Login, Scene, counted, eventually, json, lines};

const RECORDS: [&str; 4] = ["one", "two", "three", "four"];

#[test]
fn a_consumer_group_of_the_new_protocol_reads_through_an_alias() -> Result<()> {
    let scene = Scene::shared()?;
    scene.topic("protocol-physical", 2)?;
    scene.direct(
        "kafka-console-producer",
        &["--topic", "protocol-physical"],
        &RECORDS.join("\n"),
    )?;
    scene.vcluster("protocol", &[("orders", "protocol-physical")])?;
    let user = scene.login("protocol", "super-user", 1)?;
    let group = ["--group", "app", "--command-property", "group.protocol=consumer"];
    let read = [
        "--topic",
        "orders",
        "--from-beginning",
        "--max-messages",
        "4",
        "--timeout-ms",
        IDLE_MS,
    ];
    let read = scene.client(&user, "kafka-console-consumer", &[&read[..], &group].concat(), "")?;
    ensure!(
        counted(&lines(&read.stdout)) == counted(&RECORDS.map(str::to_owned)),
        "{}",
        read.all()
    );

    let described = scene.client_ok(&user, "kafka-consumer-groups", &["--describe", "--group", "app"])?;
    let lags = described.lines().filter(|line| line.contains("orders")).count();
    ensure!(
        lags == 2 && !described.contains("protocol-physical"),
        "{described}"
    );
    let state = ["--describe", "--group", "app", "--state"];
    let state = scene.client_ok(&user, "kafka-consumer-groups", &state)?;
    ensure!(state.contains("uniform"), "an assignor of the broker: {state}");
    let listed = ["--list", "--type", "consumer"];
    let listed = lines(&scene.client_ok(&user, "kafka-consumer-groups", &listed)?);
    ensure!(
        listed.len() == 2 && listed[1].starts_with("app "),
        "a heading and one group: {listed:?}"
    );
    Ok(())
}

/// A share group begins with what comes after it, unless it is told to begin with what is there.
fn from_the_beginning(scene: &Scene, group: &str) -> Result<()> {
    let earliest = ["--add-config", "share.auto.offset.reset=earliest"];
    scene.direct(
        "kafka-configs",
        &[&["--alter", "--group", group], &earliest[..]].concat(),
        "",
    )?;
    Ok(())
}

/// How many lines tell of the topic.
fn of_orders(said: &str) -> usize {
    lines(said).iter().filter(|line| line.contains("orders")).count()
}

#[test]
fn a_share_group_reads_through_an_alias() -> Result<()> {
    let scene = Scene::shared()?;
    scene.topic("shared-physical", 2)?;
    scene.vcluster("sharing", &[("orders", "shared-physical")])?;
    let user = scene.login("sharing", "super-user", 1)?;
    from_the_beginning(&scene, "sharing:app")?;
    scene.direct(
        "kafka-console-producer",
        &["--topic", "shared-physical"],
        &RECORDS.join("\n"),
    )?;
    let read = [
        "--topic",
        "orders",
        "--group",
        "app",
        "--max-messages",
        "4",
        "--timeout-ms",
        IDLE_MS,
    ];
    let read = scene.client(&user, "kafka-console-share-consumer", &read, "")?;
    ensure!(
        counted(&lines(&read.stdout)) == counted(&RECORDS.map(str::to_owned)),
        "{}",
        read.all()
    );
    let described = scene.client_ok(
        &user,
        "kafka-share-groups",
        &["--describe", "--group", "app", "--state"],
    )?;
    ensure!(
        described.contains("app") && !described.contains("sharing:"),
        "{described}"
    );
    share_offsets(&scene, &user)
}

/// The offsets of the share group are described, set back and deleted, and then the group.
fn share_offsets(scene: &Scene, user: &Login) -> Result<()> {
    let groups = |arguments: &[&str]| {
        let group = [arguments, &["--group", "app"][..]].concat();
        scene.client_ok(user, "kafka-share-groups", &group)
    };
    let offsets = groups(&["--describe", "--offsets"])?;
    ensure!(
        of_orders(&offsets) == 2 && !offsets.contains("physical"),
        "{offsets}"
    );
    let reset = [
        "--reset-offsets",
        "--topic",
        "orders",
        "--to-earliest",
        "--execute",
    ];
    let reset = groups(&reset)?;
    ensure!(of_orders(&reset) == 2, "{reset}");
    let deleted = groups(&["--delete-offsets", "--topic", "orders"])?;
    ensure!(
        of_orders(&deleted) == 1 && deleted.contains("Successful"),
        "{deleted}"
    );
    ensure!(
        of_orders(&groups(&["--describe", "--offsets"])?) == 0,
        "they are gone"
    );
    groups(&["--delete"])?;
    let left = scene.client_ok(user, "kafka-share-groups", &["--list"])?;
    ensure!(!left.contains("app"), "{left}");
    Ok(())
}

#[test]
fn a_share_consumer_goes_on_when_one_of_its_topics_is_deleted() -> Result<()> {
    let scene = Scene::shared()?;
    for topic in ["staying-physical", "leaving-physical"] {
        scene.topic(topic, 1)?;
    }
    scene.vcluster(
        "leaving",
        &[("staying", "staying-physical"), ("leaving", "leaving-physical")],
    )?;
    let user = scene.login("leaving", "super-user", 1)?;
    let produce =
        |topic: &str, records: &str| scene.direct("kafka-console-producer", &["--topic", topic], records);
    from_the_beginning(&scene, "leaving:app")?;
    produce("staying-physical", "one")?;
    produce("leaving-physical", "two")?;
    let mut sharer = Program::start(&scene, "Sharer", &user, &["app", "5", "staying", "leaving"])?;
    sharer.shows("both topics are read", |said| lines(said).len() == 2)?;
    scene.direct("kafka-topics", &["--delete", "--topic", "leaving-physical"], "")?;
    eventually("the gateway sees that it is gone", || {
        let path = "virtual-cluster/leaving/topics?name=leaving";
        let shown = scene.stage.admin(1).call("GET", path, None)?;
        Ok(json(&shown.body)?[0]["exists"] == false)
    })?;
    for record in ["three", "four", "five"] {
        produce("staying-physical", record)?;
    }
    let mut said = lines(&sharer.finish(LIMIT)?).split_off(2);
    // A share group promises no order: what was given back comes later.
    said.sort_unstable();
    ensure!(
        said == ["staying five", "staying four", "staying three"],
        "{said:?}"
    );
    Ok(())
}
