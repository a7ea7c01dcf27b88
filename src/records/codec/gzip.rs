//! gzip: one member, with the header that Java writes.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use crate::records::fault::BatchFault;

/// The base-2 logarithm of the window, the largest that there is.
const WINDOW: u8 = 15;

/// The level at which it compresses. It is the slowest of all codecs by far, and a batch should not outgrow the limits that
/// it kept: of JSON, 1 makes half as much again as clients' 6 does, 2 an eighth more, at a quarter of the time.
const LEVEL: u32 = 2;

/// Deflate makes no more of a byte than this.
const MOST_RATIO: usize = 1032;

/// The bytes by which an output grows at least.
const STEP: usize = 16 << 10;

/// The state of the compressor.
#[derive(Default)]
pub(super) struct Gzip(Option<Compress>);

pub(super) fn most(bytes: &[u8]) -> usize {
    bytes.len().saturating_mul(MOST_RATIO)
}

pub(super) fn open(bytes: &[u8], limit: usize, out: &mut Vec<u8>) -> Result<(), BatchFault> {
    let mut inflate = Decompress::new_gzip(WINDOW);
    loop {
        let (read, written) = (inflate.total_in() as usize, out.len());
        // One byte more than is allowed, so that too many can be told from as many as that.
        let more = out.len().max(bytes.len()).max(STEP);
        out.reserve_exact(more.min((limit + 1).saturating_sub(out.len())));
        let rest = &bytes[read..];
        let status = inflate
            .decompress_vec(rest, out, FlushDecompress::None)
            .map_err(|_| BatchFault::Malformed)?;
        let has_moved = inflate.total_in() as usize > read || out.len() > written;
        match status {
            Status::StreamEnd if inflate.total_in() as usize == bytes.len() => return Ok(()),
            _ if out.len() > limit => return Err(BatchFault::TooLarge { limit }),
            Status::Ok | Status::BufError if has_moved => {}
            _ => return Err(BatchFault::Malformed),
        }
    }
}

impl Gzip {
    pub(super) fn close(&mut self, records: &[u8], out: &mut Vec<u8>) -> Option<()> {
        let deflate = self
            .0
            .get_or_insert_with(|| Compress::new_gzip(Compression::new(LEVEL), WINDOW));
        deflate.reset();
        loop {
            let (read, written) = (deflate.total_in() as usize, out.len());
            out.reserve(STEP.max(records.len() / 4));
            let rest = &records[read..];
            let status = deflate.compress_vec(rest, out, FlushCompress::Finish).ok()?;
            match status {
                Status::StreamEnd => return Some(()),
                _ if deflate.total_in() as usize == read && out.len() == written => return None,
                _ => {}
            }
        }
    }
}
