//! The attacks: what they send, and what the attackers have for it.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{ListTransactionsRequest, MetadataRequest, TopicName};
use kafka_protocol::protocol::StrBytes;
use klamm::quickstart::admin;
use serde_json::{Value, json};

use crate::client::{Client, Verdict};
use crate::hall::{self, Hall};
use crate::hostile::CONNECTIONS;
use crate::login::Login;
use crate::node;
use crate::origin::Origin;
use crate::stream::Stream;

/// A virtual cluster of the attackers, an account of it without any right, and one with a list of users.
const CROWD: &str = "crowd";
const LISTED: &str = "newcomers";
const USER: &str = "mallory";
const PASSWORD: &str = "a-password-of-a-newcomer";

/// Users that log in for the first time: more than there are in a run.
const NEWCOMERS: usize = 500;

/// Connections that say nothing, and wrong passwords, in a second.
const SILENT: u32 = 1_000;
const WRONG: u32 = 500;

/// Of those that come one after the other, so many are held by each thread.
const HELD: usize = 3_000;

/// How long all sessions may take to log in.
const ALL_THERE: Duration = Duration::from_secs(60);

/// An expression that would be large once it is compiled, and one that is as large as may be.
const PATTERNS: [&str; 2] = [r"(\pL{30}){30}", r"[a-z]{400}"];

/// The length that a large request says it has, in bytes.
const LARGE: u32 = 90 << 20;
const CREATE_ACLS: [u8; 4] = [0, 30, 0, 3];

/// Topics that are asked for at once.
const TOPICS: usize = 300;

/// The attacks under which good clients are watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attack {
    Silent,
    Passwords,
    Sessions,
    Patterns,
    LargeRequests,
    Denials,
    Handshakes,
}

/// The addresses and credentials of one gateway that attackers know, and good newcomers beside them.
#[derive(Debug)]
pub(crate) struct Ground {
    origin: Origin,
    address: String,
    over_tls: String,
    listed: String,
    login: Login,
    hello: Vec<u8>,
    newcomers: AtomicUsize,
}

impl Ground {
    /// Puts what is needed on a gateway. Good clients come from another address than its attackers.
    pub(crate) fn prepare(hall: &Hall, attackers: Ipv4Addr) -> Result<Self> {
        let gateway = hall.gateway();
        node::put_partner(&gateway, CROWD, &[])?;
        gateway.put("service-account", &admin::account(CROWD, USER))?;
        let user = |number| json!({"username": newcomer(number), "password": PASSWORD});
        let mut listed = admin::vcluster(LISTED, USER);
        listed["spec"]["authentication"] = json!([{
            "type": "sasl_plain", "mediation": "terminate",
            "principals": (0..NEWCOMERS).map(user).collect::<Vec<Value>>(),
        }]);
        gateway.put("virtual-cluster", &listed)?;
        let address = gateway.bootstrap(CROWD)?;
        let ground = Self {
            origin: Origin::new(attackers),
            over_tls: hall::shifted(&address)?,
            listed: gateway.bootstrap(LISTED)?,
            login: Login::plain(USER, &node::token(&gateway, CROWD, USER)?),
            hello: hall.trust()?.hello()?,
            newcomers: AtomicUsize::new(0),
            address,
        };
        ensure!(
            node::patiently(|| ground.attacker().is_ok() && ground.first_login().is_ok()),
            "attackers and newcomers are let in"
        );
        Ok(ground)
    }

    /// A user logs in for the first time, so that the password has to be checked.
    pub(crate) fn first_login(&self) -> Result<Client> {
        let number = self.newcomers.fetch_add(1, Ordering::Relaxed) % NEWCOMERS;
        Client::connect(&self.listed, Some(&Login::plain(&newcomer(number), PASSWORD)))
    }

    /// An attacker who has logged in.
    fn attacker(&self) -> Result<Client> {
        let socket = self.origin.connect(&self.address)?;
        let mut client = Client::over(Stream::Plain(socket));
        let verdict = client.log_in(&self.login)?;
        ensure!(verdict == Verdict::Welcome, "the login is refused");
        Ok(client)
    }
}

fn newcomer(number: usize) -> String {
    format!("newcomer-{number}")
}

