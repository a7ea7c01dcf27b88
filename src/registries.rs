//! Schema registries, by the names that a node's configuration gives them, through the API of Confluent's. Schemas are fetched
//! when records need them ([`crate::schemas`]), and kept. Nothing here runs on a thread that carries requests, but looking up
//! what is kept.
//!
//! Whatever a registry does not answer is never remembered, and that it knows no schema of an id for a few seconds only. While it is
//! away, schemas that are there stay.

mod client;
mod config;
mod kept;
mod named;
mod source;

pub use config::{RegistryAccess, RegistryConfig};
pub use named::{ObtainedSchemas, Registries};

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
