//! A lean Kafka client: prepared produce and fetch frames over one blocking socket.

use std::io::{BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    FetchRequest, FetchResponse, MetadataRequest, MetadataResponse, ProduceRequest, ProduceResponse,
    RequestHeader, ResponseHeader, SaslAuthenticateRequest, SaslHandshakeRequest, TopicName,
};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes};
use kafka_protocol::records::{Compression, Record, RecordBatchEncoder, RecordEncodeOptions, TimestampType};
use uuid::Uuid;

/// The versions that current Java clients use: topics by id.
const PRODUCE: i16 = 13;
const FETCH: i16 = 17;
const METADATA: i16 = 12;

/// Of a fetch answer, as Java asks by default.
const FETCH_BYTES: i32 = 1024 * 1024;

/// Where the correlation id is in a frame with its length.
const CORRELATION: std::ops::Range<usize> = 8..12;

const TIMEOUT: Duration = Duration::from_secs(60);

/// Where to send load, and as whom.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) address: String,
    /// User name and password, if it wants a login.
    pub(crate) login: Option<(String, String)>,
    /// The topic that is written to.
    pub(crate) scratch: String,
    /// The topic that is read.
    pub(crate) filled: String,
}

/// Record batches of one shape.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    bytes: Bytes,
}

impl Batch {
    /// So many records of so many bytes, which do not compress well.
    pub(crate) fn new(records: usize, record_bytes: usize) -> Result<Self> {
        let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?;
        let mut noise = 0x9e37_79b9_7f4a_7c15_u64;
        let mut value = || -> Bytes {
            let next = |_| {
                noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (noise >> 56) as u8
            };
            (0..record_bytes).map(next).collect()
        };
        let record = |number: usize, value: Bytes| Record {
            transactional: false,
            control: false,
            delete_horizon: false,
            partition_leader_epoch: -1,
            producer_id: -1,
            producer_epoch: -1,
            timestamp_type: TimestampType::Creation,
            offset: number as i64,
            // The encoder begins another batch where the sequence has a gap.
            sequence: number as i32 - 1,
            timestamp: now,
            key: None,
            value: Some(value),
            headers: kafka_protocol::indexmap::IndexMap::default(),
        };
        let all: Vec<Record> = (0..records).map(|number| record(number, value())).collect();
        let mut bytes = BytesMut::new();
        let options = RecordEncodeOptions {
            version: 2,
            compression: Compression::None,
        };
        RecordBatchEncoder::encode(&mut bytes, &all, &options)?;
        Ok(Self {
            bytes: bytes.freeze(),
        })
    }
}

/// One connection.
pub(crate) struct Client {
    reader: BufReader<TcpStream>,
    writer: TcpStream,
    correlation: i32,
}

impl Client {
    /// Connects to the leader of the target's topics, and logs in.
    pub(crate) fn connect(target: &Target) -> Result<Self> {
        let mut client = Self::open(&target.address)?;
        if let Some((user, password)) = &target.login {
            client.log_in(user, password)?;
        }
        Ok(client)
    }

    fn open(address: &str) -> Result<Self> {
        let writer = TcpStream::connect(address).with_context(|| format!("connect to {address}"))?;
        writer.set_nodelay(true)?;
        writer.set_read_timeout(Some(TIMEOUT))?;
        let reader = BufReader::with_capacity(256 * 1024, writer.try_clone()?);
        Ok(Self {
            reader,
            writer,
            correlation: 0,
        })
    }

    fn log_in(&mut self, user: &str, password: &str) -> Result<()> {
        let handshake = SaslHandshakeRequest::default().with_mechanism(StrBytes::from_static_str("PLAIN"));
        let answer = self.ask(1, &handshake)?;
        ensure!(answer.error_code == 0, "handshake: error {}", answer.error_code);
        let secret = Bytes::from(format!("\0{user}\0{password}"));
        let answer = self.ask(2, &SaslAuthenticateRequest::default().with_auth_bytes(secret))?;
        ensure!(answer.error_code == 0, "login: error {}", answer.error_code);
        Ok(())
    }

    /// The address of the leader of partition 0, as it is advertised.
    pub(crate) fn leader(&mut self, topic: &str) -> Result<String> {
        let metadata = self.metadata(topic)?;
        let partition = metadata
            .topics
            .first()
            .and_then(|topic| topic.partitions.first())
            .context("a partition")?;
        let leader = metadata
            .brokers
            .iter()
            .find(|broker| broker.node_id == partition.leader_id);
        let leader = leader.with_context(|| format!("the leader of {topic} in {metadata:?}"))?;
        Ok(format!("{}:{}", leader.host, leader.port))
    }

    fn topic_id(&mut self, topic: &str) -> Result<Uuid> {
        let metadata = self.metadata(topic)?;
        let found = metadata.topics.first().context("a topic")?;
        ensure!(
            found.error_code == 0,
            "metadata of {topic}: error {}",
            found.error_code
        );
        Ok(found.topic_id)
    }

    fn metadata(&mut self, topic: &str) -> Result<MetadataResponse> {
        let name = TopicName(StrBytes::from_string(topic.to_owned()));
        let wanted = MetadataRequestTopic::default().with_name(Some(name));
        self.ask(
            METADATA,
            &MetadataRequest::default().with_topics(Some(vec![wanted])),
        )
    }

