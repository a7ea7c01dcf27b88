//! `AliasTopic`.

use klamm_raft::model::{AliasTopic, ClusterId, TopicName, VclusterName};
use serde::{Deserialize, Serialize};

use super::invalid::{Invalid, required};
use super::{InVcluster, Resource, vcluster_name};

const KIND: &str = "AliasTopic";

/// Where an alias points when it does not say.
const DEFAULT_CLUSTER: &str = "main";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Spec {
    physical_name: String,
    #[serde(default)]
    physical_cluster: Option<String>,
    /// An instruction, and nothing that the alias topic has: it is not shown.
    #[serde(default, skip_serializing)]
    repoint: bool,
}

/// What becomes of an alias topic that stands for another physical topic.
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
        self.check(KIND)?;
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
        KIND,
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
