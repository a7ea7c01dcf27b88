//! Envelope encryption of records: how a part of a record is sealed and opened, and what is said of it in a header. Pure:
//! keys and random bytes come from elsewhere ([`KeysAtHand`]).
//!
//! A record is sealed with a data key, which the record carries with it, wrapped by the key of a name that nodes have in
//! their configuration. docs/decisions/0019 has the format and why nonces cannot come twice.

mod associated;
mod at_hand;
mod data_key;
mod foreign;
mod mark;

pub use associated::{SealedPart, associated};
pub use at_hand::{KeysAtHand, NoKey, NoKeys, RecordKeyNeed};
pub use data_key::{
    BadKey, DATA_KEY_BYTES, DataKey, DueWhen, Forged, PinnedKey, SEALED_BYTES, SealingKey, SpentKey,
};
pub use foreign::{FOREIGN_MARK, ForeignEnvelope};
pub use mark::{EnvelopeMark, MARK, MalformedMark, Sealed};

#[cfg(test)]
mod tests;
