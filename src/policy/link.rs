//! One policy of a chain: what it makes of a record.

use std::fmt::Write;
use std::sync::Arc;

use klamm_raft::model::{FailureMode, PolicyName};

use super::at_hand::{MayWait, RecordNeed};
use super::cipher::{Cipher, CipherFault, CipherStop};
use super::compiled::{CompiledAction, CompiledPolicy, ExistingHeader, HeaderChange};
use super::outcomes::RecordOutcomes;
use super::validation::{RecordPart, SchemaFault, SchemaStop, SchemaValidator};
use super::values::{RecordValues, RequestValues};
use crate::envelope::{KeysAtHand, NoKey};
use crate::expression::{Lookup, NoAnswer, TextGrowth};
use crate::records::Draft;
use crate::schemas::{NoSchema, SchemasAtHand};

/// A policy that can concern records of a request.
#[derive(Debug)]
pub(super) struct Link {
    policy: Arc<CompiledPolicy>,
    /// Whether its condition holds, if that is the same for all records.
    holds: Option<Result<bool, NoAnswer>>,
    outcomes: RecordOutcomes,
    cipher: Cipher,
    validator: SchemaValidator,
}

/// The keys and schemas at hand, for one record.
#[derive(Debug, Clone, Copy)]
pub(super) struct JudgeMeans<'a> {
    pub(super) keys: &'a dyn KeysAtHand,
    pub(super) schemas: &'a dyn SchemasAtHand,
    pub(super) may_wait: MayWait,
}

/// The effect of a policy on a record that it can judge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    None,
    /// Headers are changed, with the values that were put aside.
    Change,
    Skip,
    Refuse,
    /// It is encrypted, or decrypted.
    Cipher,
    /// It is looked at whether it is as its schema says.
    Validate,
}

/// Whether a record goes on to the next policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RecordStep {
    GoesOn,
    Skipped,
    Refused(Refused),
    /// It is not through yet, for want of a key or a schema.
    Lacks(RecordNeed),
}

/// Why a record is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    Unmet,
    Failed(JudgeFailure),
}

impl Refused {
    /// Whether the same record may go through a little later.
    pub(super) fn is_for_now(self) -> bool {
        match self {
            Self::Failed(JudgeFailure::Cipher(fault)) => fault.is_for_now(),
            Self::Failed(JudgeFailure::Schema(fault)) => fault.is_for_now(),
            _ => false,
        }
    }
}

/// Why a policy could not judge a record. The words hold nothing of the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum JudgeFailure {
    #[error("its condition has no answer: {0}")]
    Condition(NoAnswer),
    #[error("the value of a header has no answer: {0}")]
    HeaderValue(NoAnswer),
    #[error("{0}")]
    Cipher(CipherFault),
    #[error("{0}")]
    Schema(SchemaFault),
    #[error("this node cannot carry it out")]
    Broken,
}

impl JudgeFailure {
    /// There is a key to be waited for, and no time for that.
    const NO_KEY: Self = Self::Cipher(CipherFault::NoKey(NoKey::Away));
    /// There is a schema to be waited for, and no time for that.
    const NO_SCHEMA: Self = Self::Schema(SchemaFault::NoSchema(RecordPart::Value, NoSchema::Away));
}

/// The values of the headers that a policy sets, one behind the other. All of them are known before a header is changed.
#[derive(Debug, Default)]
pub(super) struct HeaderValues {
    text: String,
    ends: Vec<usize>,
}

/// The lengths of a header's name and value, and what those of its record become longer by.
const MOST_LENGTHS: usize = 20;

/// The words for a failure are shorter.
const MOST_WORDS: usize = 256;

impl Link {
    /// None if the policy does nothing with any record of this request.
    pub(super) fn new(policy: &Arc<CompiledPolicy>, request: RequestValues<'_>) -> Option<Self> {
        let holds = policy
            .condition
            .as_ref()
            .map_or(Ok(true), |condition| condition.holds(&request));
        let is_idle = match &policy.action {
            CompiledAction::Require { .. } => holds == Ok(true),
            CompiledAction::ModifyHeaders(_)
            | CompiledAction::SkipRecord
            | CompiledAction::Encrypt(_)
            | CompiledAction::Decrypt(_)
            | CompiledAction::Validate(_) => holds == Ok(false),
            CompiledAction::Broken => false,
        };
        (!is_idle).then(|| Self {
            policy: Arc::clone(policy),
            holds: (holds != Err(NoAnswer::NotYet)).then_some(holds),
            outcomes: RecordOutcomes::default(),
            cipher: Cipher::default(),
            validator: SchemaValidator::default(),
        })
    }

    /// Forgets the records so far: they are judged once more.
    pub(super) fn restart(&mut self) {
        self.outcomes = RecordOutcomes::default();
        self.cipher = Cipher::default();
        self.validator = SchemaValidator::default();
    }

    pub(super) fn name(&self) -> &PolicyName {
        &self.policy.reach.name
    }

