//! The admin port: bodies that are too large, too deep, too slow; paths that climb; users that are none.

use std::thread;
use std::time::{Duration, Instant};

use super::client::{Client, exchange, http};
use super::gateway::Gateway;

const USER: &str = "Authorization: Basic YWRtaW46Y29uZHVrdG9y\r\n";

/// More than the admin API serves at a time.
const SLOW: usize = 600;

/// How many connections that say nothing come in a second, and for how long.
const SILENT_A_SECOND: u32 = 300;
const SILENCE: Duration = Duration::from_secs(4);

/// How many passwords are tried at a time.
const GUESSES: usize = 4;

#[test]
fn administration() {
    let mut gateway = Gateway::start();
    paths(&gateway);
    users(&gateway);
    strangers(&gateway);
    variables(&gateway);
    pages(&gateway);
    guesses(&gateway);
    bodies(&gateway);
    noise(&gateway);
    silence(&gateway);
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

/// Strangers are not told what the gateway is or does: that is for its users.
fn strangers(gateway: &Gateway) {
    for (path, without_login) in [
        ("/metrics", "401"),
        ("/versions", "401"),
        ("/gateway/v2/docs", "401"),
        ("/health/live", "200"),
        ("/health/ready", "200"),
    ] {
        assert_eq!(status(&http(gateway.http, path)), "200", "{path}");
        let head = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let answer = exchange(gateway.http, head.as_bytes());
        assert_eq!(status(&answer), without_login, "{path}: {answer}");
    }
}

/// The node's environment cannot be asked by naming its variables.
fn variables(gateway: &Gateway) {
    let naming = |name: &str| {
        let method = format!(
            r#"{{"type":"sasl_plain","mediation":"terminate","principals":[{{"username":"u","password":"${{env['{name}']}}"}}]}}"#
        );
        let answer = put(
            gateway,
            &format!(
                r#"{{"kind":"VirtualCluster","apiVersion":"gateway/v2","metadata":{{"name":"asking"}},"spec":{{"aclEnabled":true,"superUsers":["u"],"type":"Partner","authentication":[{method}]}}}}"#
            ),
        );
        assert_eq!(status(&answer), "400", "{answer}");
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        body.replace(name, "NAME")
    };
    let answers = ["GATEWAY_ADMIN_API_USERS", "KLAMM_THREADS", "NOT_THERE"].map(naming);
    assert!(
        answers[0].contains("which resources may not name"),
        "{}",
        answers[0]
    );
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
}

/// Pages of others cannot use the login that a browser keeps.
fn pages(gateway: &Gateway) {
    let open = r#"{"name":"open","destination":{"name":"main"},"authentication":[{"type":"anonymous"}]}"#;
    let post = |headers: &str| {
        let length = open.len();
        let head = "POST /v1/event-gateways/default/virtual-clusters HTTP/1.1";
        exchange(
            gateway.http,
            format!("{head}\r\n{headers}{USER}Connection: close\r\nContent-Length: {length}\r\n\r\n{open}")
                .as_bytes(),
        )
    };
    let json = "Content-Type: application/json\r\n";
    for (headers, status_of) in [
        (
            format!("Host: localhost\r\nOrigin: http://evil.example\r\n{json}"),
            "403",
        ),
        (
            format!("Host: localhost\r\nSec-Fetch-Site: cross-site\r\n{json}"),
            "403",
        ),
        (
            format!("Host: evil.example\r\nOrigin: http://evil.example\r\n{json}"),
            "403",
        ),
        (
            "Host: localhost\r\nContent-Type: text/plain\r\n".to_owned(),
            "415",
        ),
        (
            "Host: localhost\r\nOrigin: http://localhost\r\nContent-Type: text/plain\r\n".to_owned(),
            "415",
        ),
    ] {
        let answer = post(&headers);
        assert_eq!(status(&answer), status_of, "{headers}: {answer}");
    }
    let all = http(gateway.http, "/gateway/v2/virtual-cluster");
    assert!(status(&all) == "200" && !all.contains("\"open\""), "{all}");
    assert!(
        all.contains("cache-control: no-store") && all.contains("x-content-type-options: nosniff"),
        "{all}"
    );
}

/// Many wrong passwords of one user at a time: few are looked at, and the right one is not kept waiting.
fn guesses(gateway: &Gateway) {
    let guess = || {
        let head = "GET /gateway/v2/cluster HTTP/1.1\r\nHost: a\r\nAuthorization: Basic YWRtaW46d3Jvbmc=\r\n";
        exchange(
            gateway.http,
            format!("{head}Connection: close\r\n\r\n").as_bytes(),
        )
    };
    // The user is known here: without that, the right password would not be looked at either.
    assert_eq!(status(&http(gateway.http, "/gateway/v2/cluster")), "200");
    let start = Instant::now();
    let answers: Vec<(String, Duration)> = thread::scope(|scope| {
        let guessing: Vec<_> = (0..GUESSES)
            .map(|_| scope.spawn(|| (guess(), start.elapsed())))
            .collect();
        thread::sleep(Duration::from_millis(500));
        let right = Instant::now();
        assert_eq!(status(&http(gateway.http, "/gateway/v2/cluster")), "200");
        assert!(right.elapsed() < Duration::from_secs(2), "{:?}", right.elapsed());
        guessing.into_iter().map(|guess| guess.join().unwrap()).collect()
    });
    for (answer, _) in &answers {
        assert_eq!(status(answer), "401", "{answer}");
    }
    let last = answers.iter().map(|(_, after)| *after).max().unwrap();
    assert!(
        last > Duration::from_secs(2),
        "the last answer came after {last:?}"
    );
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

/// Connections that say nothing, one after the other and all held open: every health check is answered.
fn silence(gateway: &Gateway) {
    let end = Instant::now() + SILENCE;
    thread::scope(|scope| {
        let silent = scope.spawn(|| {
            let mut held = Vec::new();
            while Instant::now() < end {
                held.push(Client::connect(gateway.http));
                thread::sleep(Duration::from_secs(1) / SILENT_A_SECOND);
            }
            held.len()
        });
        // More have come by then than are held at a time.
        thread::sleep(SILENCE / 2);
        while Instant::now() < end {
            for path in ["/health/live", "/health/ready"] {
                let asked = Instant::now();
                let answer = http(gateway.http, path);
                assert_eq!(status(&answer), "200", "{path}: {answer}");
                let after = asked.elapsed();
                assert!(
                    after < Duration::from_secs(1),
                    "{path} was answered after {after:?}"
                );
            }
            thread::sleep(Duration::from_millis(50));
        }
        let held = silent.join().unwrap();
        assert!(held > 300, "only {held} connections came");
    });
    let taken = ["late", "waiting"].map(|reason| {
        gateway.metric(&format!(
            "klamm_seats_taken_away_total{{port=\"admin\",reason=\"{reason}\"}}"
        ))
    });
    assert!(taken.iter().sum::<u64>() > 100, "{taken:?}");
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
