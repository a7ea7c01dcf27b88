//! Clients of a run: idempotent producers that go on for as long as it lasts, others that are new ones after a while, and readers.
//! Each is at home at a node, also when that is cut off or paused, and goes elsewhere only when it is lost there.

use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    FetchRequest, InitProducerIdRequest, MetadataRequest, ProduceRequest, ProducerId, TopicName,
};
use kafka_protocol::protocol::StrBytes;
use kafka_protocol::records::{Compression, Record, RecordBatchEncoder, RecordEncodeOptions, TimestampType};

use super::kafka::fetch;
use crate::wire::Connection;
use crate::world::{NODES, World};

/// The topic as clients name it.
pub(super) const ALIAS: &str = "paced";
/// Who they are.
pub(super) const USER: &str = "super-user";

/// Of each kind of producer, and of readers.
const OF_EACH: usize = 3;
/// After so many records, producers connect to where they are at home again, and some are new ones.
const GOES_HOME_AFTER: u64 = 40;
const PACE: Duration = Duration::from_millis(20);
/// Before a request that was refused is sent again, or somebody who was lost connects.
const AGAIN: Duration = Duration::from_millis(50);
/// How long a login may take, and how long an answer.
const LOGIN: Duration = Duration::from_secs(2);
const ANSWER: Duration = Duration::from_secs(12);

const PRODUCE: i16 = 9;
const FETCH: i16 = 11;
const INIT_PRODUCER_ID: i16 = 4;
const METADATA: i16 = 12;

/// DUPLICATE_SEQUENCE_NUMBER: it is stored already.
const DUPLICATE: i16 = 46;
/// The errors after which clients of all languages ask again.
const RETRIABLE: [i16; 12] = [3, 5, 6, 7, 13, 14, 15, 16, 19, 20, 74, 100];

/// A record of which a producer was told that it is stored.
#[derive(Debug, Clone)]
pub(super) struct Acknowledged {
    pub(super) value: String,
    /// Who wrote it.
    pub(super) producer: usize,
    pub(super) at: Instant,
    /// How many switches were begun while the producer tried.
    pub(super) switches: u64,
}

/// Everything that the clients of a run share.
#[derive(Debug)]
pub(super) struct SwitchScene {
    /// Where clients of each node find the broker.
    brokers: [SocketAddr; NODES],
    token: String,
    /// How many switches were begun.
    pub(super) switches: AtomicU64,
    pub(super) is_over: AtomicBool,
    acknowledged: Mutex<Vec<Acknowledged>>,
    /// Errors after which clients give up.
    fatal: Mutex<Vec<String>>,
    /// Connections that were lost.
    lost: AtomicU64,
    /// Answers to readers.
    read: AtomicU64,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl SwitchScene {
    /// Looks where the nodes have the broker.
    pub(super) fn of(world: &World) -> anyhow::Result<Self> {
        let token = world.admins()[0].token(USER)?;
        let bootstrap = *world.client_addresses()?.first().context("an address")?;
        let mut connection = Connection::log_in(bootstrap, (USER, &token), ANSWER)?;
        let told = connection.ask(METADATA, &MetadataRequest::default().with_topics(None))?;
        let broker = told.brokers.first().context("a broker")?;
        let port = u16::try_from(broker.port)?;
        Ok(Self {
            brokers: std::array::from_fn(|node| world.address_at(node, port)),
            token,
            switches: AtomicU64::new(0),
            is_over: AtomicBool::new(false),
            acknowledged: Mutex::default(),
            fatal: Mutex::default(),
            lost: AtomicU64::new(0),
            read: AtomicU64::new(0),
        })
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::SeqCst)
    }

    fn switches(&self) -> u64 {
        self.switches.load(Ordering::SeqCst)
    }

    pub(super) fn acknowledged(&self) -> Vec<Acknowledged> {
        locked(&self.acknowledged).clone()
    }

