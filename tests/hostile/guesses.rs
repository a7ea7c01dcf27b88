//! Guessed passwords: others log in meanwhile as if nobody guessed, and whoever guesses at one name is soon not looked at.

use std::net::Ipv4Addr;
use std::thread;
use std::time::Duration;

use super::client::{Client, authenticate, handshake};
use super::gateway::Gateway;

const GUESSER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const PASSWORD: &str = "a-password";

/// Guesses that come at once, each at another name. To look at them all takes a second at least.
const AT_ONCE: usize = 1_000;

/// Who logs in for the first time meanwhile.
const NEWCOMERS: usize = 10;

/// Guesses at one name; how many of them are looked at depends on how fast they come.
const AT_ONE_NAME: usize = 40;
const MOST_HEARD: u64 = 20;

#[test]
fn guesses() {
    let mut gateway = Gateway::start();
    let port = gateway.open_list(NEWCOMERS + 1, PASSWORD);
    first_logins(&gateway, port);
    gateway.eventually("all guesses were looked at", |gateway| {
        gateway.metric("klamm_password_checks") == 0
    });
    one_name(&mut gateway, port);
    gateway.is_well();
}

fn guess(user: &str) -> Vec<u8> {
    authenticate(format!("\0{user}\0wrong").as_bytes())
}

fn failed(gateway: &Gateway, reason: &str) -> u64 {
    gateway.metric(&format!(
        "klamm_login_failures_total{{reason=\"{reason}\",vcluster=\"listed\"}}"
    ))
}

/// Whoever logs in for the first time is let in before those who came earlier and only guess.
fn first_logins(gateway: &Gateway, port: u16) {
    let begin = |_| {
        let mut client = Client::connect_from(GUESSER, port);
        client.send(&handshake());
        client.receive().expect("the handshake is answered");
        client
    };
    let mut guessers: Vec<Client> = (0..AT_ONCE).map(begin).collect();
    for (number, guesser) in guessers.iter_mut().enumerate() {
        guesser.send(&guess(&format!("nobody-{number}")));
    }
    for number in 0..NEWCOMERS {
        let mut client = Client::connect(port);
        assert!(client.try_login(&format!("user-{number}"), PASSWORD));
    }
    let waiting = gateway.metric("klamm_password_checks");
    assert!(waiting > 0, "all guesses were looked at before");
    drop(guessers);
}

/// Guesses that do not wait for answers: the first few are looked at. The right password is, from another address.
fn one_name(gateway: &mut Gateway, port: u16) {
    let newcomer = format!("user-{NEWCOMERS}");
    let all = |gateway: &Gateway| failed(gateway, "wrong_password") + failed(gateway, "not_heard");
    assert_eq!(all(gateway), 0);
    for _ in 0..AT_ONE_NAME {
        let mut client = Client::connect_from(GUESSER, port);
        client.send(&[handshake(), guess(&newcomer)].concat());
        thread::sleep(Duration::from_millis(10));
    }
    gateway.eventually("all are judged", |gateway| all(gateway) == AT_ONE_NAME as u64);
    let heard = failed(gateway, "wrong_password");
    assert!((1..=MOST_HEARD).contains(&heard), "{heard} were looked at");
    assert!(
        Client::connect(port).try_login(&newcomer, PASSWORD),
        "from elsewhere"
    );
}
