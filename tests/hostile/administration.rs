//! The admin port: bodies that are too large, too deep, too slow; paths that climb; users that are none.

use super::client::{Client, exchange, http};
use super::gateway::Gateway;

const USER: &str = "Authorization: Basic YWRtaW46Y29uZHVrdG9y\r\n";

/// More than the admin API serves at a time.
const SLOW: usize = 260;

#[test]
fn administration() {
    let mut gateway = Gateway::start();
    paths(&gateway);
    users(&gateway);
    bodies(&gateway);
    noise(&gateway);
    gateway.is_well();
    slow_bodies(&mut gateway);
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

fn put(gateway: &Gateway, body: &str) -> String {
    let length = body.len();
    let head = format!("PUT /gateway/v2/virtual-cluster HTTP/1.1\r\nHost: a\r\n{USER}Connection: close\r\n");
    exchange(
        gateway.http,
        format!("{head}Content-Length: {length}\r\n\r\n{body}").as_bytes(),
    )
}

fn paths(gateway: &Gateway) {
    for path in [
        "/../../etc/passwd",
        "/gateway/v2/virtual-cluster/../../../etc/passwd",
        "/gateway/v2/virtual-cluster/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "/gateway/v2/virtual-cluster/%00",
        "/gateway/v2/virtual-cluster/%ff%fe",
        "//etc/passwd",
    ] {
        let answer = http(gateway.http, path);
        assert!(status(&answer).starts_with('4'), "{path}: {answer}");
        assert!(!answer.contains("root:"), "{path}");
    }
}

fn users(gateway: &Gateway) {
    for user in [
        "",
        "Authorization: Basic \r\n",
        "Authorization: Basic %%%\r\n",
        "Authorization: Basic YWRtaW4=\r\n",
        "Authorization: Basic YWRtaW46d3Jvbmc=\r\n",
        "Authorization: Bearer YWRtaW46Y29uZHVrdG9y\r\n",
    ] {
        let head =
            format!("GET /gateway/v2/virtual-cluster HTTP/1.1\r\nHost: a\r\n{user}Connection: close\r\n\r\n");
        let answer = exchange(gateway.http, head.as_bytes());
        assert_eq!(status(&answer), "401", "{user:?}: {answer}");
    }
}

fn bodies(gateway: &Gateway) {
    let good = r#"{"kind":"VirtualCluster","apiVersion":"gateway/v2","metadata":{"name":"other"},"spec":{"aclEnabled":true,"superUsers":["alice"],"type":"Partner"}}"#;
    let answer = put(gateway, good);
    assert_eq!(status(&answer), "200", "{answer}");
    let bad = [
        String::new(),
        "null".to_owned(),
        "[".repeat(200_000),
        "{\"kind\":".repeat(100_000),
        good.replace("\"other\"", "\"../x\""),
        good.replace("\"other\"", "\"x\\u0000\""),
        good.replace("\"other\"", &format!("\"{}\"", "x".repeat(100_000))),
        good.replace("\"other\"", "1e999"),
        good.replace("\"name\"", "\"naem\""),
        good.replace(
            "[\"alice\"]",
            &format!("[{}\"alice\"]", "\"alice\",".repeat(200_000)),
        ),
        good[..60].to_owned(),
    ];
    for body in bad {
        let answer = put(gateway, &body);
        let begin: String = body.chars().take(80).collect();
        assert!(status(&answer).starts_with('4'), "{begin}: {answer}");
    }
    let answer = put(gateway, &"x".repeat(2 << 20));
    assert!(matches!(status(&answer), "413" | ""), "a body of 2 MiB: {answer}");
    let lies = format!(
        "PUT /gateway/v2/virtual-cluster HTTP/1.1\r\nHost: a\r\n{USER}Content-Length: 99999999999999\r\n\r\n{{"
    );
    let answer = exchange(gateway.http, lies.as_bytes());
    assert!(
        matches!(status(&answer), "413" | "400"),
        "a length of 100 TB: {answer}"
    );
}

fn noise(gateway: &Gateway) {
    for bytes in [
        &b"\0\0\0\x10\0\x12\0\x03"[..],
        b"\x16\x03\x01\x02\0",
        &[0xff; 5000],
        &[b'A'; 300_000],
    ] {
        let answer = exchange(gateway.http, bytes);
        assert!(
            matches!(status(&answer), "400" | "408" | "431" | "414" | ""),
            "{answer}"
        );
    }
}

/// Bodies of which one byte comes: they hold every connection that there is, but not for long.
fn slow_bodies(gateway: &mut Gateway) {
    let head = format!(
        "PUT /gateway/v2/virtual-cluster HTTP/1.1\r\nHost: a\r\n{USER}Content-Length: 1000\r\n\r\n{{"
    );
    let start = |_| {
        let mut client = Client::connect(gateway.http);
        client.send(head.as_bytes());
        client
    };
    let clients: Vec<Client> = (0..SLOW).map(start).collect();
    gateway.eventually("the admin API answers again", |gateway| {
        http(gateway.http, "/health/live").starts_with("HTTP/1.1 200")
    });
    drop(clients);
    gateway.is_well();
}
