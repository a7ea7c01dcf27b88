//! Who wants all connections: strangers that connect and say nothing, and a tenant that logs in again and again. Others
//! log in and are served.

use std::net::Ipv4Addr;
use std::thread;
use std::time::{Duration, Instant};

use super::client::{Client, metadata};
use super::gateway::{Gateway, Neighbour};

/// Seats of those who have logged in, and of those who have not.
const SEATS: usize = 100;
const BEFORE_LOGIN: usize = 100;

/// How many connections that say nothing come in a second, and for how long. The last few of them are held.
const SILENT_A_SECOND: u32 = 1_000;
const SILENCE: Duration = Duration::from_secs(3);
const HELD: usize = 1_000;
const STRANGER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// How often a good client logs in meanwhile.
const LOGIN_PAUSE: Duration = Duration::from_millis(20);

/// How often a greedy tenant logs in, and a good one after it.
const GREEDY: usize = 2 * SEATS;
const GOOD: usize = 30;

/// Lines of a kind that may be written: ten, and the number of others, in each of two times.
const MOST_LINES: usize = 22;

#[test]
fn nobody_takes_all_seats() {
    let (seats, before_login) = (SEATS.to_string(), BEFORE_LOGIN.to_string());
    let mut gateway = Gateway::with(&[
        ("KLAMM_LIMITS_CONNECTIONS", &seats),
        ("KLAMM_LIMITS_CONNECTIONS_BEFORE_LOGIN", &before_login),
    ]);
    let neighbour = gateway.open_vcluster("neighbour");
    let mut long_there = neighbour.login();
    silence(&gateway, &neighbour);
    greed(&gateway, &neighbour);
    assert!(long_there.knows_topic("orders"), "who was there before is served");
    let lines = gateway.log().matches("the connection had to make room").count();
    assert!((1..=MOST_LINES).contains(&lines), "{lines} lines");
    gateway.is_well();
}

/// How many connections lost their seat for a reason.
fn taken(gateway: &Gateway, reason: &str) -> usize {
    let name = format!("klamm_seats_taken_away_total{{port=\"kafka\",reason=\"{reason}\"}}");
    gateway.metric(&name) as usize
}

/// One address connects faster than seats become free.
fn silence(gateway: &Gateway, neighbour: &Neighbour) {
    let start = Instant::now();
    let (welcome, refused, came) = thread::scope(|scope| {
        let silent = scope.spawn(|| {
            let (mut held, mut came) = (Vec::new(), 0);
            while start.elapsed() < SILENCE {
                held.push(Client::connect_from(STRANGER, gateway.port));
                came += 1;
                if held.len() > HELD {
                    held.drain(..HELD / 2);
                }
                let due = Duration::from_secs(1) * came / SILENT_A_SECOND;
                thread::sleep(due.saturating_sub(start.elapsed()));
            }
            came as usize
        });
        thread::sleep(SILENCE / 3);
        let (mut welcome, mut refused) = (0, 0);
        while start.elapsed() < SILENCE {
            match neighbour.try_login() {
                Some(_) => welcome += 1,
                None => refused += 1,
            }
            thread::sleep(LOGIN_PAUSE);
        }
        (welcome, refused, silent.join().unwrap())
    });
    assert!(came > 2 * BEFORE_LOGIN, "only {came} connections came");
    assert!(
        welcome > 0 && refused == 0,
        "{welcome} were let in, {refused} were not"
    );
    assert!(taken(gateway, "no_login") > came / 2, "of {came}");
    assert!(gateway.closed("seat_given_away") > 0);
}

/// One account takes all seats, and is refused more. Another tenant gets its own from it.
fn greed(gateway: &Gateway, neighbour: &Neighbour) {
    let token = gateway.account("greedy");
    let enter = |_| {
        let mut client = gateway.connect();
        client.try_login("greedy", &token).then_some(client)
    };
    let mut greedy: Vec<Client> = (0..GREEDY).filter_map(enter).collect();
    assert!(
        (SEATS / 2..SEATS).contains(&greedy.len()),
        "{} were let in",
        greedy.len()
    );
    assert!(gateway.closed("no_seat") >= (GREEDY - SEATS) as u64);
    let mut good: Vec<Client> = (0..GOOD).map(|_| neighbour.login()).collect();
    assert!(good.iter_mut().all(|client| client.knows_topic("orders")));
    assert!(taken(gateway, "busy") + taken(gateway, "idle") >= GOOD - 1);
    assert!(greedy[0].is_closed(), "it was asked nothing for longest");
    let last = greedy.last_mut().expect("somebody was let in");
    assert!(last.send(&metadata("orders")) && last.receive().is_some());
}
