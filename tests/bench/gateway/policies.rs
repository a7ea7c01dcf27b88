//! The cost of policies: no policy at all, policies of another topic, a header that is set, filters that drop nothing, nine
//! records in ten and all; by codec and by the size of records. Beside it what the codec alone takes, and many filtered
//! partners on one topic.

use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, anyhow};
use klamm::quickstart::admin::Admin;
use klamm::quickstart::stage::Stage;
use serde_json::{Value, json};

use crate::batch::{Batch, Codec};
use crate::client::{Acks, Client, Partition};
use crate::load::Target;
use crate::measure::{Usage, median, percentile};
use crate::report::{GIB, MIB, say};
use crate::{broker, node};

/// The first argument that asks for this.
pub(crate) const COMMAND: &str = "policies";

const CLUSTER: &str = "clusterA";
const TOPICS: (&str, &str) = ("scratch", "filled");

/// The sizes of values, in bytes.
const SIZES: [usize; 3] = [100, 1 << 10, 16 << 10];

/// The bytes of a batch's records, not compressed.
const BATCH_BYTES: usize = 256 << 10;

/// The bytes that each arm moves in a round, counted as records that are not compressed.
const ROUND_BYTES: usize = 64 << 20;

/// Connections that are used at once.
const CONNECTIONS: usize = 4;

/// The most virtual clusters of one gateway, those of the arms among them.
const MAX_VCLUSTERS: usize = 120;

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

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Produce,
    Fetch,
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
        Some(("other", None, Action::SetHeader)),
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
        Some(("other", Some("true"), Action::Skip)),
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
struct Series {
    cpu_seconds_per_gib: Vec<f64>,
    records_per_second: Vec<f64>,
    latencies: Vec<f64>,
}

/// The work of one round.
struct Moved {
    requests: usize,
    seconds: f64,
    latencies: Vec<f64>,
    /// Open until the processor time is read.
    _clients: Vec<Client>,
}

/// Measures all.
pub(crate) fn run(rounds: usize, codec: Option<&str>) -> Result<()> {
    for kind in Codec::ALL
        .into_iter()
        .filter(|kind| codec.is_none_or(|name| kind.name() == name))
    {
        for size in SIZES {
            table(kind, size, rounds)?;
        }
    }
    fan_out(rounds)
}

/// One gateway in front of a broker that answers at once with batches of this kind.
struct Site {
    stage: Stage,
    gateway: Admin,
    batch: Batch,
    records: usize,
}

impl Site {
    fn new(codec: Codec, size: usize) -> Result<Self> {
        let records = (BATCH_BYTES / size).max(1);
        let batch = Batch::numbered(records, size, codec)?;
        let broker = broker::start(CLUSTER, &[TOPICS.0, TOPICS.1, "other"], &batch)?;
        let mut stage = Stage::new()?;
        let properties = [("bootstrap.servers", broker.as_str())];
        stage.configure(&[("main", &properties), (CLUSTER, &properties)])?;
        let [start, count] = node::ports_for(MAX_VCLUSTERS)?;
        let settings = [
            ("KLAMM_THREADS", "1".to_owned()),
            start,
            count,
            ("KLAMM_LOG_FILTER", "warn".to_owned()),
        ];
        let gateway = node::start(&mut stage, &settings)?;
        Ok(Self {
            stage,
            gateway,
            batch,
            records,
        })
    }

    fn vcluster(&self, name: &str) -> Result<Target> {
        let aliases = [TOPICS.0, TOPICS.1, "other"].map(|topic| (topic, (CLUSTER, topic)));
        node::put_partner(&self.gateway, name, &aliases)?;
        node::target(&self.gateway, name, &[TOPICS], 1)
    }

    fn usage(&self) -> Result<Usage> {
        Usage::of(self.stage.nodes()[0].pid())
    }
}

fn policy(vcluster: &str, way: Way, (topic, condition, action): (&str, Option<&str>, Action)) -> Value {
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
    json!({
        "kind": "Policy", "apiVersion": "gateway/v2",
        "metadata": {"name": name, "vCluster": vcluster}, "spec": spec,
    })
}

