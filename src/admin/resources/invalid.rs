//! A resource that is invalid, and why.

use std::fmt::Display;
use std::str::FromStr;

/// Why a resource is refused before anything is looked up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Invalid(String);

impl Invalid {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

/// Reads a name.
pub(in crate::admin) fn required<T>(field: &str, text: &str) -> Result<T, Invalid>
where
    T: FromStr,
    T::Err: Display,
{
    text.parse().map_err(|error| Invalid(format!("{field}: {error}")))
}
