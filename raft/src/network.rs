//! Peers over TCP.
//!
//! ```text
//!   openraft ──▶ adapter ┐                                  ┌▶ openraft
//!   proposals ───────────┼▶ Peer::call ══ channel ══ server ┼▶ proposals (as leader)
//!   poller ──────────────┘   (pooled)    (encrypted)        └▶ what this node shows
//! ```
//! A connection carries one request at a time. It may go over TLS (`link`). Both ends prove that they know the cluster's secret before either reads
//! anything of variable length.

mod adapter;
mod channel;
mod frame;
mod handshake;
mod link;
mod message;
mod peer;
mod pieces;
mod poller;
mod port;
mod server;
mod service;

pub(crate) use adapter::Network;
pub(crate) use handshake::Identity;
pub(crate) use message::{FloorAnswer, JoinAnswer, PeerDescription, Request, Response, TakeAnswer};
pub(crate) use peer::{Peer, Peers};
pub(crate) use poller::poll;
pub(crate) use port::PeerPort;
pub(crate) use server::{Callers, serve};
pub(crate) use service::Service;
