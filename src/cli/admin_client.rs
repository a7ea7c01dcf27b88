//! Requests to the admin API of a gateway node.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use rustls::crypto::aws_lc_rs;
use serde::Deserialize;
use serde_json::Value;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use crate::admin::ProblemBody;
use crate::chain::Chain;
use crate::secret::Secret;
use crate::tls::Trust;

use super::Variables;
use super::failure::Failure;

/// How long one request may take. A change waits for the cluster, which gives up sooner.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Where the admin API is, and who asks.
#[derive(Args, Default)]
pub(super) struct Connection {
    /// The admin API of any node
    #[arg(long, value_name = "URL", help_heading = "Gateway", global = true)]
    admin_url: Option<String>,
    /// A user of the admin API
    #[arg(long, value_name = "NAME", help_heading = "Gateway", global = true)]
    admin_user: Option<String>,
    /// The user's password; other users of this machine may see it: prefer KLAMM_ADMIN_PASSWORD
    #[arg(long, value_name = "PASSWORD", help_heading = "Gateway", global = true)]
    admin_password: Option<String>,
    /// An access token in place of a user and a password; other users of this machine may see it: prefer
    /// KLAMM_ADMIN_TOKEN
    #[arg(
        long,
        value_name = "TOKEN",
        help_heading = "Gateway",
        global = true,
        conflicts_with_all = ["admin_user", "admin_password"]
    )]
    admin_token: Option<String>,
    /// A PEM file of the authorities that the admin API's certificate may come from; without it, the operating system's
    #[arg(long, value_name = "FILE", help_heading = "Gateway", global = true)]
    admin_ca: Option<PathBuf>,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection")
            .field("admin_url", &self.admin_url)
            .finish_non_exhaustive()
    }
}

impl Connection {
    /// Flags win over variables.
    pub(super) fn client(&self, variables: &Variables) -> Result<AdminClient, Failure> {
        let url = choose(
            &self.admin_url,
            variables,
            ["KLAMM_ADMIN_URL", "CDK_GATEWAY_BASE_URL"],
            "http://localhost:8888",
        );
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(TIMEOUT))
            .user_agent(concat!("klamm/", env!("CARGO_PKG_VERSION")));
        let agent = match url.split_once("://") {
            Some(("http", _)) => agent.build(),
            Some(("https", _)) => {
                let variable = || variables.get("KLAMM_ADMIN_CA").map(PathBuf::from);
                let authorities = self.admin_ca.clone().or_else(variable);
                agent.tls_config(trusting(authorities.as_deref())?).build()
            }
            _ => {
                return Err(Failure::Usage(format!(
                    "the address of the gateway is {url:?}, but must begin with http:// or https://"
                )));
            }
        };
        Ok(AdminClient {
            url: url.trim_end_matches('/').to_owned(),
            authorization: self.authorization(variables),
            agent: agent.into(),
        })
    }

    /// The flags of a user win over the variable of a token, which wins over those of a user.
    fn authorization(&self, variables: &Variables) -> Secret {
        let named = self.admin_user.is_some() || self.admin_password.is_some();
        let variable = || variables.get("KLAMM_ADMIN_TOKEN").filter(|_| !named);
        if let Some(token) = self.admin_token.as_ref().or_else(variable) {
            return Secret::new(format!("Bearer {}", token.trim()));
        }
        let names = ["KLAMM_ADMIN_USER", "CDK_GATEWAY_USER"];
        let user = choose(&self.admin_user, variables, names, "admin");
        let names = ["KLAMM_ADMIN_PASSWORD", "CDK_GATEWAY_PASSWORD"];
        let password = choose(&self.admin_password, variables, names, "conduktor");
        Secret::new(format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))))
    }
}

/// A flag, or else the first of the variables that is set, or else what is usual.
fn choose(flag: &Option<String>, variables: &Variables, names: [&str; 2], default: &str) -> String {
    let variable = || names.iter().find_map(|name| variables.get(*name)).cloned();
    flag.clone()
        .or_else(variable)
        .unwrap_or_else(|| default.to_owned())
}

