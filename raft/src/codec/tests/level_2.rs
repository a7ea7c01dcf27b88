//! Examples of what level 2 has added: policies, nodes that come and go, and physical clusters that are resources.

use crate::command::{ClusterChange, Command, MemberChange, RouteChange};
use crate::model::{
    AccountGroup, AclName, AclRule, ClusterReport, Departure, FailureMode, GroupMember, HeaderAction, Limit,
    LimitedRate, Limits, NewNode, NewPolicy, NodeId, NodeRecord, OpenedParts, Operation, OrderedPolicies,
    PatternType, Permission, PhysicalCluster, Policy, PolicyAction, PolicyId, PolicyKey, PolicyPhase,
    PolicyScope, PolicySpelling, QuotaChange, QuotaEntity, QuotaKey, QuotaName, QuotaValue, ReportedReach,
    RequestKind, RequestRule, RequestSetting, ResourceType, RouteKey, RuleEffect, SchemaCheck, SchemaFormat,
    SealedParts, Times, TopicPattern, ValidatedParts, VclusterKind, VirtualCluster, VoterPlan,
};

/// With something in every place.
pub(crate) fn policy(phase: PolicyPhase, action: PolicyAction) -> Policy {
    Policy {
        phase,
        priority: -7,
        enabled: true,
        description: "each customer sees his own".to_owned(),
        labels: [("team".to_owned(), "sales".to_owned())].into(),
        topics: [
            TopicPattern::Literal("orders".parse().unwrap()),
            TopicPattern::Prefixed("bills-".parse().unwrap()),
            TopicPattern::Regex("(a|b)-.*".parse().unwrap()),
        ]
        .into(),
        condition: Some("record.headers['customer'] != 'a'".to_owned()),
        action,
        failure_mode: Some(FailureMode::Skip),
        spelling: Some(PolicySpelling::Interceptor {
            plugin_class: "a.Plugin".to_owned(),
            config: r#"{"topic":"(a|b)-.*"}"#.to_owned(),
        }),
        times: Times {
            created_s: 1_700_000_000,
            updated_s: 1_700_000_001,
        },
    }
}

fn rate() -> PolicyAction {
    PolicyAction::LimitRate {
        of: LimitedRate::ConsumedBytes,
        per_second: 1_000_000,
    }
}

/// ACLs that a policy brings.
pub(crate) fn acls() -> PolicyAction {
    let name = |pattern_type, name: &str| AclName {
        pattern_type,
        name: name.to_owned(),
    };
    PolicyAction::Acls {
        principals: ["User:alice".to_owned(), "User:bob".to_owned()].into(),
        rules: vec![AclRule {
            permission: Permission::Deny,
            resource_type: ResourceType::Topic,
            operations: vec![Operation::Write, Operation::Delete],
            names: vec![
                name(PatternType::Literal, "orders"),
                name(PatternType::Prefixed, "bills-"),
            ],
        }],
    }
}

/// On virtual clusters that are there then, and on one that is not.
pub(super) fn commands() -> Vec<Command> {
    [
        of_quotas(),
        of_members(),
        of_groups(),
        of_physical_clusters(),
        of_routes(),
        of_policies(),
    ]
    .concat()
}

fn put(key: PolicyKey, phase: PolicyPhase, action: PolicyAction) -> Command {
    let policy = policy(phase, action);
    Command::PutPolicy { key, policy }
}

fn header_actions() -> Vec<HeaderAction> {
    vec![
        HeaderAction::Set {
            key: "customer".parse().unwrap(),
            value: "a".to_owned(),
        },
        HeaderAction::Remove {
            key: "secret".parse().unwrap(),
        },
        HeaderAction::SetIfAbsent {
            key: "origin".parse().unwrap(),
            value: "${context.client.id}".to_owned(),
        },
        HeaderAction::RemoveMatching {
            pattern: "x-.*".parse().unwrap(),
        },
    ]
}

/// Of those that are for everybody.
fn ids(names: &[&str]) -> Vec<PolicyId> {
    let id = |name: &&str| PolicyId::of_all(name.parse().unwrap());
    names.iter().map(id).collect()
}

