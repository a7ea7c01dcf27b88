//! Every forwarded API in every version against a real broker: what the virtual cluster makes of a request is one that
//! the broker takes, and what it makes of the answer is one that the client reads, with nothing physical in it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "versions/consumer_groups.rs"]
mod consumer_groups;
#[path = "versions/groups.rs"]
mod groups;
#[path = "versions/metadata.rs"]
mod metadata;
#[path = "versions/records.rs"]
mod records;
#[path = "versions/world.rs"]
mod world;
