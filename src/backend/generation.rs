//! Generations of the connections to one physical cluster. When its configuration changes, new connections are made as it
//! says now, and those of the generation before go on until they are quiet.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The connections that were made with one configuration. Clones are one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Generation(Arc<AtomicBool>);

impl Generation {
    /// From now on its connections are not given to anybody any more.
    pub(crate) fn end(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether there is a newer one.
    pub(crate) fn has_ended(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
