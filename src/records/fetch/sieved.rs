//! One batch that is fetched, record by record. Records before the offset that the client asks from are judged like the
//! others: whoever gets the batch as it came gets them too.

use crate::records::batch::{Batch, Numbers};
use crate::records::chain::{Chain, Verdict};
use crate::records::draft::Draft;
use crate::records::fault::BatchFault;
use crate::records::headers::RecordEdits;
use crate::records::record::{Record, Records};
use crate::records::workspace::Workspace;
use crate::records::writer::RecordWriter;

/// The fate of a batch's records. If anything is changed, those that are kept are written to the workspace.
pub(super) struct Sieved<R> {
    /// Whether the batch may not go on as it came.
    pub(super) is_changed: bool,
    /// The batch's numbers with the records that are kept; none where there are none.
    pub(super) kept: Option<Numbers>,
    /// The offset up to which records are left out, with none kept after them.
    pub(super) left_out: Option<i64>,
    /// The first record that was refused. Those after it were not judged.
    pub(super) refused: Option<(i64, R)>,
}

impl<R> Sieved<R> {
    pub(super) fn of<C: Chain<Reason = R>>(
        batch: &Batch<'_>,
        from: Option<i64>,
        chain: &mut C,
        workspace: &mut Workspace,
    ) -> Result<Self, BatchFault> {
        batch.check_sum()?;
        let body = batch.open(&mut workspace.codecs, &workspace.bounds, &mut workspace.opened)?;
        let edits = &mut workspace.edits;
        let mut sieve = Sieve {
            batch,
            writer: RecordWriter::new(body, &mut workspace.written, workspace.bounds.most),
            count: 0,
            last_offset_delta: 0,
            newest: i64::MIN,
            shift: 0,
            is_changed: false,
            is_first_left_out: false,
            left_out: None,
        };
        let mut least_delta = 0;
        for record in Records::new(body, batch.header.records) {
            let record = record?;
            if !(least_delta..=batch.last_offset_delta).contains(&record.offset_delta) {
                return Err(BatchFault::Malformed);
            }
            least_delta = record.offset_delta.saturating_add(1);
            let offset = batch.offset(record.offset_delta);
            let place = (offset, batch.timestamp(&record));
            let is_before = from.is_some_and(|from| offset < from);
            match chain.judge(&mut Draft::new(body, &record, place, edits)) {
                Verdict::Keep if is_before => sieve.is_changed |= edits.is_edited(),
                Verdict::Keep => sieve.keep(&record, edits)?,
                Verdict::Refuse(reason) if !is_before => return Ok(sieve.stop((offset, reason))),
                Verdict::Skip | Verdict::Refuse(_) => {
                    sieve.leave_out(&record, (!is_before).then_some(offset))
                }
            }
        }
        Ok(sieve.end())
    }
}

/// A batch between its records.
struct Sieve<'a> {
    batch: &'a Batch<'a>,
    writer: RecordWriter<'a>,
    /// The records that are kept, the last of them, and the newest.
    count: i32,
    last_offset_delta: i32,
    newest: i64,
    /// By how much the first timestamp of the batch moves.
    shift: i64,
    is_changed: bool,
    is_first_left_out: bool,
    left_out: Option<i64>,
}

impl Sieve<'_> {
    fn keep(&mut self, record: &Record, edits: &RecordEdits) -> Result<(), BatchFault> {
        if self.count == 0 && self.is_first_left_out {
            self.shift = self.batch.shift_to(record);
            self.writer.shift(self.shift);
        }
        self.writer.append(record, edits)?;
        self.is_changed |= edits.is_edited();
        self.count += 1;
        self.last_offset_delta = record.offset_delta;
        self.newest = self.newest.max(self.batch.timestamp(record));
        self.left_out = None;
        Ok(())
    }

    /// Leaves a record out; its offset counts unless it is before what the client asks for.
    fn leave_out(&mut self, record: &Record, offset: Option<i64>) {
        self.is_changed = true;
        self.is_first_left_out |= record.bytes.start == 0;
        self.left_out = offset;
    }

    fn stop<R>(mut self, refused: (i64, R)) -> Sieved<R> {
        self.writer.finish();
        Sieved {
            is_changed: true,
            kept: self.numbers(),
            left_out: self.left_out,
            refused: Some(refused),
        }
    }

    fn end<R>(mut self) -> Sieved<R> {
        if self.is_changed {
            self.writer.finish();
        }
        if self.count > 0 && self.left_out.is_none() {
            // The last record is kept: the batch goes on to where it went.
            self.last_offset_delta = self.batch.last_offset_delta;
        }
        let is_left_out = self.count == 0 || self.left_out.is_some();
        Sieved {
            is_changed: self.is_changed,
            kept: self.numbers(),
            left_out: is_left_out.then(|| self.batch.last_offset()),
            refused: None,
        }
    }

    fn numbers(&self) -> Option<Numbers> {
        let timestamps = (self.shift, self.newest);
        let numbers = self
            .batch
            .numbers_of(self.count, self.last_offset_delta, timestamps);
        (self.count > 0).then_some(numbers)
    }
}
