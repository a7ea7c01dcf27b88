//! The capabilities that the admin API is handed over the parts of this node, and nothing else of them.

use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use klamm_raft::model::{ClusterId, KeyName, Liveness, State, TopicName};
use klamm_raft::{ProposeError, Readiness, Status};
use tokio::sync::watch;

use super::accounting::{self, Accounts};
use super::secrets::SecretRoots;
use super::sessions::RecordSources;
use super::{backups, here, physical, reports, usage};
use crate::admin::{CannotAsk, DecidingView, Finding, ProviderFacts, Services, Unready, Variables};
use crate::backend::{Committed, DescribeTopic, ListTopics, Reach, Survey, Upstream, Upstreams};
use crate::chain::Chain;
use crate::config::{Config, Reference, WhenIsolated};
use crate::control::Control;
use crate::keys::KeyConfig;
use crate::listener::Addresses;
use crate::metrics::{Metrics, RaftFigures};
use crate::supervision::{Component, Supervisor};
use crate::vcluster::rename::Names;

/// The parts of this node that the capabilities look at.
#[derive(Debug, Clone)]
pub(crate) struct NodeParts {
    pub(crate) control: Control,
    pub(crate) upstreams: Upstreams,
    pub(crate) addresses: watch::Receiver<Addresses>,
    pub(crate) metrics: Metrics,
    pub(crate) supervisor: Supervisor,
    pub(crate) draining: Arc<AtomicBool>,
    pub(crate) serving: Arc<AtomicBool>,
    pub(crate) isolated: WhenIsolated,
    pub(crate) sources: RecordSources,
    pub(super) accounts: Accounts,
}

/// The capabilities of the admin API.
pub(crate) fn services(parts: &NodeParts, config: &Config) -> Services {
    Services {
        states: parts.control.states(),
        propose: proposer(parts.control.clone()),
        confirm: confirmer(parts.control.clone()),
        backup: backups::maker(&parts.control, config.node.backups.key.as_ref()),
        rehearsal: None,
        providers: Arc::new(
            config
                .oauth
                .iter()
                .map(|(name, provider)| {
                    let facts = ProviderFacts {
                        issuer: provider.provider.issuer.clone(),
                        keys: provider.keys.to_string(),
                    };
                    (name.clone(), facts)
                })
                .collect(),
        ),
        record_keys: {
            let kind = |(name, key): (&KeyName, &KeyConfig)| (name.clone(), key.kind());
            Arc::new(config.keys.iter().map(kind).collect())
        },
        registries: Arc::new(config.registries.keys().cloned().collect()),
        backends: Arc::new(config.backends.values().cloned().collect()),
        anonymous: config.anonymous,
        reports: {
            let upstreams = parts.upstreams.clone();
            Arc::new(move || reports::of(&upstreams))
        },
        check_reference: {
            let roots = SecretRoots::new(config.secrets.clone());
            Arc::new(move |reference: &Reference| roots.check(reference))
        },
        resolve: {
            let how = (SecretRoots::new(config.secrets.clone()), config.anonymous);
            Arc::new(move |id, cluster| Box::pin(physical::resolved(how.clone(), id, cluster)))
        },
        listeners: Arc::new(config.listeners.clone()),
        variables: Arc::new(Variables::of_process(&config.http.variables)),
        find_topic: finder(parts.upstreams.clone()),
        list_topics: lister(parts.upstreams.clone()),
        committed: committed(parts.upstreams.clone()),
        bounds: bounds(parts.upstreams.clone()),
        positions: positions(parts.upstreams.clone()),
        topology: {
            let upstreams = parts.upstreams.clone();
            Arc::new(move |id| upstreams.get(id)?.picture.topology.borrow().clone())
        },
        here: {
            let parts = parts.clone();
            Arc::new(move || here::of(&parts))
        },
        unready: {
            let parts = parts.clone();
            Arc::new(move || unready(&parts))
        },
        status: {
            let control = parts.control.clone();
            Arc::new(move || control.status())
        },
        lease: parts.control.lease(),
        usage: accounting::reporter(&parts.accounts),
        metrics: {
            let parts = parts.clone();
            Arc::new(move || scraped(&parts))
        },
    }
}

