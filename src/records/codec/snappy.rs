//! Snappy: read raw and in the frame of Java's library (xerial), written in that frame, which every client reads.

use snap::raw::{Decoder, Encoder, decompress_len, max_compress_len};

use crate::records::fault::BatchFault;

/// How the frame begins.
const MAGIC: &[u8] = b"\x82SNAPPY\0";

/// The rest of its header: its version, and the oldest that can read it.
const VERSIONS: &[u8] = &[0, 0, 0, 1, 0, 0, 0, 1];

/// The bytes that Java puts in a block.
const BLOCK: usize = 32 << 10;

/// A copy of 64 bytes takes three: Snappy makes no more of a byte than this.
const MOST_RATIO: usize = 22;

/// The state of the compressor.
pub(super) struct Snappy(Encoder);

impl Default for Snappy {
    fn default() -> Self {
        Self(Encoder::new())
    }
}

pub(super) fn most(bytes: &[u8]) -> usize {
    bytes.len().saturating_mul(MOST_RATIO)
}

impl Snappy {
    pub(super) fn open(&self, bytes: &[u8], limit: usize, out: &mut Vec<u8>) -> Result<(), BatchFault> {
        let Some(mut rest) = after_header(bytes) else {
            return open_block(bytes, limit, out);
        };
        while let Some((length, after)) = rest.split_first_chunk::<4>() {
            if let Some(after) = after_header(rest) {
                // Frames may follow each other.
                rest = after;
                continue;
            }
            let (block, after) = after
                .split_at_checked(u32::from_be_bytes(*length) as usize)
                .ok_or(BatchFault::Malformed)?;
            open_block(block, limit, out)?;
            rest = after;
        }
        match rest {
            [] => Ok(()),
            _ => Err(BatchFault::Malformed),
        }
    }

    pub(super) fn close(&mut self, records: &[u8], out: &mut Vec<u8>) -> Option<()> {
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(VERSIONS);
        for block in records.chunks(BLOCK) {
            let at = out.len() + size_of::<u32>();
            out.resize(at + max_compress_len(block.len()), 0);
            let length = self.0.compress(block, &mut out[at..]).ok()?;
            out[at - size_of::<u32>()..at].copy_from_slice(&(length as u32).to_be_bytes());
            out.truncate(at + length);
        }
        Some(())
    }
}

/// The bytes after the frame's header, where there is one.
fn after_header(bytes: &[u8]) -> Option<&[u8]> {
    bytes.strip_prefix(MAGIC)?.get(VERSIONS.len()..)
}

fn open_block(block: &[u8], limit: usize, out: &mut Vec<u8>) -> Result<(), BatchFault> {
    let length = decompress_len(block).map_err(|_| BatchFault::Malformed)?;
    if length > most(block) {
        return Err(BatchFault::Malformed);
    }
    let at = out.len();
    if length > limit.saturating_sub(at) {
        return Err(BatchFault::TooLarge { limit });
    }
    out.resize(at + length, 0);
    match Decoder::new().decompress(block, &mut out[at..]) {
        Ok(written) if written == length => Ok(()),
        _ => Err(BatchFault::Malformed),
    }
}
