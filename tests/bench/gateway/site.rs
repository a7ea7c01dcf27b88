//! One gateway in front of a broker that answers at once with batches of one kind, and load through its virtual clusters.

use std::thread;
use std::time::Instant;

use anyhow::{Result, anyhow};
use klamm::quickstart::admin::Admin;
use klamm::quickstart::stage::Stage;
use serde_json::{Value, json};

use crate::batch::{Batch, Codec};
use crate::client::{Acks, Client, Partition};
use crate::load::Target;
use crate::measure::Usage;
use crate::{broker, node};

const CLUSTER: &str = "clusterA";

/// The topic that is written to, and the one that is read.
pub(crate) const TOPICS: (&str, &str) = ("scratch", "filled");

/// A topic that nobody uses.
pub(crate) const OTHER: &str = "other";

/// Connections that are used at once.
pub(crate) const CONNECTIONS: usize = 4;

/// The most virtual clusters of one gateway.
const MAX_VCLUSTERS: usize = 120;

/// The direction in which records go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Produce,
    Fetch,
}

/// The gateway, with one thread for connections.
pub(crate) struct Site {
    stage: Stage,
    pub(crate) gateway: Admin,
    pub(crate) batch: Batch,
    /// The bytes of a batch's records, not compressed.
    pub(crate) batch_bytes: usize,
}

impl Site {
    /// Batches of so many records of so many bytes.
    pub(crate) fn new(codec: Codec, records: usize, size: usize) -> Result<Self> {
        let batch = Batch::numbered(records, size, codec)?;
        Self::with(batch, records * size, |_| Ok(Vec::new()))
    }

    /// These batches, which are of so many bytes when they are not compressed, and more environment variables of the gateway.
    pub(crate) fn with(
        batch: Batch,
        batch_bytes: usize,
        more: impl FnOnce(&Stage) -> Result<Vec<(&'static str, String)>>,
    ) -> Result<Self> {
        let broker = broker::start(CLUSTER, &[TOPICS.0, TOPICS.1, OTHER], &batch)?;
        let mut stage = Stage::new()?;
        let properties = [("bootstrap.servers", broker.as_str())];
        stage.configure(&[("main", &properties), (CLUSTER, &properties)])?;
        let mut variables = node::single_threaded(MAX_VCLUSTERS)?.to_vec();
        variables.extend(more(&stage)?);
        let gateway = node::start(&mut stage, &variables)?;
        Ok(Self {
            stage,
            gateway,
            batch,
            batch_bytes,
        })
    }

    /// A virtual cluster with aliases of all topics.
    pub(crate) fn vcluster(&self, name: &str) -> Result<Target> {
        let aliases = [TOPICS.0, TOPICS.1, OTHER].map(|topic| (topic, (CLUSTER, topic)));
        node::put_partner(&self.gateway, name, &aliases)?;
        node::target(&self.gateway, name, &[TOPICS], 1)
    }

    /// Puts a policy of a virtual cluster.
    pub(crate) fn put_policy(&self, vcluster: &str, name: &str, spec: &Value) -> Result<()> {
        let policy = json!({
            "kind": "Policy", "apiVersion": "gateway/v2",
            "metadata": {"name": name, "vCluster": vcluster}, "spec": spec,
        });
        Ok(self.gateway.put("policy", &policy)?)
    }

    pub(crate) fn usage(&self) -> Result<Usage> {
        Usage::of(self.stage.nodes()[0].pid())
    }

    /// Sends so many requests over connections that are shared out among the targets, one after the other on each.
    pub(crate) fn load(&self, targets: &[Target], way: Way, requests: usize) -> Result<Moved> {
        let before = self.usage()?.cpu_seconds;
        let started = Instant::now();
        let done = send(targets, way, &self.batch, requests)?;
        let seconds = started.elapsed().as_secs_f64();
        // The connections are open until here.
        let cpu_seconds = self.usage()?.cpu_seconds - before;
        let latencies: Vec<f64> = done.into_iter().flat_map(|(took, _)| took).collect();
        Ok(Moved {
            requests: latencies.len(),
            seconds,
            cpu_seconds,
            latencies,
        })
    }
}

/// The work of one round.
pub(crate) struct Moved {
    pub(crate) requests: usize,
    pub(crate) seconds: f64,
    /// Of the gateway.
    pub(crate) cpu_seconds: f64,
    /// Of each request, in microseconds.
    pub(crate) latencies: Vec<f64>,
}

/// Sends them. The answer has for each connection how long its requests took, in microseconds.
fn send(targets: &[Target], way: Way, batch: &Batch, requests: usize) -> Result<Vec<(Vec<f64>, Client)>> {
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
        let mut produce = client.prepare_produce(partition, &batch.bytes, Acks::All)?;
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
    let work = &work;
    let done: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = (0..connections)
            .map(|index| scope.spawn(move || work(index)))
            .collect();
        workers.into_iter().map(|worker| worker.join()).collect()
    });
    let results = done.into_iter();
    results
        .map(|result| result.map_err(|_| anyhow!("a connection's thread panicked"))?)
        .collect()
}
