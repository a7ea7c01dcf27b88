//! `/gateway/v2/cluster/routes`: where requests for physical clusters go, and the switch to the one that stands in for another.
//! A switch fences the route first: only when no node sends anything to the last cluster any more do requests go to the next.

use std::sync::Arc;
use std::time::Duration;

use actix_web::{HttpResponse, web};
use klamm_raft::command::{ClusterChange, Command, RouteChange};
use klamm_raft::model::{ClusterId, ClusterRoutes, FirstTopicIds, RouteKey, RoutePhase, State, VclusterName};
use klamm_raft::outcome::Refusal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::time::{Instant, timeout_at};

use super::{answer, configured};
use crate::admin::api::{AdminApi, BodySchema, Content, Operation, parameter};
use crate::admin::audit::Action;
use crate::admin::body::{Body, Query};
use crate::admin::change::{Made, Mode, Subject, UpsertResult};
use crate::admin::credentials::{Reader, Writer, now_s};
use crate::admin::problem::ApiError;
use crate::admin::rehearsed::{RehearsalFinding, Severity, findings, look_at_groups};
use crate::admin::resources::required;
use crate::admin::resources::schema::{CONFIGURED, VCLUSTERS};
use crate::admin::routes_view::RouteView;
use crate::admin::services::Services;
use crate::backend::topology::{PhysicalTopic, Topology};

/// For so long, once no node decides by what was before, nodes say that nothing is under way on them. It is longer than sessions
/// wait for what brokers owe them.
const DRAIN: Duration = Duration::from_secs(6);

/// The word for whatever stands in, as the reference product has it.
const FAILOVER: &str = "failover";

pub(in crate::admin) fn register(api: &mut AdminApi) {
    api.add(
        Operation::get(
            "/gateway/v2/cluster/routes",
            "listRoutes",
            "Where requests for physical clusters go that others can stand in for",
        )
        .gives(Content::Many(BodySchema::shown::<RouteView>()))
        .fails(&["503"]),
        list,
    );
    api.add(
        Operation::post(
            "/gateway/v2/cluster/routes/switch",
            "switchRoute",
            "Send requests for a physical cluster to the one that stands in for it, or back, on all nodes at once",
        )
        .by(&[parameter::DRY_MODE])
        .takes(BodySchema::read::<SwitchToMake>())
        .gives(Content::One(BodySchema::shown::<MadeSwitch>()))
        .fails(&["400", "404", "409", "503"]),
        switch,
    );
    api.add(
        Operation::post(
            "/admin/pclusters/v1/pcluster/{cluster}/switch",
            "switchPhysicalCluster",
            "The same as clients of other gateways ask for it",
        )
        .by(&[parameter::SWITCH_TO])
        .gives(Content::One(BodySchema::shown::<SwitchMessage>()))
        .fails(&["400", "404", "409", "503"]),
        switch_by_path,
    );
}

/// A switch as it is asked for.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "RouteToSwitch")]
pub(in crate::admin) struct SwitchToMake {
    /// The physical cluster that virtual clusters are on.
    #[schemars(regex(pattern = CONFIGURED))]
    cluster: String,
    /// The one that is to get the requests: that which stands in, or the physical cluster itself.
    #[schemars(regex(pattern = CONFIGURED))]
    to: String,
    /// Switch only this virtual cluster, as a drill.
    #[serde(default)]
    #[schemars(regex(pattern = VCLUSTERS))]
    v_cluster: Option<String>,
    /// Let requests go nowhere from now on, and leave it at that: a switch without it goes on.
    #[serde(default)]
    fence: bool,
    /// Switch although something was found that clients will notice.
    #[serde(default)]
    force: bool,
    /// The generation that the route has: it is not switched if somebody was faster.
    #[serde(default)]
    #[schemars(range(min = 0, max = u32::MAX))]
    expected_generation: Option<u32>,
}

/// A switch, with what was found of the physical cluster that takes over.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "MadeSwitch")]
struct MadeSwitch {
    upsert_result: UpsertResult,
    route: RouteView,
    findings: Vec<RehearsalFinding>,
    /// How long requests went nowhere, in milliseconds.
    fenced_for_ms: u64,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "SwitchMessage")]
struct SwitchMessage {
    message: String,
}

/// Where to, as clients of other gateways say it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct SwitchQuery {
    to: String,
}

pub(in crate::admin) async fn list(
    services: web::Data<Services>,
    _: Reader,
) -> Result<HttpResponse, ApiError> {
    Ok(HttpResponse::Ok().json(RouteView::all(&*services.newest().await?)))
}

pub(in crate::admin) async fn switch(
    services: web::Data<Services>,
    writer: Writer,
    Query(mode): Query<Mode>,
    Body(asked): Body<SwitchToMake>,
) -> Result<HttpResponse, ApiError> {
    let (made, switched) = make(&services, &writer, mode, &asked).await?;
    Ok(answer(&made, switched))
}

