//! `/v1/event-gateways/{gatewayId}/backend-clusters`, to be read.

use actix_web::{HttpResponse, web};

use super::Gateway;
use crate::admin::body::Query;
use crate::admin::credentials::{Reader, Writer};
use crate::admin::problem::ApiError;
use crate::admin::resources::event_gateway::{ListQuery, backend_cluster};
use crate::admin::services::Services;

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
        "backend clusters are changed in the configuration of every node: under the key kafka, or in the file that \
         gateway.backend.kafka.selector names; here they are read",
    ))
}
