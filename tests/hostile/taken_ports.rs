//! Ports that other processes hold: only what is there is down, it comes back by itself, and everybody is told.

use std::net::TcpListener;

use klamm::quickstart::admin::Admin;

use super::client::http;
use super::gateway::{Gateway, open_vcluster};

/// Ports of clients that are taken: more than the next virtual cluster needs.
const TAKEN: u16 = 8;

#[test]
fn a_port_that_is_taken_stops_one_virtual_cluster_only() {
    let mut gateway = Gateway::start();
    let held: Vec<TcpListener> = (gateway.port..gateway.port + 2 * TAKEN)
        .filter_map(|port| TcpListener::bind(("127.0.0.1", port)).ok())
        .take(usize::from(TAKEN))
        .collect();
    let admin = Admin::new(&format!("http://127.0.0.1:{}", gateway.http));
    let (blocked, token) = open_vcluster(&admin, "blocked");
    assert!(
        held.iter()
            .any(|port| blocked.ends_with(&port.local_addr().unwrap().port().to_string())),
        "{blocked} is none of the ports that are held"
    );

    gateway.serves();
    gateway.eventually("it is said where that matters", |gateway| {
        let ready = http(gateway.http, "/health/ready");
        let is_warned =
            ready.starts_with("HTTP/1.1 200") && ready.contains("warnings") && ready.contains(&blocked);
        let metrics = http(gateway.http, "/metrics");
        let unopened = metrics
            .lines()
            .find_map(|line| line.strip_prefix("klamm_addresses_unopened "));
        let status = gateway.command(&["cluster", "status"]);
        is_warned
            && unopened.is_some_and(|count| count != "0")
            && status.contains(&format!("{blocked} cannot be opened"))
    });
    assert!(
        gateway.log().contains("an address cannot be opened"),
        "{}",
        gateway.log()
    );

    drop(held);
    let port = blocked.rsplit_once(':').unwrap().1.parse().unwrap();
    gateway.eventually("it is open once the port is free", |_| {
        std::net::TcpStream::connect(("127.0.0.1", port)).is_ok_and(|_| {
            let mut client = super::client::Client::connect(port);
            client.try_login("admin", &token)
        })
    });
    gateway.eventually("nothing is wrong any more", |gateway| {
        http(gateway.http, "/metrics").contains("klamm_addresses_unopened 0")
            && !http(gateway.http, "/health/ready").contains("warnings")
    });
}
