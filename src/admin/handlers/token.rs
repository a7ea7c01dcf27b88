//! `/gateway/v2/token`.

use actix_web::{HttpResponse, web};
use klamm_raft::command::{Command, Revoked};
use klamm_raft::model::{TokenId, TokenRecord};
use klamm_raft::outcome::{Outcome, Refusal};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::{Filter, answer, deleted, find, service_account, signing_key};
use crate::admin::api::{AdminApi, BodySchema, Content, Operation, parameter};
use crate::admin::audit::Action;
use crate::admin::body::{Body, Query};
use crate::admin::change::{Mode, Subject};
use crate::admin::credentials::{Reader, Writer, now_s};
use crate::admin::kind::{Kind, Listing};
use crate::admin::problem::ApiError;
use crate::admin::resources::{AccountFilter, RevokeRequest, ShownToken, TokenRequest};
use crate::admin::services::Services;
use crate::auth::token;

/// Tokens of service accounts.
pub(in crate::admin) static KIND: Kind = Kind {
    name: "Token",
    words: &["tokens", "token"],
    path: "/gateway/v2/token",
    listing: Listing::InVcluster { named: "username" },
    columns: &[
        ("ID", "/id"),
        ("V-CLUSTER", "/vCluster"),
        ("USERNAME", "/username"),
        ("ISSUED-AT", "/issuedAt"),
        ("EXPIRES-AT", "/expiresAt"),
        ("KEY-ID", "/keyId"),
    ],
    applied: None,
    register,
};

fn register(api: &mut AdminApi) {
    api.add(
        Operation::post(
            KIND.path,
            "issueToken",
            "Issue a token: the password of a service account for SASL/PLAIN",
        )
        .by(&[parameter::DRY_MODE])
        .takes(BodySchema::read::<TokenRequest>())
        .example(json!({ "username": "partner-user", "vCluster": "mypartner", "lifeTimeSeconds": 3600 }))
        .gives(Content::One(BodySchema::shown::<Issued>()))
        .fails(&["400", "404", "409", "503"])
        .runs_as("generateServiceAccountToken"),
        issue,
    );
    api.add(
        Operation::get(
            KIND.path,
            "listTokens",
            "List what is known about issued tokens, never the tokens themselves",
        )
        .by(&[parameter::VCLUSTER, parameter::USERNAME])
        .gives(Content::Many(BodySchema::shown::<ShownToken>()))
        .fails(&["400", "404", "503"]),
        list,
    );
    api.add(
        Operation::delete(
            KIND.path,
            "revokeTokens",
            "Revoke one token, or all tokens of a service account; their sessions end",
        )
        .by(&[parameter::DRY_MODE])
        .takes(BodySchema::read::<RevokeRequest>())
        .gives(Content::Nothing)
        .fails(&["400", "404", "503"]),
        revoke,
    );
}

const ISSUE: Action = Action("ISSUE_TOKEN");
const REVOKE: Action = Action("REVOKE_TOKENS");

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Token")]
struct Issued {
    /// Empty in dry mode: a token that is not recorded would log nobody in.
    token: String,
}

pub(in crate::admin) async fn issue(
    services: web::Data<Services>,
    writer: Writer,
    Query(mode): Query<Mode>,
    Body(request): Body<TokenRequest>,
) -> Result<HttpResponse, ApiError> {
    let wanted = request.read()?;
    let state = services.newest().await?;
    let account = find(&state, &wanted.vcluster)?
        .accounts
        .get(&wanted.account)
        .ok_or_else(|| {
            ApiError::from(Refusal::NoSuchAccount {
                vcluster: wanted.vcluster.clone(),
                name: wanted.account.clone(),
            })
        })?;
    let key = signing_key::keys(&state)?.current.clone();
    let now = now_s()?;
    let record = TokenRecord {
        account: wanted.account.clone(),
        account_created: account.created,
        issued_at_s: now,
        expires_at_s: now.saturating_add(wanted.life_time_s),
        key: key.id(),
    };
    let id = TokenId(uuid::Uuid::new_v4().into_bytes());
    let subject = Subject {
        writer: &writer,
        action: ISSUE,
        resource: service_account::KIND.one(format_args!("{}/{}", wanted.vcluster, wanted.account)),
    };
    let command = Command::PutToken {
        vcluster: wanted.vcluster.clone(),
        id,
        record: record.clone(),
    };
    let made = services.change(subject, command, mode).await?;
    let token = if mode.dry_mode {
        String::new()
    } else {
        token::issue(&key, &wanted.vcluster, id, &record)
            .map_err(|error| ApiError::internal(error.to_string()))?
    };
    Ok(answer(&made, Issued { token }))
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
            .tokens
            .iter()
            .filter(|(_, record)| filter.has_name(record.account.as_str()));
        all.extend(passing.map(|(id, record)| ShownToken::of(vcluster, *id, record)));
    }
    Ok(HttpResponse::Ok().json(all))
}

pub(in crate::admin) async fn revoke(
    services: web::Data<Services>,
    writer: Writer,
    Query(mode): Query<Mode>,
    Body(request): Body<RevokeRequest>,
) -> Result<HttpResponse, ApiError> {
    let (vcluster, tokens) = request.read()?;
    let is_one = matches!(tokens, Revoked::One(_));
    let resource = match &tokens {
        Revoked::One(id) => KIND.one(format_args!("{vcluster}/{}", uuid::Uuid::from_bytes(id.0))),
        Revoked::AllOf(account) => service_account::KIND.one(format_args!("{vcluster}/{account}")),
    };
    let subject = Subject {
        writer: &writer,
        action: REVOKE,
        resource,
    };
    let command = Command::RevokeTokens {
        vcluster: vcluster.clone(),
        tokens,
    };
    let made = services.change(subject, command, mode).await?;
    if is_one && made.outcome == Outcome::Unchanged {
        return Err(ApiError::not_found(format!(
            "there is no such token in virtual cluster {vcluster}: it has already been revoked, or expired long ago"
        )));
    }
    Ok(deleted(&made))
}
