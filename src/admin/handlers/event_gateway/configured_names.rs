//! `…/static-keys` and `…/schema-registries`, to be read: the names of what the configuration of the nodes has.

use actix_web::{HttpResponse, web};
use klamm_raft::model::{KeyName, RegistryName};
use serde_json::{Value, json};
use uuid::Uuid;

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
    register_keys(api);
    api.add(
        Operation::get(
            REGISTRIES,
            "listEventGatewaySchemaRegistries",
            "List the names of the schema registries of the configuration",
        )
        .by(parameter::LIST)
        .gives(Content::One(BodySchema::Written("EventGatewaySchemaRegistries")))
        .fails(&["400", "404", "503"]),
        list_registries,
    );
    api.add(
        Operation::get(
            REGISTRY,
            "getEventGatewaySchemaRegistry",
            "Get a schema registry of the configuration",
        )
        .gives(Content::One(BodySchema::Written("EventGatewaySchemaRegistry")))
        .fails(&["404", "503"]),
        get_registry,
    );
    let registries = "Refused: schema registries are part of the configuration";
    for registry in [
        Operation::post(REGISTRIES, "createEventGatewaySchemaRegistry", registries),
        Operation::put(REGISTRY, "changeEventGatewaySchemaRegistry", registries),
        Operation::delete(REGISTRY, "deleteEventGatewaySchemaRegistry", registries),
    ] {
        api.add(registry.refuses().fails(&["400"]), refuse_registry);
    }
}

fn register_keys(api: &mut AdminApi) {
    api.add(
        Operation::get(
            KEYS,
            "listEventGatewayStaticKeys",
            "List the names of the keys of the configuration, with which records can be encrypted",
        )
        .by(parameter::LIST)
        .gives(Content::One(BodySchema::Written("EventGatewayStaticKeys")))
        .fails(&["400", "404", "503"]),
        list_keys,
    );
    api.add(
        Operation::get(KEY, "getEventGatewayStaticKey", "Get a key of the configuration")
            .gives(Content::One(BodySchema::Written("EventGatewayStaticKey")))
            .fails(&["404", "503"]),
        get_key,
    );
    let keys = "Refused: keys are part of the configuration";
    for key in [
        Operation::post(KEYS, "createEventGatewayStaticKey", keys),
        Operation::delete(KEY, "deleteEventGatewayStaticKey", keys),
    ] {
        api.add(key.refuses().fails(&["400"]), refuse_key);
    }
}

/// A key as it is shown: never more than its name, and what it is.
fn shown(gateway: &Gateway, services: &Services, (name, id): &(KeyName, Uuid)) -> Value {
    let kind = services.record_keys.get(name).copied().unwrap_or_default();
    json!({
        "id": id.to_string(), "name": name.to_string(),
        "description": format!("a key of the kind {kind} in the configuration of the nodes (klamm.keys)"),
        "created_at": gateway.since(), "updated_at": gateway.since(),
    })
}

/// A registry as it is shown: never more than its name.
fn shown_registry(gateway: &Gateway, (name, id): &(RegistryName, Uuid)) -> Value {
    json!({
        "id": id.to_string(), "name": name.to_string(), "type": "confluent", "config": {},
        "description": "a registry in the configuration of the nodes (klamm.registries)",
        "created_at": gateway.since(), "updated_at": gateway.since(),
    })
}

pub(in crate::admin) async fn list_keys(
    services: web::Data<Services>,
    request: actix_web::HttpRequest,
    path: web::Path<String>,
    _: Reader,
    Query(query): Query<ListQuery>,
) -> Result<HttpResponse, ApiError> {
    let gateway = Gateway::named(&services, &path).await?;
    let keys = gateway.static_keys(&services);
    let all = keys
        .iter()
        .map(|key| (key.0.to_string(), shown(&gateway, &services, key)));
    Ok(HttpResponse::Ok().json(query.read()?.page(request.path(), all)))
}

pub(in crate::admin) async fn get_key(
    services: web::Data<Services>,
    path: web::Path<(String, String)>,
    _: Reader,
) -> Result<HttpResponse, ApiError> {
    let (gateway, which) = path.into_inner();
    let gateway = Gateway::named(&services, &gateway).await?;
    let keys = gateway.static_keys(&services);
    let key = Gateway::find(&keys, ("static key", &which), |(name, id)| (name.as_str(), *id))?;
    Ok(HttpResponse::Ok().json(shown(&gateway, &services, key)))
}

pub(in crate::admin) async fn list_registries(
    services: web::Data<Services>,
    request: actix_web::HttpRequest,
    path: web::Path<String>,
    _: Reader,
    Query(query): Query<ListQuery>,
) -> Result<HttpResponse, ApiError> {
    let gateway = Gateway::named(&services, &path).await?;
    let registries = gateway.schema_registries(&services);
    let all = registries
        .iter()
        .map(|registry| (registry.0.to_string(), shown_registry(&gateway, registry)));
    Ok(HttpResponse::Ok().json(query.read()?.page(request.path(), all)))
}

pub(in crate::admin) async fn get_registry(
    services: web::Data<Services>,
    path: web::Path<(String, String)>,
    _: Reader,
) -> Result<HttpResponse, ApiError> {
    let (gateway, which) = path.into_inner();
    let gateway = Gateway::named(&services, &gateway).await?;
    let registries = gateway.schema_registries(&services);
    let registry = Gateway::find(&registries, ("schema registry", &which), |(name, id)| {
        (name.as_str(), *id)
    })?;
    Ok(HttpResponse::Ok().json(shown_registry(&gateway, registry)))
}

/// Secrets are in the configuration of the nodes only.
pub(in crate::admin) async fn refuse_key(_: Writer) -> Result<HttpResponse, ApiError> {
    Err(ApiError::invalid(
        "static keys do not come through this API, which would have to keep the secrets: they are in the configuration of every node (klamm.keys), and this API lists their names",
    ))
}

pub(in crate::admin) async fn refuse_registry(_: Writer) -> Result<HttpResponse, ApiError> {
    Err(ApiError::invalid(
        "schema registries do not come through this API, which would have to keep their credentials: they are in the configuration of every node (klamm.registries), and this API lists their names",
    ))
}
