//! Records that are produced: one batch in, one batch out, with as many records. The broker counts sequences, so nothing may
//! be left out, split or merged; all that it would refuse in a batch is refused here, since a rewritten batch has a new
//! check sum.

use bytes::Bytes;

use crate::records::batch::Batch;
use crate::records::chain::{Chain, Verdict};
use crate::records::codec::Codec;
use crate::records::draft::Draft;
use crate::records::fault::BatchFault;
use crate::records::record::Records;
use crate::records::workspace::Workspace;
use crate::records::writer::RecordWriter;

/// The refused records that a refusal names, as many as a client can use.
const MOST_NAMED: usize = 100;

/// The batch that goes to the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Produced {
    AsItCame,
    Rewritten(Bytes),
}

/// Why a batch does not go to the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProduceRefusal<R> {
    Batch(BatchFault),
    /// The first hundred of the records that were refused; never empty.
    Records(Vec<RefusedRecord<R>>),
}

/// A record of a batch that was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefusedRecord<R> {
    /// Its place in the batch, from 0.
    pub index: i32,
    /// None where the chain would have skipped it: what is produced cannot be skipped.
    pub reason: Option<R>,
}

impl<R> From<BatchFault> for ProduceRefusal<R> {
    fn from(fault: BatchFault) -> Self {
        Self::Batch(fault)
    }
}

/// Judges the records of a partition in a produce request.
pub fn produced<C: Chain>(
    records: &[u8],
    chain: &mut C,
    workspace: &mut Workspace,
) -> Result<Produced, ProduceRefusal<C::Reason>> {
    let result = judged(records, chain, workspace);
    workspace.shrink();
    result
}

fn judged<C: Chain>(
    records: &[u8],
    chain: &mut C,
    workspace: &mut Workspace,
) -> Result<Produced, ProduceRefusal<C::Reason>> {
    let batch = valid_batch(records)?;
    let body = batch.open(&mut workspace.codecs, &workspace.bounds, &mut workspace.opened)?;
    let edits = &mut workspace.edits;
    let mut writer = RecordWriter::new(body, &mut workspace.written, workspace.bounds.most);
    let mut refused = Vec::new();
    let (mut is_changed, mut is_sealed) = (false, false);
    for (index, record) in (0..).zip(Records::new(body, batch.header.records)) {
        let record = record?;
        if record.offset_delta != index {
            return Err(BatchFault::Counts.into());
        }
        let place = (batch.offset(record.offset_delta), batch.timestamp(&record));
        let verdict = chain.judge(&mut Draft::new(body, &record, place, edits));
        let reason = match verdict {
            Verdict::Keep if refused.is_empty() => {
                writer.append(&record, edits)?;
                is_changed |= edits.is_edited();
                is_sealed |= edits.is_sealed();
                continue;
            }
            Verdict::Keep => continue,
            Verdict::Skip => None,
            Verdict::Refuse(reason) => Some(reason),
        };
        refused.push(RefusedRecord { index, reason });
        if refused.len() == MOST_NAMED {
            break;
        }
    }
    if !refused.is_empty() {
        return Err(ProduceRefusal::Records(refused));
    }
    if !is_changed {
        return Ok(Produced::AsItCame);
    }
    writer.finish();
    let mut out = Vec::new();
    match is_sealed {
        true => workspace.seal_in(Codec::None, &batch, &batch.numbers(), &mut out),
        false => workspace.seal(&batch, &batch.numbers(), &mut out),
    }
    Ok(Produced::Rewritten(out.into()))
}

/// The one batch of a partition, if a broker would take it from a client.
fn valid_batch(records: &[u8]) -> Result<Batch<'_>, BatchFault> {
    if records.is_empty() {
        return Err(BatchFault::NotOneBatch);
    }
    let batch = Batch::first(records)?.ok_or(BatchFault::Malformed)?;
    if batch.bytes.len() != records.len() {
        return Err(BatchFault::NotOneBatch);
    }
    batch.check_sum()?;
    if batch.header.is_control() {
        return Err(BatchFault::Control);
    }
    let count = batch.header.records;
    match count > 0 && batch.last_offset_delta == count - 1 {
        true => Ok(batch),
        false => Err(BatchFault::Counts),
    }
}
