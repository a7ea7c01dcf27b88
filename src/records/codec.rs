//! The compressions of Kafka's batches: opened within bounds, closed as Java's producer would.

mod gzip;
mod lz4;
mod snappy;
mod zstd;

use std::fmt;

use crate::records::bounds::BatchBounds;
use crate::records::fault::BatchFault;

/// How the records of a batch are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    None,
    Gzip,
    Snappy,
    Lz4,
    Zstd,
}

/// The bits of a batch's attributes that name the codec.
const MASK: i16 = 0x07;

impl Codec {
    pub(super) fn of(attributes: i16) -> Result<Self, BatchFault> {
        match attributes & MASK {
            0 => Ok(Self::None),
            1 => Ok(Self::Gzip),
            2 => Ok(Self::Snappy),
            3 => Ok(Self::Lz4),
            4 => Ok(Self::Zstd),
            other => Err(BatchFault::Codec(other as u8)),
        }
    }

    /// The attributes with this codec in the place of another.
    pub(super) fn in_attributes(self, attributes: i16) -> i16 {
        attributes & !MASK | self as i16
    }

    /// The most bytes that compressed ones can become: what bounds allow, or less where the bytes themselves show it.
    pub(super) fn most(self, bytes: &[u8], bounds: &BatchBounds) -> usize {
        let shown = match self {
            Self::None => return bytes.len(),
            Self::Gzip => gzip::most(bytes),
            Self::Snappy => snappy::most(bytes),
            Self::Lz4 => lz4::most(bytes),
            Self::Zstd => zstd::most(bytes),
        };
        shown.min(bounds.decompressed(bytes.len()))
    }
}

/// The states of the codecs, made when they are first needed and used again.
#[derive(Default)]
pub(super) struct Codecs {
    gzip: gzip::Gzip,
    snappy: snappy::Snappy,
    lz4: lz4::Lz4,
    zstd: zstd::Zstd,
}

impl fmt::Debug for Codecs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Codecs").finish_non_exhaustive()
    }
}

impl Codecs {
    /// Decompresses into `out`, which is emptied first and gets no more than bounds allow.
    pub(super) fn open(
        &mut self,
        codec: Codec,
        bytes: &[u8],
        bounds: &BatchBounds,
        out: &mut Vec<u8>,
    ) -> Result<(), BatchFault> {
        out.clear();
        let limit = bounds.decompressed(bytes.len());
        match codec {
            Codec::None => out.extend_from_slice(bytes),
            Codec::Gzip => gzip::open(bytes, limit, out)?,
            Codec::Snappy => self.snappy.open(bytes, limit, out)?,
            Codec::Lz4 => lz4::open(bytes, limit, out)?,
            Codec::Zstd => self.zstd.open(bytes, limit, out)?,
        }
        match out.len() > limit {
            true => Err(BatchFault::TooLarge { limit }),
            false => Ok(()),
        }
    }

    /// Compresses into `out`, which is emptied first. Returns the codec that it has now: where a library has no memory for
    /// it, the records are to stay as they are, which every client reads.
    pub(super) fn close(&mut self, codec: Codec, records: &[u8], out: &mut Vec<u8>) -> Codec {
        out.clear();
        let done = match codec {
            Codec::None => None,
            Codec::Gzip => self.gzip.close(records, out),
            Codec::Snappy => self.snappy.close(records, out),
            Codec::Lz4 => self.lz4.close(records, out),
            Codec::Zstd => self.zstd.close(records, out),
        };
        done.map_or(Codec::None, |()| codec)
    }
}

#[cfg(test)]
mod tests;