    pub(super) fn fatal(&self) -> Vec<String> {
        locked(&self.fatal).clone()
    }

    fn gives_up(&self, error: String) {
        locked(&self.fatal).push(error);
    }

    /// A connection to the node where a client is at home, or to the next that serves.
    fn connect(&self, home: usize) -> anyhow::Result<Connection> {
        let nodes = (0..NODES).map(|step| (home + step) % NODES);
        for node in nodes {
            let connection = Connection::log_in(self.brokers[node], (USER, &self.token), LOGIN);
            if let Ok(connection) = connection {
                connection.set_limit(ANSWER)?;
                return Ok(connection);
            }
        }
        bail!("no node serves")
    }
}

impl fmt::Display for SwitchScene {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "records that producers were told are stored: {}; answers to readers: {}; connections lost: {}",
            locked(&self.acknowledged).len(),
            self.read.load(Ordering::SeqCst),
            self.lost.load(Ordering::SeqCst)
        )
    }
}

/// Starts all clients. Those who go on for the whole run have the lowest producer ids.
pub(super) fn start(scene: &Arc<SwitchScene>) -> anyhow::Result<Vec<JoinHandle<()>>> {
    let mut threads = Vec::new();
    for number in 0..2 * OF_EACH {
        let mut producer = RawProducer {
            scene: Arc::clone(scene),
            number,
            is_renewed: number >= OF_EACH,
            connection: None,
            identity: None,
        };
        producer.begin()?;
        threads.push(thread::spawn(move || producer.run()));
    }
    for number in 0..OF_EACH {
        let scene = Arc::clone(scene);
        threads.push(thread::spawn(move || read(&scene, number % NODES)));
    }
    Ok(threads)
}

/// Asks for the first record of the topic, again and again.
fn read(scene: &SwitchScene, home: usize) {
    let mut connection = None;
    while !scene.is_over() {
        thread::sleep(PACE);
        let ready = match connection.take() {
            Some(ready) => Ok(ready),
            None => scene.connect(home),
        };
        let asked = ready.and_then(|mut ready: Connection| {
            let answer = ready.ask::<FetchRequest>(FETCH, &fetch(ALIAS, 0, 1))?;
            connection = Some(ready);
            Ok(answer)
        });
        let Ok(answer) = asked else {
            scene.lost.fetch_add(1, Ordering::SeqCst);
            thread::sleep(AGAIN);
            continue;
        };
        let partitions = answer.responses.iter().flat_map(|topic| &topic.partitions);
        for partition in partitions {
            match partition.error_code {
                0 => drop(scene.read.fetch_add(1, Ordering::SeqCst)),
                code if RETRIABLE.contains(&code) => {}
                code => scene.gives_up(format!("a reader was told error {code}")),
            }
        }
    }
}

/// A producer as brokers know it.
#[derive(Debug, Clone, Copy)]
struct Identity {
    id: i64,
    epoch: i16,
    /// Of the next record.
    sequence: i32,
}

/// An idempotent producer with one record on its way.
#[derive(Debug)]
struct RawProducer {
    scene: Arc<SwitchScene>,
    number: usize,
    is_renewed: bool,
    connection: Option<Connection>,
    identity: Option<Identity>,
}

impl RawProducer {
    /// Gets an id, as soon as there are any.
    fn begin(&mut self) -> anyhow::Result<()> {
        let deadline = Instant::now() + ANSWER;
        loop {
            match self.identify() {
                Ok(identity) => {
                    self.identity = Some(identity);
                    return Ok(());
                }
                Err(error) if Instant::now() > deadline => return Err(error),
                Err(_) => thread::sleep(AGAIN),
            }
        }
    }

