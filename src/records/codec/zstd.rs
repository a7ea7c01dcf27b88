//! Zstandard. What its blocks can become is read from them, so that memory is taken for no more than that.

use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe::compress_bound;

use crate::records::fault::BatchFault;

/// The level at which it compresses. A batch should not outgrow the limits that it kept: of JSON, -1 makes half as much
/// again as clients' 3 does in an eighth less time than 1, which makes hardly more.
const LEVEL: i32 = 1;

const MAGIC: u32 = 0xfd2f_b528;
const SKIPPED: u32 = 0x184d_2a50;

/// The most bytes that a block may become.
const BLOCK: usize = 128 << 10;

/// The states of the library.
#[derive(Default)]
pub(super) struct Zstd {
    compressor: Option<Compressor<'static>>,
    decompressor: Option<Decompressor<'static>>,
}

impl Zstd {
    pub(super) fn open(&mut self, bytes: &[u8], limit: usize, out: &mut Vec<u8>) -> Result<(), BatchFault> {
        let most = most(bytes);
        out.reserve_exact(most.min(limit));
        let made = match self.decompressor.take() {
            Some(made) => made,
            None => Decompressor::new().map_err(|_| BatchFault::TooLarge { limit })?,
        };
        let decompressor = self.decompressor.insert(made);
        match decompressor.decompress_to_buffer(bytes, out) {
            Ok(_) => Ok(()),
            Err(_) if most > limit => Err(BatchFault::TooLarge { limit }),
            Err(_) => Err(BatchFault::Malformed),
        }
    }

    pub(super) fn close(&mut self, records: &[u8], out: &mut Vec<u8>) -> Option<()> {
        if self.compressor.is_none() {
            self.compressor = Compressor::new(LEVEL).ok();
        }
        out.reserve(compress_bound(records.len()));
        let compressed = self.compressor.as_mut()?.compress_to_buffer(records, out);
        compressed.ok().map(drop)
    }
}

/// The sum of what the blocks of all frames can become, as far as they can be read.
pub(super) fn most(bytes: &[u8]) -> usize {
    let (mut rest, mut sum) = (bytes, 0_usize);
    while let Some((most, after)) = frame(rest) {
        sum = sum.saturating_add(most);
        rest = after;
    }
    sum
}

/// The most bytes that the first frame can become, and what follows it.
fn frame(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (magic, rest) = bytes.split_first_chunk::<4>()?;
    let magic = u32::from_le_bytes(*magic);
    if magic & !0x0f == SKIPPED {
        let (length, rest) = rest.split_first_chunk::<4>()?;
        return Some((0, rest.get(u32::from_le_bytes(*length) as usize..)?));
    }
    if magic != MAGIC {
        return None;
    }
    let (&descriptor, mut rest) = rest.split_first()?;
    let is_single = descriptor & 1 << 5 != 0;
    let dictionary = [0, 1, 2, 4][usize::from(descriptor & 3)];
    rest = rest.get(usize::from(!is_single) + dictionary..)?;
    let size_bytes = match descriptor >> 6 {
        0 => usize::from(is_single),
        flag => 1 << flag,
    };
    let (size, mut rest) = rest.split_at_checked(size_bytes)?;
    let mut claimed = [0; 8];
    claimed[..size_bytes].copy_from_slice(size);
    let claimed = match size_bytes {
        0 => usize::MAX,
        2 => u64::from_le_bytes(claimed) as usize + 256,
        _ => usize::try_from(u64::from_le_bytes(claimed)).unwrap_or(usize::MAX),
    };
    let mut sum = 0_usize;
    loop {
        let (header, after) = rest.split_first_chunk::<3>()?;
        let header = u32::from_le_bytes([header[0], header[1], header[2], 0]);
        let size = (header >> 3) as usize;
        let (taken, most) = match header >> 1 & 3 {
            0 => (size, size),
            1 => (1, size.min(BLOCK)),
            _ => (size, BLOCK),
        };
        sum = sum.saturating_add(most);
        rest = after.get(taken..)?;
        if header & 1 != 0 {
            break;
        }
    }
    let check_sum = if descriptor & 1 << 2 != 0 { 4 } else { 0 };
    Some((sum.min(claimed), rest.get(check_sum..)?))
}
