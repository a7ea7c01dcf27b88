//! The admin API over HTTP messages, with the real state machine in memory and a physical cluster that is made up.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use actix_http::Request;
use actix_web::body::BoxBody;
use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::{Method, StatusCode};
use actix_web::{test, web};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use klamm_raft::command::{Author, AuthorKind, Change, Command, Proposal, ProposalId};
use klamm_raft::model::{
    ClusterId, ClusterReports, Encryption, Level, ListenerName, Liveness, NodeId, NodeRecord, PASSTHROUGH,
    Protocol, Revision, Routing, Sasl, SigningKey, SigningKeys, Speech, State, VclusterKind, VirtualCluster,
};
use klamm_raft::{Applied, ConfirmError, Lease, PeerStatus, ProposeError, Readiness, Status, machine};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::credentials::Guard;
use super::*;
use crate::backend::config::{AnonymousClients, BackendConfig, PlainLogin, Security, UpstreamLogin};
use crate::backend::topology::{PhysicalTopic, Topology};
use crate::backend::{Bounds, Committed, GroupPositions};
use crate::config::{AdminUser, Audience, HttpConfig, Reference, Role, Unfollowed, resolve_cluster};
use crate::listener::config::ListenerConfig;
use crate::secret::Secret;
use crate::tls::{CertificateFiles, ClientCertificates, TlsFiles};

mod access_tokens;
mod acls;
mod contract;
mod cross_site;
mod event_gateway_policies;
mod event_gateways;
mod fuzz;
mod group;
mod interceptor;
mod methods;
mod names;
mod physical_cluster;
mod policy;
mod schema_validation;
mod schemas;
mod signing_keys;
mod statuses;
mod usage;

/// The speech of listeners that serve every method.
const ALL_METHODS: Speech = Speech {
    sasl: Sasl::ByMethods,
    encryption: Encryption::TlsWithCertificates,
};

/// One gateway node that agrees with itself.
pub(crate) struct Gateway {
    states: watch::Sender<Arc<State>>,
    here: Mutex<Here>,
    unready: Mutex<Vec<Unready>>,
    /// Instead of applying a change.
    failure: Mutex<Option<ProposeError>>,
    /// A change by somebody else that is quicker than the next one.
    quicker: Mutex<Option<Command>>,
    /// Instead of confirming that it is up to date.
    alone: Mutex<Option<ConfirmError>>,
    /// Instead of saying whether a topic exists.
    upstream_failure: Mutex<Option<CannotAsk>>,
    /// Instead of saying what groups have committed.
    survey_failure: Mutex<Option<CannotAsk>>,
    /// Physical clusters that nobody may reach who does not log in.
    closed: Mutex<BTreeSet<ClusterId>>,
    /// The physical clusters as the node sees them.
    reports: Mutex<ClusterReports>,
    /// Whom the metrics and the description are shown.
    audience: Mutex<Audience>,
    /// Whether the node may decide; tests end it.
    lease: Lease,
}

/// The reply to a request.
#[derive(Debug)]
struct Reply {
    status: u16,
    revision: Option<String>,
    allow: Option<String>,
    warning: Option<String>,
    media_type: Option<String>,
    /// The headers that keep it from being kept, and from being taken for something else.
    hardened: [Option<String>; 2],
    body: String,
}

impl Reply {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// Whether it is told as RFC 9457 has it.
    fn is_problem(&self) -> bool {
        self.media_type.as_deref() == Some("application/problem+json")
    }

    /// Checks an error, and returns `msg`, or the detail.
    #[track_caller]
    fn refused(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{}", self.body);
        if self.is_problem() {
            let body = self.json();
            assert_eq!(body["status"], status, "{body}");
            let texts = ["title", "instance", "detail"].map(|field| body[field].as_str().unwrap_or_default());
            assert!(texts.iter().all(|text| !text.is_empty()), "{body}");
            assert_eq!(body["invalid_parameters"].is_array(), status == 400, "{body}");
            return texts[2].to_owned();
        }
        let body: ProblemBody = serde_json::from_str(&self.body).expect("an error object");
        assert!(!body.title.is_empty());
        body.msg
    }

    #[track_caller]
    fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{}", self.body);
        self.json()
    }
}

/// The topology of every physical cluster here.
fn topology() -> Topology {
    let topic = |name: &str| {
        (
            name.parse().unwrap(),
            PhysicalTopic {
                id: [1; 16],
                partitions: 3,
            },
        )
    };
    Topology {
        topics: Arc::new(
            ["internal-topic-name1", "dev-orders", "dev-bills", "shared"]
                .map(topic)
                .into(),
        ),
        ..Topology::default()
    }
}

/// A physical cluster of the configuration, with a login or without.
/// Where the partitions of every topic begin and end.
fn bounds() -> BTreeMap<i32, Bounds> {
    let bounds = |partition| (partition, Bounds { start: 0, end: 50 });
    [bounds(0), bounds(1)].into()
}

fn backend(id: &str, bootstrap: &str, has_login: bool) -> BackendConfig {
    let login = PlainLogin {
        username: "gateway".to_owned(),
        password: Secret::new("s3cret"),
    };
    BackendConfig {
        id: id.parse().unwrap(),
        bootstrap: vec![bootstrap.parse().unwrap()],
        security: Security::Plaintext,
        login: has_login.then_some(UpstreamLogin::Plain(login)),
        credentials: Default::default(),
        anonymous: AnonymousClients::Allowed,
        stands_in_for: None,
    }
}

/// One listener that tells addresses apart by ports, and one that does by names.
fn listeners() -> Vec<ListenerConfig> {
    let files = TlsFiles {
        certificates: vec![CertificateFiles {
            chain: "/etc/klamm/chain.pem".into(),
            key: "/etc/klamm/key.pem".into(),
        }],
        clients: ClientCertificates::Required("/etc/klamm/clients.pem".into()),
    };
    let listener = |name: &str, speech, routing, bind_port, tls| ListenerConfig {
        name: name.parse().unwrap(),
        speech,
        bind_host: "0.0.0.0".to_owned(),
        bind_port,
        routing,
        tls,
        proxies: None,
    };
    let by_port = Routing::Port {
        host: "localhost".to_owned(),
        start: 6969,
        count: 10,
    };
    let by_name = Routing::Sni {
        domain: "kafka.example.com".to_owned(),
        port: 443,
    };
    vec![
        listener("default", Speech::by_methods(), by_port, 6969, None),
        listener("public", Speech::fixed(Protocol::Ssl), by_name, 9443, Some(files)),
    ]
}

