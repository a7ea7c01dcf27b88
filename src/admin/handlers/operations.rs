//! Health, version, metrics, the state of the gateway cluster, and the description of the API.

use actix_web::http::header::ContentType;
use actix_web::{HttpResponse, web};
use serde_json::{Value, json};

use crate::admin::cluster_view::ClusterView;
use crate::admin::credentials::{Reader, Scraper, Visitor};
use crate::admin::openapi;
use crate::admin::problem::ApiError;
use crate::admin::services::Services;

/// What older monitoring asks for, and the only place where some clients look for a version. One that does not begin with
/// a number is not taken for a version of the product that the API is modelled on.
pub(in crate::admin) async fn health(visitor: Option<Visitor>) -> HttpResponse {
    let version = concat!("klamm-", env!("CARGO_PKG_VERSION"));
    let build = visitor.map(|_| json!({ "id": "buildInfo", "status": "UP", "data": { "version": version } }));
    let checks: Vec<Value> = build
        .into_iter()
        .chain([json!({ "id": "live", "status": "UP" })])
        .collect();
    HttpResponse::Ok().json(json!({ "status": "UP", "checks": checks, "outcome": "UP" }))
}

pub(in crate::admin) async fn live() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "status": "LIVE" }))
}

pub(in crate::admin) async fn ready(services: web::Data<Services>) -> HttpResponse {
    let reasons: Vec<String> = (services.unready)().iter().map(ToString::to_string).collect();
    if reasons.is_empty() {
        let warnings = (services.here)().warnings();
        HttpResponse::Ok().json(match warnings.is_empty() {
            true => json!({ "status": "READY" }),
            false => json!({ "status": "READY", "warnings": warnings }),
        })
    } else {
        HttpResponse::ServiceUnavailable().json(json!({ "status": "NOTREADY", "reasons": reasons }))
    }
}

pub(in crate::admin) async fn versions(_: Visitor) -> HttpResponse {
    HttpResponse::Ok().json(json!({ "gateway": env!("CARGO_PKG_VERSION") }))
}

pub(in crate::admin) async fn metrics(
    services: web::Data<Services>,
    _: Scraper,
) -> Result<HttpResponse, ApiError> {
    let text = (services.metrics)().map_err(ApiError::internal)?;
    Ok(HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .body(text))
}

pub(in crate::admin) async fn cluster(services: web::Data<Services>, _: Reader) -> HttpResponse {
    let here = (services.here)();
    HttpResponse::Ok().json(ClusterView::of((services.status)(), &services.state(), here))
}

pub(in crate::admin) async fn docs(_: Visitor) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(ContentType::json())
        .body(openapi::document().to_string())
}