pub(in crate::admin) async fn switch_by_path(
    services: web::Data<Services>,
    path: web::Path<String>,
    writer: Writer,
    Query(SwitchQuery { to }): Query<SwitchQuery>,
) -> Result<HttpResponse, ApiError> {
    let asked = SwitchToMake {
        cluster: path.into_inner(),
        to,
        v_cluster: None,
        fence: false,
        force: false,
        expected_generation: None,
    };
    make(&services, &writer, Mode::default(), &asked).await?;
    Ok(HttpResponse::Ok().json(json!({ "message": "Cluster switched" })))
}

/// A switch that is being made.
struct Switching<'a> {
    services: &'a Services,
    writer: &'a Writer,
    key: RouteKey,
    target: ClusterId,
}

async fn make(
    services: &Services,
    writer: &Writer,
    mode: Mode,
    asked: &SwitchToMake,
) -> Result<(Made, MadeSwitch), ApiError> {
    let state = services.newest().await?;
    let key = RouteKey {
        cluster: required("cluster", &asked.cluster)?,
        vcluster: match &asked.v_cluster {
            Some(name) => Some(required::<VclusterName>("vCluster", name)?),
            None => None,
        },
    };
    configured(services, &key.cluster)?;
    let target = target(&state, &key.cluster, &asked.to)?;
    let switching = Switching {
        services,
        writer,
        key,
        target,
    };
    let mut findings = findings(services, &state, &switching.key, &switching.target);
    if mode.dry_mode {
        // Brokers take their time to say.
        findings.push(look_at_groups(services, &state, &switching.key, &switching.target).await);
    }
    let blocks = findings
        .iter()
        .filter(|finding| finding.severity == Severity::Block);
    let blocks: Vec<&str> = blocks.map(|finding| finding.text.as_str()).collect();
    if !blocks.is_empty() && !asked.force && !mode.dry_mode {
        return Err(ApiError::conflict(format!(
            "{}. To switch nevertheless, say force (klamm cluster switch --force)",
            blocks.join("; ")
        )));
    }
    if !mode.dry_mode {
        switching.keep_topic_ids(&state).await?;
    }
    let began = Instant::now();
    let mut made = switching.fence(asked, mode).await?;
    if made.upsert_result() != UpsertResult::NotChanged && !asked.fence && !mode.dry_mode {
        made = switching.open(&made.state).await?;
    }
    let switched = MadeSwitch {
        upsert_result: made.upsert_result(),
        route: RouteView::of(&made.state, &switching.key),
        findings,
        fenced_for_ms: match made.upsert_result() {
            UpsertResult::NotChanged => 0,
            _ => u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        },
    };
    Ok((made, switched))
}

/// The physical cluster that is meant.
fn target(state: &State, cluster: &ClusterId, to: &str) -> Result<ClusterId, ApiError> {
    let named: ClusterId = required("to", to)?;
    if named == *cluster || state.stands_in_for(&named) == Some(cluster) {
        return Ok(named);
    }
    let stand_ins = state.stand_ins(cluster);
    match (to, stand_ins.len(), stand_ins.first()) {
        (FAILOVER, 1, Some(only)) => Ok((*only).clone()),
        _ => Err(Refusal::NoStandIn {
            cluster: cluster.clone(),
            target: named,
        }
        .into()),
    }
}

/// The ids by which clients know the topics of a cluster that takes over, by those that they have there, where they are others. What
/// the last cluster does not have is known as it was there.
fn first_topic_ids(
    routes: &ClusterRoutes,
    (last, before): (&ClusterId, &Topology),
    (target, after): (&ClusterId, &Topology),
) -> FirstTopicIds {
    let has_id = |topic: &&PhysicalTopic| topic.id != [0; 16];
    let ids = after.topics.iter().filter(|(_, topic)| has_id(topic));
    let ids = ids.map(|(name, topic)| {
        let first = match before.topics.get(name).filter(has_id) {
            Some(there) => routes.first_topic_id(last, there.id),
            None => routes.first_topic_id(target, topic.id),
        };
        (topic.id, first)
    });
    ids.filter(|(id, first)| id != first).collect()
}

