//! The upstream side against real Kafka: plain, with a SASL login, and over TLS with a certificate. It knows no gateway.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, OnceLock};

use actix::prelude::*;
use klamm::address::HostPort;
use klamm::backend::config::{
    AnonymousClients, BackendConfig, ClientIdentity, HostCheck, PlainLogin, Security, TlsConfig,
    UpstreamLogin,
};
use klamm::backend::watcher::picture;
use klamm::backend::{
    DescribeTopic, Dialer, Lane, Lease, LeaseError, LoginAs, LookNow, Picture, Pool, Reach, Return,
};
use klamm::backend::{Track, Tracked, Watcher};
use klamm::metrics::{Metrics, UpstreamFault, UpstreamMetrics};
use klamm::quickstart::ports::PortBlock;
use klamm::secret::Secret;
use klamm::tls::Trust;
use klamm_raft::model::TopicName;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/kafka/kafka.sh");
const TOPIC: &str = "backend-test";
const PARTITIONS: u32 = 3;

/// A broker with three listeners, for all tests of this file. It ends with this process, whose end closes its input.
struct Kafka {
    _guardian: Child,
    _ports: PortBlock,
    plain: u16,
    sasl: u16,
    /// Whoever shows no certificate is sent away there.
    ssl: u16,
    certificates: Certificates,
}

fn kafka() -> &'static Kafka {
    static KAFKA: OnceLock<Kafka> = OnceLock::new();
    KAFKA.get_or_init(Kafka::start)
}

impl Kafka {
    fn start() -> Self {
        let ports = PortBlock::take().unwrap();
        let (plain, sasl, ssl) = (ports.port(0), ports.port(2), ports.port(4));
        let certificates = Certificates::new();
        let directory = tempfile::tempdir().unwrap();
        let pem_file = directory.path().join("broker.pem");
        std::fs::write(&pem_file, &certificates.broker).unwrap();
        let authority_file = directory.path().join("authority.pem");
        std::fs::write(&authority_file, &certificates.authority).unwrap();
        let mut guardian = Command::new(SCRIPT)
            .args([
                "run",
                "backend-test",
                &plain.to_string(),
                "--sasl",
                &sasl.to_string(),
            ])
            .args(["--ssl", &ssl.to_string(), pem_file.to_str().unwrap()])
            .args(["--set", "ssl.client.auth=required"])
            .args(["--set", "ssl.truststore.type=PEM"])
            .args([
                "--set",
                &format!("ssl.truststore.location={}", authority_file.display()),
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        BufReader::new(guardian.stdout.take().unwrap())
            .read_line(&mut said)
            .unwrap();
        assert!(said.starts_with("ready"), "Kafka did not start: {said:?}");
        let status = Command::new(SCRIPT)
            .args(["tool", "kafka-topics", "--create", "--topic", TOPIC])
            .args(["--partitions", &PARTITIONS.to_string()])
            .args(["--bootstrap-server", &format!("127.0.0.1:{plain}")])
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(status.success());
        Self {
            _guardian: guardian,
            _ports: ports,
            plain,
            sasl,
            ssl,
            certificates,
        }
    }
}

/// TLS that trusts this authority, as somebody.
fn tls(authority: &str, identity: Option<ClientIdentity>) -> Security {
    Security::Tls(TlsConfig {
        trust: Trust::Pem(authority.to_owned()),
        identity,
        host_check: HostCheck::Https,
    })
}

/// An authority, and who has certificates of it.
struct Certificates {
    authority: String,
    /// Key and certificate.
    broker: String,
    gateway: ClientIdentity,
}

impl Certificates {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let issue = |name: &str| {
            let key = KeyPair::generate().unwrap();
            let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
            let certificate = params.signed_by(&key, &authority).unwrap();
            (key.serialize_pem(), certificate.pem())
        };
        let (key, chain_pem) = issue("gateway");
        Self {
            authority: authority.pem(),
            broker: <[String; 2]>::from(issue("127.0.0.1")).concat(),
            gateway: ClientIdentity {
                chain_pem,
                key_pem: Secret::new(key),
            },
        }
    }
}

/// A watcher and a pool for one listener.
struct Bench {
    watcher: Addr<Watcher>,
    picture: Picture,
    pool: Addr<Pool>,
    metrics: Arc<UpstreamMetrics>,
}

fn bench(port: u16, security: Security, password: Option<&str>) -> Bench {
    let id = "main".parse().unwrap();
    let metrics = Metrics::new().unwrap().upstream(&id);
    let bootstrap: HostPort = format!("127.0.0.1:{port}").parse().unwrap();
    let config = BackendConfig {
        id,
        bootstrap: vec![bootstrap],
        security,
        login: password.map(|password| {
            UpstreamLogin::Plain(PlainLogin {
                username: "gateway".to_owned(),
                password: Secret::new(password),
            })
        }),
        credentials: BTreeMap::new(),
        anonymous: AnonymousClients::Refused,
        stands_in_for: None,
    };
    let dialer = Arc::new(Dialer::new(config, Vec::new(), Arc::clone(&metrics)).unwrap());
    let (publisher, picture) = picture();
    Bench {
        watcher: Watcher::new(Arc::clone(&dialer), publisher).start(),
        pool: Pool::new(dialer, picture.topology.clone()).start(),
        picture,
        metrics,
    }
}

impl Bench {
    async fn lease(&self, broker: Option<i32>) -> Result<Lane, LeaseError> {
        let login = LoginAs::Gateway;
        self.pool.send(Lease { broker, login }).await.unwrap()
    }

