//! `klamm run setScramCredential` and `deleteScramCredentials`.

use std::io::BufRead;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::admin_client::{AdminClient, Connection};
use super::failure::Failure;

/// The longest password that is read, in bytes.
const MAX_PASSWORD_BYTES: u64 = 4096;

const PATH: &str = "/gateway/v2/scram-credential";

/// A mechanism by its registered name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ScramMechanism {
    #[value(name = "SCRAM-SHA-256")]
    Sha256,
    #[value(name = "SCRAM-SHA-512")]
    Sha512,
}

impl ScramMechanism {
    fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "SCRAM-SHA-256",
            Self::Sha512 => "SCRAM-SHA-512",
        }
    }
}

#[derive(Debug, Args)]
pub(super) struct SetArgs {
    /// The service account; one that does not exist is created
    #[arg(long, value_name = "NAME")]
    username: String,
    /// The virtual cluster of the account
    #[arg(long, value_name = "NAME", default_value = "passthrough")]
    v_cluster: String,
    /// The SCRAM mechanism that the password is for
    #[arg(long, value_enum, value_name = "MECHANISM", default_value = "SCRAM-SHA-512")]
    mechanism: ScramMechanism,
    /// How often the password is hashed
    #[arg(long, value_name = "COUNT")]
    iterations: Option<u32>,
    #[command(flatten)]
    pub(super) connection: Connection,
}

#[derive(Debug, Args)]
pub(super) struct DeleteArgs {
    /// The service account
    #[arg(long, value_name = "NAME")]
    username: String,
    /// The virtual cluster of the account
    #[arg(long, value_name = "NAME", default_value = "passthrough")]
    v_cluster: String,
    /// Only the credential for this mechanism
    #[arg(long, value_enum, value_name = "MECHANISM")]
    mechanism: Option<ScramMechanism>,
    #[command(flatten)]
    pub(super) connection: Connection,
}

/// Sets the password that is the first line of `input`, and returns what is printed.
pub(super) fn set(args: &SetArgs, input: impl BufRead, client: &AdminClient) -> Result<String, Failure> {
    let mut line = String::new();
    input
        .take(MAX_PASSWORD_BYTES + 2)
        .read_line(&mut line)
        .map_err(|error| Failure::Failed(Box::new(error)))?;
    let password = line.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        return Err(Failure::Usage(
            "the password is read from standard input, which is empty".to_owned(),
        ));
    }
    let mut body = json!({
        "vCluster": args.v_cluster,
        "username": args.username,
        "mechanism": args.mechanism.name(),
        "password": password,
    });
    if let Some(iterations) = args.iterations {
        body["iterations"] = json!(iterations);
    }
    let what = format!("the {} credential of {}", args.mechanism.name(), args.username);
    let answer = client
        .call("PUT", PATH, Some(&body))?
        .map_err(|refusal| refusal.failure(what.clone()))?;
    let result = answer.get("upsertResult").and_then(Value::as_str);
    Ok(format!("{what}: {}\n", result.unwrap_or("DONE")))
}

/// Deletes credentials, and returns what is printed.
pub(super) fn delete(args: &DeleteArgs, client: &AdminClient) -> Result<String, Failure> {
    let mut body = json!({ "vCluster": args.v_cluster, "username": args.username });
    let what = match args.mechanism {
        Some(mechanism) => {
            body["mechanism"] = json!(mechanism.name());
            format!("the {} credential of {}", mechanism.name(), args.username)
        }
        None => format!("the SCRAM credentials of {}", args.username),
    };
    client
        .call("DELETE", PATH, Some(&body))?
        .map_err(|refusal| refusal.failure(what.clone()))?;
    Ok(format!("{what}: DELETED\n"))
}
