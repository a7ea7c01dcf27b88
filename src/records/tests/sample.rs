//! Batches made and read by hand: a second way to do what the engine does, so that it is not measured by itself. Only the
//! codecs are the engine's, which have tests of their own.

use crate::fuzz::chance::Chance;
use crate::records::bounds::BatchBounds;
use crate::records::codec::{Codec, Codecs};

pub(crate) const CODECS: [Codec; 5] = [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd];

pub(crate) const APPEND_TIME: i16 = 1 << 3;
pub(crate) const TRANSACTIONAL: i16 = 1 << 4;
pub(crate) const CONTROL: i16 = 1 << 5;
pub(crate) const DELETE_HORIZON: i16 = 1 << 6;

/// A header: its name, and its value or null.
pub(crate) type Pair = (Vec<u8>, Option<Vec<u8>>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SampleRecord {
    pub(crate) offset_delta: i32,
    pub(crate) timestamp_delta: i64,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<Pair>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SampleBatch {
    pub(crate) base_offset: i64,
    pub(crate) leader_epoch: i32,
    /// Without the codec.
    pub(crate) attributes: i16,
    pub(crate) codec: Codec,
    pub(crate) last_offset_delta: i32,
    pub(crate) base_timestamp: i64,
    pub(crate) max_timestamp: i64,
    pub(crate) producer: (i64, i16, i32),
    pub(crate) records: Vec<SampleRecord>,
}

/// A record as a client sees it: offset, timestamp, key, value, headers.
pub(crate) type Visible = (i64, i64, Option<Vec<u8>>, Option<Vec<u8>>, Vec<Pair>);

impl SampleRecord {
    pub(crate) fn new(offset_delta: i32, value: &str) -> Self {
        Self {
            offset_delta,
            timestamp_delta: i64::from(offset_delta) * 10,
            key: None,
            value: Some(value.into()),
            headers: Vec::new(),
        }
    }
}

impl SampleBatch {
    /// A batch of values, without gaps.
    pub(crate) fn of(base_offset: i64, values: &[&str]) -> Self {
        let records: Vec<_> = (0..)
            .zip(values)
            .map(|(delta, value)| SampleRecord::new(delta, value))
            .collect();
        let last_offset_delta = records.len() as i32 - 1;
        Self {
            base_offset,
            leader_epoch: 7,
            attributes: 0,
            codec: Codec::None,
            last_offset_delta,
            base_timestamp: 1_000,
            max_timestamp: 1_000 + i64::from(last_offset_delta) * 10,
            producer: (-1, -1, -1),
            records,
        }
    }

    /// The end of a transaction.
    pub(crate) fn marker(offset: i64) -> Self {
        let mut batch = Self::of(offset, &["\0\0\0\0\0\0"]);
        batch.attributes = CONTROL | TRANSACTIONAL;
        batch.producer = (4_000, 2, -1);
        batch.records[0].key = Some(vec![0, 0, 0, 1]);
        batch
    }

    pub(crate) fn with(mut self, codec: Codec) -> Self {
        self.codec = codec;
        self
    }

    pub(crate) fn last_offset(&self) -> i64 {
        self.base_offset + i64::from(self.last_offset_delta)
    }

    pub(crate) fn visible(&self) -> Vec<Visible> {
        let timestamp = |record: &SampleRecord| match self.attributes & APPEND_TIME != 0 {
            true => self.max_timestamp,
            false => self.base_timestamp.wrapping_add(record.timestamp_delta),
        };
        let visible = |record: &SampleRecord| {
            (
                self.base_offset + i64::from(record.offset_delta),
                timestamp(record),
                record.key.clone(),
                record.value.clone(),
                record.headers.clone(),
            )
        };
        self.records.iter().map(visible).collect()
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut body = Vec::new();
        for record in &self.records {
            record_bytes(record, &mut body);
        }
        let mut packed = Vec::new();
        let payload = match self.codec {
            Codec::None => &body,
            codec if body.is_empty() => {
                assert_ne!(codec, Codec::None);
                &body
            }
            codec => {
                assert_eq!(Codecs::default().close(codec, &body, &mut packed), codec);
                &packed
            }
        };
        framed(self, payload)
    }

    /// Batches that may be anything: codecs, gaps, nulls, names that come twice, transactions, markers.
    pub(crate) fn random(base_offset: i64, chance: &mut Chance) -> Self {
        if chance.one_in(6) {
            return Self::marker(base_offset);
        }
        let mut batch = Self::of(base_offset, &[]);
        batch.codec = *chance.pick(&CODECS);
        batch.attributes = *chance.pick(&[0, 0, 0, APPEND_TIME, TRANSACTIONAL, DELETE_HORIZON]);
        if chance.one_in(2) {
            batch.producer = (chance.below(9) as i64, 1, chance.below(100) as i32);
        }
        let mut delta = 0;
        for _ in 0..chance.below(9) {
            delta += chance.below(3) as i32 / 2;
            batch.records.push(random_record(delta, chance));
            delta += 1;
        }
        batch.last_offset_delta = (delta - 1).max(0) + chance.below(3) as i32 / 2;
        batch.base_timestamp = 1_700_000_000_000 - chance.below(10) as i64;
        let stamps = batch.visible().into_iter().map(|record| record.1);
        batch.max_timestamp = match batch.attributes {
            APPEND_TIME => 1_800_000_000_000,
            _ => stamps.max().unwrap_or(-1),
        };
        batch
    }

    /// Batches that follow each other, with gaps between them.
    pub(crate) fn random_log(chance: &mut Chance) -> Vec<Self> {
        let mut offset = chance.below(1_000) as i64;
        let count = 1 + chance.below(6);
        let mut next = || {
            let batch = Self::random(offset, chance);
            offset = batch.last_offset() + 1 + chance.below(3) as i64 / 2;
            batch
        };
        (0..count).map(|_| next()).collect()
    }
}

fn random_record(offset_delta: i32, chance: &mut Chance) -> SampleRecord {
    let bytes = |chance: &mut Chance, most| {
        let length = chance.below(most);
        (!chance.one_in(4)).then(|| chance.bytes(length))
    };
    let header = |chance: &mut Chance| {
        let name = chance.pick(&["a", "b", "", "customer", "naïve"]);
        (name.as_bytes().to_vec(), bytes(chance, 9))
    };
    SampleRecord {
        offset_delta,
        timestamp_delta: chance.below(300) as i64 - 100,
        key: bytes(chance, 20),
        value: bytes(chance, 300),
        headers: (0..chance.below(4)).map(|_| header(chance)).collect(),
    }
}

fn framed(batch: &SampleBatch, payload: &[u8]) -> Vec<u8> {
    let mut summed = Vec::new();
    summed.extend((batch.attributes | batch.codec as i16).to_be_bytes());
    summed.extend(batch.last_offset_delta.to_be_bytes());
    summed.extend(batch.base_timestamp.to_be_bytes());
    summed.extend(batch.max_timestamp.to_be_bytes());
    summed.extend(batch.producer.0.to_be_bytes());
    summed.extend(batch.producer.1.to_be_bytes());
    summed.extend(batch.producer.2.to_be_bytes());
    summed.extend((batch.records.len() as i32).to_be_bytes());
    summed.extend(payload);
    let mut out = batch.base_offset.to_be_bytes().to_vec();
    out.extend((summed.len() as i32 + 9).to_be_bytes());
    out.extend(batch.leader_epoch.to_be_bytes());
    out.push(2);
    out.extend(crc32c::crc32c(&summed).to_be_bytes());
    out.extend(summed);
    out
}

/// Corrects the check sum of the one batch that these bytes are.
pub(crate) fn sign(batch: &mut [u8]) {
    let sum = crc32c::crc32c(&batch[21..]);
    batch[17..21].copy_from_slice(&sum.to_be_bytes());
}

fn record_bytes(record: &SampleRecord, out: &mut Vec<u8>) {
    let mut body = vec![0];
    signed(record.timestamp_delta, &mut body);
    signed(record.offset_delta.into(), &mut body);
    optional(record.key.as_deref(), &mut body);
    optional(record.value.as_deref(), &mut body);
    signed(record.headers.len() as i64, &mut body);
    for (name, value) in &record.headers {
        optional(Some(name), &mut body);
        optional(value.as_deref(), &mut body);
    }
    signed(body.len() as i64, out);
    out.extend(body);
}

fn optional(bytes: Option<&[u8]>, out: &mut Vec<u8>) {
    signed(bytes.map_or(-1, |bytes| bytes.len() as i64), out);
    out.extend(bytes.unwrap_or_default());
}

pub(crate) fn signed(value: i64, out: &mut Vec<u8>) {
    let mut rest = if value < 0 {
        (value + 1).unsigned_abs() * 2 + 1
    } else {
        value.unsigned_abs() * 2
    };
    while rest > 127 {
        out.push((rest % 128) as u8 + 128);
        rest /= 128;
    }
    out.push(rest as u8);
}

/// Reads a field whose batches are whole and right, and panics at any other.
pub(crate) fn read(mut bytes: &[u8]) -> Vec<SampleBatch> {
    let mut batches = Vec::new();
    while !bytes.is_empty() {
        let size = 12 + i32::from_be_bytes(bytes[8..12].try_into().unwrap()) as usize;
        batches.push(read_batch(&bytes[..size]));
        bytes = &bytes[size..];
    }
    batches
}

fn read_batch(bytes: &[u8]) -> SampleBatch {
    let i16_at = |at: usize| i16::from_be_bytes(bytes[at..at + 2].try_into().unwrap());
    let i32_at = |at: usize| i32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    let i64_at = |at: usize| i64::from_be_bytes(bytes[at..at + 8].try_into().unwrap());
    assert_eq!(bytes[16], 2, "format");
    assert_eq!(
        i32_at(17).cast_unsigned(),
        crc32c::crc32c(&bytes[21..]),
        "check sum"
    );
    let codec = Codec::of(i16_at(21)).unwrap();
    let mut body = Vec::new();
    let payload = &bytes[61..];
    match codec {
        _ if payload.is_empty() => {}
        Codec::None => body.extend(payload),
        codec => Codecs::default()
            .open(codec, payload, &BatchBounds::default(), &mut body)
            .unwrap(),
    }
    let (mut rest, mut records) = (&body[..], Vec::new());
    while !rest.is_empty() {
        let length = take(&mut rest) as usize;
        let (mut record, after) = rest.split_at(length);
        records.push(read_record(&mut record));
        assert!(record.is_empty(), "no bytes after a record");
        rest = after;
    }
    assert_eq!(i32_at(57), records.len() as i32, "count");
    SampleBatch {
        base_offset: i64_at(0),
        leader_epoch: i32_at(12),
        attributes: i16_at(21) & !7,
        codec,
        last_offset_delta: i32_at(23),
        base_timestamp: i64_at(27),
        max_timestamp: i64_at(35),
        producer: (i64_at(43), i16_at(51), i32_at(53)),
        records,
    }
}

fn read_record(rest: &mut &[u8]) -> SampleRecord {
    *rest = &rest[1..];
    SampleRecord {
        timestamp_delta: take(rest),
        offset_delta: take(rest) as i32,
        key: take_bytes(rest),
        value: take_bytes(rest),
        headers: (0..take(rest))
            .map(|_| (take_bytes(rest).unwrap(), take_bytes(rest)))
            .collect(),
    }
}

fn take(rest: &mut &[u8]) -> i64 {
    let length = 1 + rest.iter().position(|byte| *byte < 128).unwrap();
    let digits = rest[..length].iter().rev();
    let value = digits.fold(0_u64, |value, byte| value << 7 | u64::from(byte & 127));
    *rest = &rest[length..];
    match value % 2 {
        0 => (value / 2) as i64,
        _ => -((value / 2) as i64) - 1,
    }
}

fn take_bytes(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let length = usize::try_from(take(rest)).ok()?;
    let (bytes, after) = rest.split_at(length);
    *rest = after;
    Some(bytes.to_vec())
}
