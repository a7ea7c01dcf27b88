//! A part of the state that states after one another share. Knows nothing of what it holds.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};

use crate::codec;

/// Reads like what it holds. A copy costs nothing; the first change after one copies what it holds, once. Two that are
/// the same copy are equal without being looked at.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Shared<T> {
    held: Arc<T>,
    /// Its size on disk, once somebody asked.
    #[serde(skip)]
    bytes: OnceLock<u64>,
}

impl<T: Serialize> Shared<T> {
    /// Its size on disk, in bytes. It is counted once after a change.
    pub fn bytes(&self) -> u64 {
        *self.bytes.get_or_init(|| codec::size(&*self.held))
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.held
    }
}

impl<T: Clone> DerefMut for Shared<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.bytes = OnceLock::new();
        Arc::make_mut(&mut self.held)
    }
}

impl<T: PartialEq> PartialEq for Shared<T> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.held, &other.held) || self.held == other.held
    }
}

impl<T: Eq> Eq for Shared<T> {}

impl<T> From<T> for Shared<T> {
    fn from(value: T) -> Self {
        Self {
            held: Arc::new(value),
            bytes: OnceLock::new(),
        }
    }
}

impl<'a, T> IntoIterator for &'a Shared<T>
where
    &'a T: IntoIterator,
{
    type Item = <&'a T as IntoIterator>::Item;
    type IntoIter = <&'a T as IntoIterator>::IntoIter;

    fn into_iter(self) -> Self::IntoIter {
        self.held.as_ref().into_iter()
    }
}

impl<T: fmt::Debug> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.held.fmt(f)
    }
}
