//! A session on this thread, between a client and a broker on threads of their own: what this thread allocates is what
//! the session does.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use actix::Actor;
use actix_rt::{System, SystemRunner};
use arc_swap::ArcSwap;
use bytes::BytesMut;
use kafka_protocol::messages::ApiVersionsResponse;
use kafka_protocol::protocol::Encodable;
use klamm::auth::token;
use klamm::backend::config::{AnonymousClients, BackendConfig, Security};
use klamm::backend::{Dialer, Pool, Pools};
use klamm::keys::RecordKeys;
use klamm::metrics::Metrics;
use klamm::oauth::Keys;
use klamm::session::census::{Census, Load};
use klamm::session::{Confirm, Door, Limits, Orders, Propose, Session, SessionShared, Setup, StateAccess};
use klamm::stream::Stream;
use klamm::vcluster::plan::{ChangeUnavailable, NotConfirmed, Place};
use klamm_raft::Lease;
use klamm_raft::command::Command;
use klamm_raft::machine;
use klamm_raft::model::{AccountSpec, ListenerName, SigningKey, Speech, State, TokenId, TokenRecord};
use tokio::sync::{oneshot, watch};

use crate::world::{self, CLUSTER, Exchange, USER};

const PATIENCE: Duration = Duration::from_secs(20);
const TOKEN: TokenId = TokenId([7; 16]);

/// A session that has logged in, with its client and its broker.
pub(crate) struct Gateway {
    system: SystemRunner,
    orders: mpsc::Sender<(usize, oneshot::Sender<()>)>,
    /// Sessions end when nobody is left to give them orders.
    _session_orders: watch::Sender<Orders>,
}

impl Gateway {
    pub(crate) fn start(exchange: Exchange) -> Self {
        let broker = TcpListener::bind("127.0.0.1:0").unwrap();
        let broker_port = broker.local_addr().unwrap().port();
        let door = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(door.local_addr().unwrap()).unwrap();
        let (accepted, peer) = door.accept().unwrap();
        let (state, password) = state();
        let view = world::view(&state, &world::topology("127.0.0.1", broker_port));
        let (session_orders, orders) = watch::channel(Orders::default());

        let system = System::new();
        system.block_on(async {
            let metrics = Metrics::new().unwrap();
            let config = BackendConfig {
                id: CLUSTER.parse().unwrap(),
                bootstrap: vec![format!("127.0.0.1:{broker_port}").parse().unwrap()],
                security: Security::Plaintext,
                login: None,
                credentials: BTreeMap::new(),
                anonymous: AnonymousClients::Refused,
                stands_in_for: None,
            };
            let dialer =
                Dialer::new(config, Vec::new(), metrics.upstream(&CLUSTER.parse().unwrap())).unwrap();
            let (_, topology) = watch::channel(None);
            let pool = Pool::new(Arc::new(dialer), topology).start();
            let door = Door {
                connections: Arc::default(),
                view: Arc::new(ArcSwap::from_pointee(view)),
                place: Place::Bootstrap,
                listener: ListenerName::short_form(),
                speech: Speech::by_methods(),
                refresh: Arc::new(|| Box::pin(std::future::ready(()))),
                passage: Arc::default(),
                metrics: metrics.vcluster(&world::vcluster()),
            };
            let census = Arc::new(Census::new(&Limits::default(), &metrics.node.guards));
            let setup = Setup {
                peer,
                certificate: None,
                door: Arc::new(door),
                shared: Arc::new(shared(&metrics)),
                pools: Pools::of([(CLUSTER.parse().unwrap(), pool)]),
                orders,
                seat: census.admit(&Load::default(), peer.ip()),
            };
            accepted.set_nonblocking(true).unwrap();
            let socket = tokio::net::TcpStream::from_std(accepted).unwrap();
            Session::start(Stream::Plain(socket), setup);
        });

        let answer = exchange.answer.to_vec();
        thread::spawn(move || serve(&broker.accept().unwrap().0, &answer));
        let (orders, wanted) = mpsc::channel::<(usize, oneshot::Sender<()>)>();
        let request = framed(&exchange.request);
        thread::spawn(move || {
            client.set_nodelay(true).unwrap();
            log_in(&mut client, &password);
            let mut answer = Vec::new();
            for (count, done) in wanted {
                for _ in 0..count {
                    client.write_all(&request).unwrap();
                    read_frame(&mut client, &mut answer).unwrap();
                }
                done.send(()).unwrap();
            }
        });
        Self {
            system,
            orders,
            _session_orders: session_orders,
        }
    }

