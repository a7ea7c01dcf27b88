//! `AliasTopic`.

use klamm_raft::model::{AliasTopic, ClusterId, TopicName, VclusterName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::invalid::{Invalid, required};
use super::schema::{CONFIGURED, OfKind, TOPICS};
use super::{InVcluster, Resource, vcluster_name};

/// The `kind` of these resources.
pub(crate) const KIND: &str = "AliasTopic";

/// Where an alias points when it does not say.
const DEFAULT_CLUSTER: &str = "main";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Spec {
    /// The topic that it stands for, by its name on the physical cluster.
    #[schemars(regex(pattern = TOPICS))]
    physical_name: String,
    /// The physical cluster; main, if none is named.
    #[serde(default)]
    #[schemars(regex(pattern = CONFIGURED))]
    physical_cluster: Option<String>,
    /// Lets an alias topic that is there stand for another physical topic. Without it that is a 409, which says what
    /// groups that read it would do. It is not shown.
    #[serde(default, skip_serializing)]
    repoint: bool,
}

impl OfKind for Spec {
    const KIND: &'static str = KIND;
    const NAMES: &'static str = TOPICS;
}

/// The treatment of an alias topic that stands for another physical topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Elsewhere {
    /// It is kept, and the request is refused.
    Kept,
    /// It is changed.
    Repointed,
}

pub(crate) type AliasTopicResource = Resource<InVcluster, Spec>;

impl AliasTopicResource {
    /// Checks what is put.
    pub(crate) fn read(self) -> Result<(VclusterName, TopicName, AliasTopic, Elsewhere), Invalid> {
        self.check()?;
        let vcluster = vcluster_name("metadata.vCluster", self.metadata.v_cluster.as_deref())?;
        let name = required("metadata.name", &self.metadata.name)?;
        let cluster = self.spec.physical_cluster.as_deref().unwrap_or(DEFAULT_CLUSTER);
        let physical_cluster: ClusterId = required("spec.physicalCluster", cluster)?;
        let physical_name = required("spec.physicalName", &self.spec.physical_name)?;
        Ok((
            vcluster,
            name,
            AliasTopic {
                physical_cluster,
                physical_name,
            },
            match self.spec.repoint {
                true => Elsewhere::Repointed,
                false => Elsewhere::Kept,
            },
        ))
    }
}

/// An alias topic as it is shown.
pub(crate) fn show(vcluster: &VclusterName, name: &TopicName, alias: &AliasTopic) -> AliasTopicResource {
    Resource::of(
        InVcluster {
            name: name.to_string(),
            v_cluster: Some(vcluster.to_string()),
        },
        Spec {
            physical_name: alias.physical_name.to_string(),
            physical_cluster: Some(alias.physical_cluster.to_string()),
            repoint: false,
        },
    )
}

/// The body of a DELETE of what belongs to a virtual cluster.
pub(crate) type DeleteByName = InVcluster;
