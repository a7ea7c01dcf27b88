//! A broker, the virtual cluster before it, and the way between them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{
    ApiVersionsRequest, GroupId, MetadataRequest, RequestHeader, ResponseHeader, TopicName,
};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes, VersionRange};
use klamm::authz::{Principal, host_text};
use klamm::backend::topology::{ApiRanges, Broker, PhysicalTopic, Topologies, Topology};
use klamm::policy::AuthType;
use klamm::quickstart::ports::PortBlock;
use klamm::vcluster::api::{self, Api};
use klamm::vcluster::pattern::{NoPattern, Pattern};
use klamm::vcluster::plan::{Answer, Attempt, Caller, Front, Need, Place, Plan, SeenAs, Stay};
use klamm::vcluster::record_work::RecordResults;
use klamm::vcluster::subscriptions::Subscriptions;
use klamm::vcluster::view::{RouteSight, Source, View};
use klamm_raft::model::{
    AliasTopic, BrokerKey, BrokerSlot, ListenerName, NodeId, NodeRecord, PortSlot, ProducerMark, Protocol,
    Revision, VclusterKind, VclusterName, VclusterState, VirtualCluster,
};

pub(crate) const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/kafka/kafka.sh");
pub(crate) const PHYSICAL: &str = "versions-physical";
pub(crate) const VIRTUAL: &str = "orders";
/// The virtual id of the only broker.
pub(crate) const VIRTUAL_BROKER: i32 = 7;
/// A coordinator may be made on first use; a group may be in the middle of something.
pub(crate) const RETRIABLE: [i16; 4] = [14, 15, 16, 27];

/// A broker, the virtual cluster before it, and a connection.
pub(crate) struct World {
    _broker: Child,
    _ports: PortBlock,
    view: View,
    caller: Caller,
    connection: Mutex<TcpStream>,
    /// Texts that must not reach a client.
    secrets: Vec<String>,
    /// By key: the versions in which an API was tried, and those that the library knows that writes the requests.
    tried: Mutex<BTreeMap<i16, Tried>>,
}

#[derive(Default)]
struct Tried {
    versions: BTreeSet<i16>,
    known: Option<VersionRange>,
}

pub(crate) fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(World::start)
}

pub(crate) fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

pub(crate) fn topic(name: &str) -> TopicName {
    TopicName(text(name))
}

pub(crate) fn group(version: i16) -> GroupId {
    GroupId(text(&format!("app-{version}")))
}

