//! Attacks on a running gateway, and mishaps. Whatever is thrown at its ports, and whatever a broker answers: the process lives, its
//! memory and its open files stay bounded, it says why it closed what it closed, and others are served.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "hostile/administration.rs"]
mod administration;
#[path = "hostile/adopted.rs"]
mod adopted;
#[path = "hostile/after_login.rs"]
mod after_login;
#[path = "hostile/before_login.rs"]
mod before_login;
#[path = "hostile/broker.rs"]
mod broker;
#[path = "hostile/client.rs"]
mod client;
#[path = "hostile/components.rs"]
mod components;
#[path = "hostile/gateway.rs"]
mod gateway;
#[path = "hostile/guesses.rs"]
mod guesses;
#[path = "hostile/impostors.rs"]
mod impostors;
#[path = "hostile/memory.rs"]
mod memory;
#[path = "hostile/other_cluster.rs"]
mod other_cluster;
#[path = "hostile/peers.rs"]
mod peers;
#[path = "kafka/pki.rs"]
mod pki;
#[path = "hostile/records.rs"]
mod records;
#[path = "hostile/pods.rs"]
mod pods;
#[path = "hostile/restored.rs"]
mod restored;
#[path = "hostile/seats.rs"]
mod seats;
#[path = "hostile/stolen.rs"]
mod stolen;
#[path = "hostile/taken_ports.rs"]
mod taken_ports;
#[path = "hostile/upgrade.rs"]
mod upgrade;
#[path = "hostile/upstream.rs"]
mod upstream;