    /// Sends the batch so many times, so many at once; returns the bytes of all records.
    pub(crate) fn produce_all(
        &mut self,
        topic: &str,
        batch: &Batch,
        count: usize,
        in_flight: usize,
    ) -> Result<usize> {
        let mut frame = self.produce_frame(topic, batch)?;
        let mut answered = 0;
        for sent in 0..count {
            if sent - answered == in_flight {
                self.read_produced()?;
                answered += 1;
            }
            self.correlation += 1;
            frame[CORRELATION].copy_from_slice(&self.correlation.to_be_bytes());
            self.writer.write_all(&frame)?;
        }
        for _ in answered..count {
            self.read_produced()?;
        }
        Ok(count * batch.bytes.len())
    }

    fn produce_frame(&mut self, topic: &str, batch: &Batch) -> Result<BytesMut> {
        let partition = PartitionProduceData::default()
            .with_index(0)
            .with_records(Some(batch.bytes.clone()));
        let topic = TopicProduceData::default()
            .with_topic_id(self.topic_id(topic)?)
            .with_partition_data(vec![partition]);
        let request = ProduceRequest::default()
            .with_acks(-1)
            .with_timeout_ms(30_000)
            .with_topic_data(vec![topic]);
        self.encode(PRODUCE, &request)
    }

    fn read_produced(&mut self) -> Result<()> {
        let answer: ProduceResponse = self.read::<ProduceRequest>(PRODUCE)?;
        let partition = answer
            .responses
            .first()
            .and_then(|topic| topic.partition_responses.first());
        let error = partition.context("a partition")?.error_code;
        ensure!(error == 0, "produce: error {error}");
        Ok(())
    }

    /// Reads a topic that was filled with batches of one shape from its start; returns the bytes of the records.
    pub(crate) fn fetch_all(&mut self, topic: &str, bytes: usize) -> Result<usize> {
        let id = self.topic_id(topic)?;
        let (mut offset, mut got) = (0, 0);
        while got < bytes {
            let partition = FetchPartition::default()
                .with_fetch_offset(offset)
                .with_partition_max_bytes(FETCH_BYTES);
            let topic = FetchTopic::default()
                .with_topic_id(id)
                .with_partitions(vec![partition]);
            let request = FetchRequest::default()
                .with_max_wait_ms(500)
                .with_min_bytes(1)
                .with_max_bytes(50 * FETCH_BYTES)
                .with_session_epoch(-1)
                .with_topics(vec![topic]);
            let answer: FetchResponse = self.ask(FETCH, &request)?;
            ensure!(answer.error_code == 0, "fetch: error {}", answer.error_code);
            let partition = answer
                .responses
                .first()
                .and_then(|topic| topic.partitions.first())
                .context("a partition")?;
            ensure!(
                partition.error_code == 0,
                "fetch: error {} of the partition",
                partition.error_code
            );
            let records = partition.records.as_ref().context("records")?;
            offset = next_offset(records).with_context(|| format!("no whole batch at offset {offset}"))?;
            got += records.len();
        }
        Ok(got)
    }

    fn ask<R: Request + Encodable>(&mut self, version: i16, request: &R) -> Result<R::Response> {
        let frame = self.encode(version, request)?;
        self.writer.write_all(&frame)?;
        self.read::<R>(version)
    }

    /// A whole frame, its length first.
    fn encode<R: Request + Encodable>(&mut self, version: i16, request: &R) -> Result<BytesMut> {
        self.correlation += 1;
        let header = RequestHeader::default()
            .with_request_api_key(R::KEY)
            .with_request_api_version(version)
            .with_correlation_id(self.correlation)
            .with_client_id(Some(StrBytes::from_static_str("bench")));
        let mut frame = BytesMut::zeroed(4);
        header.encode(&mut frame, R::header_version(version))?;
        request.encode(&mut frame, version)?;
        let length = u32::try_from(frame.len() - 4)?;
        frame[..4].copy_from_slice(&length.to_be_bytes());
        Ok(frame)
    }

    fn read<R: Request>(&mut self, version: i16) -> Result<R::Response> {
        let mut length = [0; 4];
        self.reader.read_exact(&mut length)?;
        let mut frame = vec![0; usize::try_from(u32::from_be_bytes(length))?];
        self.reader.read_exact(&mut frame)?;
        let mut frame = Bytes::from(frame);
        ResponseHeader::decode(&mut frame, R::Response::header_version(version))?;
        R::Response::decode(&mut frame, version)
    }
}

/// The offset after the last whole batch. A batch: base offset (8), length of the rest (4), …, last delta at 23.
fn next_offset(mut records: &[u8]) -> Option<i64> {
    let mut next = None;
    while let (Some(base), Some(length)) = (records.get(..8), records.get(8..12)) {
        let end = 12 + usize::try_from(u32::from_be_bytes(length.try_into().ok()?)).ok()?;
        if records.len() < end {
            break;
        }
        let delta = i32::from_be_bytes(records.get(23..27)?.try_into().ok()?);
        next = Some(i64::from_be_bytes(base.try_into().ok()?) + i64::from(delta) + 1);
        records = &records[end..];
    }
    next
}
