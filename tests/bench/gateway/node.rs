//! One node of the gateway, and virtual clusters in it with ways for load through them.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use klamm::quickstart::admin::{self, Admin};
use klamm::quickstart::ports;
use klamm::quickstart::stage::{Nodes, PortChoice, Stage};
use serde_json::json;

use crate::client::Client;
use crate::load::{Entrance, Target};
use crate::login::Login;

const SUPER_USER: &str = "super-user";
const USER: &str = "bench-user";

/// Longer than any run.
const TOKEN_SECONDS: u64 = 24 * 3600;

const LIMIT: Duration = Duration::from_secs(60);

/// Where ports for many virtual clusters are looked for: a bootstrap address and a broker each, and some to spare.
const PORTS: std::ops::Range<u16> = 10_000..19_000;
const PORTS_EACH: usize = 2;
const MORE_PORTS: usize = 20;

/// A name in a virtual cluster, and the physical cluster and topic that it stands for.
pub(crate) type Alias<'a> = (&'a str, (&'a str, &'a str));

/// Starts one node with these environment variables.
pub(crate) fn start(stage: &mut Stage, more: &[(&str, String)]) -> Result<Admin> {
    start_several(stage, 1, more)?;
    Ok(stage.admin(1))
}

/// Starts so many nodes of one gateway cluster.
pub(crate) fn start_several(stage: &mut Stage, count: u16, more: &[(&str, String)]) -> Result<()> {
    let more = more
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()));
    stage.start_nodes(&Nodes {
        program: env!("CARGO_BIN_EXE_klamm").into(),
        count,
        advertised_host: "127.0.0.1".to_owned(),
        ports: PortChoice::Any,
        more: more.collect(),
    })?;
    Ok(())
}

/// The environment variables of a node with ports for so many virtual clusters.
pub(crate) fn ports_for(vclusters: usize) -> Result<[(&'static str, String); 2]> {
    let count = u16::try_from(vclusters * PORTS_EACH + MORE_PORTS)?;
    let start = PORTS
        .step_by(100)
        .find(|first| *first <= PORTS.end - count && (*first..first + count).all(ports::is_free))
        .context("free ports for all virtual clusters")?;
    Ok([
        ("GATEWAY_PORT_START", start.to_string()),
        ("GATEWAY_PORT_COUNT", count.to_string()),
    ])
}

/// The environment variables of a node with one thread for connections, and ports for so many virtual clusters.
pub(crate) fn single_threaded(vclusters: usize) -> Result<[(&'static str, String); 4]> {
    let [start, count] = ports_for(vclusters)?;
    let (threads, log) = (("KLAMM_THREADS", "1"), ("KLAMM_LOG_FILTER", "warn"));
    let own = |(name, value): (&'static str, &str)| (name, value.to_owned());
    Ok([own(threads), start, count, own(log)])
}

/// A virtual cluster that shows aliases and nothing else.
pub(crate) fn put_partner(gateway: &Admin, name: &str, aliases: &[Alias<'_>]) -> Result<()> {
    gateway.put("virtual-cluster", &admin::vcluster(name, SUPER_USER))?;
    for (alias, physical) in aliases {
        gateway.put("alias-topic", &admin::alias(name, alias, *physical))?;
    }
    Ok(())
}

/// A virtual cluster that hides a prefix on a physical cluster.
pub(crate) fn put_standard(gateway: &Admin, name: &str, backend: &str, prefix: &str) -> Result<()> {
    let spec = json!({
        "type": "Standard", "aclEnabled": true, "superUsers": [SUPER_USER], "backend": backend,
        "namespace": {"mode": "hide_prefix", "prefix": prefix},
    });
    let resource = json!({
        "kind": "VirtualCluster", "apiVersion": "gateway/v2", "metadata": {"name": name}, "spec": spec,
    });
    Ok(gateway.put("virtual-cluster", &resource)?)
}

/// A token that is good for as long as any run takes.
pub(crate) fn token(gateway: &Admin, vcluster: &str, user: &str) -> Result<String> {
    Ok(gateway.token(vcluster, user, TOKEN_SECONDS)?)
}

/// A connection of the super user of a virtual cluster that [`target`] has made.
pub(crate) fn super_user(gateway: &Admin, name: &str, address: &str) -> Result<Client> {
    let login = Login::plain(SUPER_USER, &token(gateway, name, SUPER_USER)?);
    Client::connect(address, Some(&login))
}

/// The way through a virtual cluster, for an ordinary account, so that every request is decided by ACLs. `topics` are
/// pairs of one that is written to and one that is read; each pair is led by one broker.
pub(crate) fn target(
    gateway: &Admin,
    name: &str,
    topics: &[(&str, &str)],
    partitions: usize,
) -> Result<Target> {
    for account in [SUPER_USER, USER] {
        gateway.put("service-account", &admin::account(name, account))?;
    }
    let bootstrap = gateway.bootstrap(name)?;
    // One for each node.
    let bootstrap = bootstrap.split(',').next().context("an address")?;
    let login = |user: &str| -> Result<Login> { Ok(Login::plain(user, &token(gateway, name, user)?)) };
    Client::connect(bootstrap, Some(&login(SUPER_USER)?))?.grant_all(USER)?;
    let login = login(USER)?;
    let entrance = |(scratch, filled): &(&str, &str)| -> Result<Entrance> {
        Ok(Entrance {
            address: await_leader(bootstrap, &login, scratch)?,
            scratch: (*scratch).to_owned(),
            filled: (*filled).to_owned(),
        })
    };
    Ok(Target {
        entrances: topics.iter().map(entrance).collect::<Result<_>>()?,
        login: Some(login.into()),
        partitions,
    })
}

/// Where the gateway advertises the leader of a topic; a moment passes until it knows it.
fn await_leader(bootstrap: &str, login: &Login, topic: &str) -> Result<String> {
    let mut address = Err(anyhow!("nothing was asked"));
    patiently(|| {
        address = Client::connect(bootstrap, Some(login))
            .and_then(|mut client| client.leader(topic))
            .map(|(address, _)| address);
        address.is_ok()
    });
    address
}

/// Tries until it works or the time is over.
pub(crate) fn patiently(mut works: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + LIMIT;
    while !works() {
        if Instant::now() >= deadline {
            return false;
        }
        thread::sleep(Duration::from_millis(20));
    }
    true
}
