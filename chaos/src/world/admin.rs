//! A node's admin API, as a client sees it.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use super::NODES;
use crate::history::{Told, Wish};

const VCLUSTER: &str = "chaos";

/// How long a change may take before a client gives up.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(15);

/// The admin API of one node.
#[derive(Debug, Clone)]
pub(crate) struct Admin {
    url: String,
    agent: ureq::Agent,
}

impl Admin {
    /// Those of nodes that have it on these ports.
    pub(super) fn all(ports: impl Iterator<Item = u16>) -> Vec<Self> {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .timeout_global(Some(CLIENT_TIMEOUT))
            .http_status_as_error(false)
            .build()
            .into();
        let admin = |port| Self {
            url: format!("http://127.0.0.1:{port}"),
            agent: agent.clone(),
        };
        ports.map(admin).collect()
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn create_vcluster(&self) -> Told {
        self.put(
            "virtual-cluster",
            &json!({
                "kind": "VirtualCluster", "apiVersion": "gateway/v2", "metadata": {"name": VCLUSTER},
                "spec": {"type": "Partner", "aclEnabled": true, "superUsers": ["super-user"]},
            }),
        )
    }

    /// Makes an alias of a topic of `main`.
    pub(crate) fn create_alias(&self, alias: &str, topic: &str) -> Told {
        self.put(
            "alias-topic",
            &json!({
                "kind": "AliasTopic", "apiVersion": "gateway/v2", "metadata": {"name": alias, "vCluster": VCLUSTER},
                "spec": {"physicalCluster": "main", "physicalName": topic},
            }),
        )
    }

    /// Switches requests for `main` to a physical cluster.
    pub(crate) fn switch(&self, to: &str) -> anyhow::Result<()> {
        let request = self
            .agent
            .post(self.path("cluster/routes/switch"))
            .header("Authorization", AUTHORIZATION);
        let mut answer = request.send_json(json!({ "cluster": "main", "to": to }))?;
        let said = answer.body_mut().read_to_string()?;
        ensure!(answer.status().is_success(), "{}: {said}", answer.status());
        Ok(())
    }

    /// Where clients of the virtual cluster begin.
    pub(super) fn bootstrap_servers(&self) -> anyhow::Result<String> {
        let vcluster = self.get(&format!("virtual-cluster/{VCLUSTER}"))?;
        let servers = vcluster["spec"]["bootstrapServers"].as_str();
        Ok(servers.context("addresses")?.to_owned())
    }

    /// How many requests the node has held back since it was started.
    pub(crate) fn held_requests(&self) -> anyhow::Result<u64> {
        let text = self.metrics()?;
        let lines = text.lines().filter_map(|line| {
            let (name, count) = line.rsplit_once(' ')?;
            name.starts_with("klamm_requests_held_total{")
                .then(|| count.parse::<u64>().ok())?
        });
        Ok(lines.sum())
    }

    /// A number that the node shows among its metrics.
    pub(crate) fn metric(&self, name: &str) -> anyhow::Result<f64> {
        let text = self.metrics()?;
        let number = text.lines().find_map(|line| {
            let (found, number) = line.rsplit_once(' ')?;
            (found == name).then(|| number.parse().ok())?
        });
        number.with_context(|| format!("no metric is called {name}"))
    }

    /// A token of an account, which is made if it is not there.
    pub(crate) fn token(&self, account: &str) -> anyhow::Result<String> {
        self.change(account, Wish::Create);
        let body = json!({"username": account, "vCluster": VCLUSTER, "lifeTimeSeconds": 24 * 3600});
        let request = self
            .agent
            .post(self.path("token"))
            .header("Authorization", AUTHORIZATION);
        let answer: Value = request.send_json(body)?.body_mut().read_json()?;
        Ok(answer["token"].as_str().context("a token")?.to_owned())
    }

    pub(crate) fn change(&self, account: &str, wish: Wish) -> Told {
        match wish {
            Wish::Create => self.put(
                "service-account",
                &json!({
                    "kind": "GatewayServiceAccount", "apiVersion": "gateway/v2",
                    "metadata": {"name": account, "vCluster": VCLUSTER}, "spec": {"type": "LOCAL"},
                }),
            ),
            Wish::Delete => {
                let request = self
                    .agent
                    .delete(self.path("service-account"))
                    .header("Authorization", AUTHORIZATION);
                told(
                    request
                        .force_send_body()
                        .send_json(json!({"name": account, "vCluster": VCLUSTER})),
                )
            }
        }
    }

    /// Whether the node lists an account; none when it does not say.
    pub(crate) fn shows(&self, account: &str) -> Option<bool> {
        let path = format!("service-account?vcluster={VCLUSTER}&name={account}");
        Some(!self.get(&path).ok()?.as_array()?.is_empty())
    }

    fn put(&self, path: &str, resource: &Value) -> Told {
        told(
            self.agent
                .put(self.path(path))
                .header("Authorization", AUTHORIZATION)
                .send_json(resource),
        )
    }

    fn path(&self, path: &str) -> String {
        format!("{}/gateway/v2/{path}", self.url)
    }

    fn get(&self, path: &str) -> anyhow::Result<Value> {
        let request = self
            .agent
            .get(self.path(path))
            .header("Authorization", AUTHORIZATION);
        Ok(request.call()?.body_mut().read_json()?)
    }

    fn metrics(&self) -> anyhow::Result<String> {
        let request = self
            .agent
            .get(format!("{}/metrics", self.url))
            .header("Authorization", AUTHORIZATION);
        Ok(request.call()?.body_mut().read_to_string()?)
    }

    /// The number of the node.
    pub(super) fn node_id(&self) -> Option<u64> {
        self.get("cluster").ok()?["nodeId"].as_u64()
    }

    pub(super) fn members(&self) -> Option<Value> {
        self.get("cluster/members").ok()
    }

    /// Whether a change of the members is on record now.
    pub(super) fn change_members(&self, action: &str, body: &Value) -> bool {
        let request = self
            .agent
            .post(self.path(&format!("cluster/members/{action}")))
            .header("Authorization", AUTHORIZATION);
        told(request.send_json(body)) == Told::Acknowledged
    }

    pub(super) fn leader(&self) -> Option<usize> {
        let id = self.get("cluster").ok()?["leader"].as_u64()?;
        usize::try_from(id).ok()?.checked_sub(1)
    }

    pub(super) fn term(&self) -> Option<u64> {
        self.get("cluster").ok()?["term"].as_u64()
    }

    /// The feature level of the cluster.
    pub(crate) fn level(&self) -> Option<u8> {
        u8::try_from(self.get("cluster").ok()?["featureLevel"].as_u64()?).ok()
    }

    /// The highest level that each node knows.
    pub(crate) fn known_levels(&self) -> Option<Vec<u8>> {
        let status = self.get("cluster").ok()?;
        let levels = status["nodes"].as_array()?.iter();
        levels
            .map(|node| u8::try_from(node["highestLevel"].as_u64()?).ok())
            .collect()
    }

    pub(super) fn sees_all_nodes_up(&self) -> bool {
        let Ok(status) = self.get("cluster") else {
            return false;
        };
        let nodes = status["nodes"].as_array().map_or(&[][..], Vec::as_slice);
        let up = nodes.iter().filter(|node| node["liveness"] == "UP").count();
        status["leader"].is_u64() && up == NODES
    }

    /// Whether the node decides requests of clients.
    pub(crate) fn decides(&self) -> bool {
        self.metric("klamm_lease_seconds_left")
            .is_ok_and(|left| left > 0.0)
    }

    pub(super) fn accounts(&self) -> anyhow::Result<BTreeSet<String>> {
        let list = self.get(&format!("service-account?vcluster={VCLUSTER}"))?;
        let names = list.as_array().context("the list of accounts is no list")?.iter();
        Ok(names
            .filter_map(|account| account["metadata"]["name"].as_str())
            .map(str::to_owned)
            .collect())
    }
}

/// The admin user that a node on loopback has by default.
const AUTHORIZATION: &str = "Basic YWRtaW46Y29uZHVrdG9y";

fn told(answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Told {
    match answer.map(|answer| answer.status().as_u16()) {
        Ok(200..=299) => Told::Acknowledged,
        Ok(400..=499) => Told::Refused,
        // A closed port: nothing was sent.
        Err(ureq::Error::Io(error)) if error.kind() == std::io::ErrorKind::ConnectionRefused => Told::Refused,
        Ok(_) | Err(_) => Told::Unknown,
    }
}
