//! Who has a name that two topics of a physical cluster would have in a Standard virtual cluster.

use serde::{Deserialize, Serialize};

/// The topic that has a name, of two that would have it. Append-only: the order is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Holder {
    /// The topic of the virtual cluster's own namespace.
    Own,
    /// The topic that is let in under its own name.
    LetIn,
}
