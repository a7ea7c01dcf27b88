//! For tests: a gateway of one address on loopback, in front of a broker that does as it is told.

mod broker;
mod client;
mod log;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix::Actor;
use arc_swap::ArcSwap;
use klamm_raft::Lease;
use klamm_raft::command::Change;
use klamm_raft::model::{AliasTopic, ClusterId, ListenerName, Revision, Speech, VclusterState};
use klamm_raft::outcome::Outcome;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::census::{Census, Load};
use super::{
    Confirm, Door, Limits, Orders, Pools, Propose, RefreshView, Session, SessionShared, Setup, StateAccess,
};
use crate::auth::token::{self, samples};
use crate::backend::Pool;
use crate::backend::fake;
use crate::backend::topology::{ApiRanges, PhysicalTopic, Topologies, Topology};
use crate::keys::RecordKeys;
use crate::metrics::Metrics;
use crate::oauth::Keys;
use crate::stream::Stream;
use crate::vcluster::plan::{ChangeUnavailable, NotConfirmed, Place};
use crate::vcluster::view::{RouteSight, SharedView, Source, View};

pub(crate) use broker::{Broker, Deed, Does};
pub(crate) use client::{Client, framed, request};
pub(crate) use log::Log;

/// A gateway, its broker and what can be changed about it.
pub(crate) struct Gateway {
    pub(crate) address: SocketAddr,
    pub(crate) broker: Broker,
    pub(crate) door: Arc<Door>,
    pub(crate) shared: Arc<SessionShared>,
    pub(crate) pools: Pools,
    pub(crate) metrics: Metrics,
    pub(crate) orders: watch::Sender<Orders>,
    pub(crate) census: Arc<Census>,
    /// How often the topology was looked at for a request.
    pub(crate) refreshes: Arc<AtomicUsize>,
    /// Has the next look at the topology panic.
    pub(crate) is_defective: Arc<AtomicBool>,
    /// Keeps the node from hearing whether it is up to date.
    pub(crate) is_alone: Arc<AtomicBool>,
    /// The outcomes of the next changes. There is no leader for further ones.
    pub(crate) outcomes: Arc<Mutex<VecDeque<Outcome>>>,
    state: Mutex<VclusterState>,
}

/// The physical topic behind `topic1`.
pub(crate) const PHYSICAL_TOPIC: &str = "internal-1";

/// A lease that goes on until a test ends it.
fn granted() -> Lease {
    let lease = Lease::ended();
    lease.allow_for(Duration::from_secs(3600));
    lease
}

/// The virtual cluster of `auth`'s samples, with tokens of today and the alias `topic1` on the cluster `main`.
fn state() -> VclusterState {
    let mut state = samples::state();
    let now_s = super::login::wall_clock().0 / 1000;
    for record in state.tokens.values_mut() {
        record.expires_at_s = now_s + 3600;
    }
    let main: ClusterId = "main".parse().unwrap();
    let alias = AliasTopic {
        physical_cluster: main.clone(),
        physical_name: PHYSICAL_TOPIC.parse().unwrap(),
    };
    state.aliases.insert("topic1".parse().unwrap(), alias);
    state.home = Some(main);
    state
}

fn view(previous: Option<&View>, state: &VclusterState) -> View {
    let topic = PhysicalTopic {
        id: [1; 16],
        partitions: 1,
    };
    let topology = Topology {
        topics: Arc::new([(PHYSICAL_TOPIC.parse().unwrap(), topic)].into()),
        apis: ApiRanges(
            [
                (0, (0, 13)),
                (1, (4, 18)),
                (3, (0, 13)),
                (12, (0, 4)),
                (14, (0, 5)),
                (68, (0, 1)),
                (78, (1, 2)),
            ]
            .into(),
        ),
        ..Topology::default()
    };
    let source = Source {
        name: &samples::vcluster(),
        state,
        vclusters: &BTreeMap::new(),
        nodes: &BTreeMap::new(),
        unheard: &BTreeSet::new(),
        first_topic_ids: &BTreeMap::new(),
        topologies: &Topologies::from([("main".parse().unwrap(), Arc::new(topology))]),
        signing_keys: Some(&samples::keys()),
        policies: &Default::default(),
        groups: &Default::default(),
        revision: Revision(1),
        route: RouteSight::default(),
    };
    View::compile(previous, source)
}

/// Changes come to these outcomes, one after the other.
fn proposing(outcomes: Arc<Mutex<VecDeque<Outcome>>>) -> Propose {
    Arc::new(move |_: Change| {
        let outcome = outcomes.lock().unwrap().pop_front();
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(5)).await;
            outcome.ok_or(ChangeUnavailable)
        })
    })
}

impl Gateway {
    /// Takes connections on a port of loopback, with a broker that answers as `does` says.
    pub(crate) async fn start(limits: Limits, does: Does) -> Self {
        Self::keyed(limits, does, Arc::default()).await
    }

