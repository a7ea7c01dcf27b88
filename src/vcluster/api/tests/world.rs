//! A small virtual cluster to ask things of. `kafka-protocol` speaks for the client and for the broker.
//!
//! Virtual cluster `partner`: `orders` is physically `int-orders`, `bills` is `int-bills`, `ghost` stands for a topic
//! that does not exist. Physical broker 101 is virtual broker 1 on slot 1, 102 is 2 on slot 2, 103 has no slot.

mod asked;
mod frames;
mod parts;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::{RequestHeader, ResponseHeader};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes};
use klamm_raft::command::Command;
use klamm_raft::model::{
    AclBinding, AclEntry, AclMode, AliasTopic, BrokerKey, BrokerSlot, ClusterId, ListenerName, Namespace,
    NodeId, NodeRecord, Operation, PatternType, Permission, PortSlot, ProducerMark, Protocol, QuotaChange,
    ResourcePattern, Revision, Standard, VclusterKind, VclusterName, VclusterState, VirtualCluster,
};
use klamm_raft::outcome::Outcome;

use crate::authz::{Principal, Resource, host_text};
use crate::backend::topology::{ApiRanges, Broker, Features, PhysicalTopic, Topologies, Topology};
use crate::policy::AtHand;
use crate::policy::AuthType;
use crate::records::{BatchBounds, Workspace};
use crate::vcluster::api::{self, Freshness, LocalErrors};
use crate::vcluster::pattern::{NoPattern, Pattern};
use crate::vcluster::pending::Pending;
use crate::vcluster::plan::{
    Answer, Attempt, CallResult, Caller, CloseReason, Front, Need, Place, Plan, Planned, SeenAs, Stay, To,
};
use crate::vcluster::record_work::{RecordResults, RecordWork};
use crate::vcluster::subscriptions::Subscriptions;
use crate::vcluster::view::{Source, View};
use crate::wire::Segments;
pub(super) use asked::Asked;
pub(super) use frames::*;
use parts::{source, state, topic, topology};

/// Texts that only the physical side knows. None of them may reach a client.
pub(super) const SECRETS: [&str; 7] = [
    "int-orders",
    "int-bills",
    "int-ghost",
    "int-foreign",
    "broker.internal",
    "physicalClusterId",
    "partner:",
];

/// The mark of producer ids of this world.
pub(super) const MARK: u32 = 3;

pub(super) const CORRELATION_ID: i32 = 0x0bad_cafe;

pub(super) struct World {
    pub(super) view: View,
    pub(super) caller: Caller,
    state: VclusterState,
    topologies: Topologies,
    /// All requests come over one connection.
    subscriptions: RefCell<Subscriptions>,
    /// Whether no regular expression is compiled.
    pub(super) is_busy: bool,
}

pub(super) fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

pub(super) fn topic_name(name: &str) -> kafka_protocol::messages::TopicName {
    kafka_protocol::messages::TopicName(text(name))
}

pub(super) fn transactional_id(id: &str) -> kafka_protocol::messages::TransactionalId {
    kafka_protocol::messages::TransactionalId(text(id))
}

pub(super) fn group_id(id: &str) -> kafka_protocol::messages::GroupId {
    kafka_protocol::messages::GroupId(text(id))
}

/// The id of a producer of this world on brokers.
pub(super) fn marked_id(id: i64) -> i64 {
    i64::from(MARK) << 42 | id
}

/// The id of the producer of a batch.
pub(super) fn producer_id(batch: &[u8]) -> i64 {
    i64::from_be_bytes(batch[43..51].try_into().unwrap())
}

/// The id of a physical topic of this world.
pub(super) fn physical_id(name: &str) -> uuid::Uuid {
    match name {
        "int-orders" => uuid::Uuid::from_bytes([0xa1; 16]),
        "int-bills" => uuid::Uuid::from_bytes([0xa2; 16]),
        _ => panic!("{name} does not exist"),
    }
}

impl World {
    /// A world in which `User:alice` asks, who may do nothing.
    pub(super) fn new() -> Self {
        let mut world = Self {
            state: state(),
            topologies: Topologies::from([("main".parse().unwrap(), Arc::new(topology()))]),
            caller: caller("alice"),
            view: View::compile(None, source(&state(), &Topologies::new())),
            subscriptions: RefCell::default(),
            is_busy: false,
        };
        world.compile();
        world
    }

