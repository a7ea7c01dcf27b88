//! `/v1/event-gateways/{gatewayId}/backend-clusters`: physical clusters in the words of another product's API. Those of the
//! nodes' configuration are only read.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use klamm_raft::model::{ClusterId, PhysicalCluster};
use serde_json::{Value, json};

use super::Gateway;
use crate::admin::api::{AdminApi, BodySchema, Content, Operation, parameter};
use crate::admin::body::{Body, Query};
use crate::admin::change::Mode;
use crate::admin::credentials::{Reader, Writer, now_s};
use crate::admin::handlers::physical_cluster::{self, MakingCluster};
use crate::admin::handlers::{delete_by, gone};
use crate::admin::problem::ApiError;
use crate::admin::resources::Invalid;
use crate::admin::resources::event_gateway::{
    BackendPatch, EventGatewayBackend, ListQuery, backend_cluster, backend_cluster::ShownBackend,
};
use crate::admin::services::Services;

const ALL: &str = "/v1/event-gateways/{gatewayId}/backend-clusters";
const ONE: &str = "/v1/event-gateways/{gatewayId}/backend-clusters/{backendClusterId}";

const PLACE: &str = "backend-clusters";

/// Registers the operations.
pub(in crate::admin) fn register(api: &mut AdminApi) {
    let shown = || Content::One(BodySchema::Written("EventGatewayBackendCluster"));
    api.add(
        Operation::get(
            ALL,
            "listEventGatewayBackendClusters",
            "List the physical clusters: those of the configuration, and those that were put",
        )
        .by(parameter::LIST)
        .gives(Content::One(BodySchema::Written("EventGatewayBackendClusters")))
        .fails(&["400", "404", "503"]),
        list,
    );
    api.add(
        Operation::post(
            ALL,
            "createEventGatewayBackendCluster",
            "Create a physical cluster, whose secrets are references to what each node has",
        )
        .takes(BodySchema::read::<EventGatewayBackend>())
        .example(example())
        .gives(shown())
        .with_status("201")
        .fails(&["400", "404", "409", "503"]),
        create,
    );
    api.add(
        Operation::get(
            ONE,
            "getEventGatewayBackendCluster",
            "Get a physical cluster, by its id or name",
        )
        .gives(shown())
        .fails(&["404", "503"]),
        get,
    );
    api.add(
        Operation::put(
            ONE,
            "changeEventGatewayBackendCluster",
            "Change a physical cluster that is not part of the configuration, but for its name",
        )
        .takes(BodySchema::read::<EventGatewayBackend>())
        .example(example())
        .gives(shown())
        .fails(&["400", "404", "409", "503"]),
        change,
    );
    api.add(
        Operation::patch(
            ONE,
            "patchEventGatewayBackendCluster",
            "Change some fields of a physical cluster that is not part of the configuration",
        )
        .takes(BodySchema::read::<BackendPatch>())
        .gives(shown())
        .fails(&["400", "404", "409", "503"]),
        patch,
    );
    api.add(
        Operation::delete(
            ONE,
            "deleteEventGatewayBackendCluster",
            "Delete a physical cluster that nothing uses",
        )
        .gives(Content::Nothing)
        .fails(&["404", "409", "503"]),
        delete,
    );
}

/// A physical cluster that can be made.
fn example() -> Value {
    json!({
        "name": "east",
        "bootstrap_servers": ["east-1.example.com:9092"],
        "authentication": {
            "type": "sasl_scram", "algorithm": "sha512", "username": "klamm",
            "password": "${env['KLAMM_SECRET_EAST']}",
        },
        "tls": { "enabled": true },
    })
}

/// All that there are, as they are shown. What is in the configuration counts first.
fn all(services: &Services, gateway: &Gateway) -> Vec<(ClusterId, ShownBackend)> {
    let since = gateway.since();
    let configured = services.backends.iter().map(|backend| {
        let shown = backend_cluster::show(backend, &gateway.ids, &since);
        (backend.id.clone(), shown)
    });
    let resources = gateway.state.physical_clusters.iter();
    let resources = resources.filter(|(id, _)| !services.is_configured(id));
    let resources =
        resources.filter_map(|(id, cluster)| Some((id.clone(), shown(services, gateway, id, cluster)?)));
    let mut all: Vec<_> = configured.chain(resources).collect();
    all.sort_by(|(a, _), (b, _)| a.cmp(b));
    all
}

fn shown(
    services: &Services,
    gateway: &Gateway,
    id: &ClusterId,
    cluster: &PhysicalCluster,
) -> Option<ShownBackend> {
    let backend = services.backend(id, cluster)?;
    let shown = backend_cluster::show(&backend, &gateway.ids, &gateway.since());
    Some(shown.of_resource(cluster))
}

/// The id of the one that is called so, by its name or its id.
fn named(gateway: &Gateway, which: &str) -> Result<ClusterId, ApiError> {
    if let Ok(name) = which.parse()
        && let Some(id) = gateway.clusters.get(&name)
    {
        return Ok(id.clone());
    }
    let ids: Vec<&ClusterId> = gateway.clusters.iter().collect();
    let found = Gateway::find(&ids, ("backend cluster", which), |id| {
        (id.as_str(), gateway.ids.backend_cluster(id))
    });
    found.map(|id| (*id).clone())
}

