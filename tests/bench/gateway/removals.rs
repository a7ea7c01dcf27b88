//! How long it takes until it is acknowledged that a right is gone: by three nodes of Apache Kafka with StandardAuthorizer, and by
//! three nodes of the gateway, in turn.

use std::time::Instant;

use anyhow::{Result, ensure};
use klamm::quickstart::stage::Stage;

use crate::client::Client;
use crate::measure::percentile;
use crate::report::say;

/// Rights that each gives and takes away.
const REMOVALS: usize = 300;

/// The user whose right it is. Nobody logs in as it.
const USER: &str = "passing";

/// Of Kafka: whoever does not log in is a super user.
const KAFKA: [&str; 4] = ["--nodes", "3", "--authorizer", "admin"];

/// Somebody who is asked, and the milliseconds until each answer.
pub(crate) struct Asked {
    title: &'static str,
    client: Client,
    milliseconds: Vec<f64>,
}

/// Starts Kafka for so long, gives the right and takes it away again and again, there and by these connections of super users.
pub(crate) fn measure(gateway: Vec<(&'static str, Client)>) -> Result<Vec<Asked>> {
    let mut kafka = Stage::new()?;
    let broker = kafka.start_kafka("rights", &KAFKA)?;
    let own = ("Apache Kafka, three nodes", Client::connect(&broker, None)?);
    let all = std::iter::once(own).chain(gateway);
    let mut all: Vec<Asked> = all
        .map(|(title, client)| Asked {
            title,
            client,
            milliseconds: Vec::with_capacity(REMOVALS),
        })
        .collect();
    for _ in 0..REMOVALS {
        for asked in &mut all {
            asked.client.grant_all(USER)?;
            let began = Instant::now();
            let removed = asked.client.revoke_all(USER)?;
            asked.milliseconds.push(began.elapsed().as_secs_f64() * 1e3);
            ensure!(removed == 1, "{}: {removed} rights were removed", asked.title);
        }
    }
    Ok(all)
}

pub(crate) fn report(all: &mut [Asked]) {
    say(&format!(
        "\na right is taken away, {REMOVALS} times: ms until it is acknowledged\n{:<36}{:>10}{:>10}",
        "", "p50", "p99"
    ));
    for asked in all {
        let p50 = percentile(&mut asked.milliseconds, 50.0);
        let p99 = percentile(&mut asked.milliseconds, 99.0);
        say(&format!("{:<36}{p50:>10.2}{p99:>10.2}", asked.title));
    }
}