    /// Everything that a session and the admin API need of a cluster that is in order.
    async fn check_all_works(&self, port: u16) {
        let name: TopicName = TOPIC.parse().unwrap();
        let topics = BTreeSet::from([name.clone()]);
        self.watcher
            .send(Track {
                topics: Tracked::Those(Arc::new(topics)),
            })
            .await
            .unwrap()
            .unwrap();
        let topology = self.picture.topology.borrow().clone().unwrap();
        assert_eq!(topology.kafka_cluster_id.len(), 22);
        assert_eq!(topology.brokers[&1].address().port, port);
        let (_, newest_fetch) = topology.apis.0[&1];
        assert!(newest_fetch >= 17, "Fetch {newest_fetch}");
        let finalized = &topology.features.finalized;
        assert!(
            finalized.iter().any(|(name, ..)| name == "metadata.version"),
            "{finalized:?}"
        );
        assert_eq!(topology.topics[&name].partitions, PARTITIONS);
        assert_ne!(topology.topics[&name].id, [0; 16]);
        let described = self
            .watcher
            .send(DescribeTopic { name: name.clone() })
            .await
            .unwrap();
        assert_eq!(described.unwrap(), Some(topology.topics[&name]));
        let name = "no-such-topic".parse().unwrap();
        assert_eq!(
            self.watcher.send(DescribeTopic { name }).await.unwrap().unwrap(),
            None
        );

        let lane = self.lease(Some(1)).await.unwrap();
        let dials = self.metrics.dials.get();
        self.pool
            .send(Return {
                lane: ask(lane).await,
            })
            .await
            .unwrap();
        ask(self.lease(None).await.unwrap()).await;
        assert_eq!(self.metrics.dials.get(), dials);
    }
}

/// Sends ApiVersions 0 over the lane and reads the whole answer.
async fn ask(mut lane: Lane) -> Lane {
    let (api_key, version, correlation, no_client_id) = (18_i16, 0_i16, 99_i32, -1_i16);
    let mut frame = 10_i32.to_be_bytes().to_vec();
    for part in [
        &api_key.to_be_bytes()[..],
        &version.to_be_bytes(),
        &correlation.to_be_bytes(),
    ] {
        frame.extend_from_slice(part);
    }
    frame.extend_from_slice(&no_client_id.to_be_bytes());
    lane.write_all(&frame).await.unwrap();
    lane.flush().await.unwrap();
    let mut answer = vec![0; lane.read_u32().await.unwrap() as usize];
    lane.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer[..4], correlation.to_be_bytes());
    lane
}

#[actix::test]
async fn a_plain_listener_is_used_without_login() {
    let kafka = kafka();
    bench(kafka.plain, Security::Plaintext, None)
        .check_all_works(kafka.plain)
        .await;
}

#[actix::test]
async fn a_sasl_listener_takes_the_right_password() {
    let kafka = kafka();
    bench(kafka.sasl, Security::Plaintext, Some("gateway-secret"))
        .check_all_works(kafka.sasl)
        .await;
}

#[actix::test]
async fn a_wrong_password_is_named_as_a_refused_login() {
    let bench = bench(kafka().sasl, Security::Plaintext, Some("wrong"));
    let outcome = bench.lease(None).await;
    assert_eq!(
        outcome.as_ref().map_err(LeaseError::kind).err(),
        Some(UpstreamFault::LoginRefused),
        "{outcome:?}"
    );
    bench.watcher.send(LookNow).await.unwrap().unwrap_err();
    assert_eq!(
        *bench.picture.reach.borrow(),
        Reach::Unreachable(UpstreamFault::LoginRefused)
    );
}

#[actix::test]
async fn a_tls_listener_is_trusted_by_its_authority_only() {
    let kafka = kafka();
    let Certificates {
        authority, gateway, ..
    } = &kafka.certificates;
    bench(kafka.ssl, tls(authority, Some(gateway.clone())), None)
        .check_all_works(kafka.ssl)
        .await;
    let other = Certificates::new();
    let bench = bench(kafka.ssl, tls(&other.authority, Some(gateway.clone())), None);
    let outcome = bench.lease(None).await;
    assert_eq!(
        outcome.as_ref().map_err(LeaseError::kind).err(),
        Some(UpstreamFault::Tls),
        "{outcome:?}"
    );
}

#[actix::test]
async fn a_listener_that_demands_a_certificate_takes_the_right_one_only() {
    let kafka = kafka();
    let authority = &kafka.certificates.authority;
    for identity in [None, Some(Certificates::new().gateway)] {
        let outcome = bench(kafka.ssl, tls(authority, identity), None).lease(None).await;
        assert!(matches!(outcome, Err(LeaseError::Dial(_))), "{outcome:?}");
    }
}
