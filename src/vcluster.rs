//! One virtual cluster: what a tenant sees, and how each of its requests becomes one that a physical broker may see.

pub mod actor;
pub mod api;
pub mod brokers;
pub mod carried;
mod concern;
pub mod embedded;
pub mod epochs;
pub mod names;
pub mod pattern;
pub mod pending;
pub mod plan;
pub mod producer;
pub mod record_work;
pub mod rename;
pub mod routed;
#[cfg(test)]
pub(crate) mod samples;
pub mod subscriptions;
pub mod view;