    /// With keys for records.
    pub(crate) async fn keyed(limits: Limits, does: Does, record_keys: Arc<RecordKeys>) -> Self {
        let broker = Broker::start(does).await;
        let metrics = Metrics::new().unwrap();
        let dialer = Arc::new(fake::dialer(vec![broker.address.clone()], None));
        let (_, topology) = watch::channel(None);
        let pool = Pool::new(dialer, topology).start();
        let outcomes = Arc::<Mutex<VecDeque<Outcome>>>::default();
        let propose = proposing(Arc::clone(&outcomes));
        let is_alone = Arc::<AtomicBool>::default();
        let alone = Arc::clone(&is_alone);
        let confirm: Confirm = Arc::new(move || {
            let confirmed = match alone.load(Ordering::SeqCst) {
                true => Err(NotConfirmed),
                false => Ok(()),
            };
            Box::pin(async move {
                tokio::time::sleep(Duration::from_millis(5)).await;
                confirmed
            })
        });
        let refreshes = Arc::<AtomicUsize>::default();
        let refreshed = Arc::clone(&refreshes);
        let is_defective = Arc::<AtomicBool>::default();
        let defective = Arc::clone(&is_defective);
        let refresh: RefreshView = Arc::new(move || {
            assert!(!defective.swap(false, Ordering::SeqCst), "a defect, on purpose");
            refreshed.fetch_add(1, Ordering::SeqCst);
            Box::pin(tokio::time::sleep(Duration::from_millis(5)))
        });
        let state = state();
        let view: SharedView = Arc::new(ArcSwap::from_pointee(view(None, &state)));
        let gateway = Self {
            address: ([127, 0, 0, 1], 0).into(),
            broker,
            door: Arc::new(Door {
                view,
                place: Place::Bootstrap,
                listener: ListenerName::short_form(),
                speech: Speech::by_methods(),
                refresh,
                passage: Arc::default(),
                metrics: metrics.vcluster(&samples::vcluster()),
                connections: Arc::default(),
            }),
            shared: Arc::new(SessionShared::new(
                limits,
                StateAccess {
                    propose,
                    confirm,
                    lease: granted(),
                },
                Arc::clone(&metrics.node),
                (Keys::default(), record_keys, Arc::default()),
            )),
            pools: Pools::of([("main".parse().unwrap(), pool)]),
            census: Arc::new(Census::new(&limits, &metrics.node.guards)),
            metrics,
            orders: watch::Sender::new(Orders::default()),
            refreshes,
            is_defective,
            is_alone,
            outcomes,
            state: Mutex::new(state),
        };
        gateway.listen().await
    }

    async fn listen(mut self) -> Self {
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.address = listener.local_addr().unwrap();
        let (door, shared, pools) = (
            Arc::clone(&self.door),
            Arc::clone(&self.shared),
            self.pools.clone(),
        );
        let (orders, census) = (self.orders.subscribe(), Arc::clone(&self.census));
        actix_rt::spawn(async move {
            while let Ok((socket, peer)) = listener.accept().await {
                let seat = census.admit(&Load::default(), peer.ip());
                let setup = Setup {
                    peer,
                    certificate: None,
                    door: Arc::clone(&door),
                    shared: Arc::clone(&shared),
                    pools: pools.clone(),
                    orders: orders.clone(),
                    seat,
                };
                Session::start(Stream::Plain(socket), setup);
            }
        });
        self
    }

    pub(crate) async fn connect(&self) -> Client {
        Client::connect(self.address).await
    }

    /// A client that has logged in as `alice`.
    pub(crate) async fn log_in(&self) -> Client {
        let mut client = self.connect().await;
        client.log_in("alice", &self.token()).await;
        client
    }

    /// A token of `alice`.
    pub(crate) fn token(&self) -> String {
        let state = self.state.lock().unwrap();
        let record = &state.tokens[&samples::TOKEN_ID];
        token::issue(&samples::key(), &samples::vcluster(), samples::TOKEN_ID, record).unwrap()
    }

    /// The lease of this node.
    pub(crate) fn lease(&self) -> &Lease {
        &self.shared.replicated.lease
    }

    /// Changes the replicated state and publishes a view of it.
    pub(crate) fn change(&self, change: impl FnOnce(&mut VclusterState)) {
        let mut state = self.state.lock().unwrap();
        change(&mut state);
        let previous = self.door.view.load_full();
        self.door.view.store(Arc::new(view(Some(&previous), &state)));
    }

    /// How many sessions ended for a reason.
    pub(crate) fn ended(&self, reason: &str) -> usize {
        let line = format!("klamm_connections_closed_total{{reason=\"{reason}\"}} ");
        let text = self.metrics.encode().unwrap();
        text.lines()
            .find_map(|l| l.strip_prefix(&line))
            .map_or(0, |count| count.parse().unwrap())
    }

    /// Waits until that many sessions ended for a reason.
    pub(crate) async fn expect_end(&self, reason: &str) {
        for _ in 0..500 {
            if self.ended(reason) > 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!(
            "no session ended for {reason}:\n{}",
            self.metrics.encode().unwrap()
        );
    }

    /// Waits until that many sessions are open.
    pub(crate) async fn expect_sessions(&self, count: usize) {
        for _ in 0..500 {
            if self.census.all() == count {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{} sessions are open, not {count}", self.census.all());
    }

    /// Has every token expire that many whole seconds from now, or up to one more.
    pub(crate) fn expire_tokens_in(&self, seconds: u64) {
        let now_s = super::login::wall_clock().0 / 1000;
        self.change(|state| {
            for record in state.tokens.values_mut() {
                record.expires_at_s = now_s + seconds + 1;
            }
        });
    }
}