/// A lease that goes on until a test ends it.
fn granted() -> Lease {
    let lease = Lease::ended();
    lease.allow_for(Duration::from_secs(3600));
    lease
}

/// Resources may refer to some variables, and to files below the node's own directory.
fn check_reference(reference: &Reference) -> Result<(), Unfollowed> {
    match reference {
        Reference::Variable(name) if name.starts_with("KLAMM_SECRET_") => Ok(()),
        Reference::File(path) if !path.starts_with('/') => Ok(()),
        other => Err(Unfollowed {
            reference: other.clone(),
            why: "is not for resources".to_owned(),
        }),
    }
}

impl Gateway {
    pub(crate) fn new() -> Arc<Self> {
        let record = |host: &str, port_start| NodeRecord::with_ports(host, port_start, 10);
        let state = State {
            nodes: [
                (NodeId(2), record("gw2", 7100)),
                (NodeId(1), record("localhost", 6969)),
            ]
            .into(),
            level: Level::NEWEST,
            signing_keys: Some(SigningKeys::new(SigningKey(vec![7; 32]), SigningKey(vec![8; 32]))),
            ..State::default()
        };
        Arc::new(Self {
            states: watch::Sender::new(Arc::new(state)),
            here: Mutex::default(),
            unready: Mutex::default(),
            failure: Mutex::default(),
            quicker: Mutex::default(),
            alone: Mutex::default(),
            upstream_failure: Mutex::default(),
            survey_failure: Mutex::default(),
            closed: Mutex::default(),
            reports: Mutex::default(),
            audience: Mutex::new(Audience::Everybody),
            lease: granted(),
        })
    }

    /// The gateway with the virtual cluster that is built in.
    pub(crate) fn with_passthrough(self: Arc<Self>) -> Arc<Self> {
        self.apply(Command::PutVcluster {
            name: PASSTHROUGH.parse().unwrap(),
            spec: VirtualCluster {
                acl_enabled: false,
                ..VirtualCluster::new(VclusterKind::Passthrough)
            },
            kafka_cluster_id: "AAECAwQFBgcICQoLDA0ODw".to_owned(),
            at_s: 1_700_000_000,
            beside: None,
        });
        self
    }

    /// The listeners of both nodes speak so.
    fn speak(&self, speech: Speech) {
        self.states.send_modify(|state| {
            let mut changed = (**state).clone();
            for node in changed.nodes.values_mut() {
                let listener = node.listeners.get_mut(&ListenerName::short_form());
                listener.expect("the short form").speech = speech;
            }
            *state = Arc::new(changed);
        });
    }

    /// The physical clusters of the node's configuration.
    fn backends(&self) -> Vec<BackendConfig> {
        let closed = self.closed.lock().unwrap();
        let mut backends = vec![
            backend("clusterA", "a:9092", true),
            backend("main", "m:9092", false),
        ];
        for backend in &mut backends {
            if closed.contains(&backend.id) {
                backend.anonymous = AnonymousClients::Refused;
            }
        }
        let billing = UpstreamLogin::Plain(PlainLogin {
            username: "billing".to_owned(),
            password: Secret::new("s3cret"),
        });
        backends[0]
            .credentials
            .insert("billing".parse().unwrap(), billing);
        backends
    }

    pub(crate) fn services(self: &Arc<Self>) -> Services {
        let [proposing, confirming, asking, seeing, readying, reporting] =
            std::array::from_fn(|_| Arc::clone(self));
        let [listing, surveying, seen] = std::array::from_fn(|_| Arc::clone(self));
        Services {
            states: self.states.subscribe(),
            propose: Arc::new(move |change| Box::pin(std::future::ready(proposing.propose(change)))),
            backup: Arc::new(|_| Box::pin(async { Err(CannotBackUp::NoKey) })),
            confirm: Arc::new(move || {
                let alone = confirming.alone.lock().unwrap().clone();
                let revision = confirming.states.borrow().revision;
                Box::pin(std::future::ready(alone.map_or(Ok(revision), Err)))
            }),
            rehearsal: None,
            providers: Arc::new([("corporate".parse().unwrap(), provider())].into()),
            record_keys: Arc::new([("payroll".parse().unwrap(), "file")].into()),
            registries: Arc::new(["central".parse().unwrap()].into()),
            backends: Arc::new(self.backends()),
            anonymous: AnonymousClients::Allowed,
            reports: Arc::new(move || seen.reports.lock().unwrap().clone()),
            check_reference: Arc::new(check_reference),
            // All references lead to one secret.
            resolve: Arc::new(|id, cluster| {
                let follow = |_: &Reference| Ok(Secret::new("s3cret"));
                let resolved = resolve_cluster(&id, &cluster, AnonymousClients::Allowed, &follow);
                Box::pin(std::future::ready(resolved))
            }),
            usage: Arc::new(|question| Box::pin(std::future::ready(usage::reported(&question)))),
            listeners: Arc::new(listeners()),
            find_topic: Arc::new(move |_, topic| {
                let failure = asking.upstream_failure.lock().unwrap().clone();
                let is_listed = topology().topics.contains_key(&topic);
                let found = if is_listed || topic.as_str().starts_with("internal-") {
                    Finding::Exists
                } else {
                    Finding::Missing
                };
                Box::pin(std::future::ready(failure.map_or(Ok(found), Err)))
            }),
            list_topics: Arc::new(move |_| {
                let failure = listing.upstream_failure.lock().unwrap().clone();
                let topics = topology().topics.as_ref().clone();
                Box::pin(std::future::ready(failure.map_or(Ok(topics), Err)))
            }),
            committed: Arc::new(move |_, topic, _| {
                let failure = surveying.survey_failure.lock().unwrap().clone();
                let offsets = match topic.as_str() {
                    "internal-topic-name1" => [(0, 120), (1, 10)].into(),
                    _ => [(1, 7)].into(),
                };
                let committed = Committed {
                    offsets: [("app".to_owned(), offsets)].into(),
                    unread: 0,
                };
                Box::pin(std::future::ready(failure.map_or(Ok(committed), Err)))
            }),
            bounds: Arc::new(|_, _| Box::pin(std::future::ready(Ok(bounds())))),
            positions: Arc::new(|_, _| Box::pin(std::future::ready(Ok(GroupPositions::default())))),
            topology: Arc::new(|_| Some(Arc::new(topology()))),
            here: Arc::new(move || seeing.here.lock().unwrap().clone()),
            unready: Arc::new(move || readying.unready.lock().unwrap().clone()),
            status: Arc::new(move || reporting.status()),
            lease: self.lease.clone(),
            variables: Arc::new(Variables::new(&[], |name| Some(format!("value of {name}")))),
            metrics: Arc::new(|| Ok("klamm_up 1\n".to_owned())),
        }
    }

