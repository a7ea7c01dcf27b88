//! Every bound of a session, by name. Nothing here changes while a session runs.

use std::time::Duration;

/// The bounds of one session, and of all of them together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Client connections of this node that have logged in.
    pub max_connections: usize,
    /// Those beside them that have not logged in yet.
    pub max_unauthenticated: usize,
    /// The longest frame of a client that has logged in, and of a broker, in bytes without the length prefix.
    pub max_frame_bytes: usize,
    /// The longest frame before login, in bytes without the length prefix.
    pub max_login_frame_bytes: usize,
    /// Large request frames that all sessions together hold, in bytes; and as much again for responses. At least
    /// `max_frame_bytes`. Those of one virtual cluster hold at most half of it, those of one principal a quarter.
    pub max_buffered_bytes: usize,
    /// Records that policies look at, opened, in bytes of all sessions together, beside the frames that they are in. Those
    /// of one virtual cluster hold at most half of it, those of one principal a quarter.
    pub max_policy_bytes: usize,
    /// Of a virtual cluster so many accounts, and so many topics of theirs, are told apart in what is counted for bills.
    pub max_usage_names: usize,
    /// Requests of one session that wait for their answer. It reads no further ones then.
    pub max_in_flight: usize,
    /// Bytes that wait to be written to one side, beyond which the other side is not read.
    pub max_queued_bytes: usize,
    /// From accept to the end of the TLS handshake, PROXY header included.
    pub handshake_timeout: Duration,
    /// From then to a successful login.
    pub login_timeout: Duration,
    /// Without a byte from or to the client.
    pub idle_timeout: Duration,
    /// From the first byte of a frame to its last, without the time that it waits for memory.
    pub frame_timeout: Duration,
    /// A large frame for which memory is reserved brings `min_frame_progress_bytes`, or its end, within this time.
    pub frame_stall_timeout: Duration,
    /// See `frame_stall_timeout` and `answer_stall_timeout`.
    pub min_frame_progress_bytes: usize,
    /// A broker's answer that has begun brings `min_frame_progress_bytes`, or its end, within this time.
    pub answer_stall_timeout: Duration,
    /// Within this time a client takes a fifth of the answers that waited for it at its start.
    pub write_timeout: Duration,
    /// From the order to finish until the connection is closed whatever is in flight.
    pub drain_timeout: Duration,
    /// The time to finish for a session whose seat was given to somebody else.
    pub leave_timeout: Duration,
    /// Over this time the sessions of a node begin to finish, so that clients do not all come back at once.
    pub drain_spread: Duration,
    /// How long a connection goes on whose client should go elsewhere: enough for a login and for what a client asks
    /// first, the addresses of brokers.
    pub drain_visit: Duration,
    /// Before a failed login is answered; each further one of the same name and address waits twice as long, up to 5 s.
    pub failed_login_delay: Duration,
    /// From a login until it must be made again (KIP-368); none: as long as the credential holds.
    pub max_session_lifetime: Option<Duration>,
    /// For a refresh of topics, for a change to be made durable, or until it is a password's turn to be checked.
    pub need_timeout: Duration,
    /// Without a request, until buffers are given up and the lane is given back.
    pub tidy_after: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 10_000,
            max_unauthenticated: 2_000,
            max_frame_bytes: 100 << 20,
            max_login_frame_bytes: 64 << 10,
            max_buffered_bytes: 512 << 20,
            max_policy_bytes: 512 << 20,
            max_usage_names: 10_000,
            max_in_flight: 64,
            max_queued_bytes: 256 << 10,
            handshake_timeout: Duration::from_secs(10),
            login_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(600),
            frame_timeout: Duration::from_secs(300),
            frame_stall_timeout: Duration::from_secs(10),
            min_frame_progress_bytes: 256 << 10,
            answer_stall_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(60),
            drain_timeout: Duration::from_secs(30),
            leave_timeout: Duration::from_secs(1),
            drain_spread: Duration::from_secs(2),
            drain_visit: Duration::from_secs(1),
            failed_login_delay: Duration::from_millis(100),
            max_session_lifetime: None,
            need_timeout: Duration::from_secs(10),
            tidy_after: Duration::from_secs(15),
        }
    }
}
