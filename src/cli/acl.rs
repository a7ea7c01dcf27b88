//! `klamm acl list`, `add` and `remove`: the words of `kafka-acls`, at the admin API. They need no Kafka.

mod rights;
mod words;

use clap::{Args, Subcommand};
use serde_json::Value;

use self::rights::{AclFlags, PermissionWord, ResourceFlags};
use self::words::{OPERATIONS, OperationWord};
use super::admin_client::{AdminClient, Answered, Connection, escaped};
use super::changes;
use super::failure::Failure;
use super::format::{self, Format, Report};
use super::get;
use super::kind::Kind;
use super::trial::Trial;
use super::{Variables, print};

const PATH: &str = "/gateway/v2/acl";

#[derive(Debug, Subcommand)]
pub(super) enum AclAction {
    /// List ACLs, those that policies bring among them
    List(Box<ListArgs>),
    /// Add ACLs: rights, or denials of rights
    Add(Box<AddArgs>),
    /// Remove ACLs
    Remove(Box<RemoveArgs>),
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// Only ACLs of this virtual cluster
    #[arg(long, value_name = "NAME")]
    v_cluster: Option<String>,
    /// Only ACLs of this principal, as User:name; may be repeated
    #[arg(long, value_name = "PRINCIPAL")]
    principal: Vec<String>,
    #[command(flatten)]
    resources: ResourceFlags,
    /// Only ACLs of this operation
    #[arg(long, value_name = "OPERATION")]
    operation: Option<OperationWord>,
    /// Only ACLs that allow, or that deny
    #[arg(long, value_enum, value_name = "PERMISSION", ignore_case = true)]
    permission: Option<PermissionWord>,
    /// Only ACLs for this host, as it was given
    #[arg(long, value_name = "HOST")]
    host: Option<String>,
    /// table for people; json and yaml for scripts
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "table")]
    output: Format,
    #[command(flatten)]
    pub(super) connection: Connection,
}

#[derive(Debug, Args)]
#[command(after_help = format!("Operations: {}", OPERATIONS.map(|(word, _)| word).join(", ")))]
pub(super) struct AddArgs {
    /// The virtual cluster; passthrough is the one that is built in
    #[arg(long, value_name = "NAME")]
    v_cluster: String,
    #[command(flatten)]
    flags: AclFlags,
    #[command(flatten)]
    trial: Trial,
    #[command(flatten)]
    pub(super) connection: Connection,
}

#[derive(Debug, Args)]
#[command(after_help = format!("Operations: {}, Any", OPERATIONS.map(|(word, _)| word).join(", ")))]
pub(super) struct RemoveArgs {
    /// The virtual cluster; passthrough is the one that is built in
    #[arg(long, value_name = "NAME")]
    v_cluster: String,
    #[command(flatten)]
    flags: AclFlags,
    /// All ACLs of this principal, as User:name, whether they allow or deny; may be repeated
    #[arg(
        long,
        value_name = "PRINCIPAL",
        conflicts_with_all = ["allow_principal", "deny_principal", "allow_host", "deny_host", "host", "operation", "producer", "consumer"]
    )]
    principal: Vec<String>,
    /// Treat ACLs that do not exist as removed
    #[arg(long)]
    ignore_not_found: bool,
    #[command(flatten)]
    trial: Trial,
    #[command(flatten)]
    pub(super) connection: Connection,
}

/// Carries out a command.
pub(super) fn run(action: &AclAction, variables: &Variables) -> Result<(), Failure> {
    match action {
        AclAction::List(args) => print(&list(args, &args.connection.client(variables)?)?),
        AclAction::Add(args) => add(args, &args.connection.client(variables)?)?.print(args.trial.output),
        AclAction::Remove(args) => {
            remove(args, &args.connection.client(variables)?)?.print(args.trial.output)
        }
    }
}

/// The ACLs that are asked for, as they are printed.
pub(super) fn list(args: &ListArgs, client: &AdminClient) -> Result<String, Failure> {
    let mut found: Vec<Value> = Vec::new();
    for query in queries(args) {
        let answer = client
            .get(&format!("{PATH}{query}"))?
            .map_err(|refusal| refusal.failure("ACLs"))?;
        let Value::Array(acls) = answer else {
            continue;
        };
        for acl in acls {
            if !found.contains(&acl) {
                found.push(acl);
            }
        }
    }
    let kind: Kind = "acls".parse().map_err(Failure::Usage)?;
    match args.output {
        Format::Table => Ok(get::table(kind, &found)),
        Format::Yaml => format::yaml(&found.iter().collect::<Vec<_>>()),
        Format::Json => Ok(format::json(&Value::from(found))),
    }
}

