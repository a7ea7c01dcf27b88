//! `/v1/event-gateways/{gatewayId}/backend-clusters`, to be read.

use actix_web::{HttpResponse, web};

use super::Gateway;
use crate::admin::api::{AdminApi, BodySchema, Content, Operation, parameter};
use crate::admin::body::Query;
use crate::admin::credentials::{Reader, Writer};
use crate::admin::problem::ApiError;
use crate::admin::resources::event_gateway::{ListQuery, backend_cluster};
use crate::admin::services::Services;

/// Registers the operations.
pub(in crate::admin) fn register(api: &mut AdminApi) {
    api.add(
        Operation::get(
            "/v1/event-gateways/{gatewayId}/backend-clusters",
            "listEventGatewayBackendClusters",
            "List the physical clusters of the configuration",
        )
        .by(parameter::LIST)
        .gives(Content::One(BodySchema::Written("EventGatewayBackendClusters")))
        .fails(&["400", "404", "503"]),
        list,
    );
    api.add(
        Operation::post(
            "/v1/event-gateways/{gatewayId}/backend-clusters",
            "createEventGatewayBackendCluster",
            "Refused: physical clusters are part of the configuration",
        )
        .refuses()
        .fails(&["400"]),
        refuse,
    );
    api.add(
        Operation::get(
            "/v1/event-gateways/{gatewayId}/backend-clusters/{backendClusterId}",
            "getEventGatewayBackendCluster",
            "Get a physical cluster of the configuration",
        )
        .gives(Content::One(BodySchema::Written("EventGatewayBackendCluster")))
        .fails(&["404", "503"]),
        get,
    );
    api.add(
        Operation::put(
            "/v1/event-gateways/{gatewayId}/backend-clusters/{backendClusterId}",
            "changeEventGatewayBackendCluster",
            "Refused: physical clusters are part of the configuration",
        )
        .refuses()
        .fails(&["400"]),
        refuse,
    );
    api.add(
        Operation::delete(
            "/v1/event-gateways/{gatewayId}/backend-clusters/{backendClusterId}",
            "deleteEventGatewayBackendCluster",
            "Refused: physical clusters are part of the configuration",
        )
        .refuses()
        .fails(&["400"]),
        refuse,
    );
}

pub(in crate::admin) async fn list(
    services: web::Data<Services>,
    path: web::Path<String>,
    _: Reader,
    Query(query): Query<ListQuery>,
) -> Result<HttpResponse, ApiError> {
    let gateway = Gateway::named(&services, &path).await?;
    let since = gateway.since();
    let all = services.backends.iter().map(|backend| {
        let shown = backend_cluster::show(backend, &gateway.ids, &since);
        (backend.id.to_string(), shown)
    });
    let path = format!("{}/backend-clusters", gateway.path);
    Ok(HttpResponse::Ok().json(query.read()?.page(&path, all)))
}

pub(in crate::admin) async fn get(
    services: web::Data<Services>,
    path: web::Path<(String, String)>,
    _: Reader,
) -> Result<HttpResponse, ApiError> {
    let (gateway, which) = path.into_inner();
    let gateway = Gateway::named(&services, &gateway).await?;
    let backend = Gateway::find(&services.backends, ("backend cluster", &which), |backend| {
        (backend.id.as_str(), gateway.ids.backend_cluster(&backend.id))
    })?;
    Ok(HttpResponse::Ok().json(backend_cluster::show(backend, &gateway.ids, &gateway.since())))
}

pub(in crate::admin) async fn refuse(_: Writer) -> Result<HttpResponse, ApiError> {
    Err(ApiError::invalid(
        "backend clusters are changed in the configuration of every node, under the key kafka or in the file that gateway.backend.kafka.selector names; this API only shows them",
    ))
}
