//! Chance, from a seed.

use super::NODES;

/// A generator of numbers (xorshift): the same for the same seed, everywhere.
pub(super) struct Chance(u64);

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(super) fn between(&mut self, least: f64, most: f64) -> f64 {
        let unit = u32::try_from(self.next() >> 32).map_or(0.0, f64::from) / f64::from(u32::MAX);
        least + (most - least) * unit
    }

    pub(super) fn is(&mut self, probability: f64) -> bool {
        self.between(0.0, 1.0) < probability
    }

    pub(super) fn node(&mut self) -> usize {
        usize::try_from(self.next() % NODES as u64).expect("a small number")
    }

    /// How long a message takes, if it arrives.
    pub(super) fn latency(&mut self) -> Option<f64> {
        match self.between(0.0, 1.0) {
            lot if lot < 0.05 => None,
            lot if lot < 0.10 => Some(self.between(200.0, 4000.0)),
            _ => Some(self.between(0.5, 15.0)),
        }
    }
}
