//! A gateway process before a fake broker, with a virtual cluster, an account and a token; and what can be seen of it.

use std::fs;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use klamm::quickstart::admin::{self, Admin};
use klamm::quickstart::node::{GatewayNode, NodeSettings};
use klamm::quickstart::ports::PortBlock;

use super::broker::FakeBroker;
use super::client::{Client, http};

/// The most memory that the whole process may take, in KiB. A debug build at rest takes about 60 MiB.
const MOST_RESIDENT_KIB: u64 = 200 << 10;

/// Threads that carry connections.
const THREADS: usize = 2;

/// More open files than before the attack that may be left: each thread keeps up to 32 idle lanes to a broker for a
/// minute, and a few other things come and go.
const FILES_SLACK: usize = 32 * THREADS + 12;

/// How long anything that must happen may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);

/// A virtual cluster beside the one that is attacked.
pub(crate) struct Neighbour {
    port: u16,
    token: String,
}

impl Neighbour {
    /// A client that has logged in.
    pub(crate) fn login(&self) -> Client {
        self.try_login().expect("the login is refused")
    }

    /// A client that has logged in, if it is let in.
    pub(crate) fn try_login(&self) -> Option<Client> {
        let mut client = Client::connect(self.port);
        client.try_login("admin", &self.token).then_some(client)
    }
}

/// With the super user `admin` and the topic `orders`; gives its address and a token.
pub(crate) fn open_vcluster(admin: &Admin, name: &str) -> (String, String) {
    let alias = admin::alias(name, "orders", ("main", "orders"));
    admin
        .put("virtual-cluster", &admin::vcluster(name, "admin"))
        .unwrap();
    admin.put("alias-topic", &alias).unwrap();
    admin
        .put("service-account", &admin::account(name, "admin"))
        .unwrap();
    let token = admin.token(name, "admin", 3600).unwrap();
    (admin.bootstrap(name).unwrap(), token)
}

pub(crate) fn port_of(address: &str) -> u16 {
    address.rsplit_once(':').unwrap().1.parse().unwrap()
}

/// Who may use the admin API.
const USERS: &str = "[{username: admin, password: conduktor, admin: true}]";

pub(crate) struct Gateway {
    node: GatewayNode,
    pub(crate) broker: FakeBroker,
    /// Of the virtual cluster.
    pub(crate) port: u16,
    pub(crate) http: u16,
    pub(crate) raft: u16,
    pub(crate) token: String,
    files: usize,
    _directory: tempfile::TempDir,
    _ports: PortBlock,
}

impl Gateway {
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    /// With further environment variables.
    pub(crate) fn with(variables: &[(&str, &str)]) -> Self {
        let (ports, directory) = (PortBlock::take().unwrap(), tempfile::tempdir().unwrap());
        let broker = FakeBroker::start();
        let clusters = broker.as_main(directory.path());
        let (raft, http) = (ports.port(0), ports.port(1));
        let mut node = GatewayNode::start(NodeSettings {
            program: env!("CARGO_BIN_EXE_klamm").into(),
            id: 1,
            data_dir: directory.path().join("node"),
            clusters,
            http_port: http,
            advertised_host: "127.0.0.1".to_owned(),
            port_start: ports.port(8),
            port_count: 32,
            raft_ports: vec![raft],
            more: [
                ("KLAMM_THREADS", THREADS.to_string().as_str()),
                // As on a node that other hosts reach.
                ("GATEWAY_HTTP_HOST", "0.0.0.0"),
                ("GATEWAY_ADMIN_API_USERS", USERS),
            ]
            .iter()
            .chain(variables)
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        })
        .unwrap();
        node.await_ready().unwrap();
        let admin = Admin::new(&node.admin_url());
        let (bootstrap, token) = open_vcluster(&admin, "tenant");
        let mut gateway = Self {
            node,
            broker,
            port: port_of(&bootstrap),
            http,
            raft,
            token,
            files: 0,
            _directory: directory,
            _ports: ports,
        };
        gateway.serves();
        gateway.files = gateway.open_files();
        gateway
    }

    pub(crate) fn admin(&self) -> Admin {
        Admin::new(&self.node.admin_url())
    }

    /// Another virtual cluster with an account like this one's.
    pub(crate) fn open_vcluster(&self, name: &str) -> Neighbour {
        let (bootstrap, token) = open_vcluster(&self.admin(), name);
        Neighbour {
            port: port_of(&bootstrap),
            token,
        }
    }

