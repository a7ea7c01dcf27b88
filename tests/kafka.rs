//! The real binary between real Kafka and stock clients. Everything here runs on loopback and starts what it needs.

#[path = "kafka/access_tokens.rs"]
mod access_tokens;
#[path = "kafka/acls.rs"]
mod acls;
#[path = "kafka/authentication.rs"]
mod authentication;
#[path = "kafka/batch.rs"]
mod batch;
#[path = "kafka/brokers.rs"]
mod brokers;
#[path = "clients/clients.rs"]
mod clients;
#[path = "kafka/changes.rs"]
mod changes;
#[path = "kafka/conformance.rs"]
mod conformance;
#[path = "kafka/encryption.rs"]
mod encryption;
#[path = "kafka/endurance.rs"]
mod endurance;
#[path = "kafka/event_gateway_policies.rs"]
mod event_gateway_policies;
#[path = "kafka/expressions.rs"]
mod expressions;
#[path = "kafka/failover.rs"]
mod failover;
#[path = "kafka/failure_modes.rs"]
mod failure_modes;
#[path = "kafka/federation.rs"]
mod federation;
#[path = "kafka/groups.rs"]
mod groups;
#[path = "kafka/growth.rs"]
mod growth;
#[path = "kafka/hostile.rs"]
mod hostile;
#[path = "integrations/integrations.rs"]
mod integrations;
#[path = "kafka/interceptors.rs"]
mod interceptors;
#[path = "kafka/isolation.rs"]
mod isolation;
#[path = "kafka/kcat.rs"]
mod kcat;
#[path = "kafka/keyboard.rs"]
mod keyboard;
#[path = "kafka/leases.rs"]
mod leases;
#[path = "kafka/listeners.rs"]
mod listeners;
#[path = "clients/logins.rs"]
mod logins;
#[path = "kafka/members.rs"]
mod members;
#[path = "kafka/names.rs"]
mod names;
#[path = "kafka/passthrough.rs"]
mod passthrough;
#[path = "kafka/physical.rs"]
mod physical;
#[path = "kafka/pki.rs"]
mod pki;
#[path = "kafka/policies.rs"]
mod policies;
#[path = "kafka/producers.rs"]
mod producers;
#[path = "kafka/program.rs"]
mod program;
#[path = "kafka/quickstart.rs"]
mod quickstart;
#[path = "kafka/quotas.rs"]
mod quotas;
#[path = "kafka/relay.rs"]
mod relay;
#[path = "kafka/request_rules.rs"]
mod request_rules;
#[path = "kafka/schemas.rs"]
mod schemas;
#[path = "kafka/several.rs"]
mod several;
#[path = "kafka/scene.rs"]
mod scene;
#[path = "kafka/signing_keys.rs"]
mod signing_keys;
#[path = "kafka/standard.rs"]
mod standard;
#[path = "kafka/switch.rs"]
mod switch;
#[path = "kafka/storage_key.rs"]
mod storage_key;
#[path = "kafka/tools.rs"]
mod tools;
#[path = "kafka/transactions.rs"]
mod transactions;
#[path = "kafka/usage.rs"]
mod usage;
#[path = "kafka/walkthrough.rs"]
mod walkthrough;
#[path = "kafka/wire.rs"]
mod wire;
#[path = "kafka/without_login.rs"]
mod without_login;
