//! The kinds of faults, and what each needs.

use std::path::Path;

use clap::ValueEnum;

use crate::world::{Links, WorldSetup};

/// The size of a node's file system, where it has one of its own.
const VOLUME_BYTES: u64 = 96 << 20;

/// How fast the clocks of the nodes run, and how many seconds each is ahead. The first leads most of the time: leases last
/// longest where the leader's clock is fast, and the holder's slow.
pub(super) const CLOCKS: [(f64, f64); 3] = [(1.05, 0.0), (0.95, 3600.0), (0.95, 7.0)];

/// Clocks of the day that are an hour fast, and an hour slow.
const CLOCKS_OF_THE_DAY: [(usize, &str); 2] = [(1, "+1h"), (2, "-1h")];
/// Where it is usually installed.
const FAKETIME: [&str; 4] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib64/faketime/libfaketimeMT.so.1",
    "/usr/lib/faketime/libfaketimeMT.so.1",
];

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum FaultKind {
    /// Nothing.
    None,
    /// A follower is stopped (SIGSTOP).
    PauseFollower,
    /// The leader is stopped.
    PauseLeader,
    /// A follower is cut off from the other nodes; its clients still reach it.
    IsolateFollower,
    /// The leader is.
    IsolateLeader,
    /// The leader is killed (SIGKILL) and started again.
    KillLeader,
    /// Nobody hears a node, or it hears nobody: the leader and a follower in turn.
    OneWay,
    /// A follower hears everything half a second late, and is then cut off.
    LateFollower,
    /// The lease clocks of all nodes run wrong, and a follower with a slow one is cut off.
    LeaseClock,
    /// The clocks of the day of two nodes are an hour fast and an hour slow, and a follower is cut off.
    DayClock,
    /// The disk of a node is full, that of a follower and the leader's in turn.
    FullDisk,
    /// Each write of a node to its disk takes seconds, a follower's and the leader's in turn.
    SlowDisk,
    /// One node after the other is stopped in an orderly way (SIGTERM), and started again.
    Drain,
    /// A follower loses its disk, or comes back when the others' logs no longer reach back to it; some are killed while they catch up.
    Snapshot,
    /// A fourth node joins, comes to vote and is removed; every other time the leader is killed (SIGKILL) while the voters change.
    Members,
}

impl FaultKind {
    /// The surroundings in which nodes bear it, or why there are none.
    pub(super) fn setup(self) -> Result<WorldSetup, String> {
        let mut setup = WorldSetup {
            links: Links::Relayed,
            ..WorldSetup::default()
        };
        match self {
            Self::LeaseClock => {
                let clocks = CLOCKS.iter().enumerate();
                setup.of_one = clocks
                    .map(|(node, (rate, ahead))| (node, "PLANTED_CLOCK", format!("{rate} {ahead}")))
                    .collect();
            }
            Self::DayClock => {
                let library = FAKETIME.into_iter().find(|path| Path::new(path).exists());
                let library = library.ok_or("libfaketime is not installed")?;
                for (node, ahead) in CLOCKS_OF_THE_DAY {
                    setup.of_one.extend([
                        (node, "LD_PRELOAD", library.to_owned()),
                        (node, "FAKETIME", ahead.to_owned()),
                        (node, "FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
                    ]);
                }
            }
            Self::FullDisk => setup.volume_bytes = Some(VOLUME_BYTES),
            _ => {}
        }
        Ok(setup)
    }

    /// Whether nodes need the feature `planted` for it.
    pub(super) fn is_planted(self) -> bool {
        self == Self::LeaseClock
    }
}
