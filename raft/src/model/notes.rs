//! Notes that people and their tools keep beside a virtual cluster, and how they wrote it. Nothing is decided by it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{AliasTopic, NameSelector, TopicName};

/// Notes that are kept and given back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notes {
    pub description: String,
    pub labels: BTreeMap<String, String>,
    /// The selectors of topics in the groups in which they were written. What is selected, the namespace says.
    pub topics: Vec<SelectorGroup>,
    /// Those of groups.
    pub groups: Vec<SelectorGroup>,
    /// The alias topics that were written as a part of the virtual cluster: they come and go with it.
    pub aliases: Vec<WrittenAlias>,
    /// How the keys of the provider of tokens were named.
    pub oauth: Option<WrittenOauth>,
}

/// Selectors that were written together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SelectorGroup {
    pub form: SelectorForm,
    pub selectors: Vec<NameSelector>,
    pub conflict: Option<Conflict>,
}

/// How selectors were written. Append-only: the order is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SelectorForm {
    Glob,
    ExactList,
}

/// The way in which somebody wants to hear of a clash of names. It is refused, whatever is wanted. Append-only: the
/// order is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Conflict {
    Warn,
    Ignore,
}

/// An alias topic that was written as a part of its virtual cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrittenAlias {
    pub name: TopicName,
    pub conflict: Conflict,
}

/// How the keys of a provider of tokens were named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrittenOauth {
    pub endpoint: String,
    pub timeout: String,
    pub cache_expiration: String,
    pub issuer: Option<String>,
}

/// The notes that are written with a virtual cluster beside its spec.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beside {
    pub notes: Notes,
    /// The topics that the aliases of the notes stand for.
    pub aliases: BTreeMap<TopicName, AliasTopic>,
    /// Those of them that may stand for something else than before.
    pub repointed: BTreeSet<TopicName>,
}
