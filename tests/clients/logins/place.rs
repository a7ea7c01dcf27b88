//! Where clients log in: a broker with users of its own, a provider of tokens, and a node with a listener of every kind.

use anyhow::{Context, Result, ensure};
use klamm::quickstart::admin::{self, Admin};
use klamm::quickstart::stage::Stage;
use serde_json::{Value, json};

use crate::federation::scene::Federation;
use crate::pki::{Authority, Identity};
use crate::scene::{LIMIT, address};

/// The physical topic of virtual clusters where the gateway reaches the broker with its own credentials.
pub(crate) const SHARED: &str = "shared";

/// How long a login lasts that is not over sooner, in milliseconds.
const LIFETIME_MS: &str = "5000";

/// Where the listener with names finds its virtual clusters.
pub(crate) const DOMAIN: &str = "kafka.test";

/// The listeners with a port for each virtual cluster.
const BY_PORT: [(&str, &str); 5] = [
    ("sasl", "SASL_PLAINTEXT"),
    ("open", "PLAINTEXT"),
    ("secure", "SASL_SSL"),
    ("required", "SSL"),
    ("optional", "SSL"),
];
const PORTS: u16 = 40;

/// The cluster and the gateways that clients log in to.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) federation: Federation,
    /// Made the certificates of the gateway.
    pub(crate) servers: Authority,
    /// Made those of clients.
    clients: Authority,
    /// Made some that nobody believes.
    pub(crate) strangers: Authority,
}

impl Place {
    pub(crate) fn start() -> Result<Self> {
        let mut authorities = None;
        let federation = Federation::start(|stage| {
            let authority = |name| Authority::new(stage.directory(), name);
            let (servers, clients) = (authority("servers")?, authority("clients")?);
            let listeners = listeners(stage, &servers, &clients)?;
            authorities = Some((servers, clients, authority("strangers")?));
            Ok(vec![
                ("GATEWAY_LISTENERS".to_owned(), listeners.to_string()),
                (
                    "GATEWAY_CONNECTIONS_MAX_REAUTH_MS".to_owned(),
                    LIFETIME_MS.to_owned(),
                ),
            ])
        })?;
        let (servers, clients, strangers) = authorities.context("they were made")?;
        let bootstrap = federation.stage.bootstrap("main").context("main was started")?;
        let create = [
            "kafka-topics",
            "--bootstrap-server",
            bootstrap,
            "--create",
            "--topic",
            SHARED,
        ];
        let created = federation.stage.kafka().run(&create, "", LIMIT)?;
        ensure!(created.status.success(), "{}", created.all());
        Ok(Self {
            federation,
            servers,
            clients,
            strangers,
        })
    }

    fn admin(&self) -> Admin {
        self.federation.stage.admin(1)
    }

    pub(crate) fn log(&self) -> String {
        self.federation.stage.nodes()[0].log()
    }

    /// A virtual cluster with the alias `orders` of a physical topic; gives its address on a listener.
    pub(crate) fn vcluster(
        &self,
        (name, listener): (&str, &str),
        topic: &str,
        super_users: &[&str],
        methods: &Value,
    ) -> Result<String> {
        self.federation.vcluster_of(topic, name, super_users, methods)?;
        address(&self.admin(), name, listener)
    }

    /// A token of an account, which is made.
    pub(crate) fn token(&self, vcluster: &str, username: &str, seconds: u64) -> Result<String> {
        let admin = self.admin();
        admin.put("service-account", &admin::account(vcluster, username))?;
        Ok(admin.token(vcluster, username, seconds)?)
    }

    /// Revokes all tokens of an account.
    pub(crate) fn revoke(&self, vcluster: &str, username: &str) -> Result<()> {
        let body = json!({"vCluster": vcluster, "username": username});
        let answer = self.admin().call("DELETE", "token", Some(&body))?;
        ensure!(answer.status == 204, "{answer:?}");
        Ok(())
    }

    /// Sets the password of an account, which is made.
    pub(crate) fn scram(
        &self,
        vcluster: &str,
        mechanism: &str,
        (username, password): (&str, &str),
    ) -> Result<()> {
        let admin = self.admin();
        admin.put("service-account", &admin::account(vcluster, username))?;
        let credential =
            json!({"vCluster": vcluster, "username": username, "mechanism": mechanism, "password": password});
        Ok(admin.put("scram-credential", &credential)?)
    }

    /// A certificate that is believed.
    pub(crate) fn identity(&self, name: &str) -> Result<Identity> {
        self.clients.identity(name, &[])
    }
}

/// The listeners, as `GATEWAY_LISTENERS` takes them.
fn listeners(stage: &Stage, servers: &Authority, clients: &Authority) -> Result<Value> {
    let certificate = |identity: &Identity| json!({"certificate": identity.chain, "key": identity.key});
    let by_port = certificate(&servers.identity("gateway", &["127.0.0.1"])?);
    let by_name = certificate(&servers.identity("named", &[&format!("*.{DOMAIN}")])?);
    let mut list: Vec<Value> = (0..)
        .zip(BY_PORT)
        .map(|(number, (name, protocol))| {
            let mut listener = json!({
                "name": name, "protocol": protocol,
                "port.start": stage.client_port(number * PORTS), "port.count": PORTS,
            });
            if protocol.ends_with("SSL") {
                listener["tls"] = by_port.clone();
            }
            if protocol == "SSL" {
                listener["tls"]["client"] = json!({"auth": name, "ca": clients.file});
            }
            listener
        })
        .collect();
    list.push(json!({
        "name": "names", "protocol": "SASL_SSL", "routing": "sni", "domain": DOMAIN,
        "port": stage.client_port(5 * PORTS), "tls": by_name,
    }));
    Ok(Value::Array(list))
}
