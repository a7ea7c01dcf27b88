//! `/gateway/v2/cluster/isolate-ok`: an operator lets one node decide requests without a lease, for a while.

use std::time::Duration;

use actix_web::{HttpResponse, web};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::admin::api::{AdminApi, BodySchema, Content, Operation};
use crate::admin::audit::{self, Action};
use crate::admin::body::Body;
use crate::admin::credentials::Writer;
use crate::admin::problem::ApiError;
use crate::admin::services::Services;

/// Nobody should forget it for longer.
const MAX_SECONDS: u32 = 24 * 60 * 60;

/// Registers the operation.
pub(in crate::admin) fn register(api: &mut AdminApi) {
    api.add(
        Operation::post(
            "/gateway/v2/cluster/isolate-ok",
            "allowIsolatedNode",
            "Let the node that answers decide requests for a while although it does not hear from the leader of the gateway cluster: by rights that may have been taken away since",
        )
        .takes(BodySchema::read::<IsolationToAllow>())
        .gives(Content::One(BodySchema::shown::<AllowedIsolation>()))
        .fails(&["400"]),
        allow,
    );
}

/// For how long.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "IsolatedNodeToAllow")]
pub(in crate::admin) struct IsolationToAllow {
    /// From now on; 0 ends it.
    #[schemars(range(min = 0, max = MAX_SECONDS))]
    seconds: u32,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "AllowedIsolatedNode")]
struct AllowedIsolation {
    node_id: u64,
    seconds: u32,
}

pub(in crate::admin) async fn allow(
    services: web::Data<Services>,
    writer: Writer,
    Body(isolation): Body<IsolationToAllow>,
) -> Result<HttpResponse, ApiError> {
    let IsolationToAllow { seconds } = isolation;
    if seconds > MAX_SECONDS {
        return Err(ApiError::invalid(format!(
            "seconds is at most {MAX_SECONDS}, which is a day"
        )));
    }
    services.lease.allow_for(Duration::from_secs(seconds.into()));
    let node_id = (services.status)().id.0;
    let resource = format!("GatewayNode/{node_id}");
    let outcome = format!("decides without a lease for {seconds} s");
    audit::change(&writer.caller, Action("ALLOW_ISOLATED"), &resource, &outcome);
    Ok(HttpResponse::Ok().json(AllowedIsolation { node_id, seconds }))
}
