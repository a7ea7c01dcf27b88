//! What a request leaves behind for its answer. Opaque to the session.

/// A forwarded request, as its response must be treated.
#[derive(Debug)]
pub struct Pending {
    /// The response must carry this correlation id.
    pub correlation_id: i32,
}

/// A change that was proposed for a request, as its answer must be built.
#[derive(Debug)]
pub struct PendingChange {
    /// The correlation id of the answer.
    pub correlation_id: i32,
}
