//! Which path and method goes to which handler.

mod path;

use actix_web::{HttpRequest, HttpResponse, ResponseError, web};

use super::absent::{ABSENT, Absent, Shape};
use super::body::MAX_BODY_BYTES;
use super::credentials::{Guard, Reader, Writer};
use super::handlers::{
    absent, access_token, alias_topic, event_gateway, kafka_cluster, operations, scram, service_account,
    token, virtual_cluster,
};
use super::problem::ApiError;
use super::services::Services;

use path::Path;

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
                Path::new("/v1/event-gateways/{gatewayId}/virtual-clusters")
                    .get(event_gateway::list)
                    .post(event_gateway::create),
            )
            .service(
                Path::new("/v1/event-gateways/{gatewayId}/virtual-clusters/{virtualClusterId}")
                    .get(event_gateway::get)
                    .put(event_gateway::change)
                    .delete(event_gateway::delete),
            )
            .configure(operations)
            .default_service(web::to(unknown_path));
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
        .service(Path::new("/gateway/v2/docs").get(operations::docs))
        .service(Path::new("/health").get(operations::health))
        .service(Path::new("/health/live").get(operations::live))
        .service(Path::new("/health/ready").get(operations::ready))
        .service(Path::new("/versions").get(operations::versions))
        .service(Path::new("/metrics").get(operations::metrics));
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
    ApiError::unknown_path(request.path()).error_response()
}