    fn propose(&self, change: Change) -> Result<Applied, ProposeError> {
        if let Some(failure) = self.failure.lock().unwrap().clone() {
            return Err(failure);
        }
        if let Some(quicker) = self.quicker.lock().unwrap().take() {
            self.apply(quicker);
        }
        Ok(self.commit(change))
    }

    /// Applies a change that nobody asked for.
    fn apply(&self, command: Command) -> Applied {
        let author = Author {
            kind: AuthorKind::Node,
            name: "1".to_owned(),
            address: None,
            request: String::new(),
        };
        let judged_at = self.states.borrow().revision;
        self.commit(Change {
            author,
            judged_at,
            command,
        })
    }

    fn commit(&self, change: Change) -> Applied {
        let mut then = State::clone(&self.states.borrow());
        let revision = Revision(then.revision.0 + 1);
        let proposal = Proposal {
            node: NodeId(1),
            id: ProposalId {
                boot: 1,
                sequence: revision.0,
            },
            settled: revision.0,
            author: change.author,
            judged_at: change.judged_at,
            command: change.command,
        };
        let outcome = machine::apply(&mut then, proposal, revision);
        self.states.send_replace(Arc::new(then));
        Applied { outcome, revision }
    }

    fn status(&self) -> Status {
        Status {
            id: NodeId(1),
            cluster_id: Some("0a".repeat(16)),
            leader: Some(NodeId(2)),
            term: 4,
            last_log: Some(9),
            committed: Some(8),
            applied: Revision(8),
            visible: Revision(7),
            snapshot: None,
            voters: vec![NodeId(1), NodeId(2)],
            learners: Vec::new(),
            is_joint: false,
            snapshot_failures: 0,
            peers: vec![PeerStatus {
                id: NodeId(2),
                address: "gw2:9000".to_owned(),
                liveness: Some(Liveness::Up),
                silent_for: Some(Duration::from_millis(12)),
                answers: true,
                visible: Revision(6),
                log: Some(6),
            }],
            refused_peers: Vec::new(),
            taken_port: None,
            beside_another: false,
            readiness: Readiness::Ready,
        }
    }

    async fn send(self: &Arc<Self>, user: Option<&str>, method: Method, path: &str, body: &str) -> Reply {
        self.send_with(&[], user, method, (path, body)).await
    }

    async fn send_with(
        self: &Arc<Self>,
        headers: &[(&str, &str)],
        user: Option<&str>,
        method: Method,
        message: (&str, &str),
    ) -> Reply {
        ask(&self.app().await, headers, user, method, message).await
    }

    /// The application as it starts. It remembers wrong passwords, and nothing else.
    async fn app(self: &Arc<Self>) -> impl AdminApp {
        let user_of = |username: &str, role| AdminUser {
            username: username.to_owned(),
            password: Secret::new("conduktor"),
            role,
        };
        let audience = *self.audience.lock().unwrap();
        let guard = Guard::new(&HttpConfig {
            bind: "127.0.0.1:8888".parse().expect("an address"),
            hosts: BTreeSet::from(["gw.example.com".to_owned()]),
            users: vec![user_of("admin", Role::Admin), user_of("eye", Role::ReadOnly)],
            metrics: audience,
            description: audience,
            variables: Vec::new(),
            tls: None,
        });
        let app = routes::app(web::Data::new(guard), web::Data::new(self.services()));
        test::init_service(app).await
    }

    async fn admin(self: &Arc<Self>, method: Method, path: &str, body: &Value) -> Reply {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        self.send(Some("admin:conduktor"), method, path, &body).await
    }

    async fn put(self: &Arc<Self>, path: &str, body: &Value) -> Reply {
        self.admin(Method::PUT, path, body).await
    }

    async fn get(self: &Arc<Self>, path: &str) -> Reply {
        self.admin(Method::GET, path, &Value::Null).await
    }

    async fn delete(self: &Arc<Self>, path: &str, body: &Value) -> Reply {
        self.admin(Method::DELETE, path, body).await
    }

    /// The virtual cluster, an alias topic and both accounts of the walkthrough.
    async fn walkthrough() -> Arc<Self> {
        let gateway = Self::new();
        for (path, body) in [
            (VCLUSTER, partner()),
            (ALIAS, alias("topic1", "internal-topic-name1")),
            (ACCOUNT, account("super-user")),
            (ACCOUNT, account("partner-user")),
        ] {
            assert_eq!(gateway.put(path, &body).await.ok()["upsertResult"], "CREATED");
        }
        gateway
    }
}

/// An application that answers requests.
trait AdminApp: Service<Request, Response = ServiceResponse<BoxBody>, Error = actix_web::Error> {}

impl<A: Service<Request, Response = ServiceResponse<BoxBody>, Error = actix_web::Error>> AdminApp for A {}

/// Sends a request to an application.
async fn ask(
    app: &impl AdminApp,
    headers: &[(&str, &str)],
    user: Option<&str>,
    method: Method,
    (path, body): (&str, &str),
) -> Reply {
    let mut request = test::TestRequest::with_uri(path)
        .method(method.clone())
        .set_payload(body.to_owned());
    for header in headers {
        request = request.insert_header(*header);
    }
    if let Some(user) = user {
        let bearer = user.starts_with("klamm_pat_").then(|| format!("Bearer {user}"));
        let header = bearer.unwrap_or_else(|| format!("Basic {}", STANDARD.encode(user)));
        request = request.insert_header(("Authorization", header));
    }
    let response = test::call_service(app, request.to_request()).await;
    statuses::check(&method, path, response.status().as_u16());
    let header = |name: &str| {
        let value = response.headers().get(name);
        value.map(|value| value.to_str().unwrap().to_owned())
    };
    Reply {
        status: response.status().as_u16(),
        revision: header("x-klamm-revision"),
        allow: header("allow"),
        warning: header("warning"),
        media_type: header("content-type"),
        hardened: [header("cache-control"), header("x-content-type-options")],
        body: String::from_utf8(test::read_body(response).await.to_vec()).expect("text"),
    }
}

const VCLUSTER: &str = "/gateway/v2/virtual-cluster";
const POLICY: &str = "/gateway/v2/policy";
const GROUP: &str = "/gateway/v2/group";
const INTERCEPTOR: &str = "/gateway/v2/interceptor";
const ALIAS: &str = "/gateway/v2/alias-topic";
const ACCOUNT: &str = "/gateway/v2/service-account";
const TOKEN: &str = "/gateway/v2/token";
const ACL: &str = "/gateway/v2/acl";
const ACCESS: &str = "/gateway/v2/access-token";