    /// Has the client send so many requests, one after the other, and read their answers.
    pub(crate) fn carry(&self, count: usize) {
        let (done, all) = oneshot::channel();
        self.orders.send((count, done)).unwrap();
        let waited = self
            .system
            .block_on(async { tokio::time::timeout(PATIENCE, all).await });
        waited.expect("answers in time").expect("the client goes on");
    }
}

fn shared(metrics: &Metrics) -> SessionShared {
    let replicated = StateAccess {
        propose: propose(),
        confirm: confirm(),
        lease: Lease::unlimited(),
    };
    SessionShared::new(
        Limits::default(),
        replicated,
        Arc::clone(&metrics.node),
        (Keys::default(), Arc::<RecordKeys>::default(), Arc::default()),
    )
}

/// Nothing is changed here.
fn propose() -> Propose {
    Arc::new(|_| Box::pin(std::future::ready(Err(ChangeUnavailable))))
}

/// Nothing is asked for that must be the newest.
fn confirm() -> Confirm {
    Arc::new(|| Box::pin(std::future::ready(Err(NotConfirmed))))
}

/// The world's state with an account, and the password of it.
fn state() -> (State, String) {
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let key = SigningKey(vec![42; 32]);
    let then = |state: State, command| machine::preview(&state, command).1;
    let init = Command::InitSigningKey {
        key: key.clone(),
        decoy: SigningKey(vec![43; 32]),
    };
    let state = then(world::state(), init);
    let account = Command::PutAccount {
        vcluster: world::vcluster(),
        name: USER.parse().unwrap(),
        spec: AccountSpec::local(),
    };
    let state = then(state, account);
    let record = TokenRecord {
        account: USER.parse().unwrap(),
        account_created: state.revision,
        issued_at_s: now_s,
        expires_at_s: now_s + 3600,
        key: key.id(),
    };
    let password = token::issue(&key, &world::vcluster(), TOKEN, &record).unwrap();
    let token = Command::PutToken {
        vcluster: world::vcluster(),
        id: TOKEN,
        record,
    };
    (then(state, token), password)
}

/// Answers ApiVersions, which the gateway asks when it connects, and everything else with `answer`.
fn serve(mut socket: &TcpStream, answer: &[u8]) {
    socket.set_nodelay(true).unwrap();
    let mut answer = framed(answer);
    let mut request = Vec::new();
    while read_frame(&mut socket, &mut request).is_some() {
        if request.starts_with(&[0, 18]) {
            let mut hello = BytesMut::from(&request[4..8]);
            let version = i16::from_be_bytes([request[2], request[3]]);
            ApiVersionsResponse::default()
                .encode(&mut hello, version)
                .unwrap();
            socket.write_all(&framed(&hello)).unwrap();
        } else {
            answer[4..8].copy_from_slice(&request[4..8]);
            socket.write_all(&answer).unwrap();
        }
    }
}

fn log_in(client: &mut TcpStream, password: &str) {
    let mut answer = Vec::new();
    let message = framed(format!("\0{USER}\0{password}").as_bytes());
    for (key, body) in [(17, &b"\0\x05PLAIN"[..]), (36, &message)] {
        // Version 1, correlation id 1, a client id of one letter.
        let head = [0, key, 0, 1, 0, 0, 0, 1, 0, 1, b'c'];
        client.write_all(&framed(&[&head, body].concat())).unwrap();
        read_frame(client, &mut answer).unwrap();
        assert_eq!(answer[4..6], [0, 0], "error code");
    }
}

/// With a length prefix.
fn framed(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_be_bytes(), bytes].concat()
}

/// Without the length prefix; none at the end.
fn read_frame(socket: &mut impl Read, frame: &mut Vec<u8>) -> Option<()> {
    let mut length = [0; 4];
    socket.read_exact(&mut length).ok()?;
    frame.resize(u32::from_be_bytes(length) as usize, 0);
    socket.read_exact(frame).ok()
}
