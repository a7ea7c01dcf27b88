//! `klamm run generateAccessToken` and `revokeAccessToken`.

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::admin_client::{AdminClient, Connection, escaped};
use super::failure::Failure;
use super::format::{self, Style};

/// The most that whoever shows the token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Role {
    Admin,
    ReadOnly,
}

#[derive(Debug, Args)]
pub(super) struct GenerateArgs {
    /// The purpose of the token
    #[arg(long, value_name = "NAME")]
    name: String,
    /// The rights that the token grants, never more than those of the user who creates it
    #[arg(long, value_enum, value_name = "ROLE", default_value = "read-only")]
    role: Role,
    /// How long the token is valid, in seconds
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(i64).range(1..=2_147_483_647))]
    life_time_seconds: i64,
    /// text prints the token alone
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "text")]
    output: Style,
    #[command(flatten)]
    pub(super) connection: Connection,
}

#[derive(Debug, Args)]
pub(super) struct RevokeArgs {
    /// Its id: see klamm get access-tokens
    #[arg(long, value_name = "ID")]
    id: String,
    #[command(flatten)]
    pub(super) connection: Connection,
}

/// Makes an access token, and returns what is printed.
pub(super) fn generate(args: &GenerateArgs, client: &AdminClient) -> Result<String, Failure> {
    let what = || format!("an access token for {:?}", args.name);
    let body = json!({
        "name": args.name,
        "role": match args.role {
            Role::Admin => "ADMIN",
            Role::ReadOnly => "READ_ONLY",
        },
        "lifeTimeSeconds": args.life_time_seconds,
    });
    let answer = client
        .call("POST", "/gateway/v2/access-token", Some(&body))?
        .map_err(|refusal| refusal.failure(what()))?;
    match (args.output, answer.get("token").and_then(Value::as_str)) {
        (_, None) => Err(Failure::Refused {
            what: what(),
            why: "the answer contains none".to_owned(),
        }),
        (Style::Json, _) => Ok(format::json(&answer)),
        (Style::Text, Some(token)) => Ok(format!("{token}\n")),
    }
}

/// Revokes one, and returns what is printed.
pub(super) fn revoke(args: &RevokeArgs, client: &AdminClient) -> Result<String, Failure> {
    let what = format!("access token {}", args.id);
    client
        .call(
            "DELETE",
            &format!("/gateway/v2/access-token/{}", escaped(&args.id)),
            None,
        )?
        .map_err(|refusal| refusal.failure(what.clone()))?;
    Ok(format!("{what}: REVOKED\n"))
}
