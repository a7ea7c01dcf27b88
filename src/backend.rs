//! Physical clusters: how the gateway connects to them, and what it knows of them.

pub mod config;
pub mod topology;