    /// The physical cluster as a whole, as `passthrough` shows it.
    pub(super) fn passthrough() -> Self {
        let mut world = Self::new();
        world.state.aliases.clear();
        world.state.mark = None;
        world.of_kind(VclusterKind::Passthrough)
    }

    /// A Standard virtual cluster: all of the physical cluster that begins with `int-`, which is hidden, the alias
    /// `bought`, which stands for `elsewhere`, and `shared`, a group and a topic that are let in; the topic is not
    /// there.
    pub(super) fn standard() -> Self {
        let mut world = Self::new();
        world.state.spec.kind = VclusterKind::Standard(Standard {
            backend: "main".parse().unwrap(),
            namespace: Namespace::HidePrefix("int-".parse().unwrap()),
            topics: BTreeSet::from(["shared".parse().unwrap()]),
            groups: BTreeSet::from(["shared".parse().unwrap()]),
        });
        let bought = AliasTopic {
            physical_cluster: "main".parse().unwrap(),
            physical_name: "elsewhere".parse().unwrap(),
        };
        world.state.aliases = BTreeMap::from([("bought".parse().unwrap(), bought)]).into();
        let mut topology = topology();
        Arc::make_mut(&mut topology.topics).insert("elsewhere".parse().unwrap(), topic([0xa3; 16], 2));
        let topologies = &mut world.topologies;
        topologies.insert("main".parse().unwrap(), Arc::new(topology));
        world.compile();
        world
    }

    /// The world with `returns`, which is `int-foreign` on another physical cluster, whose broker 101 is virtual broker
    /// 5.
    pub(super) fn over_two() -> Self {
        let mut world = Self::new();
        let other: ClusterId = "clusterB".parse().unwrap();
        let returns = AliasTopic {
            physical_cluster: other.clone(),
            physical_name: "int-foreign".parse().unwrap(),
        };
        world.state.aliases.insert("returns".parse().unwrap(), returns);
        let broker = BrokerKey {
            cluster: other.clone(),
            physical_id: 101,
        };
        let slot = BrokerSlot {
            virtual_id: 5,
            port: PortSlot(5),
        };
        world.state.brokers.insert(broker, slot);
        let foreign = ("int-foreign".parse().unwrap(), topic([0xb1; 16], 1));
        let topology = Topology {
            topics: Arc::new(BTreeMap::from([foreign])),
            ..topology()
        };
        world.topologies.insert(other, Arc::new(topology));
        world.compile();
        world
    }

    /// The world as a virtual cluster of another kind.
    pub(super) fn of_kind(mut self, kind: VclusterKind) -> Self {
        self.state.spec.kind = kind;
        self.compile();
        self
    }

    /// The world with ACLs disabled.
    pub(super) fn with_acls_disabled(mut self) -> Self {
        self.state.spec.acl_enabled = false;
        self.compile();
        self
    }

    /// The world before its first alias.
    pub(super) fn without_home() -> Self {
        let mut world = Self::new();
        world.state.home = None;
        world.state.mark = None;
        world.state.aliases.clear();
        world.state.brokers.clear();
        world.topologies.clear();
        world.compile();
        world
    }

    /// The world with other ids of brokers: two with slots, and one without.
    pub(super) fn with_broker_ids(mut self, id: impl Fn(u8) -> i32) -> Self {
        let slots = std::mem::take(&mut self.state.brokers);
        for ((key, slot), low) in slots.into_iter().zip(0..) {
            self.state.brokers.insert(
                BrokerKey {
                    physical_id: id(low),
                    ..key
                },
                slot,
            );
        }
        self.compile();
        self
    }

    /// The world once it was seen that a physical topic was deleted.
    pub(super) fn without_topic(mut self, physical: &str) -> Self {
        for topology in self.topologies.values_mut() {
            Arc::make_mut(&mut Arc::make_mut(topology).topics).retain(|name, _| name.as_str() != physical);
        }
        self.view = View::compile(Some(&self.view), source(&self.state, &self.topologies));
        self
    }