/// The metrics, with what is read at each scrape.
fn scraped(parts: &NodeParts) -> Result<String, String> {
    let (status, state) = (parts.control.status(), parts.control.state());
    let node = &parts.metrics.node;
    node.set_raft(figures(&status, &state));
    node.set_peers_refused(&status.refused_peers);
    node.set_limits(&usage::of(&state));
    let lease = parts.control.lease();
    let left = lease.left().map_or(f64::INFINITY, |left| left.as_secs_f64());
    let decides_without = matches!(
        here::deciding(&lease, parts.isolated),
        DecidingView::AsAllowed | DecidingView::AsConfigured
    );
    let ahead_ms = lease.leader_ahead_ms().clamp(i32::MIN.into(), i32::MAX.into());
    let ahead_ms = i32::try_from(ahead_ms).unwrap_or_default();
    node.leases
        .set(left, decides_without, f64::from(ahead_ms) / 1000.0);
    let of_peers = usize::from(status.taken_port.is_some());
    node.set_unopened(parts.addresses.borrow().unopened.len() + of_peers);
    parts.metrics.encode().map_err(|error| error.to_string())
}

fn proposer(control: Control) -> Arc<crate::admin::ProposeChange> {
    Arc::new(move |change| {
        let control = control.clone();
        Box::pin(async move { control.propose(change).await })
    })
}

fn confirmer(control: Control) -> Arc<crate::admin::ConfirmNewest> {
    Arc::new(move || {
        let control = control.clone();
        Box::pin(async move { control.confirm().await })
    })
}

fn finder(upstreams: Upstreams) -> Arc<crate::admin::FindTopic> {
    Arc::new(move |cluster: ClusterId, name| {
        let watcher = upstreams.get(&cluster).map(|upstream| upstream.watcher);
        Box::pin(async move {
            let watcher = watcher.ok_or_else(|| cannot_ask(&cluster, "it is not configured"))?;
            match watcher.send(DescribeTopic { name }).await {
                Ok(Ok(Some(_))) => Ok(Finding::Exists),
                Ok(Ok(None)) => Ok(Finding::Missing),
                Ok(Err(error)) => Err(cannot_ask(&cluster, Chain(&error))),
                Err(error) => Err(cannot_ask(&cluster, error)),
            }
        })
    })
}

fn lister(upstreams: Upstreams) -> Arc<crate::admin::ListPhysicalTopics> {
    Arc::new(move |cluster: ClusterId| {
        let watcher = upstreams.get(&cluster).map(|upstream| upstream.watcher);
        Box::pin(async move {
            let watcher = watcher.ok_or_else(|| cannot_ask(&cluster, "it is not configured"))?;
            match watcher.send(ListTopics).await {
                Ok(Ok(topics)) => Ok(topics),
                Ok(Err(error)) => Err(cannot_ask(&cluster, Chain(&error))),
                Err(error) => Err(cannot_ask(&cluster, error)),
            }
        })
    })
}

fn committed(upstreams: Upstreams) -> Arc<crate::admin::CommittedOffsets> {
    Arc::new(move |cluster: ClusterId, topic: TopicName, names: Arc<Names>| {
        let survey = survey(&upstreams, &cluster);
        Box::pin(async move {
            let is_meant = |group: &str| names.virtual_group(group).is_some();
            let committed = survey?.committed(&topic, is_meant).await;
            let committed = committed.map_err(|error| cannot_ask(&cluster, Chain(&error)))?;
            let known = committed
                .offsets
                .into_iter()
                .filter_map(|(group, offsets)| Some((names.virtual_group(&group)?.to_owned(), offsets)));
            Ok(Committed {
                offsets: known.collect(),
                unread: committed.unread,
            })
        })
    })
}

fn bounds(upstreams: Upstreams) -> Arc<crate::admin::TopicBounds> {
    Arc::new(move |cluster: ClusterId, topic: TopicName| {
        let survey = survey(&upstreams, &cluster);
        Box::pin(async move {
            let bounds = survey?.bounds(&topic).await;
            bounds.map_err(|error| cannot_ask(&cluster, Chain(&error)))
        })
    })
}

