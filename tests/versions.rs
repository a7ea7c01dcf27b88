//! Every forwarded API in every version against a real broker: what the virtual cluster makes of a request is one that
//! the broker takes, and what it makes of the answer is one that the client reads, with nothing physical in it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream};
use std::ops::RangeInclusive;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_delete_request::{
    OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use kafka_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use kafka_protocol::messages::offset_for_leader_epoch_request::{
    OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{
    ApiVersionsRequest, BrokerId, ConsumerProtocolAssignment, ConsumerProtocolSubscription,
    DeleteGroupsRequest, DescribeClusterRequest, DescribeConfigsRequest, DescribeGroupsRequest, FetchRequest,
    FindCoordinatorRequest, GroupId, HeartbeatRequest, InitProducerIdRequest, JoinGroupRequest,
    LeaveGroupRequest, ListGroupsRequest, ListOffsetsRequest, MetadataRequest, OffsetCommitRequest,
    OffsetDeleteRequest, OffsetFetchRequest, OffsetForLeaderEpochRequest, ProduceRequest, RequestHeader,
    ResponseHeader, SyncGroupRequest, TopicName,
};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes};
use kafka_protocol::records::{Compression, Record, RecordBatchEncoder, RecordEncodeOptions, TimestampType};
use klamm::authz::{Principal, host_text};
use klamm::backend::topology::{ApiRanges, Broker, PhysicalTopic, Topology};
use klamm::vcluster::api;
use klamm::vcluster::plan::{Answer, Attempt, Caller, Plan};
use klamm::vcluster::view::{Source, View};
use klamm_raft::model::{
    AliasTopic, BrokerKey, BrokerSlot, Liveness, NodeId, NodeRecord, PortSlot, Revision, VclusterKind,
    VclusterName, VclusterState, VirtualCluster,
};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/kafka/kafka.sh");
const PHYSICAL: &str = "versions-physical";
const VIRTUAL: &str = "orders";
/// The virtual id of the only broker.
const VIRTUAL_BROKER: i32 = 7;
/// A coordinator may be made on first use; a group may be in the middle of something.
const RETRIABLE: [i16; 4] = [14, 15, 16, 27];

/// A broker, the virtual cluster before it, and a connection.
struct World {
    _broker: Child,
    view: View,
    caller: Caller,
    connection: Mutex<TcpStream>,
    /// Texts that must not reach a client.
    secrets: Vec<String>,
}

fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(World::start)
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

fn topic(name: &str) -> TopicName {
    TopicName(text(name))
}

fn group(version: i16) -> GroupId {
    GroupId(text(&format!("app-{version}")))
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

impl World {
    fn start() -> Self {
        let port = free_port();
        let mut broker = Command::new(SCRIPT)
            .args(["run", "versions-test", &port.to_string()])
            .args([
                "--set",
                "group.initial.rebalance.delay.ms=0",
                "--set",
                "offsets.topic.num.partitions=1",
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        BufReader::new(broker.stdout.take().unwrap())
            .read_line(&mut said)
            .unwrap();
        assert!(said.starts_with("ready"), "Kafka did not start: {said:?}");
        let address = format!("127.0.0.1:{port}");
        let made = Command::new(SCRIPT)
            .args([
                "tool",
                "kafka-topics",
                "--create",
                "--topic",
                PHYSICAL,
                "--bootstrap-server",
                &address,
            ])
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(made.success());
        let mut connection = TcpStream::connect(&address).unwrap();
        connection
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        let topology = topology(&mut connection);
        let host = topology.brokers.values().next().unwrap();
        let secrets = [
            PHYSICAL.into(),
            topology.kafka_cluster_id.clone(),
            "tenant:".into(),
        ];
        let client = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
        assert_eq!(host.port, port);
        Self {
            _broker: broker,
            view: view(&topology),
            caller: Caller {
                principal: Principal::user("admin"),
                address: client,
                host: host_text(client).into(),
            },
            connection: Mutex::new(connection),
            secrets: secrets.into(),
        }
    }

    /// A request as a client sends it, through the virtual cluster to the broker and back.
    fn ask<Q: Request>(&self, version: i16, request: &Q) -> Q::Response {
        let frame = Bytes::from(encode(version, request)).slice(4..);
        let planned = api::request(&self.view, &self.caller, frame, Attempt::AfterRefresh);
        let place = format!("API {} version {version}", Q::KEY);
        let Plan::Forward(forward) = planned.plan else {
            panic!("{place}: {:?}", planned.plan)
        };
        let Answer::Expected(pending) = forward.answer else {
            panic!("{place}: no answer")
        };
        let sent: Vec<u8> = forward
            .frame
            .0
            .iter()
            .flat_map(|segment| segment.to_vec())
            .collect();
        let answer = exchange(&mut self.connection.lock().unwrap(), &sent);
        let told = api::response(&self.view, &self.caller, pending, answer).unwrap();
        assert_eq!(told.gateway_refused, None, "{place}");
        let told: Vec<u8> = told.frame.0.iter().flat_map(|segment| segment.to_vec()).collect();
        for secret in &self.secrets {
            assert!(
                !told
                    .windows(secret.len())
                    .any(|window| window == secret.as_bytes()),
                "{place}: {secret}"
            );
        }
        decode::<Q>(version, Bytes::from(told).slice(4..))
    }

    /// The same until the error is none that goes away.
    fn ask_until<Q: Request>(
        &self,
        version: i16,
        request: &Q,
        error: impl Fn(&Q::Response) -> i16,
    ) -> Q::Response {
        for _ in 0..100 {
            let response = self.ask(version, request);
            if !RETRIABLE.contains(&error(&response)) {
                return response;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        panic!("API {} version {version} stays retriable", Q::KEY)
    }

    fn topic_id(&self) -> uuid::Uuid {
        let alias = self.view.names.by_virtual_name(VIRTUAL).unwrap();
        uuid::Uuid::from_bytes(*alias.ids.unwrap().virtual_id.bytes())
    }
}

/// Reads one frame in answer to another.
fn exchange(connection: &mut TcpStream, frame: &[u8]) -> Bytes {
    connection.write_all(frame).unwrap();
    let mut length = [0; 4];
    connection.read_exact(&mut length).unwrap();
    let mut answer = vec![0; u32::from_be_bytes(length) as usize];
    connection.read_exact(&mut answer).unwrap();
    Bytes::from(answer)
}

fn encode<Q: Request>(version: i16, request: &Q) -> Vec<u8> {
    let header = RequestHeader::default()
        .with_request_api_key(Q::KEY)
        .with_request_api_version(version)
        .with_correlation_id(1)
        .with_client_id(Some(text("client")));
    let mut frame = BytesMut::from(&[0; 4][..]);
    header.encode(&mut frame, Q::header_version(version)).unwrap();
    request.encode(&mut frame, version).unwrap();
    let length = u32::try_from(frame.len() - 4).unwrap();
    frame[..4].copy_from_slice(&length.to_be_bytes());
    frame.to_vec()
}

fn decode<Q: Request>(version: i16, mut frame: Bytes) -> Q::Response {
    ResponseHeader::decode(&mut frame, Q::Response::header_version(version)).unwrap();
    let response = Q::Response::decode(&mut frame, version).unwrap();
    assert!(frame.is_empty());
    response
}

/// What the broker says of itself.
fn topology(connection: &mut TcpStream) -> Topology {
    let versions = exchange(connection, &encode(0, &ApiVersionsRequest::default()));
    let apis = decode::<ApiVersionsRequest>(0, versions).api_keys;
    let asked = MetadataRequestTopic::default().with_name(Some(topic(PHYSICAL)));
    let metadata = exchange(
        connection,
        &encode(12, &MetadataRequest::default().with_topics(Some(vec![asked]))),
    );
    let metadata = decode::<MetadataRequest>(12, metadata);
    let brokers = metadata.brokers.iter().map(|broker| {
        let (host, port) = (broker.host.to_string(), u16::try_from(broker.port).unwrap());
        (
            broker.node_id.0,
            Broker {
                host,
                port,
                rack: None,
            },
        )
    });
    let known = PhysicalTopic {
        id: *metadata.topics[0].topic_id.as_bytes(),
        partitions: 1,
    };
    Topology {
        kafka_cluster_id: metadata.cluster_id.unwrap().to_string(),
        controller: Some(metadata.controller_id.0),
        brokers: brokers.collect(),
        topics: HashMap::from([(PHYSICAL.parse().unwrap(), known)]),
        apis: ApiRanges(
            apis.iter()
                .map(|api| (api.api_key, (api.min_version, api.max_version)))
                .collect(),
        ),
        ..Topology::default()
    }
}

fn view(topology: &Topology) -> View {
    let home = "main".parse().unwrap();
    let alias = AliasTopic {
        physical_cluster: "main".parse().unwrap(),
        physical_name: PHYSICAL.parse().unwrap(),
    };
    let slot = BrokerSlot {
        virtual_id: VIRTUAL_BROKER,
        port: PortSlot(1),
    };
    let broker = |id: &i32| {
        (
            BrokerKey {
                cluster: "main".parse().unwrap(),
                physical_id: *id,
            },
            slot,
        )
    };
    let state = VclusterState {
        spec: VirtualCluster {
            kind: VclusterKind::Partner,
            acl_enabled: true,
            super_users: BTreeSet::from(["admin".parse().unwrap()]),
        },
        kafka_cluster_id: "virtual".into(),
        aliases: BTreeMap::from([(VIRTUAL.parse().unwrap(), alias)]),
        accounts: BTreeMap::new(),
        tokens: BTreeMap::new(),
        acls: BTreeSet::new(),
        home: Some(home),
        bootstrap: PortSlot(0),
        brokers: topology.brokers.keys().map(broker).collect(),
        next_broker_id: VIRTUAL_BROKER + 1,
    };
    let node = NodeRecord {
        advertised_host: "gateway".into(),
        port_start: 7000,
        port_count: 10,
        liveness: Liveness::Up,
    };
    let name: VclusterName = "tenant".parse().unwrap();
    View::compile(
        None,
        Source {
            name: &name,
            state: &state,
            nodes: &BTreeMap::from([(NodeId(1), node)]),
            topology: Some(topology),
            signing_key: None,
            revision: Revision(1),
        },
    )
}

fn records() -> Bytes {
    let record = Record {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: -1,
        producer_id: -1,
        producer_epoch: -1,
        timestamp_type: TimestampType::Creation,
        offset: 0,
        sequence: -1,
        timestamp: 1,
        key: None,
        value: Some(Bytes::from_static(b"hello")),
        headers: Default::default(),
    };
    let mut batch = BytesMut::new();
    let options = RecordEncodeOptions {
        version: 2,
        compression: Compression::None,
    };
    RecordBatchEncoder::encode(&mut batch, &[record], &options).unwrap();
    batch.freeze()
}

#[test]
fn metadata_and_cluster() {
    let world = world();
    for version in 0..=13 {
        let asked = MetadataRequestTopic::default().with_name(Some(topic(VIRTUAL)));
        for topics in [Some(vec![asked]), if version == 0 { Some(vec![]) } else { None }] {
            let response = world.ask(version, &MetadataRequest::default().with_topics(topics));
            let broker = &response.brokers[0];
            assert_eq!(
                (broker.node_id.0, broker.host.as_str(), broker.port),
                (VIRTUAL_BROKER, "gateway", 7001)
            );
            let [told] = &response.topics[..] else {
                panic!("{response:?}")
            };
            assert_eq!((told.error_code, &told.name), (0, &Some(topic(VIRTUAL))));
            assert_eq!(
                (told.partitions[0].error_code, told.partitions[0].leader_id.0),
                (0, VIRTUAL_BROKER)
            );
            assert!(version < 10 || told.topic_id == world.topic_id());
        }
    }
    for version in 12..=13 {
        let asked = MetadataRequestTopic::default()
            .with_name(None)
            .with_topic_id(world.topic_id());
        let response = world.ask(
            version,
            &MetadataRequest::default().with_topics(Some(vec![asked])),
        );
        assert_eq!(response.topics[0].name, Some(topic(VIRTUAL)), "version {version}");
    }
    for version in 0..=2 {
        let response = world.ask(version, &DescribeClusterRequest::default());
        assert_eq!(
            (response.cluster_id.as_str(), response.brokers[0].port),
            ("virtual", 7001)
        );
    }
}

fn produce(world: &World, version: i16) -> i64 {
    let partition = PartitionProduceData::default().with_records(Some(records()));
    let named = if version >= 13 {
        TopicProduceData::default().with_topic_id(world.topic_id())
    } else {
        TopicProduceData::default().with_name(topic(VIRTUAL))
    };
    let request = ProduceRequest::default()
        .with_acks(-1)
        .with_timeout_ms(10_000)
        .with_topic_data(vec![named.with_partition_data(vec![partition])]);
    let response = world.ask(version, &request);
    let partition = &response.responses[0].partition_responses[0];
    assert_eq!(partition.error_code, 0, "version {version}");
    partition.base_offset
}

#[test]
fn records_go_and_come() {
    let world = world();
    let mut before = -1;
    for version in 3..=13 {
        let offset = produce(world, version);
        assert!(offset > before, "version {version}");
        before = offset;
    }
    for version in 4..=18 {
        let partition = FetchPartition::default().with_partition_max_bytes(1 << 20);
        let named = if version >= 13 {
            FetchTopic::default().with_topic_id(world.topic_id())
        } else {
            FetchTopic::default().with_topic(topic(VIRTUAL))
        };
        let request = FetchRequest::default()
            .with_replica_id(BrokerId(-1))
            .with_max_wait_ms(100)
            .with_min_bytes(1)
            .with_max_bytes(1 << 20)
            .with_session_epoch(if version >= 7 { 0 } else { -1 })
            .with_topics(vec![named.with_partitions(vec![partition])]);
        let response = world.ask(version, &request);
        let partition = &response.responses[0].partitions[0];
        assert_eq!(
            (response.error_code, partition.error_code, response.session_id),
            (0, 0, 0),
            "version {version}"
        );
        let records = partition.records.as_ref().unwrap();
        assert!(
            records.windows(5).any(|window| window == b"hello"),
            "version {version}"
        );
    }
    for version in 1..=10 {
        let partition = ListOffsetsPartition::default().with_timestamp(-1);
        let asked = ListOffsetsTopic::default()
            .with_name(topic(VIRTUAL))
            .with_partitions(vec![partition]);
        let request = ListOffsetsRequest::default()
            .with_replica_id(BrokerId(-1))
            .with_topics(vec![asked]);
        let response = world.ask(version, &request);
        let partition = &response.topics[0].partitions[0];
        assert_eq!(
            (&response.topics[0].name, partition.error_code),
            (&topic(VIRTUAL), 0)
        );
        assert!(partition.offset > before, "version {version}");
    }
    for version in 2..=4 {
        let partition = OffsetForLeaderPartition::default().with_leader_epoch(0);
        let asked = OffsetForLeaderTopic::default()
            .with_topic(topic(VIRTUAL))
            .with_partitions(vec![partition]);
        let response = world.ask(
            version,
            &OffsetForLeaderEpochRequest::default().with_topics(vec![asked]),
        );
        assert_eq!(
            response.topics[0].partitions[0].error_code, 0,
            "version {version}"
        );
    }
    for version in 0..=5 {
        let request = InitProducerIdRequest::default()
            .with_transactional_id(None)
            .with_transaction_timeout_ms(1000);
        let response = world.ask_until(version, &request, |response| response.error_code);
        assert_eq!(response.error_code, 0, "version {version}");
        assert!(response.producer_id.0 >= 0);
    }
}

fn find_coordinator(world: &World, version: i16, group: &GroupId) {
    let mut request = FindCoordinatorRequest::default();
    if version >= 4 {
        request.coordinator_keys = vec![group.0.clone()];
    } else {
        request.key = group.0.clone();
    }
    let error = |response: &<FindCoordinatorRequest as Request>::Response| {
        response
            .coordinators
            .first()
            .map_or(response.error_code, |one| one.error_code)
    };
    let response = world.ask_until(version, &request, error);
    assert_eq!(error(&response), 0, "version {version}");
    let (node, port) = match response.coordinators.first() {
        Some(one) => (one.node_id.0, one.port),
        None => (response.node_id.0, response.port),
    };
    assert_eq!((node, port), (VIRTUAL_BROKER, 7001), "version {version}");
}

fn embedded<T: Encodable>(message: &T) -> Bytes {
    let mut out = BytesMut::from(&[0, 0][..]);
    message.encode(&mut out, 0).unwrap();
    out.freeze()
}

/// A member of the version's group: its id and generation.
fn join(world: &World, version: i16) -> (StrBytes, i32) {
    let subscription =
        ConsumerProtocolSubscription::default().with_topics(vec![text(VIRTUAL), text("later")]);
    let protocol = JoinGroupRequestProtocol::default()
        .with_name(text("range"))
        .with_metadata(embedded(&subscription));
    let mut request = JoinGroupRequest::default()
        .with_group_id(group(version))
        .with_session_timeout_ms(30_000)
        .with_protocol_type(text("consumer"))
        .with_protocols(vec![protocol]);
    if version >= 1 {
        request.rebalance_timeout_ms = 30_000;
    }
    let mut response = world.ask_until(version, &request, |response| response.error_code);
    if response.error_code == 79 {
        request.member_id = response.member_id.clone();
        response = world.ask_until(version, &request, |response| response.error_code);
    }
    assert_eq!(response.error_code, 0, "version {version}");
    assert_eq!(
        response.members[0].metadata,
        embedded(&subscription),
        "version {version}"
    );
    (response.member_id, response.generation_id)
}

fn assignment() -> Bytes {
    let assigned = kafka_protocol::messages::consumer_protocol_assignment::TopicPartition::default()
        .with_topic(topic(VIRTUAL))
        .with_partitions(vec![0]);
    embedded(&ConsumerProtocolAssignment::default().with_assigned_partitions(vec![assigned]))
}

fn sync(world: &World, version: i16, member: &StrBytes, generation: i32, of: i16) {
    let given = SyncGroupRequestAssignment::default()
        .with_member_id(member.clone())
        .with_assignment(assignment());
    let mut request = SyncGroupRequest::default()
        .with_group_id(group(of))
        .with_generation_id(generation)
        .with_member_id(member.clone())
        .with_assignments(vec![given]);
    if version >= 5 {
        request = request
            .with_protocol_type(Some(text("consumer")))
            .with_protocol_name(Some(text("range")));
    }
    let response = world.ask(version, &request);
    assert_eq!(
        (response.error_code, response.assignment),
        (0, assignment()),
        "version {version}"
    );
}

/// The versions of an API that go with version `of` of JoinGroup: each is tried with some.
fn paired(of: i16, versions: RangeInclusive<i16>) -> i16 {
    versions.start() + of % (versions.end() - versions.start() + 1)
}

#[test]
fn groups_live_and_die() {
    let world = world();
    for version in 0..=9 {
        find_coordinator(world, paired(version, 0..=6), &group(version));
        let (member, generation) = join(world, version);
        sync(world, paired(version, 0..=5), &member, generation, version);
        let heartbeat = HeartbeatRequest::default()
            .with_group_id(group(version))
            .with_generation_id(generation)
            .with_member_id(member.clone());
        assert_eq!(world.ask(paired(version, 0..=4), &heartbeat).error_code, 0);
        offsets(world, version, &member, generation);
        describe(world, version);
        leave(world, version, &member);
    }
}

fn offsets(world: &World, of: i16, member: &StrBytes, generation: i32) {
    let partition = OffsetCommitRequestPartition::default().with_committed_offset(1);
    let committed = OffsetCommitRequestTopic::default()
        .with_name(topic(VIRTUAL))
        .with_partitions(vec![partition]);
    let request = OffsetCommitRequest::default()
        .with_group_id(group(of))
        .with_generation_id_or_member_epoch(generation)
        .with_member_id(member.clone())
        .with_topics(vec![committed]);
    let response = world.ask(paired(of, 2..=9), &request);
    assert_eq!(
        (
            &response.topics[0].name,
            response.topics[0].partitions[0].error_code
        ),
        (&topic(VIRTUAL), 0)
    );
    for version in 1..=7 {
        let asked = OffsetFetchRequestTopic::default()
            .with_name(topic(VIRTUAL))
            .with_partition_indexes(vec![0]);
        for topics in [Some(vec![asked]), if version == 1 { Some(vec![]) } else { None }] {
            let expected = usize::from(version > 1 || topics != Some(vec![]));
            let request = OffsetFetchRequest::default()
                .with_group_id(group(of))
                .with_topics(topics);
            let response = world.ask(version, &request);
            assert_eq!(response.topics.len(), expected);
            assert!(
                response
                    .topics
                    .iter()
                    .all(|t| t.name == topic(VIRTUAL) && t.partitions[0].committed_offset == 1)
            );
        }
    }
    for version in 8..=9 {
        let asked = OffsetFetchRequestTopics::default()
            .with_name(topic(VIRTUAL))
            .with_partition_indexes(vec![0]);
        for topics in [Some(vec![asked]), None] {
            let asked = OffsetFetchRequestGroup::default()
                .with_group_id(group(of))
                .with_topics(topics);
            let response = world.ask(version, &OffsetFetchRequest::default().with_groups(vec![asked]));
            assert_eq!(
                (&response.groups[0].group_id, response.groups[0].error_code),
                (&group(of), 0)
            );
            assert_eq!(response.groups[0].topics[0].partitions[0].committed_offset, 1);
        }
    }
}

fn describe(world: &World, of: i16) {
    let version = paired(of, 0..=6);
    let response = world.ask(
        version,
        &DescribeGroupsRequest::default().with_groups(vec![group(of)]),
    );
    let told = &response.groups[0];
    assert_eq!(
        (&told.group_id, told.error_code, told.members.len()),
        (&group(of), 0, 1),
        "version {version}"
    );
    assert_eq!(told.members[0].member_assignment, assignment());
    assert_eq!(told.members[0].client_host.as_str(), "/0.0.0.0");
    let response = world.ask(paired(of, 0..=5), &ListGroupsRequest::default());
    assert!(response.groups.iter().any(|listed| listed.group_id == group(of)));
}

fn leave(world: &World, of: i16, member: &StrBytes) {
    let version = paired(of, 0..=5);
    let request = LeaveGroupRequest::default().with_group_id(group(of));
    let request = if version >= 3 {
        request.with_members(vec![MemberIdentity::default().with_member_id(member.clone())])
    } else {
        request.with_member_id(member.clone())
    };
    assert_eq!(world.ask(version, &request).error_code, 0, "version {version}");
    let forgotten = OffsetDeleteRequestTopic::default()
        .with_name(topic(VIRTUAL))
        .with_partitions(vec![OffsetDeleteRequestPartition::default()]);
    let request = OffsetDeleteRequest::default()
        .with_group_id(group(of))
        .with_topics(vec![forgotten]);
    let response = world.ask(0, &request);
    assert_eq!(
        (response.error_code, response.topics[0].partitions[0].error_code),
        (0, 0)
    );
    let response = world.ask(
        paired(of, 0..=2),
        &DeleteGroupsRequest::default().with_groups_names(vec![group(of)]),
    );
    assert_eq!(response.results[0].group_id, group(of));
    // Its last offsets are gone, and the group may have gone with them.
    assert!([0, 69].contains(&response.results[0].error_code), "{response:?}");
}

#[test]
fn configurations() {
    use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
    let world = world();
    let resource = |kind, name: &str| {
        DescribeConfigsResource::default()
            .with_resource_type(kind)
            .with_resource_name(text(name))
            .with_configuration_keys(None)
    };
    for version in 1..=4 {
        let resources = vec![resource(2, VIRTUAL), resource(4, &VIRTUAL_BROKER.to_string())];
        let response = world.ask(
            version,
            &DescribeConfigsRequest::default().with_resources(resources),
        );
        let told: Vec<_> = response
            .results
            .iter()
            .map(|r| (r.resource_name.as_str(), r.error_code))
            .collect();
        assert_eq!(told, [(VIRTUAL, 0), ("7", 0)], "version {version}");
        let value = |name: &str| {
            response.results[0]
                .configs
                .iter()
                .find(|config| config.name.as_str() == name)
        };
        assert!(value("retention.ms").is_some());
        assert!(value("leader.replication.throttled.replicas").is_none());
    }
}
