//! The authorizer: what a Kafka broker with StandardAuthorizer would answer, decided on a compiled index.

mod permit;
mod principal;

pub use permit::{Authorized, NoCheck, Permit, Rule};
pub use principal::Principal;
