//! `/gateway/v2/dry-run`: what several changes would come to, one after the other. Each sees what those before it would
//! have made. Nothing is changed.

use std::sync::Arc;

use actix_web::body::to_bytes;
use actix_web::{HttpResponse, ResponseError, web};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::watch;

use super::{alias_topic, service_account, virtual_cluster};
use crate::admin::body::{self, Body, Query};
use crate::admin::change::Mode;
use crate::admin::credentials::Writer;
use crate::admin::problem::ApiError;
use crate::admin::resources::Spelling;
use crate::admin::services::Services;

/// One change.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::admin) enum Step {
    /// A resource, as it is put.
    Put(Value),
    Delete(Target),
}

/// What would be deleted.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::admin) struct Target {
    #[serde(skip_serializing)]
    kind: String,
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    v_cluster: Option<String>,
}

/// What the change alone would be answered.
#[derive(Debug, Serialize)]
struct Outcome {
    status: u16,
    body: Value,
}

pub(in crate::admin) async fn run(
    services: web::Data<Services>,
    (writer, spelling): (Writer, Spelling),
    Body(steps): Body<Vec<Step>>,
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
        outcomes.push(Outcome::of(step.take(&rehearsal, (&writer, spelling)).await).await);
    }
    Ok(HttpResponse::Ok().json(outcomes))
}

impl Step {
    async fn take(
        self,
        services: &web::Data<Services>,
        (writer, spelling): (&Writer, Spelling),
    ) -> Result<HttpResponse, ApiError> {
        let (services, writer) = (services.clone(), writer.clone());
        let mode = || Query(Mode { dry_mode: true });
        match self {
            Self::Put(resource) => match kind(resource.get("kind").and_then(Value::as_str))? {
                Kind::Vcluster => {
                    virtual_cluster::put(services, (writer, spelling), mode(), read(resource)?).await
                }
                Kind::Alias => alias_topic::put(services, writer, mode(), read(resource)?).await,
                Kind::Account => service_account::put(services, writer, mode(), read(resource)?).await,
            },
            Self::Delete(target) => match kind(Some(&target.kind))? {
                Kind::Vcluster => virtual_cluster::delete(services, target.name.into(), writer, mode()).await,
                Kind::Alias => alias_topic::delete(services, writer, mode(), read(named(&target))?).await,
                Kind::Account => {
                    service_account::delete(services, writer, mode(), read(named(&target))?).await
                }
            },
        }
    }
}

enum Kind {
    Vcluster,
    Alias,
    Account,
}

fn kind(name: Option<&str>) -> Result<Kind, ApiError> {
    match name {
        Some("VirtualCluster") => Ok(Kind::Vcluster),
        Some("AliasTopic") => Ok(Kind::Alias),
        Some("GatewayServiceAccount") => Ok(Kind::Account),
        other => Err(ApiError::invalid(format!(
            "kind {:?} is not known: these are: VirtualCluster, AliasTopic, GatewayServiceAccount",
            other.unwrap_or_default()
        ))),
    }
}

fn read<T: DeserializeOwned>(value: Value) -> Result<Body<T>, ApiError> {
    body::read_value(value).map(Body)
}

/// The body of a DELETE.
fn named(target: &Target) -> Value {
    serde_json::to_value(target).unwrap_or_default()
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
