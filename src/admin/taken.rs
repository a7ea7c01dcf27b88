//! That a change gives no name away that a topic of the physical cluster has already. The physical cluster itself is asked:
//! what this node has seen of it may be a few seconds old.

use futures_util::future::join_all;
use klamm_raft::model::{
    AliasTopic, ClusterId, Holder, Namespace, Standard, State, TopicName, VclusterKind, VclusterName,
};

use super::problem::ApiError;
use super::services::{CannotAsk, Finding, Services};
use crate::vcluster::rename::{Claimant, Clash, clashes};

/// Names that a refusal gives.
const NAMES_SHOWN: usize = 5;

/// That a new alias topic of a virtual cluster of this kind takes its name from no topic that clients see.
pub(super) async fn check_alias(
    services: &Services,
    kind: Option<&VclusterKind>,
    (vcluster, name): (&VclusterName, &TopicName),
    alias: &AliasTopic,
) -> Result<(), ApiError> {
    let Some(VclusterKind::Standard(standard)) = kind else {
        return Ok(());
    };
    let asked = rivals(standard, name, alias).into_iter().map(async |rival| {
        let found = (services.find_topic)(services.serving(&standard.backend), rival.1.clone()).await;
        (rival, found)
    });
    for ((holder, rival), found) in join_all(asked).await {
        match found {
            Ok(Finding::Missing) => {}
            Ok(Finding::Exists) => {
                let rival = Claimant::Topic(holder, rival);
                return Err(ApiError::conflict(format!(
                    "virtual cluster {vcluster} already has a topic {name}: {rival} on the physical cluster {}. An alias topic {name} would take the name from its clients: choose another name, or remove that topic first",
                    standard.backend
                )));
            }
            Err(error) => return Err(cannot_tell(&standard.backend, vcluster, &error)),
        }
    }
    Ok(())
}

/// The physical topics that clients may know by the name already, if they exist. What the alias stands for is none.
fn rivals(standard: &Standard, name: &TopicName, alias: &AliasTopic) -> Vec<(Holder, TopicName)> {
    let own = standard.namespace.physical(name.as_str());
    let own = own.and_then(|physical| physical.parse().ok());
    let let_in = standard.lets_in(name.as_str()).then(|| name.clone());
    let rivals = [(Holder::Own, own), (Holder::LetIn, let_in)];
    let rivals = rivals
        .into_iter()
        .filter_map(|(holder, physical)| Some((holder, physical?)));
    let is_itself =
        |physical: &TopicName| alias.physical_cluster == standard.backend && alias.physical_name == *physical;
    rivals.filter(|(_, physical)| !is_itself(physical)).collect()
}

/// That what a virtual cluster is to show gives no name to two topics.
pub(super) async fn check_vcluster(
    services: &Services,
    state: &State,
    vcluster: &VclusterName,
    kind: &VclusterKind,
) -> Result<(), ApiError> {
    let VclusterKind::Standard(after) = kind else {
        return Ok(());
    };
    let known = state.vclusters.get(vcluster);
    let before = known.and_then(|known| match &known.spec.kind {
        VclusterKind::Standard(before) => Some(before),
        VclusterKind::Partner | VclusterKind::Passthrough => None,
    });
    let is_same =
        before.is_some_and(|before| before.namespace == after.namespace && before.topics == after.topics);
    let no_aliases = Default::default();
    let aliases = known.map_or(&no_aliases, |known| &known.aliases);
    if is_same || !may_clash(after) && aliases.is_empty() {
        return Ok(());
    }
    let topics = (services.list_topics)(services.serving(&after.backend)).await;
    let topics = topics.map_err(|error| cannot_tell(&after.backend, vcluster, &error))?;
    match refusal(vcluster, &clashes(before, after, aliases, &topics)) {
        Some(refusal) => Err(ApiError::conflict(refusal)),
        None => Ok(()),
    }
}

/// Whether topics of the namespace and topics that are let in may have the same names.
fn may_clash(standard: &Standard) -> bool {
    matches!(standard.namespace, Namespace::HidePrefix(_)) && !standard.topics.is_empty()
}

fn refusal(vcluster: &VclusterName, clashes: &[Clash]) -> Option<String> {
    let Clash { name, one, other } = clashes.first()?;
    let more: Vec<&str> = clashes[1..]
        .iter()
        .take(NAMES_SHOWN)
        .map(|clash| clash.name.as_str())
        .collect();
    let more = match clashes.len() - 1 {
        0 => String::new(),
        count if count <= NAMES_SHOWN => format!(". The same holds for {}", more.join(", ")),
        count => format!(
            ". The same holds for {} and {} more",
            more.join(", "),
            count - NAMES_SHOWN
        ),
    };
    Some(format!(
        "virtual cluster {vcluster} would show two topics as {name}: {one}, and {other}. The one that had the name first keeps it: let in fewer topics, choose another prefix, or rename one of them{more}"
    ))
}

fn cannot_tell(cluster: &ClusterId, vcluster: &VclusterName, error: &CannotAsk) -> ApiError {
    ApiError::unavailable(format!(
        "the physical cluster {cluster} could not say which topics exist, so it is not known whether the change would take a name from a topic of virtual cluster {vcluster}. Nothing was changed: try again when the cluster answers"
    ))
    .because(error.to_string())
}
