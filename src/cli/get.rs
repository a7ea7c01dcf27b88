//! `klamm get`.

use std::fmt;
use std::str::FromStr;

use serde_json::Value;

use super::GetArgs;
use super::admin_client::{AdminClient, escaped};
use super::failure::Failure;
use super::format::{self, Format};
use super::kind::Kind;

/// What can be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Resources(Kind),
    /// The topics of a virtual cluster: they are no resources, and are not put.
    Topics,
    /// What is known of issued tokens. A name is that of an account.
    Tokens,
    /// SCRAM credentials, without their keys. A name is that of an account.
    ScramCredentials,
    /// What is known of access tokens of the admin API.
    AccessTokens,
    /// The keys that verify tokens, by their ids.
    SigningKeys,
}

impl FromStr for Wanted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "topic" | "topics" => Ok(Self::Topics),
            "token" | "tokens" => Ok(Self::Tokens),
            "scram-credential" | "scram-credentials" => Ok(Self::ScramCredentials),
            "access-token" | "access-tokens" => Ok(Self::AccessTokens),
            "signing-key" | "signing-keys" => Ok(Self::SigningKeys),
            _ => text.parse().map(Self::Resources).map_err(|error| {
                format!("{error}, topics, tokens, scram-credentials, access-tokens, signing-keys")
            }),
        }
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resources(kind) => kind.fmt(f),
            Self::Topics => f.write_str("topics"),
            Self::Tokens => f.write_str("tokens"),
            Self::ScramCredentials => f.write_str("scram-credentials"),
            Self::AccessTokens => f.write_str("access-tokens"),
            Self::SigningKeys => f.write_str("signing-keys"),
        }
    }
}

/// The resources that are asked for, as they are printed.
pub(super) fn get(args: &GetArgs, client: &AdminClient) -> Result<String, Failure> {
    let what = || match &args.name {
        Some(name) => format!("{}/{name}", args.kind),
        None => args.kind.to_string(),
    };
    let answer = client
        .get(&path(args)?)?
        .map_err(|refusal| refusal.failure(what()))?;
    // With a name and all that it takes to be unique, one resource is meant.
    let is_unique = match args.kind {
        Wanted::Resources(Kind::VirtualCluster) => true,
        Wanted::Resources(_) | Wanted::Topics => args.v_cluster.is_some(),
        Wanted::Tokens | Wanted::ScramCredentials | Wanted::AccessTokens | Wanted::SigningKeys => false,
    };
    let single = args.name.is_some() && is_unique && !matches!(&answer, Value::Array(list) if list.len() > 1);
    let list = match &answer {
        Value::Array(list) => list.as_slice(),
        one => std::slice::from_ref(one),
    };
    if list.is_empty() && args.name.is_some() {
        return Err(Failure::Refused {
            what: what(),
            why: "it does not exist".to_owned(),
        });
    }
    match args.output {
        Format::Table => Ok(format::table(head(args.kind), &rows(args.kind, list))),
        Format::Yaml => format::yaml(&list.iter().collect::<Vec<_>>()),
        Format::Json if single => Ok(format::json(&list[0])),
        Format::Json => Ok(format::json(&Value::from(list))),
    }
}

fn path(args: &GetArgs) -> Result<String, Failure> {
    let kind = match args.kind {
        Wanted::Resources(kind) => kind,
        Wanted::Topics => return topics_path(args),
        Wanted::Tokens => return Ok(filtered("/gateway/v2/token", of_account(args))),
        Wanted::AccessTokens | Wanted::SigningKeys if args.name.is_some() || args.v_cluster.is_some() => {
            return Err(Failure::Usage(format!(
                "{} belong to no virtual cluster: they are listed all, without a name or a virtual cluster",
                args.kind
            )));
        }
        Wanted::AccessTokens => return Ok("/gateway/v2/access-token".to_owned()),
        Wanted::SigningKeys => return Ok("/gateway/v2/signing-key".to_owned()),
        Wanted::ScramCredentials => return Ok(filtered("/gateway/v2/scram-credential", of_account(args))),
    };
    let path = kind.path();
    match (kind, &args.name, &args.v_cluster) {
        (Kind::VirtualCluster, _, Some(_)) => Err(Failure::Usage(
            "a VirtualCluster does not belong to a virtual cluster".to_owned(),
        )),
        (Kind::VirtualCluster, Some(name), None) => Ok(format!("{path}/{}", escaped(name))),
        (Kind::VirtualCluster, None, None) => Ok(path.to_owned()),
        (_, name, vcluster) => Ok(filtered(path, [("vcluster", vcluster), ("name", name)])),
    }
}

