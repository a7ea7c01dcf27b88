//! `/v1/event-gateways/{gatewayId}/virtual-clusters`: virtual clusters in the words of another product's API.

use actix_web::http::header::LOCATION;
use actix_web::{HttpResponse, web};
use klamm_raft::command::Command;
use serde::Serialize;
use serde_json::json;

use super::virtual_cluster::Making;
use super::{REVISION, deleted, gone, virtual_cluster};
use crate::admin::audit::Action;
use crate::admin::body::Body;
use crate::admin::change::{Mode, Subject};
use crate::admin::credentials::{Reader, Writer};
use crate::admin::problem::ApiError;
use crate::admin::resources::{EventGatewayVcluster, event_gateway};
use crate::admin::services::Services;

/// The one gateway that is behind this API.
const GATEWAY: &str = "default";

/// Where the virtual clusters are.
const PATH: &str = "/v1/event-gateways/default/virtual-clusters";

fn check_gateway(id: &str) -> Result<(), ApiError> {
    match id {
        GATEWAY => Ok(()),
        _ => Err(ApiError::not_found(format!(
            "there is one gateway here, and it is called {GATEWAY}: {PATH}"
        ))),
    }
}

fn no_such(which: &str) -> ApiError {
    ApiError::not_found(format!(
        "there is no virtual cluster of the type Standard with the id or name {which:?}"
    ))
}

#[derive(Serialize)]
struct Page<T> {
    data: Vec<T>,
    meta: serde_json::Value,
}

pub(in crate::admin) async fn list(
    services: web::Data<Services>,
    gateway: web::Path<String>,
    _: Reader,
) -> Result<HttpResponse, ApiError> {
    check_gateway(&gateway)?;
    let state = services.newest().await?;
    let data: Vec<_> = state
        .vclusters
        .iter()
        .filter(|(_, vcluster)| event_gateway::is_shown(vcluster))
        .map(|(name, vcluster)| event_gateway::show(name, vcluster, &state))
        .collect();
    // All there are are on the first page.
    let meta = json!({ "page": { "size": data.len(), "next": null, "previous": null } });
    Ok(HttpResponse::Ok().json(Page { data, meta }))
}

pub(in crate::admin) async fn get(
    services: web::Data<Services>,
    path: web::Path<(String, String)>,
    _: Reader,
) -> Result<HttpResponse, ApiError> {
    let (gateway, which) = path.into_inner();
    check_gateway(&gateway)?;
    let state = services.newest().await?;
    let (name, vcluster) = event_gateway::find(&state, &which).ok_or_else(|| no_such(&which))?;
    Ok(HttpResponse::Ok().json(event_gateway::show(name, vcluster, &state)))
}

pub(in crate::admin) async fn create(
    services: web::Data<Services>,
    gateway: web::Path<String>,
    writer: Writer,
    Body(body): Body<EventGatewayVcluster>,
) -> Result<HttpResponse, ApiError> {
    check_gateway(&gateway)?;
    answer(&services, &writer, (Making::New, body), HttpResponse::Created()).await
}

pub(in crate::admin) async fn change(
    services: web::Data<Services>,
    path: web::Path<(String, String)>,
    writer: Writer,
    Body(body): Body<EventGatewayVcluster>,
) -> Result<HttpResponse, ApiError> {
    let (gateway, which) = path.into_inner();
    check_gateway(&gateway)?;
    let state = services.newest().await?;
    let (name, _) = event_gateway::find(&state, &which).ok_or_else(|| no_such(&which))?;
    if name.as_str() != body.name() {
        return Err(ApiError::conflict(format!(
            "the virtual cluster {which} is called {name}, and keeps that name"
        )));
    }
    answer(&services, &writer, (Making::Upsert, body), HttpResponse::Ok()).await
}

async fn answer(
    services: &Services,
    writer: &Writer,
    (making, body): (Making, EventGatewayVcluster),
    mut answer: actix_web::HttpResponseBuilder,
) -> Result<HttpResponse, ApiError> {
    let (name, made) =
        virtual_cluster::make(services, writer, Mode::default(), (making, body.translate()?)).await?;
    let vcluster = made.state.vclusters.get(&name).ok_or_else(gone)?;
    if let Some(id) = event_gateway::id(vcluster) {
        answer.insert_header((LOCATION, format!("{PATH}/{id}")));
    }
    Ok(answer
        .insert_header((REVISION, made.revision.to_string()))
        .json(event_gateway::show(&name, vcluster, &made.state)))
}

pub(in crate::admin) async fn delete(
    services: web::Data<Services>,
    path: web::Path<(String, String)>,
    writer: Writer,
) -> Result<HttpResponse, ApiError> {
    let (gateway, which) = path.into_inner();
    check_gateway(&gateway)?;
    let state = services.newest().await?;
    let (name, _) = event_gateway::find(&state, &which).ok_or_else(|| no_such(&which))?;
    let name = name.clone();
    let subject = Subject {
        writer: &writer,
        action: Action::Delete,
        resource: format!("VirtualCluster/{name}"),
    };
    let command = Command::DeleteVcluster { name };
    let made = services.change(subject, command, Mode::default()).await?;
    Ok(deleted(&made))
}
