//! `encrypt` and `decrypt` in the words of event gateways. Their static keys are the keys of the configuration of the nodes, by
//! name or by id. They know no headers: those of a policy that was made elsewhere stay as they are.

use std::collections::BTreeSet;

use klamm_raft::model::{FailureMode, KeyName, OpenedParts, PolicyAction, SealedParts};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::admin::resources::invalid::{Invalid, required};
use crate::admin::resources::object::{object, objects};

/// The keys of the configuration, with their ids.
type StaticKeys = [(KeyName, Uuid)];

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(deny_unknown_fields)]
pub(crate) struct EncryptConfig {
    /// The fate of a record for which the condition has no answer. Without the key nothing goes through, whatever is said
    /// here.
    failure_mode: CipherFailureMode,
    #[schemars(length(min = 1))]
    part_of_record: Vec<PartOfRecord>,
    #[serde(deserialize_with = "object")]
    encryption_key: EncryptionKey,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(deny_unknown_fields)]
pub(crate) struct DecryptConfig {
    failure_mode: CipherFailureMode,
    #[schemars(length(min = 1))]
    part_of_record: Vec<PartOfRecord>,
    /// Where keys may come from: `static` stands for all that the nodes have.
    #[serde(deserialize_with = "objects")]
    #[schemars(length(min = 1))]
    key_sources: Vec<KeySourceSpec>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum CipherFailureMode {
    Error,
    Passthrough,
    /// Of a policy that was made elsewhere.
    #[schemars(skip)]
    Mark,
    #[schemars(skip)]
    Skip,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum PartOfRecord {
    /// Keys that are alike become alike.
    Key,
    Value,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(deny_unknown_fields)]
struct EncryptionKey {
    #[serde(rename = "type")]
    kind: KeyKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<KeyReference>,
    /// Keys of AWS are not supported yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    arn: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum KeyKind {
    Static,
    #[schemars(skip)]
    Aws,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(deny_unknown_fields)]
struct KeyReference {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(deny_unknown_fields)]
struct KeySourceSpec {
    #[serde(rename = "type")]
    kind: KeyKind,
}

const NO_AWS: &str = "keys of AWS are not supported yet: use static, which stands for the keys that the nodes have (klamm.keys)";

impl EncryptConfig {
    pub(super) fn read(self, keys: &StaticKeys) -> Result<(PolicyAction, Option<FailureMode>), Invalid> {
        let key = match (self.encryption_key.kind, self.encryption_key.key) {
            (KeyKind::Aws, _) => {
                return Err(Invalid::new(format!("config.encryption_key.type: {NO_AWS}")));
            }
            (KeyKind::Static, _) if self.encryption_key.arn.is_some() => {
                return Err(Invalid::new(format!("config.encryption_key.arn: {NO_AWS}")));
            }
            (KeyKind::Static, None) => return Err(Invalid::new("config.encryption_key.key is missing")),
            (KeyKind::Static, Some(key)) => key.read(keys)?,
        };
        let parts = SealedParts {
            value: self.part_of_record.contains(&PartOfRecord::Value),
            key: self.part_of_record.contains(&PartOfRecord::Key),
            ..SealedParts::default()
        };
        Ok((
            PolicyAction::Encrypt { key, parts },
            Some(self.failure_mode.read()),
        ))
    }

    pub(super) fn show(key: &KeyName, parts: &SealedParts, mode: Option<FailureMode>) -> Self {
        let key = KeyReference {
            id: None,
            name: Some(key.to_string()),
        };
        Self {
            failure_mode: CipherFailureMode::of(mode),
            part_of_record: parts_of(parts.key, parts.value),
            encryption_key: EncryptionKey {
                kind: KeyKind::Static,
                key: Some(key),
                arn: None,
            },
        }
    }
}

impl DecryptConfig {
    pub(super) fn read(self) -> Result<(PolicyAction, Option<FailureMode>), Invalid> {
        if self.key_sources.is_empty() {
            return Err(Invalid::new("config.key_sources is empty"));
        }
        let is_aws = |source: &KeySourceSpec| source.kind == KeyKind::Aws;
        if self.key_sources.iter().any(is_aws) {
            return Err(Invalid::new(format!("config.key_sources.type: {NO_AWS}")));
        }
        let parts = OpenedParts {
            value: self.part_of_record.contains(&PartOfRecord::Value),
            key: self.part_of_record.contains(&PartOfRecord::Key),
            headers: false,
        };
        let action = PolicyAction::Decrypt {
            keys: BTreeSet::new(),
            parts,
        };
        Ok((action, Some(self.failure_mode.read())))
    }

    pub(super) fn show(parts: OpenedParts, mode: Option<FailureMode>) -> Self {
        Self {
            failure_mode: CipherFailureMode::of(mode),
            part_of_record: parts_of(parts.key, parts.value),
            key_sources: vec![KeySourceSpec {
                kind: KeyKind::Static,
            }],
        }
    }
}

impl KeyReference {
    fn read(self, keys: &StaticKeys) -> Result<KeyName, Invalid> {
        const AT: &str = "config.encryption_key.key";
        match (self.id, self.name) {
            (None, Some(name)) => required(&format!("{AT}.name"), &name),
            (Some(id), None) => {
                let wanted = Uuid::parse_str(&id).ok();
                let found = keys.iter().find(|(_, id)| Some(*id) == wanted);
                found.map(|(name, _)| name.clone()).ok_or_else(|| {
                    Invalid::new(format!("{AT}.id: there is no static key with the id {id:?}"))
                })
            }
            _ => Err(Invalid::new(format!("{AT} has either an id or a name"))),
        }
    }
}

impl CipherFailureMode {
    fn read(self) -> FailureMode {
        match self {
            Self::Error => FailureMode::Refuse,
            Self::Passthrough => FailureMode::Passthrough,
            Self::Mark => FailureMode::Mark,
            Self::Skip => FailureMode::Skip,
        }
    }

    fn of(mode: Option<FailureMode>) -> Self {
        match mode {
            None | Some(FailureMode::Refuse) => Self::Error,
            Some(FailureMode::Passthrough) => Self::Passthrough,
            Some(FailureMode::Mark) => Self::Mark,
            Some(FailureMode::Skip) => Self::Skip,
        }
    }
}

fn parts_of(key: bool, value: bool) -> Vec<PartOfRecord> {
    let all = [(key, PartOfRecord::Key), (value, PartOfRecord::Value)];
    all.into_iter()
        .filter_map(|(is_named, part)| is_named.then_some(part))
        .collect()
}

/// The action that is wanted in the place of one, with what the words have no place for.
pub(super) fn changed(wanted: PolicyAction, there: &PolicyAction) -> PolicyAction {
    match (wanted, there) {
        (PolicyAction::Encrypt { key, parts }, PolicyAction::Encrypt { parts: before, .. }) => {
            PolicyAction::Encrypt {
                key,
                parts: SealedParts {
                    headers: before.headers.clone(),
                    ..parts
                },
            }
        }
        (PolicyAction::Decrypt { parts, .. }, PolicyAction::Decrypt { keys, parts: before }) => {
            PolicyAction::Decrypt {
                keys: keys.clone(),
                parts: OpenedParts {
                    headers: before.headers,
                    ..parts
                },
            }
        }
        (wanted, _) => wanted,
    }
}
