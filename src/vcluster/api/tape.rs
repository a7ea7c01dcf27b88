//! Where walks over messages are kept.

use std::cell::RefCell;

use crate::wire::Tape;

thread_local! {
    /// One tape per thread, so that a walk allocates nothing.
    pub(super) static TAPE: RefCell<Tape> = RefCell::new(Tape::new());
}
