//! A small virtual cluster and its steady requests, for what counts or times the path of one request. No sockets.

use std::collections::{BTreeMap, BTreeSet};
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::fetch_response::{FetchableTopicResponse, PartitionData};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};
use kafka_protocol::messages::{
    FetchRequest, FetchResponse, ProduceRequest, ProduceResponse, RequestHeader, ResponseHeader, TopicName,
};
use kafka_protocol::protocol::{Encodable, HeaderVersion, Request, StrBytes};
use klamm::authz::{Principal, host_text};
use klamm::backend::topology::{ApiRanges, Broker, PhysicalTopic, Topologies, Topology};
use klamm::policy::AuthType;
use klamm::vcluster::api;
use klamm::vcluster::plan::{Answer, Attempt, Caller, Front, Place, Plan, SeenAs, Stay};
use klamm::vcluster::record_work::RecordResults;
use klamm::vcluster::subscriptions::Subscriptions;
use klamm::vcluster::view::{RouteSight, Source, View};
use klamm::wire::Segments;
use klamm_raft::command::Command;
use klamm_raft::machine;
use klamm_raft::model::{
    AclBinding, AclEntry, AliasTopic, BrokerKey, ListenerName, NodeId, NodeRecord, Operation, PatternType,
    Permission, Protocol, ResourcePattern, ResourceType, State, VclusterKind, VclusterName, VirtualCluster,
};
use uuid::Uuid;

pub(crate) const USER: &str = "producer";
pub(crate) const VIRTUAL: &str = "orders";
pub(crate) const PHYSICAL: &str = "orders-physical";
pub(crate) const CLUSTER: &str = "main";
pub(crate) const BROKER: i32 = 1;
const PHYSICAL_ID: Uuid = Uuid::from_u128(0x6b6c_616d_6d00_4000_8000_0000_0000_0001);

/// Whoever asks, what is asked, and what a broker answers.
pub(crate) struct World {
    pub(crate) view: View,
    pub(crate) caller: Caller,
}

/// A request as a client sends it, and the broker's answer; both without length prefix.
pub(crate) struct Exchange {
    pub(crate) name: &'static str,
    pub(crate) request: Bytes,
    pub(crate) answer: Bytes,
}

pub(crate) fn vcluster() -> VclusterName {
    "bench".parse().expect("it is a valid name")
}

/// A virtual cluster with an alias, an account that may do everything to topics, and one broker.
pub(crate) fn state() -> State {
    let vcluster = vcluster();
    let spec = VirtualCluster::new(VclusterKind::Partner);
    let alias = AliasTopic {
        physical_cluster: CLUSTER.parse().expect("it is a valid id"),
        physical_name: PHYSICAL.parse().expect("it is a valid name"),
    };
    let grant = AclBinding {
        pattern: ResourcePattern {
            resource_type: ResourceType::Topic,
            name: "*".to_owned(),
            pattern_type: PatternType::Literal,
        },
        entry: AclEntry {
            principal: format!("User:{USER}"),
            host: "*".to_owned(),
            operation: Operation::All,
            permission: Permission::Allow,
        },
    };
    let node = NodeRecord::with_ports("gateway", 7000, 100);
    let broker = BrokerKey {
        cluster: CLUSTER.parse().expect("it is a valid id"),
        physical_id: BROKER,
    };
    let commands = [
        Command::PutNode {
            id: NodeId(1),
            record: node,
        },
        Command::PutVcluster {
            name: vcluster.clone(),
            spec,
            kafka_cluster_id: "AAAAAAAAAAAAAAAAAAAAAA".to_owned(),
            at_s: 0,
            beside: None,
        },
        Command::PutAlias {
            vcluster: vcluster.clone(),
            name: VIRTUAL.parse().expect("it is a valid name"),
            alias,
        },
        Command::CreateAcls {
            vcluster: vcluster.clone(),
            acls: vec![grant],
        },
        Command::AssignBrokers {
            vcluster,
            brokers: vec![broker],
        },
    ];
    commands.into_iter().fold(State::default(), |state, command| {
        machine::preview(&state, command).1
    })
}

