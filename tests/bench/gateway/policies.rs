//! The cost of policies: no policy at all, policies of another topic, a header that is set, filters that drop nothing, nine
//! records in ten and all; by codec and by the size of records. Beside it what the codec alone takes, and many filtered
//! partners on one topic; what encryption costs, and rules for requests, are in files of their own.

use anyhow::{Context, Result};
use serde_json::json;

use crate::batch::Codec;
use crate::ciphers;
use crate::load::Target;
use crate::measure::{median, percentile};
use crate::report::{GIB, MIB, say};
use crate::rules;
use crate::site::{CONNECTIONS, Moved, OTHER, Site, TOPICS, Way};

/// The first argument that asks for this.
pub(crate) const COMMAND: &str = "policies";

/// The sizes of values, in bytes.
pub(crate) const SIZES: [usize; 3] = [100, 1 << 10, 16 << 10];

/// The bytes of a batch's records, not compressed.
pub(crate) const BATCH_BYTES: usize = 256 << 10;

/// The bytes that each arm moves in a round, counted as records that are not compressed.
pub(crate) const ROUND_BYTES: usize = 64 << 20;

/// Rounds of each kind of records.
const ROUNDS: usize = 3;

/// How many partners share a topic.
const PARTNERS: [usize; 3] = [1, 10, 100];

/// One way to treat records, through a virtual cluster of its own.
struct Arm {
    title: &'static str,
    vcluster: &'static str,
    way: Way,
    /// Topic, condition and action of its policy, if it has one.
    policy: Option<(&'static str, Option<&'static str>, Action)>,
}

#[derive(Clone, Copy)]
enum Action {
    SetHeader,
    Skip,
}

/// The header `n` counts records from 0 to 9 again and again.
const ARMS: [Arm; 8] = [
    arm("produce, no policy", "none", Way::Produce, None),
    arm(
        "produce, policy of another topic",
        "beside",
        Way::Produce,
        Some((OTHER, None, Action::SetHeader)),
    ),
    arm(
        "produce, header set",
        "header",
        Way::Produce,
        Some((TOPICS.0, None, Action::SetHeader)),
    ),
    arm("fetch, no policy", "none", Way::Fetch, None),
    arm(
        "fetch, policy of another topic",
        "beside",
        Way::Fetch,
        Some((OTHER, Some("true"), Action::Skip)),
    ),
    arm(
        "fetch, filter drops nothing",
        "keeps",
        Way::Fetch,
        Some((TOPICS.1, Some("record.headers['n'] == 'x'"), Action::Skip)),
    ),
    arm(
        "fetch, filter drops 90 %",
        "tenth",
        Way::Fetch,
        Some((TOPICS.1, Some("record.headers['n'] != '0'"), Action::Skip)),
    ),
    arm(
        "fetch, filter drops all",
        "all",
        Way::Fetch,
        Some((TOPICS.1, Some("'n' in record.headers"), Action::Skip)),
    ),
];

const fn arm(
    title: &'static str,
    vcluster: &'static str,
    way: Way,
    policy: Option<(&'static str, Option<&'static str>, Action)>,
) -> Arm {
    Arm {
        title,
        vcluster,
        way,
        policy,
    }
}

/// The figures of one arm, a value per round, and the times of all its requests in microseconds.
#[derive(Default)]
pub(crate) struct Series {
    cpu_seconds_per_gib: Vec<f64>,
    records_per_second: Vec<f64>,
    latencies: Vec<f64>,
}

impl Series {
    /// Takes a round of batches of so many bytes, of records of so many bytes.
    pub(crate) fn add(&mut self, moved: Moved, batch_bytes: usize, size: usize) {
        let bytes = moved.requests * batch_bytes;
        self.cpu_seconds_per_gib
            .push(moved.cpu_seconds / (bytes as f64 / GIB));
        self.records_per_second
            .push((bytes / size) as f64 / moved.seconds);
        self.latencies.extend(moved.latencies);
    }

    /// Says its line of a table.
    pub(crate) fn show(&mut self, title: &str) {
        say(&format!(
            "{title:<36}{:>14.3}{:>14.0}{:>12.0}",
            median(&self.cpu_seconds_per_gib),
            median(&self.records_per_second),
            percentile(&mut self.latencies, 99.0),
        ));
    }
}

/// Says the first lines of a table.
pub(crate) fn heading(what: &str) {
    say(&format!(
        "\n{what}\n{:<36}{:>14}{:>14}{:>12}",
        "", "CPU s/GiB", "records/s", "p99, µs",
    ));
}

