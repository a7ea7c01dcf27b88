//! `/gateway/v2/scram-credential`.

use actix_web::{HttpResponse, web};
use klamm_raft::command::Command;
use klamm_raft::outcome::Outcome;
use serde_json::json;

use super::{Filter, deleted, gone, service_account, upserted};
use crate::admin::api::{AdminApi, BodySchema, Content, Operation, parameter};
use crate::admin::audit::Action;
use crate::admin::body::{Body, Query};
use crate::admin::change::{Mode, Subject};
use crate::admin::credentials::{Reader, Writer};
use crate::admin::kind::{Kind, Listing};
use crate::admin::problem::ApiError;
use crate::admin::resources::{
    AccountFilter, CredentialToPut, CredentialsToDelete, Invalid, ShownCredential,
};
use crate::admin::services::Services;

/// SCRAM credentials of service accounts.
pub(in crate::admin) static KIND: Kind = Kind {
    name: "ScramCredential",
    words: &["scram-credentials", "scram-credential"],
    path: "/gateway/v2/scram-credential",
    listing: Listing::InVcluster { named: "username" },
    columns: &[
        ("V-CLUSTER", "/vCluster"),
        ("USERNAME", "/username"),
        ("MECHANISM", "/mechanism"),
        ("ITERATIONS", "/iterations"),
    ],
    applied: None,
    register,
};

fn register(api: &mut AdminApi) {
    api.add(
        Operation::get(
            KIND.path,
            "listScramCredentials",
            "List SCRAM credentials, never the keys",
        )
        .by(&[parameter::VCLUSTER, parameter::USERNAME])
        .gives(Content::Many(BodySchema::shown::<ShownCredential>()))
        .fails(&["400", "404", "503"]),
        list,
    );
    api.add(
        Operation::put(
            KIND.path,
            "putScramCredential",
            "Set the SCRAM password of a service account, which is created if it does not exist",
        )
        .by(&[parameter::DRY_MODE])
        .takes(BodySchema::read::<CredentialToPut>())
        .example(json!({
            "username": "partner-user", "vCluster": "mypartner", "mechanism": "SCRAM-SHA-256",
            "password": "a long password",
        }))
        .gives(Content::Upserted(BodySchema::shown::<ShownCredential>()))
        .fails(&["400", "404", "409", "503"]),
        put,
    );
    api.add(
        Operation::delete(
            KIND.path,
            "deleteScramCredentials",
            "Delete SCRAM credentials of a service account; their sessions end",
        )
        .by(&[parameter::DRY_MODE])
        .takes(BodySchema::read::<CredentialsToDelete>())
        .gives(Content::Nothing)
        .fails(&["400", "404", "503"]),
        delete,
    );
}

pub(in crate::admin) async fn list(
    services: web::Data<Services>,
    _: Reader,
    Query(filter): Query<AccountFilter>,
) -> Result<HttpResponse, ApiError> {
    let filter = Filter::from(filter);
    let state = services.newest().await?;
    let mut all = Vec::new();
    for (vcluster, content) in filter.vclusters(&state)? {
        let passing = content
            .scram
            .iter()
            .filter(|(user, _)| filter.has_name(user.account.as_str()));
        all.extend(passing.map(|(user, credential)| ShownCredential::of(vcluster, user, credential)));
    }
    Ok(HttpResponse::Ok().json(all))
}

pub(in crate::admin) async fn put(
    services: web::Data<Services>,
    writer: Writer,
    Query(mode): Query<Mode>,
    Body(body): Body<CredentialToPut>,
) -> Result<HttpResponse, ApiError> {
    let wanted = body.read()?;
    let (vcluster, user) = (wanted.vcluster.clone(), wanted.user.clone());
    let state = services.newest().await?;
    let is_known = state.vclusters.get(&vcluster).and_then(|v| v.scram.get(&user));
    let known = is_known.cloned();
    let was_there = known.is_some();
    let credential = web::block(move || -> Result<_, Invalid> { wanted.credential(known.as_ref()) });
    let credential = credential
        .await
        .map_err(|_| ApiError::internal("the password could not be hashed"))??;
    let subject = Subject {
        writer: &writer,
        action: Action("PUT_SCRAM_CREDENTIAL"),
        resource: service_account::KIND.one(format_args!("{vcluster}/{}", user.account)),
    };
    let command = Command::AlterScramCredentials {
        vcluster: vcluster.clone(),
        put: vec![(user.clone(), credential)],
        delete: Vec::new(),
    };
    let mut made = services.change(subject, command, mode).await?;
    if made.outcome == Outcome::Updated && !was_there {
        made.outcome = Outcome::Created;
    }
    let credential = made
        .state
        .vclusters
        .get(&vcluster)
        .and_then(|v| v.scram.get(&user))
        .ok_or_else(gone)?;
    Ok(upserted(&made, ShownCredential::of(&vcluster, &user, credential)))
}

pub(in crate::admin) async fn delete(
    services: web::Data<Services>,
    writer: Writer,
    Query(mode): Query<Mode>,
    Body(body): Body<CredentialsToDelete>,
) -> Result<HttpResponse, ApiError> {
    let (vcluster, account, users) = body.read()?;
    let subject = Subject {
        writer: &writer,
        action: Action("DELETE_SCRAM_CREDENTIALS"),
        resource: service_account::KIND.one(format_args!("{vcluster}/{account}")),
    };
    let command = Command::AlterScramCredentials {
        vcluster: vcluster.clone(),
        put: Vec::new(),
        delete: users,
    };
    let made = services.change(subject, command, mode).await?;
    if made.outcome == Outcome::Unchanged {
        return Err(ApiError::not_found(format!(
            "{account} has no such SCRAM credential in virtual cluster {vcluster}"
        )));
    }
    Ok(deleted(&made))
}
