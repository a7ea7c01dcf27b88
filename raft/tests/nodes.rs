//! Running nodes, one alone and three together, through the public interface.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends with a panic")]

#[path = "nodes/backup.rs"]
mod backup;
#[path = "nodes/copies.rs"]
mod copies;
#[path = "nodes/fixture.rs"]
mod fixture;
#[path = "nodes/full.rs"]
mod full;
#[path = "nodes/killed.rs"]
mod killed;
#[path = "nodes/lease.rs"]
mod lease;
#[path = "nodes/members.rs"]
mod members;
#[path = "nodes/partition.rs"]
mod partition;
#[allow(unreachable_pub, reason = "public where it is at home")]
#[path = "../../src/quickstart/ports.rs"]
mod ports;
#[path = "nodes/single.rs"]
mod single;
#[path = "nodes/strangers.rs"]
mod strangers;
#[path = "nodes/support.rs"]
mod support;
#[path = "nodes/three.rs"]
mod three;
#[path = "nodes/upgrade.rs"]
mod upgrade;
