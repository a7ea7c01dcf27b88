//! Mistakes that one could make in the protocol.

/// A mistake of the model, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mistake {
    None,
    /// A lease counts from when it comes.
    FromReceipt,
    /// The view is loaded before the lease is looked at.
    ViewFirst,
    /// A new leader knows of no leases.
    NewLeaderKnowsNobody,
    /// A change is acknowledged when it is committed.
    AcknowledgedAtCommit,
    /// A leader grants though nobody says that it still leads.
    NotConfirmed,
    /// The leader waits as long as a lease is, by its own clock.
    NoMargin,
    /// A lease counts before its floor is shown.
    CountsBeforeShown,
    /// The clock was read before the request was.
    OldClock,
    /// A new leader takes its own last acknowledgement for that of a majority.
    OwnWordOnly,
    /// Nobody notes that a leader was acknowledged.
    ForgetsAcknowledgements,
}