pub(in crate::admin) async fn list(
    services: web::Data<Services>,
    path: web::Path<String>,
    _: Reader,
    Query(query): Query<ListQuery>,
) -> Result<HttpResponse, ApiError> {
    let gateway = Gateway::named(&services, &path).await?;
    let all = all(&services, &gateway).into_iter();
    let all = all.map(|(id, shown)| (id.to_string(), shown));
    let path = format!("{}/{PLACE}", gateway.path);
    Ok(HttpResponse::Ok().json(query.read()?.page(&path, all)))
}

pub(in crate::admin) async fn get(
    services: web::Data<Services>,
    path: web::Path<(String, String)>,
    _: Reader,
) -> Result<HttpResponse, ApiError> {
    let (gateway, which) = path.into_inner();
    let gateway = Gateway::named(&services, &gateway).await?;
    let id = named(&gateway, &which)?;
    let mut all = all(&services, &gateway).into_iter();
    let (_, shown) = all.find(|(known, _)| *known == id).ok_or_else(gone)?;
    Ok(HttpResponse::Ok().json(shown))
}

pub(in crate::admin) async fn create(
    services: web::Data<Services>,
    path: web::Path<String>,
    writer: Writer,
    Body(body): Body<EventGatewayBackend>,
) -> Result<HttpResponse, ApiError> {
    let gateway = Gateway::named(&services, &path).await?;
    let (id, cluster) = body.translate(None, now_s()?)?;
    let wanted = (MakingCluster::New, id, cluster);
    answer(&services, &writer, gateway, wanted, StatusCode::CREATED).await
}

pub(in crate::admin) async fn change(
    services: web::Data<Services>,
    path: web::Path<(String, String)>,
    writer: Writer,
    Body(body): Body<EventGatewayBackend>,
) -> Result<HttpResponse, ApiError> {
    alter(&services, &writer, &path, |there, at_s| {
        let (name, cluster) = body.translate(there, at_s)?;
        Ok((Some(name), cluster))
    })
    .await
}

pub(in crate::admin) async fn patch(
    services: web::Data<Services>,
    path: web::Path<(String, String)>,
    writer: Writer,
    Body(body): Body<BackendPatch>,
) -> Result<HttpResponse, ApiError> {
    alter(&services, &writer, &path, |there, at_s| {
        body.change(&there.cloned().unwrap_or_default(), at_s)
    })
    .await
}

/// Changes one that is there, if it is: to what comes of it, by a name that must be its own if one is said.
async fn alter(
    services: &Services,
    writer: &Writer,
    (gateway, which): &(String, String),
    becomes: impl FnOnce(Option<&PhysicalCluster>, u64) -> Result<(Option<ClusterId>, PhysicalCluster), Invalid>,
) -> Result<HttpResponse, ApiError> {
    let gateway = Gateway::named(services, gateway).await?;
    // What is wrong with it is said first.
    let id = named(&gateway, which);
    let there = id
        .as_ref()
        .ok()
        .and_then(|id| gateway.state.physical_clusters.get(id));
    let (name, cluster) = becomes(there, now_s()?)?;
    let id = id?;
    if let Some(name) = name {
        check_name(&id, &name)?;
    }
    let wanted = (MakingCluster::Upsert, id, cluster);
    answer(services, writer, gateway, wanted, StatusCode::OK).await
}

fn check_name(id: &ClusterId, name: &ClusterId) -> Result<(), ApiError> {
    match id == name {
        true => Ok(()),
        false => Err(ApiError::conflict(format!(
            "the backend cluster is called {id} and cannot be renamed"
        ))),
    }
}

async fn answer(
    services: &Services,
    writer: &Writer,
    gateway: Gateway,
    wanted: (MakingCluster, ClusterId, PhysicalCluster),
    status: StatusCode,
) -> Result<HttpResponse, ApiError> {
    let (id, mode) = (wanted.1.clone(), Mode::default());
    let made = physical_cluster::make(services, writer, mode, wanted).await?;
    let cluster = made.state.physical_clusters.get(&id).ok_or_else(gone)?;
    let shown = shown(services, &gateway, &id, cluster).ok_or_else(gone)?;
    let place = format!("{PLACE}/{}", shown.id());
    let mut answer = gateway.put_answer(place, &made, HttpResponse::build(status), shown);
    physical_cluster::warn_of(services, &made.state, (&id, cluster, mode), &mut answer);
    Ok(answer)
}

pub(in crate::admin) async fn delete(
    services: web::Data<Services>,
    path: web::Path<(String, String)>,
    writer: Writer,
) -> Result<HttpResponse, ApiError> {
    let (gateway, which) = path.into_inner();
    let gateway = Gateway::named(&services, &gateway).await?;
    let id = named(&gateway, &which)?;
    let (resource, command) = physical_cluster::deletion(&services, &id).await?;
    delete_by(&services, (&writer, resource), command, Mode::default()).await
}
