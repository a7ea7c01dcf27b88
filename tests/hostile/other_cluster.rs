//! Another Kafka cluster at the addresses of the one that was there: nothing is sent to it, and somebody may accept it.

use super::client::http;
use super::gateway::Gateway;

#[test]
fn another_kafka_cluster_gets_nothing_until_it_is_accepted() {
    let mut gateway = Gateway::start();
    gateway.broker.is_of("anew");
    // The first connection finds out, not the next look of the watcher.
    let mut client = gateway.login();
    assert!(
        !client.knows_topic("orders"),
        "a request reached the other cluster"
    );
    gateway.eventually("it is said where that matters", |gateway| {
        let ready = http(gateway.http, "/health/ready");
        // Nothing else is there that could be served.
        let is_told = ready.starts_with("HTTP/1.1 503") && ready.contains("anew instead of fake");
        let metrics = http(gateway.http, "/metrics");
        let status = gateway.command(&["cluster", "status"]);
        is_told
            && metrics.contains("klamm_upstream_other_cluster{cluster=\"main\"} 1")
            && status.contains("accept-kafka-cluster main --id anew --dry-run")
    });
    let shown = gateway.command(&["get", "virtual-cluster", "tenant", "-o", "yaml"]);
    assert!(shown.contains("anew answers instead of fake"), "{shown}");

    let accept = ["cluster", "accept-kafka-cluster", "main", "--id", "anew"];
    let dry = gateway.command(&[&accept[..], &["--dry-run"]].concat());
    assert!(
        dry.contains("main would be the Kafka cluster anew instead of fake") && dry.contains("tenant"),
        "{dry}"
    );
    let stays = gateway.command(&["cluster", "status"]);
    assert!(stays.contains("another Kafka cluster"), "{stays}");
    let late = gateway.command(&[&accept[..], &["--instead", "older"]].concat());
    assert!(late.contains("was pinned to the Kafka cluster id fake"), "{late}");
    let done = gateway.command(&accept);
    assert!(
        done.contains("main is the Kafka cluster anew instead of fake"),
        "{done}"
    );
    gateway.serves();
    gateway.eventually("nothing is wrong any more", |gateway| {
        let ready = http(gateway.http, "/health/ready");
        ready.starts_with("HTTP/1.1 200") && !ready.contains("warnings")
    });
    gateway.is_well();
}
