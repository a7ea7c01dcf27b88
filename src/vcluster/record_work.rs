//! The records that policies look at before a request or an answer goes on: what there is to do, and what came of it. It is
//! done wherever there is time for it; it knows no messages, but only where in a frame their records are.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use klamm_raft::model::PolicyName;

use super::api::error_code::ErrorCode;
use crate::policy::{AtHand, Policies, PolicyChain, RecordLoad, RecordNeed, RecordOutcomes, RecordRefusal};
use crate::records::{
    BatchBounds, BatchFault, FetchRange, Fetched, ProduceRefusal, Produced, RefusedRecord, Workspace,
    fetched, outline, produced,
};

/// Records of one frame that are to be judged.
#[derive(Debug)]
pub struct RecordWork {
    policies: Arc<Policies>,
    topics: Vec<TopicWork>,
}

/// Records of one topic, with their judge.
#[derive(Debug)]
struct TopicWork {
    /// As the client calls it.
    name: String,
    chain: PolicyChain,
    pieces: Vec<Piece>,
}

/// The partition that records are of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionName {
    /// As the client calls it.
    pub topic: String,
    pub index: i32,
}

/// The records of one partition.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) partition: i32,
    /// Where they begin in the frame.
    pub(super) at: usize,
    pub(super) records: Bytes,
    /// The part that a client fetches; none when it produces them.
    pub(super) range: Option<FetchRange>,
}

/// The size of some work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkSize {
    /// The most bytes that are looked at, opened.
    pub bytes: usize,
    /// The most bytes of memory that it takes, beside the frame.
    pub memory: usize,
}

/// The end of some work.
#[derive(Debug)]
pub enum WorkEnd {
    Judged(RecordResults),
    /// Records need keys or schemas that have to be waited for. With them all is to be done again.
    Lacks {
        work: RecordWork,
        needs: Vec<RecordNeed>,
    },
}

impl WorkEnd {
    /// The results; where keys or schemas are lacking, nothing is judged, and the client may try again.
    pub fn settled(self) -> RecordResults {
        match self {
            Self::Judged(results) => results,
            Self::Lacks { work, .. } => work.give_up(),
        }
    }
}

/// The results of judging the records of one frame.
#[derive(Debug, Default)]
pub struct RecordResults {
    /// Those that the records were judged by; none when nothing was judged.
    policies: Option<Arc<Policies>>,
    /// In the order of the frame.
    pieces: Vec<(usize, Judged)>,
    policy_work: Vec<PolicyWork>,
    refusals: Vec<PartitionRefusal>,
}

/// The part of one policy in judging the records of a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyWork {
    pub policy: PolicyName,
    pub outcomes: RecordOutcomes,
    pub load: RecordLoad,
}

/// A partition whose records do not go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionRefusal {
    pub partition: PartitionName,
    /// The policy that refused the first of the records; none where the batch itself cannot be judged.
    pub policy: Option<PolicyName>,
    /// In words that hold nothing of the records.
    pub why: String,
}

/// The result of judging the records of one partition.
#[derive(Debug, Clone)]
pub(super) enum Judged {
    AsItCame,
    Rewritten(Bytes),
    Refused(RefusedRecords),
}

/// Why the records of a partition do not go on.
#[derive(Debug, Clone)]
pub(super) struct RefusedRecords {
    pub(super) error: ErrorCode,
    /// The policy that refused the first of the records, if one did.
    policy: Option<PolicyName>,
    /// In words for the client, where the protocol carries some.
    pub(super) message: String,
    /// Of a batch that was produced: the records that are to blame, by their index (KIP-467).
    pub(super) records: Vec<(i32, String)>,
}

/// The most records that are named in the answer to one request (KIP-467): words for more would be many times the request.
const MOST_NAMED: usize = 100;

impl RefusedRecords {
    /// A rule on requests does not let them through.
    pub(super) fn by_rule(message: String) -> Self {
        Self::whole(ErrorCode::PolicyViolation, message)
    }

    /// All of them, for no record in particular.
    fn whole(error: ErrorCode, message: String) -> Self {
        Self {
            error,
            policy: None,
            message,
            records: Vec::new(),
        }
    }

    /// The refusal of a partition, told to those who run the gateway.
    fn of(&self, topic: &str, index: i32) -> PartitionRefusal {
        PartitionRefusal {
            partition: PartitionName {
                topic: topic.to_owned(),
                index,
            },
            policy: self.policy.clone(),
            why: self.message.clone(),
        }
    }

    /// There was no memory or no time to judge them.
    fn busy() -> Self {
        Self::whole(ErrorCode::KafkaStorageError, BUSY.to_owned())
    }
}

