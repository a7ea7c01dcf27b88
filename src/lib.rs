//! Klamm: a Kafka gateway. The modules are listed in the order in which a request meets them.
//!
//! ```text
//! DATA     client → listener → session → (auth) → wire: walk the frame → authz → vcluster: rename → backend: lane → broker
//! CONTROL  admin, cli ┐
//!          Kafka ACLs ┴→ control → klamm-raft (any node proposes) → state machine → view → every session's next request
//! ```

pub mod address;
pub mod admin;
pub mod auth;
pub mod authz;
pub mod backend;
pub mod cli;
pub mod config;
pub mod listener;
pub mod metrics;
pub mod quickstart;
pub mod secret;
pub mod telemetry;
pub mod vcluster;
pub mod session;
pub mod wire;
