//! Tests of the guards before sessions: TLS, names that lead to virtual clusters, load balancers, and who is turned away.

use std::io;

use rustls::ClientConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::*;
use crate::listener::networks::Networks;
use crate::stream::Stream;
use crate::tls::testing::{Authority, Leaf, files};
use crate::tls::{ClientCertificates, Latest, TlsFiles};

const DOMAIN: &str = "kafka.example.com";

/// An authority, and files of a certificate that it made for all names of the domain.
struct Pki {
    directory: tempfile::TempDir,
    authority: Authority,
}

impl Pki {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            authority: Authority::new("authority"),
        }
    }

    fn files(&self) -> TlsFiles {
        let leaf = self.authority.leaf("gateway", &["*.kafka.example.com"]);
        files(vec![leaf.write(self.directory.path(), "gateway")])
    }

    /// With certificates of clients that the same authority made.
    fn mutual(&self, demand: fn(std::path::PathBuf) -> ClientCertificates) -> TlsFiles {
        let path = self.directory.path().join("ca.pem");
        std::fs::write(&path, &self.authority.pem).unwrap();
        TlsFiles {
            clients: demand(path),
            ..self.files()
        }
    }

    /// A client that trusts the authority and shows `identity`.
    fn client(&self, identity: Option<&Leaf>) -> ClientConfig {
        let mut roots = rustls::RootCertStore::empty();
        let authority = CertificateDer::from_pem_slice(self.authority.pem.as_bytes()).unwrap();
        roots.add(authority).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        match identity {
            None => builder.with_no_client_auth(),
            Some(leaf) => {
                let chain = vec![CertificateDer::from_pem_slice(leaf.chain.as_bytes()).unwrap()];
                let key = PrivateKeyDer::from_pem_slice(leaf.key.as_bytes()).unwrap();
                builder.with_client_auth_cert(chain, key).unwrap()
            }
        }
    }

    /// Shakes hands as such a client that asks for `name`.
    async fn connect(&self, socket: TcpStream, name: &str, identity: Option<&Leaf>) -> io::Result<Client> {
        let config = self.client(identity);
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let stream = TlsConnector::from(Arc::new(config)).connect(name, socket).await?;
        Ok(Client {
            socket: Stream::Tls(Box::new(stream.into())),
        })
    }
}

fn guard(tls: Option<TlsFiles>, proxies: Option<&str>) -> ListenerGuard {
    ListenerGuard {
        tls: tls.map(|files| Latest::load(files).unwrap()),
        proxies: proxies.map(|network| Networks(vec![network.parse().unwrap()])),
    }
}

impl Bench {
    async fn dial(&self) -> TcpStream {
        TcpStream::connect(self.address(0)).await.unwrap()
    }

