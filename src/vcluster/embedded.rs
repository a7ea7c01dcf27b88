//! The `consumer` protocol inside group messages: subscriptions and assignments hold topic names in opaque bytes.
//! Members write and read virtual names; what is stored on the physical cluster holds physical ones, because the
//! coordinator reads subscriptions to decide which offsets expire.
//!
//! A name without an alias is stored with the namespace of its virtual cluster, so that it cannot be taken for a
//! physical topic, and comes back as it was.

use super::rename::Names;

/// The protocol type whose embedded bytes are renamed.
pub const CONSUMER_PROTOCOL: &str = "consumer";

/// The highest version of both messages that is known (Kafka's ConsumerProtocolSubscription and -Assignment).
const MAX_VERSION: i16 = 3;

/// How much longer a message may get by renaming: a bound, because a name of one byte may become one of hundreds.
const MAX_GROWTH_BYTES: usize = 1024 * 1024;

/// The bytes are not a `consumer` protocol message of a known version, or would grow beyond the bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the embedded consumer protocol message is not understood")]
pub struct NotUnderstood;

/// Which of the two messages the bytes hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message {
    Subscription,
    Assignment,
}

/// Which way names are converted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    ToPhysical,
    ToVirtual,
}

/// The same message with the names of the other side. Topics that the other side does not have are left out on the way
/// to a client. Empty bytes stay empty: members without an assignment have none.
pub fn rename(
    names: &Names,
    message: Message,
    direction: Direction,
    bytes: &[u8],
) -> Result<Vec<u8>, NotUnderstood> {
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    let mut copy = Copier {
        rest: bytes,
        out: Vec::with_capacity(bytes.len() + 64),
        out_max: bytes.len() + MAX_GROWTH_BYTES,
        names,
        direction,
    };
    let version = copy.int16()?;
    if !(0..=MAX_VERSION).contains(&version) {
        return Err(NotUnderstood);
    }
    match message {
        Message::Subscription => copy.subscription(version)?,
        Message::Assignment => {
            copy.topic_partitions()?;
            copy.nullable_bytes()?;
        }
    }
    if copy.rest.is_empty() {
        Ok(copy.out)
    } else {
        Err(NotUnderstood)
    }
}

/// Copies a message from `rest` to `out`. Nothing is allocated by what a length says.
struct Copier<'a> {
    rest: &'a [u8],
    out: Vec<u8>,
    out_max: usize,
    names: &'a Names,
    direction: Direction,
}

impl<'a> Copier<'a> {
    fn subscription(&mut self, version: i16) -> Result<(), NotUnderstood> {
        self.array(|copy| {
            if let Some(name) = copy.name()? {
                copy.put_text(&name)?;
                return Ok(Item::Kept);
            }
            Ok(Item::Dropped)
        })?;
        self.nullable_bytes()?;
        // Some clients announce version 1 and stop here.
        if version >= 1 && !self.rest.is_empty() {
            self.topic_partitions()?;
        }
        if version >= 2 && !self.rest.is_empty() {
            self.copy(4)?;
        }
        if version >= 3 && !self.rest.is_empty() {
            let length = self.int16()?;
            self.copy_nullable(i32::from(length))?;
        }
        Ok(())
    }

    fn topic_partitions(&mut self) -> Result<(), NotUnderstood> {
        self.array(|copy| {
            let name = copy.name()?;
            let start = copy.out.len();
            if let Some(name) = &name {
                copy.put_text(name)?;
            }
            let count = usize::try_from(copy.int32()?).map_err(|_| NotUnderstood)?;
            copy.copy(count.checked_mul(4).ok_or(NotUnderstood)?)?;
            if name.is_none() {
                copy.out.truncate(start);
                return Ok(Item::Dropped);
            }
            Ok(Item::Kept)
        })
    }

    fn array(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<Item, NotUnderstood>,
    ) -> Result<(), NotUnderstood> {
        let at = self.out.len();
        let count = self.int32()?;
        if count < 0 {
            return Err(NotUnderstood);
        }
        let mut kept: i32 = 0;
        for _ in 0..count {
            if item(self)? == Item::Kept {
                kept += 1;
            }
        }
        self.out[at..at + 4].copy_from_slice(&kept.to_be_bytes());
        Ok(())
    }

    /// Reads a topic name and gives its counterpart; `None` when the other side has none.
    fn name(&mut self) -> Result<Option<String>, NotUnderstood> {
        let length = i16::from_be_bytes(self.take_array()?);
        let length = usize::try_from(length).map_err(|_| NotUnderstood)?;
        let name = std::str::from_utf8(self.take(length)?).map_err(|_| NotUnderstood)?;
        Ok(match self.direction {
            Direction::ToPhysical => Some(match self.names.by_virtual_name(name) {
                Some(alias) => alias.physical_name.as_str().to_owned(),
                None => self.names.physical_id(name).map_err(|_| NotUnderstood)?,
            }),
            Direction::ToVirtual => match self.names.by_physical_name(name) {
                Some(alias) => Some(alias.virtual_name.as_str().to_owned()),
                None => self.names.virtual_id(name).map(str::to_owned),
            },
        })
    }

    fn put_text(&mut self, text: &str) -> Result<(), NotUnderstood> {
        let length = i16::try_from(text.len()).map_err(|_| NotUnderstood)?;
        if self.out.len() + 2 + text.len() > self.out_max {
            return Err(NotUnderstood);
        }
        self.out.extend_from_slice(&length.to_be_bytes());
        self.out.extend_from_slice(text.as_bytes());
        Ok(())
    }

    fn nullable_bytes(&mut self) -> Result<(), NotUnderstood> {
        let length = self.int32()?;
        self.copy_nullable(length)
    }

    fn copy_nullable(&mut self, length: i32) -> Result<(), NotUnderstood> {
        match length {
            -1 => Ok(()),
            _ => self.copy(usize::try_from(length).map_err(|_| NotUnderstood)?),
        }
    }

    fn int16(&mut self) -> Result<i16, NotUnderstood> {
        let bytes = self.take_array()?;
        self.out.extend_from_slice(&bytes);
        Ok(i16::from_be_bytes(bytes))
    }

    fn int32(&mut self) -> Result<i32, NotUnderstood> {
        let bytes = self.take_array()?;
        self.out.extend_from_slice(&bytes);
        Ok(i32::from_be_bytes(bytes))
    }

    fn copy(&mut self, length: usize) -> Result<(), NotUnderstood> {
        let bytes = self.take(length)?;
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], NotUnderstood> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(NotUnderstood)?;
        self.rest = rest;
        Ok(taken)
    }

    fn take_array<const N: usize>(&mut self) -> Result<[u8; N], NotUnderstood> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(NotUnderstood)?;
        self.rest = rest;
        Ok(*taken)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Item {
    Kept,
    Dropped,
}

#[cfg(test)]
mod tests;
