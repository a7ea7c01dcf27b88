//! `/gateway/v2/interceptor`: policies in the words of another gateway.

use std::collections::BTreeSet;

use actix_web::{HttpResponse, web};
use klamm_raft::model::{AccountName, GroupName, PolicyKey, State, VclusterName};
use klamm_raft::outcome::Refusal;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::dry_run::{DryRunStage, Rehearsed, Step, TRIAL, read};
use super::policy::{self, everything};
use super::{gone, upserted};
use crate::admin::api::{Access, AdminApi, BodySchema, Content, Operation, parameter};
use crate::admin::body::{Body, OptionalBody, Query};
use crate::admin::change::Mode;
use crate::admin::credentials::{Reader, Writer};
use crate::admin::kind::{ApplyRules, Kind, Listing, Pace};
use crate::admin::problem::ApiError;
use crate::admin::resources::schema::{ACCOUNTS, GROUPS, VCLUSTERS};
use crate::admin::resources::{
    InterceptorResource, InterceptorScope, PolicyToDelete, interceptor, vcluster_name,
};
use crate::admin::services::Services;
use crate::policy::retain_holding;

/// Interceptors.
pub(in crate::admin) static KIND: Kind = Kind {
    name: interceptor::KIND,
    words: &["interceptors", "interceptor"],
    path: "/gateway/v2/interceptor",
    listing: Listing::InNestedScope,
    columns: &[
        ("NAME", "/metadata/name"),
        ("V-CLUSTER", "/metadata/scope/vCluster"),
        ("GROUP", "/metadata/scope/group"),
        ("USERNAME", "/metadata/scope/username"),
        ("PRIORITY", "/spec/priority"),
        ("PLUGIN-CLASS", "/spec/pluginClass"),
    ],
    applied: Some(ApplyRules {
        place: 12,
        pace: Pace::Together,
        claims: &[],
        rehearse,
    }),
    register,
};

/// The interceptors that are asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct InterceptorFilter {
    name: Option<String>,
    global: Option<bool>,
    vcluster: Option<String>,
    group: Option<String>,
    username: Option<String>,
}

/// A client, as far as it is known.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "InterceptedClient")]
pub(in crate::admin) struct InterceptedClient {
    /// Its virtual cluster; passthrough, if none is named.
    #[serde(default)]
    #[schemars(regex(pattern = VCLUSTERS))]
    v_cluster: Option<String>,
    /// The groups that it is in; those that the account is in, if none are listed.
    #[serde(default)]
    #[schemars(inner(regex(pattern = GROUPS)))]
    groups: Option<Vec<String>>,
    #[serde(default)]
    #[schemars(regex(pattern = ACCOUNTS))]
    username: Option<String>,
}

fn register(api: &mut AdminApi) {
    api.add(
        Operation::get(
            KIND.path,
            "listInterceptors",
            "List all policies, in the words of plugins where they were put in them",
        )
        .by(&[
            parameter::NAME,
            parameter::GLOBAL,
            parameter::VCLUSTER,
            parameter::GROUP,
            parameter::USERNAME,
        ])
        .gives(Content::Many(BodySchema::read::<InterceptorResource>()))
        .fails(&["400", "503"]),
        list,
    );
    api.add(
        Operation::put(
            KIND.path,
            "putInterceptor",
            "Create or change a policy in the words of a plugin",
        )
        .by(&[parameter::DRY_MODE])
        .takes(BodySchema::read::<InterceptorResource>())
        .example(KIND.example(
            &json!({ "name": "stamp", "scope": { "vCluster": "mypartner" } }),
            &json!({
                "pluginClass": "io.conduktor.gateway.interceptor.DynamicHeaderInjectionPlugin",
                "priority": 100,
                "config": { "topic": "topic.*", "headers": { "origin": "{{user}} at {{userIp}}" }, "overrideIfExists": true },
            }),
        ))
        .gives(Content::Upserted(BodySchema::read::<InterceptorResource>()))
        .fails(&["400", "404", "409", "503"])
        .applies(&KIND),
        put,
    );
    // Before what takes any name there.
    api.add(
        Operation::post(
            "/gateway/v2/interceptor/resolve",
            "resolveInterceptors",
            "List the policies that hold for a client, in the order in which they take effect",
        )
        .open_to(Access::Reader)
        .takes(BodySchema::read::<InterceptedClient>())
        .gives(Content::Many(BodySchema::read::<InterceptorResource>()))
        .fails(&["400", "404", "503"]),
        resolve,
    );
    api.add(
        Operation::delete(
            "/gateway/v2/interceptor/{name}",
            "deleteInterceptor",
            "Delete the policy of that name and scope",
        )
        .by(&[parameter::DRY_MODE])
        .takes_perhaps(BodySchema::read::<InterceptorScope>())
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
            Step::Delete(target) => {
                let Body(which): Body<PolicyToDelete> = target.named()?;
                policy::removed(&services, (&writer, &KIND), TRIAL.0, which.read()?).await
            }
        }
    })
}

