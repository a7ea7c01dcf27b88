//! Reads numbers and lengths from bytes, never past their end. Knows no message.

use crate::wire::error::WireError;

/// The longest string that Kafka reads.
pub(in crate::wire) const MAX_STRING_BYTES: usize = i16::MAX as usize;

/// A place in a buffer, and where reading must stop.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// Starts at `at`, which may lie past the end.
    pub(crate) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self {
            bytes,
            at: at.min(bytes.len()),
        }
    }

    pub(crate) fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// Stops reading at `end`, which must not lie past the present end; returns the present end.
    pub(in crate::wire) fn narrow(&mut self, end: usize) -> &'a [u8] {
        let outer = self.bytes;
        self.bytes = &outer[..end];
        outer
    }

    /// Undoes [`Self::narrow`].
    pub(in crate::wire) fn widen(&mut self, bytes: &'a [u8]) {
        self.bytes = bytes;
    }

    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8], WireError> {
        let rest = &self.bytes[self.at..];
        match rest.get(..len) {
            Some(taken) => {
                self.at += len;
                Ok(taken)
            }
            None => Err(WireError::Truncated { at: self.at }),
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        match self.bytes[self.at..].first_chunk::<N>() {
            Some(chunk) => {
                self.at += N;
                Ok(*chunk)
            }
            None => Err(WireError::Truncated { at: self.at }),
        }
    }

    pub(crate) fn i8(&mut self) -> Result<i8, WireError> {
        self.array().map(i8::from_be_bytes)
    }

    pub(crate) fn i16(&mut self) -> Result<i16, WireError> {
        self.array().map(i16::from_be_bytes)
    }

    pub(crate) fn i32(&mut self) -> Result<i32, WireError> {
        self.array().map(i32::from_be_bytes)
    }

    pub(crate) fn i64(&mut self) -> Result<i64, WireError> {
        self.array().map(i64::from_be_bytes)
    }

    /// An unsigned varint of at most 32 bits.
    pub(in crate::wire) fn uvarint(&mut self) -> Result<u32, WireError> {
        let start = self.at;
        // Nearly all are of one byte.
        if let Some(&byte) = self.bytes.get(start)
            && byte < 0x80
        {
            self.at += 1;
            return Ok(byte.into());
        }
        let mut value = 0_u32;
        for shift in [0, 7, 14, 21, 28] {
            let [byte] = self.array()?;
            let bits = u32::from(byte & 0x7f);
            if shift == 28 && byte > 0x0f {
                return Err(WireError::BadVarint { at: start });
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(WireError::BadVarint { at: start })
    }

    /// A signed (zigzag) varint of at most 32 bits, as records have them.
    pub(crate) fn varint(&mut self) -> Result<i32, WireError> {
        let value = self.uvarint()?;
        Ok((value >> 1).cast_signed() ^ (value & 1).cast_signed().wrapping_neg())
    }

    /// A signed (zigzag) varint of at most 64 bits.
    pub(crate) fn varlong(&mut self) -> Result<i64, WireError> {
        let start = self.at;
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array()?;
            if shift == 63 && byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok((value >> 1).cast_signed() ^ (value & 1).cast_signed().wrapping_neg());
            }
        }
        Err(WireError::BadVarint { at: start })
    }

    /// A length or count, `None` when null. Not yet compared with the bytes that are left.
    pub(in crate::wire) fn length(&mut self, prefix: Prefix) -> Result<Option<usize>, WireError> {
        let at = self.at;
        let signed = match prefix {
            Prefix::Compact => i64::from(self.uvarint()?) - 1,
            Prefix::Int16 => i64::from(self.i16()?),
            Prefix::Int32 => i64::from(self.i32()?),
        };
        match usize::try_from(signed) {
            Ok(length) => Ok(Some(length)),
            Err(_) if signed == -1 => Ok(None),
            Err(_) => Err(WireError::BadLength { at }),
        }
    }
}

/// How the length of a string or bytes, or the count of an array, is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::wire) enum Prefix {
    /// An unsigned varint of the length plus one; 0 is null.
    Compact,
    /// Two bytes; -1 is null.
    Int16,
    /// Four bytes; -1 is null.
    Int32,
}

impl Prefix {
    /// The fewest bytes that it takes.
    pub(in crate::wire) const fn min_size(self) -> usize {
        match self {
            Self::Compact => 1,
            Self::Int16 => 2,
            Self::Int32 => 4,
        }
    }

    /// Writes a length or count, `None` for null. `false` when it is too large for the prefix.
    #[must_use]
    pub(in crate::wire) fn write(self, out: &mut Vec<u8>, length: Option<usize>) -> bool {
        let Some(signed) = length.map_or(Some(-1), |length| i32::try_from(length).ok()) else {
            return false;
        };
        match self {
            Self::Compact => write_uvarint(out, signed.wrapping_add(1).unsigned_abs()),
            Self::Int32 => out.extend_from_slice(&signed.to_be_bytes()),
            Self::Int16 => match i16::try_from(signed) {
                Ok(signed) => out.extend_from_slice(&signed.to_be_bytes()),
                Err(_) => return false,
            },
        }
        signed < i32::MAX
    }
}

pub(in crate::wire) fn write_uvarint(out: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
