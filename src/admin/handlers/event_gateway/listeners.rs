//! `/v1/event-gateways/{gatewayId}/listeners` and their policies, to be read.

use actix_web::{HttpResponse, web};

use super::Gateway;
use crate::admin::api::{AdminApi, BodySchema, Content, Operation, parameter};
use crate::admin::body::Query;
use crate::admin::credentials::{Reader, Writer};
use crate::admin::problem::ApiError;
use crate::admin::resources::event_gateway::{ListQuery, listener, virtual_cluster};
use crate::admin::services::Services;
use crate::listener::config::ListenerConfig;

const ALL: &str = "/v1/event-gateways/{gatewayId}/listeners";
const ONE: &str = "/v1/event-gateways/{gatewayId}/listeners/{listenerId}";
const POLICIES: &str = "/v1/event-gateways/{gatewayId}/listeners/{listenerId}/policies";
const POLICY: &str = "/v1/event-gateways/{gatewayId}/listeners/{listenerId}/policies/{policyId}";

type NewOperation = fn(&'static str, &'static str, &'static str) -> Operation;

/// The operations that are there in that other product, and are never done here.
const REFUSED: [(NewOperation, &str, &str); 7] = [
    (Operation::post, ALL, "createEventGatewayListener"),
    (Operation::put, ONE, "changeEventGatewayListener"),
    (Operation::delete, ONE, "deleteEventGatewayListener"),
    (Operation::post, POLICIES, "createEventGatewayListenerPolicy"),
    (Operation::put, POLICY, "replaceEventGatewayListenerPolicy"),
    (Operation::patch, POLICY, "changeEventGatewayListenerPolicy"),
    (Operation::delete, POLICY, "deleteEventGatewayListenerPolicy"),
];

/// Registers the operations.
pub(in crate::admin) fn register(api: &mut AdminApi) {
    api.add(
        Operation::get(
            ALL,
            "listEventGatewayListeners",
            "List the listeners of the configuration",
        )
        .by(parameter::LISTENERS)
        .gives(Content::One(BodySchema::Written("EventGatewayListeners")))
        .fails(&["400", "404", "503"]),
        list,
    );
    api.add(
        Operation::get(
            ONE,
            "getEventGatewayListener",
            "Get a listener of the configuration",
        )
        .gives(Content::One(BodySchema::Written("EventGatewayListener")))
        .fails(&["404", "503"]),
        get,
    );
    api.add(
        Operation::get(
            POLICIES,
            "listEventGatewayListenerPolicies",
            "List what happens to the connections of a listener: TLS, and where they lead",
        )
        .by(parameter::POLICIES)
        .gives(Content::Many(BodySchema::Written("EventGatewayListenerPolicy")))
        .fails(&["400", "404", "503"]),
        policies,
    );
    api.add(
        Operation::get(
            POLICY,
            "getEventGatewayListenerPolicy",
            "Get a policy of a listener",
        )
        .gives(Content::One(BodySchema::Written("EventGatewayListenerPolicy")))
        .fails(&["404", "503"]),
        policy,
    );
    for (refused, path, id) in REFUSED {
        let refused = refused(path, id, "Refused: listeners are part of the configuration");
        api.add(refused.refuses().fails(&["400"]), refuse);
    }
}

fn find<'a>(services: &'a Services, gateway: &Gateway, which: &str) -> Result<&'a ListenerConfig, ApiError> {
    Gateway::find(&services.listeners, ("listener", which), |listener| {
        (listener.name.as_str(), gateway.ids.listener(&listener.name))
    })
}

pub(in crate::admin) async fn list(
    services: web::Data<Services>,
    path: web::Path<String>,
    _: Reader,
    Query(query): Query<ListQuery>,
) -> Result<HttpResponse, ApiError> {
    let gateway = Gateway::named(&services, &path).await?;
    let wanted = query.read()?;
    // Every listener leads to every virtual cluster.
    let leads_there = wanted
        .virtual_cluster()
        .is_none_or(|which| virtual_cluster::find(&gateway.state, which).is_some());
    let since = gateway.since();
    let all = services.listeners.iter().filter(|_| leads_there).map(|one| {
        let shown = listener::show(one, &gateway.ids, &since);
        (one.name.to_string(), shown)
    });
    let path = format!("{}/listeners", gateway.path);
    Ok(HttpResponse::Ok().json(wanted.page(&path, all)))
}

pub(in crate::admin) async fn get(
    services: web::Data<Services>,
    path: web::Path<(String, String)>,
    _: Reader,
) -> Result<HttpResponse, ApiError> {
    let (gateway, which) = path.into_inner();
    let gateway = Gateway::named(&services, &gateway).await?;
    let found = find(&services, &gateway, &which)?;
    Ok(HttpResponse::Ok().json(listener::show(found, &gateway.ids, &gateway.since())))
}

pub(in crate::admin) async fn policies(
    services: web::Data<Services>,
    path: web::Path<(String, String)>,
    _: Reader,
    Query(query): Query<ListQuery>,
) -> Result<HttpResponse, ApiError> {
    let (gateway, which) = path.into_inner();
    let gateway = Gateway::named(&services, &gateway).await?;
    let wanted = query.read()?;
    let found = find(&services, &gateway, &which)?;
    let mut all = listener::policies(found, &gateway.state, &gateway.ids, &gateway.since());
    all.retain(|policy| wanted.has_name(&policy.name));
    Ok(HttpResponse::Ok().json(all))
}

pub(in crate::admin) async fn policy(
    services: web::Data<Services>,
    path: web::Path<(String, String, String)>,
    _: Reader,
) -> Result<HttpResponse, ApiError> {
    let (gateway, which, policy) = path.into_inner();
    let gateway = Gateway::named(&services, &gateway).await?;
    let found = find(&services, &gateway, &which)?;
    let all = listener::policies(found, &gateway.state, &gateway.ids, &gateway.since());
    let found = all.into_iter().find(|one| one.id == policy.to_lowercase());
    let shown =
        found.ok_or_else(|| ApiError::not_found(format!("there is no policy with the id {policy:?}")))?;
    Ok(HttpResponse::Ok().json(shown))
}

pub(in crate::admin) async fn refuse(_: Writer) -> Result<HttpResponse, ApiError> {
    Err(ApiError::invalid(
        "listeners and their policies are changed in the configuration of every node: gateway.listeners, with its keys routing, ports and tls; this API only shows them",
    ))
}