    /// The ACLs that it has so far are declared with it.
    pub(super) fn with_declared_acls(mut self) -> Self {
        self.state.spec.acl_mode = Some(AclMode::RestApi(std::mem::take(&mut self.state.acls)));
        self.compile();
        self
    }

    pub(super) fn asked_by_super_user(mut self) -> Self {
        self.caller = caller("admin");
        self
    }

    pub(super) fn allow(self, operation: Operation, resource: Resource<'_>) -> Self {
        self.entry((Permission::Allow, PatternType::Literal), operation, resource)
    }

    /// A right to all topics whose names begin so.
    pub(super) fn allow_prefix(self, operation: Operation, beginning: &str) -> Self {
        let topics = Resource::topic(beginning);
        self.entry((Permission::Allow, PatternType::Prefixed), operation, topics)
    }

    pub(super) fn deny(self, operation: Operation, resource: Resource<'_>) -> Self {
        self.entry((Permission::Deny, PatternType::Literal), operation, resource)
    }

    fn entry(
        mut self,
        (permission, pattern_type): (Permission, PatternType),
        operation: Operation,
        resource: Resource<'_>,
    ) -> Self {
        let pattern = ResourcePattern {
            resource_type: resource.resource_type,
            name: resource.name.to_owned(),
            pattern_type,
        };
        let entry = AclEntry {
            principal: "User:alice".into(),
            host: "*".into(),
            operation,
            permission,
        };
        self.state.acls.insert(AclBinding { pattern, entry });
        self.compile();
        self
    }

    /// Does what was proposed about ACLs.
    pub(super) fn apply(&mut self, command: &Command) {
        match command {
            Command::CreateAcls { acls, .. } => self.state.acls.extend(acls.iter().cloned()),
            Command::DeleteAcls { acls, .. } => self.state.acls.retain(|acl| !acls.contains(acl)),
            Command::AlterScramCredentials { put, delete, .. } => {
                self.state.scram.retain(|user, _| !delete.contains(user));
                self.state.scram.extend(put.iter().cloned());
            }
            Command::AlterQuotas { changes, .. } => {
                for QuotaChange { entity, key, value } in changes.iter().cloned() {
                    let quotas = self.state.quotas.entry(entity).or_default();
                    match value {
                        Some(value) => quotas.insert(key, value),
                        None => quotas.remove(&key),
                    };
                }
            }
            other => panic!("{other:?}"),
        }
        self.compile();
    }

    /// Changes the state.
    pub(super) fn change(&mut self, change: impl FnOnce(&mut VclusterState)) {
        change(&mut self.state);
        self.compile();
    }

    fn compile(&mut self) {
        self.view = View::compile(None, source(&self.state, &self.topologies));
    }

    /// The virtual id of a topic.
    pub(super) fn virtual_id(&self, name: &str) -> uuid::Uuid {
        let alias = self.view.names.by_virtual_name(name).unwrap();
        uuid::Uuid::from_bytes(*alias.ids.unwrap().virtual_id.bytes())
    }

