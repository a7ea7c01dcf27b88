//! Leases from brokers on loopback.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::auth::{Mechanism, ToBroker};
use crate::backend::dial::DialFault;
use crate::backend::fake::{FAKE_BROKER_ID, FAKE_CLUSTER_ID, FakeBroker, Manners, dialer, nowhere};
use crate::backend::{RelayError, message};
use crate::secret::Secret;

const ANY: Lease = Lease {
    broker: None,
    login: LoginAs::Gateway,
};
const fn to(broker: i32) -> Lease {
    Lease {
        broker: Some(broker),
        login: LoginAs::Gateway,
    }
}

const KNOWN: Lease = Lease {
    broker: Some(FAKE_BROKER_ID),
    login: LoginAs::Gateway,
};

struct Bench {
    pool: Addr<Pool>,
    dialer: Arc<Dialer>,
    topology: watch::Sender<Option<Arc<Topology>>>,
}

fn bench(dialer: Dialer, topology: Option<Topology>) -> Bench {
    let dialer = Arc::new(dialer);
    let (topology, seen) = watch::channel(topology.map(Arc::new));
    Bench {
        pool: Pool::new(Arc::clone(&dialer), seen).start(),
        dialer,
        topology,
    }
}

/// A cluster of these brokers.
fn cluster(brokers: &[(i32, &HostPort)]) -> Topology {
    let broker = |&(id, address): &(i32, &HostPort)| {
        let broker = Broker {
            host: address.host.clone(),
            port: address.port,
            rack: None,
        };
        (id, broker)
    };
    Topology {
        brokers: brokers.iter().map(broker).collect(),
        ..Topology::default()
    }
}

impl Bench {
    async fn lease(&self, lease: Lease) -> Result<Lane, LeaseError> {
        self.pool.send(lease).await.unwrap()
    }

    async fn give_back(&self, lane: Lane) {
        self.pool.send(Return { lane }).await.unwrap();
    }

    /// The metrics label of the refusal, or the broker that the lane leads to.
    async fn check(&self, lease: Lease, expected: Result<Option<i32>, &str>) {
        let outcome = self.lease(lease).await;
        let got = outcome
            .as_ref()
            .map(Lane::broker)
            .map_err(|error| error.kind().name());
        assert_eq!(got, expected, "{outcome:?}");
    }

    /// How many lanes are leased and how many are idle.
    fn counts(&self) -> (i64, i64) {
        let metrics = self.dialer.metrics();
        (metrics.leased.get(), metrics.idle.get())
    }
}

#[actix::test]
async fn before_the_brokers_are_known_bootstrap_servers_serve_leases() {
    let broker = FakeBroker::start(Manners::default()).await;
    let bench = bench(broker.dialer(), None);
    bench.check(ANY, Ok(None)).await;
    bench.check(KNOWN, Err("unknown_broker")).await;
}

#[actix::test]
async fn a_lane_leads_to_the_broker_that_was_asked_for() {
    let (one, two) = (
        FakeBroker::start(Manners::default()).await,
        FakeBroker::start(Manners::default()).await,
    );
    let bench = bench(
        one.dialer(),
        Some(cluster(&[(1, &one.address), (2, &two.address)])),
    );
    bench.check(to(2), Ok(Some(2))).await;
    assert_eq!((one.connections(), two.connections()), (0, 1));
    bench.check(to(3), Err("unknown_broker")).await;
}

#[actix::test]
async fn a_returned_lane_is_leased_again_and_carries_requests() {
    let broker = FakeBroker::start(Manners::default()).await;
    let bench = bench(
        broker.dialer(),
        Some(cluster(&[(FAKE_BROKER_ID, &broker.address)])),
    );
    let lane = bench.lease(KNOWN).await.unwrap();
    assert_eq!(bench.counts(), (1, 0));
    bench.give_back(lane).await;
    assert_eq!(bench.counts(), (0, 1));
    let mut lane = bench.lease(ANY).await.unwrap();
    assert_eq!((bench.counts(), broker.connections()), ((1, 0), 1));

    let request = kafka_protocol::messages::ApiVersionsRequest::default();
    let frame = message::request(42, 0, &request).unwrap();
    lane.write_all(&frame).await.unwrap();
    let mut head = [0; 8];
    lane.read_exact(&mut head).await.unwrap();
    assert_eq!(head[4..], 42_i32.to_be_bytes());
    drop(lane);
    assert_eq!(bench.counts(), (0, 0));
}

