//! The clock that leases are measured with: the time since the machine started, whether it ran or was suspended. It goes on
//! while a process is stopped, and nobody can set it. Nothing else in the program reads it.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// On Linux, `CLOCK_MONOTONIC` stands still while the machine is suspended.
#[cfg(target_os = "linux")]
const CLOCK: ClockId = ClockId::Boottime;
#[cfg(not(target_os = "linux"))]
const CLOCK: ClockId = ClockId::Monotonic;

/// A moment, as the time since the machine started. Moments of two machines have nothing to do with each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct BootTime(u64);

impl BootTime {
    /// Before every moment.
    pub(crate) const START: Self = Self(0);
    /// After every moment.
    pub(crate) const NEVER: Self = Self(u64::MAX);

    /// The moment that it is now.
    pub(crate) fn now() -> Self {
        let now = clock_gettime(CLOCK);
        let (Ok(seconds), Ok(nanos)) = (u64::try_from(now.tv_sec), u64::try_from(now.tv_nsec)) else {
            // No machine is that old. Leases hold no longer then.
            return Self::NEVER;
        };
        let nanos = seconds.saturating_mul(1_000_000_000).saturating_add(nanos);
        #[cfg(feature = "planted")]
        let nanos = crate::planted::clock(nanos);
        Self(nanos)
    }

    /// In nanoseconds.
    pub(crate) fn nanos(self) -> u64 {
        self.0
    }

    pub(crate) fn of_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    pub(crate) fn after(self, time: Duration) -> Self {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(nanos))
    }

    /// The moment so long ago; the start of the machine, if that is later.
    pub(crate) fn before(self, time: Duration) -> Self {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_sub(nanos))
    }

    /// How long it is from `earlier` until this moment; nothing if that is later.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_on() {
        let before = BootTime::now();
        assert!(before > BootTime::START);
        std::thread::sleep(Duration::from_millis(2));
        assert!(BootTime::now().since(before) >= Duration::from_millis(2));
        assert_eq!(before.since(BootTime::now()), Duration::ZERO);
        assert_eq!(BootTime::NEVER.after(Duration::MAX), BootTime::NEVER);
        assert_eq!(
            before
                .after(Duration::from_secs(1))
                .before(Duration::from_secs(1)),
            before
        );
        assert_eq!(before.before(Duration::MAX), BootTime::START);
    }
}
