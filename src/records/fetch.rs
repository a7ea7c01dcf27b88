//! Records that are fetched: of a partition's batches, what the client may see. Offsets never change. Where records are left
//! out at the end, a filler takes their place; gaps before the end are as compaction leaves them, which every client knows.

mod sieved;

use bytes::Bytes;

use crate::records::batch::Batch;
use crate::records::chain::Chain;
use crate::records::fault::BatchFault;
use crate::records::fetch::sieved::Sieved;
use crate::records::filler;
use crate::records::workspace::Workspace;

/// The part of a partition that a client asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FetchRange {
    /// The offset that it fetches from. A batch often begins before it: once anything is left out of such a batch, so are
    /// the records before. Share consumers name none.
    pub from: Option<i64>,
    /// The most bytes that it takes, but for one batch, which it always gets.
    pub limit: Option<usize>,
    pub poison: PoisonHandling,
}

/// The treatment of what comes before a record that was refused, or a batch that cannot be opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PoisonHandling {
    /// It is delivered, and the next fetch begins with the error.
    #[default]
    AfterOthers,
    /// Nothing is delivered: a share consumer would take what is missing for gaps, and acknowledge it.
    First,
}

/// The records that the client gets. The last batch of a field may be cut off; it is left out, as clients do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched<R> {
    AsItCame,
    Rewritten(Bytes),
    /// The first record that the client would get was refused: there is nothing to deliver. Where something comes before
    /// it, that is delivered, and the next fetch comes to this.
    Poisoned {
        offset: i64,
        reason: R,
    },
    /// The first batch that the client would get cannot be opened, so that nobody knows what it may see of it.
    Unreadable {
        offset: i64,
        fault: BatchFault,
    },
}

/// Judges the records of a partition in the answer to a fetch.
pub fn fetched<C: Chain>(
    records: &[u8],
    range: FetchRange,
    chain: &mut C,
    workspace: &mut Workspace,
) -> Fetched<C::Reason> {
    let mut answer = Answer {
        records,
        range,
        same: 0,
        changed: None,
        run: None,
    };
    let end = answer.fill(chain, workspace);
    workspace.shrink();
    match end {
        End::Poison { offset, reason } if answer.ends_here() => Fetched::Poisoned { offset, reason },
        End::Fault { offset, fault } if answer.ends_here() => Fetched::Unreadable { offset, fault },
        _ => answer.finish(),
    }
}

/// Why no further batch is looked at.
enum End<R> {
    Through,
    Poison { offset: i64, reason: R },
    Fault { offset: i64, fault: BatchFault },
}

/// The answer as it grows.
struct Answer<'a> {
    records: &'a [u8],
    range: FetchRange,
    /// The bytes at the start that go on as they came, until something has changed.
    same: usize,
    /// All that goes on, once something has changed.
    changed: Option<Vec<u8>>,
    /// Records were left out, and nothing is delivered after them.
    run: Option<Run>,
}

/// The end of records that were left out.
#[derive(Debug, Clone, Copy)]
struct Run {
    last: i64,
    leader_epoch: i32,
}

impl Answer<'_> {
    /// Whether an error is told and nothing else.
    fn ends_here(&self) -> bool {
        self.is_empty() || self.range.poison == PoisonHandling::First
    }

    fn fill<C: Chain>(&mut self, chain: &mut C, workspace: &mut Workspace) -> End<C::Reason> {
        let mut rest = self.records;
        loop {
            let batch = match Batch::first(rest) {
                Ok(Some(batch)) => batch,
                Ok(None) => return End::Through,
                Err(fault) => return self.fault(rest, fault),
            };
            if batch.header.is_control() || batch.is_empty() {
                if !self.pass(&batch) {
                    return End::Through;
                }
            } else {
                let sieved = match Sieved::of(&batch, self.range.from, chain, workspace) {
                    Ok(sieved) => sieved,
                    Err(fault) => return self.fault(rest, fault),
                };
                let has_room = match sieved.is_changed {
                    true => self.replace(&batch, &sieved, workspace),
                    false => self.pass(&batch),
                };
                if !has_room {
                    return End::Through;
                }
                if let Some((offset, reason)) = sieved.refused {
                    return End::Poison { offset, reason };
                }
            }
            rest = &rest[batch.bytes.len()..];
        }
    }

    fn fault<R>(&self, rest: &[u8], fault: BatchFault) -> End<R> {
        let base = rest.first_chunk().map_or(0, |bytes| i64::from_be_bytes(*bytes));
        let offset = self.range.from.map_or(base, |from| from.max(base));
        End::Fault { offset, fault }
    }

    /// Sends a batch on as it came; whether there was room for it.
    fn pass(&mut self, batch: &Batch<'_>) -> bool {
        if let Some(run) = &mut self.run
            && batch.is_empty()
        {
            // One without records, left behind by compaction, goes the way of its neighbours.
            run.last = batch.last_offset();
            return true;
        }
        if self.is_full(self.size(), batch.bytes.len()) {
            return false;
        }
        match &mut self.changed {
            Some(changed) => changed.extend_from_slice(batch.bytes),
            None => self.same += batch.bytes.len(),
        }
        self.run = None;
        true
    }

    /// Sends on what is kept of a batch; whether there was room for it.
    fn replace<R>(&mut self, batch: &Batch<'_>, sieved: &Sieved<R>, workspace: &mut Workspace) -> bool {
        let before = self.size();
        let changed = self.changed();
        if let Some(numbers) = &sieved.kept {
            workspace.seal(batch, numbers, changed);
            let more = changed.len() - before;
            if self.is_full(before, more) {
                self.changed().truncate(before);
                return false;
            }
            self.run = None;
        }
        if let Some(last) = sieved.left_out {
            let leader_epoch = batch.leader_epoch;
            self.run = Some(Run { last, leader_epoch });
        }
        true
    }

    /// The bytes that go on, now that they are not those that came.
    fn changed(&mut self) -> &mut Vec<u8> {
        let same = &self.records[..self.same];
        self.changed.get_or_insert_with(|| same.to_vec())
    }

    fn size(&self) -> usize {
        self.changed.as_ref().map_or(self.same, Vec::len)
    }

    /// Whether so many bytes more are too many for the client.
    fn is_full(&self, size: usize, more: usize) -> bool {
        size > 0 && self.range.limit.is_some_and(|limit| size + more > limit)
    }

    /// The end of the records that a filler is to stand for. One before the offset that the client asks from would hold it
    /// where it is.
    fn filled(&self) -> Option<Run> {
        let is_ahead = |run: &Run| self.range.from.is_none_or(|from| run.last >= from);
        self.run.filter(is_ahead)
    }

    /// Whether the client would get nothing, not even a filler.
    fn is_empty(&self) -> bool {
        self.size() == 0 && self.filled().is_none()
    }

    fn finish<R>(mut self) -> Fetched<R> {
        if let Some(run) = self.filled() {
            filler::append(run.last, run.leader_epoch, self.changed());
        }
        match self.changed {
            Some(changed) => Fetched::Rewritten(changed.into()),
            None if self.same == self.records.len() => Fetched::AsItCame,
            None => Fetched::Rewritten(Bytes::copy_from_slice(&self.records[..self.same])),
        }
    }
}