#[actix::test]
async fn a_lane_with_unread_bytes_or_without_a_broker_is_not_leased_again() {
    let broker = FakeBroker::start(Manners {
        requests_per_connection: Some(2),
        ..Manners::default()
    })
    .await;
    let bench = bench(
        broker.dialer(),
        Some(cluster(&[(FAKE_BROKER_ID, &broker.address)])),
    );
    let request = kafka_protocol::messages::ApiVersionsRequest::default();
    let frame = message::request(1, 0, &request).unwrap();
    // The first request was the login; the second is answered, the third is hung up on.
    for (requests, connections) in [(1, 2), (2, 3)] {
        let mut lane = bench.lease(KNOWN).await.unwrap();
        for _ in 0..requests {
            lane.write_all(&frame).await.unwrap();
        }
        if requests == 2 {
            lane.read_to_end(&mut Vec::new()).await.unwrap();
        } else {
            lane.read_u8().await.unwrap();
        }
        bench.give_back(lane).await;
        let fresh = bench.lease(KNOWN).await.unwrap();
        assert_eq!(broker.connections(), connections);
        bench.give_back(fresh).await;
    }
}

#[actix::test]
async fn a_lane_is_not_leased_again_when_its_session_is_about_to_end() {
    let broker = FakeBroker::start(Manners {
        credentials: Some("gateway\0password".to_owned()),
        session_lifetime_ms: 1,
        ..Manners::default()
    })
    .await;
    let bench = bench(broker.dialer(), None);
    let lane = bench.lease(ANY).await.unwrap();
    let retires_at = lane.retires_at().unwrap();
    tokio::time::sleep_until(retires_at.into()).await;
    assert!(lane.is_retired(Instant::now()));
    bench.give_back(lane).await;
    bench.lease(ANY).await.unwrap();
    assert_eq!(broker.connections(), 2);
}

#[actix::test]
async fn a_lane_to_an_old_address_is_not_leased_again() {
    let (old, new) = (
        FakeBroker::start(Manners::default()).await,
        FakeBroker::start(Manners::default()).await,
    );
    let bench = bench(old.dialer(), Some(cluster(&[(1, &old.address)])));
    let lane = bench.lease(to(1)).await.unwrap();
    bench.give_back(lane).await;
    bench
        .topology
        .send_replace(Some(Arc::new(cluster(&[(1, &new.address)]))));
    bench.lease(to(1)).await.unwrap();
    assert_eq!((old.connections(), new.connections()), (1, 1));
}

#[actix::test]
async fn any_broker_passes_over_those_that_are_down() {
    let up = FakeBroker::start(Manners::default()).await;
    let down = nowhere();
    let bench = bench(
        up.dialer(),
        Some(cluster(&[(1, &down), (2, &up.address), (3, &down)])),
    );
    for _ in 0..20 {
        bench.check(ANY, Ok(Some(2))).await;
    }
}

#[actix::test]
async fn an_address_that_fails_is_left_alone_and_tried_again_later() {
    let down = nowhere();
    let bench = bench(dialer(vec![down.clone()], None), Some(cluster(&[(1, &down)])));
    let lease = to(1);
    for _ in 0..3 {
        bench.check(lease.clone(), Err("connect")).await;
    }
    bench.check(lease.clone(), Err("resting")).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    bench.check(lease.clone(), Err("connect")).await;
}