/// Trusts the authorities of a file, or those that the operating system trusts.
fn trusting(file: Option<&Path>) -> Result<TlsConfig, Failure> {
    let trust = match file {
        None => Trust::System,
        Some(path) => Trust::Pem(std::fs::read_to_string(path).map_err(|error| {
            Failure::Usage(format!(
                "the authorities in {} cannot be read: {error}",
                path.display()
            ))
        })?),
    };
    let roots: Vec<Certificate<'static>> = trust
        .authorities()
        .map_err(|error| Failure::Usage(format!("the authorities of the admin API: {}", Chain(&error))))?
        .iter()
        .map(|der| Certificate::from_der(der).to_owned())
        .collect();
    Ok(TlsConfig::builder()
        .root_certs(RootCerts::from(roots))
        .unversioned_rustls_crypto_provider(Arc::new(aws_lc_rs::default_provider()))
        .build())
}

/// A client of one node.
#[derive(Debug)]
pub(super) struct AdminClient {
    url: String,
    authorization: Secret,
    agent: ureq::Agent,
}

/// A refusal, told apart from not being able to ask.
#[derive(Debug)]
pub(super) struct AdminRefusal {
    pub(super) status: u16,
    pub(super) why: String,
}

/// The result of a request that got an answer.
pub(super) type Answered = Result<Value, AdminRefusal>;

impl AdminClient {
    pub(super) fn get(&self, path: &str) -> Result<Answered, Failure> {
        self.call("GET", path, None)
    }

    /// Sends a request. `Ok(Value::Null)` inside: success without a body.
    pub(super) fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Answered, Failure> {
        let mut response = self.send(method, path, body)?;
        let read = response.body_mut().read_to_string();
        let text = read.map_err(|source| self.unreachable(source))?;
        if !response.status().is_success() {
            return Ok(Err(refusal(response.status().as_u16(), &text)));
        }
        if text.is_empty() {
            return Ok(Ok(Value::Null));
        }
        serde_json::from_str(&text)
            .map(Ok)
            .map_err(|error| Failure::Failed(Box::new(error)))
    }

    /// Gets a file of so many bytes at most.
    pub(super) fn download(&self, path: &str, most: u64) -> Result<Result<Vec<u8>, AdminRefusal>, Failure> {
        let mut response = self.send("GET", path, None)?;
        let read = response.body_mut().with_config().limit(most).read_to_vec();
        let bytes = read.map_err(|source| self.unreachable(source))?;
        if response.status().is_success() {
            return Ok(Ok(bytes));
        }
        let text = String::from_utf8_lossy(&bytes);
        Ok(Err(refusal(response.status().as_u16(), &text)))
    }

