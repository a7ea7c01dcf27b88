//! Record batches that are moved.

use std::io::{Read, Write};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use bytes::{Bytes, BytesMut};
use kafka_protocol::protocol::StrBytes;
use kafka_protocol::records::{Compression, Record, RecordBatchEncoder, RecordEncodeOptions, TimestampType};

use crate::report::GIB;

/// Before the records of a batch.
const HEADER_BYTES: usize = 61;

/// Of one record.
const RECORD_BYTES: usize = 1_000;

/// Records of a batch of 16 KiB, Java's default `batch.size`, and of 1 MB, about the most that a broker takes.
const SMALL_BATCH: usize = 16;
const LARGE_BATCH: usize = 1_000;

/// The id of an idempotent producer, and what stands there for any other.
const PRODUCER_ID: i64 = 4_711;
const NOT_IDEMPOTENT: i64 = -1;

/// A codec of record batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Codec {
    None,
    Lz4,
    Zstd,
    Gzip,
}

impl Codec {
    pub(crate) const ALL: [Self; 4] = [Self::None, Self::Lz4, Self::Zstd, Self::Gzip];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
        }
    }

    fn compression(self) -> Compression {
        match self {
            Self::None => Compression::None,
            Self::Lz4 => Compression::Lz4,
            Self::Zstd => Compression::Zstd,
            Self::Gzip => Compression::Gzip,
        }
    }

    /// As the gateway compresses.
    fn compress(self, records: &[u8]) -> Result<Vec<u8>> {
        Ok(match self {
            Self::None => records.to_vec(),
            Self::Lz4 => {
                let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
                encoder.write_all(records)?;
                encoder.finish()?
            }
            Self::Zstd => zstd::bulk::compress(records, -1)?,
            Self::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(records)?;
                encoder.finish()?
            }
        })
    }

    fn decompress(self, packed: &[u8]) -> Result<Vec<u8>> {
        let mut records = Vec::new();
        match self {
            Self::None => records.extend_from_slice(packed),
            Self::Lz4 => {
                lz4_flex::frame::FrameDecoder::new(packed).read_to_end(&mut records)?;
            }
            Self::Zstd => {
                zstd::stream::read::Decoder::new(packed)?.read_to_end(&mut records)?;
            }
            Self::Gzip => {
                flate2::read::GzDecoder::new(packed).read_to_end(&mut records)?;
            }
        }
        Ok(records)
    }

    /// The time to decompress and compress a batch, in seconds per GiB that is not compressed.
    pub(crate) fn cost(self, batch: &Batch, rounds: usize) -> Result<f64> {
        const REPEATED: usize = 20;
        let packed = &batch.bytes[HEADER_BYTES..];
        let mut best = f64::INFINITY;
        for _ in 0..rounds {
            let (started, mut bytes) = (Instant::now(), 0);
            for _ in 0..REPEATED {
                let records = self.decompress(packed)?;
                bytes += records.len();
                std::hint::black_box(self.compress(&records)?);
            }
            best = best.min(started.elapsed().as_secs_f64() / (bytes as f64 / GIB));
        }
        Ok(best)
    }
}

/// A record batch.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    pub(crate) bytes: Bytes,
}

impl Batch {
    /// One record of 100 bytes.
    pub(crate) fn tiny() -> Result<Self> {
        Self::new(1, 100, NOT_IDEMPOTENT)
    }

    /// Of 16 KB.
    pub(crate) fn small() -> Result<Self> {
        Self::new(SMALL_BATCH, RECORD_BYTES, NOT_IDEMPOTENT)
    }

    /// Of 16 KB, from an idempotent producer.
    pub(crate) fn idempotent() -> Result<Self> {
        Self::new(SMALL_BATCH, RECORD_BYTES, PRODUCER_ID)
    }

    /// Of 1 MB.
    pub(crate) fn large() -> Result<Self> {
        Self::new(LARGE_BATCH, RECORD_BYTES, NOT_IDEMPOTENT)
    }

    /// So many records whose values are JSON of about so many bytes, each with a header `n` that counts from 0 to 9.
    pub(crate) fn numbered(records: usize, record_bytes: usize, codec: Codec) -> Result<Self> {
        let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?;
        let mut noise = 0x9e37_79b9_7f4a_7c15_u64;
        let mut value = || {
            let mut text = String::from("{");
            while text.len() < record_bytes {
                noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                text += &format!(
                    "\"amount\":{},\"currency\":\"EUR\",\"customer\":\"c-{}\",",
                    noise >> 40,
                    noise >> 56
                );
            }
            text.truncate(record_bytes.max(2) - 1);
            Bytes::from(text + "}")
        };
        let mut all = Vec::new();
        for number in 0..records {
            let mut record = record(number, value(), NOT_IDEMPOTENT, now);
            record.headers.insert(
                StrBytes::from_static_str("n"),
                Some(Bytes::from((number % 10).to_string())),
            );
            all.push(record);
        }
        let mut bytes = BytesMut::new();
        let options = RecordEncodeOptions {
            version: 2,
            compression: codec.compression(),
        };
        let compress = |records: &mut BytesMut, out: &mut BytesMut, _: Compression| -> Result<()> {
            out.extend_from_slice(&codec.compress(records)?);
            Ok(())
        };
        RecordBatchEncoder::encode_with_custom_compression(&mut bytes, &all, &options, Some(compress))?;
        Ok(Self {
            bytes: bytes.freeze(),
        })
    }

    /// So many records of so many bytes, which do not compress well.
    fn new(records: usize, record_bytes: usize, producer_id: i64) -> Result<Self> {
        let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?;
        let mut noise = 0x9e37_79b9_7f4a_7c15_u64;
        let mut value = || -> Bytes {
            let next = |_| {
                noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (noise >> 56) as u8
            };
            (0..record_bytes).map(next).collect()
        };
        let all: Vec<Record> = (0..records)
            .map(|number| record(number, value(), producer_id, now))
            .collect();
        let mut bytes = BytesMut::new();
        let options = RecordEncodeOptions {
            version: 2,
            compression: Compression::None,
        };
        RecordBatchEncoder::encode(&mut bytes, &all, &options)?;
        Ok(Self {
            bytes: bytes.freeze(),
        })
    }
}

fn record(number: usize, value: Bytes, producer_id: i64, timestamp: i64) -> Record {
    Record {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: -1,
        producer_id,
        producer_epoch: if producer_id == NOT_IDEMPOTENT { -1 } else { 0 },
        timestamp_type: TimestampType::Creation,
        offset: number as i64,
        // Of a producer that is not idempotent; batches are cut where it and the offset do not go together.
        sequence: number as i32 - 1,
        timestamp,
        key: None,
        value: Some(value),
        headers: kafka_protocol::indexmap::IndexMap::default(),
    }
}
