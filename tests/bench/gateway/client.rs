//! A lean Kafka client over one blocking socket. Answers are read into one buffer, and records are not looked at.

use std::io::{BufReader, Read, Write};

use anyhow::{Context, Result, bail, ensure};
use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::create_acls_request::AclCreation;
use kafka_protocol::messages::delete_acls_request::DeleteAclsFilter;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    CreateAclsRequest, DeleteAclsRequest, FetchRequest, MetadataRequest, MetadataResponse, ProduceRequest,
    RequestHeader, ResponseHeader, SaslAuthenticateRequest, SaslHandshakeRequest, TopicName,
};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes};
use uuid::Uuid;

use crate::login::Login;
use crate::stream::Stream;

/// The versions that current Java clients use: topics by id.
const PRODUCE: i16 = 13;
const FETCH: i16 = 17;
const METADATA: i16 = 12;
const CREATE_ACLS: i16 = 3;
const DELETE_ACLS: i16 = 3;

/// Of a fetch answer, as Java asks by default.
const FETCH_BYTES: i32 = 1024 * 1024;

/// Where the correlation id is in a request with its length.
const CORRELATION: std::ops::Range<usize> = 8..12;

const SASL_AUTHENTICATION_FAILED: i16 = 58;

/// Whose acknowledgement a produce waits for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Acks {
    Leader = 1,
    All = -1,
}

/// A partition of a topic, by the id that requests carry.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Partition {
    pub(crate) topic: Uuid,
    pub(crate) index: i32,
}

/// A request that is sent again and again.
#[derive(Debug)]
pub(crate) struct Prepared(BytesMut);

/// One connection.
#[derive(Debug)]
pub(crate) struct Client {
    stream: BufReader<Stream>,
    correlation: i32,
    /// The space into which the last answer was read.
    space: Bytes,
}

/// The result of a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Welcome,
    Refused,
}

impl Client {
    /// Connects, and logs in when there is a login.
    pub(crate) fn connect(address: &str, login: Option<&Login>) -> Result<Self> {
        let mut client = Self::over(Stream::connect(address, None)?);
        if let Some(login) = login {
            let verdict = client.log_in(login)?;
            ensure!(verdict == Verdict::Welcome, "the login is refused");
        }
        Ok(client)
    }

    pub(crate) fn over(stream: Stream) -> Self {
        Self {
            // Small, so that large reads go past it.
            stream: BufReader::with_capacity(4 * 1024, stream),
            correlation: 0,
            space: Bytes::new(),
        }
    }

    /// The connection, for bytes that are no request.
    pub(crate) fn into_stream(self) -> Stream {
        self.stream.into_inner()
    }

    pub(crate) fn log_in(&mut self, login: &Login) -> Result<Verdict> {
        let mechanism = StrBytes::from_static_str(login.mechanism());
        let answer = self.ask(1, &SaslHandshakeRequest::default().with_mechanism(mechanism))?;
        ensure!(answer.error_code == 0, "handshake: error {}", answer.error_code);
        let mut message = login.first();
        loop {
            let request = SaslAuthenticateRequest::default().with_auth_bytes(message.into());
            let answer = self.ask(2, &request)?;
            match answer.error_code {
                0 => {}
                SASL_AUTHENTICATION_FAILED => return Ok(Verdict::Refused),
                error => bail!("login: error {error}"),
            }
            // What a server says last begins with its signature.
            if answer.auth_bytes.is_empty() || answer.auth_bytes.starts_with(b"v=") {
                return Ok(Verdict::Welcome);
            }
            message = login
                .last(&answer.auth_bytes)?
                .context("a challenge where none is due")?;
        }
    }

    /// Lets a user do everything to all topics.
    pub(crate) fn grant_all(&mut self, user: &str) -> Result<()> {
        let (topic, literal, all, allow) = (2, 3, 2, 3);
        let grant = AclCreation::default()
            .with_resource_type(topic)
            .with_resource_name(StrBytes::from_static_str("*"))
            .with_resource_pattern_type(literal)
            .with_principal(StrBytes::from_string(format!("User:{user}")))
            .with_host(StrBytes::from_static_str("*"))
            .with_operation(all)
            .with_permission_type(allow);
        let answer = self.ask(
            CREATE_ACLS,
            &CreateAclsRequest::default().with_creations(vec![grant]),
        )?;
        let error = answer.results.first().context("a result")?.error_code;
        ensure!(error == 0, "create ACLs: error {error}");
        Ok(())
    }

    /// Takes away every right of a user. Answers how many there were.
    pub(crate) fn revoke_all(&mut self, user: &str) -> Result<usize> {
        let any = 1;
        let filter = DeleteAclsFilter::default()
            .with_resource_type_filter(any)
            .with_resource_name_filter(None)
            .with_pattern_type_filter(any)
            .with_principal_filter(Some(StrBytes::from_string(format!("User:{user}"))))
            .with_host_filter(None)
            .with_operation(any)
            .with_permission_type(any);
        let request = DeleteAclsRequest::default().with_filters(vec![filter]);
        let answer = self.ask(DELETE_ACLS, &request)?;
        let of_filter = answer.filter_results.first().context("a result")?;
        ensure!(
            of_filter.error_code == 0,
            "delete ACLs: error {}",
            of_filter.error_code
        );
        Ok(of_filter.matching_acls.len())
    }