    pub(super) fn ask<Q: Request>(&self, version: i16, request: &Q) -> Asked<'_, Q> {
        let asked = self.ask_again(version, request, Attempt::First);
        match asked.planned.plan {
            Plan::Need(Need::Confirmation { .. }) => self.ask_again(version, request, Attempt::Confirmed),
            _ => asked,
        }
    }

    pub(super) fn ask_again<Q: Request>(&self, version: i16, request: &Q, attempt: Attempt) -> Asked<'_, Q> {
        self.ask_frame(version, encode_request(version, request), attempt)
    }

    /// The plan for a frame of whose records this is known.
    pub(super) fn plan_judged(&self, judged: (Bytes, &RecordResults), attempt: Attempt) -> Plan {
        let mut subscriptions = self.subscriptions.borrow_mut();
        api::request(&self.view, &self.caller, &mut subscriptions, judged, attempt).plan
    }

    /// Asks with the bytes of a request.
    pub(super) fn ask_frame<Q: Request>(&self, version: i16, frame: Bytes, attempt: Attempt) -> Asked<'_, Q> {
        let judged = |results: &RecordResults, frame: Bytes, attempt| {
            let mut subscriptions = self.subscriptions.borrow_mut();
            api::request(
                &self.view,
                &self.caller,
                &mut subscriptions,
                (frame, results),
                attempt,
            )
        };
        let plan = |frame: Bytes, attempt| judged(&RecordResults::NONE, frame, attempt);
        let mut planned = plan(frame.clone(), attempt);
        if let Plan::Need(Need::Records {
            work,
            frame: same,
            attempt: again,
        }) = planned.plan
        {
            assert_eq!((&same, again), (&frame, attempt), "it asks the same");
            let results = run(*work);
            planned = judged(&results, same, again);
        }
        // What a session does with it.
        if let Plan::Need(Need::Pattern {
            text,
            frame: same,
            attempt: again,
        }) = &planned.plan
        {
            assert_eq!((same, *again), (&frame, attempt), "it asks the same");
            assert!(
                planned.denied.listed.is_empty(),
                "what is asked again is not denied twice"
            );
            let compiled = match self.is_busy {
                true => Err(NoPattern::Busy),
                false => Pattern::compile(text).map(Arc::new).map_err(NoPattern::Bad),
            };
            self.subscriptions.borrow_mut().compiled(text.clone(), compiled);
            planned = plan(frame, attempt);
        }
        Asked {
            planned,
            world: self,
            version,
            request: std::marker::PhantomData,
        }
    }

    /// The client's answer to a request of which a broker answers what is forwarded.
    pub(super) fn exchange<Q: Request>(
        &self,
        version: i16,
        request: &Q,
        broker: impl FnOnce(Q) -> Q::Response,
    ) -> Q::Response {
        self.ask(version, request).forwarded(broker)
    }
}

/// Judges records as a session does.
pub(super) fn run(work: RecordWork) -> RecordResults {
    let mut workspace = Workspace::new(BatchBounds::default());
    let work = work.run(&mut workspace, &AtHand::nothing(), usize::MAX, || Duration::ZERO);
    work.settled()
}

impl World {
    /// Lets `broker` answer a request that went upstream, and gives what the client sees.
    pub(super) fn answers<Q: Request>(
        &self,
        version: i16,
        (pending, upstream): (Pending, Segments),
        broker: impl FnOnce(Q) -> Q::Response,
    ) -> Q::Response {
        let frame = encode_response::<Q>(version, &broker(decode_request(version, &upstream)));
        self.told::<Q>(version, pending, frame)
    }

    /// The client's answer to a request that a broker has answered with this frame.
    pub(super) fn told<Q: Request>(&self, version: i16, pending: Pending, frame: Bytes) -> Q::Response {
        let none = RecordResults::NONE;
        let work = api::unjudged(&self.view, &self.caller, &pending, &none, &frame).unwrap();
        let results = work.map_or(none, run);
        let answer = api::response(&self.view, &self.caller, pending, &results, frame)
            .unwrap()
            .frame;
        match self.state.spec.kind {
            VclusterKind::Partner | VclusterKind::Standard(_) => assert_no_secret(&answer),
            VclusterKind::Passthrough => assert_no_address(&answer),
        }
        decode_response::<Q>(version, &answer)
    }
}

/// Fails when a text of the physical side is in a frame for a client.
pub(super) fn assert_no_secret(frame: &Segments) {
    assert_without(frame, &SECRETS);
}

/// Asserts that no address is told, where names are no secret.
fn assert_no_address(frame: &Segments) {
    assert_without(frame, &["broker.internal", "physicalClusterId"]);
}

fn assert_without(frame: &Segments, secrets: &[&str]) {
    let bytes = frame.joined();
    for secret in secrets {
        let found = bytes
            .windows(secret.len())
            .any(|window| window == secret.as_bytes());
        assert!(!found, "{secret} leaks");
    }
}

fn caller(name: &str) -> Caller {
    let address = IpAddr::V4(Ipv4Addr::new(10, 1, 2, 3));
    Caller {
        place: Place::Bootstrap,
        auth: AuthType::Plain,
        principal: Principal::user(name),
        address,
        host: host_text(address).into(),
        front: Front {
            listener: ListenerName::short_form(),
            protocol: Protocol::SaslPlaintext,
        },
        seen_as: SeenAs::Gateway,
        stay: Stay::Here,
        is_over_quota: false,
    }
}
