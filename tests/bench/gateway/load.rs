//! The loads, and where they are sent.

use std::sync::{Arc, Barrier};
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};

use crate::batch::Batch;
use crate::client::{Acks, Client, Partition, Prepared};
use crate::login::Login;

/// Connections that are used at once.
pub(crate) const CONNECTIONS: usize = 4;

/// Requests that each producer keeps in flight; Java's default.
const IN_FLIGHT: usize = 5;

/// Requests whose latency is taken, per kind and round; a tenth as many go before them.
const LATENCIES: usize = 1_000;

/// A kind of load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Load {
    ProduceSmall,
    ProduceIdempotent,
    ProduceLarge,
    Fetch,
}

impl Load {
    pub(crate) const ALL: [Self; 4] = [
        Self::ProduceSmall,
        Self::ProduceIdempotent,
        Self::ProduceLarge,
        Self::Fetch,
    ];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::ProduceSmall => "produce, requests of 16 KB, acks=1",
            Self::ProduceIdempotent => "produce, requests of 16 KB, acks=all, idempotent",
            Self::ProduceLarge => "produce, requests of 1 MB, acks=all",
            Self::Fetch => "fetch, answers of 1 MB",
        }
    }

    /// Whether Kafka takes it: an idempotent producer's batches must be numbered, and these are the same again and again.
    pub(crate) fn is_for_kafka(self) -> bool {
        self != Self::ProduceIdempotent
    }

    fn batch(self) -> Result<Batch> {
        match self {
            Self::ProduceSmall => Batch::small(),
            Self::ProduceIdempotent => Batch::idempotent(),
            Self::ProduceLarge | Self::Fetch => Batch::large(),
        }
    }
}

/// A kind of request whose latency is taken, one at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Small {
    Produce,
    Metadata,
}

impl Small {
    pub(crate) const ALL: [Self; 2] = [Self::Produce, Self::Metadata];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Produce => "latency of a produce of one record of 100 bytes, acks=1",
            Self::Metadata => "latency of metadata of one topic",
        }
    }
}

/// Where to send load, and as whom.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// Connections are shared out among them; one at least.
    pub(crate) entrances: Vec<Entrance>,
    /// If it wants one.
    pub(crate) login: Option<Arc<Login>>,
    /// Of each topic.
    pub(crate) partitions: usize,
}

/// A broker, and topics that it leads.
#[derive(Debug, Clone)]
pub(crate) struct Entrance {
    pub(crate) address: String,
    /// The topic that is written to.
    pub(crate) scratch: String,
    /// The topic that is read.
    pub(crate) filled: String,
}

/// The bytes that a load moved; its connections are open as long as this value lives, because a thread that ends takes
/// its processor time with it.
#[derive(Debug)]
pub(crate) struct Moved {
    pub(crate) bytes: usize,
    pub(crate) time: Duration,
    _clients: Vec<Client>,
}

impl Target {
    /// The entrance of a connection.
    pub(crate) fn entrance(&self, connection: usize) -> &Entrance {
        &self.entrances[connection % self.entrances.len()]
    }

    fn connect(&self, connection: usize) -> Result<Client> {
        Client::connect(&self.entrance(connection).address, self.login.as_deref())
    }

    /// Fills the topic that is read with so many bytes.
    pub(crate) fn fill(&self, bytes: usize) -> Result<()> {
        let batch = Batch::large()?;
        let share = bytes / self.partitions;
        for index in 0..self.partitions {
            let mut client = self.connect(index)?;
            let partition = self.partition(&mut client, &self.entrance(index).filled, index)?;
            // One more than will be read, so that the last fetch finds something, too.
            produce(
                &mut client,
                partition,
                (&batch, Acks::Leader),
                share + batch.bytes.len(),
            )?;
        }
        Ok(())
    }

