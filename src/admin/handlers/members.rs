//! `/gateway/v2/cluster/members`: which nodes the gateway cluster has, and who of them votes. What is asked for is put on
//! record; the leader brings it about.

use std::collections::BTreeSet;
use std::sync::Arc;

use actix_web::{HttpResponse, web};
use klamm_raft::Status;
use klamm_raft::command::{Command, MemberChange};
use klamm_raft::model::{Departure, NodeId, State, VoterPlan};
use klamm_raft::outcome::Refusal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::answer;
use crate::admin::api::{AdminApi, BodySchema, Content, Operation, parameter};
use crate::admin::audit::Action;
use crate::admin::body::{Body, Query};
use crate::admin::change::{Made, Mode, Subject, UpsertResult};
use crate::admin::credentials::{Reader, Writer};
use crate::admin::members_view::MembersView;
use crate::admin::problem::ApiError;
use crate::admin::services::Services;

/// More voters make each change slower, and nothing safer.
const MOST_VOTERS: u8 = 9;

/// Registers the operations.
pub(in crate::admin) fn register(api: &mut AdminApi) {
    api.add(
        Operation::get(
            "/gateway/v2/cluster/members",
            "getClusterMembers",
            "The members of the gateway cluster, and which of them vote, as this node sees them",
        )
        .gives(Content::One(BodySchema::shown::<MembersView>())),
        members,
    );
    api.add(
        changes::<NodeToPromote>(
            "/gateway/v2/cluster/members/promote",
            "promoteClusterMember",
            "Let a node of the gateway cluster vote, once it has caught up",
        ),
        promote,
    );
    api.add(
        changes::<NodeToDemote>(
            "/gateway/v2/cluster/members/demote",
            "demoteClusterMember",
            "Let a node of the gateway cluster vote no more; it goes on serving clients",
        ),
        demote,
    );
    api.add(
        changes::<NodeToRemove>(
            "/gateway/v2/cluster/members/remove",
            "removeClusterMember",
            "Remove a node from the gateway cluster, for good, once its clients are elsewhere",
        ),
        remove,
    );
    api.add(
        changes::<NodeToReplace>(
            "/gateway/v2/cluster/members/replace",
            "replaceClusterMember",
            "Let another node vote in place of a lost one, which is removed for good",
        ),
        replace,
    );
    api.add(
        changes::<VotersToCount>(
            "/gateway/v2/cluster/members/voters",
            "setClusterVoters",
            "Say how many nodes of the gateway cluster are to vote, as nodes come and go",
        ),
        voters,
    );
}

fn changes<T: JsonSchema>(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    Operation::post(path, id, summary)
        .by(&[parameter::DRY_MODE])
        .takes(BodySchema::read::<T>())
        .gives(Content::One(BodySchema::shown::<ChangedMembers>()))
        .fails(&["400", "409", "503"])
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "ClusterMemberToPromote")]
pub(in crate::admin) struct NodeToPromote {
    node_id: u64,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "ClusterMemberToDemote")]
pub(in crate::admin) struct NodeToDemote {
    node_id: u64,
}

/// Which node goes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "ClusterMemberToRemove")]
pub(in crate::admin) struct NodeToRemove {
    node_id: u64,
    /// Do not wait until its clients are elsewhere.
    #[serde(default)]
    force: bool,
}

/// Which node goes, and which one comes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "ClusterMemberToReplace")]
pub(in crate::admin) struct NodeToReplace {
    node_id: u64,
    with: u64,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "ClusterVotersToCount")]
pub(in crate::admin) struct VotersToCount {
    #[schemars(range(min = 1, max = MOST_VOTERS))]
    target: u8,
}

/// The members as they are when the change is on record: what it leads to comes after.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ChangedClusterMembers")]
struct ChangedMembers {
    upsert_result: UpsertResult,
    members: MembersView,
}

pub(in crate::admin) async fn members(services: web::Data<Services>, _: Reader) -> HttpResponse {
    HttpResponse::Ok().json(MembersView::of(&(services.status)(), &services.state()))
}

pub(in crate::admin) async fn promote(
    services: web::Data<Services>,
    writer: Writer,
    Query(mode): Query<Mode>,
    Body(NodeToPromote { node_id }): Body<NodeToPromote>,
) -> Result<HttpResponse, ApiError> {
    let now = ClusterNow::of(&services).await?;
    let id = now.known(node_id)?;
    now.keeps_majority(&[id], &[])?;
    let plan = now.change([id].into(), BTreeSet::new());
    let subject = subject(&writer, "PROMOTE_NODE", id);
    changed(&services, services.change(subject, plan, mode).await?)
}

pub(in crate::admin) async fn demote(
    services: web::Data<Services>,
    writer: Writer,
    Query(mode): Query<Mode>,
    Body(NodeToDemote { node_id }): Body<NodeToDemote>,
) -> Result<HttpResponse, ApiError> {
    let now = ClusterNow::of(&services).await?;
    let id = now.known(node_id)?;
    now.keeps_majority(&[], &[id])?;
    let plan = now.change(BTreeSet::new(), [id].into());
    let subject = subject(&writer, "DEMOTE_NODE", id);
    changed(&services, services.change(subject, plan, mode).await?)
}