/// The time was not there to judge records, or the memory.
const BUSY: &str =
    "The gateway has no memory or time left to apply its policies to these records now. Try again.";

/// The words on records for which no policy gives a reason.
const NOT_JUDGED: &str = "The gateway could not apply its policies to these records.";

impl RecordWork {
    /// Nothing to do yet.
    pub(super) fn new(policies: &Arc<Policies>) -> Self {
        Self {
            policies: Arc::clone(policies),
            topics: Vec::new(),
        }
    }

    /// Adds records of a topic, in the order of the frame.
    pub(super) fn add(&mut self, topic: &str, chain: PolicyChain, pieces: Vec<Piece>) {
        if !pieces.is_empty() {
            let name = topic.to_owned();
            self.topics.push(TopicWork { name, chain, pieces });
        }
    }

    /// Whether there is nothing to do.
    pub(super) fn is_empty(&self) -> bool {
        self.topics.is_empty()
    }

    /// How much there is to do.
    pub fn size(&self, bounds: &BatchBounds) -> WorkSize {
        let (mut bytes, mut largest, mut fields) = (0_usize, 0, 0_usize);
        for topic in &self.topics {
            for piece in &topic.pieces {
                let outline = outline(&piece.records, bounds);
                let field = piece.records.len();
                bytes = bytes.saturating_add(outline.opened.max(field));
                let added = topic.chain.growth(outline.records, outline.opened);
                let edited = outline.largest.saturating_add(added).min(bounds.most);
                largest = largest.max(outline.largest.saturating_add(edited));
                fields = fields.saturating_add(field);
            }
        }
        WorkSize {
            bytes,
            memory: largest.saturating_add(fields),
        }
    }

    /// Judges all records. Where what takes their place would be more than `room`, the rest is refused, to be tried again in
    /// smaller requests. `clock` tells how long the work has been going on.
    pub fn run(
        mut self,
        workspace: &mut Workspace,
        at_hand: &AtHand,
        room: usize,
        clock: impl Fn() -> Duration,
    ) -> WorkEnd {
        let mut results = RecordResults {
            policies: Some(Arc::clone(&self.policies)),
            ..RecordResults::NONE
        };
        let (mut used, mut named) = (0, MOST_NAMED);
        let (mut begun, mut lacking) = (clock(), Vec::new());
        for topic in &mut self.topics {
            topic.chain.take(at_hand.clone());
            let mut load = RecordLoad::default();
            for piece in &topic.pieces {
                let mut judged = match used > room {
                    true => Judged::Refused(RefusedRecords::busy()),
                    false => piece.judge(&mut topic.chain, workspace),
                };
                load.bytes_in += piece.records.len() as u64;
                match &mut judged {
                    Judged::Rewritten(records) => {
                        used += records.len();
                        load.bytes_out += records.len() as u64;
                    }
                    Judged::Refused(why) => {
                        why.records.truncate(named);
                        named -= why.records.len();
                        results.refusals.push(why.of(&topic.name, piece.partition));
                    }
                    Judged::AsItCame => load.bytes_out += piece.records.len() as u64,
                }
                results.pieces.push((piece.at, judged));
            }
            let ended = clock();
            load.spent = ended.saturating_sub(begun);
            begun = ended;
            lacking.append(&mut topic.chain.lacking());
            results.count(&topic.chain, load);
        }
        match lacking.is_empty() {
            true => WorkEnd::Judged(results),
            false => WorkEnd::Lacks {
                work: self.again(),
                needs: lacking,
            },
        }
    }

    /// This work as it was before anything was done.
    fn again(mut self) -> Self {
        for topic in &mut self.topics {
            topic.chain.restart();
        }
        self
    }

    /// Judges nothing: no record goes on, and the client may try again.
    pub fn give_up(self) -> RecordResults {
        let pieces = self.topics.into_iter().flat_map(|topic| topic.pieces);
        let refused = |piece: Piece| (piece.at, Judged::Refused(RefusedRecords::busy()));
        RecordResults {
            policies: Some(self.policies),
            pieces: pieces.map(refused).collect(),
            ..RecordResults::NONE
        }
    }
}

