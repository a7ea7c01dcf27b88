//! The values of rules: what is known of the client, what a request says, and what earlier rules have set instead.

use std::borrow::Cow;
use std::fmt::Debug;

use klamm_raft::model::RequestSetting;

use super::settings::{RuledSettings, SettingValue};
use super::variables::{KindVocabulary, NameOfRule, RequestVariable};
use crate::expression::{Keyed, Lookup, NoAnswer, Operand};
use crate::policy::context::PolicyContext;
use crate::policy::values::of_client;
use crate::policy::vocabulary::Named;

/// An item of a request, as far as rules ask for it.
pub trait RequestFacts: Debug {
    /// The value of a variable.
    ///
    /// # Errors
    /// There is none.
    fn value(&self, variable: RequestVariable) -> Result<Operand<'_>, NoAnswer>;

    /// The item, for people: what it is, and its name.
    fn item(&self) -> String;
}

/// The values of conditions: what is known of the client and of the topic.
pub(super) struct ClientValues<'a> {
    pub(super) context: &'a PolicyContext,
    pub(super) topic: Option<&'a str>,
}

impl<'a> ClientValues<'a> {
    fn named(&self, named: Named) -> Result<Operand<'a>, NoAnswer> {
        match named {
            Named::TopicName => {
                let topic = self.topic.ok_or(NoAnswer::Missing)?;
                Ok(Operand::Text(Cow::Borrowed(topic)))
            }
            other => of_client(self.context, other),
        }
    }
}

impl Lookup for ClientValues<'_> {
    fn value(&self, variable: usize) -> Result<Operand<'_>, NoAnswer> {
        self.named(Named::of(variable).ok_or(NoAnswer::Missing)?)
    }
}

/// The values for one item, as rules look at it.
pub(super) struct RuleValues<'a> {
    client: &'a ClientValues<'a>,
    vocabulary: &'static KindVocabulary,
    facts: &'a dyn RequestFacts,
    settings: &'a RuledSettings,
    configs: SetConfigs<'a>,
}

impl<'a> RuleValues<'a> {
    pub(super) fn new(
        client: &'a ClientValues<'a>,
        vocabulary: &'static KindVocabulary,
        facts: &'a dyn RequestFacts,
        settings: &'a RuledSettings,
    ) -> Self {
        Self {
            client,
            vocabulary,
            facts,
            settings,
            configs: SetConfigs { facts, settings },
        }
    }

    /// The value that an earlier rule has set.
    fn set(&self, variable: RequestVariable) -> Option<Operand<'_>> {
        let setting = match variable {
            RequestVariable::Partitions => RequestSetting::Partitions,
            RequestVariable::ReplicationFactor => RequestSetting::ReplicationFactor,
            RequestVariable::IsolationLevel => RequestSetting::IsolationLevel,
            RequestVariable::MaxBytes => RequestSetting::MaxBytes,
            RequestVariable::MinBytes => RequestSetting::MinBytes,
            RequestVariable::MaxWaitMs => RequestSetting::MaxWaitMs,
            _ => return None,
        };
        self.settings.get(&setting).map(|value| match value {
            SettingValue::Number(number) => Operand::Int(*number),
            SettingValue::Text(text) => Operand::Text(Cow::Borrowed(text)),
        })
    }
}

impl Lookup for RuleValues<'_> {
    fn value(&self, variable: usize) -> Result<Operand<'_>, NoAnswer> {
        match self.vocabulary.meaning(variable).ok_or(NoAnswer::Missing)? {
            NameOfRule::Context(named) => self.client.named(named),
            NameOfRule::Request(RequestVariable::Configs) => {
                // Where nobody knows them, that one is not there is not known either.
                self.facts.value(RequestVariable::Configs)?;
                Ok(Operand::Keyed(&self.configs))
            }
            NameOfRule::Request(variable) => match self.set(variable) {
                Some(set) => Ok(set),
                None => self.facts.value(variable),
            },
        }
    }
}

/// The configurations of an item, with those that rules have set.
#[derive(Debug)]
struct SetConfigs<'a> {
    facts: &'a dyn RequestFacts,
    settings: &'a RuledSettings,
}

impl SetConfigs<'_> {
    /// Those of the request.
    fn asked(&self) -> Option<&dyn Keyed> {
        match self.facts.value(RequestVariable::Configs) {
            Ok(Operand::Keyed(configs)) => Some(configs),
            _ => None,
        }
    }
}

impl Keyed for SetConfigs<'_> {
    fn count(&self) -> usize {
        self.asked().map_or(0, Keyed::count) + self.settings.configs().count()
    }

    fn member(&self, name: &str) -> Result<Operand<'_>, NoAnswer> {
        if let Some((_, text)) = self.settings.configs().find(|(set, _)| *set == name) {
            return Ok(Operand::Text(Cow::Borrowed(text)));
        }
        self.asked().ok_or(NoAnswer::Missing)?.member(name)
    }

    fn names(&self) -> Vec<&str> {
        let mut names = self.asked().map(Keyed::names).unwrap_or_default();
        names.extend(self.settings.configs().map(|(name, _)| name));
        names.sort_unstable();
        names.dedup();
        names
    }
}
