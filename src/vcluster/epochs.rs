//! Epochs of partitions' leaders, as clients are told them. Each physical cluster counts its own from 0, and a client takes what has
//! a lower epoch than it knows for old (KIP-320): so those of a cluster that takes over begin higher than any before.

/// The bits that are a physical cluster's own.
const OWN_BITS: u32 = 20;

/// The highest epoch of a physical cluster's own. Whatever is beyond is told as this one.
const MOST: i64 = (1 << OWN_BITS) - 1;

/// Switches beyond this one do not raise epochs any more.
const MOST_SWITCHES: u32 = i32::MAX as u32 >> OWN_BITS;

/// "It is not known", which brokers do not compare with their own.
const UNKNOWN: i64 = -1;

/// The way from a physical cluster's epochs to those that clients are told, and back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LeaderEpochs {
    base: i64,
}

impl LeaderEpochs {
    /// Those of the physical cluster that serves since this switch; 0 before the first one, where epochs are what they are.
    pub fn since(switch: u32) -> Self {
        Self {
            base: i64::from(switch.min(MOST_SWITCHES)) << OWN_BITS,
        }
    }

    /// Whether epochs are what they are.
    pub fn are_plain(self) -> bool {
        self.base == 0
    }

    /// The epoch that a client is told.
    pub fn told(self, epoch: i64) -> i64 {
        if self.are_plain() || epoch < 0 {
            return epoch;
        }
        self.base + epoch.min(MOST)
    }

    /// The physical cluster's epoch of one that a client was told; unknown if another cluster served then.
    pub fn physical(self, told: i64) -> i64 {
        if self.are_plain() || told < 0 {
            return told;
        }
        let own = told - self.base;
        if (0..MOST).contains(&own) { own } else { UNKNOWN }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_never_go_back_and_those_of_clusters_before_are_not_known() {
        let (plain, first, second) = (
            LeaderEpochs::since(0),
            LeaderEpochs::since(1),
            LeaderEpochs::since(2),
        );
        for epoch in [-1, 0, 7, 1 << 30] {
            assert_eq!((plain.told(epoch), plain.physical(epoch)), (epoch, epoch));
        }
        assert!(plain.told(MOST) < first.told(0) && first.told(1 << 30) < second.told(0));
        assert!(second.told(0) < LeaderEpochs::since(u32::MAX).told(0));
        assert!(i32::try_from(LeaderEpochs::since(u32::MAX).told(1 << 30)).is_ok());
        for epoch in [-1, 0, 7] {
            assert_eq!(second.physical(second.told(epoch)), epoch);
        }
        for told in [first.told(7), 7, second.told(1 << 30)] {
            assert_eq!(second.physical(told), UNKNOWN);
        }
    }
}
