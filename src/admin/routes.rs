//! Which path and method goes to which handler.

use actix_web::{HttpResponse, ResponseError, web};

use super::body::{MAX_BODY_BYTES, MAX_DRY_RUN_BYTES};
use super::credentials::Guard;
use super::handlers::{
    access_token, alias_topic, dry_run, event_gateway, kafka_cluster, operations, scram, service_account,
    token, virtual_cluster,
};
use super::problem::ApiError;
use super::services::Services;

/// Puts all routes into an application.
pub(super) fn configure(
    guard: web::Data<Guard>,
    services: web::Data<Services>,
) -> impl FnOnce(&mut web::ServiceConfig) {
    move |config| {
        config
            .app_data(guard)
            .app_data(services)
            .app_data(web::PayloadConfig::new(MAX_BODY_BYTES))
            .service(
                resource("/gateway/v2/virtual-cluster")
                    .route(web::get().to(virtual_cluster::list))
                    .route(web::put().to(virtual_cluster::put)),
            )
            .service(
                resource("/gateway/v2/virtual-cluster/{vCluster}")
                    .route(web::get().to(virtual_cluster::get))
                    .route(web::delete().to(virtual_cluster::delete)),
            )
            .service(
                resource("/gateway/v2/virtual-cluster/{vCluster}/topics")
                    .route(web::get().to(virtual_cluster::topics)),
            )
            .service(
                resource("/gateway/v2/alias-topic")
                    .route(web::get().to(alias_topic::list))
                    .route(web::put().to(alias_topic::put))
                    .route(web::delete().to(alias_topic::delete)),
            )
            .service(
                resource("/gateway/v2/service-account")
                    .route(web::get().to(service_account::list))
                    .route(web::put().to(service_account::put))
                    .route(web::delete().to(service_account::delete)),
            )
            .service(
                resource("/gateway/v2/token")
                    .route(web::post().to(token::issue))
                    .route(web::get().to(token::list))
                    .route(web::delete().to(token::revoke)),
            )
            .service(
                resource("/gateway/v2/access-token")
                    .route(web::post().to(access_token::issue))
                    .route(web::get().to(access_token::list)),
            )
            .service(resource("/gateway/v2/access-token/{id}").route(web::delete().to(access_token::revoke)))
            .service(
                resource("/gateway/v2/scram-credential")
                    .route(web::get().to(scram::list))
                    .route(web::put().to(scram::put))
                    .route(web::delete().to(scram::delete)),
            )
            .configure(event_gateways)
            .service(
                resource("/gateway/v2/dry-run")
                    .app_data(web::PayloadConfig::new(MAX_DRY_RUN_BYTES))
                    .route(web::post().to(dry_run::run)),
            )
            .configure(operations)
            .default_service(web::to(unknown_path));
    }
}

/// What is about the nodes and this API, not about virtual clusters.
fn operations(config: &mut web::ServiceConfig) {
    config
        .service(resource("/gateway/v2/cluster").route(web::get().to(operations::cluster)))
        .service(
            resource("/gateway/v2/cluster/accept-kafka-cluster").route(web::post().to(kafka_cluster::accept)),
        )
        .service(resource("/gateway/v2/docs").route(web::get().to(operations::docs)))
        .service(resource("/health/live").route(web::get().to(operations::live)))
        .service(resource("/health/ready").route(web::get().to(operations::ready)))
        .service(resource("/versions").route(web::get().to(operations::versions)))
        .service(resource("/metrics").route(web::get().to(operations::metrics)));
}

/// Virtual clusters in the words of event gateways.
fn event_gateways(config: &mut web::ServiceConfig) {
    config
        .service(
            resource("/v1/event-gateways/{gatewayId}/virtual-clusters")
                .route(web::get().to(event_gateway::list))
                .route(web::post().to(event_gateway::create)),
        )
        .service(
            resource("/v1/event-gateways/{gatewayId}/virtual-clusters/{virtualClusterId}")
                .route(web::get().to(event_gateway::get))
                .route(web::put().to(event_gateway::change))
                .route(web::delete().to(event_gateway::delete)),
        );
}

fn resource(path: &str) -> actix_web::Resource {
    web::resource(path).default_service(web::to(other_method))
}

async fn unknown_path() -> HttpResponse {
    ApiError::not_found("there is nothing at this path: /gateway/v2/docs describes what there is")
        .error_response()
}

async fn other_method() -> HttpResponse {
    ApiError::method_not_allowed().error_response()
}
