//! Names of the two sides as different types, so that they cannot be mixed. Converting them is `rename`'s job alone.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;

use klamm_raft::model::TopicName;

/// The side that clients of a virtual cluster see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Virtual {}

/// The side of the physical cluster. Nothing of it may reach a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Physical {}

/// A topic's name on one side.
pub struct Topic<Side> {
    name: TopicName,
    side: PhantomData<Side>,
}

impl<Side> Topic<Side> {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        self.name.as_str()
    }

    /// The name as the replicated state has it.
    pub fn topic_name(&self) -> &TopicName {
        &self.name
    }

    pub(super) fn new(name: TopicName) -> Self {
        Self {
            name,
            side: PhantomData,
        }
    }
}

// By hand, because derived implementations would ask the same of the side.
impl<Side> Clone for Topic<Side> {
    fn clone(&self) -> Self {
        Self::new(self.name.clone())
    }
}

impl<Side> PartialEq for Topic<Side> {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl<Side> Eq for Topic<Side> {}

impl<Side> fmt::Debug for Topic<Side> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)
    }
}

/// A topic's id on one side (KIP-516).
pub struct TopicId<Side> {
    bytes: [u8; 16],
    side: PhantomData<Side>,
}

impl<Side> TopicId<Side> {
    /// The id of these bytes, as they are on the wire.
    pub fn new(bytes: [u8; 16]) -> Self {
        Self {
            bytes,
            side: PhantomData,
        }
    }

    /// The bytes, as they are on the wire.
    pub fn bytes(&self) -> &[u8; 16] {
        &self.bytes
    }

    /// Whether this is Kafka's "no id".
    pub fn is_zero(&self) -> bool {
        self.bytes == [0; 16]
    }
}

impl<Side> Clone for TopicId<Side> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<Side> Copy for TopicId<Side> {}

impl<Side> PartialEq for TopicId<Side> {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl<Side> Eq for TopicId<Side> {}

impl<Side> Hash for TopicId<Side> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.bytes.hash(state);
    }
}

impl<Side> fmt::Debug for TopicId<Side> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.bytes {
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}
