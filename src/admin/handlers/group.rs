//! `/gateway/v2/group`.

use actix_web::{HttpResponse, web};
use klamm_raft::command::Command;
use klamm_raft::model::GroupName;
use klamm_raft::outcome::Refusal;
use serde_json::json;

use super::dry_run::{DryRunStage, Rehearsed, Step, TRIAL, read};
use super::{UnfilteredQuery, delete_by, gone, upserted};
use crate::admin::api::{AdminApi, BodySchema, Content, Operation, parameter};
use crate::admin::audit::Action;
use crate::admin::body::{Body, Query};
use crate::admin::change::{Mode, Subject};
use crate::admin::credentials::{Reader, Writer};
use crate::admin::kind::{ApplyRules, Kind, Listing, Pace};
use crate::admin::problem::ApiError;
use crate::admin::resources::{GroupResource, group};
use crate::admin::services::Services;

/// Groups of accounts.
pub(in crate::admin) static KIND: Kind = Kind {
    name: group::KIND,
    words: &["gatewaygroups", "gatewaygroup", "groups", "group"],
    path: "/gateway/v2/group",
    listing: Listing::ByPath,
    columns: &[("NAME", "/metadata/name"), ("MEMBERS", "/spec/members")],
    applied: Some(ApplyRules {
        place: 11,
        pace: Pace::Together,
        claims: &[],
        rehearse,
    }),
    register,
};

const ONE: &str = "/gateway/v2/group/{name}";

fn register(api: &mut AdminApi) {
    api.add(
        Operation::get(KIND.path, "listGroups", "List the groups of accounts")
            .by(&[parameter::SHOW_DEFAULTS])
            .gives(Content::Many(BodySchema::read::<GroupResource>()))
            .fails(&["400", "503"]),
        list,
    );
    api.add(
        Operation::put(
            KIND.path,
            "putGroup",
            "Create a group of accounts, or change who is in it: policies can be for its members",
        )
        .by(&[parameter::DRY_MODE])
        .takes(BodySchema::read::<GroupResource>())
        .example(KIND.example(
            &json!({ "name": "billing" }),
            &json!({ "members": [{ "name": "partner-user", "vCluster": "mypartner" }] }),
        ))
        .gives(Content::Upserted(BodySchema::read::<GroupResource>()))
        .fails(&["400", "404", "409", "503"])
        .applies(&KIND),
        put,
    );
    api.add(
        Operation::get(ONE, "getGroup", "Get a group of accounts")
            .by(&[parameter::SHOW_DEFAULTS])
            .gives(Content::One(BodySchema::read::<GroupResource>()))
            .fails(&["400", "404", "503"]),
        get,
    );
    api.add(
        Operation::delete(
            ONE,
            "deleteGroup",
            "Delete a group that is the scope of no policy",
        )
        .by(&[parameter::DRY_MODE])
        .gives(Content::Nothing)
        .fails(&["400", "404", "409", "503"]),
        delete,
    );
}

fn rehearse(stage: DryRunStage, step: Step) -> Rehearsed {
    let DryRunStage { services, writer, .. } = stage;
    Box::pin(async move {
        match step {
            Step::Put(resource) => put(services, writer, TRIAL, read(resource)?).await,
            Step::Delete(target) => delete(services, target.name.into(), writer, TRIAL).await,
        }
    })
}

pub(in crate::admin) async fn list(
    services: web::Data<Services>,
    _: Reader,
    _: Query<UnfilteredQuery>,
) -> Result<HttpResponse, ApiError> {
    let state = services.newest().await?;
    let all = state.groups.iter().map(|(name, group)| group::show(name, group));
    Ok(HttpResponse::Ok().json(all.collect::<Vec<_>>()))
}

pub(in crate::admin) async fn get(
    services: web::Data<Services>,
    path: web::Path<String>,
    _: Reader,
    _: Query<UnfilteredQuery>,
) -> Result<HttpResponse, ApiError> {
    let name = named(&path)?;
    let state = services.newest().await?;
    match state.groups.get(&name) {
        Some(group) => Ok(HttpResponse::Ok().json(group::show(&name, group))),
        None => Err(Refusal::NoSuchGroup(name).into()),
    }
}

pub(in crate::admin) async fn put(
    services: web::Data<Services>,
    writer: Writer,
    Query(mode): Query<Mode>,
    Body(resource): Body<GroupResource>,
) -> Result<HttpResponse, ApiError> {
    let (name, group) = resource.read()?;
    let subject = Subject {
        writer: &writer,
        action: Action::PUT,
        resource: KIND.one(&name),
    };
    let command = Command::PutGroup {
        name: name.clone(),
        group,
    };
    let made = services.change(subject, command, mode).await?;
    let group = made.state.groups.get(&name).ok_or_else(gone)?;
    Ok(upserted(&made, group::show(&name, group)))
}

pub(in crate::admin) async fn delete(
    services: web::Data<Services>,
    path: web::Path<String>,
    writer: Writer,
    Query(mode): Query<Mode>,
) -> Result<HttpResponse, ApiError> {
    let name = named(&path)?;
    let resource = KIND.one(&name);
    let command = Command::DeleteGroup { name };
    delete_by(&services, (&writer, resource), command, mode).await
}

fn named(text: &str) -> Result<GroupName, ApiError> {
    text.parse()
        .map_err(|error| ApiError::invalid(format!("name: {error}")))
}
