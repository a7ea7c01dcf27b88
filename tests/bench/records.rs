//! `cargo bench --bench records`: what it costs to open batches, judge their records and close them again, by codec, size of
//! records and what becomes of them. Megabytes are those of records without compression, seconds those of the processor.
#![allow(
    clippy::print_stdout,
    reason = "a table on the screen is what this command is for"
)]

use std::fs;
use std::hint::black_box;

use flate2::{Compress, Compression, FlushCompress};
use klamm::records::{BatchBounds, Chain, Codec, Draft, FetchRange, Fetched, Verdict, Workspace, fetched};

/// Each cell is repeated for this many seconds, this often; the best counts.
const REPEAT_FOR: f64 = 0.1;
const ROUNDS: usize = 5;

/// The bytes of records in a batch, about.
const BATCH_BYTES: usize = 1 << 20;
const SIZES: [usize; 3] = [100, 1_024, 16 << 10];
const CODECS: [Codec; 5] = [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd];

/// The chain that the records go through.
#[derive(Debug, Clone, Copy)]
enum Policy {
    Keep,
    SetHeader,
    FilterNineInTen,
    FilterAll,
}

impl Chain for Policy {
    type Reason = ();

    fn judge(&mut self, record: &mut Draft<'_>) -> Verdict<()> {
        match self {
            Self::Keep => {}
            Self::SetHeader => record.set_header("customer", Some(b"a")),
            Self::FilterNineInTen if record.offset() % 10 == 0 => {}
            Self::FilterNineInTen | Self::FilterAll => return Verdict::Skip,
        }
        Verdict::Keep
    }
}

fn main() {
    let policies = [
        Policy::Keep,
        Policy::SetHeader,
        Policy::FilterNineInTen,
        Policy::FilterAll,
    ];
    println!("{:>8} {:8} {policies:>12?}, MB/s", "record", "codec");
    for size in SIZES {
        let (records, count) = records(size);
        for codec in CODECS {
            let field = batch(&records, count, codec);
            let mut workspace = Workspace::new(BatchBounds::default());
            let speeds = policies.map(|policy| {
                let rounds = (0..ROUNDS).map(|_| seconds(&field, policy, &mut workspace));
                records.len() as f64 / 1e6 / rounds.fold(f64::INFINITY, f64::min)
            });
            println!("{size:>8} {codec:8?} {speeds:>12.0?}");
        }
    }
}

/// For the field, on average.
fn seconds(field: &[u8], mut policy: Policy, workspace: &mut Workspace) -> f64 {
    let started = processor_seconds();
    let mut count = 0_u32;
    loop {
        let result = fetched(field, FetchRange::default(), &mut policy, workspace);
        assert!(!matches!(result, Fetched::Unreadable { .. }), "{result:?}");
        black_box(result);
        count += 1;
        let elapsed = processor_seconds() - started;
        if elapsed > REPEAT_FOR {
            return elapsed / f64::from(count);
        }
    }
}

/// The time that this thread had a processor.
fn processor_seconds() -> f64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    let nanoseconds = text.split(' ').next().and_then(|word| word.parse::<f64>().ok());
    nanoseconds.expect("a number") / 1e9
}

/// Records of JSON, each with a header, and how many there are.
fn records(size: usize) -> (Vec<u8>, u32) {
    let count = (BATCH_BYTES / size) as u32;
    let mut chance = 1_u64;
    let mut out = Vec::new();
    for number in 0..count {
        let mut value = String::new();
        while value.len() < size {
            chance = chance
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let (customer, amount, id) = (chance >> 61, chance >> 52 & 0xfff, chance >> 32);
            value += &format!(r#"{{"customer":"c{customer}","amount":{amount},"id":"{id:x}"}}"#);
        }
        // No attributes, the base's timestamp, no key.
        let mut record = vec![0, 0];
        varint(&mut record, number);
        record.push(1);
        varint(&mut record, size as u32);
        record.extend(&value.as_bytes()[..size]);
        record.extend(b"\x02\x0ctenant\x02x");
        varint(&mut out, record.len() as u32);
        out.extend(record);
    }
    (out, count)
}

fn varint(out: &mut Vec<u8>, value: u32) {
    let mut rest = value * 2;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// A batch of records, compressed as clients do.
fn batch(records: &[u8], count: u32, codec: Codec) -> Vec<u8> {
    let payload = packed(records, codec);
    let mut summed = vec![0, codec as u8];
    summed.extend((count - 1).to_be_bytes());
    summed.extend([1_700_000_000_000_u64.to_be_bytes(); 2].as_flattened());
    // No producer.
    summed.extend([0xff; 8 + 2 + 4]);
    summed.extend(count.to_be_bytes());
    summed.extend(payload);
    let mut batch = vec![0; 8];
    batch.extend((summed.len() as u32 + 9).to_be_bytes());
    batch.extend([0, 0, 0, 0, 2]);
    batch.extend(crc32c::crc32c(&summed).to_be_bytes());
    batch.extend(summed);
    batch
}

fn packed(records: &[u8], codec: Codec) -> Vec<u8> {
    match codec {
        Codec::None => records.to_vec(),
        Codec::Gzip => {
            let mut out = Vec::with_capacity(records.len());
            let mut gzip = Compress::new_gzip(Compression::new(6), 15);
            gzip.compress_vec(records, &mut out, FlushCompress::Finish)
                .expect("it becomes smaller");
            out
        }
        Codec::Snappy => snap::raw::Encoder::new().compress_vec(records).expect("it fits"),
        Codec::Lz4 => {
            let mut out = vec![0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82];
            for block in records.chunks(64 << 10) {
                let block = lz4_flex::block::compress(block);
                out.extend((block.len() as u32).to_le_bytes());
                out.extend(block);
            }
            out.extend([0; 4]);
            out
        }
        Codec::Zstd => zstd::bulk::compress(records, 3).expect("it fits"),
    }
}
