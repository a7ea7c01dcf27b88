//! Where logins are measured: one node with a plain listener and one with TLS, and all the ways to log in to it.

use anyhow::{Context, Result, ensure};
use klamm::quickstart::admin::{self, Admin};
use klamm::quickstart::stage::Stage;
use serde_json::json;

use crate::batch::Batch;
use crate::client::{Client, Verdict};
use crate::load::Target;
use crate::login::{Hash, Login};
use crate::measure::Usage;
use crate::pki::Authority;
use crate::stream::{Stream, Trust};
use crate::{broker, node};

const CLUSTER: &str = "clusterA";

/// One whose accounts have tokens and SCRAM credentials, and one with a list of users.
const VCLUSTER: &str = "tokens";
const LISTED: &str = "listed";

const TOPICS: [&str; 2] = ["scratch", "filled"];
const USER: &str = "somebody";
const PASSWORD: &str = "a-password-of-somebody";

/// Ports of each of the two listeners.
const PORTS: u16 = 36;

/// A way to log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Way {
    Token,
    Scram256,
    Scram512,
    TokenOverTls,
    Listed,
}

impl Way {
    pub(crate) const ALL: [Self; 5] = [
        Self::Token,
        Self::Scram256,
        Self::Scram512,
        Self::TokenOverTls,
        Self::Listed,
    ];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Token => "PLAIN, a token",
            Self::Scram256 => "SCRAM-SHA-256",
            Self::Scram512 => "SCRAM-SHA-512",
            Self::TokenOverTls => "TLS, PLAIN, a token",
            Self::Listed => "PLAIN, a listed password",
        }
    }
}

/// The address of a way, and who goes it: as they should, and with a secret that is wrong.
#[derive(Debug)]
struct Door {
    address: String,
    trust: Option<Trust>,
    right: Login,
    wrong: Login,
}

/// One gateway.
#[derive(Debug)]
pub(crate) struct Hall {
    stage: Stage,
    doors: Vec<(Way, Door)>,
    /// For an ordinary client that sends requests.
    pub(crate) target: Target,
}

impl Hall {
    /// One whose node takes so many sessions.
    pub(crate) fn with(connections: usize) -> Result<Self> {
        let mut stage = Stage::new()?;
        let broker = broker::start(CLUSTER, &TOPICS, &Batch::large()?)?;
        let properties = [("bootstrap.servers", broker.as_str())];
        stage.configure(&[("main", &properties), (CLUSTER, &properties)])?;
        let authority = Authority::new(stage.directory(), "authority")?;
        let identity = authority.identity("gateway", &["127.0.0.1"])?;
        let (plain, tls) = (stage.client_port(0), stage.client_port(PORTS));
        let listeners = json!([
            {"name": "plain", "protocol": "SASL_PLAINTEXT", "port.start": plain, "port.count": PORTS},
            {"name": "secure", "protocol": "SASL_SSL", "port.start": tls, "port.count": PORTS,
             "tls": {"certificate": identity.chain, "key": identity.key}},
        ]);
        let settings = [
            ("GATEWAY_LISTENERS", listeners.to_string()),
            ("KLAMM_LIMITS_CONNECTIONS", connections.to_string()),
        ];
        let gateway = node::start(&mut stage, &settings)?;
        let aliases = TOPICS.map(|topic| (topic, (CLUSTER, topic)));
        node::put_partner(&gateway, VCLUSTER, &aliases)?;
        let target = node::target(&gateway, VCLUSTER, &[(TOPICS[0], TOPICS[1])], 1)?;
        let mut listed = admin::vcluster(LISTED, USER);
        listed["spec"]["authentication"] = json!([{
            "type": "sasl_plain", "mediation": "terminate",
            "principals": [{"username": USER, "password": PASSWORD}],
        }]);
        gateway.put("virtual-cluster", &listed)?;
        gateway.put("service-account", &admin::account(VCLUSTER, USER))?;
        for hash in [Hash::Sha256, Hash::Sha512] {
            let credential = json!({
                "vCluster": VCLUSTER, "username": USER, "mechanism": hash.mechanism(), "password": PASSWORD,
            });
            gateway.put("scram-credential", &credential)?;
        }
        let token = node::token(&gateway, VCLUSTER, USER)?;
        let (at, at_list) = (gateway.bootstrap(VCLUSTER)?, gateway.bootstrap(LISTED)?);
        let trust = Trust::only(&authority.file)?;
        let doors = Way::ALL.into_iter().map(|way| {
            let (address, secret) = match way {
                Way::Token => (at.clone(), token.as_str()),
                Way::TokenOverTls => (shifted(&at)?, token.as_str()),
                Way::Scram256 | Way::Scram512 => (at.clone(), PASSWORD),
                Way::Listed => (at_list.clone(), PASSWORD),
            };
            let door = Door {
                address,
                trust: (way == Way::TokenOverTls).then(|| trust.clone()),
                right: way.login(secret),
                wrong: way.login(&spoiled(secret)),
            };
            Ok((way, door))
        });
        Ok(Self {
            doors: doors.collect::<Result<_>>()?,
            stage,
            target,
        })
    }

