//! `klamm run generateServiceAccountToken` and `revokeServiceAccountTokens`.

use serde_json::{Value, json};

use super::admin_client::AdminClient;
use super::failure::Failure;
use super::format::{self, Style};
use super::{RevokeArgs, TokenArgs};

/// Issues a token, and returns what is printed.
pub(super) fn generate(args: &TokenArgs, client: &AdminClient) -> Result<String, Failure> {
    let body = json!({
        "username": args.username,
        "vCluster": args.v_cluster,
        "lifeTimeSeconds": args.life_time_seconds,
    });
    let answer = client
        .call("POST", "/gateway/v2/token", Some(&body))?
        .map_err(|refusal| refusal.failure(format!("a token for {}", args.username)))?;
    match (args.output, answer.get("token").and_then(Value::as_str)) {
        (_, None) => Err(Failure::Refused {
            what: format!("a token for {}", args.username),
            why: "the answer contains none".to_owned(),
        }),
        (Style::Json, _) => Ok(format::json(&answer)),
        (Style::Text, Some(token)) => Ok(format!("{token}\n")),
    }
}

/// Revokes tokens, and returns what is printed.
pub(super) fn revoke(args: &RevokeArgs, client: &AdminClient) -> Result<String, Failure> {
    let (body, what) = match (&args.id, &args.username) {
        (Some(id), _) => (
            json!({ "vCluster": args.v_cluster, "id": id }),
            format!("token {id}"),
        ),
        (None, username) => {
            let username = username.as_deref().unwrap_or_default();
            (
                json!({ "vCluster": args.v_cluster, "username": username }),
                format!("the tokens of {username}"),
            )
        }
    };
    client
        .call("DELETE", "/gateway/v2/token", Some(&body))?
        .map_err(|refusal| refusal.failure(what.clone()))?;
    Ok(format!("{what}: REVOKED\n"))
}
