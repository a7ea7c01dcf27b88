//! `/gateway/v2/token`.

use actix_web::{HttpResponse, web};
use klamm_raft::command::{Command, Revoked};
use klamm_raft::model::{TokenId, TokenRecord};
use klamm_raft::outcome::{Outcome, Refusal};
use serde::Serialize;

use super::{Filter, answer, deleted, find, signing_key};
use crate::admin::audit::Action;
use crate::admin::body::{Body, Query};
use crate::admin::change::{Mode, Subject};
use crate::admin::credentials::{Reader, Writer, now_s};
use crate::admin::problem::ApiError;
use crate::admin::resources::{AccountFilter, RevokeRequest, ShownToken, TokenRequest};
use crate::admin::services::Services;
use crate::auth::token;

#[derive(Serialize)]
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
        action: Action::IssueToken,
        resource: format!("GatewayServiceAccount/{}/{}", wanted.vcluster, wanted.account),
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
        Revoked::One(id) => format!("Token/{vcluster}/{}", uuid::Uuid::from_bytes(id.0)),
        Revoked::AllOf(account) => format!("GatewayServiceAccount/{vcluster}/{account}"),
    };
    let subject = Subject {
        writer: &writer,
        action: Action::RevokeTokens,
        resource,
    };
    let command = Command::RevokeTokens {
        vcluster: vcluster.clone(),
        tokens,
    };
    let made = services.change(subject, command, mode).await?;
    if is_one && made.outcome == Outcome::Unchanged {
        return Err(ApiError::not_found(format!(
            "there is no such token in virtual cluster {vcluster}: it is revoked already, or expired long ago"
        )));
    }
    Ok(deleted(&made))
}
