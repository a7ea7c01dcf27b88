//! The admin HTTP API: resources, tokens, health, metrics. It talks to the control plane only, never to a session.

mod absent;
mod api;
mod audit;
mod body;
mod change;
mod cluster_view;
mod credentials;
mod cross_site;
mod dialect;
mod front;
mod handlers;
mod here;
mod kind;
mod mapping;
mod members_view;
mod openapi;
mod physical;
mod port;
mod problem;
mod problem_details;
mod rehearsed;
mod repoint;
mod resources;
mod routes;
mod routes_view;
mod services;
mod taken;
mod variables;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::web;

use crate::config::HttpConfig;
use crate::metrics::GuardMetrics;
use crate::tls::Latest;

pub use cluster_view::{ClusterView, ListenerView, LivenessView, NodeView};
pub use handlers::KINDS;
pub use here::{DecidingView, Here, PhysicalState, PhysicalView, UnopenedView};
pub use kind::{Claim, Kind, Listing, Pace};
pub use members_view::{MemberView, MembersView, RemovedView, RoleView};
pub use problem::ProblemBody;
pub use rehearsed::{RehearsalFinding, Severity};
pub use resources::authentication_from;
pub use routes_view::{PhaseView, RouteView};
pub use services::{
    AnswerLater, BackupCover, BackupFile, CannotAsk, CannotBackUp, CommittedOffsets, ConfirmNewest,
    FindTopic, Finding, IsGroupMeant, ListPhysicalTopics, MakeBackup, PositionsOfGroups, ProposeChange,
    ProviderFacts, ReportUsage, Services, TopicBounds, Unready,
};
pub use variables::Variables;

use credentials::Guard;
use port::SEATS;

/// Connections that wait to be accepted.
const BACKLOG: u32 = 1024;

/// Connections that there are, with those that have lost their seat and are not closed yet.
const MAX_CONNECTIONS: usize = 2 * SEATS;

/// How long a client may take to send the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// How long requests in flight may go on once the server stops.
const STOP_TIMEOUT_S: u64 = 5;

/// Opens the admin API's port, with TLS if a certificate is given. The server runs when the returned future is polled, on a thread of its own.
///
/// # Errors
/// The port cannot be opened.
pub fn server(
    config: &HttpConfig,
    services: Services,
    tls: Option<&Arc<Latest>>,
    metrics: &GuardMetrics,
) -> io::Result<Server> {
    let address = (config.bind.host.as_str(), config.bind.port);
    let guard = web::Data::new(Guard::new(config));
    let services = web::Data::new(services);
    let server = Server::build()
        .workers(1)
        .disable_signals()
        .backlog(BACKLOG)
        .max_concurrent_connections(MAX_CONNECTIONS)
        .shutdown_timeout(STOP_TIMEOUT_S);
    Ok(port::bind(server, address, tls, (guard, services), metrics)?.run())
}

#[cfg(test)]
pub(crate) mod tests;
