//! SASL/OAUTHBEARER: the message, the keys of a provider, and whether a token is good. Pure: keys and time are arguments.

mod claims;
mod keys;
mod message;
mod provider;
mod verify;

pub use keys::{KeySet, MalformedKeys};
pub(super) use message::{BearerMessage, INVALID_TOKEN};
pub use provider::{Algorithm, Keyring, Provider, UnknownAlgorithm};
pub use verify::{Fault, TokenDemand, Verified, unverified_subject, verify};

#[cfg(test)]
pub(crate) mod samples;