impl Switching<'_> {
    fn subject(&self, action: &'static str) -> Subject<'_> {
        let route = match &self.key.vcluster {
            None => format!("Route/{}", self.key.cluster),
            Some(vcluster) => format!("Route/{}/{vcluster}", self.key.cluster),
        };
        Subject {
            writer: self.writer,
            action: Action(action),
            resource: format!("{route} to {}", self.target),
        }
    }

    fn command(change: RouteChange) -> Command {
        Command::PhysicalCluster(Box::new(ClusterChange::Route(change)))
    }

    /// Has clients know topics of the target by the ids that they know now: there are clients that go on with no other. Of a cluster that
    /// this node has never seen, no ids are known; its topics are as if they were created anew.
    async fn keep_topic_ids(&self, state: &State) -> Result<(), ApiError> {
        let last = state.routes.last(&self.key);
        let topology = |cluster| (self.services.topology)(cluster);
        let (false, Some(before), Some(after)) =
            (*last == self.target, topology(last), topology(&self.target))
        else {
            return Ok(());
        };
        let first_ids = first_topic_ids(&state.routes, (last, &before), (&self.target, &after));
        let known = state.routes.first_topic_ids.get(&self.target);
        if known.map_or(first_ids.is_empty(), |known| **known == first_ids) {
            return Ok(());
        }
        let all: Vec<_> = first_ids.into_iter().collect();
        // At least one, which forgets those that were known.
        let parts = all.len().div_ceil(RouteChange::MOST_TOPICS).max(1);
        for part in 0..parts {
            let ids = all.iter().skip(part * RouteChange::MOST_TOPICS);
            let change = RouteChange::Topics {
                cluster: self.target.clone(),
                first_ids: ids.take(RouteChange::MOST_TOPICS).copied().collect(),
                is_first_part: part == 0,
            };
            let subject = self.subject("KEEP_TOPIC_IDS");
            self.services
                .change(subject, Self::command(change), Mode::default())
                .await?;
        }
        Ok(())
    }

    /// Has all nodes send nothing any more. When it returns, none decides by what was before.
    async fn fence(&self, asked: &SwitchToMake, mode: Mode) -> Result<Made, ApiError> {
        let fence = RouteChange::Fence {
            key: self.key.clone(),
            target: self.target.clone(),
            expected: asked.expected_generation,
            stays: asked.fence,
            at_s: now_s()?,
        };
        let subject = self.subject("FENCE_ROUTE");
        self.services.change(subject, Self::command(fence), mode).await
    }

    /// Has requests go to the target, once none is under way to the last one.
    async fn open(&self, fenced: &State) -> Result<Made, ApiError> {
        let route = fenced.routes.by_key.get(&self.key);
        let generation = route.map_or(0, |route| route.generation);
        self.drained(generation).await;
        let open = RouteChange::Open {
            key: self.key.clone(),
            generation,
            at_s: now_s()?,
        };
        let subject = self.subject("SWITCH_ROUTE");
        self.services
            .change(subject, Self::command(open), Mode::default())
            .await
    }

    /// Waits until every node says so, or has had the time. That is waited for also where a node is down: what it sent while it had a lease
    /// may still be under way.
    async fn drained(&self, generation: u32) {
        #[cfg(feature = "planted")]
        if klamm_raft::planted::is_planted(klamm_raft::planted::PlantedMistake::OpenedAtOnce) {
            return;
        }
        let deadline = Instant::now() + DRAIN;
        let mut states = self.services.states.clone();
        let is_drained = |state: &Arc<State>| {
            let Some(route) = state.routes.by_key.get(&self.key) else {
                return true;
            };
            let RoutePhase::Fenced { drained, .. } = &route.phase else {
                return true;
            };
            route.generation != generation || state.nodes.keys().all(|node| drained.contains(node))
        };
        // Late or not, sessions have ended by then.
        let _ = timeout_at(deadline, states.wait_for(is_drained)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(topics: &[(&str, u8)]) -> Topology {
        let topics = topics.iter().map(|(name, id)| {
            let topic = PhysicalTopic {
                id: [*id; 16],
                partitions: 1,
            };
            (name.parse().unwrap(), topic)
        });
        Topology {
            topics: Arc::new(topics.collect()),
            ..Topology::default()
        }
    }

    #[test]
    fn topics_are_known_by_the_ids_that_they_had_first_however_often_requests_are_switched() {
        let [main, spare]: [ClusterId; 2] = ["main", "spare"].map(|name| name.parse().unwrap());
        let mut routes = ClusterRoutes::default();
        let mut switch = |(last, before): (&ClusterId, &[(&str, u8)]),
                          (target, after): (&ClusterId, &[(&str, u8)])| {
            let ids = first_topic_ids(&routes, (last, &with(before)), (target, &with(after)));
            let told: Vec<(u8, u8)> = ids.iter().map(|(id, first)| (id[0], first[0])).collect();
            let kept = routes.first_topic_ids.entry(target.clone()).or_default();
            **kept = ids;
            told
        };
        let there = [("a", 11), ("b", 12), ("old", 0)];
        assert_eq!(
            switch((&main, &[("a", 1), ("b", 2), ("old", 3)]), (&spare, &there)),
            [(11, 1), (12, 2)]
        );
        // `b` was created again, and `c` is new, while the stand-in served.
        let (there, here) = ([("a", 11), ("b", 22), ("c", 33)], [("a", 1), ("b", 4), ("c", 5)]);
        assert_eq!(switch((&spare, &there), (&main, &here)), [(4, 22), (5, 33)]);
        // `c` is gone on the stand-in: clients go on knowing it here as they do.
        assert_eq!(switch((&main, &here), (&spare, &[("a", 11)])), [(11, 1)]);
        assert_eq!(switch((&spare, &[("a", 11)]), (&main, &here)), [(4, 22), (5, 33)]);
    }
}
