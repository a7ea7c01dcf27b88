//! `/v1/event-gateways/{gatewayId}/virtual-clusters`: virtual clusters in the words of another product's API.

use actix_web::{HttpResponse, web};
use klamm_raft::command::Command;
use klamm_raft::model::{State, VclusterName, VclusterState};
use serde_json::{Value, json};

use super::Gateway;
use crate::admin::api::{AdminApi, BodySchema, Content, Operation, parameter};
use crate::admin::body::{Body, Query};
use crate::admin::change::Mode;
use crate::admin::credentials::{Reader, Writer};
use crate::admin::handlers::virtual_cluster::{self, Making};
use crate::admin::handlers::{delete_by, gone};
use crate::admin::problem::ApiError;
use crate::admin::resources::event_gateway::{EventGatewayVcluster, ListQuery, virtual_cluster as spelling};
use crate::admin::services::Services;

/// Registers the operations.
pub(in crate::admin) fn register(api: &mut AdminApi) {
    api.add(
        Operation::get(
            "/v1/event-gateways/{gatewayId}/virtual-clusters",
            "listEventGatewayVirtualClusters",
            "List the virtual clusters, whichever API created them",
        )
        .by(parameter::VIRTUAL_CLUSTERS)
        .gives(Content::One(BodySchema::Written("EventGatewayVirtualClusters")))
        .fails(&["400", "404", "503"]),
        list,
    );
    api.add(
        Operation::post(
            "/v1/event-gateways/{gatewayId}/virtual-clusters",
            "createEventGatewayVirtualCluster",
            "Create a virtual cluster of the type Standard",
        )
        .takes(BodySchema::read::<EventGatewayVcluster>())
        .example(example())
        .gives(Content::One(BodySchema::read::<EventGatewayVcluster>()))
        .with_status("201")
        .fails(&["400", "404", "409", "503"]),
        create,
    );
    api.add(
        Operation::get(
            "/v1/event-gateways/{gatewayId}/virtual-clusters/{virtualClusterId}",
            "getEventGatewayVirtualCluster",
            "Get a virtual cluster, by its id or name",
        )
        .gives(Content::One(BodySchema::read::<EventGatewayVcluster>()))
        .fails(&["404", "503"]),
        get,
    );
    api.add(
        Operation::put(
            "/v1/event-gateways/{gatewayId}/virtual-clusters/{virtualClusterId}",
            "changeEventGatewayVirtualCluster",
            "Change a virtual cluster, but for its name and its destination",
        )
        .takes(BodySchema::read::<EventGatewayVcluster>())
        .example(example())
        .gives(Content::One(BodySchema::read::<EventGatewayVcluster>()))
        .fails(&["400", "404", "409", "503"]),
        change,
    );
    api.add(
        Operation::delete(
            "/v1/event-gateways/{gatewayId}/virtual-clusters/{virtualClusterId}",
            "deleteEventGatewayVirtualCluster",
            "Delete a virtual cluster that nothing refers to",
        )
        .gives(Content::Nothing)
        .fails(&["404", "409", "503"]),
        delete,
    );
}

/// A virtual cluster that can be made.
fn example() -> Value {
    json!({
        "name": "team-a",
        "destination": { "name": "main" },
        "authentication": [{ "type": "sasl_plain", "mediation": "terminate" }],
        "namespace": { "mode": "hide_prefix", "prefix": "team-a-" },
    })
}

const PLACE: &str = "virtual-clusters";

pub(super) fn find<'a>(
    state: &'a State,
    which: &str,
) -> Result<(&'a VclusterName, &'a VclusterState), ApiError> {
    let missing = || {
        ApiError::not_found(format!(
            "there is no virtual cluster with the id or name {which:?}"
        ))
    };
    spelling::find(state, which).ok_or_else(missing)
}