    fn run(mut self) {
        for number in 1_u64.. {
            if number % GOES_HOME_AFTER == 0 {
                self.connection = None;
                self.identity = self.identity.filter(|_| !self.is_renewed);
            }
            if self.scene.is_over() {
                return;
            }
            let value = format!("{} {number}", self.number);
            let switches = self.scene.switches();
            while let Err(error) = self.write(&value) {
                if self.scene.is_over() {
                    return;
                }
                if error.is::<NotAgain>() {
                    self.scene.gives_up(format!("producer {}: {error}", self.number));
                    self.identity = None;
                }
                thread::sleep(AGAIN);
            }
            locked(&self.scene.acknowledged).push(Acknowledged {
                value,
                producer: self.number,
                at: Instant::now(),
                switches: self.scene.switches() - switches,
            });
            thread::sleep(PACE);
        }
    }

    /// Asks on the connection that there is, or a new one; it stays if there is an answer.
    fn ask<R: kafka_protocol::protocol::Request>(
        &mut self,
        version: i16,
        request: &R,
    ) -> anyhow::Result<R::Response> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.scene.connect(self.number % NODES)?,
        };
        let answer = connection.ask(version, request).inspect_err(|_| {
            self.scene.lost.fetch_add(1, Ordering::SeqCst);
        })?;
        self.connection = Some(connection);
        Ok(answer)
    }

    fn identify(&mut self) -> anyhow::Result<Identity> {
        let request = InitProducerIdRequest::default()
            .with_transactional_id(None)
            .with_transaction_timeout_ms(60_000)
            .with_producer_id(ProducerId(-1))
            .with_producer_epoch(-1);
        let answer = self.ask(INIT_PRODUCER_ID, &request)?;
        accepted(answer.error_code, "InitProducerId")?;
        Ok(Identity {
            id: answer.producer_id.0,
            epoch: answer.producer_epoch,
            sequence: 0,
        })
    }

    fn write(&mut self, value: &str) -> anyhow::Result<()> {
        let identity = match self.identity {
            Some(identity) => identity,
            None => self.identify()?,
        };
        self.identity = Some(identity);
        let answer = self.ask(PRODUCE, &produce(value, identity)?)?;
        let topic = answer.responses.first().context("a topic")?;
        let partition = topic.partition_responses.first().context("a partition")?;
        if partition.error_code != DUPLICATE {
            accepted(partition.error_code, "Produce")?;
        }
        self.identity = Some(Identity {
            sequence: identity.sequence + 1,
            ..identity
        });
        Ok(())
    }
}

/// An answer after which nobody asks again.
#[derive(Debug, thiserror::Error)]
#[error("{api} was answered with error {code}")]
struct NotAgain {
    api: &'static str,
    code: i16,
}

fn accepted(code: i16, api: &'static str) -> anyhow::Result<()> {
    match code {
        0 => Ok(()),
        code if RETRIABLE.contains(&code) => bail!("error {code}, for a while"),
        code => Err(NotAgain { api, code }.into()),
    }
}

fn produce(value: &str, identity: Identity) -> anyhow::Result<ProduceRequest> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let record = Record {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: -1,
        producer_id: identity.id,
        producer_epoch: identity.epoch,
        timestamp_type: TimestampType::Creation,
        timestamp: i64::try_from(now.as_millis())?,
        sequence: identity.sequence,
        offset: 0,
        key: None,
        value: Some(Bytes::copy_from_slice(value.as_bytes())),
        headers: Default::default(),
    };
    let options = RecordEncodeOptions {
        version: 2,
        compression: Compression::None,
    };
    let mut batch = BytesMut::new();
    RecordBatchEncoder::encode(&mut batch, [&record], &options)?;
    let data = PartitionProduceData::default().with_records(Some(batch.freeze()));
    let topic = TopicProduceData::default()
        .with_name(TopicName(StrBytes::from_static_str(ALIAS)))
        .with_partition_data(vec![data]);
    Ok(ProduceRequest::default()
        .with_acks(-1)
        .with_timeout_ms(10_000)
        .with_topic_data(vec![topic]))
}
