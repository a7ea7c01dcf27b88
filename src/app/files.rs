//! How many connections fit into the files that the system lets this process open. Where those run out, nobody is accepted
//! any more, whoever has them; so seats must run out before.

use std::fs;

/// Of ten files, so many are for clients that have logged in and for those that have not. The others are for connections to
/// brokers, of which a session that works has one, and for all else.
const CLIENTS: usize = 6;
const STRANGERS: usize = 1;
const ALL: usize = 10;

/// Seats, as configured or fewer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SeatCounts {
    pub(crate) connections: usize,
    pub(crate) before_login: usize,
}

impl SeatCounts {
    /// As many of them as fit.
    pub(crate) fn fitting(self, files: usize) -> Self {
        Self {
            connections: self.connections.min((files / ALL * CLIENTS).max(1)),
            before_login: self.before_login.min((files / ALL * STRANGERS).max(1)),
        }
    }
}

/// How many files this process may open, where the system tells.
pub(crate) fn limit() -> Option<usize> {
    parsed(&fs::read_to_string("/proc/self/limits").ok()?)
}

fn parsed(limits: &str) -> Option<usize> {
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIGURED: SeatCounts = SeatCounts {
        connections: 10_000,
        before_login: 2_000,
    };

    #[test]
    fn seats_run_out_before_files() {
        assert_eq!(CONFIGURED.fitting(65_536), CONFIGURED);
        let few = SeatCounts {
            connections: 612,
            before_login: 102,
        };
        assert_eq!(CONFIGURED.fitting(1_024), few);
        assert_eq!(CONFIGURED.fitting(5).connections, 1);
    }

    #[test]
    fn the_limit_is_read() {
        let limits = "Max processes   1 2 processes\nMax open files            1024                 524288               files\n";
        assert_eq!(parsed(limits), Some(1_024));
        assert_eq!(parsed("Max open files   unlimited unlimited files"), None);
        assert_eq!(parsed(""), None);
    }
}
