//! Who judges records.

use crate::records::draft::Draft;

/// Judges records one after the other, in the order of their offsets.
pub trait Chain {
    /// Why a record is refused: an index or the like, from which rule and words can be found later.
    type Reason;

    /// Looks at a record and may change it.
    fn judge(&mut self, record: &mut Draft<'_>) -> Verdict<Self::Reason>;
}

/// The fate of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict<R> {
    /// It goes on, with the changes that were made to it.
    Keep,
    /// It is left out, as if it were not there. Only what is fetched can be left out.
    Skip,
    /// Produced, its whole batch is refused. Fetched, nothing is delivered from here on.
    Refuse(R),
}
