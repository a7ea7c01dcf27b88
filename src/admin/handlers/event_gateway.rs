//! `/v1/event-gateways`: the gateway in the words of another product's API.

pub(in crate::admin) mod backend_clusters;
pub(in crate::admin) mod configured_names;
pub(in crate::admin) mod listeners;
pub(in crate::admin) mod policies;
pub(in crate::admin) mod virtual_clusters;

use std::collections::BTreeSet;
use std::fmt::Display;
use std::sync::Arc;

use actix_web::http::header::LOCATION;
use actix_web::{HttpResponse, HttpResponseBuilder, web};
use klamm_raft::model::{ClusterId, KeyName, RegistryName, State};
use serde::Serialize;
use uuid::Uuid;

use super::REVISION;
use crate::admin::api::{AdminApi, BodySchema, Content, Operation, parameter};
use crate::admin::body::Query;
use crate::admin::change::Made;
use crate::admin::credentials::{Reader, Writer};
use crate::admin::problem::ApiError;
use crate::admin::resources::event_gateway::policy::ConfiguredNames;
use crate::admin::resources::event_gateway::{Ids, ListQuery, Surroundings, gateway};
use crate::admin::services::Services;

/// Registers the operations.
pub(in crate::admin) fn register(api: &mut AdminApi) {
    api.add(
        Operation::get(
            "/v1/event-gateways",
            "listEventGateways",
            "List the event gateways: there is one, all nodes together",
        )
        .by(parameter::LIST)
        .gives(Content::One(BodySchema::Written("EventGateways")))
        .fails(&["400", "503"]),
        list,
    );
    api.add(
        Operation::post(
            "/v1/event-gateways",
            "createEventGateway",
            "Refused: the gateway consists of the nodes that are running",
        )
        .refuses()
        .fails(&["400"]),
        refuse,
    );
    api.add(
        Operation::get(
            "/v1/event-gateways/{gatewayId}",
            "getEventGateway",
            "Get the event gateway, by its id or as `default`",
        )
        .gives(Content::One(BodySchema::Written("EventGateway")))
        .fails(&["404", "503"]),
        get,
    );
    api.add(
        Operation::put(
            "/v1/event-gateways/{gatewayId}",
            "replaceEventGateway",
            "Refused: the gateway consists of the nodes that are running",
        )
        .refuses()
        .fails(&["400"]),
        refuse,
    );
    api.add(
        Operation::patch(
            "/v1/event-gateways/{gatewayId}",
            "changeEventGateway",
            "Refused: the gateway consists of the nodes that are running",
        )
        .refuses()
        .fails(&["400"]),
        refuse,
    );
    api.add(
        Operation::delete(
            "/v1/event-gateways/{gatewayId}",
            "deleteEventGateway",
            "Refused: the gateway consists of the nodes that are running",
        )
        .refuses()
        .fails(&["400"]),
        refuse,
    );
}

/// Where all of it is.
const ROOT: &str = "/v1/event-gateways";

/// The gateway that a path names, as it is now.
struct Gateway {
    state: Arc<State>,
    ids: Ids,
    clusters: BTreeSet<ClusterId>,
    /// The path under which it was asked for.
    path: String,
}

impl Gateway {
    /// The one that there is.
    async fn now(services: &Services) -> Result<Self, ApiError> {
        let state = services.newest().await?;
        let ids = Ids::of(&state)
            .ok_or_else(|| ApiError::unavailable("the gateway is starting: it has no id yet"))?;
        let path = format!("{ROOT}/{}", ids.gateway());
        let clusters = services.clusters(&state);
        Ok(Self {
            state,
            ids,
            clusters,
            path,
        })
    }

    /// The one that is called so: by its id, or by the name that it always had.
    async fn named(services: &Services, which: &str) -> Result<Self, ApiError> {
        let this = Self::now(services).await?;
        if which != gateway::NAME && Uuid::parse_str(which).ok() != Some(this.ids.gateway()) {
            return Err(ApiError::not_found(format!(
                "there is one event gateway here: {}, which can also be called {}",
                this.ids.gateway(),
                gateway::NAME
            )));
        }
        Ok(Self {
            path: format!("{ROOT}/{which}"),
            ..this
        })
    }

    /// Which of `all` is called `which`, by its name or its id. `what` is what they are.
    fn find<'a, T>(
        all: &'a [T],
        (what, which): (&str, &str),
        called: impl Fn(&T) -> (&str, Uuid),
    ) -> Result<&'a T, ApiError> {
        let id = Uuid::parse_str(which).ok();
        let found = all.iter().find(|one| {
            let (name, own) = called(one);
            name == which || Some(own) == id
        });
        found.ok_or_else(|| ApiError::not_found(format!("there is no {what} with the id or name {which:?}")))
    }

    fn around<'a>(&'a self, services: &'a Services) -> Surroundings<'a> {
        Surroundings {
            state: &self.state,
            ids: &self.ids,
            clusters: &self.clusters,
            providers: &services.providers,
        }
    }

    /// The answer about something that was put below it, at `place`.
    fn put_answer(
        &self,
        place: impl Display,
        made: &Made,
        mut answer: HttpResponseBuilder,
        shown: impl Serialize,
    ) -> HttpResponse {
        answer
            .insert_header((LOCATION, format!("{}/{place}", self.path)))
            .insert_header((REVISION, made.revision.to_string()))
            .json(shown)
    }

    /// The keys of the configuration of this node, with their ids.
    fn static_keys(&self, services: &Services) -> Vec<(KeyName, Uuid)> {
        let names = services.record_keys.keys();
        names
            .map(|name| (name.clone(), self.ids.static_key(name)))
            .collect()
    }

    /// The schema registries of the configuration of this node, with their ids.
    fn schema_registries(&self, services: &Services) -> Vec<(RegistryName, Uuid)> {
        let names = services.registries.iter();
        names
            .map(|name| (name.clone(), self.ids.schema_registry(name)))
            .collect()
    }

    /// The names that policies may use.
    fn configured(&self, services: &Services) -> ConfiguredNames {
        ConfiguredNames {
            keys: self.static_keys(services),
            registries: self.schema_registries(services),
        }
    }

    /// When it was made, as it is shown.
    fn since(&self) -> String {
        gateway::created_at(&self.state)
    }
}

pub(in crate::admin) async fn list(
    services: web::Data<Services>,
    _: Reader,
    Query(query): Query<ListQuery>,
) -> Result<HttpResponse, ApiError> {
    let this = Gateway::now(&services).await?;
    let shown = gateway::show(&this.state, &this.ids);
    let page = query.read()?.page(ROOT, [(gateway::NAME.to_owned(), shown)]);
    Ok(HttpResponse::Ok().json(page))
}

pub(in crate::admin) async fn get(
    services: web::Data<Services>,
    path: web::Path<String>,
    _: Reader,
) -> Result<HttpResponse, ApiError> {
    let this = Gateway::named(&services, &path).await?;
    Ok(HttpResponse::Ok().json(gateway::show(&this.state, &this.ids)))
}

/// Gateways are made and changed by starting nodes.
pub(in crate::admin) async fn refuse(_: Writer) -> Result<HttpResponse, ApiError> {
    Err(ApiError::invalid(
        "there is one event gateway, which consists of the nodes that are running: the keys klamm.raft.* of their configuration say which ones belong together, and it has no description or labels of its own",
    ))
}
