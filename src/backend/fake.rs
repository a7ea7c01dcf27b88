//! A broker for unit tests: a real socket on loopback, Kafka's framing, and answers as the test wants them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{
    ApiKey, ApiVersionsResponse, BrokerId, MetadataRequest, MetadataResponse, RequestHeader, ResponseHeader,
    SaslAuthenticateRequest, SaslAuthenticateResponse, SaslHandshakeResponse, TopicName,
};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};
use klamm_raft::model::ClusterId;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use uuid::Uuid;

use crate::address::HostPort;
use crate::backend::config::{BackendConfig, PlainLogin, Security, UpstreamLogin};
use crate::backend::dial::Dialer;
use crate::metrics::{Metrics, UpstreamMetrics};
use crate::secret::Secret;

/// The manners of a fake broker. Changes count for the next request.
#[derive(Debug, Default)]
pub(crate) struct Manners {
    /// `user\0password`; `None`: there is no SASL.
    pub(crate) credentials: Option<String>,
    pub(crate) session_lifetime_ms: i64,
    /// Takes connections and requests, and says nothing.
    pub(crate) is_silent: bool,
    /// Answers every Metadata with these bytes instead, correlation id and all.
    pub(crate) raw_metadata: Option<Bytes>,
    /// Existing topics: name, id, number of partitions.
    pub(crate) topics: Vec<(&'static str, Uuid, i32)>,
    /// Error codes of other topics.
    pub(crate) topic_errors: Vec<(&'static str, i16)>,
    /// Other brokers of the cluster: id and port.
    pub(crate) others: Vec<(i32, u16)>,
    /// Further APIs that are offered: key, lowest and highest version.
    pub(crate) apis: Vec<(i16, i16, i16)>,
    /// Closes each connection instead of answering more requests than this.
    pub(crate) requests_per_connection: Option<usize>,
}

/// The broker; its task ends with the test's runtime.
#[derive(Debug, Clone)]
pub(crate) struct FakeBroker {
    pub(crate) address: HostPort,
    manners: Arc<Mutex<Manners>>,
    connections: Arc<AtomicUsize>,
    looks: Arc<AtomicUsize>,
}

pub(crate) const FAKE_CLUSTER_ID: &str = "fake-cluster";

/// The id of every fake broker in its own Metadata answers.
pub(crate) const FAKE_BROKER_ID: i32 = 7;

impl FakeBroker {
    pub(crate) async fn start(manners: Manners) -> Self {
        Self::listen(manners, None).await
    }

    /// Starts a broker behind TLS.
    pub(crate) async fn start_tls(manners: Manners, tls: ServerConfig) -> Self {
        Self::listen(manners, Some(TlsAcceptor::from(Arc::new(tls)))).await
    }

    async fn listen(manners: Manners, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let broker = Self {
            address: HostPort {
                host: "127.0.0.1".to_owned(),
                port: listener.local_addr().unwrap().port(),
            },
            manners: Arc::new(Mutex::new(manners)),
            connections: Arc::default(),
            looks: Arc::default(),
        };
        let serving = broker.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                serving.connections.fetch_add(1, Ordering::SeqCst);
                let broker = serving.clone();
                let tls = tls.clone();
                tokio::spawn(async move {
                    match tls {
                        None => broker.serve(socket).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(socket).await {
                                broker.serve(stream).await;
                            }
                        }
                    }
                });
            }
        });
        broker
    }

    pub(crate) fn manners(&self) -> MutexGuard<'_, Manners> {
        self.manners.lock().unwrap()
    }

    /// How many connections were taken so far.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// How many Metadata requests were answered so far.
    pub(crate) fn looks(&self) -> usize {
        self.looks.load(Ordering::SeqCst)
    }

    /// A dialer to this broker, as `gateway` with the password `password` when it wants credentials.
    pub(crate) fn dialer(&self) -> Dialer {
        dialer(
            vec![self.address.clone()],
            self.manners().credentials.is_some().then_some("password"),
        )
    }

    async fn serve(self, mut socket: impl AsyncRead + AsyncWrite + Unpin) {
        let mut answered = 0;
        while let Ok(length) = socket.read_u32().await {
            let mut frame = vec![0; length as usize];
            socket.read_exact(&mut frame).await.unwrap();
            if self.manners().is_silent {
                continue;
            }
            if self
                .manners()
                .requests_per_connection
                .is_some_and(|most| answered >= most)
            {
                return;
            }
            let answer = self.answer(Bytes::from(frame));
            let length = (answer.len() as u32).to_be_bytes();
            socket.write_all(&[&length, &answer[..]].concat()).await.unwrap();
            socket.flush().await.unwrap();
            answered += 1;
        }
    }

    fn answer(&self, mut frame: Bytes) -> Bytes {
        let key = ApiKey::try_from(i16::from_be_bytes([frame[0], frame[1]])).unwrap();
        let version = i16::from_be_bytes([frame[2], frame[3]]);
        let header = RequestHeader::decode(&mut frame, key.request_header_version(version)).unwrap();
        let mut out = BytesMut::new();
        ResponseHeader::default()
            .with_correlation_id(header.correlation_id)
            .encode(&mut out, key.response_header_version(version))
            .unwrap();
        let manners = self.manners();
        match key {
            ApiKey::ApiVersions => manners.api_versions().encode(&mut out, version).unwrap(),
            ApiKey::SaslHandshake => manners.handshake().encode(&mut out, version).unwrap(),
            ApiKey::SaslAuthenticate => {
                let request = SaslAuthenticateRequest::decode(&mut frame, version).unwrap();
                let answer = manners.authenticate(&request);
                answer.encode(&mut out, version).unwrap();
            }
            ApiKey::Metadata => {
                self.looks.fetch_add(1, Ordering::SeqCst);
                if let Some(raw) = &manners.raw_metadata {
                    out.truncate(4);
                    out.put_slice(raw);
                } else {
                    let request = MetadataRequest::decode(&mut frame, version).unwrap();
                    let answer = manners.metadata(&request, &self.address);
                    answer.encode(&mut out, version).unwrap();
                }
            }
            other => panic!("the gateway asked {other:?}"),
        }
        out.freeze()
    }
}

