//! Both sides: a broker with StandardAuthorizer, and a gateway with the same topics, users and ACLs. The broker behind the
//! gateway permits the gateway what `docs/OPERATIONS.md` says that it needs, and no more.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use klamm::quickstart::admin;
use klamm::quickstart::stage::{Nodes, PortChoice, Stage};
use klamm::wire::{Item, Value, field};

use crate::fields::{Fields, fill, is, items, list};
use crate::patience::Patience;
use crate::settings::{self, Acl, ROOT, Setting, TOPICS};
use crate::side::{Request, Side};
use crate::tree::Tree;
use crate::upstream;

/// Which virtual cluster is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Partner,
    Passthrough,
}

impl Kind {
    pub(crate) fn vcluster(self) -> &'static str {
        match self {
            Self::Partner => "twin",
            Self::Passthrough => "passthrough",
        }
    }

    /// The prefix of group names on the physical cluster.
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Self::Partner => "twin:",
            Self::Passthrough => "",
        }
    }

    /// The number that producer ids are marked with: that of the only virtual cluster that marks any.
    pub(crate) fn mark(self) -> i64 {
        match self {
            Self::Partner => 1,
            Self::Passthrough => 0,
        }
    }

    /// Whether a user's requests are compared. How rights are judged does not depend on the kind.
    pub(crate) fn tries(self, user: &str) -> bool {
        const SOME: [&str; 12] = [
            ROOT,
            "nobody",
            "topic-all",
            "topic-read",
            "topic-describe",
            "group-read",
            "cluster-all",
            "cluster-alter",
            "cluster-create",
            "wildcard",
            "deny-read",
            "deny-group",
        ];
        self == Self::Partner || SOME.contains(&user)
    }

    /// How many answers are compared at least.
    pub(crate) fn least(self) -> usize {
        match self {
            Self::Partner => 30_000,
            Self::Passthrough => 6_000,
        }
    }
}

/// Open brokers do not ask who it is.
pub(crate) const ANYBODY: &str = "anybody";
/// How many each topic has.
pub(crate) const PARTITIONS: i32 = 2;
const BACKEND: &str = "main";

/// Brokers serve the APIs for clients' metrics only with a plugin that takes them, and Kafka comes with none.
const TELEMETRY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/kafka/java/Telemetry.java");

/// How long something may take that is only seen a little later.
const PATIENCE: Duration = Duration::from_secs(60);

/// Everything that runs.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) kind: Kind,
    pub(crate) broker: Side,
    pub(crate) gateway: Side,
    /// The broker with the authorizer, and the open one, as somebody who may everything.
    pub(crate) physical: [Side; 2],
    pub(crate) settings: Vec<Setting>,
    pub(crate) patience: Patience,
    /// Ends with this value.
    _stage: Stage,
}

impl World {
    pub(crate) fn start(kind: Kind) -> Result<Self> {
        let settings = settings::all();
        let passwords: BTreeMap<String, String> = settings
            .iter()
            .map(|setting| (setting.user.clone(), format!("{}-secret", setting.user)))
            .collect();
        let mut stage = Stage::new()?;
        let sasl = stage.spare_port(0).to_string();
        let logins: Vec<String> = passwords
            .iter()
            .map(|(user, password)| format!("{user}={password}"))
            .collect();
        let mut options = vec!["--plugin", TELEMETRY, "--sasl", &sasl, "--authorizer", ROOT];
        for login in &logins {
            options.extend(["--user", login]);
        }
        let guarded = stage.start_kafka("guarded", &options)?;
        let (user, password) = upstream::LOGIN;
        let (login, door) = (format!("{user}={password}"), stage.spare_port(1).to_string());
        let options = ["--plugin", TELEMETRY, "--sasl", &door, "--user", &login];
        let open = stage.start_kafka(BACKEND, &[&options[..], &["--authorizer", ROOT]].concat())?;
        let mut physical = [&guarded, &open].map(|address| Side::new(address, BTreeMap::new()));
        for side in &mut physical {
            create_topics(side)?;
        }
        install(&mut physical[1], ANYBODY, &upstream::rights(kind))?;
        let gateway = start_gateway(&mut stage, kind, &format!("127.0.0.1:{door}"), &settings)?;
        let broker = Side::new(&format!("127.0.0.1:{sasl}"), passwords);
        let mut world = Self {
            kind,
            broker,
            gateway,
            physical,
            settings,
            patience: Patience::new(),
            _stage: stage,
        };
        world.prepare()?;
        Ok(world)
    }

