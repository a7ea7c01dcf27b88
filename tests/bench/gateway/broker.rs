//! A broker that answers at once and keeps nothing, so that what is measured is what stands in front of it.

use std::collections::HashMap;
use std::io::{BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use anyhow::{Context, Result, bail};
use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::fetch_response::{FetchableTopicResponse, PartitionData};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};
use kafka_protocol::messages::{
    ApiKey, ApiVersionsResponse, BrokerId, FetchResponse, ListTransactionsResponse, MetadataRequest,
    MetadataResponse, ProduceResponse, RequestHeader, ResponseHeader, TopicName,
};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};
use uuid::Uuid;

use crate::batch::Batch;

const BROKER_ID: i32 = 1;

/// The APIs that the broker offers: key, lowest and highest version.
const APIS: [(i16, i16, i16); 7] = [
    (0, 3, 13),
    (1, 4, 17),
    (2, 1, 10),
    (3, 0, 13),
    (18, 0, 4),
    (60, 0, 2),
    (66, 0, 2),
];

/// The most bytes of a request that are read at once.
const READ_BYTES: usize = 256 * 1024;

/// Where the correlation id is in an answer with its length.
const CORRELATION: std::ops::Range<usize> = 4..8;

/// Serves on a free port until the process ends. All topics have one partition; the first is written to, the second is
/// read, and every fetch gets `batch`.
pub(crate) fn start(cluster: &str, topics: &[&str], batch: &Batch) -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let topics: Vec<(String, Uuid)> = topics
        .iter()
        .enumerate()
        .map(|(number, topic)| ((*topic).to_owned(), id(cluster, number)))
        .collect();
    let places = topics.iter().enumerate();
    let broker = Arc::new(Broker {
        cluster: cluster.to_owned(),
        address: listener.local_addr()?,
        by_name: places
            .clone()
            .map(|(place, (topic, _))| (topic.clone(), place))
            .collect(),
        by_id: places.map(|(place, (_, id))| (*id, place)).collect(),
        topics,
        records: batch.bytes.clone(),
    });
    let address = broker.address.to_string();
    thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            let broker = Arc::clone(&broker);
            // A connection ends with an error when the other side closes it.
            thread::spawn(move || broker.serve(&socket).ok());
        }
    });
    Ok(address)
}

