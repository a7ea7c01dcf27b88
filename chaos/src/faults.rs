//! The faults of a run, and when each comes: chosen by the seed.

use std::time::{Duration, Instant};

use crate::world::{NODES, World};

/// From one fault to the next, in milliseconds.
const INTERVAL_MS: std::ops::Range<u64> = 500..3000;

/// How long a fault lasts, in milliseconds: shorter and longer than a silent node stays in the live set.
const LASTING_MS: std::ops::Range<u64> = 200..5000;

/// The faults that the nodes had to bear.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Faults {
    pub(crate) kills: usize,
    pub(crate) leader_kills: usize,
    pub(crate) pauses: usize,
}

/// A fault that ends at some time.
struct Open {
    node: usize,
    ends: Instant,
}

impl Faults {
    /// Breaks one node at a time, so that a majority is left, for as long as `duration` says.
    pub(crate) fn run(world: &mut World, seed: u64, duration: Duration) -> anyhow::Result<Self> {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut done = Self::default();
        let end = Instant::now() + duration;
        while Instant::now() < end {
            std::thread::sleep(Duration::from_millis(random.u64(INTERVAL_MS)));
            let open = done.inject(world, &mut random)?;
            std::thread::sleep(open.ends.saturating_duration_since(Instant::now()));
            if world.is_paused(open.node) {
                world.resume_node(open.node)?;
            } else {
                world.start_node(open.node)?;
            }
        }
        Ok(done)
    }

    fn inject(&mut self, world: &mut World, random: &mut fastrand::Rng) -> anyhow::Result<Open> {
        let leader = world.leader();
        let any = random.usize(0..NODES);
        // The leader is where a fault hurts most.
        let node = leader.filter(|_| random.bool()).unwrap_or(any);
        let lasting = Duration::from_millis(random.u64(LASTING_MS));
        if random.bool() {
            world.kill_node(node)?;
            self.kills += 1;
            self.leader_kills += usize::from(leader == Some(node));
        } else {
            world.pause_node(node)?;
            self.pauses += 1;
        }
        Ok(Open {
            node,
            ends: Instant::now() + lasting,
        })
    }
}
