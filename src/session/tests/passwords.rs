//! Users of a list: their passwords are checked off the session's thread.

use std::cell::Cell;
use std::rc::Rc;

use klamm_raft::model::{Method, VclusterState};

use super::*;
use crate::auth::password;

/// Puts a user into the list of PLAIN, or takes one out.
fn put(state: &mut VclusterState, user: &str, password: Option<&str>) {
    for method in &mut state.spec.authentication.0 {
        if let Method::SaslPlain { users, .. } = method {
            let user = user.parse().unwrap();
            match password {
                Some(password) => drop(users.insert(user, password::hash(password, [3; 16]))),
                None => drop(users.remove(&user)),
            }
        }
    }
}

async fn gateway(limits: Limits) -> Gateway {
    let gateway = Gateway::start(limits, prompt).await;
    gateway.change(|state| put(state, "ursula", Some("hunter2")));
    gateway
}

async fn is_served(client: &mut Client, id: i32) -> bool {
    client.send(&heartbeat(id)).await;
    client.receive_id().await == Some(id)
}

#[actix::test]
async fn a_user_of_the_list_is_served() {
    let gateway = gateway(limits()).await;
    for _ in 0..2 {
        let mut client = gateway.connect().await;
        client.log_in("ursula", "hunter2").await;
        assert!(is_served(&mut client, 5).await);
    }
    for (user, password) in [("ursula", "hunter3"), ("nobody", "hunter2"), ("alice", "hunter2")] {
        let mut client = gateway.connect().await;
        assert_eq!(client.try_log_in(user, password).await, 58, "{user}");
        assert_eq!(client.receive().await, None, "{user}");
    }
    let text = gateway.metrics.encode().unwrap();
    for line in [
        r#"klamm_login_failures_total{reason="wrong_password",vcluster="partner1"} 1"#,
        r#"klamm_login_failures_total{reason="unknown_user",vcluster="partner1"} 2"#,
    ] {
        assert!(text.contains(line), "{line} in\n{text}");
    }
}

#[actix::test]
async fn users_come_and_go_and_disturb_nobody_else() {
    let gateway = gateway(limits()).await;
    let mut by_password = gateway.connect().await;
    by_password.log_in("ursula", "hunter2").await;
    let mut by_token = gateway.log_in().await;
    for turn in 0..50 {
        let user = format!("user-{turn}");
        gateway.change(|state| put(state, &user, Some("other")));
        gateway.change(|state| put(state, &format!("user-{}", turn / 2), None));
        gateway.orders.send_modify(|orders| orders.recheck += 1);
        assert!(is_served(&mut by_password, turn).await);
        assert!(is_served(&mut by_token, turn).await);
    }
    gateway.change(|state| put(state, "ursula", Some("changed")));
    gateway.orders.send_modify(|orders| orders.recheck += 1);
    assert_eq!(by_password.receive().await, None);
    gateway.expect_end("password_changed").await;
    assert!(is_served(&mut by_token, 99).await);
}

/// Many guess at passwords, all of them at one address. Who has a session, a token, or a password that was right before, does
/// not wait for them; who logs in for the first time gets the next turn.
#[actix::test]
async fn a_storm_of_bad_logins_leaves_good_clients_working() {
    let gateway = gateway(limits()).await;
    let mut open = gateway.connect().await;
    open.log_in("ursula", "hunter2").await;
    gateway.change(|state| put(state, "newcomer", Some("first time")));
    let address = gateway.address;
    let is_over = Rc::new(Cell::new(false));
    let guesses: Vec<_> = (0..40)
        .map(|number| {
            let is_over = Rc::clone(&is_over);
            actix_rt::spawn(async move {
                while !is_over.get() {
                    let mut client = Client::connect(address).await;
                    let user = if number % 2 == 0 { "ursula" } else { "nobody" };
                    assert!(!client.is_let_in(user, "guess").await);
                }
            })
        })
        .collect();
    while gateway.shared.metrics.password_checks.get() == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let mut known = gateway.connect().await;
    known.log_in("ursula", "hunter2").await;
    let mut token = gateway.log_in().await;
    let mut newcomer = gateway.connect().await;
    newcomer.log_in("newcomer", "first time").await;
    for (id, client) in [&mut open, &mut known, &mut token, &mut newcomer]
        .into_iter()
        .enumerate()
    {
        assert!(is_served(client, id as i32).await);
    }
    is_over.set(true);
    for guess in guesses {
        guess.await.unwrap();
    }
    assert_eq!(gateway.shared.metrics.password_checks.get(), 0);
    let text = gateway.metrics.encode().unwrap();
    for reason in ["wrong_password", "unknown_user"] {
        let counted = format!("klamm_login_failures_total{{reason=\"{reason}\",vcluster=\"partner1\"}} ");
        assert!(text.contains(&counted), "{reason} in {text}");
    }
}

