//! The clock of the day.

use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since the Unix epoch. None: the clock is before 1970.
pub(crate) fn now_s() -> Option<u64> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    Some(since.as_secs())
}
