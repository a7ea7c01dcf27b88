//! Who a client is: SASL exchanges and service-account tokens, as pure steps. Knows no sockets, no clock, no metrics.
//!
//! [`Conversation`] is the one entrance of a session: it takes SASL requests and says what to answer. Mechanisms are
//! the variants of [`Mechanism`]; another one is a variant and its exchange.

mod accept;
pub mod certificate;
mod conversation;
mod directory;
mod login;
pub mod mapping;
mod mechanism;
mod messages;
pub mod oauth;
pub mod password;
mod plain;
mod refusal;
mod relay;
pub mod rule;
pub(crate) mod saslname;
pub mod scram;
pub mod token;
mod unix_time;

pub use conversation::{Conversation, KeyNeed, Moment, SaslRequest, Turn};
pub use directory::Directory;
pub use login::{Login, LoginLost};
pub use mechanism::Mechanism;
pub use refusal::LoginRefusal;
pub use relay::{BrokerAnswer, ToBroker};
pub use unix_time::UnixMillis;
