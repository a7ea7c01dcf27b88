//! A virtual cluster with aliases, ACLs, an account and a token; two callers; and the words that messages are made of.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use klamm::auth::{Directory, UnixMillis, token};
use klamm::authz::{Principal, host_text};
use klamm::backend::topology::{ApiRanges, Broker, PhysicalTopic, Topologies, Topology};
use klamm::policy::AuthType;
use klamm::vcluster::plan::{Caller, Front, Place, SeenAs, Stay};
use klamm::vcluster::view::{RouteSight, Source, View};
use klamm::wire::{api_keys, api_versions};
use klamm_raft::model::{
    AccountName, AccountSpec, AclBinding, AclEntry, AliasTopic, Authentication, BrokerKey, BrokerSlot,
    ListenerName, NodeId, NodeRecord, Operation, PatternType, Permission, Policy, PolicyAction, PolicyId,
    PolicyPhase, PortSlot, ProducerMark, Protocol, RequestKind, RequestRule, RequestSetting, ResourcePattern,
    ResourceType, Revision, RuleEffect, ServiceAccount, SigningKey, SigningKeys, TokenId, TokenRecord,
    VclusterKind, VclusterName, VclusterState, VirtualCluster,
};

use super::grow::Words;

/// Virtual and physical names.
const ALIASES: [(&str, &str); 3] = [
    ("orders", "physical-orders"),
    ("payments", "physical-payments"),
    ("missing", "physical-missing"),
];

/// Everything a broker may be asked for by name.
pub(crate) const PHYSICAL: [&str; 3] = ["physical-orders", "physical-payments", "physical-missing"];

/// The prefix of groups behind the gateway.
pub(crate) const NAMESPACE: &str = "tenant:";

/// When the token still holds.
pub(crate) const NOW: UnixMillis = UnixMillis(1_000_000);

/// A virtual cluster and who uses it.
pub(crate) struct World {
    pub(crate) view: View,
    /// A super user, and one with a few ACLs.
    pub(crate) callers: [Caller; 2],
    pub(crate) words: Words,
    /// Ids of topics as brokers know them.
    pub(crate) physical_ids: Vec<[u8; 16]>,
    /// The password of `admin`.
    pub(crate) token: String,
}

impl World {
    pub(crate) fn new() -> Self {
        let keys = SigningKeys::new(signing_key(), SigningKey(vec![1; 32]));
        let (id, record) = token_record();
        let name: VclusterName = "tenant".parse().unwrap();
        let state = state(id, &record);
        let node = NodeRecord::with_ports("gateway", 7000, 10);
        let topology = topology();
        let view = View::compile(
            None,
            Source {
                name: &name,
                state: &state,
                vclusters: &BTreeMap::new(),
                nodes: &BTreeMap::from([(NodeId(1), node)]),
                unheard: &BTreeSet::new(),
                first_topic_ids: &BTreeMap::new(),
                topologies: &Topologies::from([("main".parse().unwrap(), Arc::new(topology.clone()))]),
                signing_keys: Some(&keys),
                policies: &Default::default(),
                groups: &Default::default(),
                revision: Revision(1),
                route: RouteSight::default(),
            },
        );
        let physical_ids: Vec<[u8; 16]> = topology.topics.values().map(|topic| topic.id).collect();
        let virtual_ids = ALIASES.iter().filter_map(|(alias, _)| {
            let alias = view.names.by_virtual_name(alias)?;
            Some(*alias.ids?.virtual_id.bytes())
        });
        let mut topic_ids: Vec<[u8; 16]> = virtual_ids.collect();
        topic_ids.extend(&physical_ids);
        topic_ids.extend([[0; 16], [0xff; 16], [7; 16]]);
        Self {
            view,
            callers: [caller("admin"), caller("alice")],
            words: Words {
                topics: &[
                    "orders",
                    "payments",
                    "missing",
                    "foreign",
                    "physical-orders",
                    "",
                    "..",
                    "é\n",
                ],
                groups: &["app", "app-2", "tenant:app", "other:app", "", ":"],
                others: &["consumer", "connect", "1", "User:alice", "*", "", "segment.bytes"],
                topic_ids,
            },
            physical_ids,
            token: token::issue(&keys.current, &name, id, &record).unwrap(),
        }
    }

