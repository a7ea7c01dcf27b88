//! Ports that open and close, limits, and where sessions run.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::Ordering;

use actix_rt::Arbiter;

mod guarded;

use super::*;
use crate::quickstart::ports::PortBlock;
use crate::session::Limits;
use crate::session::testing::{Client, Deed, Gateway};

/// A listener with its ports somewhere on loopback.
struct Bench {
    gateway: Gateway,
    listener: Addr<Listener>,
    addresses: watch::Receiver<Addresses>,
    ports: PortBlock,
    census: Arc<Census>,
}

fn spot(slot: u16) -> Spot {
    Spot {
        listener: ListenerName::short_form(),
        slot: PortSlot(slot),
    }
}

fn site(ports: &PortBlock) -> Site {
    let port = ports.port(0);
    Site {
        name: ListenerName::short_form(),
        address: Ipv4Addr::LOCALHOST.into(),
        port,
        routing: Routing::Port {
            host: "localhost".into(),
            start: port,
            count: u16::MAX,
        },
        guard: ListenerGuard::default(),
    }
}

/// The only virtual cluster has these addresses.
fn serve(doors: Doors) -> SetAddresses {
    SetAddresses {
        changed: [("v".parse().unwrap(), doors)].into(),
    }
}

fn opening(gateway: &Gateway) -> Opening {
    Opening {
        door: Arc::clone(&gateway.door),
        label: None,
    }
}

impl Bench {
    async fn start(limits: Limits) -> Self {
        Self::with(limits, ListenerGuard::default(), None).await
    }

    /// With something before the sessions; by names under a domain, or by ports.
    async fn with(limits: Limits, guard: ListenerGuard, domain: Option<&str>) -> Self {
        let gateway = Gateway::start(limits, |_| Deed::Answer(vec![0, 0])).await;
        let census = Arc::new(Census::new(&limits, &gateway.metrics.node.guards));
        let arbiter = DataArbiter::new(Arbiter::current(), gateway.pools.clone());
        let ports = PortBlock::take().unwrap();
        let (listener, addresses) = Listener::new(
            vec![Site {
                guard,
                routing: match domain {
                    Some(domain) => Routing::Sni {
                        domain: domain.to_owned(),
                        port: ports.port(0),
                    },
                    None => site(&ports).routing,
                },
                ..site(&ports)
            }],
            vec![arbiter],
            Arc::clone(&gateway.shared),
            Arc::clone(&census),
            &Supervisor::new(gateway.metrics.components.clone()),
        );
        Self {
            gateway,
            listener: listener.start(),
            addresses,
            ports,
            census,
        }
    }

    async fn serve(&self, slots: &[u16]) {
        let doors = slots.iter().map(|slot| (spot(*slot), opening(&self.gateway)));
        self.listener.send(serve(doors.collect())).await.unwrap();
    }

    fn address(&self, slot: u16) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.ports.port(slot)).into()
    }

    /// Why an address is not open.
    fn unopened(&self, slot: u16) -> Option<String> {
        let addresses = self.addresses.borrow();
        Some(addresses.unopened.get(&spot(slot))?.error.to_string())
    }

    async fn is_open(&self, slot: u16) -> bool {
        tokio::net::TcpStream::connect(self.address(slot)).await.is_ok()
    }

    async fn log_in(&self, slot: u16) -> Client {
        let mut client = Client::connect(self.address(slot)).await;
        client.log_in("alice", &self.gateway.token()).await;
        client
    }
}

#[actix::test]
async fn slots_open_and_close_with_their_sessions() {
    let bench = Bench::start(Limits::default()).await;
    bench.serve(&[0, 2]).await;
    assert!(bench.is_open(0).await && !bench.is_open(1).await && bench.is_open(2).await);
    let (mut stays, mut ends) = (bench.log_in(0).await, bench.log_in(2).await);

    bench.serve(&[0, 1]).await;
    assert_eq!(ends.receive().await, None);
    assert!(bench.is_open(0).await && bench.is_open(1).await && !bench.is_open(2).await);
    stays.send(&crate::session::testing::request(18, 0, 9, b"")).await;
    assert_eq!(stays.receive_id().await, Some(9));
    assert!(bench.unopened(1).is_none() && bench.addresses.borrow().open == 2);
}

#[actix::test]
async fn a_virtual_cluster_that_is_not_named_keeps_its_addresses() {
    let bench = Bench::start(Limits::default()).await;
    let door = |slot: u16| (spot(slot), opening(&bench.gateway));
    let serve = async |changed: Vec<(&str, Vec<u16>)>| {
        let changed = changed.into_iter().map(|(name, slots)| {
            let doors: Doors = slots.into_iter().map(door).collect();
            (name.parse().unwrap(), doors)
        });
        let changed = changed.collect();
        bench.listener.send(SetAddresses { changed }).await.unwrap();
    };
    serve(vec![("a", vec![0, 1])]).await;
    let mut stays = bench.log_in(0).await;
    serve(vec![("b", vec![2])]).await;
    assert!(bench.is_open(0).await && bench.is_open(1).await && bench.is_open(2).await);
    serve(vec![("b", vec![])]).await;
    assert!(bench.is_open(0).await && bench.is_open(1).await && !bench.is_open(2).await);
    stays.send(&crate::session::testing::request(18, 0, 9, b"")).await;
    assert_eq!(stays.receive_id().await, Some(9));
    let mut ends = bench.log_in(1).await;
    serve(vec![("a", vec![0]), ("b", vec![1])]).await;
    assert_eq!(ends.receive().await, None, "the port has passed to the other one");
    serve(vec![]).await;
    while !bench.is_open(1).await {
        serve(vec![]).await;
    }
}

