//! The `klamm` command: its words, and what each of them does. Admin commands talk to a gateway over HTTP only.

mod access_token;
mod accept;
mod acl;
mod admin_client;
mod adopt;
mod apply;
mod backup;
mod changes;
mod cluster;
mod delete;
mod documents;
mod failure;
mod format;
mod get;
mod isolate;
mod kind;
mod members;
mod offline;
mod routes;
mod scope;
mod scram;
mod serve;
mod signing_key;
mod token;
mod trial;
mod upgrade;
mod usage;
mod waves;

use std::collections::BTreeMap;
use std::io::{self, BufRead, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::Config;
use crate::quickstart;

pub use failure::Failure;

use admin_client::Connection;
use format::{Format, Style};
use kind::{AppliedKind, Kind};
use upgrade::UpgradeAction;

/// Runs a node until it is told to stop.
pub type Serve = fn(Config) -> Result<(), Failure>;

const AFTER_HELP: &str = "\
Admin commands talk to the admin API of any node. Its address and the login are set by flag or variable:
  --admin-url       KLAMM_ADMIN_URL       or CDK_GATEWAY_BASE_URL   [default: http://localhost:8888]
  --admin-user      KLAMM_ADMIN_USER      or CDK_GATEWAY_USER       [default: admin]
  --admin-password  KLAMM_ADMIN_PASSWORD  or CDK_GATEWAY_PASSWORD   [default: conduktor]
  --admin-token     KLAMM_ADMIN_TOKEN                               in place of a user and a password
  --admin-ca        KLAMM_ADMIN_CA                                  [default: what the operating system trusts]

Exit codes:
  0  success
  1  refused or failed
  2  the command line, or a file that it names, is invalid
  3  the gateway cannot be reached, or cannot answer now

Examples:
  klamm serve --config klamm.yaml
  klamm apply -f mypartner.yaml
  klamm get AliasTopic --v-cluster mypartner -o yaml
  klamm get topics --v-cluster mypartner
  klamm acl add --v-cluster mypartner --allow-principal User:partner-user --consumer --topic topic1 --group app
  klamm run generateServiceAccountToken --username partner-user --v-cluster mypartner --life-time-seconds 3600";

/// A Kafka gateway: virtual clusters with their own topics, accounts and ACLs, on your own Kafka clusters
#[derive(Debug, Parser)]
#[command(name = "klamm", version, after_help = AFTER_HELP, max_term_width = 110, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a gateway node; the configuration comes from a file, from variables, or both
    Serve(ConfigArgs),
    /// Report everything that is wrong with a configuration, without doing anything else
    CheckConfig(ConfigArgs),
    /// Show the whole product on this machine: Kafka, the gateway, and a partner who produces and consumes
    Quickstart(QuickstartArgs),
    /// Create or change resources from YAML or JSON files
    Apply(ApplyArgs),
    /// Show resources
    Get(GetArgs),
    /// Delete a resource, or all resources of files
    Delete(DeleteArgs),
    /// List, add and remove ACLs in the words of kafka-acls; this needs no Kafka
    Acl {
        #[command(subcommand)]
        action: acl::AclAction,
    },
    /// Run an action of the gateway
    Run {
        #[command(subcommand)]
        action: Action,
    },
    /// Show what accounts used of which topics, hour by hour, of all nodes: for bills
    Usage(usage::UsageArgs),
    /// Inspect and manage the cluster of gateway nodes
    Cluster {
        #[command(subcommand)]
        action: ClusterAction,
    },
}

#[derive(Debug, Args)]
struct ConfigArgs {
    /// The configuration file [or variable KLAMM_CONFIG]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct QuickstartArgs {
    /// Your own Kafka instead of two clusters on this machine
    #[arg(long, value_name = "HOST:PORT")]
    backend: Option<String>,
    /// Kafka client properties for your own Kafka, such as credentials
    #[arg(long, value_name = "FILE", requires = "backend")]
    backend_properties: Option<PathBuf>,
    /// How many gateway nodes
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=3))]
    nodes: u16,
    /// End after the demonstration instead of staying up until Ctrl-C
    #[arg(long)]
    exit: bool,
}

