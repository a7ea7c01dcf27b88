//! Why a physical cluster cannot be connected to from this node at all: its configuration leads to something that the node
//! does not have.

use std::collections::BTreeSet;

/// The configuration of one physical cluster cannot be used on this node. The text is for people, and shows no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("its configuration cannot be used on this node: {why}")]
pub struct Unusable {
    pub why: String,
    /// The references that cannot be followed, as they are written.
    pub missing: BTreeSet<String>,
}
