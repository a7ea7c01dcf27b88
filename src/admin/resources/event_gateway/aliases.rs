//! `topic_aliases` of a virtual cluster in the words of event gateways: alias topics that are written as a part of it.

use std::collections::BTreeMap;

use klamm_raft::model::{AliasTopic, Beside, ClusterId, Conflict, TopicName, VclusterState, WrittenAlias};
use schemars::JsonSchema;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::namespace::ConflictSpec;
use crate::admin::resources::invalid::{Invalid, required};
use crate::admin::resources::schema::TOPICS;

/// One alias as it is put.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(deny_unknown_fields)]
pub(super) struct TopicAlias {
    #[schemars(regex(pattern = TOPICS))]
    alias: String,
    /// The name on the physical cluster.
    #[schemars(regex(pattern = TOPICS))]
    topic: String,
    /// Empty: an alias is there for everybody.
    #[serde(default)]
    #[schemars(length(max = 0))]
    condition: String,
    #[serde(default)]
    conflict: Option<ConflictSpec>,
    /// Lets an alias that is there stand for another topic; without it that is a 409, which says what each group would do. It is
    /// not shown.
    #[serde(default)]
    #[schemars(extend("writeOnly" = true))]
    repoint: bool,
    /// Filled by the gateway, and not read.
    #[serde(rename = "backend_cluster", default)]
    #[schemars(with = "String", extend("readOnly" = true))]
    _backend_cluster: Option<IgnoredAny>,
}

/// One alias as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct ShownAlias {
    alias: String,
    topic: String,
    condition: &'static str,
    conflict: ConflictSpec,
    /// Where the topic is, when that is not where the virtual cluster's groups are.
    #[serde(skip_serializing_if = "Option::is_none")]
    backend_cluster: Option<String>,
}

/// Checks the list, and puts it beside the virtual cluster that is on `backend`. What is there already on another
/// physical cluster stays there.
pub(super) fn translate(
    list: Vec<TopicAlias>,
    backend: &ClusterId,
    there: Option<&VclusterState>,
    beside: &mut Beside,
) -> Result<(), Invalid> {
    for one in list {
        let name: TopicName = required("topic_aliases.alias", &one.alias)?;
        let physical_name: TopicName = required("topic_aliases.topic", &one.topic)?;
        if !one.condition.is_empty() {
            return Err(Invalid::new(format!(
                "topic_aliases.condition: an alias exists for everybody; use ACLs to say who may use {name}"
            )));
        }
        let known = there.and_then(|there| there.aliases.get(&name));
        let alias = match known {
            Some(known) if known.physical_name == physical_name => known.clone(),
            _ => AliasTopic {
                physical_cluster: backend.clone(),
                physical_name,
            },
        };
        if beside.aliases.insert(name.clone(), alias).is_some() {
            return Err(Invalid::new(format!("topic_aliases lists {name} twice")));
        }
        if one.repoint {
            beside.repointed.insert(name.clone());
        }
        beside.notes.aliases.push(WrittenAlias {
            name,
            conflict: one.conflict.map_or(Conflict::Warn, Into::into),
        });
    }
    Ok(())
}

/// All alias topics: those that were written with the virtual cluster as they were, then the others by name.
pub(super) fn show(vcluster: &VclusterState) -> Vec<ShownAlias> {
    let shown = |name: &TopicName, alias: &AliasTopic, conflict: Conflict| ShownAlias {
        alias: name.to_string(),
        topic: alias.physical_name.to_string(),
        condition: "",
        conflict: conflict.into(),
        backend_cluster: (vcluster.home.as_ref() != Some(&alias.physical_cluster))
            .then(|| alias.physical_cluster.to_string()),
    };
    let mut others: BTreeMap<&TopicName, &AliasTopic> = vcluster.aliases.iter().collect();
    let mut all = Vec::with_capacity(others.len());
    for written in &vcluster.notes.aliases {
        if let Some(alias) = others.remove(&written.name) {
            all.push(shown(&written.name, alias, written.conflict));
        }
    }
    all.extend(
        others
            .into_iter()
            .map(|(name, alias)| shown(name, alias, Conflict::Warn)),
    );
    all
}
