//! One policy on requests, compiled.

use std::collections::BTreeMap;

use klamm_raft::model::{Policy, PolicyAction, PolicyPhase, RequestKind, RequestRule, RuleEffect};

use super::settings::CompiledSetting;
use super::values::ClientValues;
use super::variables;
use crate::expression::Condition;
use crate::policy::compiled::check_topics;
use crate::policy::fault::PolicyFault;
use crate::policy::reach::PolicyReach;
use crate::policy::vocabulary;

/// A policy that is enabled, as requests meet it.
#[derive(Debug)]
pub(super) struct RequestPolicy {
    pub(super) reach: PolicyReach,
    condition: Option<Condition>,
    pub(super) action: RequestAction,
}

/// The action of a policy on requests.
#[derive(Debug)]
pub(super) enum RequestAction {
    Rules(Vec<CompiledRequestRule>),
    ReadOnly,
    /// Another version of Klamm took it, and this one cannot carry it out: nobody knows what it would refuse, so that it
    /// refuses everything, whatever the topic.
    Broken,
}

/// A rule on requests.
#[derive(Debug)]
pub(super) struct CompiledRequestRule {
    /// The conditions that must hold, by the kind of requests: each has names of its own.
    pub(super) holds: BTreeMap<RequestKind, Condition>,
    pub(super) description: String,
    pub(super) otherwise: CompiledEffect,
}

/// The effect of a rule on an item for which it does not hold.
#[derive(Debug)]
pub(super) enum CompiledEffect {
    Refuse,
    Override(BTreeMap<RequestKind, Vec<CompiledSetting>>),
    Observe,
}

impl RequestPolicy {
    pub(super) fn new(reach: PolicyReach, policy: &Policy) -> Self {
        let (condition, action) = parts(policy).unwrap_or((None, RequestAction::Broken));
        Self {
            reach,
            condition,
            action,
        }
    }

    /// Whether it acts on an item. Where its condition has no answer, it does: what it demands then holds anyway, or
    /// nobody knows whether it need.
    pub(super) fn acts(&self, values: &ClientValues<'_>) -> bool {
        let condition = self.condition.as_ref();
        condition.is_none_or(|condition| condition.holds(values) != Ok(false))
    }

    /// Whether it keeps this client from changing the topic.
    pub(super) fn keeps_from_changes(&self, values: &ClientValues<'_>) -> bool {
        matches!(self.action, RequestAction::ReadOnly)
            && self.reach.includes(values.context.principal.name())
            && self.acts(values)
    }

    /// The rules on requests of a kind.
    pub(super) fn rules(
        &self,
        kind: RequestKind,
    ) -> impl Iterator<Item = (&CompiledRequestRule, &Condition)> {
        let rules: &[CompiledRequestRule] = match &self.action {
            RequestAction::Rules(rules) => rules,
            RequestAction::ReadOnly | RequestAction::Broken => &[],
        };
        rules
            .iter()
            .filter_map(move |rule| Some((rule, rule.holds.get(&kind)?)))
    }
}

/// Condition and action.
pub(super) fn parts(policy: &Policy) -> Result<(Option<Condition>, RequestAction), PolicyFault> {
    check_topics(policy)?;
    let action = match &policy.action {
        PolicyAction::ReadOnly => RequestAction::ReadOnly,
        PolicyAction::RequestRules { rules } if rules.is_empty() => return Err(PolicyFault::NoRules),
        PolicyAction::RequestRules { rules } => {
            let rules = rules.iter().enumerate();
            let compiled = rules.map(|(number, rule)| compile(policy, number, rule));
            RequestAction::Rules(compiled.collect::<Result<_, _>>()?)
        }
        PolicyAction::Acls { .. } => return Err(PolicyFault::AclsOfRecords),
        PolicyAction::LimitRate { .. } => return Err(PolicyFault::RateOfRecords),
        PolicyAction::ModifyHeaders { .. }
        | PolicyAction::SkipRecord
        | PolicyAction::Require { .. }
        | PolicyAction::Encrypt { .. }
        | PolicyAction::ValidateSchema { .. }
        | PolicyAction::Decrypt { .. } => {
            return Err(PolicyFault::RecordsInPhaseOfRequests);
        }
    };
    if policy.failure_mode.is_some() {
        return Err(PolicyFault::FailureModeOfRequests);
    }
    let vocabulary = match is_of_topics(&policy.action) {
        true => vocabulary::of(PolicyPhase::Cluster),
        false => vocabulary::without_topic(),
    };
    let condition = policy.condition.as_deref();
    let condition = condition
        .map(|text| Condition::compile(text, vocabulary))
        .transpose()
        .map_err(PolicyFault::Condition)?;
    Ok((condition, action))
}

/// Whether all requests that an action is about are about topics.
fn is_of_topics(action: &PolicyAction) -> bool {
    match action {
        PolicyAction::RequestRules { rules } => {
            let mut kinds = rules.iter().flat_map(|rule| &rule.requests);
            kinds.all(|kind| kind.is_of_topics())
        }
        _ => true,
    }
}

fn compile(policy: &Policy, number: usize, rule: &RequestRule) -> Result<CompiledRequestRule, PolicyFault> {
    if rule.requests.is_empty() {
        return Err(PolicyFault::NoRequests { rule: number });
    }
    let other = rule.requests.iter().find(|kind| !kind.is_of_topics());
    if let (Some(kind), false) = (other, policy.topics.is_empty()) {
        let kind = kind.name();
        return Err(PolicyFault::TopicsOfOthers { rule: number, kind });
    }
    let mut holds = BTreeMap::new();
    for kind in &rule.requests {
        let compiled = Condition::compile(&rule.rule, &variables::of(*kind).words);
        let compiled = compiled.map_err(|error| PolicyFault::Rule {
            rule: number,
            kind: kind.name(),
            error,
        })?;
        holds.insert(*kind, compiled);
    }
    let otherwise = match &rule.otherwise {
        RuleEffect::Refuse => CompiledEffect::Refuse,
        RuleEffect::Observe => CompiledEffect::Observe,
        RuleEffect::Override { settings } if settings.is_empty() => {
            return Err(PolicyFault::NoSettings { rule: number });
        }
        RuleEffect::Override { settings } => {
            let mut by_kind = BTreeMap::new();
            for kind in &rule.requests {
                let compiled = settings
                    .iter()
                    .map(|(setting, text)| CompiledSetting::new((number, *kind), setting, text));
                by_kind.insert(*kind, compiled.collect::<Result<Vec<_>, _>>()?);
            }
            CompiledEffect::Override(by_kind)
        }
    };
    Ok(CompiledRequestRule {
        holds,
        description: rule.description.clone(),
        otherwise,
    })
}
