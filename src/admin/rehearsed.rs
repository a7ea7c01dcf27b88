//! The rehearsal of a switch: everything that clients would notice if a physical cluster took over from another, as far as this
//! node can see.

mod groups;

use std::collections::BTreeSet;

use klamm_raft::model::{
    ClusterId, CredentialsName, Method, ReportedReach, RouteKey, State, TopicName, VclusterName,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::services::Services;
use crate::backend::topology::Topology;

pub(super) use groups::look_at_groups;

/// How many things of a kind are named.
const NAMED: usize = 5;

/// How bad something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schemars(inline)]
pub enum Severity {
    Ok,
    /// Some clients will notice.
    Warn,
    /// Clients will fail.
    Block,
}

/// Something that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub struct RehearsalFinding {
    pub severity: Severity,
    /// Its subject.
    pub about: String,
    pub text: String,
}

/// Looks at everything that there is to know.
pub(super) fn findings(
    services: &Services,
    state: &State,
    key: &RouteKey,
    target: &ClusterId,
) -> Vec<RehearsalFinding> {
    let last = state.routes.last(key);
    let mut findings = vec![reach(state, target), identity(state, target, last)];
    let (before, after) = ((services.topology)(last), (services.topology)(target));
    if let Some(after) = &after {
        findings.push(topics(state, key, (before.as_deref(), after)));
        if let Some(before) = &before {
            findings.push(partitions(before, after));
            findings.push(brokers(before, after));
            findings.push(versions(before, after));
        }
    }
    findings.push(credentials(services, state, key, target));
    findings.push(anonymous(services, state, key, target));
    findings
}

fn finding(severity: Severity, about: &str, text: impl Into<String>) -> RehearsalFinding {
    RehearsalFinding {
        severity,
        about: about.to_owned(),
        text: text.into(),
    }
}

fn reach(state: &State, target: &ClusterId) -> RehearsalFinding {
    const ABOUT: &str = "reach";
    let report = |node| state.cluster_reports.get(node)?.get(target);
    let reaches = |node| report(node).is_some_and(|report| report.reach == ReportedReach::Reachable);
    let without: Vec<String> = state
        .nodes
        .keys()
        .filter(|node| !reaches(node))
        .map(ToString::to_string)
        .collect();
    match (without.is_empty(), without.len() == state.nodes.len()) {
        (true, _) => finding(Severity::Ok, ABOUT, format!("every node reaches {target}")),
        (_, true) => finding(Severity::Block, ABOUT, format!("no node reaches {target}")),
        _ => finding(
            Severity::Block,
            ABOUT,
            format!("nodes that do not reach {target}: {}", without.join(", ")),
        ),
    }
}

fn identity(state: &State, target: &ClusterId, last: &ClusterId) -> RehearsalFinding {
    const ABOUT: &str = "identity";
    let id = |cluster| {
        state
            .pinned_clusters
            .get(cluster)
            .map(|pinned| &pinned.kafka_cluster_id)
    };
    match (id(target), id(last)) {
        (Some(one), Some(other)) if one == other && target != last => finding(
            Severity::Block,
            ABOUT,
            format!("{target} and {last} are the same Kafka cluster ({one})"),
        ),
        (Some(one), _) => finding(
            Severity::Ok,
            ABOUT,
            format!("{target} is the Kafka cluster {one}"),
        ),
        (None, _) => finding(Severity::Warn, ABOUT, format!("{target} was never seen")),
    }
}

/// The topics that clients have, which would be gone.
fn topics(
    state: &State,
    key: &RouteKey,
    (before, after): (Option<&Topology>, &Topology),
) -> RehearsalFinding {
    const ABOUT: &str = "topics";
    let mut wanted: BTreeSet<&TopicName> = BTreeSet::new();
    for own in state.led_by(key).filter_map(|name| state.vclusters.get(name)) {
        let aliases = own.aliases.values();
        let here = aliases.filter(|alias| alias.physical_cluster == key.cluster);
        wanted.extend(here.map(|alias| &alias.physical_name));
    }
    if let Some(before) = before {
        wanted.retain(|name| before.topics.contains_key(*name));
        if key.vcluster.is_none() {
            wanted.extend(before.topics.keys());
        }
    }
    wanted.retain(|name| !name.as_str().starts_with("__"));
    let missing = wanted.iter().filter(|name| !after.topics.contains_key(**name));
    let missing: Vec<&str> = missing.map(|name| name.as_str()).collect();
    match missing.is_empty() {
        true => finding(Severity::Ok, ABOUT, format!("{} topics are there", wanted.len())),
        false => finding(
            Severity::Block,
            ABOUT,
            format!(
                "{} of {} topics are not there: {}",
                missing.len(),
                wanted.len(),
                some(&missing)
            ),
        ),
    }
}