#[actix::test]
async fn refused_credentials_are_not_tried_again_at_once() {
    let broker = FakeBroker::start(Manners {
        credentials: Some("gateway\0password".to_owned()),
        ..Manners::default()
    })
    .await;
    let bench = bench(dialer(vec![broker.address.clone()], Some("wrong")), None);
    bench.check(ANY, Err("login_refused")).await;
    bench.check(ANY, Err("resting")).await;
    assert_eq!(broker.connections(), 1);
}

/// Nobody can be asked that before, and the client goes on at once.
#[actix::test]
async fn a_broker_that_judges_a_clients_login_is_recognised_before_its_yes_is_told() {
    let broker = FakeBroker::start(Manners {
        credentials: Some("alice\0password".to_owned()),
        ..Manners::default()
    })
    .await;
    let bench = bench(dialer(vec![broker.address.clone()], None), None);
    let relayed = async |password: &str| {
        let mut lane = bench
            .lease(Lease {
                broker: None,
                login: LoginAs::Client,
            })
            .await
            .unwrap();
        let message = ToBroker {
            mechanism: Mechanism::Plain,
            is_first: true,
            message: Secret::new(format!("\0alice\0{password}")),
        };
        lane.relay(&message).await
    };
    bench.dialer.expected().expect(Some(FAKE_CLUSTER_ID));
    assert_eq!(relayed("password").await.unwrap().error_code, 0);
    assert_eq!(broker.looks(), 1);
    assert_ne!(relayed("wrong").await.unwrap().error_code, 0);
    assert_eq!(broker.looks(), 1, "who is not logged in is told nothing");

    bench.dialer.expected().expect(Some("built-anew"));
    let refused = relayed("password").await;
    assert!(
        matches!(
            &refused,
            Err(RelayError::Unrecognised(DialFault::OtherCluster(other))) if other.found == FAKE_CLUSTER_ID
        ),
        "{refused:?}"
    );
}

/// A lane of before is used to its end, and by nobody else.
#[actix::test]
async fn the_lanes_of_a_generation_that_has_ended_are_not_leased_again() {
    let (old, new) = (
        FakeBroker::start(Manners::default()).await,
        FakeBroker::start(Manners::default()).await,
    );
    let bench = bench(old.dialer(), None);
    let (idle, held) = (bench.lease(ANY).await.unwrap(), bench.lease(ANY).await.unwrap());
    let own = Lease {
        broker: None,
        login: LoginAs::Client,
    };
    let own = bench.lease(own).await.unwrap();
    bench.give_back(idle).await;
    let dialer = Arc::new(new.dialer());
    bench.pool.send(Redial { dialer }).await.unwrap();
    bench.dialer.end();
    assert_eq!(bench.counts(), (2, 0), "nothing idle is kept");
    let now = Instant::now();
    assert!(held.is_retired(now) && !own.is_retired(now));
    bench.give_back(held).await;
    bench.lease(ANY).await.unwrap();
    assert_eq!((old.connections(), new.connections()), (3, 1));
}

#[actix::test]
async fn where_there_is_nothing_to_connect_by_nothing_is_dialled() {
    let broker = FakeBroker::start(Manners::default()).await;
    let bench = bench(broker.dialer(), Some(cluster(&[(1, &broker.address)])));
    let unusable = Unusable {
        why: "${env[X]} is not set".to_owned(),
        missing: ["${env[X]}".to_owned()].into(),
    };
    let dialer = Arc::new(bench.dialer.renewed(Err(unusable)));
    bench
        .pool
        .send(Redial {
            dialer: Arc::clone(&dialer),
        })
        .await
        .unwrap();
    bench.check(to(1), Err("unusable")).await;
    let refused = dialer.dial(&broker.address).await.unwrap_err();
    assert!(matches!(refused.fault, DialFault::Unusable(_)), "{refused:?}");
    assert_eq!(broker.connections(), 0);
}

#[actix::test]
async fn a_pool_that_is_told_to_retire_ends() {
    let broker = FakeBroker::start(Manners::default()).await;
    let bench = bench(broker.dialer(), None);
    bench.pool.send(Retire).await.unwrap();
    assert!(bench.pool.send(ANY).await.is_err());
}
