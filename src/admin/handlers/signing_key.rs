//! `/gateway/v2/signing-key`: the keys that sign the tokens of service accounts, by their ids. A key itself is never
//! shown.

use actix_web::{HttpResponse, web};
use klamm_raft::command::{Command, OldKeys};
use klamm_raft::model::{KeyId, SigningKey, SigningKeys, State};
use klamm_raft::outcome::{Outcome, Refusal};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::answer;
use crate::admin::api::{AdminApi, BodySchema, Content, Operation, parameter};
use crate::admin::audit::Action;
use crate::admin::body::{Body, Query};
use crate::admin::change::{Mode, Subject};
use crate::admin::credentials::{Reader, Writer, now_s};
use crate::admin::kind::{Kind, Listing};
use crate::admin::problem::ApiError;
use crate::admin::resources::schema::KEY_IDS;
use crate::admin::services::Services;
use crate::control;

/// The keys that sign tokens.
pub(in crate::admin) static KIND: Kind = Kind {
    name: "SigningKey",
    words: &["signing-keys", "signing-key"],
    path: "/gateway/v2/signing-key",
    listing: Listing::All,
    columns: &[("ID", "/id"), ("SIGNS", "/signs"), ("LIVE-TOKENS", "/liveTokens")],
    applied: None,
    register,
};

fn register(api: &mut AdminApi) {
    api.add(Operation::post(KIND.path, "rotateSigningKey", "Sign tokens with a new key from now on; the old one verifies tokens until it is retired, which can be at once")
.by(&[parameter::DRY_MODE])
.takes(BodySchema::read::<Rotation>()).example(json!({ "retireOld": false }))
.gives(Content::One(BodySchema::shown::<Rotated>()))
.fails(&["400", "409", "503"])
.runs_as("rotateSigningKey"), rotate);
    api.add(
        Operation::get(
            KIND.path,
            "listSigningKeys",
            "List the keys that verify tokens, and how many live tokens depend on each, never the keys themselves",
        )
        .gives(Content::Many(BodySchema::shown::<Shown>()))
        .fails(&["503"]),
        list,
    );
    api.add(
        Operation::post(
            "/gateway/v2/signing-key/retire",
            "retireSigningKey",
            "Retire the key that signed before: the tokens that it signed become invalid, and their sessions end",
        )
        .by(&[parameter::DRY_MODE])
        .takes(BodySchema::read::<Retirement>())
        .example(json!({ "id": "3f9a51c07b2e8d64" }))
        .gives(Content::One(BodySchema::shown::<Retired>()))
        .fails(&["400", "404", "409", "503"])
        .runs_as("retireSigningKey"),
        retire,
    );
}

/// The keys of the cluster.
pub(super) fn keys(state: &State) -> Result<&SigningKeys, ApiError> {
    let keys = state.signing_keys.as_ref();
    keys.ok_or_else(|| ApiError::unavailable(Refusal::NoSigningKey.to_string()))
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "SigningKey")]
struct Shown {
    id: String,
    signs: bool,
    /// How many tokens that hold now depend on it.
    live_tokens: u64,
}

pub(in crate::admin) async fn list(
    services: web::Data<Services>,
    _: Reader,
) -> Result<HttpResponse, ApiError> {
    let state = services.newest().await?;
    let keys = keys(&state)?;
    let (signs, now_s) = (keys.current.id(), now_s()?);
    let all = keys.verifying().map(SigningKey::id).map(|id| Shown {
        id: id.to_string(),
        signs: id == signs,
        live_tokens: state.live_tokens_of(id, now_s),
    });
    Ok(HttpResponse::Ok().json(all.collect::<Vec<_>>()))
}

/// The body of a rotation.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "SigningKeyRotation")]
pub(in crate::admin) struct Rotation {
    /// Whether the keys of before, and all tokens that they signed, go at once.
    #[serde(default)]
    retire_old: bool,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "RotatedSigningKey")]
struct Rotated {
    /// The id of the key that signs from now on. Empty in dry mode: no key is made.
    id: String,
    /// The id of the key that signed until now.
    replaced: String,
    /// How many live tokens ended.
    ended_tokens: u64,
    /// How many live tokens depend on the key that was replaced.
    old_tokens: u64,
}

pub(in crate::admin) async fn rotate(
    services: web::Data<Services>,
    writer: Writer,
    Query(mode): Query<Mode>,
    Body(rotation): Body<Rotation>,
) -> Result<HttpResponse, ApiError> {
    let state = services.newest().await?;
    let (keys, at_s) = (keys(&state)?, now_s()?);
    let key = control::new_signing_key().map_err(|error| ApiError::internal(error.to_string()))?;
    let (new, replaced) = (key.id(), keys.current.id());
    let live = |keys: &mut dyn Iterator<Item = &SigningKey>| -> u64 {
        keys.map(|key| state.live_tokens_of(key.id(), at_s)).sum()
    };
    let (old, ended_tokens, old_tokens) = match rotation.retire_old {
        true => (OldKeys::Retired, live(&mut keys.verifying()), 0),
        // A rotation that would end live tokens is refused.
        false => (OldKeys::Kept { at_s }, 0, state.live_tokens_of(replaced, at_s)),
    };
    let subject = Subject {
        writer: &writer,
        action: Action("ROTATE_SIGNING_KEY"),
        resource: match rotation.retire_old {
            true => KIND.one(format_args!("{replaced}, retired")),
            false => KIND.one(replaced),
        },
    };
    let command = Command::RotateSigningKey { replaced, key, old };
    let made = services.change(subject, command, mode).await?;
    let id = match mode.dry_mode {
        true => String::new(),
        false => new.to_string(),
    };
    let replaced = replaced.to_string();
    Ok(answer(
        &made,
        Rotated {
            id,
            replaced,
            ended_tokens,
            old_tokens,
        },
    ))
}

/// The body of a retirement.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "SigningKeyToRetire")]
pub(in crate::admin) struct Retirement {
    #[schemars(regex(pattern = KEY_IDS))]
    id: String,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "RetiredSigningKey")]
struct Retired {
    id: String,
    /// How many live tokens ended.
    ended_tokens: u64,
}

pub(in crate::admin) async fn retire(
    services: web::Data<Services>,
    writer: Writer,
    Query(mode): Query<Mode>,
    Body(retirement): Body<Retirement>,
) -> Result<HttpResponse, ApiError> {
    let id: KeyId = retirement
        .id
        .parse()
        .map_err(|error| ApiError::invalid(format!("id: {error}")))?;
    let ended_tokens = services.newest().await?.live_tokens_of(id, now_s()?);
    let subject = Subject {
        writer: &writer,
        action: Action("RETIRE_SIGNING_KEY"),
        resource: KIND.one(id),
    };
    let made = services
        .change(subject, Command::RetireSigningKey { key: id }, mode)
        .await?;
    if made.outcome == Outcome::Unchanged {
        return Err(ApiError::not_found(format!(
            "no signing key {id} verifies tokens: it has already been retired, or never existed"
        )));
    }
    let id = id.to_string();
    Ok(answer(&made, Retired { id, ended_tokens }))
}
