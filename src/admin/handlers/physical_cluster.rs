//! `/gateway/v2/physical-cluster`: physical clusters that are resources, beside those of the nodes' configuration.

use std::collections::BTreeSet;

use actix_web::{HttpResponse, web};
use klamm_raft::command::{ClusterChange, Command};
use klamm_raft::model::{ClusterId, CredentialsName, PhysicalCluster, State};
use klamm_raft::outcome::Refusal;
use serde_json::json;

use super::dry_run::{DryRunStage, Rehearsed, Step, TRIAL, read};
use super::{UnfilteredQuery, delete_by, gone, upserted, warn};
use crate::admin::api::{AdminApi, BodySchema, Content, Operation, parameter};
use crate::admin::audit::Action;
use crate::admin::body::{Body, Query};
use crate::admin::change::{Made, Mode, Subject};
use crate::admin::credentials::{Reader, Writer, now_s};
use crate::admin::kind::{ApplyRules, Kind, Listing, Pace};
use crate::admin::problem::ApiError;
use crate::admin::resources::{PhysicalClusterResource, physical_cluster};
use crate::admin::services::Services;
use crate::config::{check_cluster, references_of};

/// Physical clusters.
pub(in crate::admin) static KIND: Kind = Kind {
    name: physical_cluster::KIND,
    words: &["physicalclusters", "physicalcluster", "pclusters", "pcluster"],
    path: "/gateway/v2/physical-cluster",
    listing: Listing::ByPath,
    columns: &[
        ("NAME", "/metadata/name"),
        ("BOOTSTRAP-SERVERS", "/spec/properties/bootstrap.servers"),
        ("KAFKA-CLUSTER-ID", "/status/kafkaClusterId"),
        ("REACHABLE", "/status/reachable"),
        ("USED-BY", "/status/usedBy"),
    ],
    applied: Some(ApplyRules {
        place: 6,
        pace: Pace::Together,
        claims: &[],
        rehearse,
    }),
    register,
};

const ONE: &str = "/gateway/v2/physical-cluster/{name}";
const ADOPT: &str = "/gateway/v2/cluster/adopt-physical-cluster";

/// How many users of credentials are named.
const USERS_NAMED: usize = 5;

fn register(api: &mut AdminApi) {
    api.add(
        Operation::get(
            KIND.path,
            "listPhysicalClusters",
            "List the physical clusters that are resources, with how each node reaches them",
        )
        .by(&[parameter::SHOW_DEFAULTS])
        .gives(Content::Many(BodySchema::read::<PhysicalClusterResource>()))
        .fails(&["400", "503"]),
        list,
    );
    api.add(
        Operation::put(
            KIND.path,
            "putPhysicalCluster",
            "Create or change a physical cluster, whose secrets are references to what each node has",
        )
        .by(&[parameter::DRY_MODE])
        .takes(BodySchema::read::<PhysicalClusterResource>())
        .example(KIND.example(
            &json!({ "name": "east" }),
            &json!({ "properties": {
                "bootstrap.servers": "east-1.example.com:9092",
                "security.protocol": "SASL_SSL",
                "sasl.mechanism": "SCRAM-SHA-512",
                "sasl.jaas.config": "org.apache.kafka.common.security.scram.ScramLoginModule required username=\"klamm\" password=\"${env[KLAMM_SECRET_EAST]}\";",
            } }),
        ))
        .gives(Content::Upserted(BodySchema::read::<PhysicalClusterResource>()))
        .fails(&["400", "409", "503"])
        .applies(&KIND),
        put,
    );
    api.add(
        Operation::post(
            ADOPT,
            "adoptPhysicalCluster",
            "Make a resource of a physical cluster of this node's configuration, which is reached in the same way",
        )
        .by(&[parameter::DRY_MODE])
        .takes(BodySchema::read::<PhysicalClusterResource>())
        .gives(Content::Upserted(BodySchema::read::<PhysicalClusterResource>()))
        .fails(&["400", "409", "503"]),
        adopt,
    );
    api.add(
        Operation::get(
            ONE,
            "getPhysicalCluster",
            "Get a physical cluster that is a resource",
        )
        .by(&[parameter::SHOW_DEFAULTS])
        .gives(Content::One(BodySchema::read::<PhysicalClusterResource>()))
        .fails(&["400", "404", "503"]),
        get,
    );
    api.add(
        Operation::delete(
            ONE,
            "deletePhysicalCluster",
            "Delete a physical cluster that nothing uses",
        )
        .by(&[parameter::DRY_MODE])
        .gives(Content::Nothing)
        .fails(&["400", "404", "409", "503"]),
        delete,
    );
}

fn rehearse(stage: DryRunStage, step: Step) -> Rehearsed {
    let DryRunStage { services, writer, .. } = stage;
    Box::pin(async move {
        match step {
            Step::Put(resource) => put(services, writer, TRIAL, read(resource)?).await,
            Step::Delete(target) => delete(services, target.name.into(), writer, TRIAL).await,
        }
    })
}

