//! A produced batch that is judged, and one that is fetched: what it takes does not grow with the records, nor with those
//! whose headers change.

use allocation_counter::measure;
use bytes::{Bytes, BytesMut};
use kafka_protocol::records::{Compression, Record, RecordBatchEncoder, RecordEncodeOptions, TimestampType};
use klamm::records::{
    BatchBounds, Chain, Draft, FetchRange, Fetched, Produced, Verdict, Workspace, fetched, produced,
};

/// For the bytes of what comes of the two, and the end of one that is longer than it was.
const ALLOWED: u64 = 8;

/// Marks every second record, and leaves every third out where it may.
struct Marker {
    skips: bool,
}

impl Chain for Marker {
    type Reason = ();

    fn judge(&mut self, record: &mut Draft<'_>) -> Verdict<()> {
        let known = record.headers().filter(|header| header.name == b"customer");
        if self.skips && record.offset() % 3 == 0 {
            return Verdict::Skip;
        }
        if record.offset() % 2 == 0 && known.count() == 1 {
            record.set_header("customer", Some(b"b"));
            record.set_header("seen", None);
        }
        Verdict::Keep
    }
}

pub(crate) fn batch(records: i64, value: &'static [u8]) -> Bytes {
    let record = |offset| Record {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: 0,
        producer_id: -1,
        producer_epoch: -1,
        timestamp_type: TimestampType::Creation,
        offset,
        // Batches are cut where it and the offset do not go together.
        sequence: offset as i32 - 1,
        timestamp: 1_700_000_000_000,
        key: None,
        value: Some(Bytes::from_static(value)),
        headers: [("customer".into(), Some(Bytes::from_static(b"a")))]
            .into_iter()
            .collect(),
    };
    let records: Vec<_> = (0..records).map(record).collect();
    let options = RecordEncodeOptions {
        version: 2,
        compression: Compression::None,
    };
    let mut bytes = BytesMut::new();
    RecordBatchEncoder::encode(&mut bytes, &records, &options).unwrap();
    bytes.freeze()
}

#[test]
fn judging_records_allocates_nothing_for_each() {
    let mut workspace = Workspace::new(BatchBounds::default());
    let field = batch(5_000, b"value");
    let mut judge = || {
        let result = produced(&field, &mut Marker { skips: false }, &mut workspace);
        assert!(matches!(result, Ok(Produced::Rewritten(_))), "{result:?}");
        let result = fetched(
            &field,
            FetchRange::default(),
            &mut Marker { skips: true },
            &mut workspace,
        );
        assert!(matches!(result, Fetched::Rewritten(_)), "{result:?}");
    };
    // Buffers get their sizes.
    judge();
    let allocations = measure(judge).count_total;
    assert!(allocations <= ALLOWED, "{allocations}");
}