fn partner() -> Value {
    json!({
        "kind": "VirtualCluster",
        "apiVersion": "gateway/v2",
        "metadata": { "name": "mypartner" },
        "spec": { "aclEnabled": true, "superUsers": ["super-user"], "type": "Partner" },
    })
}

fn alias(name: &str, physical: &str) -> Value {
    json!({
        "kind": "AliasTopic",
        "apiVersion": "gateway/v2",
        "metadata": { "name": name, "vCluster": "mypartner" },
        "spec": { "physicalName": physical, "physicalCluster": "clusterA" },
    })
}

fn account(name: &str) -> Value {
    json!({
        "kind": "GatewayServiceAccount",
        "apiVersion": "gateway/v2",
        "metadata": { "name": name, "vCluster": "mypartner" },
        "spec": { "type": "LOCAL" },
    })
}

#[actix_web::test]
async fn the_walkthrough() {
    let gateway = Gateway::walkthrough().await;
    let shown = gateway.get("/gateway/v2/virtual-cluster/mypartner").await.ok();
    assert_eq!(
        shown,
        json!({
            "kind": "VirtualCluster",
            "apiVersion": "gateway/v2",
            "metadata": { "name": "mypartner" },
            "spec": {
                "aclEnabled": true,
                "superUsers": ["super-user"],
                "type": "Partner",
                "authentication": [
                    { "type": "sasl_plain", "mediation": "terminate" },
                    { "type": "sasl_scram_sha_256", "mediation": "terminate" },
                    { "type": "sasl_scram_sha_512", "mediation": "terminate" },
                ],
                "bootstrapServers": "localhost:6969,gw2:7100",
                "clientProperties": {
                    "security.protocol": "SASL_PLAINTEXT",
                    "sasl.mechanism": "PLAIN",
                    "sasl.jaas.config": "org.apache.kafka.common.security.plain.PlainLoginModule required username={{username}} password={{password}};",
                },
            },
        })
    );
    assert_eq!(
        gateway.put(VCLUSTER, &shown).await.ok(),
        json!({ "resource": shown, "upsertResult": "NOT_CHANGED" })
    );
    assert_eq!(gateway.get(VCLUSTER).await.ok(), json!([shown]));
    let aliases = gateway.get(ALIAS).await.ok();
    assert_eq!(aliases, json!([alias("topic1", "internal-topic-name1")]));
    assert_eq!(
        gateway.put(ALIAS, &aliases[0]).await.ok()["upsertResult"],
        "NOT_CHANGED"
    );

    let wanted = json!({ "username": "partner-user", "vCluster": "mypartner", "lifeTimeSeconds": 3_600_000 });
    let token = gateway.admin(Method::POST, TOKEN, &wanted).await.ok()["token"]
        .as_str()
        .expect("a token")
        .to_owned();
    let claims = token.split('.').nth(1).expect("three parts");
    let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(claims)
        .expect("base64");
    let claims: Value = serde_json::from_slice(&claims).expect("JSON");
    assert_eq!(
        (&claims["username"], &claims["vcluster"]),
        (&json!("partner-user"), &json!("mypartner"))
    );
    assert_eq!(
        claims["exp"].as_u64(),
        claims["iat"].as_u64().map(|issued| issued + 3_600_000)
    );
    let state = gateway.states.borrow().clone();
    let recorded: Vec<String> = state.vclusters["mypartner"]
        .tokens
        .keys()
        .map(|id| uuid::Uuid::from_bytes(id.0).to_string())
        .collect();
    assert_eq!(recorded, [claims["jti"].as_str().expect("an id")]);
}

#[actix_web::test]
async fn a_listed_token_tells_whose_it_is_and_nothing_to_log_in_with() {
    let gateway = Gateway::walkthrough().await;
    let wanted = json!({ "username": "partner-user", "vCluster": "mypartner", "lifeTimeSeconds": 3600 });
    gateway.admin(Method::POST, TOKEN, &wanted).await.ok();
    let listed = gateway.get(TOKEN).await.ok();
    let token = listed[0].as_object().expect("an object");
    let fields: Vec<&str> = token.keys().map(String::as_str).collect();
    assert_eq!(
        fields,
        ["expiresAt", "id", "issuedAt", "keyId", "username", "vCluster"]
    );
    assert_eq!(token["username"], "partner-user");
    let others = gateway.get(&format!("{TOKEN}?username=super-user")).await.ok();
    assert_eq!(others, json!([]));
    gateway
        .get(&format!("{TOKEN}?vcluster=nowhere"))
        .await
        .refused(404);
    for (body, status) in [
        (json!({ "vCluster": "mypartner" }), 400),
        (json!({ "vCluster": "mypartner", "id": "7" }), 400),
        (
            json!({ "vCluster": "mypartner", "id": token["id"], "username": "x" }),
            400,
        ),
        (json!({ "vCluster": "nowhere", "id": token["id"] }), 404),
    ] {
        gateway.delete(TOKEN, &body).await.refused(status);
    }
    let this = json!({ "vCluster": "mypartner", "id": token["id"] });
    let dry = gateway.delete(&format!("{TOKEN}?dryMode=true"), &this).await;
    assert_eq!((dry.status, gateway.get(TOKEN).await.ok()), (204, listed.clone()));
    assert_eq!(gateway.delete(TOKEN, &this).await.status, 204);
    assert_eq!(gateway.get(TOKEN).await.ok(), json!([]));
}

#[actix_web::test]
async fn users_of_plain_are_put_with_their_passwords_and_shown_without() {
    let gateway = Gateway::walkthrough().await;
    let with = |principals: Value| {
        let mut resource = partner();
        let plain = json!({ "type": "sasl_plain", "mediation": "terminate", "principals": principals });
        resource["spec"]["authentication"] = json!([plain]);
        resource
    };
    let both = json!([{ "username": "ann", "password": "one" }, { "username": "bob", "password": "two" }]);
    let put = gateway.put(VCLUSTER, &with(both.clone())).await.ok();
    assert_eq!(put["upsertResult"], "UPDATED");
    let names = json!([{ "username": "ann" }, { "username": "bob" }]);
    assert_eq!(put["resource"]["spec"]["authentication"][0]["principals"], names);
    let again = gateway.put(VCLUSTER, &with(both)).await.ok();
    assert_eq!(
        again["upsertResult"], "NOT_CHANGED",
        "no session may end for that"
    );
    let shown = gateway.get("/gateway/v2/virtual-cluster/mypartner").await.ok();
    assert_eq!(
        gateway.put(VCLUSTER, &shown).await.ok()["upsertResult"],
        "NOT_CHANGED"
    );
    let one_more = json!([{ "username": "ann" }, { "username": "eve" }]);
    let refused = gateway.put(VCLUSTER, &with(one_more)).await.refused(400);
    assert!(refused.contains("the password of eve is missing"), "{refused}");
    let one_less = json!([{ "username": "ann" }]);
    let put = gateway.put(VCLUSTER, &with(one_less.clone())).await.ok();
    assert_eq!(
        put["resource"]["spec"]["authentication"][0]["principals"],
        one_less
    );
}

