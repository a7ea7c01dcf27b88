//! The cost of rules for requests: no policy at all, rules about a topic that nobody uses, rules that every request meets, and a
//! rule that changes every fetch; by the size of requests.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::batch::Codec;
use crate::measure::{median, median_ratio, percentile};
use crate::report::{GIB, say};
use crate::site::{OTHER, Site, TOPICS, Way};

const ROUNDS: usize = 9;

/// Records of a batch and their bytes, and how many requests each arm makes in a round.
const SIZES: [(usize, usize, usize); 3] = [(1, 100, 20_000), (16, 1_000, 8_000), (256, 1 << 10, 2_000)];

/// A virtual cluster, and a way through it.
struct Arm {
    title: &'static str,
    vcluster: &'static str,
    way: Way,
}

/// The first of each way is the one that the others are compared with.
const ARMS: [Arm; 7] = [
    arm("produce, no policy", "none", Way::Produce),
    arm("produce, rules of another topic", "beside", Way::Produce),
    arm("produce, rules hold", "ruled", Way::Produce),
    arm("fetch, no policy", "none", Way::Fetch),
    arm("fetch, rules of another topic", "beside", Way::Fetch),
    arm("fetch, rules hold", "ruled", Way::Fetch),
    arm("fetch, a rule sets the isolation", "set", Way::Fetch),
];

const fn arm(title: &'static str, vcluster: &'static str, way: Way) -> Arm {
    Arm { title, vcluster, way }
}

/// The figures of one arm, a value per round, and the times of all its requests in microseconds.
#[derive(Default)]
struct Series {
    /// Of the gateway, of a request.
    cpu_seconds: Vec<f64>,
    requests_per_second: Vec<f64>,
    latencies: Vec<f64>,
}

/// Measures all.
pub(crate) fn run(rounds: Option<usize>) -> Result<()> {
    let rounds = rounds.unwrap_or(ROUNDS);
    SIZES.into_iter().try_for_each(|size| table(size, rounds))
}

/// A policy with rules: each about which requests, what must hold, and what becomes of a request otherwise.
fn policy(topic: Option<&str>, rules: &[(&[&str], &str, Value)]) -> Value {
    let rules = rules.iter().map(|(requests, rule, otherwise)| {
        json!({"requests": requests, "rule": rule, "description": rule, "otherwise": otherwise})
    });
    let mut spec = json!({
        "phase": "cluster",
        "action": {"type": "request_rules", "rules": rules.collect::<Vec<_>>()},
    });
    if let Some(topic) = topic {
        spec["topics"] = json!([{"patternType": "LITERAL", "name": topic}]);
    }
    spec
}

/// The policies of the virtual clusters.
fn put_policies(site: &Site) -> Result<()> {
    let refuse = || Value::Null;
    let acks = |topic| policy(Some(topic), &[(&["produce"], "request.acks == -1", refuse())]);
    let isolation = |topic| {
        let set = json!({"override": {"isolationLevel": "read_committed"}});
        policy(
            Some(topic),
            &[(&["fetch"], "request.isolationLevel == 'read_committed'", set)],
        )
    };
    site.put_policy("beside", "acks", &acks(OTHER))?;
    site.put_policy("beside", "isolation", &isolation(OTHER))?;
    site.put_policy("set", "isolation", &isolation(TOPICS.1))?;
    site.put_policy("ruled", "acks", &acks(TOPICS.0))?;
    let named = "context.topic.name.matches('^[a-z]+$')";
    let names = policy(None, &[(&["produce", "fetch"], named, refuse())]);
    site.put_policy("ruled", "names", &names)?;
    let identified = "has(context.client.id) && context.client.id.matches('^(bench|sales)')";
    let clients = policy(None, &[(&["any"], identified, refuse())]);
    site.put_policy("ruled", "client-ids", &clients)
}

fn table((records, size, requests): (usize, usize, usize), rounds: usize) -> Result<()> {
    let site = Site::new(Codec::None, records, size)?;
    let targets = ARMS.iter().map(|arm| site.vcluster(arm.vcluster));
    let targets = targets.collect::<Result<Vec<_>>>()?;
    put_policies(&site)?;
    let mut series: Vec<Series> = ARMS.iter().map(|_| Series::default()).collect();
    for round in 0..rounds {
        for turn in 0..ARMS.len() {
            // Nobody is always first.
            let index = (turn + round) % ARMS.len();
            let moved = site
                .load(&targets[index..=index], ARMS[index].way, requests)
                .with_context(|| ARMS[index].title)?;
            let done = moved.requests as f64;
            series[index].cpu_seconds.push(moved.cpu_seconds / done);
            series[index].requests_per_second.push(done / moved.seconds);
            series[index].latencies.extend(moved.latencies);
        }
    }
    check(&site, requests * rounds)?;
    say(&format!(
        "\nrules for requests, {records} records of {size} bytes\n{:<36}{:>16}{:>12}{:>14}{:>13}{:>10}",
        "", "CPU ms/1,000", "CPU s/GiB", "of no policy", "requests/s", "p99, µs",
    ));
    let bare: Vec<Vec<f64>> = [Way::Produce, Way::Fetch]
        .iter()
        .filter_map(|way| ARMS.iter().position(|arm| arm.way == *way))
        .map(|index| series[index].cpu_seconds.clone())
        .collect();
    for (arm, series) in ARMS.iter().zip(&mut series) {
        let bare = &bare[usize::from(arm.way == Way::Fetch)];
        let cpu = median(&series.cpu_seconds);
        say(&format!(
            "{:<36}{:>16.2}{:>12.3}{:>14.2}{:>13.0}{:>10.0}",
            arm.title,
            cpu * 1e6,
            cpu / (site.batch_bytes as f64 / GIB),
            median_ratio(&series.cpu_seconds, bare),
            median(&series.requests_per_second),
            percentile(&mut series.latencies, 99.0),
        ));
    }
    Ok(())
}

/// Nothing was measured if the rules were not asked, or those of another topic were.
fn check(site: &Site, requests: usize) -> Result<()> {
    let metrics = site.gateway.ask("GET", "/metrics", None)?.ok()?.body;
    let count = |vcluster: &str| -> u64 {
        let label = format!("vcluster=\"{vcluster}\"");
        metrics
            .lines()
            .filter(|line| line.starts_with("klamm_policy_requests_total") && line.contains(&label))
            .filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok())
            .map(|count| count as u64)
            .sum()
    };
    let requests = requests as u64;
    // Three rules of produce, two of fetch.
    ensure!(
        count("ruled") >= 5 * requests,
        "rules were asked {} times",
        count("ruled")
    );
    ensure!(count("set") >= requests, "a rule set {} times", count("set"));
    ensure!(count("beside") == 0, "rules of another topic were asked");
    Ok(())
}