    /// A directory of the same virtual cluster with other ways to log in.
    pub(crate) fn directory(&self, authentication: Authentication) -> Arc<Directory> {
        let (id, record) = token_record();
        let mut state = state(id, &record);
        state.spec.authentication = authentication;
        Directory::compile(None, &"tenant".parse().unwrap(), &state, None)
    }
}

fn caller(name: &str) -> Caller {
    let address = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
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

fn signing_key() -> SigningKey {
    SigningKey(b"a key of thirty-two bytes or so.".to_vec())
}

fn token_record() -> (TokenId, TokenRecord) {
    let record = TokenRecord {
        account: "admin".parse().unwrap(),
        account_created: Revision(1),
        issued_at_s: 1,
        expires_at_s: 1_000_000,
        key: signing_key().id(),
    };
    (TokenId([9; 16]), record)
}

/// A rule on requests of these kinds.
fn rule(requests: &[RequestKind], rule: &str, otherwise: RuleEffect) -> RequestRule {
    RequestRule {
        requests: requests.iter().copied().collect(),
        rule: rule.to_owned(),
        description: "x".into(),
        otherwise,
    }
}

/// The effect that sets these.
fn set(settings: &[(RequestSetting, &str)]) -> RuleEffect {
    let settings = settings.iter();
    let settings = settings.map(|(setting, value)| (setting.clone(), (*value).to_owned()));
    RuleEffect::Override {
        settings: settings.collect(),
    }
}

/// Rules that look at everything that requests say of topics and resources, and set what can be set.
fn rules_on_topics() -> Vec<RequestRule> {
    let config = RequestSetting::Config("retention.ms".into());
    let created = "request.partitions * request.replicationFactor < 9 && size(request.configs) < 2
        && request.assignments.all(a, size(a) < 2)";
    let configured = "request.configs.all(n, request.configs[n] != 'x') && !request.validateOnly
        && request.resourceType == 'topic' && request.resourceName != 'x'";
    let operations = "request.configOperations.all(n, request.configOperations[n] != 'append')";
    let settings = [
        (RequestSetting::Partitions, "3"),
        (RequestSetting::ReplicationFactor, "1"),
        (config.clone(), "${request.configs['retention.ms']}"),
    ];
    let alterations = [RequestKind::AlterConfigs, RequestKind::IncrementalAlterConfigs];
    vec![
        rule(&[RequestKind::CreateTopics], created, set(&settings)),
        rule(
            &[RequestKind::CreatePartitions],
            "request.partitions < 9 && size(request.assignments) < 2",
            set(&settings[..1]),
        ),
        rule(&alterations, configured, set(&[(config, "1")])),
        rule(&alterations[1..], operations, RuleEffect::Refuse),
    ]
}

/// Rules that look at everything else that requests say.
fn rules_on_clients() -> Vec<RequestRule> {
    let produced = "request.compression != 'zstd' && !request.transactional && request.transactionalId != 'x'
        && request.acks != 1 && request.timeoutMs < 30000";
    let fetched =
        "request.maxBytes < 1000 && request.minBytes < 9 && request.maxWaitMs < 9 && request.rackId != 'x'
        && request.isolationLevel == 'read_committed'";
    let of_acls = "request.resourceType != 'user' && request.resourceName != 'x' && request.patternType != 'match'
        && request.principal != 'x' && request.host != 'x' && request.operation != 'all' && request.permission != 'deny'";
    let of_groups = "request.groupId != 'x' && request.memberId != 'x' && request.groupInstanceId != 'x'";
    let settings = [
        (RequestSetting::IsolationLevel, "read_committed"),
        (RequestSetting::MaxBytes, "1000"),
        (RequestSetting::MinBytes, "1"),
        (RequestSetting::MaxWaitMs, "1"),
    ];
    let members = [
        RequestKind::JoinGroup,
        RequestKind::ConsumerGroupHeartbeat,
        RequestKind::OffsetCommit,
        RequestKind::TxnOffsetCommit,
    ];
    let acls = [RequestKind::CreateAcls, RequestKind::DeleteAcls];
    let anybody = "request.version < 99 || context.client.id == 'x'";
    vec![
        rule(&[RequestKind::Produce], produced, RuleEffect::Refuse),
        rule(&[RequestKind::Fetch], fetched, set(&settings)),
        rule(&members, of_groups, RuleEffect::Observe),
        rule(
            &[RequestKind::OffsetFetch],
            "request.groupId != 'x'",
            RuleEffect::Refuse,
        ),
        rule(&acls, of_acls, RuleEffect::Refuse),
        rule(&[RequestKind::Any], anybody, RuleEffect::Refuse),
    ]
}

/// A policy on requests.
fn on_requests(name: &str, action: PolicyAction) -> (PolicyId, Policy) {
    let (id, policy) = policy(name, PolicyPhase::Cluster, action);
    let condition = None;
    (id, Policy { condition, ..policy })
}

/// A policy on the records of all topics.
fn policy(name: &str, phase: PolicyPhase, action: PolicyAction) -> (PolicyId, Policy) {
    let id = PolicyId::of_all(name.parse().unwrap());
    let policy = Policy {
        condition: Some("record.key.startsWith('a') || record.headers['n'] == 'x'".to_owned()),
        ..Policy::new(phase, action)
    };
    (id, policy)
}

fn state(id: TokenId, record: &TokenRecord) -> VclusterState {
    let alias = |(name, physical): &(&str, &str)| {
        let alias = AliasTopic {
            physical_cluster: "main".parse().unwrap(),
            physical_name: physical.parse().unwrap(),
        };
        (name.parse().unwrap(), alias)
    };
    let broker = |(physical_id, slot): (i32, u16)| {
        let key = BrokerKey {
            cluster: "main".parse().unwrap(),
            physical_id,
        };
        let slot = BrokerSlot {
            virtual_id: physical_id + 1,
            port: PortSlot(slot),
        };
        (key, slot)
    };
    let admin: AccountName = "admin".parse().unwrap();
    let account = ServiceAccount {
        spec: AccountSpec::local(),
        created: Revision(1),
    };
    VclusterState {
        aliases: ALIASES.iter().map(alias).collect::<BTreeMap<_, _>>().into(),
        accounts: BTreeMap::from([(admin.clone(), account)]).into(),
        tokens: BTreeMap::from([(id, record.clone())]).into(),
        acls: acls().into(),
        home: Some("main".parse().unwrap()),
        policies: BTreeMap::from([
            policy(
                "demand",
                PolicyPhase::Produce,
                PolicyAction::Require {
                    description: "x".into(),
                },
            ),
            policy("filter", PolicyPhase::Consume, PolicyAction::SkipRecord),
            on_requests(
                "rules",
                PolicyAction::RequestRules {
                    rules: [rules_on_topics(), rules_on_clients()].concat(),
                },
            ),
        ])
        .into(),
        mark: Some(ProducerMark {
            number: 1,
            of: "main".parse().unwrap(),
        }),
        brokers: [(10, 1), (11, 2)].into_iter().map(broker).collect(),
        next_broker_id: 100,
        ..VclusterState::new(
            VirtualCluster {
                super_users: BTreeSet::from([admin]),
                ..VirtualCluster::new(VclusterKind::Partner)
            },
            "virtual".into(),
            PortSlot(0),
        )
    }
}

fn acls() -> BTreeSet<AclBinding> {
    let allow = |resource_type, name: &str, operation| AclBinding {
        pattern: ResourcePattern {
            resource_type,
            name: name.to_owned(),
            pattern_type: PatternType::Literal,
        },
        entry: AclEntry {
            principal: "User:alice".to_owned(),
            host: "*".to_owned(),
            operation,
            permission: Permission::Allow,
        },
    };
    BTreeSet::from([
        allow(ResourceType::Topic, "orders", Operation::All),
        allow(ResourceType::Group, "app", Operation::All),
        allow(ResourceType::Cluster, "kafka-cluster", Operation::Alter),
    ])
}

fn topology() -> Topology {
    let broker = |port| Broker {
        host: "broker.internal".to_owned(),
        port,
        rack: None,
    };
    let topic = |byte| PhysicalTopic {
        id: [byte; 16],
        partitions: 3,
    };
    let versions = api_keys().filter_map(|key| Some((key, api_versions(key)?)));
    Topology {
        kafka_cluster_id: "physical".to_owned(),
        controller: Some(10),
        brokers: BTreeMap::from([(10, broker(9092)), (11, broker(9093))]),
        topics: Arc::new(BTreeMap::from([
            ("physical-orders".parse().unwrap(), topic(1)),
            ("physical-payments".parse().unwrap(), topic(2)),
        ])),
        apis: ApiRanges(versions.map(|(key, range)| (key, (range.lo, range.hi))).collect()),
        ..Topology::default()
    }
}