impl Piece {
    fn judge(&self, chain: &mut PolicyChain, workspace: &mut Workspace) -> Judged {
        chain.enter(self.partition);
        match self.range {
            None => match produced(&self.records, chain, workspace) {
                Ok(Produced::AsItCame) => Judged::AsItCame,
                Ok(Produced::Rewritten(records)) => Judged::Rewritten(records),
                Err(refusal) => Judged::Refused(refused(chain, refusal)),
            },
            Some(range) => match fetched(&self.records, range, chain, workspace) {
                Fetched::AsItCame => Judged::AsItCame,
                Fetched::Rewritten(records) => Judged::Rewritten(records),
                // The answer to a fetch has no room for words: these are for the log.
                Fetched::Poisoned { offset, reason } => {
                    let mut refused = corrupt(offset, chain.words(reason));
                    if chain.is_for_now(reason) {
                        refused.error = ErrorCode::KafkaStorageError;
                    }
                    refused.policy = Some(chain.policy(reason).clone());
                    Judged::Refused(refused)
                }
                Fetched::Unreadable { offset, fault } => Judged::Refused(corrupt(offset, fault)),
            },
        }
    }
}

/// The refusal of a batch that a client produced.
fn refused(chain: &PolicyChain, refusal: ProduceRefusal<RecordRefusal>) -> RefusedRecords {
    match refusal {
        ProduceRefusal::Records(refused) => {
            let told = |record: &RefusedRecord<RecordRefusal>| {
                let words = record.reason.map(|reason| chain.words(reason));
                (record.index, words.unwrap_or_else(|| NOT_JUDGED.to_owned()))
            };
            let reason = refused.first().and_then(|record| record.reason);
            let policy = reason.map(|reason| chain.policy(reason).clone());
            if let Some(reason) = reason.filter(|reason| chain.is_for_now(*reason)) {
                // No record is to blame.
                let whole = RefusedRecords::whole(ErrorCode::KafkaStorageError, chain.words(reason));
                return RefusedRecords { policy, ..whole };
            }
            let records: Vec<_> = refused.iter().map(told).collect();
            let first = records.first();
            RefusedRecords {
                error: ErrorCode::InvalidRecord,
                policy,
                message: first.map_or_else(String::new, |(index, words)| format!("Record {index}: {words}")),
                records,
            }
        }
        ProduceRefusal::Batch(fault) => RefusedRecords::whole(error_of(fault), fault.to_string()),
    }
}

/// The refusal of a record that a consumer cannot be given. Clients name its offset, and one can seek past it.
fn corrupt(offset: i64, why: impl Display) -> RefusedRecords {
    RefusedRecords::whole(ErrorCode::CorruptMessage, format!("offset {offset}: {why}"))
}

/// The error that a broker has for a batch like this.
fn error_of(fault: BatchFault) -> ErrorCode {
    match fault {
        BatchFault::Format(_) => ErrorCode::UnsupportedForMessageFormat,
        BatchFault::Codec(_) => ErrorCode::UnsupportedCompressionType,
        BatchFault::Checksum => ErrorCode::CorruptMessage,
        BatchFault::Malformed
        | BatchFault::TooLarge { .. }
        | BatchFault::Headers { .. }
        | BatchFault::NotOneBatch
        | BatchFault::Counts
        | BatchFault::Control => ErrorCode::InvalidRecord,
    }
}

impl RecordResults {
    /// Nothing was judged.
    pub const NONE: Self = Self {
        policies: None,
        pieces: Vec::new(),
        policy_work: Vec::new(),
        refusals: Vec::new(),
    };

    /// The bytes of records that take the place of others.
    pub fn bytes(&self) -> usize {
        let lengths = self.pieces.iter().map(|(_, judged)| match judged {
            Judged::Rewritten(records) => records.len(),
            Judged::AsItCame | Judged::Refused(_) => 0,
        });
        lengths.sum()
    }

    /// The part of each policy, in order of effect. One that several chains have in common is there once.
    pub fn policy_work(&self) -> &[PolicyWork] {
        &self.policy_work
    }

    fn count(&mut self, chain: &PolicyChain, load: RecordLoad) {
        for (policy, outcomes) in chain.outcomes() {
            match self.policy_work.iter_mut().find(|known| known.policy == *policy) {
                Some(known) => {
                    known.outcomes += outcomes;
                    known.load += load;
                }
                None => self.policy_work.push(PolicyWork {
                    policy: policy.clone(),
                    outcomes,
                    load,
                }),
            }
        }
    }

    /// The partitions whose records do not go on.
    pub fn refusals(&self) -> &[PartitionRefusal] {
        &self.refusals
    }

    /// The result for the records at a place of the frame, if they were judged by these policies.
    pub(super) fn at(&self, place: usize, policies: &Arc<Policies>) -> Option<&Judged> {
        let by = self.policies.as_ref()?;
        if !Arc::ptr_eq(by, policies) {
            return None;
        }
        let found = self.pieces.binary_search_by_key(&place, |(at, _)| *at).ok()?;
        Some(&self.pieces[found].1)
    }
}