fn positions(upstreams: Upstreams) -> Arc<crate::admin::PositionsOfGroups> {
    Arc::new(
        move |cluster: ClusterId, is_meant: Arc<crate::admin::IsGroupMeant>| {
            let survey = survey(&upstreams, &cluster);
            Box::pin(async move {
                let positions = survey?.positions(|group| is_meant(group)).await;
                positions.map_err(|error| cannot_ask(&cluster, Chain(&error)))
            })
        },
    )
}

fn survey(upstreams: &Upstreams, cluster: &ClusterId) -> Result<Survey, CannotAsk> {
    let survey = upstreams.get(cluster).and_then(|upstream| upstream.survey());
    survey.ok_or_else(|| cannot_ask(cluster, "it was never reached"))
}

fn cannot_ask(cluster: &ClusterId, why: impl Display) -> CannotAsk {
    CannotAsk(format!("physical cluster {cluster}: {why}"))
}

fn unready(parts: &NodeParts) -> Vec<Unready> {
    let mut reasons = Vec::new();
    let status = parts.control.status();
    if parts.draining.load(Ordering::Relaxed) {
        reasons.push(Unready::Draining);
    }
    if !parts.serving.load(Ordering::Relaxed) {
        reasons.push(Unready::Listener);
    } else if let Some(first) = parts.addresses.borrow().none_open() {
        reasons.push(Unready::NothingOpen(Chain(&*first.error).to_string()));
    }
    reasons.extend(status.taken_port.map(Unready::PeerPort));
    if status.leader.is_none() {
        reasons.push(Unready::NoLeader);
    }
    if parts.isolated == WhenIsolated::Refuse && !parts.control.lease().holds() {
        reasons.push(Unready::NoLease);
    }
    if status.beside_another {
        reasons.push(Unready::AnotherProcess);
    }
    if let Readiness::Refused(refusal) = &status.readiness {
        reasons.push(Unready::Refused(refusal.to_string()));
    }
    reasons.extend(unready_upstream(&parts.upstreams));
    let down = parts.supervisor.down().into_iter().filter(Component::is_for_all);
    reasons.extend(down.map(|component| Unready::Panicked(component.to_string())));
    reasons
}

/// The physical clusters that keep a node from serving: none can be used. What one of several cannot be used for, is its own.
fn unready_upstream(upstreams: &Upstreams) -> Option<Unready> {
    let is_usable = |upstream: &Upstream| *upstream.picture.reach.borrow() == Reach::Reachable;
    let all = upstreams.all();
    let (_, main) = all.iter().find(|(id, _)| id.is_main())?;
    if is_usable(main) {
        return None;
    }
    match main.expected().stranger() {
        _ if all.iter().any(|(_, upstream)| is_usable(upstream)) => None,
        None => Some(Unready::Main),
        Some(stranger) => Some(Unready::OtherCluster(format!("main: {stranger}"))),
    }
}

fn figures(status: &Status, state: &State) -> RaftFigures {
    // As this node sees it now: a node that does not answer is not up, whatever could be agreed on.
    let answers = |id| status.peers.iter().all(|peer| peer.id != id || peer.answers);
    let up = state
        .nodes
        .iter()
        .filter(|(id, record)| record.liveness == Liveness::Up && answers(**id))
        .count();
    RaftFigures {
        term: status.term,
        leads: status.leader == Some(status.id),
        has_leader: status.leader.is_some(),
        last_log: status.last_log.unwrap_or(0),
        committed: status.committed.unwrap_or(0),
        snapshot_failures: status.snapshot_failures,
        applied: status.applied.0,
        level: u64::from(state.level.0),
        known_level: u64::from(state.level_known_to_all().unwrap_or_default().0),
        nodes_up: up as u64,
        nodes: state.nodes.len() as u64,
        voters: status.voters.len() as u64,
        learners: status.learners.len() as u64,
    }
}

/// Whether the same change may well be made a little later.
pub(crate) fn is_transient(error: &ProposeError) -> bool {
    matches!(
        error,
        ProposeError::NoLeader { .. } | ProposeError::Busy | ProposeError::NotEverywhere { .. }
    )
}
