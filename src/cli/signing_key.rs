//! `klamm run rotateSigningKey` and `retireSigningKey`.

use clap::Args;
use serde_json::{Value, json};

use super::admin_client::{AdminClient, Connection};
use super::failure::Failure;
use super::format::{self, Style};
use super::trial::Trial;

#[derive(Debug, Args)]
pub(super) struct RotateArgs {
    /// Retire all earlier keys at once, for instance after a theft: every issued token becomes invalid, and its sessions end
    #[arg(long)]
    retire_old: bool,
    #[command(flatten)]
    trial: Trial,
    #[command(flatten)]
    pub(super) connection: Connection,
}

#[derive(Debug, Args)]
pub(super) struct RetireArgs {
    /// The key that signed before: see klamm get signing-keys
    #[arg(long, value_name = "ID")]
    id: String,
    #[command(flatten)]
    trial: Trial,
    #[command(flatten)]
    pub(super) connection: Connection,
}

/// Rotates the key, and returns what is printed.
pub(super) fn rotate(args: &RotateArgs, client: &AdminClient) -> Result<String, Failure> {
    let path = format!("/gateway/v2/signing-key?dryMode={}", args.trial.dry_run);
    let answer = client
        .call("POST", &path, Some(&json!({ "retireOld": args.retire_old })))?
        .map_err(|refusal| refusal.failure("the signing key".to_owned()))?;
    Ok(match args.trial.output {
        Style::Json => format::json(&answer),
        Style::Text => rotated(args, &answer),
    })
}

/// The report of what was done, or would be, and what comes next.
fn rotated(args: &RotateArgs, answer: &Value) -> String {
    let (id, replaced) = (text(answer, "id"), text(answer, "replaced"));
    let first = match args.trial.dry_run {
        true => format!("a new signing key would replace {replaced}\n"),
        false => format!("signing key {id} signs in place of {replaced}\n"),
    };
    let then = match (args.retire_old, args.trial.dry_run, answer["oldTokens"].as_u64()) {
        (true, true, _) => format!("live tokens that would end: {}\n", answer["endedTokens"]),
        (true, false, _) => format!(
            "no earlier key verifies tokens any more; live tokens that ended: {}\n",
            answer["endedTokens"]
        ),
        (false, _, Some(0)) => "no live token depends on the old key\n".to_owned(),
        (false, _, old) => format!(
            "live tokens that depend on the old key: {}; klamm get tokens lists them by KEY-ID. Once they are replaced:\n  \
             klamm run retireSigningKey --id {replaced}\n",
            old.unwrap_or_default()
        ),
    };
    first + &then
}

/// Retires the key, and returns what is printed.
pub(super) fn retire(args: &RetireArgs, client: &AdminClient) -> Result<String, Failure> {
    let path = format!("/gateway/v2/signing-key/retire?dryMode={}", args.trial.dry_run);
    let what = format!("signing key {}", args.id);
    let answer = client
        .call("POST", &path, Some(&json!({ "id": args.id })))?
        .map_err(|refusal| refusal.failure(what.clone()))?;
    let ended = &answer["endedTokens"];
    Ok(match (args.trial.output, args.trial.dry_run) {
        (Style::Json, _) => format::json(&answer),
        (Style::Text, true) => format!("{what}: live tokens that would end: {ended}\n"),
        (Style::Text, false) => format!("{what}: RETIRED; live tokens that ended: {ended}\n"),
    })
}

fn text<'a>(answer: &'a Value, key: &str) -> &'a str {
    answer[key].as_str().unwrap_or_default()
}
