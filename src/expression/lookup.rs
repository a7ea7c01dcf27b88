//! Where the values of variables come from.

use std::fmt::Debug;

use super::{NoAnswer, Operand};

/// The values of a [`Vocabulary`](super::Vocabulary). One is looked up when an evaluation comes to it, and may borrow.
pub trait Lookup {
    /// The value of the variable with this number.
    ///
    /// # Errors
    /// There is none.
    fn value(&self, variable: usize) -> Result<Operand<'_>, NoAnswer>;
}

/// A value with members that are looked up one by one.
pub trait Keyed: Debug {
    /// How many members must be looked at to find one.
    fn count(&self) -> usize;

    /// The member of this name.
    ///
    /// # Errors
    /// [`NoAnswer::Missing`] when there is none.
    fn member(&self, name: &str) -> Result<Operand<'_>, NoAnswer>;

    /// The names, each once.
    fn names(&self) -> Vec<&str>;
}