/// Begins SCRAM and sends a proof of nothing.
async fn guess_by_scram(gateway: &Gateway, user: &str) -> Client {
    let mut client = gateway.connect().await;
    client.send(&request(17, 1, 1, b"\0\x0dSCRAM-SHA-256")).await;
    client.receive().await.unwrap();
    let message = |text: String| request(36, 1, 2, &framed(text.as_bytes()));
    client.send(&message(format!("n,,n={user},r=nonce"))).await;
    let challenge = client.receive().await.unwrap();
    let challenge = String::from_utf8_lossy(&challenge);
    let nonce = &challenge[challenge.find("r=").unwrap()..];
    let nonce = nonce.split(',').next().unwrap_or_default();
    let proof = "A".repeat(43) + "=";
    client.send(&message(format!("c=biws,{nonce},p={proof}"))).await;
    client
}

/// Of guesses that do not wait for answers the first few are looked at. Whether anybody has the name makes no difference.
#[actix::test]
async fn guesses_at_a_scram_password_are_not_looked_at_without_end() {
    const EACH: u64 = 5;
    const LOOKED_AT: u64 = 2;
    let limits = Limits {
        failed_login_delay: Duration::from_secs(3),
        ..limits()
    };
    let gateway = gateway(limits).await;
    let failures = |is_meant: fn(&str) -> bool| {
        let text = gateway.metrics.encode().unwrap();
        let lines = text
            .lines()
            .filter(|line| line.starts_with("klamm_login_failures_total") && is_meant(line));
        let counts = lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
        counts.sum::<u64>()
    };
    for (round, user) in [(1, "alice"), (2, "nobody")] {
        let mut guesses = Vec::new();
        for _ in 0..EACH {
            guesses.push(guess_by_scram(&gateway, user).await);
        }
        while failures(|_| true) < round * EACH {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let not_heard = failures(|line| line.contains("not_heard"));
        assert_eq!(not_heard, round * (EACH - LOOKED_AT), "{user}");
    }
    gateway.log_in().await;
}

#[actix::test]
async fn a_session_whose_time_is_over_serves_nothing_until_it_logs_in_again() {
    let lifetime = Duration::from_secs(2);
    let limits = Limits {
        max_session_lifetime: Some(lifetime),
        ..limits()
    };
    let gateway = gateway(limits).await;
    let (mut renewed, mut late, mut curious) = (
        gateway.connect().await,
        gateway.connect().await,
        gateway.connect().await,
    );
    for client in [&mut renewed, &mut late, &mut curious] {
        client.log_in("ursula", "hunter2").await;
        assert!(is_served(client, 1).await);
    }
    tokio::time::sleep(lifetime).await;
    assert!(!is_served(&mut late, 2).await);
    curious.send(&request(API_VERSIONS, 0, 2, b"")).await;
    assert_eq!(curious.receive().await, None, "not even versions");
    gateway.expect_end("session_expired").await;
    renewed.log_in("ursula", "hunter2").await;
    assert!(is_served(&mut renewed, 2).await);
}
