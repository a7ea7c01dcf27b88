//! The words of which configurations consist, and the rules that they become.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use klamm_raft::model::{
    Policy, PolicyAction, PolicyPhase, RequestKind, RequestRule, RequestSetting, RuleEffect, TopicPattern,
};
use serde::Deserialize;

use crate::admin::resources::event_gateway::labels::MAX_DESCRIPTION_CHARS;
use crate::admin::resources::interceptor::plugins::of_phase;
use crate::admin::resources::invalid::Invalid;

/// The fate of a request that breaks a rule.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(in crate::admin::resources::interceptor) enum ActionWord {
    #[default]
    Block,
    Info,
    Override,
    Throttle,
}

/// A number within bounds.
#[derive(Debug, Deserialize)]
#[serde(
    rename_all = "camelCase",
    deny_unknown_fields,
    bound(deserialize = "N: Deserialize<'de>")
)]
pub(super) struct NumberRule<N> {
    #[serde(default = "none")]
    min: Option<N>,
    #[serde(default = "none")]
    max: Option<N>,
    #[serde(default)]
    action: ActionWord,
    #[serde(default = "none")]
    override_value: Option<N>,
    /// Without effect but for an action that is refused.
    #[serde(default, rename = "throttleTimeMs")]
    _throttle_time_ms: Option<i64>,
}

fn none<N>() -> Option<N> {
    None
}

/// One of some texts or numbers.
#[derive(Debug, Deserialize)]
#[serde(
    rename_all = "camelCase",
    deny_unknown_fields,
    bound(deserialize = "T: Deserialize<'de>")
)]
pub(super) struct ChoiceRule<T> {
    #[serde(alias = "value")]
    pub(super) values: Vec<T>,
    #[serde(default)]
    pub(super) action: ActionWord,
    #[serde(default = "none")]
    pub(super) override_value: Option<T>,
    #[serde(default, rename = "throttleTimeMs")]
    _throttle_time_ms: Option<i64>,
}

/// One value, or a text that matches an expression.
#[derive(Debug, Deserialize)]
#[serde(
    rename_all = "camelCase",
    deny_unknown_fields,
    bound(deserialize = "T: Deserialize<'de>")
)]
pub(super) struct ValueRule<T> {
    pub(super) value: T,
    #[serde(default)]
    pub(super) action: ActionWord,
    #[serde(default, rename = "throttleTimeMs")]
    _throttle_time_ms: Option<i64>,
}

impl<T> ChoiceRule<T> {
    /// This one, of other values.
    pub(super) fn map<U>(self, each: impl Fn(T) -> U) -> ChoiceRule<U> {
        ChoiceRule {
            values: self.values.into_iter().map(&each).collect(),
            action: self.action,
            override_value: self.override_value.map(each),
            _throttle_time_ms: None,
        }
    }
}

impl<T> ValueRule<T> {
    pub(super) fn new(value: T, action: ActionWord) -> Self {
        Self {
            value,
            action,
            _throttle_time_ms: None,
        }
    }

    /// This one, of another value.
    pub(super) fn map<U>(self, value: impl Fn(T) -> U) -> ValueRule<U> {
        ValueRule::new(value(self.value), self.action)
    }
}

/// Rules that are collected from a configuration, all about the same requests.
pub(super) struct RuleBook {
    requests: BTreeSet<RequestKind>,
    rules: Vec<RequestRule>,
}

/// A field of a configuration: its name, what its rule is about for people, and what is set where it overrides.
pub(super) struct RuledField {
    pub(super) name: &'static str,
    pub(super) about: String,
    pub(super) setting: Option<RequestSetting>,
}

impl RuledField {
    pub(super) fn new(name: &'static str, about: impl Into<String>) -> Self {
        Self {
            name,
            about: about.into(),
            setting: None,
        }
    }

    pub(super) fn setting(self, setting: RequestSetting) -> Self {
        Self {
            setting: Some(setting),
            ..self
        }
    }

    fn refused(&self, why: &str) -> Invalid {
        Invalid::new(format!("spec.config.{}: {why}", self.name))
    }

    pub(super) fn effect(&self, action: ActionWord, value: Option<String>) -> Result<RuleEffect, Invalid> {
        match action {
            ActionWord::Block => Ok(RuleEffect::Refuse),
            ActionWord::Info => Ok(RuleEffect::Observe),
            ActionWord::Throttle => Err(self.refused(
                "THROTTLE is not supported: rates are limited by client quotas (kafka-configs), by spec.limits of a VirtualCluster, and by plugins that are for that",
            )),
            ActionWord::Override => match (&self.setting, value) {
                (Some(setting), Some(value)) => Ok(RuleEffect::Override {
                    settings: BTreeMap::from([(setting.clone(), value)]),
                }),
                (Some(_), None) => Err(self.refused("OVERRIDE needs overrideValue")),
                (None, _) => Err(self.refused("OVERRIDE is not supported here: there are BLOCK, INFO")),
            },
        }
    }
}

impl RuleBook {
    pub(super) fn new(requests: &[RequestKind]) -> Self {
        Self {
            requests: requests.iter().copied().collect(),
            rules: Vec::new(),
        }
    }

    /// Rules from here on are about these requests.
    pub(super) fn about(&mut self, requests: &[RequestKind]) {
        self.requests = requests.iter().copied().collect();
    }