pub(in crate::admin) async fn list(
    services: web::Data<Services>,
    _: Reader,
    Query(filter): Query<InterceptorFilter>,
) -> Result<HttpResponse, ApiError> {
    let state = services.newest().await?;
    let mut all: Vec<_> = everything(&state).filter(|(key, _)| filter.passes(key)).collect();
    all.sort_by(|(a, first), (b, second)| {
        (a.vcluster(), first.priority, a.id()).cmp(&(b.vcluster(), second.priority, b.id()))
    });
    let shown = all.iter().map(|(key, policy)| interceptor::show(key, policy));
    Ok(HttpResponse::Ok().json(shown.collect::<Vec<_>>()))
}

impl InterceptorFilter {
    fn passes(&self, key: &PolicyKey) -> bool {
        let is =
            |wanted: &Option<String>, found: Option<&str>| wanted.is_none() || wanted.as_deref() == found;
        let scope = key.scope();
        let (group, account) = (
            scope.group().map(GroupName::as_str),
            scope.account().map(AccountName::as_str),
        );
        let vcluster = key.vcluster().map(VclusterName::as_str);
        let is_global = vcluster.is_none() && group.is_none() && account.is_none();
        is(&self.name, Some(key.name().as_str()))
            && is(&self.vcluster, vcluster)
            && is(&self.group, group)
            && is(&self.username, account)
            && (self.global != Some(true) || is_global)
    }
}

pub(in crate::admin) async fn put(
    services: web::Data<Services>,
    writer: Writer,
    Query(mode): Query<Mode>,
    Body(resource): Body<InterceptorResource>,
) -> Result<HttpResponse, ApiError> {
    let (key, policy) = resource.read()?;
    let made = policy::made(&services, (&writer, &KIND), mode, (&key, policy)).await?;
    let policy = made.state.policy(&key).ok_or_else(gone)?;
    Ok(upserted(&made, interceptor::show(&key, policy)))
}

pub(in crate::admin) async fn delete(
    services: web::Data<Services>,
    name: web::Path<String>,
    writer: Writer,
    Query(mode): Query<Mode>,
    OptionalBody(scope): OptionalBody<InterceptorScope>,
) -> Result<HttpResponse, ApiError> {
    policy::removed(&services, (&writer, &KIND), mode, scope.key(&name)?).await
}

pub(in crate::admin) async fn resolve(
    services: web::Data<Services>,
    _: Reader,
    Body(client): Body<InterceptedClient>,
) -> Result<HttpResponse, ApiError> {
    let vcluster = vcluster_name("vCluster", client.v_cluster.as_deref())?;
    let account = client.account()?;
    let state = services.newest().await?;
    let mut holding = policy::held(&state, &vcluster)?;
    let groups = client.groups(&state, &vcluster, account.as_ref())?;
    retain_holding(&mut holding, account.as_ref(), &groups);
    holding.retain(|(_, policy)| policy.enabled);
    holding.sort_by(|(a, first), (b, second)| (first.priority, a.id()).cmp(&(second.priority, b.id())));
    let shown = holding.iter().map(|(key, policy)| interceptor::show(key, policy));
    Ok(HttpResponse::Ok().json(shown.collect::<Vec<_>>()))
}

impl InterceptedClient {
    fn account(&self) -> Result<Option<AccountName>, ApiError> {
        let read = |text: &String| {
            text.parse()
                .map_err(|error| ApiError::invalid(format!("username: {error}")))
        };
        self.username.as_ref().map(read).transpose()
    }

    /// The groups that are listed, or those that the account is in.
    fn groups(
        &self,
        state: &State,
        vcluster: &VclusterName,
        account: Option<&AccountName>,
    ) -> Result<BTreeSet<GroupName>, ApiError> {
        let Some(listed) = &self.groups else {
            let is_in = |name: &AccountName| Some(name) == account;
            let groups = state.groups.iter();
            let with_it = groups.filter(|(_, group)| group.members_in(vcluster).any(is_in));
            return Ok(with_it.map(|(name, _)| name.clone()).collect());
        };
        let read = |text: &String| {
            let name: GroupName = text
                .parse()
                .map_err(|error| ApiError::invalid(format!("groups: {error}")))?;
            match state.groups.contains_key(&name) {
                true => Ok(name),
                false => Err(Refusal::NoSuchGroup(name).into()),
            }
        };
        listed.iter().map(read).collect()
    }
}
