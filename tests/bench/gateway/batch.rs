//! Record batches that are moved.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;
use bytes::{Bytes, BytesMut};
use kafka_protocol::records::{Compression, Record, RecordBatchEncoder, RecordEncodeOptions, TimestampType};

/// Of one record.
const RECORD_BYTES: usize = 1_000;

/// Records of a batch of 16 KiB, Java's default `batch.size`, and of 1 MB, about the most that a broker takes.
const SMALL_BATCH: usize = 16;
const LARGE_BATCH: usize = 1_000;

/// The id of an idempotent producer, and what stands there for any other.
const PRODUCER_ID: i64 = 4_711;
const NOT_IDEMPOTENT: i64 = -1;

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
        let record = |number: usize, value: Bytes| Record {
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
            timestamp: now,
            key: None,
            value: Some(value),
            headers: kafka_protocol::indexmap::IndexMap::default(),
        };
        let all: Vec<Record> = (0..records).map(|number| record(number, value())).collect();
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
