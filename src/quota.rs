//! Client quotas, and limits of virtual clusters (pure): which holds for whom, by Kafka's rules, and how long somebody waits who
//! has used more. Time is an argument.

mod connections;
mod meter;
mod quotas;
mod share;

pub use connections::{OpenConnection, OpenConnections};
pub use meter::Meter;
pub use quotas::{CountedFor, Found, Quotas};
pub use share::{OtherNodes, WantedUse};
