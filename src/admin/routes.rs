//! Which path and method goes to which handler.

mod path;

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::from_fn;
use actix_web::{App, Error, HttpRequest, HttpResponse, web};

use super::absent::{ABSENT, Absent, Shape};
use super::body::{MAX_BODY_BYTES, MAX_DRY_RUN_BYTES};
use super::credentials::{Guard, Reader, Writer};
use super::front;
use super::handlers::event_gateway::{backend_clusters, listeners, virtual_clusters};
use super::handlers::{
    absent, access_token, alias_topic, dry_run, event_gateway, kafka_cluster, operations, scram,
    service_account, signing_key, token, upgrade, virtual_cluster,
};
use super::problem::ApiError;
use super::problem_details;
use super::services::Services;

use path::Path;

/// The application: all routes, behind what is asked of every request.
pub(super) fn app(
    guard: web::Data<Guard>,
    services: web::Data<Services>,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<BoxBody>,
        Error = Error,
        InitError = (),
    >,
> {
    App::new()
        .wrap(from_fn(front::answer))
        .configure(configure(guard, services))
}

/// Puts all routes into an application.
fn configure(guard: web::Data<Guard>, services: web::Data<Services>) -> impl FnOnce(&mut web::ServiceConfig) {
    move |config| {
        config
            .app_data(guard)
            .app_data(services)
            .app_data(web::PayloadConfig::new(MAX_BODY_BYTES))
            .service(
                Path::new("/gateway/v2/virtual-cluster")
                    .get(virtual_cluster::list)
                    .put(virtual_cluster::put),
            )
            .service(
                Path::new("/gateway/v2/virtual-cluster/{vCluster}")
                    .get(virtual_cluster::get)
                    .delete(virtual_cluster::delete),
            )
            .service(Path::new("/gateway/v2/virtual-cluster/{vCluster}/topics").get(virtual_cluster::topics))
            .service(
                Path::new("/gateway/v2/alias-topic")
                    .get(alias_topic::list)
                    .put(alias_topic::put)
                    .delete(alias_topic::delete),
            )
            .service(
                Path::new("/gateway/v2/service-account")
                    .get(service_account::list)
                    .put(service_account::put)
                    .delete(service_account::delete),
            )
            .service(
                Path::new("/gateway/v2/token")
                    .post(token::issue)
                    .get(token::list)
                    .delete(token::revoke),
            )
            .service(
                Path::new("/gateway/v2/signing-key")
                    .post(signing_key::rotate)
                    .get(signing_key::list),
            )
            .service(Path::new("/gateway/v2/signing-key/retire").post(signing_key::retire))
            .service(
                Path::new("/gateway/v2/access-token")
                    .post(access_token::issue)
                    .get(access_token::list),
            )
            .service(Path::new("/gateway/v2/access-token/{id}").delete(access_token::revoke))
            .service(
                Path::new("/gateway/v2/scram-credential")
                    .get(scram::list)
                    .put(scram::put)
                    .delete(scram::delete),
            )
            .service(
                Path::new("/gateway/v2/dry-run")
                    .body_limit(MAX_DRY_RUN_BYTES)
                    .post(dry_run::run),
            )
            .configure(operations)
            .default_service(web::to(unknown_path));
        configure_event_gateways(config);
        for kind in &ABSENT {
            configure_absent(config, kind);
        }
    }
}

/// What is about the nodes and this API, not about virtual clusters.
fn operations(config: &mut web::ServiceConfig) {
    config
        .service(Path::new("/gateway/v2/cluster").get(operations::cluster))
        .service(Path::new("/gateway/v2/cluster/accept-kafka-cluster").post(kafka_cluster::accept))
        .service(Path::new("/gateway/v2/cluster/upgrade/finalize").post(upgrade::finalize))
        .service(Path::new("/gateway/v2/docs").get(operations::docs))
        .service(Path::new("/health").get(operations::health))
        .service(Path::new("/health/live").get(operations::live))
        .service(Path::new("/health/ready").get(operations::ready))
        .service(Path::new("/versions").get(operations::versions))
        .service(Path::new("/metrics").get(operations::metrics));
}

fn configure_event_gateways(config: &mut web::ServiceConfig) {
    config
        .service(
            Path::new("/v1/event-gateways")
                .get(event_gateway::list)
                .post(event_gateway::refuse),
        )
        .service(
            Path::new("/v1/event-gateways/{gatewayId}")
                .get(event_gateway::get)
                .put(event_gateway::refuse)
                .patch(event_gateway::refuse)
                .delete(event_gateway::refuse),
        )
        .service(
            Path::new("/v1/event-gateways/{gatewayId}/virtual-clusters")
                .get(virtual_clusters::list)
                .post(virtual_clusters::create),
        )
        .service(
            Path::new("/v1/event-gateways/{gatewayId}/virtual-clusters/{virtualClusterId}")
                .get(virtual_clusters::get)
                .put(virtual_clusters::change)
                .delete(virtual_clusters::delete),
        )
        .service(
            Path::new("/v1/event-gateways/{gatewayId}/backend-clusters")
                .get(backend_clusters::list)
                .post(backend_clusters::refuse),
        )
        .service(
            Path::new("/v1/event-gateways/{gatewayId}/backend-clusters/{backendClusterId}")
                .get(backend_clusters::get)
                .put(backend_clusters::refuse)
                .delete(backend_clusters::refuse),
        )
        .service(
            Path::new("/v1/event-gateways/{gatewayId}/listeners")
                .get(listeners::list)
                .post(listeners::refuse),
        )
        .service(
            Path::new("/v1/event-gateways/{gatewayId}/listeners/{listenerId}")
                .get(listeners::get)
                .put(listeners::refuse)
                .delete(listeners::refuse),
        )
        .service(
            Path::new("/v1/event-gateways/{gatewayId}/listeners/{listenerId}/policies")
                .get(listeners::policies)
                .post(listeners::refuse),
        )
        .service(
            Path::new("/v1/event-gateways/{gatewayId}/listeners/{listenerId}/policies/{policyId}")
                .get(listeners::policy)
                .put(listeners::refuse)
                .patch(listeners::refuse)
                .delete(listeners::refuse),
        );
}

fn configure_absent(config: &mut web::ServiceConfig, kind: &'static Absent) {
    let all = Path::new(kind.path).get(absent::list);
    let put = move |writer: Writer| absent::put(writer, kind);
    let delete = move |writer: Writer| absent::delete(writer, kind);
    let all = match kind.shape {
        Shape::Listed => all,
        Shape::InVcluster { .. } => all.put(put).delete(delete),
        Shape::Named { one, .. } => {
            let get = move |reader: Reader| absent::get(reader, kind);
            config.service(Path::new(one).get(get).delete(delete));
            all.put(put)
        }
    };
    config.service(all);
}

async fn unknown_path(request: HttpRequest) -> HttpResponse {
    problem_details::response(&ApiError::unknown_path(request.path()), request.path())
}