    /// A virtual cluster with a list of users, `user-0` and so on, who all have this password; gives its port.
    pub(crate) fn open_list(&self, users: usize, password: &str) -> u16 {
        let admin = self.admin();
        let user = |number| serde_json::json!({"username": format!("user-{number}"), "password": password});
        let mut listed = admin::vcluster("listed", "user-0");
        listed["spec"]["authentication"] = serde_json::json!([{
            "type": "sasl_plain", "mediation": "terminate",
            "principals": (0..users).map(user).collect::<Vec<_>>(),
        }]);
        admin.put("virtual-cluster", &listed).unwrap();
        let alias = admin::alias("listed", "orders", ("main", "orders"));
        admin.put("alias-topic", &alias).unwrap();
        port_of(&admin.bootstrap("listed").unwrap())
    }

    /// Another account, which may do nothing; gives its token.
    pub(crate) fn account(&self, name: &str) -> String {
        let admin = self.admin();
        admin
            .put("service-account", &admin::account("tenant", name))
            .unwrap();
        admin.token("tenant", name, 3600).unwrap()
    }

    pub(crate) fn connect(&self) -> Client {
        Client::connect(self.port)
    }

    /// A client that has logged in.
    pub(crate) fn login(&self) -> Client {
        let mut client = self.connect();
        client.login("admin", &self.token);
        client
    }

    /// Waits until an ordinary client is served, as clients do: with a new connection when one is lost.
    pub(crate) fn serves(&mut self) -> Client {
        let mut served = None;
        self.eventually("an ordinary client is served", |gateway| {
            let mut client = gateway.connect();
            let is_served = client.try_login("admin", &gateway.token) && client.knows_topic("orders");
            served = is_served.then_some(client);
            is_served
        });
        served.expect("it was served")
    }

    /// Waits until something is so.
    pub(crate) fn eventually(&mut self, what: &str, mut holds: impl FnMut(&Self) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !holds(self) {
            assert!(self.is_alive(), "the gateway ended:\n{}", self.log());
            assert!(Instant::now() < end, "{what}: not in time\n{}", self.log());
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// Checks all that must hold after any attack.
    pub(crate) fn is_well(&mut self) {
        assert!(self.is_alive(), "the gateway ended:\n{}", self.log());
        self.serves();
        let peak = self.status("VmHWM:");
        assert!(peak < MOST_RESIDENT_KIB, "{peak} KiB resident at the worst");
        self.eventually("/health/live answers", |gateway| {
            http(gateway.http, "/health/live").starts_with("HTTP/1.1 200")
        });
        let most = self.files + FILES_SLACK;
        self.eventually("files are closed", |gateway| gateway.open_files() <= most);
        let sessions = "klamm_sessions{vcluster=\"tenant\"} 0";
        self.eventually("sessions end", |gateway| {
            http(gateway.http, "/metrics").contains(sessions)
        });
        assert!(!self.node.log().contains("panicked"), "{}", self.log());
    }

    /// How many connections were closed for a reason.
    pub(crate) fn closed(&self, reason: &str) -> u64 {
        self.metric(&format!("klamm_connections_closed_total{{reason=\"{reason}\"}}"))
    }

    /// The value of a counter with these labels.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        let metrics = http(self.http, "/metrics");
        let found = metrics.lines().find_map(|text| text.strip_prefix(name));
        found.map_or(0, |count| count.trim().parse().unwrap())
    }

    /// The output of the command, whether it succeeds or not.
    pub(crate) fn command(&self, words: &[&str]) -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_klamm"))
            .args(words)
            .args(["--admin-url", &self.node.admin_url()])
            .output()
            .unwrap();
        [output.stdout, output.stderr]
            .map(|text| String::from_utf8_lossy(&text).into_owned())
            .concat()
    }

    pub(crate) fn log(&self) -> String {
        let log = self.node.log();
        let start = log.len().saturating_sub(6_000);
        String::from_utf8_lossy(&log.as_bytes()[start..]).into_owned()
    }

    fn is_alive(&self) -> bool {
        let status = fs::read_to_string(format!("/proc/{}/status", self.node.pid()));
        status.is_ok_and(|status| !status.contains("State:\tZ"))
    }

    fn open_files(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.node.pid()))
            .unwrap()
            .count()
    }

    /// A line of the process's status, in KiB.
    fn status(&self, line: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.node.pid())).unwrap();
        let found = status.lines().find_map(|text| text.strip_prefix(line)).unwrap();
        found.trim().trim_end_matches(" kB").parse().unwrap()
    }
}