#[derive(Debug, Args)]
struct ApplyArgs {
    /// A file, a directory of .yaml, .yml and .json files, or - for standard input; may be repeated
    #[arg(short, long = "file", value_name = "FILE|DIR|-", required = true)]
    files: Vec<PathBuf>,
    /// Say what would happen, without changing anything
    #[arg(long)]
    dry_run: bool,
    /// text for people, json for scripts
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "text")]
    output: Style,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Args)]
struct GetArgs {
    /// The kind to show
    #[arg(help = format!("One of {}", Kind::names(Kind::all())))]
    kind: Kind,
    /// Only the resource with this name
    name: Option<String>,
    /// Only resources of this virtual cluster
    #[arg(long, value_name = "NAME")]
    v_cluster: Option<String>,
    /// table for people; yaml and json can be applied again
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "table")]
    output: Format,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Args)]
struct DeleteArgs {
    /// The kind to delete from
    #[arg(
        help = format!("One of {}", Kind::names(Kind::applied())),
        requires = "name",
        required_unless_present = "files",
        conflicts_with = "files"
    )]
    kind: Option<AppliedKind>,
    /// The name of the resource
    name: Option<String>,
    /// The virtual cluster that it belongs to
    #[arg(long, value_name = "NAME", conflicts_with = "files")]
    v_cluster: Option<String>,
    /// The group that a policy is for
    #[arg(long, value_name = "NAME", conflicts_with_all = ["files", "username"])]
    group: Option<String>,
    /// The account that a policy is for
    #[arg(long, value_name = "NAME", conflicts_with = "files")]
    username: Option<String>,
    /// Delete all resources of a file, a directory, or - for standard input; may be repeated
    #[arg(short, long = "file", value_name = "FILE|DIR|-")]
    files: Vec<PathBuf>,
    /// Treat a resource that does not exist as deleted
    #[arg(long)]
    ignore_not_found: bool,
    /// Say what would happen, without changing anything
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Issue a token: the password of a service account for SASL/PLAIN
    #[command(name = "generateServiceAccountToken")]
    GenerateServiceAccountToken(TokenArgs),
    /// Revoke tokens: sessions that logged in with them end on every node
    #[command(name = "revokeServiceAccountTokens")]
    RevokeServiceAccountTokens(RevokeArgs),
    /// Create an access token: a program uses it with the admin API in place of your name and password
    #[command(name = "generateAccessToken")]
    GenerateAccessToken(access_token::GenerateArgs),
    /// Revoke an access token: no node accepts it any more
    #[command(name = "revokeAccessToken")]
    RevokeAccessToken(access_token::RevokeArgs),
    /// Set the SCRAM password of a service account; it is the first line of standard input
    #[command(name = "setScramCredential")]
    SetScramCredential(scram::SetArgs),
    /// Delete SCRAM credentials of a service account: sessions that logged in with them end on every node
    #[command(name = "deleteScramCredentials")]
    DeleteScramCredentials(scram::DeleteArgs),
    /// Sign tokens of service accounts with a new key; the old one verifies tokens until it is retired
    #[command(name = "rotateSigningKey")]
    RotateSigningKey(signing_key::RotateArgs),
    /// Retire the key that signed before: the tokens that it signed become invalid, and their sessions end on every node
    #[command(name = "retireSigningKey")]
    RetireSigningKey(signing_key::RetireArgs),
}

#[derive(Debug, Args)]
struct TokenArgs {
    /// The service account
    #[arg(long, value_name = "NAME")]
    username: String,
    /// The virtual cluster of the account
    #[arg(long, value_name = "NAME", default_value = "passthrough")]
    v_cluster: String,
    /// How long the token is valid, in seconds
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(i64).range(1..=2_147_483_647))]
    life_time_seconds: i64,
    /// text prints the token alone
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "text")]
    output: Style,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Args)]
