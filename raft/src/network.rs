//! Peers over TCP.
//!
//! ```text
//!   openraft ──▶ adapter ┐                                  ┌▶ openraft
//!   proposals ───────────┼▶ Peer::call ══ channel ══ server ┼▶ proposals (as leader)
//!   poller ──────────────┘   (pooled)    (encrypted)        └▶ what this node shows
//! ```
//! A connection carries one request at a time. It may go over TLS (`link`); in it, or without it, both ends speak Noise
//! (`noise`): they prove who they are to each other (`handshake`) before either reads a request.

mod adapter;
mod asking;
mod channel;
mod exclusion;
mod handshake;
mod hello;
mod link;
pub(crate) mod message;
mod noise;
mod peer;
mod peers;
mod pieces;
mod places;
mod poller;
mod port;
mod refused;
mod seats;
mod server;
mod service;

pub(crate) use adapter::Network;
pub(crate) use asking::ask_at;
pub(crate) use exclusion::NodeExclusion;
pub(crate) use handshake::Identity;
pub(crate) use hello::NOBODY;
pub(crate) use message::{
    AdmissionAnswer, FloorAnswer, JoinAnswer, KnownMembers, LeaseAnswer, PeerDescription, Request, Response,
    SettledAnswer, TakeAnswer,
};
pub(crate) use peer::{CallError, Peer, Seen};
pub(crate) use peers::Peers;
pub(crate) use poller::poll_all;
pub(crate) use port::PeerPort;
pub use refused::PeerRefusal;
pub(crate) use refused::RefusalCounts;
pub(crate) use server::{Callers, serve};
pub(crate) use service::Service;