    fn send(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<ureq::http::Response<ureq::Body>, Failure> {
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header("Authorization", self.authorization.reveal())
            .header("Content-Type", "application/json")
            .body(body.map(Value::to_string).unwrap_or_default())
            .map_err(|error| Failure::Usage(format!("{}{path} is not a valid address: {error}", self.url)))?;
        let sent = self.agent.run(request);
        let response = sent.map_err(|source| self.unreachable(source))?;
        for warning in response.headers().get_all("warning") {
            say(warning.to_str().unwrap_or_default());
        }
        Ok(response)
    }

    fn unreachable(&self, source: ureq::Error) -> Failure {
        Failure::Unreachable {
            url: self.url.clone(),
            source: Box::new(source),
        }
    }

    /// Tries several changes, each after those before it, and says what they would come to.
    pub(super) fn dry_run(&self, steps: Vec<Value>) -> Result<Vec<Answered>, Failure> {
        let answer = self
            .call("POST", "/gateway/v2/dry-run", Some(&Value::Array(steps)))?
            .map_err(|refusal| refusal.failure("a dry run"))?;
        let outcomes: Vec<Outcome> =
            serde_json::from_value(answer).map_err(|error| Failure::Failed(Box::new(error)))?;
        Ok(outcomes.into_iter().map(Outcome::answered).collect())
    }
}

/// A refusal with this body.
fn refusal(status: u16, body: &str) -> AdminRefusal {
    let why = match serde_json::from_str::<ProblemBody>(body) {
        Ok(ProblemBody { msg, .. }) => msg,
        Err(_) => format!("the answer was {status}"),
    };
    AdminRefusal { status, why }
}

/// The result that one change of a dry run would have.
#[derive(Debug, Deserialize)]
struct Outcome {
    status: u16,
    body: Value,
}

impl Outcome {
    fn answered(self) -> Answered {
        let status = self.status;
        if (200..300).contains(&status) {
            return Ok(self.body);
        }
        Err(refusal(status, &self.body.to_string()))
    }
}

/// Shows a warning of the gateway: `299 agent "text"`.
fn say(warning: &str) {
    let text = warning
        .split_once('"')
        .map_or(warning, |(_, text)| text.trim_end_matches('"'));
    // There is nobody to tell when standard error is closed.
    let _ = writeln!(std::io::stderr(), "warning: {text}");
}

impl AdminRefusal {
    /// The failure of a command that is about one thing.
    pub(super) fn failure(self, what: impl Into<String>) -> Failure {
        let what = what.into();
        match self.status {
            502..=504 => Failure::NotNow { what, why: self.why },
            _ => Failure::Refused { what, why: self.why },
        }
    }
}

/// A text as part of a path or of a query.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            escaped.push(char::from(byte));
        } else {
            escaped += &format!("%{byte:02X}");
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_win_over_variables_and_ours_over_others() {
        let connection = |url: Option<&str>| Connection {
            admin_url: url.map(str::to_owned),
            admin_user: None,
            admin_password: None,
            admin_token: None,
            admin_ca: None,
        };
        let variables = |list: &[(&str, &str)]| -> Variables {
            list.iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect()
        };
        let theirs = ("CDK_GATEWAY_BASE_URL", "http://theirs/");
        let ours = ("KLAMM_ADMIN_URL", "http://ours");
        let url = |flag, list: &[_]| connection(flag).client(&variables(list)).expect("a client").url;
        assert_eq!(url(None, &[]), "http://localhost:8888");
        assert_eq!(url(None, &[theirs]), "http://theirs");
        assert_eq!(url(None, &[theirs, ours]), "http://ours");
        assert_eq!(url(Some("http://flag"), &[ours]), "http://flag");
        let client = connection(None)
            .client(&variables(&[
                ("CDK_GATEWAY_USER", "a"),
                ("KLAMM_ADMIN_PASSWORD", "b"),
            ]))
            .expect("a client");
        assert_eq!(client.authorization.reveal(), "Basic YTpi");
        let token = variables(&[("KLAMM_ADMIN_TOKEN", "t\n"), ("KLAMM_ADMIN_USER", "a")]);
        assert_eq!(connection(None).authorization(&token).reveal(), "Bearer t");
        let mut flagged = connection(None);
        flagged.admin_user = Some("a".to_owned());
        assert!(flagged.authorization(&token).reveal().starts_with("Basic "));
        assert!(connection(Some("ftp://x")).client(&variables(&[])).is_err());
        let unread = ("KLAMM_ADMIN_CA", "/nowhere/ca.pem");
        assert!(
            connection(Some("https://x"))
                .client(&variables(&[unread]))
                .is_err()
        );
        assert!(connection(Some("http://x")).client(&variables(&[unread])).is_ok());
    }

    #[test]
    fn names_are_escaped() {
        assert_eq!(escaped("a-b.c_d~"), "a-b.c_d~");
        assert_eq!(escaped("a/b?c&ä"), "a%2Fb%3Fc%26%C3%A4");
    }
}
