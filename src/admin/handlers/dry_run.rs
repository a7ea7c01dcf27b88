//! `/gateway/v2/dry-run`: what several changes would come to, one after the other. Each sees what those before it would
//! have made. Nothing is changed.

use std::pin::Pin;
use std::sync::Arc;

use actix_web::body::to_bytes;
use actix_web::{HttpResponse, ResponseError, web};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::watch;

use super::KINDS;
use crate::admin::api::{AdminApi, BodySchema, Content, Operation};
use crate::admin::body::MAX_DRY_RUN_BYTES;
use crate::admin::body::{self, Body, BodyList, Query};
use crate::admin::change::Mode;
use crate::admin::credentials::Writer;
use crate::admin::problem::ApiError;
use crate::admin::resources::Spelling;
use crate::admin::resources::object::object;
use crate::admin::services::Services;

/// Registers the operations.
pub(in crate::admin) fn register(api: &mut AdminApi) {
    api.add(
        Operation::post(
            "/gateway/v2/dry-run",
            "tryChanges",
            "Say what several changes would do, each after the ones before it, without changing anything",
        )
        .takes(BodySchema::read::<Vec<Step>>())
        .gives(Content::Many(BodySchema::shown::<Outcome>()))
        .fails(&["400", "503"])
        .body_up_to(MAX_DRY_RUN_BYTES),
        run,
    );
}

/// One change.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "DryRunStep")]
pub(in crate::admin) enum Step {
    /// A resource, as it is put.
    Put(Value),
    Delete(#[serde(deserialize_with = "object")] Target),
}

/// The resource that would be deleted.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub(in crate::admin) struct Target {
    #[serde(skip_serializing)]
    kind: String,
    pub(super) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    v_cluster: Option<String>,
    /// Of a policy: the group that it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    group: Option<String>,
    /// Of a policy: the account that it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    username: Option<String>,
}

/// Where a change is tried, and by whom.
pub(in crate::admin) struct DryRunStage {
    pub(super) services: web::Data<Services>,
    pub(super) writer: Writer,
    pub(super) spelling: Spelling,
}

/// The answer of a handler to a change that is tried.
pub(in crate::admin) type Rehearsed = Pin<Box<dyn Future<Output = Result<HttpResponse, ApiError>>>>;

/// Tries a change of a kind.
pub(in crate::admin) type Rehearse = fn(DryRunStage, Step) -> Rehearsed;

/// How the handlers are called.
pub(super) const TRIAL: Query<Mode> = Query(Mode { dry_mode: true });

/// The answer that the change alone would get.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "DryRunOutcome")]
struct Outcome {
    status: u16,
    body: Value,
}

pub(in crate::admin) async fn run(
    services: web::Data<Services>,
    (writer, spelling): (Writer, Spelling),
    BodyList(steps): BodyList<Step>,
) -> Result<HttpResponse, ApiError> {
    let newest = services.newest().await?;
    let revision = newest.revision;
    let stage = watch::Sender::new(newest);
    let rehearsal = web::Data::new(Services {
        states: stage.subscribe(),
        rehearsal: Some(Arc::new(stage)),
        // What is looked at is the stage: there is nothing newer.
        confirm: Arc::new(move || Box::pin(std::future::ready(Ok(revision)))),
        ..(**services).clone()
    });
    let mut outcomes = Vec::with_capacity(steps.len());
    for step in steps {
        let stage = DryRunStage {
            services: rehearsal.clone(),
            writer: writer.clone(),
            spelling,
        };
        outcomes.push(Outcome::of(step.take(stage).await).await);
    }
    Ok(HttpResponse::Ok().json(outcomes))
}

impl Step {
    async fn take(self, stage: DryRunStage) -> Result<HttpResponse, ApiError> {
        let name = match &self {
            Self::Put(resource) => resource.get("kind").and_then(Value::as_str),
            Self::Delete(target) => Some(target.kind.as_str()),
        };
        let name = name.unwrap_or_default();
        let applied = || KINDS.iter().filter(|kind| kind.applied.is_some());
        let kind = applied().find(|kind| kind.name == name);
        match kind.and_then(|kind| kind.applied.as_ref()) {
            Some(applied) => (applied.rehearse)(stage, self).await,
            None => {
                let names: Vec<&str> = applied().map(|kind| kind.name).collect();
                Err(ApiError::invalid(format!(
                    "kind {name:?} is unknown; the kinds are: {}",
                    names.join(", ")
                )))
            }
        }
    }
}

impl Target {
    /// The body of a DELETE.
    pub(super) fn named<T: DeserializeOwned>(&self) -> Result<Body<T>, ApiError> {
        read(serde_json::to_value(self).unwrap_or_default())
    }
}

/// The body of a PUT.
pub(super) fn read<T: DeserializeOwned>(value: Value) -> Result<Body<T>, ApiError> {
    body::read_value(value).map(Body)
}

impl Outcome {
    async fn of(answer: Result<HttpResponse, ApiError>) -> Self {
        let answer = answer.unwrap_or_else(|error| error.error_response());
        let status = answer.status().as_u16();
        // Answers of handlers are in memory, and JSON or empty.
        let bytes = to_bytes(answer.into_body()).await.unwrap_or_default();
        let body = serde_json::from_slice(&bytes).unwrap_or_default();
        Self { status, body }
    }
}