    /// Connects and logs in.
    pub(crate) fn enter(&self, way: Way) -> Result<Client> {
        let door = self.door(way)?;
        let mut client = Client::over(Stream::connect(&door.address, door.trust.as_ref())?);
        let verdict = client.log_in(&door.right)?;
        ensure!(verdict == Verdict::Welcome, "the right login is refused");
        Ok(client)
    }

    /// Connects and tries to log in with a wrong secret.
    pub(crate) fn intrude(&self, way: Way) -> Result<()> {
        let door = self.door(way)?;
        let mut client = Client::over(Stream::connect(&door.address, door.trust.as_ref())?);
        // Whoever guesses too often is closed without an answer.
        let verdict = client.log_in(&door.wrong).unwrap_or(Verdict::Refused);
        ensure!(verdict == Verdict::Refused, "a wrong login is taken");
        Ok(())
    }

    fn door(&self, way: Way) -> Result<&Door> {
        let mut doors = self.doors.iter();
        let found = doors.find_map(|(known, door)| (*known == way).then_some(door));
        found.context("a way of these")
    }

    /// The certificates that a client of the listener with TLS trusts.
    pub(crate) fn trust(&self) -> Result<&Trust> {
        self.door(Way::TokenOverTls)?.trust.as_ref().context("TLS")
    }

    pub(crate) fn gateway(&self) -> Admin {
        self.stage.admin(1)
    }

    pub(crate) fn usage(&self) -> Result<Usage> {
        Usage::of(self.stage.nodes()[0].pid())
    }

    /// Starts the node again, with the memory of a new process.
    pub(crate) fn start_again(&mut self) -> Result<()> {
        self.stage.node_mut(1).restart()?;
        self.stage.node_mut(1).await_ready()?;
        let served = node::patiently(|| Way::ALL.into_iter().all(|way| self.enter(way).is_ok()));
        ensure!(served, "everybody is let in after a start");
        Ok(())
    }
}

impl Way {
    fn login(self, secret: &str) -> Login {
        match self {
            Self::Token | Self::TokenOverTls | Self::Listed => Login::plain(USER, secret),
            Self::Scram256 => Login::scram(Hash::Sha256, USER, secret),
            Self::Scram512 => Login::scram(Hash::Sha512, USER, secret),
        }
    }
}

/// The address of the same virtual broker on the listener with TLS.
pub(crate) fn shifted(address: &str) -> Result<String> {
    let (host, port) = address.rsplit_once(':').context("host and port")?;
    Ok(format!("{host}:{}", port.parse::<u16>()? + PORTS))
}

/// As long as the right one, and with one other letter near its end.
fn spoiled(secret: &str) -> String {
    let (start, end) = secret.split_at(secret.len() - 8);
    let other = if end.starts_with('a') { 'b' } else { 'a' };
    format!("{start}{other}{}", &end[1..])
}
