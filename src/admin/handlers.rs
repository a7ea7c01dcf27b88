//! The handlers of the admin API, and what they share.

pub(super) mod absent;
pub(super) mod access_token;
pub(super) mod acl;
pub(super) mod alias_topic;
pub(super) mod backup;
pub(super) mod dry_run;
pub(super) mod event_gateway;
pub(super) mod group;
pub(super) mod interceptor;
pub(super) mod isolation;
pub(super) mod kafka_cluster;
pub(super) mod members;
pub(super) mod operations;
pub(super) mod physical_cluster;
pub(super) mod policy;
pub(super) mod scram;
mod servable;
pub(super) mod service_account;
pub(super) mod signing_key;
pub(super) mod switch;
pub(super) mod token;
pub(super) mod upgrade;
pub(super) mod usage;
pub(super) mod virtual_cluster;

use std::collections::BTreeSet;
use std::fmt::Display;

use actix_web::HttpResponse;
use actix_web::http::header::{HeaderValue, WARNING};
use klamm_raft::command::Command;
use klamm_raft::model::{ClusterId, CredentialsName, ProviderName, State, VclusterName, VclusterState};
use klamm_raft::outcome::Refusal;
use serde::{Deserialize, Serialize};

use super::api::AdminApi;
use super::audit::Action;
use super::change::{Made, Mode, Subject, UpsertResult};
use super::credentials::Writer;
use super::kind::Kind;
use super::mapping::Difference;
use super::problem::ApiError;
use super::resources::{AccountFilter, Invalid, vcluster_name};
use super::services::Services;
use event_gateway::{backend_clusters, configured_names, listeners, policies, virtual_clusters};

/// The kinds of resources, in the order in which they depend on each other, those that are only listed at the end.
pub static KINDS: [&Kind; 13] = [
    &physical_cluster::KIND,
    &virtual_cluster::KIND,
    &alias_topic::KIND,
    &service_account::KIND,
    &group::KIND,
    &interceptor::KIND,
    &policy::KIND,
    &virtual_cluster::TOPICS,
    &acl::KIND,
    &token::KIND,
    &scram::KIND,
    &access_token::KIND,
    &signing_key::KIND,
];

/// The operations that belong to no kind.
const OTHERS: [fn(&mut AdminApi); 16] = [
    absent::register,
    dry_run::register,
    operations::register,
    backup::register,
    kafka_cluster::register,
    isolation::register,
    members::register,
    switch::register,
    upgrade::register,
    usage::register,
    event_gateway::register,
    virtual_clusters::register,
    backend_clusters::register,
    listeners::register,
    policies::register,
    configured_names::register,
];

/// All operations, each with its route.
pub(super) fn api() -> AdminApi {
    let mut api = AdminApi::default();
    let of_kinds = KINDS.iter().map(|kind| kind.register);
    of_kinds.chain(OTHERS).for_each(|register| register(&mut api));
    api
}

/// The revision that an answer is about, so that a client can tell what another node must have applied.
const REVISION: &str = "x-klamm-revision";

/// Filters of a list.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Filter {
    vcluster: Option<String>,
    name: Option<String>,
    /// Clients of other gateways send it; there are no defaults to hide.
    #[serde(rename = "showDefaults")]
    _show_defaults: Option<bool>,
    /// Of service accounts.
    #[serde(rename = "type")]
    kind: Option<String>,
}

impl From<AccountFilter> for Filter {
    fn from(AccountFilter { vcluster, username }: AccountFilter) -> Self {
        Self {
            vcluster,
            name: username,
            ..Self::default()
        }
    }
}

impl Filter {
    /// The virtual clusters that pass.
    fn vclusters<'a>(
        &self,
        state: &'a State,
    ) -> Result<impl Iterator<Item = (&'a VclusterName, &'a VclusterState)>, ApiError> {
        let wanted = match &self.vcluster {
            Some(text) => {
                let name = vcluster_name("vcluster", Some(text))?;
                find(state, &name)?;
                Some(name)
            }
            None => None,
        };
        let passes = move |name: &VclusterName| wanted.as_ref().is_none_or(|wanted| wanted == name);
        let vclusters = state.vclusters.iter().filter(move |(name, _)| passes(name));
        Ok(vclusters.map(|(name, vcluster)| (name, &**vcluster)))
    }

    fn has_name(&self, name: &str) -> bool {
        self.name.as_deref().is_none_or(|wanted| wanted == name)
    }
}