struct RevokeArgs {
    /// All tokens of this service account
    #[arg(
        long,
        value_name = "NAME",
        required_unless_present = "id",
        conflicts_with = "id"
    )]
    username: Option<String>,
    /// One token, by its id: see klamm get tokens
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// The virtual cluster of the account
    #[arg(long, value_name = "NAME", default_value = "passthrough")]
    v_cluster: String,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Subcommand)]
enum ClusterAction {
    /// Show the nodes, their leader and how far each of them is
    Status {
        /// table for people; json and yaml for scripts
        #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "table")]
        output: Format,
        #[command(flatten)]
        connection: Connection,
    },
    /// Create a secret by which the nodes of a cluster recognize each other (klamm.raft.secret); this needs no gateway
    Secret,
    /// Accept a rebuilt Kafka cluster in place of the one that a physical cluster was; see cluster status
    #[command(name = "accept-kafka-cluster")]
    AcceptKafkaCluster(accept::AcceptArgs),
    /// Make a resource of a physical cluster of the configuration, so that it can be changed while the gateway runs
    Adopt(adopt::AdoptArgs),
    /// Write the whole replicated state into a file, which a new cluster can be made of
    Backup(backup::BackupArgs),
    /// Make this node's data directory anew from a backup, as a member of a new cluster; the node must not run
    Restore(offline::RestoreArgs),
    /// Show what this node's data directory holds; the node must not run
    Inspect(ConfigArgs),
    /// Make a new cluster of what this node's data directory holds, when the majority is lost; the node must not run
    Recover(offline::RecoverArgs),
    /// Let one node decide requests for a while although it hears no leader, when the others are lost
    #[command(name = "isolate-ok")]
    IsolateOk(isolate::IsolateArgs),
    /// Show the members of the cluster, and which of them vote
    Members {
        /// table for people; json and yaml for scripts
        #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "table")]
        output: Format,
        #[command(flatten)]
        connection: Connection,
    },
    /// Let a node vote, once it has caught up
    Promote(members::NodeArgs),
    /// Let a node vote no more; it goes on serving clients
    Demote(members::NodeArgs),
    /// Remove a node for good, once its clients are elsewhere
    Remove(members::RemoveNodeArgs),
    /// Let another node vote in place of a lost one, which is removed for good
    Replace(members::ReplaceArgs),
    /// Say how many nodes are to vote, as nodes come and go
    Voters(members::VotersArgs),
    /// Show where requests for physical clusters go that others can stand in for
    Routes {
        /// table for people; json and yaml for scripts
        #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "table")]
        output: Format,
        #[command(flatten)]
        connection: Connection,
    },
    /// Send requests for a physical cluster to the one that stands in for it, or back, on all nodes at once
    Switch(routes::SwitchArgs),
    /// Inspect and finish an upgrade of the nodes to another version
    Upgrade {
        #[command(subcommand)]
        action: UpgradeAction,
    },
}

/// The process environment; what is not UTF-8 is replaced.
type Variables = BTreeMap<String, String>;

/// Runs the command line of this process.
pub fn run(serve: Serve) -> ExitCode {
    let variables: Variables = std::env::vars_os()
        .map(|(name, value)| {
            (
                name.to_string_lossy().into_owned(),
                value.to_string_lossy().into_owned(),
            )
        })
        .collect();
    match execute(Cli::parse(), &variables, serve) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // There is nobody left to tell when standard error is closed.
            let _ = writeln!(io::stderr(), "{}", failure.for_people());
            failure.exit_code()
        }
    }
}

