//! `/gateway/v2/cluster/upgrade/finalize`: the feature level of the gateway cluster is raised.

use actix_web::{HttpResponse, web};
use klamm_raft::command::Command;
use klamm_raft::model::Level;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::answer;
use crate::admin::api::{AdminApi, BodySchema, Content, Operation, parameter};
use crate::admin::audit::Action;
use crate::admin::body::{Body, Query};
use crate::admin::change::{Mode, Subject, UpsertResult};
use crate::admin::credentials::Writer;
use crate::admin::problem::ApiError;
use crate::admin::services::Services;

/// Registers the operations.
pub(in crate::admin) fn register(api: &mut AdminApi) {
    api.add(Operation::post("/gateway/v2/cluster/upgrade/finalize", "finalizeUpgrade", "Raise the feature level of the gateway cluster to what every node supports; this cannot be undone")
.by(&[parameter::DRY_MODE])
.takes(BodySchema::read::<Finalization>())
.gives(Content::One(BodySchema::shown::<Finalized>()))
.fails(&["400", "409", "503"]), finalize);
}

/// The yes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "UpgradeToFinalize")]
pub(in crate::admin) struct Finalization {
    /// The highest that every node knows, when it is not given.
    feature_level: Option<u8>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "FinalizedUpgrade")]
struct Finalized {
    feature_level: u8,
    upsert_result: UpsertResult,
}

pub(in crate::admin) async fn finalize(
    services: web::Data<Services>,
    writer: Writer,
    Query(mode): Query<Mode>,
    Body(finalization): Body<Finalization>,
) -> Result<HttpResponse, ApiError> {
    let state = services.newest().await?;
    let to = match finalization.feature_level {
        Some(level) => Level(level),
        None => state.level_known_to_all().unwrap_or(state.level),
    };
    let subject = Subject {
        writer: &writer,
        action: Action("RAISE_LEVEL"),
        resource: format!("FeatureLevel/{to}"),
    };
    let made = services.change(subject, Command::RaiseLevel { to }, mode).await?;
    let finalized = Finalized {
        feature_level: made.state.level.0,
        upsert_result: made.upsert_result(),
    };
    Ok(answer(&made, finalized))
}
