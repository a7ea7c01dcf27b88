//! Klamm: a Kafka gateway. The modules are listed in the order in which a request meets them.
//!
//! ```text
//! DATA     client → listener → session → (auth) → wire: walk the frame → authz → vcluster: rename → backend: lane → broker
//! CONTROL  admin, cli ┐
//!          Kafka ACLs ┴→ control → klamm-raft (any node proposes) → state machine → view → every session's next request
//! ```

pub mod address;
pub mod chain;
mod fold;
mod guesses;
mod https;
mod pace;
mod regexp;
pub mod secret;
pub mod stream;
pub mod supervision;
pub mod tls;
mod unix_time;
mod whole_file;
mod yaml;

pub mod listener;
pub mod session;
pub mod auth;
pub mod wire;
pub mod records;
pub mod envelope;
pub mod expression;
pub mod schemas;
pub mod authz;
pub mod policy;
pub mod quota;
pub mod usage;
pub mod vcluster;
pub mod backend;
pub mod oauth;
pub mod keys;
pub mod registries;

pub mod admin;
pub mod cli;
pub mod control;
pub mod quickstart;

#[cfg(test)]
mod fuzz;

pub mod app;
pub mod config;
pub mod metrics;
pub mod telemetry;