/// A query of other clients, without effect: there are no defaults to hide.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UnfilteredQuery {
    #[serde(rename = "showDefaults")]
    _show_defaults: Option<bool>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Upserted<T> {
    resource: T,
    upsert_result: UpsertResult,
    /// In a dry run: what clients would see come and go.
    #[serde(skip_serializing_if = "Option::is_none")]
    topics: Option<Difference>,
}

fn upserted<T: Serialize>(made: &Made, resource: T) -> HttpResponse {
    answer_upserted(made, resource, None)
}

/// The answer to a dry run that concerns topics.
fn would_be<T: Serialize>(made: &Made, resource: T, topics: Difference) -> HttpResponse {
    answer_upserted(made, resource, Some(topics))
}

fn answer_upserted<T: Serialize>(made: &Made, resource: T, topics: Option<Difference>) -> HttpResponse {
    let upserted = Upserted {
        resource,
        upsert_result: made.upsert_result(),
        topics,
    };
    answer(made, upserted)
}

/// The answer to a change that was made.
fn answer(made: &Made, body: impl Serialize) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((REVISION, made.revision.to_string()))
        .json(body)
}

/// Deletes what a command is about; the audit log names it so.
async fn delete_by(
    services: &Services,
    (writer, resource): (&Writer, String),
    command: Command,
    mode: Mode,
) -> Result<HttpResponse, ApiError> {
    let subject = Subject {
        writer,
        action: Action::DELETE,
        resource,
    };
    Ok(deleted(&services.change(subject, command, mode).await?))
}

fn deleted(made: &Made) -> HttpResponse {
    HttpResponse::NoContent()
        .insert_header((REVISION, made.revision.to_string()))
        .finish()
}

/// Tells a client what it may not have meant (RFC 7234 §5.5).
fn warn(answer: &mut HttpResponse, warning: &str) {
    let quoted = warning.replace(['\\', '"'], "'");
    // A name that no header can hold is in the log.
    if let Ok(value) = HeaderValue::from_str(&format!("299 klamm \"{quoted}\"")) {
        answer.headers_mut().append(WARNING, value);
    }
}

fn find<'a>(state: &'a State, name: &VclusterName) -> Result<&'a VclusterState, ApiError> {
    match state.vclusters.get(name) {
        Some(vcluster) => Ok(vcluster),
        None => Err(Refusal::NoSuchVcluster(name.clone()).into()),
    }
}

/// Checks that there is a physical cluster of this id.
fn configured(services: &Services, cluster: &ClusterId) -> Result<(), ApiError> {
    let problem = format!("the physical cluster {cluster} is not configured");
    if let Some(original) = services.state().stands_in_for(cluster) {
        return Err(ApiError::conflict(format!(
            "the physical cluster {cluster} stands in for {original} (gateway.roles: failover), and has nothing of its own: name {original}"
        )));
    }
    known(&services.clusters(&services.state()), cluster, problem)
}

/// Checks that there are credentials of this name.
fn has_credentials(services: &Services, name: &CredentialsName) -> Result<(), ApiError> {
    let problem = format!("no physical cluster is configured with the credentials {name}");
    known(&services.credentials(&services.state(), None), name, problem)
}

/// Checks that there is a provider of tokens of this name.
fn has_provider(services: &Services, name: &ProviderName) -> Result<(), ApiError> {
    let problem = format!("the OAuth provider {name} is not configured");
    known(&services.providers.keys().cloned().collect(), name, problem)
}

fn known<T: Ord + Display>(known: &BTreeSet<T>, wanted: &T, problem: String) -> Result<(), ApiError> {
    if known.contains(wanted) {
        return Ok(());
    }
    let names: Vec<String> = known.iter().map(ToString::to_string).collect();
    let because = match names.is_empty() {
        true => "there is none".to_owned(),
        false => format!("the configured ones are {}", names.join(", ")),
    };
    Err(ApiError::conflict(problem).because(because))
}

/// Somebody else removed what was just put.
fn gone() -> ApiError {
    ApiError::conflict("it was deleted again before this answer")
}

impl From<Invalid> for ApiError {
    fn from(invalid: Invalid) -> Self {
        Self::invalid(invalid.to_string())
    }
}