pub(in crate::admin) async fn list(
    services: web::Data<Services>,
    path: web::Path<String>,
    _: Reader,
    Query(query): Query<ListQuery>,
) -> Result<HttpResponse, ApiError> {
    let gateway = Gateway::named(&services, &path).await?;
    let wanted = query.read()?;
    let is_there = |vcluster: &VclusterState| {
        wanted.backend_cluster().is_none_or(|id| {
            let mut reached = vcluster.reached().into_iter();
            reached.any(|cluster| gateway.ids.backend_cluster(cluster).to_string() == id.to_lowercase())
        })
    };
    let all = gateway
        .state
        .vclusters
        .iter()
        .filter(|(_, vcluster)| is_there(vcluster));
    let all = all.map(|(name, vcluster)| {
        let shown = spelling::show(name, vcluster, gateway.around(&services));
        (name.to_string(), shown)
    });
    Ok(HttpResponse::Ok().json(wanted.page(&format!("{}/{PLACE}", gateway.path), all)))
}

pub(in crate::admin) async fn get(
    services: web::Data<Services>,
    path: web::Path<(String, String)>,
    _: Reader,
) -> Result<HttpResponse, ApiError> {
    let (gateway, which) = path.into_inner();
    let gateway = Gateway::named(&services, &gateway).await?;
    let (name, vcluster) = find(&gateway.state, &which)?;
    Ok(HttpResponse::Ok().json(spelling::show(name, vcluster, gateway.around(&services))))
}

pub(in crate::admin) async fn create(
    services: web::Data<Services>,
    path: web::Path<String>,
    writer: Writer,
    Body(body): Body<EventGatewayVcluster>,
) -> Result<HttpResponse, ApiError> {
    let gateway = Gateway::named(&services, &path).await?;
    answer(&services, &writer, gateway, (Making::New, body), None).await
}

pub(in crate::admin) async fn change(
    services: web::Data<Services>,
    path: web::Path<(String, String)>,
    writer: Writer,
    Body(body): Body<EventGatewayVcluster>,
) -> Result<HttpResponse, ApiError> {
    let (gateway, which) = path.into_inner();
    let gateway = Gateway::named(&services, &gateway).await?;
    let name = find(&gateway.state, &which)?.0.clone();
    if name.as_str() != body.name() {
        return Err(ApiError::conflict(format!(
            "the virtual cluster {which} is called {name} and cannot be renamed"
        )));
    }
    answer(&services, &writer, gateway, (Making::Upsert, body), Some(name)).await
}

async fn answer(
    services: &Services,
    writer: &Writer,
    gateway: Gateway,
    (making, body): (Making, EventGatewayVcluster),
    changed: Option<VclusterName>,
) -> Result<HttpResponse, ApiError> {
    let there = changed.and_then(|name| gateway.state.vclusters.get(&name));
    let there = there.map(|there| &**there);
    let (resource, beside) = body.translate(gateway.around(services), there)?;
    let status = match making {
        Making::New => actix_web::http::StatusCode::CREATED,
        Making::Upsert => actix_web::http::StatusCode::OK,
    };
    let wanted = virtual_cluster::Wanted {
        making,
        resource,
        beside: Some(beside),
    };
    let (name, made) = virtual_cluster::make(services, writer, Mode::default(), wanted).await?;
    let vcluster = made.state.vclusters.get(&name).ok_or_else(gone)?;
    let now = Gateway {
        state: made.state.clone(),
        ..gateway
    };
    let shown = spelling::show(&name, vcluster, now.around(services));
    let place = format!("{PLACE}/{}", shown.id());
    Ok(now.put_answer(place, &made, HttpResponse::build(status), shown))
}

pub(in crate::admin) async fn delete(
    services: web::Data<Services>,
    path: web::Path<(String, String)>,
    writer: Writer,
) -> Result<HttpResponse, ApiError> {
    let (gateway, which) = path.into_inner();
    let gateway = Gateway::named(&services, &gateway).await?;
    let name = find(&gateway.state, &which)?.0.clone();
    let resource = virtual_cluster::KIND.one(&name);
    let command = Command::DeleteVcluster { name };
    delete_by(&services, (&writer, resource), command, Mode::default()).await
}