fn execute(cli: Cli, variables: &Variables, serve: Serve) -> Result<(), Failure> {
    match cli.command {
        Command::Serve(args) => serve::serve(args.config, variables, serve),
        Command::CheckConfig(args) => print(&serve::check(args.config, variables)?),
        Command::Quickstart(args) => quickstart(args),
        Command::Apply(args) => {
            let report = apply::apply(&args, &args.connection.client(variables)?)?;
            report.print(args.output)
        }
        Command::Get(args) => print(&get::get(&args, &args.connection.client(variables)?)?),
        Command::Delete(args) => {
            delete::delete(&args, &args.connection.client(variables)?)?.print(Style::Text)
        }
        Command::Acl { action } => acl::run(&action, variables),
        Command::Run { action } => print(&run_action(&action, io::stdin().lock(), variables)?),
        Command::Usage(args) => usage::show(&args, &args.connection.client(variables)?),
        Command::Cluster { action } => match action {
            ClusterAction::Status { output, connection } => {
                cluster::status(output, &connection.client(variables)?)
            }
            ClusterAction::Secret => print(&cluster::secret()?),
            ClusterAction::AcceptKafkaCluster(args) => {
                accept::accept(&args, &args.connection.client(variables)?)
            }
            ClusterAction::Adopt(args) => adopt::adopt(&args, variables),
            ClusterAction::Backup(args) => backup::run(&args, variables),
            ClusterAction::Restore(args) => offline::restore(&args, variables),
            ClusterAction::Inspect(args) => offline::inspect(&args, variables),
            ClusterAction::Recover(args) => offline::recover(&args, variables),
            ClusterAction::IsolateOk(args) => isolate::allow(&args, &args.connection.client(variables)?),
            ClusterAction::Members { output, connection } => {
                members::list(output, &connection.client(variables)?)
            }
            ClusterAction::Promote(args) => members::promote(&args, &args.how.connection.client(variables)?),
            ClusterAction::Demote(args) => members::demote(&args, &args.how.connection.client(variables)?),
            ClusterAction::Remove(args) => members::remove(&args, &args.how.connection.client(variables)?),
            ClusterAction::Replace(args) => members::replace(&args, &args.how.connection.client(variables)?),
            ClusterAction::Voters(args) => members::voters(&args, &args.connection.client(variables)?),
            ClusterAction::Routes { output, connection } => {
                routes::list(output, &connection.client(variables)?)
            }
            ClusterAction::Switch(args) => routes::switch(&args, &args.connection.client(variables)?),
            ClusterAction::Upgrade { action } => match action {
                UpgradeAction::Status { connection } => upgrade::status(&connection.client(variables)?),
                UpgradeAction::Finalize(args) => {
                    upgrade::finalize(&args, &args.connection.client(variables)?)
                }
            },
        },
    }
}

/// Runs an action of the gateway, and returns what is printed.
fn run_action(action: &Action, input: impl BufRead, variables: &Variables) -> Result<String, Failure> {
    let client = |connection: &Connection| connection.client(variables);
    match action {
        Action::GenerateServiceAccountToken(args) => token::generate(args, &client(&args.connection)?),
        Action::RevokeServiceAccountTokens(args) => token::revoke(args, &client(&args.connection)?),
        Action::GenerateAccessToken(args) => access_token::generate(args, &client(&args.connection)?),
        Action::RevokeAccessToken(args) => access_token::revoke(args, &client(&args.connection)?),
        Action::SetScramCredential(args) => scram::set(args, input, &client(&args.connection)?),
        Action::DeleteScramCredentials(args) => scram::delete(args, &client(&args.connection)?),
        Action::RotateSigningKey(args) => signing_key::rotate(args, &client(&args.connection)?),
        Action::RetireSigningKey(args) => signing_key::retire(args, &client(&args.connection)?),
    }
}

fn quickstart(args: QuickstartArgs) -> Result<(), Failure> {
    let options = quickstart::Options {
        backend: args.backend,
        backend_properties: args.backend_properties,
        nodes: args.nodes,
        afterwards: if args.exit {
            quickstart::Afterwards::Exit
        } else {
            quickstart::Afterwards::Stay
        },
    };
    quickstart::run(&options).map_err(|error| Failure::Failed(Box::new(error)))
}

/// Writes to standard output. A reader who has seen enough is no failure.
fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::Failed(Box::new(error))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