    /// Brings both sides to where requests can be compared: ACLs are in force and coordinators serve.
    fn prepare(&mut self) -> Result<()> {
        let acls: Vec<Acl> = self
            .settings
            .iter()
            .flat_map(|setting| setting.acls.clone())
            .collect();
        self.gateway.go_to_broker(ROOT)?;
        for side in [&mut self.broker, &mut self.gateway] {
            install(side, ROOT, &acls)?;
            eventually("the coordinator of groups serves", || {
                coordinator_serves(side, ROOT, 0)
            })?;
            eventually("groups are served", || groups_are_served(side))?;
        }
        // Brokers make topics of their own when they are first needed: both have them all before anything is compared.
        for side in &mut self.physical {
            eventually("the coordinator of transactions serves", || {
                coordinator_serves(side, ANYBODY, 1)
            })?;
            eventually("the coordinator of share groups serves", || {
                share_coordinator_serves(side)
            })?;
            side.learn_topics(ANYBODY)?;
        }
        self.broker.learn_topics(ROOT)?;
        let all = self.physical[1].names.all();
        let wanted: Vec<&str> = match self.kind {
            Kind::Partner => TOPICS.to_vec(),
            Kind::Passthrough => all,
        };
        let gateway = &mut self.gateway;
        eventually("the gateway shows the topics that there are", || {
            gateway.learn_topics(ROOT)?;
            let shown = gateway.names.all();
            Ok(wanted.iter().all(|name| shown.contains(name)))
        })
    }
}

fn start_gateway(stage: &mut Stage, kind: Kind, backend: &str, settings: &[Setting]) -> Result<Side> {
    let vcluster = kind.vcluster();
    let (user, password) = upstream::LOGIN;
    let module = "org.apache.kafka.common.security.plain.PlainLoginModule";
    let jaas = format!("{module} required username=\"{user}\" password=\"{password}\";");
    let login = [
        ("bootstrap.servers", backend),
        ("security.protocol", "SASL_PLAINTEXT"),
        ("sasl.mechanism", "PLAIN"),
        ("sasl.jaas.config", &jaas),
    ];
    stage.configure(&[(BACKEND, &login)])?;
    stage.start_nodes(&Nodes {
        program: env!("CARGO_BIN_EXE_klamm").into(),
        count: 1,
        advertised_host: "127.0.0.1".into(),
        ports: PortChoice::Any,
        more: vec![
            ("KLAMM_LOG_FILTER".into(), "warn".into()),
            ("GATEWAY_SUPER_USERS".into(), ROOT.into()),
        ],
    })?;
    let admin = stage.admin(1);
    if kind == Kind::Partner {
        admin.put("virtual-cluster", &admin::vcluster(vcluster, ROOT))?;
        for topic in TOPICS {
            admin.put("alias-topic", &admin::alias(vcluster, topic, (BACKEND, topic)))?;
        }
    }
    let mut tokens = BTreeMap::new();
    for setting in settings {
        admin.put("service-account", &admin::account(vcluster, &setting.user))?;
        tokens.insert(setting.user.clone(), admin.token(vcluster, &setting.user, 3600)?);
    }
    Ok(Side::new(&admin.bootstrap(vcluster)?, tokens))
}