fn table(codec: Codec, size: usize, rounds: usize) -> Result<()> {
    let site = Site::new(codec, size)?;
    let mut targets = Vec::new();
    for arm in &ARMS {
        let target = site.vcluster(arm.vcluster)?;
        if let Some(of_arm) = arm.policy {
            site.gateway
                .put("policy", &policy(arm.vcluster, arm.way, of_arm))?;
        }
        targets.push(target);
    }
    let requests = (ROUND_BYTES / BATCH_BYTES).max(CONNECTIONS);
    let mut series: Vec<Series> = ARMS.iter().map(|_| Series::default()).collect();
    for round in 0..rounds {
        for turn in 0..ARMS.len() {
            // Nobody is always first.
            let index = (turn + round) % ARMS.len();
            let before = site.usage()?.cpu_seconds;
            let moved = load(&targets[index..=index], ARMS[index].way, &site.batch, requests)
                .with_context(|| ARMS[index].title)?;
            let spent = site.usage()?.cpu_seconds - before;
            let bytes = (moved.requests * site.records * size) as f64;
            series[index].cpu_seconds_per_gib.push(spent / (bytes / GIB));
            series[index]
                .records_per_second
                .push((moved.requests * site.records) as f64 / moved.seconds);
            series[index].latencies.extend(moved.latencies);
        }
    }
    say(&format!(
        "\n{}, records of {size} bytes; the codec alone takes {:.2} CPU s/GiB\n{:<36}{:>14}{:>14}{:>12}",
        codec.name(),
        codec.cost(&site.batch, rounds)?,
        "",
        "CPU s/GiB",
        "records/s",
        "p99, µs",
    ));
    for (arm, series) in ARMS.iter().zip(&mut series) {
        say(&format!(
            "{:<36}{:>14.3}{:>14.0}{:>12.0}",
            arm.title,
            median(&series.cpu_seconds_per_gib),
            median(&series.records_per_second),
            percentile(&mut series.latencies, 99.0),
        ));
    }
    say(&format!(
        "most memory: {:.0} MiB",
        site.usage()?.most_resident_bytes as f64 / MIB
    ));
    Ok(())
}

/// Many partners on one topic, each of which sees a tenth of it.
fn fan_out(rounds: usize) -> Result<()> {
    let site = Site::new(Codec::Lz4, 1 << 10)?;
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
            site.gateway.put("policy", &policy(&name, Way::Fetch, of_arm))?;
        }
        let requests = (ROUND_BYTES / BATCH_BYTES).max(partners);
        let mut costs = Vec::new();
        for _ in 0..rounds {
            let before = site.usage()?.cpu_seconds;
            let moved = load(&targets, Way::Fetch, &site.batch, requests)?;
            let spent = site.usage()?.cpu_seconds - before;
            costs.push(spent / ((moved.requests * BATCH_BYTES) as f64 / GIB));
        }
        let resident = site.usage()?.resident_bytes as f64 / MIB;
        say(&format!("{partners:<36}{:>14.3}{resident:>14.0}", median(&costs)));
    }
    Ok(())
}

/// Sends so many requests over connections that are shared out among the targets, one after the other on each.
fn load(targets: &[Target], way: Way, batch: &Batch, requests: usize) -> Result<Moved> {
    let connections = CONNECTIONS.max(targets.len());
    let share = requests.div_ceil(connections);
    let work = |index: usize| -> Result<(Vec<f64>, Client)> {
        let target = &targets[index % targets.len()];
        let entrance = target.entrance(0);
        let mut client = Client::connect(&entrance.address, target.login.as_deref())?;
        let topic = match way {
            Way::Produce => &entrance.scratch,
            Way::Fetch => &entrance.filled,
        };
        let (_, topic) = client.leader(topic)?;
        let partition = Partition { topic, index: 0 };
        let mut produce = client.prepare_produce(partition, &batch.bytes, Acks::Leader)?;
        let mut took = Vec::with_capacity(share);
        for _ in 0..share {
            let start = Instant::now();
            match way {
                Way::Produce => {
                    client.send(&mut produce)?;
                    client.read_produced()?;
                }
                // The broker has the same batch for every offset.
                Way::Fetch => {
                    client.fetch(partition, 0)?;
                }
            }
            took.push(start.elapsed().as_secs_f64() * 1e6);
        }
        Ok((took, client))
    };
    let (work, started) = (&work, Instant::now());
    let done: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = (0..connections)
            .map(|index| scope.spawn(move || work(index)))
            .collect();
        workers.into_iter().map(|worker| worker.join()).collect()
    });
    let seconds = started.elapsed().as_secs_f64();
    let (mut latencies, mut clients) = (Vec::new(), Vec::new());
    for result in done {
        let (took, client) = result.map_err(|_| anyhow!("a connection's thread panicked"))??;
        latencies.extend(took);
        clients.push(client);
    }
    Ok(Moved {
        requests: latencies.len(),
        seconds,
        latencies,
        _clients: clients,
    })
}
