//! `/gateway/v2/service-account`.

use actix_web::{HttpResponse, web};
use klamm_raft::command::Command;
use klamm_raft::model::{AccountName, GroupMember, State, VclusterName};
use serde_json::json;

use super::dry_run::{DryRunStage, Rehearsed, Step, TRIAL, read};
use super::{Filter, deleted, gone, has_credentials, upserted, warn};
use crate::admin::api::{AdminApi, BodySchema, Content, Operation, parameter};
use crate::admin::audit::Action;
use crate::admin::body::{Body, Query};
use crate::admin::change::{Mode, Subject};
use crate::admin::credentials::{Reader, Writer};
use crate::admin::kind::{ApplyRules, Claim, Kind, Listing, Pace};
use crate::admin::problem::ApiError;
use crate::admin::resources::{DeleteByName, ServiceAccountResource, service_account, vcluster_name};
use crate::admin::services::Services;

/// Service accounts.
pub(in crate::admin) static KIND: Kind = Kind {
    name: service_account::KIND,
    words: &[
        "gatewayserviceaccounts",
        "gatewayserviceaccount",
        "serviceaccounts",
        "serviceaccount",
        "sa",
    ],
    path: "/gateway/v2/service-account",
    listing: Listing::InVcluster { named: "name" },
    columns: &[
        ("NAME", "/metadata/name"),
        ("V-CLUSTER", "/metadata/vCluster"),
        ("TYPE", "/spec/type"),
    ],
    applied: Some(ApplyRules {
        place: 10,
        pace: Pace::Together,
        claims: &[Claim::EachOf("/spec/externalNames")],
        rehearse,
    }),
    register,
};

fn register(api: &mut AdminApi) {
    api.add(
        Operation::get(KIND.path, "listServiceAccounts", "List service accounts")
            .by(&[
                parameter::VCLUSTER,
                parameter::NAME,
                parameter::TYPE,
                parameter::SHOW_DEFAULTS,
            ])
            .gives(Content::Many(BodySchema::read::<ServiceAccountResource>()))
            .fails(&["400", "404", "503"]),
        list,
    );
    api.add(
        Operation::put(KIND.path, "putServiceAccount", "Create a service account")
            .by(&[parameter::DRY_MODE])
            .takes(BodySchema::read::<ServiceAccountResource>())
            .example(KIND.example(
                &json!({ "name": "partner-user", "vCluster": "mypartner" }),
                &json!({ "type": "LOCAL" }),
            ))
            .gives(Content::Upserted(BodySchema::read::<ServiceAccountResource>()))
            .fails(&["400", "404", "409", "503"])
            .applies(&KIND),
        put,
    );
    api.add(
        Operation::delete(
            KIND.path,
            "deleteServiceAccount",
            "Delete a service account; its tokens become invalid for good, and it leaves its groups",
        )
        .by(&[parameter::DRY_MODE])
        .takes(BodySchema::read::<DeleteByName>())
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
            Step::Delete(target) => delete(services, writer, TRIAL, target.named()?).await,
        }
    })
}

pub(in crate::admin) async fn list(
    services: web::Data<Services>,
    _: Reader,
    Query(filter): Query<Filter>,
) -> Result<HttpResponse, ApiError> {
    let state = services.newest().await?;
    let mut all = Vec::new();
    for (vcluster, content) in filter.vclusters(&state)? {
        let passing = content
            .accounts
            .iter()
            .filter(|(name, _)| filter.has_name(name.as_str()));
        all.extend(passing.map(|(name, account)| service_account::show(vcluster, name, &account.spec)));
    }
    if let Some(kind) = &filter.kind {
        all.retain(|account| account.has_kind(kind));
    }
    Ok(HttpResponse::Ok().json(all))
}

pub(in crate::admin) async fn put(
    services: web::Data<Services>,
    writer: Writer,
    Query(mode): Query<Mode>,
    Body(resource): Body<ServiceAccountResource>,
) -> Result<HttpResponse, ApiError> {
    let (vcluster, name, spec) = resource.read()?;
    if let Some(credentials) = &spec.upstream_credentials {
        has_credentials(&services, credentials)?;
    }
    let state = services.newest().await?;
    let known = state.vclusters.get(&vcluster).and_then(|v| v.accounts.get(&name));
    if known.is_none() {
        service_account::check_new(&name)?;
    }
    let subject = Subject {
        writer: &writer,
        action: Action::PUT,
        resource: KIND.one(format_args!("{vcluster}/{name}")),
    };
    let command = Command::PutAccount {
        vcluster: vcluster.clone(),
        name: name.clone(),
        spec,
    };
    let made = services.change(subject, command, mode).await?;
    let account = made
        .state
        .vclusters
        .get(&vcluster)
        .and_then(|v| v.accounts.get(&name))
        .ok_or_else(gone)?;
    Ok(upserted(
        &made,
        service_account::show(&vcluster, &name, &account.spec),
    ))
}

pub(in crate::admin) async fn delete(
    services: web::Data<Services>,
    writer: Writer,
    Query(mode): Query<Mode>,
    Body(which): Body<DeleteByName>,
) -> Result<HttpResponse, ApiError> {
    let vcluster = vcluster_name("vCluster", which.v_cluster.as_deref())?;
    let name: AccountName = which
        .name
        .parse()
        .map_err(|error| ApiError::invalid(format!("name: {error}")))?;
    let subject = Subject {
        writer: &writer,
        action: Action::DELETE,
        resource: KIND.one(format_args!("{vcluster}/{name}")),
    };
    let command = Command::DeleteAccount {
        vcluster: vcluster.clone(),
        name: name.clone(),
    };
    let groups = groups_of(&*services.newest().await?, &vcluster, &name);
    let made = services.change(subject, command, mode).await?;
    let mut answer = deleted(&made);
    let mut warnings = Vec::new();
    if !groups.is_empty() {
        warnings.push(format!(
            "{name} of {vcluster} was a member of the groups {}, and an account that is created again under that name is not",
            groups.join(", ")
        ));
    }
    let remaining = made.state.vclusters.get(&vcluster);
    if remaining.is_some_and(|vcluster| vcluster.spec.super_users.contains(&name)) {
        warnings.push(format!(
            "{name} is still a super user of {vcluster}: whoever logs in under that name may do everything there. Remove it from superUsers, too"
        ));
    }
    if !warnings.is_empty() {
        let warning = warnings.join(". ");
        tracing::warn!(%warning, "a service account was deleted");
        warn(&mut answer, &warning);
    }
    Ok(answer)
}

/// The groups that an account is in.
fn groups_of(state: &State, vcluster: &VclusterName, name: &AccountName) -> Vec<String> {
    let member = GroupMember {
        vcluster: vcluster.clone(),
        account: name.clone(),
    };
    let groups = state.groups.iter();
    let with_it = groups.filter(|(_, group)| group.members.contains(&member));
    with_it.map(|(name, _)| name.to_string()).collect()
}