impl Manners {
    fn api_versions(&self) -> ApiVersionsResponse {
        let offered = [(3, 0, 13), (17, 0, 1), (18, 0, 4), (36, 0, 2)];
        let api = |&(key, lowest, highest): &(i16, i16, i16)| {
            ApiVersion::default()
                .with_api_key(key)
                .with_min_version(lowest)
                .with_max_version(highest)
        };
        ApiVersionsResponse::default().with_api_keys(offered.iter().chain(&self.apis).map(api).collect())
    }

    fn handshake(&self) -> SaslHandshakeResponse {
        let illegal_sasl_state = 34;
        SaslHandshakeResponse::default()
            .with_error_code(if self.credentials.is_some() {
                0
            } else {
                illegal_sasl_state
            })
            .with_mechanisms(vec![StrBytes::from_static_str("PLAIN")])
    }

    fn authenticate(&self, request: &SaslAuthenticateRequest) -> SaslAuthenticateResponse {
        let expected = self.credentials.as_ref().map(|both| format!("\0{both}"));
        let is_right = expected.is_some_and(|expected| request.auth_bytes == expected.as_bytes());
        let refused = 58;
        SaslAuthenticateResponse::default()
            .with_error_code(if is_right { 0 } else { refused })
            .with_error_message(Some(StrBytes::from_static_str("Invalid username or password")))
            .with_session_lifetime_ms(self.session_lifetime_ms)
    }

    fn metadata(&self, request: &MetadataRequest, own: &HostPort) -> MetadataResponse {
        assert!(!request.allow_auto_topic_creation);
        let broker = |(id, port): (i32, u16)| {
            MetadataResponseBroker::default()
                .with_node_id(BrokerId(id))
                .with_host(StrBytes::from_static_str("127.0.0.1"))
                .with_port(i32::from(port))
        };
        let brokers = [(FAKE_BROKER_ID, own.port)];
        let asked: Vec<TopicName> = match &request.topics {
            Some(topics) => topics.iter().filter_map(|topic| topic.name.clone()).collect(),
            None => {
                let all = self.topics.iter();
                all.map(|(name, _, _)| TopicName(StrBytes::from_static_str(name)))
                    .collect()
            }
        };
        MetadataResponse::default()
            .with_cluster_id(Some(StrBytes::from_static_str(FAKE_CLUSTER_ID)))
            .with_controller_id(BrokerId(FAKE_BROKER_ID))
            .with_brokers(
                brokers
                    .into_iter()
                    .chain(self.others.iter().copied())
                    .map(broker)
                    .collect(),
            )
            .with_topics(asked.into_iter().map(|name| self.topic(name)).collect())
    }

    fn topic(&self, name: TopicName) -> MetadataResponseTopic {
        let found = self.topics.iter().find(|(known, _, _)| **known == *name.as_str());
        let error = self
            .topic_errors
            .iter()
            .find(|(known, _)| **known == *name.as_str());
        let topic = MetadataResponseTopic::default().with_name(Some(name));
        match (found, error) {
            (_, Some(&(_, code))) => topic.with_error_code(code),
            (None, None) => topic.with_error_code(3),
            (Some(&(_, id, partitions)), None) => {
                let partition = |index| MetadataResponsePartition::default().with_partition_index(index);
                topic
                    .with_topic_id(id)
                    .with_partitions((0..partitions).map(partition).collect())
            }
        }
    }
}

/// Where nobody listens: a port that no system hands out.
pub(crate) fn nowhere() -> HostPort {
    HostPort {
        host: "127.0.0.1".to_owned(),
        port: 1,
    }
}

/// Metrics of a cluster that no other test sees.
pub(crate) fn metrics() -> Arc<UpstreamMetrics> {
    Metrics::new().unwrap().upstream(&cluster())
}

/// A dialer to these addresses without TLS, as `gateway` when there is a password.
pub(crate) fn dialer(bootstrap: Vec<HostPort>, password: Option<&str>) -> Dialer {
    let config = BackendConfig {
        id: cluster(),
        bootstrap,
        security: Security::Plaintext,
        login: password.map(|password| {
            UpstreamLogin::Plain(PlainLogin {
                username: "gateway".to_owned(),
                password: Secret::new(password),
            })
        }),
        credentials: Default::default(),
        anonymous: crate::backend::config::AnonymousClients::Refused,
        stands_in_for: None,
    };
    Dialer::new(config, Vec::new(), metrics()).unwrap()
}

fn cluster() -> ClusterId {
    "main".parse().unwrap()
}