fn partitions(before: &Topology, after: &Topology) -> RehearsalFinding {
    const ABOUT: &str = "partitions";
    let fewer = before.topics.iter().filter(|(name, topic)| {
        let there = after.topics.get(*name);
        there.is_some_and(|there| there.partitions < topic.partitions)
    });
    let fewer: Vec<&str> = fewer.map(|(name, _)| name.as_str()).collect();
    match fewer.is_empty() {
        true => finding(Severity::Ok, ABOUT, "no topic has fewer partitions"),
        false => finding(
            Severity::Block,
            ABOUT,
            format!("{} topics have fewer partitions: {}", fewer.len(), some(&fewer)),
        ),
    }
}

fn brokers(before: &Topology, after: &Topology) -> RehearsalFinding {
    const ABOUT: &str = "brokers";
    let (many, then) = (before.brokers.len(), after.brokers.len());
    let severity = if then < many { Severity::Warn } else { Severity::Ok };
    finding(severity, ABOUT, format!("{then} brokers instead of {many}"))
}

/// The APIs of which clients could use newer versions.
fn versions(before: &Topology, after: &Topology) -> RehearsalFinding {
    const ABOUT: &str = "versions";
    let lower = before.apis.0.iter().filter(|(key, range)| {
        let there = after.apis.0.get(*key);
        there.is_none_or(|there| there.1 < range.1)
    });
    let lower = lower.count();
    match lower {
        0 => finding(
            Severity::Ok,
            ABOUT,
            "every API has at least the versions that clients use",
        ),
        lower => finding(
            Severity::Warn,
            ABOUT,
            format!(
                "{lower} APIs have older versions only: clients that are connected may have to connect again"
            ),
        ),
    }
}

/// The credentials that accounts name, which the cluster that takes over does not have.
fn credentials(services: &Services, state: &State, key: &RouteKey, target: &ClusterId) -> RehearsalFinding {
    const ABOUT: &str = "credentials";
    let there = services.credentials_of(state, target);
    let accounts = state.led_by(key).filter_map(|name| state.vclusters.get(name));
    let accounts = accounts.flat_map(|own| own.accounts.values());
    let named: BTreeSet<&CredentialsName> = accounts
        .filter_map(|account| account.spec.upstream_credentials.as_ref())
        .collect();
    let missing: Vec<&str> = named
        .iter()
        .filter(|name| !there.contains(**name))
        .map(|name| name.as_str())
        .collect();
    match missing.is_empty() {
        true => finding(
            Severity::Ok,
            ABOUT,
            "all credentials that accounts name are there",
        ),
        false => finding(
            Severity::Block,
            ABOUT,
            format!(
                "{target} has no credentials {}, which accounts name",
                some(&missing)
            ),
        ),
    }
}

/// The virtual clusters that let clients in without a login, which the cluster that takes over does not.
fn anonymous(services: &Services, state: &State, key: &RouteKey, target: &ClusterId) -> RehearsalFinding {
    const ABOUT: &str = "anonymous";
    let is_open = |name: &&VclusterName| {
        let own = state.vclusters.get(*name);
        own.is_some_and(|own| own.spec.authentication.0.contains(&Method::Anonymous))
    };
    let open: Vec<&str> = state
        .led_by(key)
        .filter(is_open)
        .map(VclusterName::as_str)
        .collect();
    match !open.is_empty() && services.is_closed(state, target) {
        true => finding(
            Severity::Block,
            ABOUT,
            format!(
                "{} let clients in without a login, and gateway.allow.anonymous of {target} is not true",
                some(&open)
            ),
        ),
        false => finding(Severity::Ok, ABOUT, "whoever needs no login needs none there"),
    }
}

fn some(names: &[&str]) -> String {
    let shown = names[..names.len().min(NAMED)].join(", ");
    match names.len().saturating_sub(NAMED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
