//! `/gateway/v2/access-token`.

use actix_web::{HttpResponse, web};
use klamm_raft::command::Command;
use klamm_raft::model::{AccessToken, AccessTokenId};
use klamm_raft::outcome::Outcome;
use schemars::JsonSchema;
use serde::Serialize;

use super::{REVISION, deleted};
use crate::admin::api::{AdminApi, BodySchema, Content, Operation, parameter};
use crate::admin::audit::Action;
use crate::admin::body::{Body, Query};
use crate::admin::change::{Mode, Subject};
use crate::admin::credentials::{NewToken, Reader, Writer, now_s};
use crate::admin::kind::{Kind, Listing};
use crate::admin::problem::ApiError;
use crate::admin::resources::{AccessTokenRequest, ShownAccessToken};
use crate::admin::services::Services;
use crate::control;

/// Access tokens of this API.
pub(in crate::admin) static KIND: Kind = Kind {
    name: "AccessToken",
    words: &["access-tokens", "access-token"],
    path: "/gateway/v2/access-token",
    listing: Listing::All,
    columns: &[
        ("ID", "/id"),
        ("NAME", "/name"),
        ("USERNAME", "/username"),
        ("ROLE", "/role"),
        ("ISSUED-AT", "/issuedAt"),
        ("EXPIRES-AT", "/expiresAt"),
        ("LAST-USED-AT", "/lastUsedAt"),
    ],
    applied: None,
    register,
};

fn register(api: &mut AdminApi) {
    api.add(
        Operation::post(
            KIND.path,
            "makeAccessToken",
            "Create an access token: HTTP Bearer in place of the name and password of the user who asks",
        )
        .by(&[parameter::DRY_MODE])
        .takes(BodySchema::read::<AccessTokenRequest>())
        .gives(Content::One(BodySchema::shown::<Issued>()))
        .with_status("201")
        .fails(&["400", "409", "503"]),
        issue,
    );
    api.add(
        Operation::get(
            KIND.path,
            "listAccessTokens",
            "List what is known about access tokens, never the tokens themselves",
        )
        .gives(Content::Many(BodySchema::shown::<ShownAccessToken>()))
        .fails(&["503"]),
        list,
    );
    api.add(
        Operation::delete(
            "/gateway/v2/access-token/{id}",
            "revokeAccessToken",
            "Revoke an access token; once this is answered, no node accepts it any more",
        )
        .by(&[parameter::DRY_MODE])
        .gives(Content::Nothing)
        .fails(&["400", "404", "503"]),
        revoke,
    );
}

const ISSUE: Action = Action("ISSUE_TOKEN");
const REVOKE: Action = Action("REVOKE_TOKENS");

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "NewAccessToken")]
struct Issued {
    #[serde(flatten)]
    shown: ShownAccessToken,
    /// Shown here and never again. Empty in dry mode: a token that is not recorded would let nobody in.
    token: String,
}

pub(in crate::admin) async fn issue(
    services: web::Data<Services>,
    writer: Writer,
    Query(mode): Query<Mode>,
    Body(request): Body<AccessTokenRequest>,
) -> Result<HttpResponse, ApiError> {
    if writer.caller.token.is_some() {
        return Err(ApiError::forbidden(
            "an access token cannot create another one, which would outlive it: log in with the name and password of a user",
        ));
    }
    let wanted = request.read()?;
    let random = || ApiError::internal("the operating system provides no random bytes");
    let id = uuid::Uuid::new_v4().into_bytes();
    let new = NewToken::of(id, control::random().map_err(|_| random())?);
    let now_s = now_s()?;
    let token = AccessToken {
        name: wanted.name,
        username: writer.caller.username.clone(),
        role: wanted.role,
        digest: new.digest,
        issued_at_s: now_s,
        expires_at_s: now_s.saturating_add(wanted.life_time_s),
        last_used_s: None,
    };
    let subject = Subject {
        writer: &writer,
        action: ISSUE,
        resource: resource(new.id),
    };
    let shown = ShownAccessToken::of(new.id, &token);
    let made = services
        .change(subject, Command::PutAccessToken { id: new.id, token }, mode)
        .await?;
    let token = match mode.dry_mode {
        true => String::new(),
        false => new.text.reveal().to_owned(),
    };
    Ok(HttpResponse::Created()
        .insert_header((REVISION, made.revision.to_string()))
        .json(Issued { shown, token }))
}

fn resource(id: AccessTokenId) -> String {
    KIND.one(uuid::Uuid::from_bytes(id.0))
}

pub(in crate::admin) async fn list(
    services: web::Data<Services>,
    _: Reader,
) -> Result<HttpResponse, ApiError> {
    let state = services.newest().await?;
    let all: Vec<_> = state
        .access_tokens
        .iter()
        .map(|(id, token)| ShownAccessToken::of(*id, token))
        .collect();
    Ok(HttpResponse::Ok().json(all))
}

pub(in crate::admin) async fn revoke(
    services: web::Data<Services>,
    path: web::Path<String>,
    writer: Writer,
    Query(mode): Query<Mode>,
) -> Result<HttpResponse, ApiError> {
    let id = uuid::Uuid::parse_str(&path)
        .map_err(|_| ApiError::invalid(format!("{:?} is not the id of an access token", path.as_str())))?;
    let id = AccessTokenId(id.into_bytes());
    let subject = Subject {
        writer: &writer,
        action: REVOKE,
        resource: resource(id),
    };
    let made = services
        .change(subject, Command::RevokeAccessToken { id }, mode)
        .await?;
    if made.outcome == Outcome::Unchanged {
        return Err(ApiError::not_found(format!(
            "there is no access token {}: it has already been revoked, or expired long ago",
            path.as_str()
        )));
    }
    Ok(deleted(&made))
}
