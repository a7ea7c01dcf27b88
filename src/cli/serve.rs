//! `klamm serve` and `klamm check-config`: the configuration of this process.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use klamm_raft::model::Routing;

use crate::admin;
use crate::config::{Config, Inputs};
use crate::listener::config::ListenerConfig;

use super::failure::Failure;
use super::{Serve, Variables};

pub(super) fn load(file: Option<PathBuf>, variables: &Variables) -> Result<Config, Failure> {
    with_inputs(file, variables, Config::load).map_err(Failure::Config)
}

/// Reads what a node is configured with.
pub(super) fn with_inputs<T>(
    file: Option<PathBuf>,
    variables: &Variables,
    read: impl FnOnce(Inputs<'_>) -> T,
) -> T {
    let file = file.or_else(|| variables.get("KLAMM_CONFIG").map(PathBuf::from));
    read(Inputs {
        file: file.as_deref(),
        variables,
        read: &|path| std::fs::read_to_string(path),
        read_secret: &read_secret,
        methods: admin::authentication_from,
    })
}

/// Reads a file that not everybody may read. Its group may: that is how Kubernetes hands secrets out.
pub(super) fn read_secret(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    if file.metadata()?.permissions().mode() & 0o007 != 0 {
        return Err(io::Error::other(format!(
            "everybody on this machine can read it: chmod 600 {}",
            path.display()
        )));
    }
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    Ok(text)
}

pub(super) fn serve(file: Option<PathBuf>, variables: &Variables, serve: Serve) -> Result<(), Failure> {
    serve(load(file, variables)?)
}

/// Checks a configuration, and says so when it can be used.
pub(super) fn check(file: Option<PathBuf>, variables: &Variables) -> Result<String, Failure> {
    let config = load(file, variables)?;
    let warnings: String = config
        .warnings
        .iter()
        .map(|warning| format!("warning: {warning}\n"))
        .collect();
    let clusters: Vec<&str> = config.backends.keys().map(|id| id.as_str()).collect();
    let listeners: Vec<String> = config.listeners.iter().map(shown).collect();
    Ok(format!(
        "{warnings}the configuration is valid: node {}, admin API on {}, {}, physical clusters {}\n",
        config.node.id,
        config.http.bind,
        listeners.join(", "),
        clusters.join(", ")
    ))
}

fn shown(listener: &ListenerConfig) -> String {
    let first = listener.bind_port;
    let ports = match &listener.routing {
        Routing::Port { count, .. } => format!("on the ports {first} to {}", first + (count - 1)),
        Routing::Sni { domain, .. } => format!("for *.{domain} on the port {first}"),
    };
    format!("Kafka ({}) {ports} of {}", listener.speech, listener.bind_host)
}
