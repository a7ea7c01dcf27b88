//! `…/static-keys` and `…/schema-registries`, to be read: the names of what the configuration of the nodes has. There is no
//! such configuration yet.

use actix_web::{HttpResponse, web};
use serde_json::Value;

use super::Gateway;
use crate::admin::api::{AdminApi, BodySchema, Content, Operation, parameter};
use crate::admin::body::Query;
use crate::admin::credentials::{Reader, Writer};
use crate::admin::problem::ApiError;
use crate::admin::resources::event_gateway::ListQuery;
use crate::admin::services::Services;

const KEYS: &str = "/v1/event-gateways/{gatewayId}/static-keys";
const KEY: &str = "/v1/event-gateways/{gatewayId}/static-keys/{staticKeyId}";
const REGISTRIES: &str = "/v1/event-gateways/{gatewayId}/schema-registries";
const REGISTRY: &str = "/v1/event-gateways/{gatewayId}/schema-registries/{schemaRegistryId}";

/// Registers the operations.
pub(in crate::admin) fn register(api: &mut AdminApi) {
    for (path, id, summary, shown) in [
        (
            KEYS,
            "listEventGatewayStaticKeys",
            "List the names of the keys of the configuration: none yet",
            "EventGatewayStaticKeys",
        ),
        (
            REGISTRIES,
            "listEventGatewaySchemaRegistries",
            "List the names of the schema registries of the configuration: none yet",
            "EventGatewaySchemaRegistries",
        ),
    ] {
        api.add(
            Operation::get(path, id, summary)
                .by(parameter::LIST)
                .gives(Content::One(BodySchema::Written(shown)))
                .fails(&["400", "404", "503"]),
            list,
        );
    }
    for (path, id, summary, shown) in [
        (
            KEY,
            "getEventGatewayStaticKey",
            "Get a key of the configuration",
            "EventGatewayStaticKey",
        ),
        (
            REGISTRY,
            "getEventGatewaySchemaRegistry",
            "Get a schema registry of the configuration",
            "EventGatewaySchemaRegistry",
        ),
    ] {
        api.add(
            Operation::get(path, id, summary)
                .gives(Content::One(BodySchema::Written(shown)))
                .fails(&["404", "503"]),
            get,
        );
    }
    let keys = "Refused: keys are part of the configuration";
    for key in [
        Operation::post(KEYS, "createEventGatewayStaticKey", keys),
        Operation::delete(KEY, "deleteEventGatewayStaticKey", keys),
    ] {
        api.add(key.refuses().fails(&["400"]), refuse_key);
    }
    let registries = "Refused: schema registries are part of the configuration";
    for registry in [
        Operation::post(REGISTRIES, "createEventGatewaySchemaRegistry", registries),
        Operation::put(REGISTRY, "changeEventGatewaySchemaRegistry", registries),
        Operation::delete(REGISTRY, "deleteEventGatewaySchemaRegistry", registries),
    ] {
        api.add(registry.refuses().fails(&["400"]), refuse_registry);
    }
}

pub(in crate::admin) async fn list(
    services: web::Data<Services>,
    request: actix_web::HttpRequest,
    path: web::Path<String>,
    _: Reader,
    Query(query): Query<ListQuery>,
) -> Result<HttpResponse, ApiError> {
    Gateway::named(&services, &path).await?;
    let none = std::iter::empty::<(String, Value)>();
    Ok(HttpResponse::Ok().json(query.read()?.page(request.path(), none)))
}

pub(in crate::admin) async fn get(
    services: web::Data<Services>,
    path: web::Path<(String, String)>,
    _: Reader,
) -> Result<HttpResponse, ApiError> {
    let (gateway, which) = path.into_inner();
    Gateway::named(&services, &gateway).await?;
    Err(ApiError::not_found(format!(
        "there is none with the id {which:?}"
    )))
}

/// Secrets are in the configuration of the nodes only.
pub(in crate::admin) async fn refuse_key(_: Writer) -> Result<HttpResponse, ApiError> {
    Err(ApiError::invalid(
        "static keys do not come through this API, which would have to keep the secrets: they will be named in the configuration of every node, once there are policies that encrypt, and this API will list their names",
    ))
}

pub(in crate::admin) async fn refuse_registry(_: Writer) -> Result<HttpResponse, ApiError> {
    Err(ApiError::invalid(
        "schema registries do not come through this API, which would have to keep their credentials: they will be named in the configuration of every node, once there are policies that know schemas, and this API will list their names",
    ))
}