    /// The most that it can add to a record of this request.
    pub(super) fn growth(&self, request: RequestValues<'_>) -> TextGrowth {
        let mut growth = TextGrowth::default();
        if let CompiledAction::ModifyHeaders(changes) = &self.policy.action {
            for change in changes {
                if let HeaderChange::Set { key, value, .. } = change {
                    let text = value.growth(&request);
                    growth.bytes += key.as_str().len() + MOST_LENGTHS + text.bytes;
                    growth.copies += text.copies;
                }
            }
        }
        match &self.policy.action {
            CompiledAction::Encrypt(with) => growth = with.growth(),
            // The parts that are opened are made beside the record.
            CompiledAction::Decrypt(_) => growth.copies = 1,
            _ => {}
        }
        if self.policy.failure_mode == FailureMode::Mark {
            let mark = self.policy.mark.len() + MOST_LENGTHS + MOST_WORDS;
            growth.bytes = growth.bytes.max(mark);
        }
        growth
    }

    pub(super) fn outcomes(&self) -> RecordOutcomes {
        self.outcomes
    }

    /// The policy's judgement of a record. The values of headers that it sets are put aside.
    pub(super) fn effect(
        &self,
        record: &RecordValues<'_>,
        values: &mut HeaderValues,
    ) -> Result<Effect, JudgeFailure> {
        let holds = match (self.holds, &self.policy.condition) {
            (Some(holds), _) => holds,
            (None, Some(condition)) => condition.holds(record),
            (None, None) => Err(NoAnswer::NotYet),
        };
        match (&self.policy.action, holds.map_err(JudgeFailure::Condition)?) {
            (CompiledAction::Broken, _) => Err(JudgeFailure::Broken),
            (CompiledAction::Require { .. }, true) => Ok(Effect::None),
            (CompiledAction::Require { .. }, false) => Ok(Effect::Refuse),
            (
                CompiledAction::SkipRecord
                | CompiledAction::ModifyHeaders(_)
                | CompiledAction::Encrypt(_)
                | CompiledAction::Decrypt(_)
                | CompiledAction::Validate(_),
                false,
            ) => Ok(Effect::None),
            (CompiledAction::Validate(_), true) => Ok(Effect::Validate),
            (CompiledAction::Encrypt(_) | CompiledAction::Decrypt(_), true) => Ok(Effect::Cipher),
            (CompiledAction::SkipRecord, true) => Ok(Effect::Skip),
            (CompiledAction::ModifyHeaders(changes), true) => values
                .fill(changes, record)
                .map(|()| Effect::Change)
                .map_err(JudgeFailure::HeaderValue),
        }
    }

    /// Has the effect on the record, and counts it.
    pub(super) fn carry_out(
        &mut self,
        effect: Result<Effect, JudgeFailure>,
        record: &mut Draft<'_>,
        values: &mut HeaderValues,
        means: JudgeMeans<'_>,
    ) -> RecordStep {
        match effect {
            Ok(Effect::None) => {
                self.outcomes.passed += 1;
                RecordStep::GoesOn
            }
            Ok(Effect::Change) => {
                if let CompiledAction::ModifyHeaders(changes) = &self.policy.action {
                    change(record, changes, values);
                }
                self.outcomes.changed += 1;
                RecordStep::GoesOn
            }
            Ok(Effect::Skip) => {
                self.outcomes.skipped += 1;
                RecordStep::Skipped
            }
            Ok(Effect::Refuse) => {
                self.outcomes.refused += 1;
                RecordStep::Refused(Refused::Unmet)
            }
            Ok(Effect::Validate) => match self.validate(record, means.schemas) {
                Ok(()) => {
                    self.outcomes.passed += 1;
                    RecordStep::GoesOn
                }
                Err(SchemaStop::Lacks(need)) if means.may_wait.for_schemas => {
                    RecordStep::Lacks(RecordNeed::Schema(need))
                }
                Err(SchemaStop::Lacks(_)) => self.fail(JudgeFailure::NO_SCHEMA, record, values),
                Err(SchemaStop::Fault(fault)) => self.fail(JudgeFailure::Schema(fault), record, values),
            },
            Ok(Effect::Cipher) => match self.encipher(record, means.keys) {
                Ok(true) => {
                    self.outcomes.changed += 1;
                    RecordStep::GoesOn
                }
                Ok(false) => {
                    self.outcomes.passed += 1;
                    RecordStep::GoesOn
                }
                Err(CipherStop::Lacks(need)) if means.may_wait.for_keys => {
                    RecordStep::Lacks(RecordNeed::Key(need))
                }
                Err(CipherStop::Lacks(_)) => self.fail(JudgeFailure::NO_KEY, record, values),
                Err(CipherStop::Fault(fault)) => self.fail(JudgeFailure::Cipher(fault), record, values),
            },
            Err(failure) => self.fail(failure, record, values),
        }
    }