/// A physical cluster of one broker at this address, with the topic behind the alias.
pub(crate) fn topology(host: &str, port: u16) -> Topology {
    let broker = Broker {
        host: host.to_owned(),
        port,
        rack: None,
    };
    let topic = PhysicalTopic {
        id: *PHYSICAL_ID.as_bytes(),
        partitions: 1,
    };
    Topology {
        kafka_cluster_id: "physical-cluster".to_owned(),
        controller: Some(BROKER),
        brokers: BTreeMap::from([(BROKER, broker)]),
        topics: Arc::new([(PHYSICAL.parse().expect("it is a valid name"), topic)].into()),
        apis: ApiRanges(BTreeMap::from([
            (0, (3, 13)),
            (1, (4, 17)),
            (3, (0, 13)),
            (11, (2, 9)),
            (14, (0, 5)),
        ])),
        ..Topology::default()
    }
}

/// The view of such a state.
pub(crate) fn view(state: &State, topology: &Topology) -> View {
    let name = vcluster();
    let own = state.vclusters.get(&name).expect("it was created");
    let home = own.home.clone().expect("there is an alias");
    let source = Source {
        name: &name,
        state: own,
        vclusters: &state.vclusters,
        nodes: &state.nodes,
        unheard: &BTreeSet::new(),
        first_topic_ids: &BTreeMap::new(),
        topologies: &Topologies::from([(home, Arc::new(topology.clone()))]),
        signing_keys: state.signing_keys.as_ref(),
        policies: &Default::default(),
        groups: &Default::default(),
        revision: state.revision,
        route: RouteSight::default(),
    };
    View::compile(None, source)
}

impl World {
    /// With one topic.
    pub(crate) fn new() -> Self {
        Self::of(&state(), &topology("broker.internal", 9092))
    }

    /// With this state and physical cluster.
    pub(crate) fn of(state: &State, topology: &Topology) -> Self {
        let address = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
        Self {
            view: view(state, topology),
            caller: Caller {
                auth: AuthType::Plain,
                principal: Principal::user(USER),
                address,
                host: host_text(address).into(),
                front: Front {
                    listener: ListenerName::short_form(),
                    protocol: Protocol::SaslPlaintext,
                },
                place: Place::Bootstrap,
                seen_as: SeenAs::Gateway,
                stay: Stay::Here,
                is_over_quota: false,
            },
        }
    }

    /// The requests that current clients send, with topics by id, and those of older ones, by name: one small record
    /// each.
    pub(crate) fn exchanges(&self) -> Vec<Exchange> {
        let alias = self
            .view
            .names
            .by_virtual_name(VIRTUAL)
            .expect("there is an alias");
        let id = alias.ids.expect("the topic exists").virtual_id;
        let id = Uuid::from_bytes(*id.bytes());
        vec![
            produce("produce by id (13)", 13, id),
            produce("produce by name (9)", 9, id),
            fetch("fetch by id (17)", 17, id),
            fetch("fetch by name (11)", 11, id),
        ]
    }

    /// Carries a request there and its answer back; gives what the client is sent.
    pub(crate) fn carry(&self, request: Bytes, answer: Bytes) -> Segments {
        let planned = api::request(
            &self.view,
            &self.caller,
            &mut Subscriptions::default(),
            (request, &RecordResults::NONE),
            Attempt::First,
        );
        let Plan::Forward(forward) = planned.plan else {
            panic!("it is not forwarded: {:?}", planned.plan)
        };
        let Answer::Expected(pending) = forward.answer else {
            panic!("no answer is expected")
        };
        // It has left before its answer comes.
        drop(black_box(forward.request.into_frame()));
        let answered = api::response(&self.view, &self.caller, pending, &RecordResults::NONE, answer)
            .expect("it is an answer");
        answered.frame
    }
}