    /// Moves so many bytes over several connections at once.
    pub(crate) fn run(&self, load: Load, bytes: usize) -> Result<Moved> {
        let batch = load.batch()?;
        let (share, start) = (bytes / CONNECTIONS, Barrier::new(CONNECTIONS + 1));
        let work = |index: usize| -> Result<(usize, Client)> {
            let opened = self.open(load, index);
            start.wait();
            let (mut client, partition) = opened?;
            let moved = match load {
                Load::ProduceSmall => produce(&mut client, partition, (&batch, Acks::Leader), share)?,
                Load::ProduceLarge | Load::ProduceIdempotent => {
                    produce(&mut client, partition, (&batch, Acks::All), share)?
                }
                Load::Fetch => fetch(&mut client, partition, share)?,
            };
            Ok((moved, client))
        };
        let work = &work;
        let (time, done) = thread::scope(|scope| {
            let workers: Vec<_> = (0..CONNECTIONS)
                .map(|index| scope.spawn(move || work(index)))
                .collect();
            start.wait();
            let started = Instant::now();
            let done: Vec<_> = workers.into_iter().map(ScopedJoinHandle::join).collect();
            (started.elapsed(), done)
        });
        let mut bytes = 0;
        let mut clients = Vec::new();
        for result in done {
            let (moved, client) = result.map_err(|_| anyhow!("a connection's thread panicked"))??;
            bytes += moved;
            clients.push(client);
        }
        Ok(Moved {
            bytes,
            time,
            _clients: clients,
        })
    }

    fn open(&self, load: Load, index: usize) -> Result<(Client, Partition)> {
        let mut client = self.connect(index)?;
        let topic = match load {
            Load::Fetch => &self.entrance(index).filled,
            _ => &self.entrance(index).scratch,
        };
        let partition = self.partition(&mut client, topic, index)?;
        Ok((client, partition))
    }

    fn partition(&self, client: &mut Client, topic: &str, index: usize) -> Result<Partition> {
        let (_, topic) = client.leader(topic)?;
        let index = i32::try_from(index % self.partitions).context("few partitions")?;
        Ok(Partition { topic, index })
    }

    /// How long small requests take, in microseconds.
    pub(crate) fn latencies(&self, small: Small) -> Result<Vec<f64>> {
        let mut probe = self.probe(small)?;
        for _ in 0..LATENCIES / 10 {
            probe.take()?;
        }
        (0..LATENCIES).map(|_| probe.take()).collect()
    }

    pub(crate) fn probe(&self, small: Small) -> Result<Probe> {
        let mut client = self.connect(0)?;
        let scratch = self.entrance(0).scratch.clone();
        let partition = self.partition(&mut client, &scratch, 0)?;
        let batch = Batch::tiny()?;
        Ok(Probe {
            prepared: client.prepare_produce(partition, &batch.bytes, Acks::Leader)?,
            client,
            scratch,
            small,
        })
    }
}

/// Sends small requests, one at a time.
#[derive(Debug)]
pub(crate) struct Probe {
    client: Client,
    prepared: Prepared,
    scratch: String,
    small: Small,
}

impl Probe {
    /// How long one takes, in microseconds.
    pub(crate) fn take(&mut self) -> Result<f64> {
        let start = Instant::now();
        match self.small {
            Small::Produce => {
                self.client.send(&mut self.prepared)?;
                self.client.read_produced()?;
            }
            Small::Metadata => {
                self.client.metadata(Some(&self.scratch))?;
            }
        }
        Ok(start.elapsed().as_secs_f64() * 1e6)
    }
}

/// Sends the batch until so many bytes are written; returns the bytes of all records.
fn produce(
    client: &mut Client,
    partition: Partition,
    (batch, acks): (&Batch, Acks),
    bytes: usize,
) -> Result<usize> {
    let mut request = client.prepare_produce(partition, &batch.bytes, acks)?;
    let count = bytes.div_ceil(batch.bytes.len());
    for sent in 0..count {
        if sent >= IN_FLIGHT {
            client.read_produced()?;
        }
        client.send(&mut request)?;
    }
    for _ in 0..count.min(IN_FLIGHT) {
        client.read_produced()?;
    }
    Ok(count * batch.bytes.len())
}

/// Reads a partition from its start; returns the bytes of all records.
fn fetch(client: &mut Client, partition: Partition, bytes: usize) -> Result<usize> {
    let (mut offset, mut got) = (0, 0);
    while got < bytes {
        let (next, count) = client.fetch(partition, offset)?;
        (offset, got) = (next, got + count);
    }
    Ok(got)
}
