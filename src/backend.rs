//! Physical clusters: how the gateway connects to them, and what it knows of them.
//!
//! ```text
//! config → tls → dial: TCP, TLS, login → lane → pool (one per cluster and data arbiter) → session
//!                                      → channel → watcher (one per cluster) → topology → view
//! ```

mod breaker;
mod channel;
pub mod config;
pub mod dial;
mod expected;
#[cfg(test)]
pub(crate) mod fake;
mod generation;
mod identity;
pub mod lane;
mod login;
mod message;
pub mod pool;
mod pools;
mod relay;
mod scram;
mod survey;
mod tls;
pub mod topology;
mod unusable;
pub mod upstreams;
pub mod watcher;

pub(crate) use channel::{Channel, ChannelError};
pub(crate) use dial::Dialled;
pub use dial::{DialError, Dialer};
pub use expected::{Expected, OtherCluster};
pub use identity::IdentityError;
pub use lane::{Lane, LoginAs};
pub use login::LoginError;
pub use pool::{Lease, LeaseError, Pool, Return};
pub use pools::Pools;
pub use relay::RelayError;
pub use scram::ScramError;
pub use survey::{Bounds, Committed, GroupPositions, Survey, SurveyError};
pub use tls::ClientTlsError;
pub(crate) use tls::check as check_tls;
pub use topology::Topology;
pub use unusable::Unusable;
pub use upstreams::{Connecting, Upstream, UpstreamError, Upstreams};
pub use watcher::{DescribeTopic, ListTopics, LookNow, Picture, Reach, Track, Tracked, Unavailable, Watcher};

/// Tells a watcher or a pool that connections are made in another way from now on.
#[derive(Debug, Clone, actix::Message)]
#[rtype(result = "()")]
pub(crate) struct Redial {
    pub(crate) dialer: std::sync::Arc<Dialer>,
}

/// Tells a watcher or a pool that its physical cluster is not this node's any more.
#[derive(Debug, Clone, Copy, actix::Message)]
#[rtype(result = "()")]
pub(crate) struct Retire;

/// Chance, to keep gateways from acting in step. Not for secrets.
fn chance() -> u8 {
    let mut byte = [0_u8; 1];
    // Without chance they act in step, which is no more than a pity.
    let _ = aws_lc_rs::rand::fill(&mut byte);
    byte[0]
}