pub(in crate::admin) async fn remove(
    services: web::Data<Services>,
    writer: Writer,
    Query(mode): Query<Mode>,
    Body(NodeToRemove { node_id, force }): Body<NodeToRemove>,
) -> Result<HttpResponse, ApiError> {
    let now = ClusterNow::of(&services).await?;
    let id = now.known(node_id)?;
    now.keeps_majority(&[], &[id])?;
    let departure = match force {
        true => Departure::Now,
        false => Departure::Drained,
    };
    let subject = subject(&writer, "REMOVE_NODE", id);
    let command = Command::ChangeMembers(MemberChange::Leave { id, departure });
    changed(&services, services.change(subject, command, mode).await?)
}

/// The lost node leaves last: from then on the leader may make the change, which is to be one.
pub(in crate::admin) async fn replace(
    services: web::Data<Services>,
    writer: Writer,
    Query(mode): Query<Mode>,
    Body(NodeToReplace { node_id, with }): Body<NodeToReplace>,
) -> Result<HttpResponse, ApiError> {
    let now = ClusterNow::of(&services).await?;
    let (lost, new) = (now.known(node_id)?, now.known(with)?);
    if lost == new {
        return Err(ApiError::invalid("a node cannot take its own place"));
    }
    if now.answers(lost) {
        let message = format!(
            "node {lost} answers, so it is not lost: promote node {new} and remove node {lost} (klamm cluster remove)"
        );
        return Err(ApiError::conflict(message));
    }
    now.keeps_majority(&[new], &[lost])?;
    let plan = now.change([new].into(), [lost].into());
    let planned = services
        .change(subject(&writer, "PROMOTE_NODE", new), plan, mode)
        .await?;
    let leave = Command::ChangeMembers(MemberChange::Leave {
        id: lost,
        departure: Departure::Now,
    });
    let made = services
        .change(subject(&writer, "REMOVE_NODE", lost), leave, mode)
        .await?;
    match made.upsert_result() {
        UpsertResult::NotChanged => changed(&services, planned),
        _ => changed(&services, made),
    }
}

pub(in crate::admin) async fn voters(
    services: web::Data<Services>,
    writer: Writer,
    Query(mode): Query<Mode>,
    Body(VotersToCount { target }): Body<VotersToCount>,
) -> Result<HttpResponse, ApiError> {
    if !(1..=MOST_VOTERS).contains(&target) {
        return Err(ApiError::invalid(format!(
            "target is a number from 1 to {MOST_VOTERS}"
        )));
    }
    services.newest().await?;
    let subject = Subject {
        writer: &writer,
        action: Action("SET_VOTERS"),
        resource: format!("ClusterVoters/{target}"),
    };
    let command = Command::ChangeMembers(MemberChange::Plan(VoterPlan::Count(target)));
    changed(&services, services.change(subject, command, mode).await?)
}

fn subject<'a>(writer: &'a Writer, action: &'static str, id: NodeId) -> Subject<'a> {
    Subject {
        writer,
        action: Action(action),
        resource: format!("GatewayNode/{id}"),
    }
}

fn changed(services: &Services, made: Made) -> Result<HttpResponse, ApiError> {
    let changed = ChangedMembers {
        upsert_result: made.upsert_result(),
        members: MembersView::of(&(services.status)(), &made.state),
    };
    Ok(answer(&made, changed))
}

/// The cluster by which a change is judged.
struct ClusterNow {
    state: Arc<State>,
    status: Status,
}

impl ClusterNow {
    async fn of(services: &Services) -> Result<Self, ApiError> {
        Ok(Self {
            state: services.newest().await?,
            status: (services.status)(),
        })
    }

    fn known(&self, id: u64) -> Result<NodeId, ApiError> {
        let id = NodeId(id);
        match (
            self.state.nodes.contains_key(&id),
            self.state.roster.removed.get(&id),
        ) {
            (true, _) => Ok(id),
            (false, Some(at)) => Err(Refusal::NodeRemoved { node: id.0, at: *at }.into()),
            (false, None) => Err(Refusal::NoSuchNode(id.0).into()),
        }
    }

    fn answers(&self, id: NodeId) -> bool {
        let peer = self.status.peers.iter().find(|peer| peer.id == id);
        id == self.status.id || peer.is_some_and(|peer| peer.answers)
    }

    /// Whether those who would vote can decide: most of them answer this node.
    fn keeps_majority(&self, add: &[NodeId], drop: &[NodeId]) -> Result<(), ApiError> {
        let stays = |id: &NodeId| !drop.contains(id) && !self.state.roster.leaving.contains_key(id);
        let voters = self.status.voters.iter().chain(add).copied();
        let voters: BTreeSet<NodeId> = voters.filter(stays).collect();
        let answering = voters.iter().filter(|id| self.answers(**id)).count();
        if voters.is_empty() {
            return Err(Refusal::NoVoters.into());
        }
        match answering > voters.len() / 2 {
            true => Ok(()),
            false => {
                let silent = voters.iter().filter(|id| !self.answers(**id));
                let silent: Vec<String> = silent.map(NodeId::to_string).collect();
                Err(ApiError::conflict(format!(
                    "those who would vote would have no majority: of {} nodes, {} do not answer ({}). Start them, or replace them first (klamm cluster replace)",
                    voters.len(),
                    silent.len(),
                    silent.join(", ")
                )))
            }
        }
    }

    fn change(&self, add: BTreeSet<NodeId>, drop: BTreeSet<NodeId>) -> Command {
        let seen = self.status.voters.iter().copied().collect();
        Command::ChangeMembers(MemberChange::Plan(VoterPlan::Change { seen, add, drop }))
    }
}