impl Attack {
    pub(crate) const ALL: [Self; 7] = [
        Self::Silent,
        Self::Passwords,
        Self::Sessions,
        Self::Patterns,
        Self::LargeRequests,
        Self::Denials,
        Self::Handshakes,
    ];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Silent => "silent connects",
            Self::Passwords => "wrong passwords",
            Self::Sessions => "all sessions",
            Self::Patterns => "expressions",
            Self::LargeRequests => "CreateAcls of 90 MiB",
            Self::Denials => "300 denials at once",
            Self::Handshakes => "TLS handshakes",
        }
    }

    /// How many attack at once.
    pub(crate) fn threads(self) -> usize {
        match self {
            Self::Silent | Self::Passwords => 1,
            Self::Sessions => 8,
            Self::Patterns | Self::LargeRequests | Self::Denials | Self::Handshakes => 4,
        }
    }

    /// Waits until the attack is at its height.
    pub(crate) fn await_start(self, steps: &AtomicUsize, rising: Duration) {
        let deadline = Instant::now() + ALL_THERE;
        if self == Self::Sessions {
            while steps.load(Ordering::Relaxed) < CONNECTIONS && Instant::now() < deadline {
                thread::sleep(Duration::from_millis(20));
            }
        }
        thread::sleep(rising);
    }

    /// Attacks until it is over, and counts the steps.
    pub(crate) fn make(self, ground: &Ground, over: &AtomicBool, steps: &AtomicUsize) -> Result<()> {
        let mut wave = Wave {
            ground,
            over,
            steps,
            held: VecDeque::new(),
        };
        match self {
            Self::Silent => wave.paced(SILENT, |_| ground.origin.connect(&ground.address)),
            Self::Passwords => wave.paced(WRONG, |number| guess(ground, number)),
            Self::Sessions => wave.sessions(),
            Self::Patterns => wave.ask(|client, number| {
                let pattern = format!("{}{number}", PATTERNS[number % PATTERNS.len()]);
                let pattern = Some(StrBytes::from_string(pattern));
                let request = ListTransactionsRequest::default().with_transactional_id_pattern(pattern);
                client.ask(2, &request).map(drop)
            }),
            Self::LargeRequests => wave.repeat(|| large(ground)),
            Self::Denials => wave.ask(|client, number| {
                let topic = |index| {
                    let name = TopicName(StrBytes::from_string(format!("topic-{number}-{index}")));
                    MetadataRequestTopic::default().with_name(Some(name))
                };
                let topics = Some((0..TOPICS).map(topic).collect());
                client
                    .ask(12, &MetadataRequest::default().with_topics(topics))
                    .map(drop)
            }),
            Self::Handshakes => wave.repeat(|| {
                let mut socket = ground.origin.connect(&ground.over_tls)?;
                socket.write_all(&ground.hello)?;
                socket.read_exact(&mut [0; 64])?;
                Ok(())
            }),
        }
        Ok(())
    }
}

/// One attacker at work.
struct Wave<'a> {
    ground: &'a Ground,
    over: &'a AtomicBool,
    steps: &'a AtomicUsize,
    held: VecDeque<TcpStream>,
}

impl Wave<'_> {
    fn goes_on(&self) -> bool {
        !self.over.load(Ordering::Relaxed)
    }

    fn step(&self) {
        self.steps.fetch_add(1, Ordering::Relaxed);
    }

    /// Connects so often in a second, whatever becomes of it, and holds the last ones.
    fn paced(&mut self, in_a_second: u32, connect: impl Fn(usize) -> Result<TcpStream>) {
        let (start, mut made) = (Instant::now(), 0);
        while self.goes_on() {
            if let Ok(socket) = connect(made as usize) {
                self.held.push_back(socket);
                self.step();
            }
            if self.held.len() > HELD {
                self.held.pop_front();
            }
            made += 1;
            let due = Duration::from_secs(1) * made / in_a_second;
            thread::sleep(due.saturating_sub(start.elapsed()));
        }
    }

    /// Again and again, as fast as it goes, whatever becomes of it.
    fn repeat(&self, one: impl Fn() -> Result<()>) {
        while self.goes_on() {
            if one().is_err() {
                thread::sleep(Duration::from_millis(1));
            }
            self.step();
        }
    }

    /// Asks one thing after the other, with another connection when one is lost.
    fn ask(&self, one: impl Fn(&mut Client, usize) -> Result<()>) {
        let mut number = 0;
        while self.goes_on() {
            let Ok(mut client) = self.ground.attacker() else {
                thread::sleep(Duration::from_millis(1));
                continue;
            };
            while self.goes_on() && one(&mut client, number).is_ok() {
                number += 1;
                self.step();
            }
        }
    }

    /// Logs in and stays, as often as there are seats, and tries again for more.
    fn sessions(&self) {
        let mut sessions = Vec::new();
        while self.goes_on() {
            match self.ground.attacker() {
                Ok(session) => sessions.push(session),
                Err(_) => thread::sleep(Duration::from_millis(20)),
            }
            self.step();
        }
    }
}

fn framed(parts: &[&[u8]]) -> Vec<u8> {
    let frame = parts.concat();
    [&(frame.len() as u32).to_be_bytes()[..], &frame].concat()
}

/// A handshake and a wrong password, and no wait for an answer: of one user, and of others whom nobody knows.
fn guess(ground: &Ground, number: usize) -> Result<TcpStream> {
    let user = match number % 2 {
        0 => newcomer(NEWCOMERS - 1),
        _ => format!("nobody-{number}"),
    };
    let message = framed(&[format!("\0{user}\0wrong").as_bytes()]);
    let head = [0, 0, 0, 1, 0xff, 0xff];
    let handshake = framed(&[&[0, 17, 0, 1], &head, b"\0\x05PLAIN"]);
    let mut socket = ground.origin.connect(&ground.listed)?;
    socket.write_all(&[handshake, framed(&[&[0, 36, 0, 1], &head, &message])].concat())?;
    Ok(socket)
}

/// A large request, as far as it is taken.
fn large(ground: &Ground) -> Result<()> {
    let client = ground.attacker()?;
    let mut stream = client.into_stream();
    stream.write_all(
        &[
            &LARGE.to_be_bytes()[..],
            &CREATE_ACLS,
            &[0, 0, 0, 1, 0xff, 0xff, 0],
        ]
        .concat(),
    )?;
    let part = vec![0; 1 << 20];
    for _ in 0..LARGE >> 20 {
        stream.write_all(&part)?;
    }
    Ok(())
}