/// Of a topic, by its place: one of another cluster has another id.
fn id(cluster: &str, place: usize) -> Uuid {
    let cluster = cluster
        .bytes()
        .fold(1, |sum: u32, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    Uuid::from_u128(0x6b6c_616d_6d00_4000_8000_0000_0000_0000 | u128::from(cluster) << 32 | place as u128)
}

#[derive(Debug)]
struct Broker {
    cluster: String,
    address: SocketAddr,
    topics: Vec<(String, Uuid)>,
    /// The place of a topic among them.
    by_name: HashMap<String, usize>,
    by_id: HashMap<Uuid, usize>,
    records: Bytes,
}

impl Broker {
    fn serve(&self, mut socket: &TcpStream) -> Result<()> {
        socket.set_nodelay(true)?;
        // Small, so that large reads go past it.
        let mut reader = BufReader::with_capacity(4 * 1024, socket);
        let mut space = vec![0; READ_BYTES];
        let mut prepared = HashMap::new();
        loop {
            let mut head = [0; 12];
            reader.read_exact(&mut head)?;
            let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
            let key = i16::from_be_bytes([head[4], head[5]]);
            let version = i16::from_be_bytes([head[6], head[7]]);
            let mut left = length.checked_sub(8).context("a request has a header")?;
            match ApiKey::try_from(key) {
                Ok(api @ (ApiKey::Produce | ApiKey::Fetch)) => {
                    while left > 0 {
                        let part = left.min(READ_BYTES);
                        reader.read_exact(&mut space[..part])?;
                        left -= part;
                    }
                    let answer = match prepared.entry((key, version)) {
                        std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
                        std::collections::hash_map::Entry::Vacant(entry) => {
                            entry.insert(self.prepare(api, version)?)
                        }
                    };
                    answer[CORRELATION].copy_from_slice(&head[8..]);
                    socket.write_all(answer)?;
                }
                Ok(api) => {
                    let mut frame = head[4..].to_vec();
                    frame.resize(length, 0);
                    reader.read_exact(&mut frame[8..])?;
                    let mut answer = self.answer(api, version, Bytes::from(frame))?;
                    answer[CORRELATION].copy_from_slice(&head[8..]);
                    socket.write_all(&answer)?;
                }
                Err(()) => bail!("a request of API {key}"),
            }
        }
    }

    fn prepare(&self, api: ApiKey, version: i16) -> Result<BytesMut> {
        let [(produced, produced_id), (fetched, fetched_id), ..] = self.topics.as_slice() else {
            bail!("a topic to write and one to read");
        };
        if api == ApiKey::Produce {
            let topic = TopicProduceResponse::default()
                .with_name(name(produced))
                .with_topic_id(*produced_id)
                .with_partition_responses(vec![PartitionProduceResponse::default()]);
            return frame(
                api,
                version,
                &ProduceResponse::default().with_responses(vec![topic]),
            );
        }
        let partition = PartitionData::default()
            .with_high_watermark(i64::MAX)
            .with_aborted_transactions(None)
            .with_records(Some(self.records.clone()));
        let topic = FetchableTopicResponse::default()
            .with_topic(name(fetched))
            .with_topic_id(*fetched_id)
            .with_partitions(vec![partition]);
        frame(
            api,
            version,
            &FetchResponse::default().with_responses(vec![topic]),
        )
    }

    fn answer(&self, api: ApiKey, version: i16, mut request: Bytes) -> Result<BytesMut> {
        RequestHeader::decode(&mut request, api.request_header_version(version))?;
        match api {
            ApiKey::ApiVersions => {
                let offered = APIS.iter().map(|&(key, lowest, highest)| {
                    ApiVersion::default()
                        .with_api_key(key)
                        .with_min_version(lowest)
                        .with_max_version(highest)
                });
                frame(
                    api,
                    version,
                    &ApiVersionsResponse::default().with_api_keys(offered.collect()),
                )
            }
            ApiKey::Metadata => {
                let request = MetadataRequest::decode(&mut request, version)?;
                frame(api, version, &self.metadata(&request))
            }
            ApiKey::ListTransactions => frame(api, version, &ListTransactionsResponse::default()),
            other => bail!("a request of {other:?}"),
        }
    }

    fn metadata(&self, request: &MetadataRequest) -> MetadataResponse {
        let place = |wanted: &MetadataRequestTopic| match &wanted.name {
            Some(name) => self.by_name.get(&***name),
            None => self.by_id.get(&wanted.topic_id),
        };
        let shown: Vec<&(String, Uuid)> = match &request.topics {
            None => self.topics.iter().collect(),
            Some(wanted) => wanted
                .iter()
                .filter_map(place)
                .filter_map(|place| self.topics.get(*place))
                .collect(),
        };
        let partition = MetadataResponsePartition::default()
            .with_leader_id(BrokerId(BROKER_ID))
            .with_replica_nodes(vec![BrokerId(BROKER_ID)])
            .with_isr_nodes(vec![BrokerId(BROKER_ID)]);
        let topics = shown.into_iter().map(|(topic, id)| {
            MetadataResponseTopic::default()
                .with_name(Some(name(topic)))
                .with_topic_id(*id)
                .with_partitions(vec![partition.clone()])
        });
        let broker = MetadataResponseBroker::default()
            .with_node_id(BrokerId(BROKER_ID))
            .with_host(StrBytes::from_string(self.address.ip().to_string()))
            .with_port(i32::from(self.address.port()));
        MetadataResponse::default()
            .with_cluster_id(Some(StrBytes::from_string(self.cluster.clone())))
            .with_controller_id(BrokerId(BROKER_ID))
            .with_brokers(vec![broker])
            .with_topics(topics.collect())
    }
}

fn name(topic: &str) -> TopicName {
    TopicName(StrBytes::from_string(topic.to_owned()))
}

/// An answer with its length, and no correlation id yet.
fn frame<M: Encodable>(api: ApiKey, version: i16, message: &M) -> Result<BytesMut> {
    let mut frame = BytesMut::zeroed(4);
    ResponseHeader::default().encode(&mut frame, api.response_header_version(version))?;
    message.encode(&mut frame, version)?;
    let length = u32::try_from(frame.len() - 4)?;
    frame[..4].copy_from_slice(&length.to_be_bytes());
    Ok(frame)
}
