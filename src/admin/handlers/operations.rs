//! Health, version, metrics, the state of the gateway cluster, and the description of the API.

use actix_web::http::header::ContentType;
use actix_web::{HttpResponse, web};
use serde_json::{Value, json};

use crate::admin::api::{Access, AdminApi, BodySchema, Content, Operation};
use crate::admin::cluster_view::ClusterView;
use crate::admin::credentials::{Reader, Scraper, Visitor};
use crate::admin::openapi;
use crate::admin::problem::ApiError;
use crate::admin::services::Services;

/// Registers the operations.
pub(in crate::admin) fn register(api: &mut AdminApi) {
    api.add(
        Operation::get(
            "/gateway/v2/cluster",
            "getCluster",
            "The nodes of the gateway cluster, as this node sees them",
        )
        .gives(Content::One(BodySchema::shown::<ClusterView>())),
        cluster,
    );
    api.add(
        Operation::get("/gateway/v2/docs", "getDescription", "This document")
            .open_to(Access::Visitor)
            .gives(Content::Object),
        docs,
    );
    api.add(
        Operation::get(
            "/health",
            "getHealth",
            "Whether the process responds, and its version, for monitoring that is older",
        )
        .open_to(Access::Public)
        .gives(Content::One(BodySchema::Written("Health"))),
        health,
    );
    api.add(
        Operation::get("/health/live", "getLiveness", "Whether the process responds")
            .open_to(Access::Public)
            .gives(Content::One(BodySchema::Written("Liveness"))),
        live,
    );
    api.add(
        Operation::get(
            "/health/ready",
            "getReadiness",
            "Whether this node accepts clients; 503 lists what is missing",
        )
        .open_to(Access::Public)
        .gives(Content::One(BodySchema::Written("Readiness")))
        .fails(&["503"]),
        ready,
    );
    api.add(
        Operation::get("/versions", "getVersions", "The version of the gateway")
            .open_to(Access::Visitor)
            .gives(Content::One(BodySchema::Written("Versions"))),
        versions,
    );
    api.add(
        Operation::get("/metrics", "getMetrics", "Metrics in Prometheus's text format")
            .open_to(Access::Visitor)
            .gives(Content::Text)
            .fails(&["500", "503"]),
        metrics,
    );
}

/// The path that older monitoring asks for, and the only place where some clients look for a version. One that does not
/// begin with a number is not taken for a version of the product that the API is modelled on.
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
        .body(openapi::document(&super::api()).to_string())
}
