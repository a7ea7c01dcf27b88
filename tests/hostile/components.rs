//! Components of a node that panic while clients work: each is there again, nobody loses a connection for it, and what
//! cannot come back ends the node with the reason. The node runs in this process, with company that panics on demand.

use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use klamm::app::{self, AppError};
use klamm::config::{Config, Inputs};
use klamm::quickstart::admin::{self, Admin};
use klamm::quickstart::node::NodeSettings;
use klamm::quickstart::ports::PortBlock;
use klamm::supervision::{Companion, Component};
use tokio::sync::watch;

use super::broker::FakeBroker;
use super::client::{Client, http};
use super::gateway::{PATIENCE, open_vcluster, port_of};
use super::pki::Authority;

/// Threads that carry connections; each has a pool of its own.
const THREADS: u64 = 2;

/// The public key of an example (RFC 7517 A.1).
const KEY: &str = r#"{"kty": "EC", "crv": "P-256", "kid": "1", "use": "sig", "alg": "ES256",
    "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}"#;

/// Who panics.
#[derive(Debug, Clone, Default)]
struct Faults {
    /// Once more, for each time that it was struck.
    strikes: BTreeMap<&'static str, usize>,
    /// Whenever it is started.
    always: Option<&'static str>,
}

/// The companions that there are: of which kind, how often that was struck before they came, and how many of these.
type Present = Arc<Mutex<BTreeMap<(&'static str, usize), usize>>>;

/// Counts a companion for as long as this is there.
struct Presence {
    present: Present,
    kind: &'static str,
    strikes: usize,
}

impl Presence {
    fn new(present: &Present, kind: &'static str, strikes: usize) -> Self {
        *present.lock().unwrap().entry((kind, strikes)).or_default() += 1;
        Self {
            present: Arc::clone(present),
            kind,
            strikes,
        }
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        *self
            .present
            .lock()
            .unwrap()
            .entry((self.kind, self.strikes))
            .or_default() -= 1;
    }
}

/// A node in this process, with one client that works all the time.
struct Stand {
    faults: watch::Sender<Faults>,
    present: Present,
    settings: NodeSettings,
    node: Option<JoinHandle<Result<(), Box<AppError>>>>,
    token: String,
    port: u16,
    authority: Authority,
    directory: tempfile::TempDir,
    _ports: PortBlock,
}

/// A companion that panics with a component when the test says so.
fn companion(faults: &watch::Sender<Faults>, present: &Present) -> Companion {
    let (faults, present) = (faults.clone(), Arc::clone(present));
    Arc::new(move |component: &Component| {
        let (kind, mut faults) = (component.kind().name(), faults.subscribe());
        let before = strikes(&faults.borrow_and_update(), kind);
        let presence = Presence::new(&present, kind, before);
        Box::pin(async move {
            let _presence = presence;
            loop {
                let now = faults.borrow_and_update().clone();
                assert!(now.always != Some(kind), "{kind}: whenever it is started");
                assert!(strikes(&now, kind) == before, "{kind}: on demand");
                if faults.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        })
    })
}

fn strikes(faults: &Faults, kind: &'static str) -> usize {
    faults.strikes.get(kind).copied().unwrap_or_default()
}

impl Stand {
    fn start() -> Self {
        let (ports, directory) = (PortBlock::take().unwrap(), tempfile::tempdir().unwrap());
        let (broker, path) = (FakeBroker::start(), directory.path());
        let clusters = broker.as_main(path);
        let keys = path.join("keys.json");
        fs::write(&keys, format!("{{\"keys\": [{KEY}]}}")).unwrap();
        let providers = format!(
            "{{id: {{issuer: 'https://id.example.com', jwks: {{url: 'file://{}'}}, audiences: [kafka]}}}}",
            keys.display()
        );
        let authority = Authority::new(path, "nodes").unwrap();
        let own = authority.identity("node", &["127.0.0.1"]).unwrap();
        let more = [
            ("KLAMM_THREADS", THREADS.to_string()),
            ("GATEWAY_OAUTH_PROVIDERS", providers),
            ("KLAMM_RAFT_TLS_CERTIFICATE", own.chain.display().to_string()),
            ("KLAMM_RAFT_TLS_KEY", own.key.display().to_string()),
            ("KLAMM_RAFT_TLS_CA", authority.file.display().to_string()),
        ];
        let settings = NodeSettings {
            program: Default::default(),
            id: 1,
            data_dir: path.join("node"),
            clusters,
            http_port: ports.port(1),
            advertised_host: "127.0.0.1".to_owned(),
            port_start: ports.port(8),
            port_count: 32,
            raft_ports: vec![ports.port(0)],
            more: more.map(|(name, value)| (name.to_owned(), value)).into(),
        };
        let mut stand = Self {
            faults: watch::Sender::new(Faults::default()),
            present: Present::default(),
            settings,
            node: None,
            token: String::new(),
            port: 0,
            authority,
            directory,
            _ports: ports,
        };
        stand.run();
        let (bootstrap, token) = open_vcluster(&stand.admin(), "tenant");
        (stand.port, stand.token) = (port_of(&bootstrap), token);
        stand
    }

    /// Starts the node with the data that there is, and waits until it serves.
    fn run(&mut self) {
        let variables: BTreeMap<String, String> = self.settings.environment().into_iter().collect();
        let config = Config::load(Inputs {
            file: None,
            variables: &variables,
            read: &|path| fs::read_to_string(path),
            read_secret: &|path| fs::read_to_string(path),
            methods: klamm::admin::authentication_from,
        });
        let (config, companion) = (config.unwrap(), companion(&self.faults, &self.present));
        self.node = Some(thread::spawn(move || {
            let ended = actix_rt::System::new().block_on(app::run_with(config, Some(companion)));
            ended.map_err(Box::new)
        }));
        self.eventually("the node is ready", |stand| {
            stand.get("/health/ready").starts_with("HTTP/1.1 200")
        });
    }

    fn admin(&self) -> Admin {
        Admin::new(&format!("http://127.0.0.1:{}", self.settings.http_port))
    }

    fn get(&self, path: &str) -> String {
        let is_open = std::net::TcpStream::connect(("127.0.0.1", self.settings.http_port)).is_ok();
        if is_open {
            http(self.settings.http_port, path)
        } else {
            String::new()
        }
    }

    /// Has all components of a kind panic that there are; how often they were struck by now.
    fn strike(&self, kind: &'static str) -> usize {
        self.faults
            .send_modify(|faults| *faults.strikes.entry(kind).or_default() += 1);
        strikes(&self.faults.borrow(), kind)
    }

    /// How many components of a kind there are that came after so many strikes.
    fn present(&self, kind: &'static str, strikes: usize) -> usize {
        let present = self.present.lock().unwrap();
        present
            .range((kind, strikes)..=(kind, usize::MAX))
            .map(|(_, count)| count)
            .sum()
    }

    fn always(&self, kind: Option<&'static str>) {
        self.faults.send_modify(|faults| faults.always = kind);
    }

    /// The value of a metric for a kind of component.
    fn metric(&self, name: &str, kind: &str) -> u64 {
        self.figure(&format!("{name}{{component=\"{kind}\"}}"))
    }

    /// The value of a metric with its labels; 0 while there is none.
    fn figure(&self, series: &str) -> u64 {
        let metrics = self.get("/metrics");
        let value = metrics
            .lines()
            .find_map(|text| text.strip_prefix(series)?.strip_prefix(' '));
        value.map_or(0, |value| value.trim().parse().unwrap())
    }

    fn eventually(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !holds(self) {
            assert!(Instant::now() < end, "{what}: not in time");
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Whether a new client is let in and served.
    fn serves(&self, port: u16, (user, token): (&str, &str)) -> bool {
        std::net::TcpStream::connect(("127.0.0.1", port)).is_ok_and(|_| {
            let mut client = Client::connect(port);
            client.try_login(user, token) && client.knows_topic("orders")
        })
    }

    fn serves_its_tenant(&self) -> bool {
        self.serves(self.port, ("admin", &self.token))
    }

    /// Has all components of a kind panic, twice: what panics again was there again.
    fn survives(&self, kind: &'static str) {
        let all = self.present(kind, 0);
        assert!(all > 0, "there is no {kind}");
        for _ in 0..2 {
            let struck = self.strike(kind);
            self.eventually(kind, |stand| stand.present(kind, struck) >= all);
        }
        self.eventually("it is up", |stand| {
            stand.metric("klamm_components_down", kind) == 0
        });
    }

    /// How often the keys of the OAuth provider were read.
    fn key_reads(&self) -> u64 {
        self.figure("klamm_oauth_key_reads_total{outcome=\"ok\",provider=\"id\"}")
    }

    /// A change that is made now is seen by clients, which takes most of what a node consists of.
    fn takes_changes(&self, name: &str) {
        let (bootstrap, token) = open_vcluster(&self.admin(), name);
        self.eventually(name, |stand| stand.serves(port_of(&bootstrap), ("admin", &token)));
        let account = admin::account("tenant", name);
        self.admin().put("service-account", &account).unwrap();
        let token = self.admin().token("tenant", name, 3600).unwrap();
        let mut client = Client::connect(self.port);
        client.login(name, &token);
    }

    /// Has a component panic that the node hangs on, and starts the node again when it has ended.
    fn ends_with(&mut self, kind: &'static str, words: &str) {
        self.strike(kind);
        let ended = self.node.take().unwrap().join().expect("no panic of all");
        let error = ended.expect_err("an error");
        assert!(
            !error.is_final(),
            "whoever supervises the process starts it again: {error}"
        );
        let error = klamm::chain::Chain(&*error).to_string();
        assert!(error.contains(words) && error.contains("on demand"), "{error}");
        self.run();
        self.eventually("it serves as before", Stand::serves_its_tenant);
    }
}

/// A client that asks all the time, over one connection.
struct Worker {
    stops: Arc<AtomicBool>,
    answers: Arc<AtomicUsize>,
    thread: JoinHandle<()>,
}

impl Worker {
    fn start(stand: &Stand) -> Self {
        let (stops, answers) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (stopped, counted) = (Arc::clone(&stops), Arc::clone(&answers));
        let mut client = Client::connect(stand.port);
        client.login("admin", &stand.token);
        let thread = thread::spawn(move || {
            while !stopped.load(Ordering::SeqCst) && client.knows_topic("orders") {
                counted.fetch_add(1, Ordering::SeqCst);
                thread::sleep(Duration::from_millis(2));
            }
        });
        Self {
            stops,
            answers,
            thread,
        }
    }

    /// Its connection has lasted, and it was served until now.
    fn was_served(self) {
        let (before, end) = (self.answers.load(Ordering::SeqCst), Instant::now() + PATIENCE);
        while self.answers.load(Ordering::SeqCst) == before {
            let goes_on = !self.thread.is_finished() && Instant::now() < end;
            assert!(goes_on, "it is served no more");
            thread::sleep(Duration::from_millis(5));
        }
        self.stops.store(true, Ordering::SeqCst);
        self.thread.join().unwrap();
    }
}

#[test]
fn components_that_panic_come_back_while_clients_work() {
    let mut stand = Stand::start();
    stand.eventually("the first client", Stand::serves_its_tenant);

    stand.eventually("the keys are read", |stand| stand.key_reads() == 1);
    let worker = Worker::start(&stand);
    for kind in [
        "watcher",
        "virtual_cluster",
        "pool",
        "port",
        "listener",
        "pin",
        "announcer",
        "reporter",
        "secret_reader",
        "key_reader",
        "certificates",
    ] {
        stand.survives(kind);
        if !["announcer", "pin", "reporter", "secret_reader"].contains(&kind) {
            stand.takes_changes(&kind.replace('_', "-"));
        }
    }
    let panics = stand.metric("klamm_component_panics_total", "pool");
    assert!(panics >= 2 * THREADS, "{panics} panics of pools");
    worker.was_served();
    stand.eventually("the keys are read when their reader is there again", |stand| {
        stand.key_reads() >= 2
    });
    stand.authority.identity("node", &["127.0.0.1"]).unwrap();
    stand.eventually("changed certificates are taken", |stand| {
        stand
            .get("/metrics")
            .contains("klamm_tls_reloads_total{result=\"ok\"} 1")
    });

    what_stays_down_is_told(&stand);
    what_cannot_be_shown_is_not_served(&stand);

    stand.ends_with("manager", "the follower of the replicated state panicked");
    stand.ends_with("admin_api", "the admin API panicked");
    drop(stand.directory);
}

fn what_stays_down_is_told(stand: &Stand) {
    stand.always(Some("listener"));
    stand.eventually("a node without what opens ports is not ready", |stand| {
        let ready = stand.get("/health/ready");
        ready.starts_with("HTTP/1.1 503") && ready.contains("the opener of ports for clients panicked")
    });
    stand.always(None);
    stand.eventually("it is ready again", |stand| {
        stand.get("/health/ready").starts_with("HTTP/1.1 200")
    });
    stand.always(Some("key_reader"));
    stand.eventually("what is of one provider is a warning", |stand| {
        let ready = stand.get("/health/ready");
        ready.starts_with("HTTP/1.1 200") && ready.contains("the keys of the OAuth provider id panicked")
    });
    assert_eq!(stand.metric("klamm_components_down", "key_reader"), 1);
    stand.always(None);
}

/// An account is deleted while its virtual cluster cannot compile what holds from now on.
fn what_cannot_be_shown_is_not_served(stand: &Stand) {
    stand
        .admin()
        .put("service-account", &admin::account("tenant", "other"))
        .unwrap();
    let mut client = Client::connect(stand.port);
    client.login("admin", &stand.token);
    assert!(client.knows_topic("orders"));
    stand.always(Some("virtual_cluster"));
    stand.eventually("it stays down", |stand| {
        stand
            .get("/health/ready")
            .contains("the virtual cluster tenant panicked")
    });
    assert!(client.knows_topic("orders"), "what held is served as it was");
    let other = serde_json::json!({"vCluster": "tenant", "name": "other"});
    let deleted = stand
        .admin()
        .call("DELETE", "service-account", Some(&other))
        .unwrap();
    assert_eq!(deleted.status, 204, "{}", deleted.body);
    assert!(
        client.is_closed(),
        "nobody is served by what does not hold any more"
    );
    let (bootstrap, token) = open_vcluster(&stand.admin(), "new");
    let new = (port_of(&bootstrap), ("admin", token.as_str()));
    assert!(!stand.serves(new.0, new.1), "nor by one that is new");
    assert!(!stand.serves_its_tenant());
    stand.always(None);
    stand.eventually("it is served again as soon as it can", Stand::serves_its_tenant);
    stand.eventually("and so is the new one", |stand| stand.serves(new.0, new.1));
}
