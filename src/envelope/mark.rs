//! The header of a record that is encrypted: which of its parts are, with which key, and the data key itself, wrapped.

use klamm_raft::model::KeyName;

/// The name of the header.
pub const MARK: &str = "klamm/enc";

/// The version of the format.
pub(super) const VERSION: u8 = 1;

const VALUE: u8 = 1;
const KEY: u8 = 2;
const HEADERS: u8 = 4;

/// The place of the bits that say which parts are encrypted.
const BITS_AT: usize = 1;

/// The most headers whose values are encrypted.
const MOST_HEADERS: usize = 64;

/// The parts of a record that are encrypted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sealed {
    pub value: bool,
    pub key: bool,
    pub headers: bool,
}

impl Sealed {
    fn bits(self) -> u8 {
        let bit = |is_sealed: bool, bit: u8| if is_sealed { bit } else { 0 };
        bit(self.value, VALUE) | bit(self.key, KEY) | bit(self.headers, HEADERS)
    }

    /// Whether nothing is.
    pub fn is_nothing(self) -> bool {
        self == Self::default()
    }

    /// Those of them that are not among others.
    pub fn without(self, others: Self) -> Self {
        Self {
            value: self.value && !others.value,
            key: self.key && !others.key,
            headers: self.headers && !others.headers,
        }
    }

    /// Those of them that are among others, too.
    pub fn and(self, others: Self) -> Self {
        Self {
            value: self.value && others.value,
            key: self.key && others.key,
            headers: self.headers && others.headers,
        }
    }
}

/// The header says nothing that this version understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("its header klamm/enc cannot be read")]
pub struct MalformedMark;

/// The header as it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EnvelopeMark<'a> {
    pub sealed: Sealed,
    /// The name of the key that wraps the data key.
    pub key: &'a str,
    /// The version of that key by which the record's key is encrypted.
    pub pinned: u32,
    pub wrapped: &'a [u8],
    headers: &'a [u8],
}

impl<'a> EnvelopeMark<'a> {
    /// Reads the value of the header.
    ///
    /// # Errors
    /// It is none that this version writes.
    pub fn read(value: &'a [u8]) -> Result<Self, MalformedMark> {
        let mut rest = value;
        let version = number(&mut rest)?;
        let bits = number(&mut rest)?;
        if version != VERSION || bits & !(VALUE | KEY | HEADERS) != 0 {
            return Err(MalformedMark);
        }
        let length = number(&mut rest)?;
        let key = std::str::from_utf8(taken(&mut rest, length.into())?).map_err(|_| MalformedMark)?;
        let pinned = taken(&mut rest, 4)?.try_into().map_err(|_| MalformedMark)?;
        let length = taken(&mut rest, 2)?.try_into().map_err(|_| MalformedMark)?;
        let wrapped = taken(&mut rest, u16::from_be_bytes(length).into())?;
        let headers = rest;
        while !rest.is_empty() {
            let length = number(&mut rest)?;
            let _ = taken(&mut rest, length.into())?;
        }
        Ok(Self {
            sealed: Sealed {
                value: bits & VALUE != 0,
                key: bits & KEY != 0,
                headers: bits & HEADERS != 0,
            },
            key,
            pinned: u32::from_be_bytes(pinned),
            wrapped,
            headers,
        })
    }

    /// Whether the values of headers of this name are encrypted.
    pub fn names(&self, name: &[u8]) -> bool {
        let mut rest = self.headers;
        while let Ok(length) = number(&mut rest) {
            match taken(&mut rest, length.into()) {
                Ok(there) if there == name => return self.sealed.headers,
                Ok(_) => {}
                Err(MalformedMark) => return false,
            }
        }
        false
    }

    /// Writes the value of the header, in the place of what was in `out`. Names and the wrapped key fit into it: they are no
    /// longer than configurations and policies let them be.
    pub fn write<'n>(
        out: &mut Vec<u8>,
        key: &KeyName,
        (pinned, wrapped): (u32, &[u8]),
        headers: impl Iterator<Item = &'n str>,
    ) {
        out.clear();
        out.extend_from_slice(&[VERSION, 0]);
        out.push(key.as_str().len() as u8);
        out.extend_from_slice(key.as_str().as_bytes());
        out.extend_from_slice(&pinned.to_be_bytes());
        out.extend_from_slice(&(wrapped.len() as u16).to_be_bytes());
        out.extend_from_slice(wrapped);
        for name in headers.take(MOST_HEADERS) {
            out.push(name.len() as u8);
            out.extend_from_slice(name.as_bytes());
        }
    }

    /// Says in a header that was written which parts are encrypted.
    pub fn say(written: &mut [u8], sealed: Sealed) {
        if let Some(bits) = written.get_mut(BITS_AT) {
            *bits = sealed.bits();
        }
    }
}

fn number(rest: &mut &[u8]) -> Result<u8, MalformedMark> {
    let (first, others) = rest.split_first().ok_or(MalformedMark)?;
    *rest = others;
    Ok(*first)
}

fn taken<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8], MalformedMark> {
    let (taken, others) = rest.split_at_checked(length).ok_or(MalformedMark)?;
    *rest = others;
    Ok(taken)
}
