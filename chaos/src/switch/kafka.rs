//! A real Kafka cluster of one broker, which says that it is where its relay is.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::{BrokerId, FetchRequest, TopicName};
use kafka_protocol::protocol::StrBytes;
use kafka_protocol::records::RecordBatchDecoder;

use super::order::{KafkaSide, RequestOrder};
use super::recorder;
use crate::wire::Connection;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/kafka/kafka.sh");

/// How long a broker may take to answer.
const LIMIT: Duration = Duration::from_secs(20);

/// Bytes of one answer.
const BYTES: i32 = 8 << 20;

/// The versions of Fetch that name topics.
const FETCH: i16 = 11;

/// It ends with this value.
#[derive(Debug)]
pub(super) struct KafkaCluster {
    process: Child,
    /// Where the broker listens.
    pub(super) address: SocketAddr,
    /// Where the relay does.
    pub(super) relay: SocketAddr,
}

impl KafkaCluster {
    /// Starts it, on two ports from this one.
    pub(super) fn start(side: KafkaSide, port: u16, order: &Arc<RequestOrder>) -> anyhow::Result<Self> {
        let address = (Ipv4Addr::LOCALHOST, port).into();
        let relay = recorder::start(address, side, order)?;
        let advertised = format!("advertised.listeners=PLAINTEXT://{relay}");
        let mut process = Command::new("bash")
            .args([SCRIPT, "run", side.name(), &port.to_string()])
            .args(["--set", &advertised])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("bash cannot be run")?;
        let said = process.stdout.take().context("it says something")?;
        let cluster = Self {
            process,
            address,
            relay,
        };
        let mut line = String::new();
        BufReader::new(said).read_line(&mut line)?;
        ensure!(line.starts_with("ready"), "Kafka does not start: {line:?}");
        Ok(cluster)
    }

    /// Makes a topic of one partition, of whose records the broker says when it wrote them.
    pub(super) fn create(&self, topic: &str) -> anyhow::Result<()> {
        let made = Command::new("bash")
            .args([SCRIPT, "tool", "kafka-topics", "--bootstrap-server"])
            .arg(self.address.to_string())
            .args(["--create", "--partitions", "1", "--topic", topic])
            .args(["--config", "message.timestamp.type=LogAppendTime"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status()?;
        ensure!(made.success(), "the topic {topic} cannot be made");
        Ok(())
    }

    /// How often the only partition of a topic has each value.
    pub(super) fn stored(&self, topic: &str) -> anyhow::Result<BTreeMap<String, u64>> {
        let mut connection = Connection::open(self.address, LIMIT)?;
        let (mut stored, mut offset) = (BTreeMap::new(), 0);
        loop {
            let answer = connection.ask(FETCH, &fetch(topic, offset, BYTES))?;
            let partition = answer
                .responses
                .first()
                .and_then(|topic| topic.partitions.first());
            let partition = partition.context("a partition")?;
            ensure!(partition.error_code == 0, "error {}", partition.error_code);
            if offset >= partition.high_watermark {
                return Ok(stored);
            }
            let mut records = partition.records.clone().unwrap_or_default();
            let begun = offset;
            // The last batch need not be whole.
            while let Ok(batch) = RecordBatchDecoder::decode(&mut records) {
                for record in batch.records {
                    let value =
                        String::from_utf8_lossy(record.value.as_deref().unwrap_or_default()).into_owned();
                    *stored.entry(value).or_default() += 1;
                    offset = offset.max(record.offset + 1);
                }
            }
            ensure!(offset > begun, "nothing can be read at {offset}");
        }
    }
}

/// A request for what a topic's only partition has from an offset on.
pub(super) fn fetch(topic: &str, offset: i64, bytes: i32) -> FetchRequest {
    let partition = FetchPartition::default()
        .with_fetch_offset(offset)
        .with_partition_max_bytes(bytes);
    let topic = FetchTopic::default()
        .with_topic(TopicName(StrBytes::from_string(topic.to_owned())))
        .with_partitions(vec![partition]);
    FetchRequest::default()
        .with_replica_id(BrokerId(-1))
        .with_max_wait_ms(100)
        .with_max_bytes(bytes)
        .with_session_epoch(-1)
        .with_topics(vec![topic])
}

impl Drop for KafkaCluster {
    fn drop(&mut self) {
        // The script ends the broker when its input ends, and deletes its data.
        drop(self.process.stdin.take());
        self.process.wait().ok();
    }
}