impl World {
    fn start() -> Self {
        let ports = PortBlock::take().unwrap();
        let port = ports.port(0);
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
            _ports: ports,
            view: view(&topology),
            caller: Caller {
                place: Place::Bootstrap,
                auth: AuthType::Plain,
                principal: Principal::user("admin"),
                address: client,
                host: host_text(client).into(),
                front: Front {
                    listener: ListenerName::short_form(),
                    protocol: Protocol::SaslPlaintext,
                },
                seen_as: SeenAs::Gateway,
                stay: Stay::Here,
                is_over_quota: false,
            },
            connection: Mutex::new(connection),
            secrets: secrets.into(),
            tried: Mutex::default(),
        }
    }

    /// A request as a client sends it, through the virtual cluster to the broker and back.
    pub(crate) fn ask<Q: Request>(&self, version: i16, request: &Q) -> Q::Response {
        let frame = Bytes::from(encode(version, request)).slice(4..);
        let mut subscriptions = Subscriptions::default();
        let plan = |frame: Bytes, subscriptions: &mut Subscriptions| {
            api::request(
                &self.view,
                &self.caller,
                subscriptions,
                (frame, &RecordResults::NONE),
                Attempt::AfterRefresh,
            )
        };
        let mut planned = plan(frame.clone(), &mut subscriptions);
        // What a session does with it.
        if let Plan::Need(Need::Pattern { text, .. }) = &planned.plan {
            let compiled = Pattern::compile(text).map(Arc::new).map_err(NoPattern::Bad);
            subscriptions.compiled(text.clone(), compiled);
            planned = plan(frame, &mut subscriptions);
        }
        let place = format!("API {} version {version}", Q::KEY);
        let Plan::Forward(forward) = planned.plan else {
            panic!("{place}: {:?}", planned.plan)
        };
        let Answer::Expected(pending) = forward.answer else {
            panic!("{place}: no answer")
        };
        let sent: Vec<u8> = forward
            .request
            .into_frame()
            .0
            .iter()
            .flat_map(|segment| segment.to_vec())
            .collect();
        let answer = exchange(&mut self.connection.lock().unwrap(), &sent);
        let told = api::response(&self.view, &self.caller, pending, &RecordResults::NONE, answer).unwrap();
        assert_eq!(told.gateway_refused, None, "{place}");
        let mut all = self.tried.lock().unwrap();
        let tried = all.entry(Q::KEY).or_default();
        tried.versions.insert(version);
        tried.known = Some(Q::VERSIONS);
        drop(all);
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

    /// The versions of an API that were not tried, of those that the library knows.
    pub(crate) fn untried(&self, api: &Api) -> Vec<i16> {
        let all = self.tried.lock().unwrap();
        let served = api.versions.range;
        let Some(tried) = all.get(&api.key) else {
            return (served.min..=served.max).collect();
        };
        let known = tried.known.map_or(served.max, |known| known.max);
        let versions = served.min..=served.max.min(known);
        versions
            .filter(|version| !tried.versions.contains(version))
            .collect()
    }

    /// Asks again until the error is none that goes away.
    pub(crate) fn ask_until<Q: Request>(
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

    pub(crate) fn topic_id(&self) -> uuid::Uuid {
        let alias = self.view.names.by_virtual_name(VIRTUAL).unwrap();
        uuid::Uuid::from_bytes(*alias.ids.unwrap().virtual_id.bytes())
    }
}

/// Reads one frame in answer to another.
pub(crate) fn exchange(connection: &mut TcpStream, frame: &[u8]) -> Bytes {
    connection.write_all(frame).unwrap();
    let mut length = [0; 4];
    connection.read_exact(&mut length).unwrap();
    let mut answer = vec![0; u32::from_be_bytes(length) as usize];
    connection.read_exact(&mut answer).unwrap();
    Bytes::from(answer)
}

pub(crate) fn encode<Q: Request>(version: i16, request: &Q) -> Vec<u8> {
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

pub(crate) fn decode<Q: Request>(version: i16, mut frame: Bytes) -> Q::Response {
    ResponseHeader::decode(&mut frame, Q::Response::header_version(version)).unwrap();
    let response = Q::Response::decode(&mut frame, version).unwrap();
    assert!(frame.is_empty());
    response
}

/// The topology of the broker, as it tells it itself.
pub(crate) fn topology(connection: &mut TcpStream) -> Topology {
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
        topics: Arc::new(BTreeMap::from([(PHYSICAL.parse().unwrap(), known)])),
        apis: ApiRanges(
            apis.iter()
                .map(|api| (api.api_key, (api.min_version, api.max_version)))
                .collect(),
        ),
        ..Topology::default()
    }
}

pub(crate) fn view(topology: &Topology) -> View {
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
        aliases: BTreeMap::from([(VIRTUAL.parse().unwrap(), alias)]).into(),
        home: Some(home),
        mark: Some(ProducerMark {
            number: 1,
            of: "main".parse().unwrap(),
        }),
        brokers: topology.brokers.keys().map(broker).collect(),
        next_broker_id: VIRTUAL_BROKER + 1,
        ..VclusterState::new(
            VirtualCluster {
                super_users: BTreeSet::from(["admin".parse().unwrap()]),
                ..VirtualCluster::new(VclusterKind::Partner)
            },
            "virtual".into(),
            PortSlot(0),
        )
    };
    let node = NodeRecord::with_ports("gateway", 7000, 10);
    let name: VclusterName = "tenant".parse().unwrap();
    View::compile(
        None,
        Source {
            name: &name,
            state: &state,
            vclusters: &BTreeMap::new(),
            nodes: &BTreeMap::from([(NodeId(1), node)]),
            unheard: &BTreeSet::new(),
            first_topic_ids: &BTreeMap::new(),
            topologies: &Topologies::from([("main".parse().unwrap(), Arc::new(topology.clone()))]),
            signing_keys: None,
            policies: &Default::default(),
            groups: &Default::default(),
            revision: Revision(1),
            route: RouteSight::default(),
        },
    )
}
