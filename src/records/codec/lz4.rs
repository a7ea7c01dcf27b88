//! LZ4 in its frame format: any frame is read, blocks that follow on each other too; written is the one that Java writes,
//! with blocks of 64 KiB that stand alone. Check sums of the frame are not looked at, since the batch has one over all.

use lz4_flex::block::{
    CompressTable, compress_into_with_table, decompress_into_with_dict, get_maximum_output_size,
};

use crate::records::fault::BatchFault;

const MAGIC: [u8; 4] = 0x184d_2204_u32.to_le_bytes();

/// How a frame begins that is written here: magic, version 1 with blocks that stand alone, blocks of 64 KiB, check sum.
const BEGINNING: [u8; 7] = [0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82];

/// The bytes of a block that is written.
const BLOCK: usize = 64 << 10;

/// How far back a block may refer.
const WINDOW: usize = 64 << 10;

/// In the length of a block: it is not compressed.
const PLAIN: u32 = 1 << 31;

/// The longest run that a byte can stand for.
const MOST_RATIO: usize = 255;

/// The state of the compressor.
#[derive(Default)]
pub(super) struct Lz4(CompressTable);

pub(super) fn most(bytes: &[u8]) -> usize {
    let Some(frame) = Frame::of(bytes) else {
        return 0;
    };
    let sizes = frame.map_while(|block| block.ok());
    sizes.fold(0, |sum, block| sum.saturating_add(block.most))
}

pub(super) fn open(bytes: &[u8], limit: usize, out: &mut Vec<u8>) -> Result<(), BatchFault> {
    for block in Frame::of(bytes).ok_or(BatchFault::Malformed)? {
        let block = block?;
        let at = out.len();
        let room = block.most.min(limit.saturating_sub(at));
        if block.is_plain {
            out.extend_from_slice(&block.bytes[..room]);
        } else {
            out.resize(at + room, 0);
            let (before, after) = out.split_at_mut(at);
            let window = &before[before.len().saturating_sub(WINDOW)..];
            let written = decompress_into_with_dict(block.bytes, after, window);
            let is_cut = room < block.most;
            let written = written.map_err(|_| match is_cut {
                true => BatchFault::TooLarge { limit },
                false => BatchFault::Malformed,
            })?;
            out.truncate(at + written);
        }
        if block.is_plain && room < block.bytes.len() {
            return Err(BatchFault::TooLarge { limit });
        }
    }
    Ok(())
}

impl Lz4 {
    pub(super) fn close(&mut self, records: &[u8], out: &mut Vec<u8>) -> Option<()> {
        out.extend_from_slice(&BEGINNING);
        for block in records.chunks(BLOCK) {
            let at = out.len() + size_of::<u32>();
            out.resize(at + get_maximum_output_size(block.len()), 0);
            let length = compress_into_with_table(block, &mut out[at..], &mut self.0).ok()?;
            out.truncate(at + length);
            let mut word = length as u32;
            if length >= block.len() {
                out.truncate(at);
                out.extend_from_slice(block);
                word = block.len() as u32 | PLAIN;
            }
            out[at - size_of::<u32>()..at].copy_from_slice(&word.to_le_bytes());
        }
        out.extend_from_slice(&[0; 4]);
        Some(())
    }
}

/// A block of a frame.
struct Block<'a> {
    bytes: &'a [u8],
    is_plain: bool,
    /// The most bytes that it can become.
    most: usize,
}

/// The blocks of a frame that are still to come.
struct Frame<'a> {
    rest: &'a [u8],
    /// The most bytes that a block may become.
    block: usize,
    /// The bytes of a check sum after each block.
    check_sum: usize,
    has_ended: bool,
}

impl<'a> Frame<'a> {
    fn of(bytes: &'a [u8]) -> Option<Self> {
        let (flags, rest) = bytes.strip_prefix(&MAGIC)?.split_first_chunk::<2>()?;
        let [flags, size] = *flags;
        if flags >> 6 != 1 {
            return None;
        }
        let block = match size >> 4 & 7 {
            size @ 4..=7 => 1 << (8 + 2 * size),
            _ => return None,
        };
        let has = |bit: u8, bytes| if flags & bit != 0 { bytes } else { 0 };
        // The size of the content, the id of a dictionary, the check sum of the header.
        let rest = rest.get(has(1 << 3, 8) + has(1, 4) + 1..)?;
        Some(Self {
            rest,
            block,
            check_sum: has(1 << 4, 4),
            has_ended: false,
        })
    }

    fn block(&mut self) -> Option<Block<'a>> {
        let (word, rest) = self.rest.split_first_chunk::<4>()?;
        let word = u32::from_le_bytes(*word);
        if word == 0 {
            self.has_ended = true;
            return None;
        }
        let (bytes, rest) = rest.split_at_checked((word & !PLAIN) as usize)?;
        self.rest = rest.get(self.check_sum..)?;
        let is_plain = word & PLAIN != 0;
        let most = match is_plain {
            true => bytes.len(),
            false => bytes.len().saturating_mul(MOST_RATIO).min(self.block),
        };
        Some(Block {
            bytes,
            is_plain,
            most,
        })
    }
}

impl<'a> Iterator for Frame<'a> {
    type Item = Result<Block<'a>, BatchFault>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.has_ended {
            return None;
        }
        let block = self.block();
        if block.is_none() && self.has_ended {
            return None;
        }
        self.has_ended |= block.is_none();
        Some(block.ok_or(BatchFault::Malformed))
    }
}
