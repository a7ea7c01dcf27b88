//! Dials against a broker on loopback.

use std::error::Error;
use std::time::Duration;

use super::*;
use crate::backend::fake::{FakeBroker, Manners, dialer, metrics, nowhere};

const RIGHT: &str = "gateway\0password";

/// The metrics label of the fault, or what the broker said of the session's lifetime.
async fn check(dialer: &Dialer, address: &HostPort, expected: Result<Option<Duration>, &str>) {
    let outcome = dialer.dial(address).await;
    let outcome = outcome.map(|dialled| dialled.login.lifetime);
    let got = outcome
        .as_ref()
        .copied()
        .map_err(|error| error.fault.kind().name());
    assert_eq!(got, expected, "{outcome:?}");
}

fn with_credentials() -> Manners {
    Manners {
        credentials: Some(RIGHT.to_owned()),
        ..Manners::default()
    }
}

#[tokio::test]
async fn dials_a_broker_without_sasl() {
    let broker = FakeBroker::start(Manners::default()).await;
    check(&broker.dialer(), &broker.address, Ok(None)).await;
}

#[tokio::test]
async fn logs_in_and_learns_the_lifetime() {
    let broker = FakeBroker::start(Manners {
        session_lifetime_ms: 90_000,
        ..with_credentials()
    })
    .await;
    check(
        &broker.dialer(),
        &broker.address,
        Ok(Some(Duration::from_secs(90))),
    )
    .await;
}

#[tokio::test]
async fn refused_credentials_are_named_as_the_gateways_own() {
    let broker = FakeBroker::start(with_credentials()).await;
    let dialer = dialer(vec![broker.address.clone()], Some("wrong"));
    check(&dialer, &broker.address, Err("login_refused")).await;
    let error = dialer.dial(&broker.address).await.unwrap_err();
    let cause = error.source().unwrap().source().unwrap().to_string();
    assert!(cause.contains("the gateway's own credentials"), "{cause}");
    assert!(!format!("{error:?}").contains("wrong"));
}

#[tokio::test]
async fn a_login_where_none_is_asked_for_is_named() {
    let broker = FakeBroker::start(Manners::default()).await;
    let dialer = dialer(vec![broker.address.clone()], Some("password"));
    check(&dialer, &broker.address, Err("login_refused")).await;
}

#[tokio::test]
async fn a_closed_port_is_a_failed_connect() {
    let address = nowhere();
    check(&dialer(vec![address.clone()], None), &address, Err("connect")).await;
}

#[tokio::test]
async fn a_name_without_address_does_not_resolve() {
    let address: HostPort = "no-such-host.invalid:9092".parse().unwrap();
    check(&dialer(vec![address.clone()], None), &address, Err("resolve")).await;
}

#[tokio::test(start_paused = true)]
async fn a_silent_broker_is_given_up() {
    let broker = FakeBroker::start(Manners {
        is_silent: true,
        ..Manners::default()
    })
    .await;
    check(&broker.dialer(), &broker.address, Err("timeout")).await;
}

#[tokio::test]
async fn a_broker_that_hangs_up_breaks_the_login() {
    let broker = FakeBroker::start(Manners {
        requests_per_connection: Some(1),
        ..with_credentials()
    })
    .await;
    check(&broker.dialer(), &broker.address, Err("broken")).await;
}

#[tokio::test]
async fn the_gateways_own_port_is_a_loop() {
    let broker = FakeBroker::start(Manners::default()).await;
    let port = broker.address.port;
    let config = BackendConfig {
        id: "main".parse().unwrap(),
        bootstrap: vec![broker.address.clone()],
        security: Security::Plaintext,
        login: None,
        credentials: Default::default(),
        anonymous: crate::backend::config::AnonymousClients::Refused,
        stands_in_for: None,
    };
    let own = Dialer::new(config.clone(), vec![port..=port], metrics()).unwrap();
    check(&own, &broker.address, Err("loop")).await;
    let other = Dialer::new(config, vec![port + 1..=port + 2], metrics()).unwrap();
    check(&other, &broker.address, Ok(None)).await;
}

#[tokio::test]
async fn dials_and_faults_are_counted() {
    let broker = FakeBroker::start(Manners::default()).await;
    let dialer = broker.dialer();
    check(&dialer, &broker.address, Ok(None)).await;
    check(&dialer, &broker.address, Ok(None)).await;
    assert_eq!(dialer.metrics().dials.get(), 2);
}

#[tokio::test]
async fn a_connection_is_probed_while_it_is_idle() {
    let broker = FakeBroker::start(Manners::default()).await;
    let socket = connect(&broker.address).await.unwrap();
    assert!(SockRef::from(&socket).keepalive().unwrap());
    assert!(socket.nodelay().unwrap());
}