    /// Encrypts or decrypts a record; whether there was something to do.
    fn encipher(&mut self, record: &mut Draft<'_>, keys: &dyn KeysAtHand) -> Result<bool, CipherStop> {
        match &self.policy.action {
            CompiledAction::Encrypt(with) => self.cipher.seal(with, record, keys),
            CompiledAction::Decrypt(with) => self.cipher.open(with, record, keys),
            _ => Ok(false),
        }
    }

    /// Looks whether a record is as its schema says.
    fn validate(&mut self, record: &Draft<'_>, schemas: &dyn SchemasAtHand) -> Result<(), SchemaStop> {
        match &self.policy.action {
            CompiledAction::Validate(with) => self.validator.validate(with, record, schemas),
            _ => Ok(()),
        }
    }

    /// Does with a record that cannot be judged what the policy says.
    fn fail(
        &mut self,
        failure: JudgeFailure,
        record: &mut Draft<'_>,
        values: &mut HeaderValues,
    ) -> RecordStep {
        let mode = match failure {
            JudgeFailure::Broken => FailureMode::Refuse,
            // Whatever the policy says of records that it cannot judge: it can judge this one, only not now.
            JudgeFailure::Cipher(fault) if fault.is_for_now() => FailureMode::Refuse,
            // A good record must not be lost, nor be marked for ever, for want of an answer of the registry. Who lets bad ones
            // through lets it through as well; but not where nothing is ever looked at.
            JudgeFailure::Schema(fault) if fault.is_for_now() => match self.policy.failure_mode {
                FailureMode::Passthrough if !fault.is_of_configuration() => FailureMode::Passthrough,
                _ => FailureMode::Refuse,
            },
            JudgeFailure::Cipher(_) | JudgeFailure::Schema(_) => self.policy.failure_mode,
            JudgeFailure::Condition(_) | JudgeFailure::HeaderValue(_) => self.policy.failure_mode,
        };
        // A bad record that meets its fate was judged. One that goes through all the same is counted nowhere else.
        let is_judged = matches!(failure, JudgeFailure::Schema(fault) if fault.is_of_record());
        if !is_judged || mode == FailureMode::Passthrough {
            self.outcomes.failed += 1;
        }
        match mode {
            FailureMode::Refuse => {
                self.outcomes.refused += 1;
                RecordStep::Refused(Refused::Failed(failure))
            }
            FailureMode::Skip => {
                self.outcomes.skipped += 1;
                RecordStep::Skipped
            }
            FailureMode::Mark => {
                self.outcomes.marked += 1;
                record.set_header(&self.policy.mark, Some(values.words(failure).as_bytes()));
                RecordStep::GoesOn
            }
            FailureMode::Passthrough => {
                self.outcomes.passed += 1;
                RecordStep::GoesOn
            }
        }
    }

    /// Why a record is refused, for people.
    pub(super) fn words(&self, why: Refused) -> String {
        match (why, &self.policy.action) {
            (Refused::Unmet, CompiledAction::Require { description }) if !description.is_empty() => {
                description.clone()
            }
            (Refused::Unmet, _) => format!("the record does not meet the policy {}", self.policy.reach.name),
            (Refused::Failed(JudgeFailure::Cipher(fault)), CompiledAction::Encrypt(with)) => format!(
                "the policy {} could not encrypt the record with the key {}: {fault}",
                self.policy.reach.name, with.key
            ),
            (Refused::Failed(JudgeFailure::Cipher(fault)), _) => format!(
                "the policy {} could not decrypt the record: {fault}",
                self.policy.reach.name
            ),
            (Refused::Failed(JudgeFailure::Schema(fault)), _) => {
                format!("by the policy {}, {fault}", self.policy.reach.name)
            }
            (Refused::Failed(failure), _) => {
                format!(
                    "the policy {} could not judge the record: {failure}",
                    self.policy.reach.name
                )
            }
        }
    }
}

fn change(record: &mut Draft<'_>, changes: &[HeaderChange], values: &HeaderValues) {
    let mut values = values.iter();
    for change in changes {
        match change {
            HeaderChange::Set { key, existing, .. } => {
                let value = values.next().map(str::as_bytes);
                if *existing == ExistingHeader::Replaced || !record.has_header(key.as_str()) {
                    record.set_header(key.as_str(), value);
                }
            }
            HeaderChange::Remove { key } => record.remove_header(key.as_str()),
            HeaderChange::RemoveMatching(keys) => record.remove_headers(keys.of_record()),
        }
    }
}

impl HeaderValues {
    fn fill(&mut self, changes: &[HeaderChange], record: &dyn Lookup) -> Result<(), NoAnswer> {
        self.text.clear();
        self.ends.clear();
        for change in changes {
            if let HeaderChange::Set { value, .. } = change {
                value.write(record, &mut self.text)?;
                self.ends.push(self.text.len());
            }
        }
        Ok(())
    }

    fn iter(&self) -> impl Iterator<Item = &str> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.text[start..*end])
    }

    /// The words for a failure, in the memory that is there.
    fn words(&mut self, failure: JudgeFailure) -> &str {
        self.text.clear();
        // A string takes everything.
        let _ = write!(self.text, "{failure}");
        &self.text
    }
}