fn of_account(args: &GetArgs) -> [(&'static str, &Option<String>); 2] {
    [("vcluster", &args.v_cluster), ("username", &args.name)]
}

fn filtered(path: &str, filters: [(&str, &Option<String>); 2]) -> String {
    let given = filters
        .into_iter()
        .filter_map(|(key, value)| value.as_ref().map(|text| format!("{key}={}", escaped(text))));
    let given: Vec<String> = given.collect();
    match given.is_empty() {
        true => path.to_owned(),
        false => format!("{path}?{}", given.join("&")),
    }
}

fn topics_path(args: &GetArgs) -> Result<String, Failure> {
    let Some(vcluster) = &args.v_cluster else {
        return Err(Failure::Usage(
            "topics are those of a virtual cluster: name it with --v-cluster".to_owned(),
        ));
    };
    let path = format!("{}/{}/topics", Kind::VirtualCluster.path(), escaped(vcluster));
    Ok(match &args.name {
        Some(name) => format!("{path}?name={}", escaped(name)),
        None => path,
    })
}

fn head(wanted: Wanted) -> &'static [&'static str] {
    let kind = match wanted {
        Wanted::Resources(kind) => kind,
        Wanted::Topics => {
            return &[
                "NAME",
                "PHYSICAL-TOPIC",
                "PHYSICAL-CLUSTER",
                "OWNED",
                "EXISTS",
                "PARTITIONS",
                "HIDDEN-BY",
            ];
        }
        Wanted::Tokens => {
            return &["ID", "V-CLUSTER", "USERNAME", "ISSUED-AT", "EXPIRES-AT", "KEY-ID"];
        }
        Wanted::SigningKeys => return &["ID", "SIGNS", "LIVE-TOKENS"],
        Wanted::AccessTokens => {
            return &[
                "ID",
                "NAME",
                "USERNAME",
                "ROLE",
                "ISSUED-AT",
                "EXPIRES-AT",
                "LAST-USED-AT",
            ];
        }
        Wanted::ScramCredentials => return &["V-CLUSTER", "USERNAME", "MECHANISM", "ITERATIONS"],
    };
    match kind {
        Kind::VirtualCluster => &["NAME", "TYPE", "SUPER-USERS", "BOOTSTRAP-SERVERS"],
        Kind::AliasTopic => &["NAME", "V-CLUSTER", "PHYSICAL-TOPIC", "PHYSICAL-CLUSTER"],
        Kind::ServiceAccount => &["NAME", "V-CLUSTER", "TYPE"],
    }
}

fn rows(wanted: Wanted, list: &[Value]) -> Vec<Vec<String>> {
    let paths: &[&str] = match wanted {
        Wanted::Topics => &[
            "/name",
            "/physicalName",
            "/physicalCluster",
            "/owned",
            "/exists",
            "/partitions",
            "/hiddenBy",
        ],
        Wanted::AccessTokens => &[
            "/id",
            "/name",
            "/username",
            "/role",
            "/issuedAt",
            "/expiresAt",
            "/lastUsedAt",
        ],
        Wanted::ScramCredentials => &["/vCluster", "/username", "/mechanism", "/iterations"],
        Wanted::Tokens => &[
            "/id",
            "/vCluster",
            "/username",
            "/issuedAt",
            "/expiresAt",
            "/keyId",
        ],
        Wanted::SigningKeys => &["/id", "/signs", "/liveTokens"],
        Wanted::Resources(Kind::VirtualCluster) => &[
            "/metadata/name",
            "/spec/type",
            "/spec/superUsers",
            "/spec/bootstrapServers",
        ],
        Wanted::Resources(Kind::AliasTopic) => &[
            "/metadata/name",
            "/metadata/vCluster",
            "/spec/physicalName",
            "/spec/physicalCluster",
        ],
        Wanted::Resources(Kind::ServiceAccount) => &["/metadata/name", "/metadata/vCluster", "/spec/type"],
    };
    let cell = |resource: &Value, path: &str| match resource.pointer(path) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Bool(yes)) => (if *yes { "yes" } else { "no" }).to_owned(),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::Array(items)) => items
            .iter()
            .filter_map(Value::as_str)
            .collect::<Vec<_>>()
            .join(","),
        _ => String::new(),
    };
    list.iter()
        .map(|resource| paths.iter().map(|path| cell(resource, path)).collect())
        .collect()
}
