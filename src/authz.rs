//! The authorizer: what a Kafka broker with StandardAuthorizer would answer, decided on a compiled index.
//!
//! Pure: ACLs and questions in, decisions out. It knows neither frames nor sessions nor how ACLs are stored.
//!
//! Reading order: [`Principal`], [`Resource`] and [`host_text`] are the question, [`AclIndex`] decides it, [`Decision`]
//! and [`Authorized`] are the answer, [`AuditLine`] its trace. [`codes`], [`create`] and [`filter`] are the rules by which
//! Kafka's own APIs change and list ACLs.

mod audit;
mod authorized;
mod breadth;
pub mod codes;
pub mod create;
mod decision;
pub mod filter;
mod host;
mod index;
#[cfg(test)]
mod model;
mod operations;
mod principal;
mod resource;

pub use audit::{AuditLine, operation_name as audited_operation, type_title as audited_type};
pub use authorized::{Authorized, Rule};
pub use breadth::Breadth;
pub use decision::{AclRef, Decision, DenyRule, MatchedAcl};
pub use host::host_text;
pub use index::{AclIndex, Asker, IfNoAcl};
pub use operations::is_of_type;
pub use principal::Principal;
pub use resource::{CLUSTER_NAME, Resource};
