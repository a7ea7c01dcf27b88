//! The invariants that must hold after a run, one a file. Each gives the ways in which it does not hold.

pub(crate) mod acknowledged_survives;
pub(crate) mod lists_are_true;
pub(crate) mod nodes_agree;
pub(crate) mod nothing_unasked;