#[actix_web::test]
async fn a_change_is_updated_and_tells_its_revision() {
    let gateway = Gateway::walkthrough().await;
    let before = gateway.states.borrow().revision.0;
    let mut changed = partner();
    changed["spec"]["superUsers"] = json!(["super-user", "partner-user"]);
    let reply = gateway.put(VCLUSTER, &changed).await;
    assert_eq!(reply.revision, Some((before + 1).to_string()));
    assert_eq!(reply.json()["upsertResult"], "UPDATED");
    assert_eq!(
        reply.json()["resource"]["spec"]["superUsers"],
        json!(["partner-user", "super-user"])
    );
}

#[actix_web::test]
async fn everything_can_be_deleted_in_order() {
    let gateway = Gateway::walkthrough().await;
    let one = "/gateway/v2/virtual-cluster/mypartner";
    let refused = gateway.delete(one, &Value::Null).await.refused(409);
    assert!(refused.contains("AliasTopic/topic1"), "{refused}");
    let named = |name: &str| json!({ "name": name, "vCluster": "mypartner" });
    assert_eq!(gateway.delete(ALIAS, &named("topic1")).await.status, 204);
    gateway.delete(ALIAS, &named("topic1")).await.refused(404);
    assert_eq!(gateway.delete(ACCOUNT, &named("partner-user")).await.status, 204);
    gateway.delete(ACCOUNT, &named("partner-user")).await.refused(404);
    gateway
        .get("/gateway/v2/virtual-cluster/other")
        .await
        .refused(404);
    gateway
        .delete("/gateway/v2/virtual-cluster/other", &Value::Null)
        .await
        .refused(404);
    gateway
        .delete("/gateway/v2/virtual-cluster/passthrough", &Value::Null)
        .await
        .refused(404);
    assert_eq!(gateway.get(ALIAS).await.ok(), json!([]));
    gateway.delete(one, &Value::Null).await.refused(409);
    assert_eq!(gateway.delete(ACCOUNT, &named("super-user")).await.status, 204);
    assert_eq!(gateway.delete(one, &Value::Null).await.status, 204);
    assert_eq!(gateway.get(VCLUSTER).await.ok(), json!([]));
}

#[actix_web::test]
async fn dry_mode_changes_nothing() {
    let gateway = Gateway::walkthrough().await;
    let before = gateway.states.borrow().clone();
    let dry = |path: &str| format!("{path}?dryMode=true");
    let mut other = partner();
    other["metadata"]["name"] = json!("other");
    let reply = gateway.put(&dry(VCLUSTER), &other).await.ok();
    assert_eq!(reply["upsertResult"], "CREATED");
    assert_eq!(
        reply["resource"]["spec"]["bootstrapServers"], "localhost:6970,gw2:7101",
        "as it would be"
    );
    assert_eq!(
        gateway
            .put(&dry(ALIAS), &alias("topic2", "internal-2"))
            .await
            .ok()["upsertResult"],
        "CREATED"
    );
    gateway
        .put(&dry(ALIAS), &alias("topic2", "internal-topic-name1"))
        .await
        .refused(409);
    gateway
        .put(&dry(ALIAS), &alias("topic2", "missing"))
        .await
        .refused(404);
    gateway
        .delete(&dry("/gateway/v2/virtual-cluster/mypartner"), &Value::Null)
        .await
        .refused(409);
    let named = json!({ "name": "topic1", "vCluster": "mypartner" });
    assert_eq!(gateway.delete(&dry(ALIAS), &named).await.status, 204);
    let wanted = json!({ "username": "partner-user", "vCluster": "mypartner", "lifeTimeSeconds": 1 });
    assert_eq!(
        gateway.admin(Method::POST, &dry(TOKEN), &wanted).await.ok(),
        json!({ "token": "" })
    );
    assert_eq!(*gateway.states.borrow(), before);
}

#[actix_web::test]
async fn an_alias_needs_a_physical_topic_on_the_right_cluster() {
    let gateway = Gateway::walkthrough().await;
    let refused = gateway
        .put(ALIAS, &alias("topic2", "no-such-topic"))
        .await
        .refused(404);
    assert!(
        refused.contains("no-such-topic does not exist on the physical cluster clusterA"),
        "{refused}"
    );
    let mut elsewhere = alias("topic2", "internal-2");
    elsewhere["spec"]["physicalCluster"] = json!("clusterX");
    let refused = gateway.put(ALIAS, &elsewhere).await.refused(409);
    assert!(
        refused.contains("clusterX is not configured: the configured ones are clusterA, main"),
        "{refused}"
    );
    elsewhere["spec"]["physicalCluster"] = json!("CLUSTERa");
    assert_eq!(
        gateway.put(ALIAS, &elsewhere).await.ok()["upsertResult"],
        "CREATED",
        "ids compare without case"
    );
    let refused = gateway
        .put(ALIAS, &alias("again", "internal-topic-name1"))
        .await
        .refused(409);
    assert!(refused.contains("is already shown as topic1"), "{refused}");
    let mut nowhere = alias("topic3", "internal-3");
    nowhere["metadata"]["vCluster"] = json!("other");
    gateway.put(ALIAS, &nowhere).await.refused(404);

    *gateway.upstream_failure.lock().unwrap() = Some(CannotAsk("no broker answers".to_owned()));
    let refused = gateway
        .put(ALIAS, &alias("topic4", "internal-4"))
        .await
        .refused(503);
    assert!(refused.contains("no broker answers"), "{refused}");
    let known = gateway
        .put(ALIAS, &alias("topic1", "internal-topic-name1"))
        .await
        .ok();
    assert_eq!(
        known["upsertResult"], "NOT_CHANGED",
        "what is there needs no upstream"
    );
}

