//! The replicated control state of a Klamm cluster.
//!
//! Reading order: [`model`] is the state (pure data), [`command`] and [`outcome`] are the closed sets of changes and
//! answers, [`machine`] applies one to the other (pure, total, deterministic). The data plane imports only [`model`].

pub mod command;
pub mod model;
pub mod outcome;
