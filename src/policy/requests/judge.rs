//! Judges the items of one request of a client.

use std::sync::Arc;

use klamm_raft::model::{PolicyName, RequestKind};

use super::compiled::{CompiledEffect, CompiledRequestRule, RequestAction, RequestPolicy};
use super::settings::RuledSettings;
use super::tally::{RequestOutcomes, RequestTally};
use super::values::{ClientValues, RequestFacts, RuleValues};
use super::variables;
use crate::expression::NoAnswer;
use crate::policy::context::PolicyContext;
use crate::policy::phase::PhasePolicies;

/// The judge of one request.
#[derive(Debug)]
pub struct RequestJudge<'a> {
    policies: &'a PhasePolicies<RequestPolicy>,
    context: PolicyContext,
    tally: RequestTally,
}

impl<'a> RequestJudge<'a> {
    pub(super) fn new(policies: &'a PhasePolicies<RequestPolicy>, context: PolicyContext) -> Self {
        Self {
            policies,
            context,
            tally: RequestTally::default(),
        }
    }

    /// The outcomes so far.
    pub fn into_tally(self) -> RequestTally {
        self.tally
    }

    /// Judges an item of a request by the rules on this kind. Settings are given other values where rules say so; a later
    /// rule sees them.
    ///
    /// # Errors
    /// It is refused, with words for the client.
    pub fn judge(
        &mut self,
        (kind, topic): (RequestKind, Option<&str>),
        facts: &dyn RequestFacts,
        settings: &mut RuledSettings,
    ) -> Result<(), String> {
        let of_topic = topic.map(|topic| self.policies.of_topic(topic));
        let of_others = topic.is_none().then(|| self.policies.without_topic());
        let policies = of_topic
            .into_iter()
            .flatten()
            .chain(of_others.into_iter().flatten());
        let client = ClientValues {
            context: &self.context,
            topic,
        };
        for policy in policies.filter(|policy| policy.reach.includes(self.context.principal.name())) {
            let mut outcomes = RequestOutcomes::default();
            let judged = match policy.action {
                RequestAction::Broken if kind == RequestKind::Any => {
                    outcomes.failed = 1;
                    Err(format!("the policy {} cannot be carried out", policy.reach.name))
                }
                _ if policy.rules(kind).next().is_none() || !policy.acts(&client) => continue,
                _ => judge(policy, kind, (&client, facts), settings, &mut outcomes),
            };
            outcomes.settle(judged.is_err());
            self.tally.count(&policy.reach.name, outcomes);
            if let Err(words) = judged {
                self.tally.refuse(&policy.reach.name, || facts.item(), &words);
                return Err(words);
            }
        }
        Ok(())
    }

    /// Whether the client may not change a topic.
    pub fn is_read_only(&self, topic: &str) -> bool {
        self.read_only(topic).is_some()
    }

    /// Counts that the client was to change a topic that is read-only.
    pub fn refuse_change(&mut self, topic: &str) {
        let Some(policy) = self.read_only(topic) else {
            return;
        };
        self.tally
            .refuse_change(&policy.reach.name, format_args!("topic {topic}"));
    }

    /// Whether the client may change all topics at once, without naming them. A no is counted.
    pub fn lets_change_all(&mut self) -> bool {
        let client = ClientValues {
            context: &self.context,
            topic: None,
        };
        let all = self.policies.all().iter();
        let mut read_only = all.filter(|policy| policy.keeps_from_changes(&client));
        let Some(policy) = read_only.next() else {
            return true;
        };
        self.tally.refuse_change(&policy.reach.name, "all topics");
        false
    }

    /// The policy that makes a topic read-only for the client.
    fn read_only(&self, topic: &str) -> Option<&'a RequestPolicy> {
        let client = ClientValues {
            context: &self.context,
            topic: Some(topic),
        };
        let mut policies = self.policies.of_topic(topic).map(Arc::as_ref);
        policies.find(|policy| policy.keeps_from_changes(&client))
    }
}

impl RequestOutcomes {
    /// Counts an item once, by the strongest of what became of it.
    fn settle(&mut self, is_refused: bool) {
        let (set, observed) = (self.overridden > 0, self.observed > 0);
        *self = Self {
            passed: u64::from(!is_refused && !set && !observed),
            refused: u64::from(is_refused),
            overridden: u64::from(!is_refused && set),
            observed: u64::from(!is_refused && !set && observed),
            failed: self.failed.min(1),
        };
    }
}

/// Judges an item by the rules of one policy.
fn judge(
    policy: &RequestPolicy,
    kind: RequestKind,
    (client, facts): (&ClientValues<'_>, &dyn RequestFacts),
    settings: &mut RuledSettings,
    outcomes: &mut RequestOutcomes,
) -> Result<(), String> {
    let vocabulary = variables::of(kind);
    for (rule, condition) in policy.rules(kind) {
        let values = RuleValues::new(client, vocabulary, facts, settings);
        let failure = match condition.holds(&values) {
            Ok(true) => continue,
            Ok(false) => None,
            Err(why) => Some(why),
        };
        outcomes.failed += u64::from(failure.is_some());
        match &rule.otherwise {
            CompiledEffect::Refuse => return Err(words(&policy.reach.name, rule, failure)),
            CompiledEffect::Observe => outcomes.observed += 1,
            CompiledEffect::Override(by_kind) => {
                let compiled = by_kind.get(&kind).into_iter().flatten();
                let set: Result<Vec<_>, _> = compiled.map(|setting| setting.value(&values)).collect();
                match set {
                    Ok(set) => set
                        .into_iter()
                        .for_each(|(setting, value)| settings.set(setting, value)),
                    Err(why) => {
                        outcomes.failed += 1;
                        return Err(format!(
                            "the policy {} cannot be carried out: {why}",
                            policy.reach.name
                        ));
                    }
                }
                outcomes.overridden += 1;
            }
        }
    }
    Ok(())
}

/// The words on an item that breaks a rule. They hold nothing of the request.
fn words(policy: &PolicyName, rule: &CompiledRequestRule, failure: Option<NoAnswer>) -> String {
    match (rule.description.as_str(), failure) {
        ("", None) => format!("the request does not meet the policy {policy}"),
        ("", Some(why)) => format!("the policy {policy} could not judge the request: {why}"),
        (description, None) => description.to_owned(),
        (description, Some(why)) => format!("{description} (the rule has no answer: {why})"),
    }
}