    pub(super) fn add(&mut self, rule: String, demand: String, otherwise: RuleEffect) {
        self.rules.push(RequestRule {
            requests: self.requests.clone(),
            rule,
            description: demand.chars().take(MAX_DESCRIPTION_CHARS).collect(),
            otherwise,
        });
    }

    /// A rule on a field: what must hold, and the words for what must be so.
    fn demand(
        &mut self,
        field: &RuledField,
        (holds, must): (String, String),
        (action, value): (ActionWord, Option<String>),
    ) -> Result<(), Invalid> {
        let otherwise = field.effect(action, value)?;
        self.add(holds, format!("{} must {must}", field.about), otherwise);
        Ok(())
    }

    /// A number; `judged` makes the rule of what holds for it.
    pub(super) fn number<N: Display>(
        &mut self,
        field: &RuledField,
        value: &str,
        rule: Option<NumberRule<N>>,
        judged: impl Fn(String) -> String,
    ) -> Result<(), Invalid> {
        let Some(rule) = rule else { return Ok(()) };
        let (holds, must) = match (&rule.min, &rule.max) {
            (Some(min), Some(max)) => (
                format!("{value} >= {min} && {value} <= {max}"),
                format!("be from {min} to {max}"),
            ),
            (Some(min), None) => (format!("{value} >= {min}"), format!("be at least {min}")),
            (None, Some(max)) => (format!("{value} <= {max}"), format!("be at most {max}")),
            (None, None) => return Err(field.refused("min or max is missing")),
        };
        let set = rule.override_value.map(|value| value.to_string());
        self.demand(field, (judged(holds), must), (rule.action, set))
    }

    /// One of some texts.
    pub(super) fn choice(
        &mut self,
        field: &RuledField,
        value: &str,
        rule: Option<ChoiceRule<String>>,
        judged: impl Fn(String) -> String,
    ) -> Result<(), Invalid> {
        let Some(rule) = rule else { return Ok(()) };
        let quoted: Vec<String> = rule.values.iter().map(|text| text_of(text)).collect();
        let holds = is_one_of(field, value, &quoted)?;
        let must = format!("be one of {}", rule.values.join("; "));
        self.demand(field, (judged(holds), must), (rule.action, rule.override_value))
    }

    /// One of some numbers.
    pub(super) fn one_number(
        &mut self,
        field: &RuledField,
        value: &str,
        rule: Option<ChoiceRule<i64>>,
    ) -> Result<(), Invalid> {
        let Some(rule) = rule else { return Ok(()) };
        let numbers: Vec<String> = rule.values.iter().map(ToString::to_string).collect();
        let holds = is_one_of(field, value, &numbers)?;
        let must = format!("be one of {}", numbers.join(", "));
        self.demand(field, (holds, must), (rule.action, None))
    }

    /// A text that matches an expression as a whole.
    pub(super) fn matching(
        &mut self,
        field: &RuledField,
        value: &str,
        rule: Option<ValueRule<String>>,
        judged: impl Fn(String) -> String,
    ) -> Result<(), Invalid> {
        let Some(rule) = rule else { return Ok(()) };
        let holds = matches(value, &rule.value);
        let must = format!("match {}", rule.value);
        self.demand(field, (judged(holds), must), (rule.action, None))
    }

    /// One text, which is also the one that is set.
    pub(super) fn exactly(
        &mut self,
        field: &RuledField,
        value: &str,
        rule: Option<ValueRule<String>>,
        judged: impl Fn(String) -> String,
    ) -> Result<(), Invalid> {
        let Some(rule) = rule else { return Ok(()) };
        let holds = format!("{value} == {}", text_of(&rule.value));
        let must = format!("be {}", rule.value);
        self.demand(field, (judged(holds), must), (rule.action, Some(rule.value)))
    }

    /// Something that must be so, if the configuration says so.
    pub(super) fn required(
        &mut self,
        field: &RuledField,
        holds: &str,
        rule: Option<ValueRule<bool>>,
    ) -> Result<(), Invalid> {
        match rule {
            Some(rule) if rule.value => {
                let otherwise = field.effect(rule.action, None)?;
                self.add(
                    holds.to_owned(),
                    format!("{} is required", field.about),
                    otherwise,
                );
                Ok(())
            }
            Some(_) | None => Ok(()),
        }
    }

    pub(super) fn into_policy(self, topics: BTreeSet<TopicPattern>) -> Result<Policy, Invalid> {
        if self.rules.is_empty() {
            return Err(Invalid::new("spec.config demands nothing"));
        }
        let action = PolicyAction::RequestRules { rules: self.rules };
        Ok(Policy {
            topics,
            ..of_phase(PolicyPhase::Cluster, action)
        })
    }
}

/// An expression that finds a value in a list.
fn is_one_of(field: &RuledField, value: &str, list: &[String]) -> Result<String, Invalid> {
    match list.is_empty() {
        true => Err(field.refused("values are missing")),
        false => Ok(format!("{value} in [{}]", list.join(", "))),
    }
}

/// An expression that matches a whole text.
pub(super) fn matches(value: &str, expression: &str) -> String {
    format!("{value}.matches({})", text_of(&format!(r"\A(?:{expression})\z")))
}

/// A text, as expressions write it.
pub(super) fn text_of(text: &str) -> String {
    format!("'{}'", text.replace('\\', r"\\").replace('\'', r"\'"))
}

/// The rule where nothing else is to be said.
pub(super) fn as_it_is(holds: String) -> String {
    holds
}
