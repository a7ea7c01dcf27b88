//! Scenarios: a request of a client, what a broker sees of it, what it answers, what the client sees of that.

mod acls;
mod administer;
mod by_id;
mod consumer_groups;
mod fetch;
mod groups;
mod inspect;
mod leaks;
mod metadata;
mod offsets;
mod others_topics;
mod passthrough;
mod produce;
mod producers;
mod rest;
mod scram_users;
mod several;
mod share_groups;
mod share_state;
mod standard;
mod share_offsets;
mod streams_groups;
mod throttled_replicas;
mod txn;
mod txn_admin;
mod world;