/// Measures the parts whose names begin so: records and encryption, of one codec or of all; partners; rules.
pub(crate) fn run(part: &str, codec: Option<&str>, rounds: Option<usize>) -> Result<()> {
    let is_wanted = |name: &str| name.starts_with(part);
    let of_records = rounds.unwrap_or(ROUNDS);
    if is_wanted("records") {
        for kind in Codec::ALL
            .into_iter()
            .filter(|kind| codec.is_none_or(|name| kind.name() == name))
        {
            for size in SIZES {
                table(kind, size, of_records)?;
            }
        }
    }
    if is_wanted("partners") {
        fan_out(of_records)?;
    }
    if is_wanted("encryption") {
        ciphers::run(codec, of_records)?;
    }
    if is_wanted("rules") {
        rules::run(rounds)?;
    }
    Ok(())
}

/// A gateway whose broker has batches of records of this size.
fn site(codec: Codec, size: usize) -> Result<Site> {
    Site::new(codec, (BATCH_BYTES / size).max(1), size)
}

fn put_policy(
    site: &Site,
    vcluster: &str,
    way: Way,
    (topic, condition, action): (&str, Option<&str>, Action),
) -> Result<()> {
    let (phase, name) = match way {
        Way::Produce => ("produce", "bench-produce"),
        Way::Fetch => ("consume", "bench-consume"),
    };
    let action = match action {
        Action::SetHeader => {
            json!({"type": "modify_headers", "actions": [{"op": "set", "key": "tenant", "value": "a"}]})
        }
        Action::Skip => json!({"type": "skip_record"}),
    };
    let mut spec = json!({
        "phase": phase, "topics": [{"patternType": "LITERAL", "name": topic}], "action": action,
    });
    if let Some(condition) = condition {
        spec["condition"] = json!(condition);
    }
    site.put_policy(vcluster, name, &spec)
}

fn table(codec: Codec, size: usize, rounds: usize) -> Result<()> {
    let site = site(codec, size)?;
    let mut targets = Vec::new();
    for arm in &ARMS {
        let target = site.vcluster(arm.vcluster)?;
        if let Some(of_arm) = arm.policy {
            put_policy(&site, arm.vcluster, arm.way, of_arm)?;
        }
        targets.push(target);
    }
    let requests = (ROUND_BYTES / BATCH_BYTES).max(CONNECTIONS);
    let mut series: Vec<Series> = ARMS.iter().map(|_| Series::default()).collect();
    for round in 0..rounds {
        for turn in 0..ARMS.len() {
            // Nobody is always first.
            let index = (turn + round) % ARMS.len();
            let moved = site
                .load(&targets[index..=index], ARMS[index].way, requests)
                .with_context(|| ARMS[index].title)?;
            series[index].add(moved, site.batch_bytes, size);
        }
    }
    heading(&format!(
        "{}, records of {size} bytes; the codec alone takes {:.2} CPU s/GiB",
        codec.name(),
        codec.cost(&site.batch, rounds)?,
    ));
    for (arm, series) in ARMS.iter().zip(&mut series) {
        series.show(arm.title);
    }
    say(&format!(
        "most memory: {:.0} MiB",
        site.usage()?.most_resident_bytes as f64 / MIB
    ));
    Ok(())
}

/// Many partners on one topic, each of which sees a tenth of it.
fn fan_out(rounds: usize) -> Result<()> {
    let site = site(Codec::Lz4, 1 << 10)?;
    say(&format!(
        "\nlz4, records of 1024 bytes, filter drops 90 %\n{:<36}{:>14}{:>14}",
        "partners", "CPU s/GiB", "resident MiB"
    ));
    let mut targets: Vec<Target> = Vec::new();
    for partners in PARTNERS {
        for number in targets.len()..partners {
            let name = format!("partner-{number}");
            targets.push(site.vcluster(&name)?);
            let of_arm = (TOPICS.1, Some("record.headers['n'] != '0'"), Action::Skip);
            put_policy(&site, &name, Way::Fetch, of_arm)?;
        }
        let requests = (ROUND_BYTES / BATCH_BYTES).max(partners);
        let mut costs = Vec::new();
        for _ in 0..rounds {
            let moved = site.load(&targets, Way::Fetch, requests)?;
            costs.push(moved.cpu_seconds / ((moved.requests * BATCH_BYTES) as f64 / GIB));
        }
        let resident = site.usage()?.resident_bytes as f64 / MIB;
        say(&format!("{partners:<36}{:>14.3}{resident:>14.0}", median(&costs)));
    }
    Ok(())
}