/// An id as brokers give them out.
const PRODUCER_ID: i64 = 4_711;

/// A record batch of one record of 100 bytes, of an idempotent producer.
fn records() -> Bytes {
    let mut batch = vec![0; 61 + 110];
    let length = batch.len() as u32 - 12;
    batch[8..12].copy_from_slice(&length.to_be_bytes());
    batch[16] = 2;
    batch[43..51].copy_from_slice(&PRODUCER_ID.to_be_bytes());
    batch[60] = 1;
    batch.into()
}

pub(crate) fn topic(name: impl Into<String>) -> TopicName {
    TopicName(StrBytes::from_string(name.into()))
}

fn produce(name: &'static str, version: i16, id: Uuid) -> Exchange {
    let data = PartitionProduceData::default().with_records(Some(records()));
    let asked = TopicProduceData::default().with_partition_data(vec![data]);
    let done = PartitionProduceResponse::default()
        .with_base_offset(42)
        .with_log_start_offset(0);
    let told = TopicProduceResponse::default().with_partition_responses(vec![done]);
    let (asked, told) = match version {
        13.. => (asked.with_topic_id(id), told.with_topic_id(PHYSICAL_ID)),
        _ => (asked.with_name(topic(VIRTUAL)), told.with_name(topic(PHYSICAL))),
    };
    let request = ProduceRequest::default()
        .with_acks(-1)
        .with_timeout_ms(30_000)
        .with_topic_data(vec![asked]);
    Exchange {
        name,
        request: request_frame(version, &request),
        answer: answer_frame::<ProduceRequest>(
            version,
            &ProduceResponse::default().with_responses(vec![told]),
        ),
    }
}

fn fetch(name: &'static str, version: i16, id: Uuid) -> Exchange {
    let wanted = FetchPartition::default()
        .with_fetch_offset(42)
        .with_partition_max_bytes(1 << 20);
    let asked = FetchTopic::default().with_partitions(vec![wanted]);
    let data = PartitionData::default()
        .with_high_watermark(43)
        .with_last_stable_offset(43)
        .with_aborted_transactions(None)
        .with_records(Some(records()));
    let told = FetchableTopicResponse::default().with_partitions(vec![data]);
    let (asked, told) = match version {
        13.. => (asked.with_topic_id(id), told.with_topic_id(PHYSICAL_ID)),
        _ => (asked.with_topic(topic(VIRTUAL)), told.with_topic(topic(PHYSICAL))),
    };
    let request = FetchRequest::default()
        .with_max_wait_ms(500)
        .with_min_bytes(1)
        .with_session_epoch(-1)
        .with_topics(vec![asked]);
    Exchange {
        name,
        request: request_frame(version, &request),
        answer: answer_frame::<FetchRequest>(version, &FetchResponse::default().with_responses(vec![told])),
    }
}

pub(crate) fn request_frame<Q: Request>(version: i16, request: &Q) -> Bytes {
    let header = RequestHeader::default()
        .with_request_api_key(Q::KEY)
        .with_request_api_version(version)
        .with_correlation_id(7)
        .with_client_id(Some(StrBytes::from_static_str("producer-1")));
    let mut frame = BytesMut::new();
    header
        .encode(&mut frame, Q::header_version(version))
        .expect("a header can be encoded");
    request
        .encode(&mut frame, version)
        .expect("a request can be encoded");
    frame.freeze()
}

pub(crate) fn answer_frame<Q: Request>(version: i16, answer: &Q::Response) -> Bytes {
    let mut frame = BytesMut::new();
    ResponseHeader::default()
        .with_correlation_id(7)
        .encode(&mut frame, Q::Response::header_version(version))
        .expect("a header can be encoded");
    answer
        .encode(&mut frame, version)
        .expect("an answer can be encoded");
    frame.freeze()
}
