//! Settings of requests that a rule gives another value.

use klamm_raft::model::{RequestKind, RequestSetting};

use super::variables;
use crate::expression::{Lookup, NoAnswer, Template};
use crate::policy::fault::PolicyFault;

/// The value of a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SettingValue {
    Number(i64),
    Text(String),
}

/// The settings that rules have given other values. Those of a later rule count.
#[derive(Debug, Default)]
pub struct RuledSettings(Vec<(RequestSetting, SettingValue)>);

impl RuledSettings {
    /// Whether rules gave nothing another value.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value that rules gave a setting, if they did.
    pub fn get(&self, setting: &RequestSetting) -> Option<&SettingValue> {
        let found = self.0.iter().find(|(known, _)| known == setting);
        found.map(|(_, value)| value)
    }

    /// The number that rules gave a setting, if they did.
    pub fn number(&self, setting: &RequestSetting) -> Option<i64> {
        match self.get(setting) {
            Some(SettingValue::Number(number)) => Some(*number),
            Some(SettingValue::Text(_)) | None => None,
        }
    }

    /// The configurations, by name.
    pub fn configs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .filter_map(|(setting, value)| match (setting, value) {
                (RequestSetting::Config(name), SettingValue::Text(text)) => {
                    Some((name.as_str(), text.as_str()))
                }
                _ => None,
            })
    }

    pub(super) fn set(&mut self, setting: RequestSetting, value: SettingValue) {
        match self.0.iter_mut().find(|(known, _)| *known == setting) {
            Some((_, known)) => *known = value,
            None => self.0.push((setting, value)),
        }
    }
}

/// Why a setting did not get its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoSetting {
    #[error("the value of a setting has no answer: {0}")]
    NoAnswer(NoAnswer),
    #[error("the value of a setting is not {0}")]
    Other(&'static str),
}

/// A setting and its value.
#[derive(Debug)]
pub(super) struct CompiledSetting {
    setting: RequestSetting,
    value: Template,
}

impl CompiledSetting {
    /// Compiles a setting for a kind of requests, of the rule with this number.
    pub(super) fn new(
        (rule, kind): (usize, RequestKind),
        setting: &RequestSetting,
        text: &str,
    ) -> Result<Self, PolicyFault> {
        let setting = setting.clone();
        if !can_set(kind, &setting) {
            let kind = kind.name();
            return Err(PolicyFault::OtherSetting { rule, kind, setting });
        }
        if matches!(&setting, RequestSetting::Config(name) if name.ends_with(OF_REPLICAS)) {
            return Err(PolicyFault::SettingOfBrokers { rule, setting });
        }
        let value = match Template::compile(text, &variables::of(kind).words) {
            Ok(value) => value,
            Err(error) => {
                let kind = kind.name();
                return Err(PolicyFault::SettingTemplate {
                    rule,
                    kind,
                    setting,
                    error,
                });
            }
        };
        match value.fixed().map(|text| read(&setting, text)) {
            Some(Err(expected)) => Err(PolicyFault::SettingValue {
                rule,
                setting,
                expected,
            }),
            Some(Ok(_)) | None => Ok(Self { setting, value }),
        }
    }

    /// The setting and its value for a request.
    pub(super) fn value(&self, request: &dyn Lookup) -> Result<(RequestSetting, SettingValue), NoSetting> {
        let mut text = String::new();
        self.value
            .write(request, &mut text)
            .map_err(NoSetting::NoAnswer)?;
        let value = read(&self.setting, &text).map_err(NoSetting::Other)?;
        Ok((self.setting.clone(), value))
    }
}

/// Configurations that end like this name brokers.
const OF_REPLICAS: &str = ".replication.throttled.replicas";

/// The longest text that a request holds.
const MAX_TEXT_BYTES: usize = i16::MAX as usize;

/// Whether requests of a kind have a setting that can be given another value.
fn can_set(kind: RequestKind, setting: &RequestSetting) -> bool {
    use RequestSetting::{
        Config, IsolationLevel, MaxBytes, MaxWaitMs, MinBytes, Partitions, ReplicationFactor,
    };
    match kind {
        RequestKind::CreateTopics => matches!(setting, Partitions | ReplicationFactor | Config(_)),
        RequestKind::CreatePartitions => matches!(setting, Partitions),
        RequestKind::AlterConfigs | RequestKind::IncrementalAlterConfigs => matches!(setting, Config(_)),
        RequestKind::Fetch => matches!(setting, IsolationLevel | MaxBytes | MinBytes | MaxWaitMs),
        _ => false,
    }
}

/// Reads the value of a setting; otherwise says what is expected.
fn read(setting: &RequestSetting, text: &str) -> Result<SettingValue, &'static str> {
    let number = |from: i64, to: i64, expected| match text.parse() {
        Ok(number) if (from..=to).contains(&number) => Ok(SettingValue::Number(number)),
        _ => Err(expected),
    };
    match setting {
        RequestSetting::Partitions => number(1, i32::MAX.into(), "a number of partitions, at least 1"),
        RequestSetting::ReplicationFactor => number(1, i16::MAX.into(), "a number of replicas, at least 1"),
        RequestSetting::MaxBytes | RequestSetting::MinBytes => {
            number(0, i32::MAX.into(), "a number of bytes")
        }
        RequestSetting::MaxWaitMs => number(0, i32::MAX.into(), "a number of milliseconds"),
        RequestSetting::IsolationLevel => match text {
            "read_uncommitted" | "read_committed" => Ok(SettingValue::Text(text.to_owned())),
            _ => Err("read_uncommitted or read_committed"),
        },
        RequestSetting::Config(_) => match text.len() <= MAX_TEXT_BYTES {
            true => Ok(SettingValue::Text(text.to_owned())),
            false => Err("a text that fits into a request"),
        },
    }
}