pub(in crate::admin) async fn list(
    services: web::Data<Services>,
    _: Reader,
    _: Query<UnfilteredQuery>,
) -> Result<HttpResponse, ApiError> {
    let state = services.newest().await?;
    let here = ((services.status)().id, &(services.reports)());
    let all = state.physical_clusters.iter();
    let all = all.map(|(id, cluster)| physical_cluster::show(id, cluster, &state, here));
    Ok(HttpResponse::Ok().json(all.collect::<Vec<_>>()))
}

pub(in crate::admin) async fn get(
    services: web::Data<Services>,
    path: web::Path<String>,
    _: Reader,
    _: Query<UnfilteredQuery>,
) -> Result<HttpResponse, ApiError> {
    let id = named(&path)?;
    let state = services.newest().await?;
    let cluster = find(&services, &state, &id)?;
    Ok(HttpResponse::Ok().json(shown(&services, &state, &id, cluster)))
}

pub(in crate::admin) async fn put(
    services: web::Data<Services>,
    writer: Writer,
    Query(mode): Query<Mode>,
    Body(resource): Body<PhysicalClusterResource>,
) -> Result<HttpResponse, ApiError> {
    put_by(&services, (&writer, MakingCluster::Upsert), mode, resource).await
}

pub(in crate::admin) async fn adopt(
    services: web::Data<Services>,
    writer: Writer,
    Query(mode): Query<Mode>,
    Body(resource): Body<PhysicalClusterResource>,
) -> Result<HttpResponse, ApiError> {
    put_by(&services, (&writer, MakingCluster::Adopt), mode, resource).await
}

async fn put_by(
    services: &Services,
    (writer, making): (&Writer, MakingCluster),
    mode: Mode,
    resource: PhysicalClusterResource,
) -> Result<HttpResponse, ApiError> {
    let (id, cluster) = resource.read(now_s()?)?;
    let made = make(services, writer, mode, (making, id.clone(), cluster)).await?;
    let cluster = made.state.physical_clusters.get(&id).ok_or_else(gone)?;
    let mut answer = upserted(&made, shown(services, &made.state, &id, cluster));
    warn_of(services, &made.state, (&id, cluster, mode), &mut answer);
    Ok(answer)
}

pub(in crate::admin) async fn delete(
    services: web::Data<Services>,
    path: web::Path<String>,
    writer: Writer,
    Query(mode): Query<Mode>,
) -> Result<HttpResponse, ApiError> {
    let id = named(&path)?;
    let (resource, command) = deletion(&services, &id).await?;
    delete_by(&services, (&writer, resource), command, mode).await
}

/// The treatment of a physical cluster that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MakingCluster {
    /// It is changed.
    Upsert,
    /// It is kept, and the request is refused.
    New,
    /// It is part of this node's configuration, and becomes a resource as well.
    Adopt,
}

/// Creates or changes a physical cluster.
pub(super) async fn make(
    services: &Services,
    writer: &Writer,
    mode: Mode,
    (making, id, cluster): (MakingCluster, ClusterId, PhysicalCluster),
) -> Result<Made, ApiError> {
    if making != MakingCluster::Adopt {
        check_not_configured(services, &id)?;
    }
    check_cluster(&id, &cluster, services.anonymous).map_err(|error| ApiError::invalid(error.to_string()))?;
    for reference in references_of(&cluster) {
        (services.check_reference)(&reference).map_err(|error| ApiError::invalid(error.to_string()))?;
    }
    if making == MakingCluster::Adopt {
        check_same(services, &id, &cluster).await?;
    }
    let state = services.newest().await?;
    let before = state.physical_clusters.get(&id);
    let gone = before.iter().flat_map(|before| before.credentials.keys());
    let gone = gone.filter(|name| !cluster.credentials.contains_key(*name));
    check_unused(services, &state, &id, &gone.cloned().collect())?;
    let subject = Subject {
        writer,
        action: Action::PUT,
        resource: KIND.one(&id),
    };
    let change = match making {
        MakingCluster::Upsert => ClusterChange::Put { id, cluster },
        MakingCluster::Adopt => ClusterChange::Adopt { id, cluster },
        MakingCluster::New => ClusterChange::Create { id, cluster },
    };
    let command = Command::PhysicalCluster(Box::new(change));
    services.change(subject, command, mode).await
}

/// How a physical cluster is deleted, which somebody may still need for its credentials: as the audit log names it, and the
/// command.
pub(super) async fn deletion(services: &Services, id: &ClusterId) -> Result<(String, Command), ApiError> {
    let state = services.newest().await?;
    let cluster = match state.physical_clusters.get(id) {
        Some(cluster) => cluster,
        None => {
            check_not_configured(services, id)?;
            return Err(Refusal::NoSuchPhysicalCluster(id.clone()).into());
        }
    };
    check_unused(
        services,
        &state,
        id,
        &cluster.credentials.keys().cloned().collect(),
    )?;
    let deletion = ClusterChange::Delete { id: id.clone() };
    Ok((KIND.one(id), Command::PhysicalCluster(Box::new(deletion))))
}

