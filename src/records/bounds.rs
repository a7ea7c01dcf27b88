//! How large a batch may become.

/// The memory that one batch may take when it is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchBounds {
    /// The most bytes that its records may take, decompressed or edited.
    pub most: usize,
    /// How many times its own size a compressed batch may take when it is decompressed …
    pub ratio: usize,
    /// … and the bytes that it may take however small it is: records that are all alike compress to nearly nothing, so
    /// that the ratio alone would refuse honest batches.
    pub floor: usize,
}

impl Default for BatchBounds {
    fn default() -> Self {
        Self {
            most: 64 << 20,
            ratio: 200,
            floor: 1 << 20,
        }
    }
}

impl BatchBounds {
    /// The bytes that so many compressed ones may become.
    pub fn decompressed(&self, compressed: usize) -> usize {
        compressed
            .saturating_mul(self.ratio)
            .max(self.floor)
            .min(self.most)
    }
}