#[actix_web::test]
async fn lists_are_filtered() {
    let gateway = Gateway::walkthrough().await;
    let count = async |path: &str| gateway.get(path).await.ok().as_array().expect("a list").len();
    assert_eq!(count("/gateway/v2/service-account").await, 2);
    assert_eq!(
        count("/gateway/v2/service-account?vcluster=mypartner&name=super-user").await,
        1
    );
    assert_eq!(
        count("/gateway/v2/service-account?type=LOCAL&showDefaults=true").await,
        2
    );
    assert_eq!(count("/gateway/v2/service-account?type=EXTERNAL").await, 0);
    assert_eq!(count("/gateway/v2/alias-topic?name=topic1").await, 1);
    assert_eq!(count("/gateway/v2/alias-topic?name=topic2").await, 0);
    gateway
        .get("/gateway/v2/alias-topic?vcluster=other")
        .await
        .refused(404);
    gateway
        .get("/gateway/v2/alias-topic?vCluster=mypartner")
        .await
        .refused(400);
    gateway
        .put("/gateway/v2/virtual-cluster?dryRun=true", &partner())
        .await
        .refused(400);
}

#[actix_web::test]
async fn tokens_are_for_accounts_that_exist() {
    let gateway = Gateway::walkthrough().await;
    let ask = async |username: &str, vcluster: &str, seconds: i64| {
        let wanted = json!({ "username": username, "vCluster": vcluster, "lifeTimeSeconds": seconds });
        gateway.admin(Method::POST, TOKEN, &wanted).await
    };
    for seconds in [1, 100_000_000, 2_147_483_647] {
        ask("super-user", "mypartner", seconds).await.ok();
    }
    for seconds in [0, -1, 2_147_483_648] {
        ask("super-user", "mypartner", seconds).await.refused(400);
    }
    ask("nobody", "mypartner", 1).await.refused(404);
    ask("super-user", "other", 1).await.refused(404);
    ask(" x", "mypartner", 1).await.refused(400);
}

#[actix_web::test]
async fn users_and_roles() {
    let gateway = Gateway::walkthrough().await;
    let body = partner().to_string();
    for user in [None, Some("admin:wrong"), Some("nobody:conduktor"), Some("")] {
        for (method, path) in [
            (Method::GET, VCLUSTER),
            (Method::PUT, VCLUSTER),
            (Method::POST, TOKEN),
        ] {
            gateway.send(user, method, path, &body).await.refused(401);
        }
    }
    let eye = Some("eye:conduktor");
    assert_eq!(gateway.send(eye, Method::GET, VCLUSTER, "").await.status, 200);
    assert_eq!(
        gateway
            .send(eye, Method::GET, "/gateway/v2/cluster", "")
            .await
            .status,
        200
    );
    for (method, path) in [
        (Method::PUT, VCLUSTER),
        (Method::DELETE, "/gateway/v2/virtual-cluster/mypartner"),
        (Method::PUT, ALIAS),
        (Method::DELETE, ALIAS),
        (Method::PUT, ACCOUNT),
        (Method::DELETE, ACCOUNT),
        (Method::POST, TOKEN),
    ] {
        gateway.send(eye, method, path, &body).await.refused(403);
    }
}