/// Creates ACLs, and waits until they are in force.
fn install(side: &mut Side, user: &str, acls: &[Acl]) -> Result<()> {
    let body = settings::creation(acls.iter())?;
    let request = Request {
        key: 30,
        version: 3,
        body,
    };
    let created = side.must(user, &request)?;
    let results = created.field("Results").context("results")?;
    let Tree::List(results) = results else {
        anyhow::bail!("no results")
    };
    let ok = |result: &Tree| result.field("ErrorCode") == Some(&Tree::Int(0));
    ensure!(results.iter().all(ok), "ACLs: {created}");
    eventually("all ACLs are in force", || {
        Ok(count_acls(side, user)? == acls.len())
    })
}

fn create_topics(side: &mut Side) -> Result<()> {
    let topic = |name: &&str| -> Fields {
        vec![
            is(field::NAME, *name),
            is(field::NUM_PARTITIONS, PARTITIONS),
            is(field::REPLICATION_FACTOR, 1_i16),
        ]
    };
    let body = request(
        19,
        7,
        &vec![items(field::TOPICS, TOPICS.iter().map(topic).collect())],
    )?;
    let answer = side.must(ANYBODY, &body)?;
    ensure!(answer.to_string().contains("ErrorCode: 0"), "topics: {answer}");
    Ok(())
}

/// A request of plain values.
pub(crate) fn request(key: i16, version: i16, fields: &Fields) -> Result<Request> {
    let mut body = Item::request(key, version)?;
    fill(&mut body, fields);
    Ok(Request { key, version, body })
}

fn count_acls(side: &mut Side, user: &str) -> Result<usize> {
    let mut body = Item::request(29, 3)?;
    body.set(field::RESOURCE_TYPE_FILTER, 1_i8)
        .set(field::RESOURCE_NAME_FILTER, Value::Null)
        .set(field::PATTERN_TYPE_FILTER, 1_i8)
        .set(field::PRINCIPAL_FILTER, Value::Null)
        .set(field::HOST_FILTER, Value::Null)
        .set(field::OPERATION, 1_i8)
        .set(field::PERMISSION_TYPE, 1_i8);
    let answer = side.must(
        user,
        &Request {
            key: 29,
            version: 3,
            body,
        },
    )?;
    let Some(Tree::List(resources)) = answer.field("Resources") else {
        return Ok(0);
    };
    let acls = |resource: &Tree| match resource.field("Acls") {
        Some(Tree::List(acls)) => acls.len(),
        _ => 0,
    };
    Ok(resources.iter().map(acls).sum())
}

fn coordinator_serves(side: &mut Side, user: &str, kind: i8) -> Result<bool> {
    let fields = vec![is(field::KEY, "g-warm"), is(field::KEY_TYPE, kind)];
    let answer = side.must(user, &request(10, 3, &fields)?)?;
    Ok(answer.field("ErrorCode") == Some(&Tree::Int(0)))
}

fn share_coordinator_serves(side: &mut Side) -> Result<bool> {
    let partition = "g-warm:AAAAAAAAAAAAAAAAAAAAAQ:0";
    let fields = vec![
        is(field::KEY_TYPE, 2_i8),
        list(field::COORDINATOR_KEYS, [partition]),
    ];
    let answer = side.must(ANYBODY, &request(10, 6, &fields)?)?;
    Ok(answer.holds("ErrorCode", &Tree::Int(0)))
}

fn groups_are_served(side: &mut Side) -> Result<bool> {
    // Each partition of the offsets topic has groups of its own.
    for group in 0..16 {
        let fields = vec![is(field::GROUP_ID, format!("g-warm-{group}"))];
        let answer = side.must(ROOT, &request(9, 7, &fields)?)?;
        if answer.field("ErrorCode") != Some(&Tree::Int(0)) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Asks until it is so, but not for ever.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> Result<bool>) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !holds().with_context(|| what.to_owned())? {
        ensure!(
            Instant::now() < deadline,
            "{what}: not within {} s",
            PATIENCE.as_secs()
        );
        thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}
