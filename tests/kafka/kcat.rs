//! librdkafka, by way of kcat: another client with other habits than the Java one.

use anyhow::{Result, ensure};

use crate::scene::{Scene, counted, lines};

#[test]
fn kcat_lists_produces_and_consumes_by_alias() -> Result<()> {
    let scene = Scene::shared()?;
    scene.topic("kcat-physical", 2)?;
    scene.vcluster("kcat", &[("orders", "kcat-physical")])?;
    let user = scene.login("kcat", "super-user", 1)?;
    let metadata = scene.kcat(&user, &["-L"], "")?;
    ensure!(
        metadata.stdout.contains("topic \"orders\" with 2 partitions"),
        "{}",
        metadata.all()
    );
    ensure!(!metadata.all().contains("kcat-physical"), "{}", metadata.all());

    let records: Vec<String> = (0..100).map(|number| format!("kcat {number}")).collect();
    let produce = [
        "-P",
        "-t",
        "orders",
        "-X",
        "enable.idempotence=true",
        "-X",
        "compression.codec=lz4",
    ];
    let produced = scene.kcat(&user, &produce, &records.join("\n"))?;
    ensure!(produced.status.success(), "{}", produced.all());
    ensure!(counted(&scene.stored("kcat-physical")?) == counted(&records));

    let consumed = scene.kcat(&user, &["-C", "-t", "orders", "-o", "beginning", "-e", "-q"], "")?;
    ensure!(
        counted(&lines(&consumed.stdout)) == counted(&records),
        "{}",
        consumed.all()
    );
    let grouped = scene.kcat(
        &user,
        &[
            "-G",
            "kcat-group",
            "-X",
            "auto.offset.reset=earliest",
            "-c",
            "100",
            "-q",
            "orders",
        ],
        "",
    )?;
    ensure!(
        counted(&lines(&grouped.stdout)) == counted(&records),
        "{}",
        grouped.all()
    );
    let unknown = scene.kcat(&user, &["-C", "-t", "kcat-physical", "-e", "-q"], "")?;
    ensure!(
        !unknown.status.success() && unknown.stdout.is_empty(),
        "{}",
        unknown.all()
    );
    Ok(())
}
