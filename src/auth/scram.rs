//! SCRAM-SHA-256 and SCRAM-SHA-512 (RFC 5802, RFC 7677), the server's side. Pure: salts, nonces and passwords are
//! arguments. What is kept of a password is what checks a proof, and is no use for logging in.

mod exchange;
mod message;
pub(crate) mod mix;

pub use exchange::{Exchange, Nonce, Proven};
pub(super) use message::First;
pub use mix::{Salt, credential_of, credential_of_salted};

/// The fewest iterations of a credential (RFC 7677 §4).
pub const MIN_ITERATIONS: u32 = 4096;
/// The most: the cost of a guess is the client's, but so is that of a login.
pub const MAX_ITERATIONS: u32 = 16_384;