#[actix::test]
async fn a_port_that_is_taken_is_told_and_tried_again() {
    let bench = Bench::start(Limits::default()).await;
    let taken = std::net::TcpListener::bind(bench.address(1)).unwrap();
    bench.serve(&[0, 1]).await;
    assert!(bench.is_open(0).await);
    let error = bench.unopened(1).unwrap();
    assert!(error.contains(&bench.address(1).to_string()), "{error}");
    assert!(
        bench.addresses.borrow().none_open().is_none(),
        "the other one is served"
    );

    drop(taken);
    bench.serve(&[0, 1]).await;
    assert!(bench.unopened(1).is_none());
    bench.log_in(1).await;
}

#[actix::test]
async fn a_port_that_is_given_back_is_opened_without_a_word() {
    let mut bench = Bench::start(Limits::default()).await;
    let taken = std::net::TcpListener::bind(bench.address(0)).unwrap();
    bench.serve(&[0]).await;
    let nothing = bench
        .addresses
        .borrow()
        .none_open()
        .map(|first| first.vcluster.to_string());
    assert_eq!(nothing.as_deref(), Some("v"));

    drop(taken);
    let open = bench.addresses.wait_for(|addresses| addresses.open == 1);
    tokio::time::timeout(Duration::from_secs(10), open)
        .await
        .unwrap()
        .unwrap();
    bench.log_in(0).await;
}

#[actix::test]
async fn a_slot_beyond_the_last_port_is_told() {
    let bench = Bench::start(Limits::default()).await;
    bench.serve(&[u16::MAX]).await;
    let error = bench.unopened(u16::MAX).unwrap();
    assert!(error.contains("65535"), "{error}");
}

#[actix::test]
async fn whoever_comes_gets_a_seat_and_nobody_more_than_there_are() {
    let bench = Bench::start(Limits {
        max_connections: 3,
        max_unauthenticated: 2,
        ..Limits::default()
    })
    .await;
    bench.serve(&[0]).await;
    let mut silent = [
        Client::connect(bench.address(0)).await,
        Client::connect(bench.address(0)).await,
    ];
    while bench.census.all() < 2 {
        tokio::task::yield_now().await;
    }
    let first = bench.log_in(0).await;
    assert_eq!(silent[0].receive().await, None, "the oldest has no seat any more");
    bench.gateway.expect_end("seat_given_away").await;
    assert_eq!(bench.gateway.ended("seat_given_away"), 1);

    let _full = (first, bench.log_in(0).await, bench.log_in(0).await);
    let mut fourth = Client::connect(bench.address(0)).await;
    let (user, token) = ("alice", bench.gateway.token());
    assert!(!fourth.is_let_in(user, &token).await, "all are alice's, and busy");
    assert_eq!(bench.gateway.metrics.node.refused.get(), 1);
    bench.gateway.expect_end("no_seat").await;
}

#[actix::test]
async fn changed_accounts_end_sessions_when_slots_are_served_again() {
    let bench = Bench::start(Limits::default()).await;
    bench.serve(&[0]).await;
    let mut client = bench.log_in(0).await;
    bench.gateway.change(|state| state.accounts.clear());
    bench.serve(&[0]).await;
    assert_eq!(client.receive().await, None);
    bench.gateway.expect_end("account_deleted").await;
}

#[actix::test]
async fn draining_closes_ports_and_ends_sessions() {
    let limits = Limits {
        drain_spread: Duration::from_millis(10),
        drain_visit: Duration::from_millis(500),
        ..Limits::default()
    };
    let bench = Bench::start(limits).await;
    bench.serve(&[0]).await;
    let mut client = bench.log_in(0).await;
    bench.listener.send(Drain).await.unwrap();
    assert_eq!(client.receive().await, None);
    let mut visitor = bench.log_in(0).await;
    assert_eq!(visitor.receive().await, None, "a visitor is served, and goes too");
    bench.listener.send(Shut).await.unwrap();
    bench.serve(&[0, 1]).await;
    assert!(!bench.is_open(0).await && !bench.is_open(1).await);
    assert_eq!(bench.census.all(), 0);
}

#[actix::test]
async fn sessions_go_to_the_arbiter_that_has_the_fewest() {
    let gateway = Gateway::start(Limits::default(), |_| Deed::Nothing).await;
    let arbiters = [Arbiter::new(), Arbiter::new()];
    let data = arbiters
        .iter()
        .map(|arbiter| DataArbiter::new(arbiter.handle(), gateway.pools.clone()));
    let data: Vec<DataArbiter> = data.collect();
    let loads: Vec<_> = data.iter().map(DataArbiter::load).collect();
    let ports = PortBlock::take().unwrap();
    let (listener, _addresses) = Listener::new(
        vec![site(&ports)],
        data,
        Arc::clone(&gateway.shared),
        Arc::new(Census::new(&Limits::default(), &gateway.metrics.node.guards)),
        &Supervisor::new(gateway.metrics.components.clone()),
    );
    let doors = [(spot(0), opening(&gateway))].into();
    listener.start().send(serve(doors)).await.unwrap();

    let mut clients = Vec::new();
    for _ in 0..6 {
        let mut client = Client::connect((Ipv4Addr::LOCALHOST, ports.port(0)).into()).await;
        client.log_in("alice", &gateway.token()).await;
        clients.push(client);
    }
    let loads: Vec<usize> = loads.iter().map(|load| load.load(Ordering::Relaxed)).collect();
    assert_eq!(loads, [3, 3]);
    drop(clients);
    for arbiter in arbiters {
        arbiter.stop();
        arbiter.join().unwrap();
    }
}
