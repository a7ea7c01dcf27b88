//! `/gateway/v2/cluster/backup`: the whole replicated state as a file.

use actix_web::http::header::{CACHE_CONTROL, ContentDisposition, DispositionParam, DispositionType};
use actix_web::{HttpResponse, web};
use serde::Deserialize;

use crate::admin::api::{Access, AdminApi, Content, Operation, parameter};
use crate::admin::audit::{self, Action};
use crate::admin::body::Query;
use crate::admin::credentials::Writer;
use crate::admin::problem::ApiError;
use crate::admin::services::{BackupCover, CannotBackUp, Services};

/// Registers the operation.
pub(in crate::admin) fn register(api: &mut AdminApi) {
    api.add(
        Operation::get(
            "/gateway/v2/cluster/backup",
            "backUp",
            "The whole replicated state as a file, which `klamm cluster restore` makes a new gateway cluster of; encrypted with the node's key for backups",
        )
        .open_to(Access::Admin)
        .by(&[parameter::PLAINTEXT])
        .gives(Content::Bytes)
        .fails(&["409", "500", "503"]),
        back_up,
    );
}

/// How it is wanted.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct BackupQuery {
    #[serde(default)]
    plaintext: bool,
}

pub(in crate::admin) async fn back_up(
    services: web::Data<Services>,
    writer: Writer,
    Query(wanted): Query<BackupQuery>,
) -> Result<HttpResponse, ApiError> {
    let (cover, how) = match wanted.plaintext {
        true => (BackupCover::InClear, "not encrypted"),
        false => (BackupCover::Encrypted, "encrypted"),
    };
    let made = (services.backup)(cover).await;
    let outcome = match &made {
        Ok(backup) => format!("handed out at revision {}, {how}", backup.header.revision()),
        Err(error) => format!("not made: {error}"),
    };
    audit::change(&writer.caller, Action("BACK_UP"), "GatewayCluster", &outcome);
    let backup = made?;
    let name = format!(
        "klamm-{}-{}.backup",
        backup.header.cluster_id(),
        backup.header.revision()
    );
    Ok(HttpResponse::Ok()
        .content_type("application/octet-stream")
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header(ContentDisposition {
            disposition: DispositionType::Attachment,
            parameters: vec![DispositionParam::Filename(name)],
        })
        .body(backup.content))
}

impl From<CannotBackUp> for ApiError {
    fn from(error: CannotBackUp) -> Self {
        match error {
            CannotBackUp::NoKey => Self::conflict(error.to_string()),
            CannotBackUp::Confirm(error) => Self::unavailable(error.to_string()),
            CannotBackUp::Failed(_) | CannotBackUp::GivenUp => Self::internal(error.to_string()),
        }
    }
}
