//! Mutated input for everything that reads bytes from outside. No target may panic, take memory without bound, or send
//! a broker what a client may not name.
//!
//! Each target runs for `KLAMM_FUZZ_SECONDS` (a moment by default) and counts on from `KLAMM_FUZZ_SEED`. A failure
//! prints the seed with which the same case comes first. `make fuzz ARGS="--seconds 600"` runs for longer.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "fuzz/chance.rs"]
mod chance;
#[path = "fuzz/configuration.rs"]
mod configuration;
#[path = "fuzz/corpus.rs"]
mod corpus;
#[path = "fuzz/framing.rs"]
mod framing;
#[path = "fuzz/grow.rs"]
mod grow;
#[path = "fuzz/login.rs"]
mod login;
#[path = "fuzz/mutate.rs"]
mod mutate;
#[path = "fuzz/runner.rs"]
mod runner;
#[path = "fuzz/virtual_cluster.rs"]
mod virtual_cluster;
#[path = "fuzz/vouched.rs"]
mod vouched;
#[path = "fuzz/walker.rs"]
mod walker;
#[path = "fuzz/world.rs"]
mod world;