fn create(name: &str, phase: PolicyPhase, action: PolicyAction, order: &[&str]) -> Command {
    Command::CreatePolicy(Box::new(NewPolicy {
        vcluster: "partner".parse().unwrap(),
        id: ids(&[name]).remove(0),
        policy: policy(phase, action),
        order: ids(order),
    }))
}

fn sealing() -> PolicyAction {
    PolicyAction::Encrypt {
        key: "payroll".parse().unwrap(),
        parts: SealedParts {
            value: true,
            key: false,
            headers: ["ssn".parse().unwrap()].into(),
        },
    }
}

fn opening() -> PolicyAction {
    PolicyAction::Decrypt {
        keys: ["payroll".parse().unwrap()].into(),
        parts: OpenedParts {
            value: true,
            key: false,
            headers: true,
        },
    }
}

fn validating(check: SchemaCheck) -> PolicyAction {
    PolicyAction::ValidateSchema {
        parts: ValidatedParts {
            value: true,
            key: false,
        },
        check,
    }
}

/// Each of them, with something in every place.
fn schema_checks() -> [(&'static str, SchemaCheck); 3] {
    let registry = || "central".parse().unwrap();
    [
        ("json", SchemaCheck::JsonSyntax),
        (
            "ids",
            SchemaCheck::Id {
                registry: Some(registry()),
            },
        ),
        (
            "schemas",
            SchemaCheck::Schema {
                registry: registry(),
                formats: [
                    SchemaFormat::JsonSchema,
                    SchemaFormat::Avro,
                    SchemaFormat::Protobuf,
                ]
                .into(),
            },
        ),
    ]
}

fn of_policies() -> Vec<Command> {
    let of = |vcluster: &str, account: Option<&str>| {
        let scope = account.map_or(PolicyScope::All, |name| {
            PolicyScope::Account(name.parse().unwrap())
        });
        let name = "only-mine".parse().unwrap();
        PolicyKey::In(vcluster.parse().unwrap(), PolicyId { name, scope })
    };
    let require = PolicyAction::Require {
        description: "records name their customer".to_owned(),
    };
    let headers = PolicyAction::ModifyHeaders {
        actions: header_actions(),
    };
    let of_all = |name: &str| PolicyKey::Everywhere(PolicyId::of_all(name.parse().unwrap()));
    let validating =
        schema_checks().map(|(name, check)| put(of_all(name), PolicyPhase::Produce, validating(check)));
    let others = vec![
        put(
            of("partner", None),
            PolicyPhase::Consume,
            PolicyAction::SkipRecord,
        ),
        put(of("partner", Some("alice")), PolicyPhase::Produce, require),
        put(of_all("stamp"), PolicyPhase::Produce, headers),
        put(
            of_all("sizes"),
            PolicyPhase::Cluster,
            PolicyAction::RequestRules { rules: rules() },
        ),
        put(of_all("frozen"), PolicyPhase::Cluster, PolicyAction::ReadOnly),
        put(of_all("rate"), PolicyPhase::Cluster, rate()),
        put(of_all("seal"), PolicyPhase::Produce, sealing()),
        put(of_all("open"), PolicyPhase::Consume, opening()),
        create("rights", PolicyPhase::Cluster, acls(), &["rights"]),
        create(
            "cut",
            PolicyPhase::Consume,
            PolicyAction::SkipRecord,
            &["only-mine", "cut"],
        ),
        Command::OrderPolicies(OrderedPolicies {
            vcluster: "partner".parse().unwrap(),
            phase: PolicyPhase::Consume,
            order: ids(&["cut", "only-mine"]),
        }),
        Command::DeletePolicy {
            key: of("other", None),
        },
        Command::DeletePolicy {
            key: of("partner", Some("bob")),
        },
    ];
    [&validating[..], &others].concat()
}

/// A node that wants to join.
pub(crate) fn new_node() -> NewNode {
    NewNode {
        admission: 77,
        wants: Some(NodeId(9)),
        above: NodeId(3),
        address: "gateway9.example:9300".to_owned(),
        record: NodeRecord::with_ports("gateway9.example", 6969, 1000),
    }
}

/// The last one goes, and another one leaves.
fn of_members() -> Vec<Command> {
    let id = NodeId(9);
    let plan = VoterPlan::Change {
        seen: [NodeId(1)].into(),
        add: [id].into(),
        drop: [NodeId(3)].into(),
    };
    let second = NewNode {
        admission: 78,
        wants: None,
        ..new_node()
    };
    vec![
        Command::ChangeMembers(MemberChange::Admit(Box::new(new_node()))),
        Command::ChangeMembers(MemberChange::Admit(Box::new(second))),
        Command::ChangeMembers(MemberChange::Move {
            id,
            address: "10.0.0.9:9300".to_owned(),
        }),
        Command::ChangeMembers(MemberChange::Plan(VoterPlan::Count(3))),
        Command::ChangeMembers(MemberChange::Plan(plan)),
        Command::ChangeMembers(MemberChange::Leave {
            id: NodeId(10),
            departure: Departure::Drained,
        }),
        Command::ChangeMembers(MemberChange::Leave {
            id,
            departure: Departure::Now,
        }),
        Command::ChangeMembers(MemberChange::Remove { id: NodeId(10) }),
    ]
}

/// With something in every place.
pub(crate) fn physical_cluster() -> PhysicalCluster {
    let properties = |all: &[(&str, &str)]| {
        let property = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        all.iter().map(property).collect()
    };
    let credentials = properties(&[("sasl.jaas.config", "${env[BILLING_JAAS]}")]);
    PhysicalCluster {
        properties: properties(&[
            ("bootstrap.servers", "east-1:9092,east-2:9092"),
            ("ssl.truststore.certificates", "${file[east-ca.pem]}"),
        ]),
        credentials: [("billing".parse().unwrap(), credentials)].into(),
        description: "the cluster in the east".to_owned(),
        labels: [("region".to_owned(), "east".to_owned())].into(),
        times: Times {
            created_s: 1_700_000_000,
            updated_s: 1_700_000_001,
        },
    }
}

fn of_physical_clusters() -> Vec<Command> {
    let id = |id: &str| id.parse().unwrap();
    let put = |of: &str| ClusterChange::Put {
        id: id(of),
        cluster: physical_cluster(),
    };
    let create = |of: &str| ClusterChange::Create {
        id: id(of),
        cluster: physical_cluster(),
    };
    let delete = |of: &str| ClusterChange::Delete { id: id(of) };
    let report = |reach| ClusterReport {
        is_configured: reach == ReportedReach::Reachable,
        reach,
        brokers: 3,
        fault: Some("the host name cannot be resolved".to_owned()),
        missing: ["${file[east-ca.pem]}".to_owned()].into(),
        stands_in_for: (reach == ReportedReach::Unreachable).then(|| id("main")),
    };
    let reports = [
        (id("east"), report(ReportedReach::Unreachable)),
        (id("main"), report(ReportedReach::Reachable)),
        (id("north"), report(ReportedReach::OtherCluster)),
        (id("south"), report(ReportedReach::Unknown)),
    ];
    let changes = [
        put("east"),
        create("west"),
        create("west"),
        delete("west"),
        delete("west"),
        ClusterChange::Report {
            node: NodeId(1),
            reports: reports.into(),
        },
        put("main"),
        ClusterChange::Adopt {
            id: id("north"),
            cluster: physical_cluster(),
        },
    ];
    changes
        .map(|change| Command::PhysicalCluster(Box::new(change)))
        .into()
}

fn of_quotas() -> Vec<Command> {
    let named = |name: &str| QuotaName::Named(name.to_owned());
    let change = |entity, key, value: Option<f64>| QuotaChange {
        entity,
        key,
        value: value.map(QuotaValue::new),
    };
    let user = || QuotaEntity::User(named("alice"));
    let pair = QuotaEntity::UserAndClient(QuotaName::Default, named("app"));
    let changes = vec![
        change(user(), QuotaKey::ProducerByteRate, Some(1e6)),
        change(user(), QuotaKey::ConsumerByteRate, Some(2e6)),
        change(user(), QuotaKey::ConsumerByteRate, None),
        change(pair, QuotaKey::RequestPercentage, Some(12.5)),
        change(
            QuotaEntity::Client(QuotaName::Default),
            QuotaKey::ControllerMutationRate,
            Some(0.5),
        ),
        change(
            QuotaEntity::Address(named("192.0.2.7")),
            QuotaKey::ConnectionCreationRate,
            Some(10.0),
        ),
    ];
    let limits = Limit::of_clients().zip(1_000..);
    let limited = VirtualCluster {
        limits: Limits(limits.collect()),
        ..VirtualCluster::new(VclusterKind::Partner)
    };
    vec![
        Command::AlterQuotas {
            vcluster: "partner".parse().unwrap(),
            changes,
        },
        Command::CreateVcluster {
            name: "limited".parse().unwrap(),
            spec: limited,
            kafka_cluster_id: "AAAAAAAAAAAAAAAAAAAAAA".to_owned(),
            at_s: 1_700_000_000,
            beside: None,
        },
    ]
}

fn of_routes() -> Vec<Command> {
    let key = |vcluster: Option<&str>| RouteKey {
        cluster: "main".parse().unwrap(),
        vcluster: vcluster.map(|name| name.parse().unwrap()),
    };
    let fence = |vcluster, target: &str, (expected, stays)| RouteChange::Fence {
        key: key(vcluster),
        target: target.parse().unwrap(),
        expected,
        stays,
        at_s: 1_700_000_000,
    };
    let changes = [
        fence(None, "nowhere", (None, false)),
        fence(None, "east", (Some(7), false)),
        RouteChange::Topics {
            cluster: "east".parse().unwrap(),
            first_ids: [([5; 16], [4; 16])].into(),
            is_first_part: true,
        },
        fence(None, "east", (Some(0), false)),
        RouteChange::Drained {
            key: key(None),
            generation: 1,
            node: NodeId(1),
        },
        RouteChange::Open {
            key: key(None),
            generation: 1,
            at_s: 1_700_000_001,
        },
        fence(None, "main", (None, true)),
        RouteChange::Drained {
            key: key(None),
            generation: 2,
            node: NodeId(2),
        },
    ];
    changes
        .map(|change| Command::PhysicalCluster(Box::new(ClusterChange::Route(change))))
        .into()
}

fn of_groups() -> Vec<Command> {
    let billing = || "billing".parse().unwrap();
    let group = |members: &[&str]| {
        let member = |account: &&str| GroupMember {
            vcluster: "partner".parse().unwrap(),
            account: account.parse().unwrap(),
        };
        let members = members.iter().map(member).collect();
        Command::PutGroup {
            name: billing(),
            group: AccountGroup { members },
        }
    };
    let stamp = PolicyId {
        name: "stamp".parse().unwrap(),
        scope: PolicyScope::Group(billing()),
    };
    vec![
        group(&["alice"]),
        put(
            PolicyKey::Everywhere(stamp),
            PolicyPhase::Consume,
            PolicyAction::SkipRecord,
        ),
        group(&["alice", "nobody"]),
        Command::DeleteGroup { name: billing() },
    ]
}

/// With every kind of requests, effect and setting.
fn rules() -> Vec<RequestRule> {
    let rule = |requests: &[RequestKind], otherwise| RequestRule {
        requests: requests.iter().copied().collect(),
        rule: "request.version >= 0".to_owned(),
        description: "at most 12 partitions".to_owned(),
        otherwise,
    };
    let value = |setting| (setting, "1".to_owned());
    let settings = [
        RequestSetting::Partitions,
        RequestSetting::ReplicationFactor,
        RequestSetting::Config("retention.ms".to_owned()),
        RequestSetting::IsolationLevel,
        RequestSetting::MaxBytes,
        RequestSetting::MinBytes,
        RequestSetting::MaxWaitMs,
    ];
    vec![
        rule(
            &[
                RequestKind::CreateTopics,
                RequestKind::CreatePartitions,
                RequestKind::AlterConfigs,
                RequestKind::IncrementalAlterConfigs,
                RequestKind::Produce,
                RequestKind::Fetch,
                RequestKind::JoinGroup,
            ],
            RuleEffect::Override {
                settings: settings.map(value).into(),
            },
        ),
        rule(
            &[
                RequestKind::ConsumerGroupHeartbeat,
                RequestKind::OffsetCommit,
                RequestKind::OffsetFetch,
                RequestKind::TxnOffsetCommit,
                RequestKind::CreateAcls,
                RequestKind::DeleteAcls,
                RequestKind::Any,
                RequestKind::Heartbeat,
            ],
            RuleEffect::Observe,
        ),
        rule(&[RequestKind::Any], RuleEffect::Refuse),
    ]
}
