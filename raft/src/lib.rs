//! The replicated control state of a Klamm cluster.
//!
//! Reading order: [`model`] is the state (pure data), [`command`] and [`outcome`] are the closed sets of changes and
//! answers, [`machine`] applies one to the other (pure, total, deterministic). The data plane imports only [`model`].

pub mod command;
pub mod machine;
pub mod model;
pub mod outcome;

mod codec;
mod config;
mod disk_space;
mod network;
mod node;
mod sequence;
mod standing;
mod status;
mod store;
mod types;
mod visibility;

pub use config::{NodeConfig, Secret, Tuning, WeakSecret};
pub use node::{Applied, Node, NotReady, ProposeError, StartError};
pub use status::{PeerStatus, Readiness, Status};
pub use store::StoreError;
pub use visibility::Visibility;