    /// Waits until a connection was turned away for this reason.
    async fn expect_turned_away(&self, reason: &str) {
        let line = format!("klamm_connections_turned_away_total{{reason=\"{reason}\"}} 1");
        for _ in 0..500 {
            if self.gateway.metrics.encode().unwrap().contains(&line) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("nobody was turned away for {reason}");
    }

    /// Sends bytes, is turned away for this reason, and the connection is closed.
    async fn refuses(&self, bytes: &[u8], reason: &str) {
        let mut socket = self.dial().await;
        socket.write_all(bytes).await.unwrap();
        self.expect_turned_away(reason).await;
        // Bytes that nobody read make it a reset.
        let mut rest = Vec::new();
        let _ = socket.read_to_end(&mut rest).await;
    }
}

#[actix::test]
async fn a_session_over_tls_is_a_session() {
    let pki = Pki::new();
    let bench = Bench::with(Limits::default(), guard(Some(pki.files()), None), None).await;
    bench.serve(&[0]).await;
    let mut client = pki
        .connect(bench.dial().await, "a.kafka.example.com", None)
        .await
        .unwrap();
    client.log_in("alice", &bench.gateway.token()).await;
    client
        .send(&crate::session::testing::request(18, 0, 9, b""))
        .await;
    assert_eq!(client.receive_id().await, Some(9));
    bench.serve(&[]).await;
    assert_eq!(client.receive().await, None);
}

#[actix::test]
async fn names_lead_to_virtual_clusters_on_one_port() {
    let pki = Pki::new();
    let bench = Bench::with(Limits::default(), guard(Some(pki.files()), None), Some(DOMAIN)).await;
    let named = Opening {
        label: Some("team-a".parse().unwrap()),
        ..opening(&bench.gateway)
    };
    let doors = [(spot(0), named), (spot(1), opening(&bench.gateway))].into();
    bench.listener.send(serve(doors)).await.unwrap();

    let mut client = pki
        .connect(bench.dial().await, "Team-A.kafka.example.com", None)
        .await
        .unwrap();
    client.log_in("alice", &bench.gateway.token()).await;
    let other = pki
        .connect(bench.dial().await, "team-b.kafka.example.com", None)
        .await;
    assert!(other.is_err());
    bench.expect_turned_away("unknown_server_name").await;
    let nameless = pki.connect(bench.dial().await, "127.0.0.1", None).await;
    assert!(nameless.is_err());
    bench.expect_turned_away("no_server_name").await;
    assert!(!bench.is_open(1).await, "there is one port only");

    bench.serve(&[]).await;
    assert_eq!(client.receive().await, None);
}

/// The first byte of the answer to a client that asks for `name` with `.` for `,`. Rustls as a client leaves a final
/// dot out.
async fn answer_to(pki: &Pki, bench: &Bench, name: &str) -> u8 {
    let asked = ServerName::try_from(name.replace(',', "x")).unwrap();
    let mut client = rustls::ClientConnection::new(Arc::new(pki.client(None)), asked).unwrap();
    let mut hello = Vec::new();
    client.write_tls(&mut hello).unwrap();
    let (from, to) = (name.replace(',', "x"), name.replace(',', "."));
    let at = hello
        .windows(from.len())
        .position(|window| window == from.as_bytes());
    let at = at.expect("the name is in the hello");
    hello[at..at + to.len()].copy_from_slice(to.as_bytes());
    let mut socket = bench.dial().await;
    socket.write_all(&hello).await.unwrap();
    socket.read_u8().await.unwrap()
}

#[actix::test]
async fn a_name_may_end_with_the_dot_of_a_complete_name() {
    let pki = Pki::new();
    let bench = Bench::with(Limits::default(), guard(Some(pki.files()), None), Some(DOMAIN)).await;
    let named = Opening {
        label: Some("team-a".parse().unwrap()),
        ..opening(&bench.gateway)
    };
    bench
        .listener
        .send(serve([(spot(0), named)].into()))
        .await
        .unwrap();
    let (handshake, alert) = (0x16, 0x15);
    assert_eq!(
        answer_to(&pki, &bench, "team-a.kafka.example.com,").await,
        handshake
    );
    assert_eq!(answer_to(&pki, &bench, "team-b.kafka.example.com,").await, alert);
}

#[actix::test]
async fn who_speaks_something_else_is_told_apart() {
    let bench = Bench::with(Limits::default(), guard(Some(Pki::new().files()), None), None).await;
    bench.serve(&[0]).await;
    bench
        .refuses(&crate::session::testing::request(18, 0, 9, b""), "not_tls_kafka")
        .await;
    bench.refuses(b"GET / HTTP/1.1\r\n\r\n", "not_kafka_http").await;
    bench
        .refuses(b"\x16\x03\x01\x00\x02\x01\x00garbage", "tls_failed")
        .await;
    drop(bench.dial().await);
    bench.expect_turned_away("silent").await;
    assert_eq!(bench.census.all(), 0);
}

#[actix::test]
async fn a_handshake_must_come_in_time_and_holds_up_no_other() {
    let limits = Limits {
        handshake_timeout: Duration::from_secs(1),
        ..Limits::default()
    };
    let pki = Pki::new();
    let bench = Bench::with(limits, guard(Some(pki.files()), None), None).await;
    bench.serve(&[0]).await;
    let mut stalled = bench.dial().await;
    stalled.write_all(b"\x16").await.unwrap();
    for _ in 0..3 {
        let client = pki.connect(bench.dial().await, "a.kafka.example.com", None).await;
        client.unwrap().log_in("alice", &bench.gateway.token()).await;
    }
    bench.expect_turned_away("too_slow").await;
}

#[actix::test]
async fn certificates_of_clients_are_demanded_and_checked() {
    let pki = Pki::new();
    let files = pki.mutual(ClientCertificates::Required);
    let bench = Bench::with(Limits::default(), guard(Some(files), None), None).await;
    bench.serve(&[0]).await;
    let shows = |identity| pki.connect_later(&bench, identity);
    let good = pki.authority.leaf("writer", &[]);
    let mut client = shows(Some(&good)).await.unwrap();
    client.log_in("alice", &bench.gateway.token()).await;

    // In TLS 1.3 a client hears of it with its first answer.
    if let Ok(mut client) = shows(None).await {
        assert_eq!(client.receive().await, None);
    }
    bench.expect_turned_away("no_certificate").await;
    let stranger = Authority::new("another").leaf("writer", &[]);
    if let Ok(mut client) = shows(Some(&stranger)).await {
        assert_eq!(client.receive().await, None);
    }
    bench.expect_turned_away("bad_certificate").await;
}

impl Pki {
    async fn connect_later(&self, bench: &Bench, identity: Option<&Leaf>) -> io::Result<Client> {
        self.connect(bench.dial().await, "a.kafka.example.com", identity)
            .await
    }
}

/// A header of version 2 that names 192.0.2.7.
const HEADER: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x07\x0a\0\0\x01\xd4\x31\x1b\x39";

#[actix::test]
async fn the_client_behind_a_load_balancer_is_the_peer() {
    let bench = Bench::with(Limits::default(), guard(None, Some("127.0.0.0/8")), None).await;
    bench.serve(&[0]).await;
    let mut client = Client::connect(bench.address(0)).await;
    client.send(HEADER).await;
    client.log_in("alice", &bench.gateway.token()).await;

    bench
        .refuses(
            &crate::session::testing::request(18, 0, 9, b"xxxxxxx"),
            "proxy_header_missing",
        )
        .await;
    bench
        .refuses(b"PROXY TCP4 192.0.2.7 10.0.0.1 1 2\r\n", "proxy_header_version_1")
        .await;
    bench
        .refuses(
            &[&HEADER[..12], &[0x31, 0x11, 0, 12]].concat(),
            "proxy_header_malformed",
        )
        .await;
}

#[actix::test]
async fn seats_are_counted_by_the_clients_behind_a_load_balancer() {
    let limits = Limits {
        max_unauthenticated: 3,
        ..Limits::default()
    };
    let bench = Bench::with(limits, guard(None, Some("127.0.0.0/8")), None).await;
    bench.serve(&[0]).await;
    let mut other = HEADER.to_vec();
    other[19] += 1;
    let mut silent = Vec::new();
    for header in [&other, HEADER, HEADER] {
        let mut client = Client::connect(bench.address(0)).await;
        client.send(header).await;
        silent.push(client);
        let sessions = format!("klamm_sessions{{vcluster=\"partner1\"}} {}", silent.len());
        while !bench.gateway.metrics.encode().unwrap().contains(&sessions) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    let _newcomer = Client::connect(bench.address(0)).await;
    assert_eq!(
        silent[1].receive().await,
        None,
        "the older one of those that have two"
    );
    bench.gateway.expect_end("seat_given_away").await;
    assert_eq!(bench.gateway.ended("seat_given_away"), 1);
}

#[actix::test]
async fn a_seat_is_given_away_before_the_handshake_too() {
    let limits = Limits {
        max_unauthenticated: 1,
        ..Limits::default()
    };
    let pki = Pki::new();
    let bench = Bench::with(limits, guard(Some(pki.files()), None), None).await;
    bench.serve(&[0]).await;
    let mut silent = bench.dial().await;
    while bench.census.all() < 1 {
        tokio::task::yield_now().await;
    }
    let client = pki.connect_later(&bench, None).await;
    client.unwrap().log_in("alice", &bench.gateway.token()).await;
    bench.expect_turned_away("seat_given_away").await;
    assert_eq!(silent.read(&mut [0]).await.unwrap(), 0);
}

#[actix::test]
async fn a_load_balancer_may_stand_before_tls() {
    let pki = Pki::new();
    let bench = Bench::with(
        Limits::default(),
        guard(Some(pki.files()), Some("127.0.0.1")),
        None,
    )
    .await;
    bench.serve(&[0]).await;
    let mut socket = bench.dial().await;
    socket.write_all(HEADER).await.unwrap();
    let mut client = pki.connect(socket, "a.kafka.example.com", None).await.unwrap();
    client.log_in("alice", &bench.gateway.token()).await;
}

#[actix::test]
async fn who_is_no_trusted_load_balancer_is_turned_away() {
    let bench = Bench::with(Limits::default(), guard(None, Some("10.0.0.0/8")), None).await;
    bench.serve(&[0]).await;
    bench.refuses(HEADER, "untrusted_source").await;
}