/// One query for each resource and each principal.
fn queries(args: &ListArgs) -> Vec<String> {
    let named = args.resources.named();
    let resources: Vec<Vec<(&str, &str)>> = match named.is_empty() {
        true => vec![Vec::new()],
        false => named
            .iter()
            .map(|resource| {
                let mut fields = vec![("resourceType", resource.kind), ("resourceName", resource.name)];
                fields.push(("patternType", resource.pattern.json()));
                fields
            })
            .collect(),
    };
    let principals: Vec<Option<&String>> = match args.principal.is_empty() {
        true => vec![None],
        false => args.principal.iter().map(Some).collect(),
    };
    let mut all = Vec::new();
    for resource in &resources {
        for principal in &principals {
            let mut fields = resource.clone();
            let more = [
                ("vcluster", args.v_cluster.as_deref()),
                ("principal", principal.map(String::as_str)),
                ("operation", args.operation.map(OperationWord::json)),
                ("permissionType", args.permission.map(PermissionWord::json)),
                ("host", args.host.as_deref()),
            ];
            fields.extend(more.into_iter().filter_map(|(key, value)| Some((key, value?))));
            let fields = fields.into_iter();
            let fields: Vec<_> = fields
                .map(|(key, value)| format!("{key}={}", escaped(value)))
                .collect();
            all.push(match fields.is_empty() {
                true => String::new(),
                false => format!("?{}", fields.join("&")),
            });
        }
    }
    all
}

/// Adds ACLs: first those that deny.
pub(super) fn add(args: &AddArgs, client: &AdminClient) -> Result<Report, Failure> {
    let acls = args.flags.to_add()?;
    let bodies: Vec<Value> = acls.iter().map(|acl| acl.body(&args.v_cluster)).collect();
    let path = format!("{PATH}?dryMode={}", args.trial.dry_run);
    let put = |index: usize| client.call("PUT", &path, Some(&bodies[index]));
    let (denials, rights): (Vec<usize>, Vec<usize>) =
        (0..acls.len()).partition(|index| acls[*index].permission == Some(PermissionWord::Deny));
    let done = changes::make(&[denials, rights], acls.len(), &put);
    let mut report = Report::default();
    report.stopped = done.stopped;
    for (acl, answer) in acls.iter().zip(done.answers) {
        let result = told(&mut report, &acl.title(), answer);
        let result = result.map(|answer| {
            let result = answer["upsertResult"].as_str().unwrap_or("DONE").to_owned();
            tried(args.trial.dry_run, result)
        });
        report.add(acl.title(), result);
    }
    Ok(report)
}

/// Removes ACLs, and tells each.
pub(super) fn remove(args: &RemoveArgs, client: &AdminClient) -> Result<Report, Failure> {
    let filters = args.flags.to_remove(&args.principal)?;
    let path = format!("{PATH}?dryMode={}", args.trial.dry_run);
    let mut report = Report::default();
    for filter in filters {
        if report.stopped.is_some() {
            report.add(filter.title(), Err("it was not tried".to_owned()));
            continue;
        }
        let answer = client.call("DELETE", &path, Some(&filter.body(&args.v_cluster)))?;
        if answer.as_ref().is_err_and(|refusal| refusal.status == 404) && args.ignore_not_found {
            report.add(filter.title(), Ok("NOT_FOUND".to_owned()));
            continue;
        }
        match told(&mut report, &filter.title(), Some(answer)) {
            Ok(answer) => report_removed(&mut report, &answer, args.trial.dry_run),
            Err(why) => report.add(filter.title(), Err(why)),
        }
    }
    Ok(report)
}

fn report_removed(report: &mut Report, answer: &Value, is_trial: bool) {
    for acl in answer["deleted"].as_array().into_iter().flatten() {
        report.add(rights::title_of(acl), Ok(tried(is_trial, "DELETED".to_owned())));
    }
    for acl in answer["kept"].as_array().into_iter().flatten() {
        let policy = acl["policy"].as_str().unwrap_or_default();
        let why = format!("it comes from the {policy}: change it there");
        report.add(rights::title_of(acl), Err(why));
    }
}

fn tried(is_trial: bool, result: String) -> String {
    match is_trial {
        true => format!("{result} (dry run)"),
        false => result,
    }
}

/// The answer, or why there is none. One that the gateway could not give stands for the end of it.
fn told(report: &mut Report, title: &str, answer: Option<Answered>) -> Result<Value, String> {
    match answer {
        Some(Ok(answer)) => Ok(answer),
        Some(Err(refusal)) => {
            let why = refusal.why.clone();
            if refusal.status >= 500 {
                report.stopped.get_or_insert_with(|| refusal.failure(title));
            }
            Err(why)
        }
        None => Err("it was not tried".to_owned()),
    }
}