    /// The address of the leader of a topic's first partition, as it is advertised, and the topic's id.
    pub(crate) fn leader(&mut self, topic: &str) -> Result<(String, Uuid)> {
        let metadata = self.metadata(Some(topic))?;
        let found = metadata.topics.first().context("a topic")?;
        let partition = found
            .partitions
            .first()
            .with_context(|| format!("metadata of {topic}: error {}", found.error_code))?;
        let leader = metadata
            .brokers
            .iter()
            .find(|broker| broker.node_id == partition.leader_id);
        let leader = leader.with_context(|| format!("the leader of {topic} in {metadata:?}"))?;
        Ok((format!("{}:{}", leader.host, leader.port), found.topic_id))
    }

    /// Of one topic, or of all of them.
    pub(crate) fn metadata(&mut self, topic: Option<&str>) -> Result<MetadataResponse> {
        let wanted = topic.map(|topic| {
            let name = TopicName(StrBytes::from_string(topic.to_owned()));
            vec![MetadataRequestTopic::default().with_name(Some(name))]
        });
        self.ask(METADATA, &MetadataRequest::default().with_topics(wanted))
    }

    /// A request that writes these records.
    pub(crate) fn prepare_produce(
        &mut self,
        partition: Partition,
        records: &Bytes,
        acks: Acks,
    ) -> Result<Prepared> {
        let data = PartitionProduceData::default()
            .with_index(partition.index)
            .with_records(Some(records.clone()));
        let topic = TopicProduceData::default()
            .with_topic_id(partition.topic)
            .with_partition_data(vec![data]);
        let request = ProduceRequest::default()
            .with_acks(acks as i16)
            .with_timeout_ms(30_000)
            .with_topic_data(vec![topic]);
        self.encode(PRODUCE, &request).map(Prepared)
    }

    /// Sends a request; its answer is read later.
    pub(crate) fn send(&mut self, Prepared(frame): &mut Prepared) -> Result<()> {
        self.correlation += 1;
        frame[CORRELATION].copy_from_slice(&self.correlation.to_be_bytes());
        Ok(self.stream.get_mut().write_all(frame)?)
    }

    /// Reads the next answer, which is that to a produce.
    pub(crate) fn read_produced(&mut self) -> Result<()> {
        let answer = self.read::<ProduceRequest>(PRODUCE)?;
        let topic = answer.responses.first();
        let partition = topic.and_then(|topic| topic.partition_responses.first());
        let error = partition.context("a partition")?.error_code;
        ensure!(error == 0, "produce: error {error}");
        Ok(())
    }

    /// Reads from an offset; returns the next offset and the bytes of the records.
    pub(crate) fn fetch(&mut self, partition: Partition, offset: i64) -> Result<(i64, usize)> {
        let wanted = FetchPartition::default()
            .with_partition(partition.index)
            .with_fetch_offset(offset)
            .with_partition_max_bytes(FETCH_BYTES);
        let topic = FetchTopic::default()
            .with_topic_id(partition.topic)
            .with_partitions(vec![wanted]);
        let request = FetchRequest::default()
            .with_max_wait_ms(500)
            .with_min_bytes(1)
            .with_max_bytes(50 * FETCH_BYTES)
            .with_session_epoch(-1)
            .with_topics(vec![topic]);
        let frame = self.encode(FETCH, &request)?;
        self.stream.get_mut().write_all(&frame)?;
        let answer = self.read::<FetchRequest>(FETCH)?;
        ensure!(answer.error_code == 0, "fetch: error {}", answer.error_code);
        let topic = answer.responses.first();
        let partition = topic
            .and_then(|topic| topic.partitions.first())
            .context("a partition")?;
        let error = partition.error_code;
        ensure!(error == 0, "fetch: error {error} of the partition");
        let records = partition.records.as_ref().context("records")?;
        let next = next_offset(records).with_context(|| format!("no whole batch at offset {offset}"))?;
        Ok((next, records.len()))
    }

    pub(crate) fn ask<R: Request + Encodable>(&mut self, version: i16, request: &R) -> Result<R::Response> {
        let frame = self.encode(version, request)?;
        self.stream.get_mut().write_all(&frame)?;
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
        self.stream.read_exact(&mut length)?;
        let length = usize::try_from(u32::from_be_bytes(length))?;
        // The last answer is gone, so its memory is here again and is neither allocated nor zeroed.
        let mut space = Vec::from(std::mem::take(&mut self.space));
        if space.len() < length {
            space.resize(length, 0);
        }
        self.stream.read_exact(&mut space[..length])?;
        let space = Bytes::from(space);
        let mut frame = space.slice(..length);
        let header = ResponseHeader::decode(&mut frame, R::Response::header_version(version))?;
        ensure!(
            header.correlation_id <= self.correlation,
            "an answer to a request that was not sent"
        );
        let answer = R::Response::decode(&mut frame, version)?;
        self.space = space;
        Ok(answer)
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