#[actix_web::test]
async fn bodies_that_cannot_be_read() {
    let gateway = Gateway::new();
    let put = async |body: &str| {
        gateway
            .send(Some("admin:conduktor"), Method::PUT, VCLUSTER, body)
            .await
    };
    let refused = put("{\n  \"kind\": VirtualCluster }").await.refused(400);
    assert!(refused.contains("line 2 column 11"), "{refused}");
    let refused = put(r#"{"kind":"VirtualCluster"}"#).await.refused(400);
    assert!(refused.contains("the field apiVersion is missing"), "{refused}");
    put("").await.refused(400);
    put(&format!("\"{}\"", "x".repeat(2 << 20))).await.refused(413);
    let mut wrong = account("a");
    gateway.put(ACCOUNT, &wrong).await.refused(400);
    wrong["metadata"]["name"] = json!("partner-user");
    wrong["spec"]["type"] = json!("EXTERNAL");
    let refused = gateway.put(ACCOUNT, &wrong).await.refused(400);
    assert!(
        refused.contains("spec.externalNames must list 1 to 100 names"),
        "{refused}"
    );
}

#[actix_web::test]
async fn what_the_operator_did_not_configure_is_refused_by_name() {
    let gateway = Gateway::new();
    let mut cluster = partner();
    let method = |provider: &str| json!([{ "type": "oauth_bearer", "provider": provider }]);
    cluster["spec"]["authentication"] = method("corporat");
    let refused = gateway.put(VCLUSTER, &cluster).await.refused(409);
    assert!(refused.contains("the configured ones are corporate"), "{refused}");
    cluster["spec"]["authentication"] = method("corporate");
    gateway.put(VCLUSTER, &cluster).await.ok();

    let mut account = account("partner-user");
    account["spec"]["upstreamCredentials"] = json!("bill");
    let refused = gateway.put(ACCOUNT, &account).await.refused(409);
    assert!(refused.contains("the configured ones are billing"), "{refused}");
    account["spec"]["upstreamCredentials"] = json!("billing");
    gateway.put(ACCOUNT, &account).await.ok();
    let shown = gateway.get("/gateway/v2/service-account").await.ok();
    assert_eq!(shown[0]["spec"]["upstreamCredentials"], "billing");
}

#[actix_web::test]
async fn a_cluster_without_leader_is_unavailable() {
    let gateway = Gateway::new();
    *gateway.failure.lock().unwrap() = Some(ProposeError::NoLeader {
        after: Duration::from_secs(5),
    });
    let refused = gateway.put(VCLUSTER, &partner()).await.refused(503);
    assert!(
        refused.contains("a majority of the nodes must be up"),
        "{refused}"
    );
}

/// A list that is not the newest, a 404 for what another node was told is there, a dry run on an old state: all of them
/// are answers that must not be given.
#[actix_web::test]
async fn a_node_that_may_be_behind_tells_nothing_as_the_truth() {
    let gateway = Gateway::new();
    gateway.put(VCLUSTER, &partner()).await.ok();
    *gateway.alone.lock().unwrap() = Some(ConfirmError::NoLeader {
        after: Duration::from_secs(4),
    });
    let event_gateway = "/v1/event-gateways/default/virtual-clusters";
    let lists = [
        VCLUSTER,
        "/gateway/v2/virtual-cluster/mypartner",
        "/gateway/v2/virtual-cluster/nobody",
        "/gateway/v2/virtual-cluster/mypartner/topics",
        "/gateway/v2/alias-topic",
        "/gateway/v2/service-account",
        "/gateway/v2/service-account?vcluster=nobody",
        "/gateway/v2/token",
        "/gateway/v2/access-token",
        "/gateway/v2/scram-credential",
        event_gateway,
    ];
    for path in lists {
        let refused = gateway.admin(Method::GET, path, &Value::Null).await.refused(503);
        assert!(
            refused.contains("cannot confirm that it is up to date"),
            "{path}: {refused}"
        );
    }
    let token = json!({"vCluster": "nobody", "username": "nobody", "lifeTimeSeconds": 60});
    gateway
        .admin(Method::POST, "/gateway/v2/token", &token)
        .await
        .refused(503);
    let none = format!("{event_gateway}/nobody");
    gateway
        .admin(Method::DELETE, &none, &Value::Null)
        .await
        .refused(503);
    let dry = format!("{VCLUSTER}?dryMode=true");
    gateway.admin(Method::PUT, &dry, &partner()).await.refused(503);
    // What is said of this node alone needs nobody else.
    for path in ["/gateway/v2/cluster", "/health/ready", "/metrics"] {
        assert_eq!(
            gateway.admin(Method::GET, path, &Value::Null).await.status,
            200,
            "{path}"
        );
    }
}

#[actix_web::test]
async fn a_kafka_cluster_that_was_built_anew_is_accepted_when_it_answers() {
    let gateway = Gateway::new();
    let accept = async |cluster: &str, id: &str, more: &str| {
        let path = format!("/gateway/v2/cluster/accept-kafka-cluster{more}");
        let body = json!({"physicalCluster": cluster, "kafkaClusterId": id, "instead": "old"});
        gateway.admin(Method::POST, &path, &body).await
    };
    assert!(
        accept("clusterA", "new", "")
            .await
            .refused(409)
            .contains("has never been seen")
    );
    assert!(
        accept("nowhere", "new", "")
            .await
            .refused(409)
            .contains("is not configured")
    );
    gateway.put(VCLUSTER, &partner()).await.ok();
    gateway
        .put(ALIAS, &alias("topic1", "internal-topic-name1"))
        .await
        .ok();
    gateway.apply(Command::PinCluster {
        cluster: "clusterA".parse().unwrap(),
        kafka_cluster_id: "old".to_owned(),
    });
    assert!(
        accept("clusterA", "new", "")
            .await
            .refused(409)
            .contains("no other Kafka cluster answers")
    );
    gateway.here.lock().unwrap().physical_clusters = vec![PhysicalView {
        name: "clusterA".to_owned(),
        state: PhysicalState::OtherCluster,
        kafka_cluster_id: Some("old".to_owned()),
        answers: Some("new".to_owned()),
    }];
    assert!(
        accept("clusterA", "typo", "")
            .await
            .refused(409)
            .contains("is new, not typo")
    );
    let pinned = || {
        let state = gateway.states.borrow();
        let mark = state.vclusters["mypartner"].mark.clone();
        let id = &state.pinned_clusters[&"clusterA".parse::<ClusterId>().unwrap()].kafka_cluster_id;
        (id.clone(), mark.map(|mark| mark.number))
    };
    let before = pinned();
    let dry = accept("clusterA", "new", "?dryMode=true").await.ok();
    assert_eq!(
        (&dry["upsertResult"], &dry["instead"]),
        (&json!("UPDATED"), &json!("old"))
    );
    assert_eq!(
        dry["virtualClusters"],
        json!([{"name": "mypartner", "isHome": true, "aliasTopics": 1}])
    );
    assert!(dry["consequences"].as_array().is_some_and(|all| all.len() > 3));
    assert_eq!(pinned(), before, "a dry run changes nothing");
    accept("clusterA", "new", "").await.ok();
    let (id, mark) = pinned();
    assert_eq!(id, "new");
    assert!(
        mark > before.1 && before.1.is_some(),
        "producer ids are marked otherwise"
    );
    assert_eq!(
        accept("clusterA", "new", "").await.ok()["upsertResult"],
        "NOT_CHANGED"
    );
    let ready = gateway.get("/health/ready").await.ok();
    assert!(
        ready["warnings"][0]
            .as_str()
            .is_some_and(|text| text.contains("accept-kafka-cluster clusterA"))
    );
}

#[actix_web::test]
async fn operations_need_no_login() {
    let gateway = Gateway::new();
    let get = async |path: &str| gateway.send(None, Method::GET, path, "").await;
    assert_eq!(get("/health/live").await.status, 200);
    assert_eq!(get("/health/ready").await.ok(), json!({ "status": "READY" }));
    *gateway.unready.lock().unwrap() = vec![Unready::NoLeader, Unready::Draining];
    let reply = get("/health/ready").await;
    assert_eq!(
        (reply.status, reply.json()),
        (
            503,
            json!({
                "status": "NOTREADY",
                "reasons": ["no leader of the gateway cluster is known", "this node is stopping"],
            })
        )
    );
    assert_eq!(
        get("/versions").await.ok(),
        json!({ "gateway": env!("CARGO_PKG_VERSION") })
    );
    assert_eq!(get("/metrics").await.body, "klamm_up 1\n");
}

#[actix_web::test]
async fn what_the_gateway_is_is_shown_to_users_only_where_others_reach_it() {
    let gateway = Gateway::new();
    *gateway.audience.lock().unwrap() = Audience::Users;
    for path in ["/metrics", "/versions", "/gateway/v2/docs"] {
        let get = async |user| gateway.send(user, Method::GET, path, "").await;
        get(None).await.refused(401);
        get(Some("eye:wrong")).await.refused(401);
        assert_eq!(get(Some("eye:conduktor")).await.status, 200, "{path}");
    }
    let health = async |user| {
        gateway
            .send(user, Method::GET, "/health", "")
            .await
            .ok()
            .to_string()
    };
    assert!(!health(None).await.contains("version"));
    assert!(health(Some("eye:conduktor")).await.contains("klamm-"));
    for path in ["/health/live", "/health/ready"] {
        assert_eq!(
            gateway.send(None, Method::GET, path, "").await.status,
            200,
            "{path}"
        );
    }
}

#[actix_web::test]
async fn a_variable_of_the_node_that_is_not_meant_for_resources_stays_unknown() {
    let gateway = Gateway::new();
    let with = |name: &str| {
        let mut resource = partner();
        resource["spec"]["authentication"] = json!([{ "type": "sasl_plain", "mediation": "terminate", "principals": [
            { "username": "shop", "password": format!("${{env['{name}']}}") },
        ] }]);
        resource
    };
    let refused = gateway.put(VCLUSTER, &with("PATH")).await.refused(400);
    assert!(
        refused.contains("PATH, which resources may not name") && refused.contains("klamm.env.allow"),
        "{refused}"
    );
    gateway.put(VCLUSTER, &with("KLAMM_SECRET_SHOP")).await.ok();
}

#[actix_web::test]
async fn the_cluster_as_this_node_sees_it() {
    let gateway = Gateway::new();
    let view: ClusterView =
        serde_json::from_value(gateway.get("/gateway/v2/cluster").await.ok()).expect("a view");
    assert_eq!((view.node_id, view.leader, view.term), (1, Some(2), 4));
    let nodes: Vec<_> = view
        .nodes
        .iter()
        .map(|n| (n.id, n.applied, n.silent_for_ms, n.liveness))
        .collect();
    assert_eq!(
        nodes,
        [
            (1, Some(7), None, LivenessView::Up),
            (2, Some(6), Some(12), LivenessView::Up)
        ]
    );
}

#[actix_web::test]
async fn the_description_has_every_route_and_no_other() {
    let gateway = Gateway::new();
    let document = gateway.send(None, Method::GET, "/gateway/v2/docs", "").await.ok();
    let paths = document["paths"].as_object().expect("paths");
    let methods = [
        Method::GET,
        Method::PUT,
        Method::POST,
        Method::PATCH,
        Method::DELETE,
    ];
    for (path, operations) in paths {
        let path = path
            .replace("{vCluster}", "mypartner")
            .replace("{id}", "mypartner")
            .replace("{gatewayId}", "default")
            .replace("{virtualClusterId}", "mypartner")
            .replace("{name}", "any")
            .replace("{backendClusterId}", "any")
            .replace("{listenerId}", "any")
            .replace("{policyId}", "any");
        for method in &methods {
            let reply = gateway.send(None, method.clone(), &path, "").await;
            let served = reply.status != StatusCode::METHOD_NOT_ALLOWED.as_u16();
            let described = operations.get(method.as_str().to_lowercase()).is_some();
            assert_eq!(served, described, "{method} {path}: {}", reply.status);
        }
    }
    // Every reference leads somewhere.
    let text = document.to_string();
    for name in text
        .split("#/components/schemas/")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
    {
        assert!(document["components"]["schemas"][name].is_object(), "{name}");
    }
    gateway
        .send(None, Method::GET, "/gateway/v2/nothing", "")
        .await
        .refused(404);
}

#[actix_web::test]
async fn the_passthrough_is_meant_where_no_virtual_cluster_is_named_and_stays_as_it_is() {
    let gateway = Gateway::new().with_passthrough();
    let shown = gateway.get(VCLUSTER).await.ok();
    assert_eq!(shown[0]["metadata"]["name"], PASSTHROUGH);
    assert_eq!(shown[0]["spec"]["type"], "Passthrough");
    assert_eq!(shown[0]["spec"]["aclEnabled"], false);

    let account = json!({
        "kind": "GatewayServiceAccount", "apiVersion": "gateway/v2",
        "metadata": { "name": "operator" }, "spec": { "type": "LOCAL" },
    });
    let made = gateway.put(ACCOUNT, &account).await.ok();
    assert_eq!(made["resource"]["metadata"]["vCluster"], PASSTHROUGH);
    let wanted = json!({ "username": "operator", "lifeTimeSeconds": 60 });
    let token = gateway.admin(Method::POST, TOKEN, &wanted).await.ok();
    assert!(!token["token"].as_str().unwrap_or_default().is_empty());

    let path = "/gateway/v2/virtual-cluster/passthrough";
    gateway.delete(path, &Value::Null).await.refused(409);
    let mut spec = partner();
    spec["metadata"]["name"] = json!(PASSTHROUGH);
    let refused = gateway.put(VCLUSTER, &spec).await.refused(400);
    assert!(refused.contains("built in"), "{refused}");
    // What is shown can be put back, and nothing else.
    let mut shown = gateway.get(path).await.ok();
    assert_eq!(
        gateway.put(VCLUSTER, &shown).await.ok()["upsertResult"],
        "NOT_CHANGED"
    );
    shown["spec"]["aclEnabled"] = json!(true);
    let refused = gateway.put(VCLUSTER, &shown).await.refused(400);
    assert!(refused.contains("GATEWAY_ACL_ENABLED"), "{refused}");
    let mut own = alias("topic1", "internal-1");
    own["metadata"].as_object_mut().unwrap().remove("vCluster");
    gateway.put(ALIAS, &own).await.refused(409);
}

#[actix_web::test]
async fn operators_see_what_topics_stand_for_and_what_a_change_would_show() {
    let gateway = Gateway::new();
    let standard = |namespace: Value| {
        json!({
            "kind": "VirtualCluster", "apiVersion": "gateway/v2", "metadata": {"name": "dev"},
            "spec": {"type": "Standard", "aclEnabled": false, "namespace": namespace},
        })
    };
    let put = standard(json!({"mode": "hide_prefix", "prefix": "dev-"}));
    let dry = gateway.put(&format!("{VCLUSTER}?dryMode=true"), &put).await.ok();
    assert_eq!(
        dry["topics"],
        json!({"appear": ["bills", "orders"], "vanish": []})
    );
    gateway.put(VCLUSTER, &put).await.ok();
    let topics = gateway.get("/gateway/v2/virtual-cluster/dev/topics").await.ok();
    assert_eq!(
        topics[1],
        json!({
            "name": "orders", "physicalCluster": "main", "physicalName": "dev-orders",
            "owned": true, "exists": true, "partitions": 3,
        })
    );
    let other =
        standard(json!({"mode": "enforce_prefix", "prefix": "dev-b", "additional": {"topics": ["shared"]}}));
    let dry = gateway
        .put(&format!("{VCLUSTER}?dryMode=true"), &other)
        .await
        .ok();
    assert_eq!(
        dry["topics"],
        json!({"appear": ["dev-bills", "shared"], "vanish": ["bills", "orders"]})
    );
    let topics = gateway
        .get("/gateway/v2/virtual-cluster/dev/topics?name=bills")
        .await
        .ok();
    assert_eq!(topics.as_array().map(Vec::len), Some(1));
    gateway
        .get("/gateway/v2/virtual-cluster/none/topics")
        .await
        .refused(404);
}

fn provider() -> ProviderFacts {
    ProviderFacts {
        issuer: "https://idp".to_owned(),
        keys: "https://idp/keys".to_owned(),
    }
}