/// That no service account names credentials that would be gone, of which no other physical cluster has some of that name.
fn check_unused(
    services: &Services,
    state: &State,
    id: &ClusterId,
    gone: &BTreeSet<CredentialsName>,
) -> Result<(), ApiError> {
    let others = services.credentials(state, Some(id));
    let mut users = Vec::new();
    for (vcluster, own) in &state.vclusters {
        let named = own.accounts.iter().filter(|(_, account)| {
            let named = account.spec.upstream_credentials.as_ref();
            named.is_some_and(|name| gone.contains(name) && !others.contains(name))
        });
        users.extend(named.map(|(account, _)| format!("GatewayServiceAccount/{vcluster}/{account}")));
    }
    if users.is_empty() {
        return Ok(());
    }
    users.truncate(USERS_NAMED);
    Err(ApiError::conflict(format!(
        "credentials of physical cluster {id} are still named in spec.upstreamCredentials of {}",
        users.join(", ")
    )))
}

/// That a physical cluster which is part of this node's configuration would be reached as it is now.
async fn check_same(services: &Services, id: &ClusterId, cluster: &PhysicalCluster) -> Result<(), ApiError> {
    if id.is_main() {
        return Err(ApiError::conflict(format!(
            "physical cluster {id} stays in the configuration of every node: it cannot be adopted"
        )));
    }
    let configured = services.backends.iter().find(|backend| backend.id == *id);
    let configured = configured.ok_or_else(|| {
        ApiError::conflict(format!(
            "physical cluster {id} is not part of the configuration of this node, so there is nothing to adopt: put it, or ask a node that has it"
        ))
    })?;
    let resolved = (services.resolve)(id.clone(), cluster.clone()).await;
    let resolved = resolved.map_err(|unusable| ApiError::conflict(unusable.why))?;
    let differences = configured.differences(&resolved);
    match differences.is_empty() {
        true => Ok(()),
        false => Err(ApiError::conflict(format!(
            "the resource would not be reached as physical cluster {id} of this node's configuration is; what differs: {}",
            differences.join(", ")
        ))),
    }
}

/// That a physical cluster is not part of this node's configuration.
fn check_not_configured(services: &Services, id: &ClusterId) -> Result<(), ApiError> {
    match services.is_configured(id) {
        true => Err(ApiError::conflict(format!(
            "physical cluster {id} is part of the configuration of this node, which counts before resources: change it there, and on the other nodes (key kafka, or the file that gateway.backend.kafka.selector names), or make a resource of it: klamm cluster adopt {id}"
        ))),
        false => Ok(()),
    }
}

/// A physical cluster that is a resource.
pub(super) fn find<'a>(
    services: &Services,
    state: &'a State,
    id: &ClusterId,
) -> Result<&'a PhysicalCluster, ApiError> {
    state.physical_clusters.get(id).ok_or_else(|| {
        let none: ApiError = Refusal::NoSuchPhysicalCluster(id.clone()).into();
        match services.is_configured(id) {
            true => none.because("it is part of the configuration of this node"),
            false => none,
        }
    })
}

fn shown(
    services: &Services,
    state: &State,
    id: &ClusterId,
    cluster: &PhysicalCluster,
) -> physical_cluster::ShownCluster {
    let here = ((services.status)().id, &(services.reports)());
    physical_cluster::show(id, cluster, state, here)
}

/// Tells whoever makes a physical cluster why it may not do what it is meant for.
pub(super) fn warn_of(
    services: &Services,
    state: &State,
    (id, cluster, mode): (&ClusterId, &PhysicalCluster, Mode),
    answer: &mut HttpResponse,
) {
    let missing = missing(services, id).filter(|_| !mode.dry_mode);
    if let Some(warning) = missing.or_else(|| misaimed(services, state, cluster)) {
        warn(answer, &warning);
    }
}

/// The warning for whoever refers to what this node does not have.
fn missing(services: &Services, id: &ClusterId) -> Option<String> {
    let reports = (services.reports)();
    let missing = &reports.get(id)?.missing;
    let missing: Vec<&str> = missing.iter().map(String::as_str).collect();
    (!missing.is_empty()).then(|| {
        format!(
            "this node cannot follow {}, so the physical cluster cannot be used here: see status.nodes",
            missing.join(", ")
        )
    })
}

/// The warning for whoever has a physical cluster stand in for what has nothing of its own.
fn misaimed(services: &Services, state: &State, cluster: &PhysicalCluster) -> Option<String> {
    let original: ClusterId = physical_cluster::original(cluster)?.parse().ok()?;
    if let Some(other) = state.stands_in_for(&original) {
        return Some(format!(
            "{original} itself stands in for {other}: requests can be switched once spec.failoverFor is {other}"
        ));
    }
    let is_known = services.clusters(state).contains(&original);
    (!is_known).then(|| {
        format!("there is no physical cluster {original}: requests can be switched once there is one, or spec.failoverFor names another")
    })
}

fn named(text: &str) -> Result<ClusterId, ApiError> {
    text.parse()
        .map_err(|error| ApiError::invalid(format!("name: {error}")))
}
