//! The virtual clusters that software is run in: one with aliases only, one that makes its own topics.

use anyhow::Result;
use klamm::quickstart::admin;
use serde_json::json;

use crate::scene::{CLUSTER, Login, Scene};

/// The prefix of physical names.
const PREFIX: &str = "integrated-";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Partner,
    Standard,
}

impl Place {
    /// A virtual cluster of this kind, and somebody in it who has no rights yet.
    pub(super) fn lay_out(self, scene: &Scene, name: &str, user: &str) -> Result<Login> {
        match self {
            Self::Partner => scene.vcluster(name, &[])?,
            Self::Standard => scene.stage.admin(1).put(
                "virtual-cluster",
                &json!({
                    "kind": "VirtualCluster", "apiVersion": "gateway/v2", "metadata": {"name": name},
                    "spec": {
                        "type": "Standard", "backend": CLUSTER, "aclEnabled": true, "superUsers": ["super-user"],
                        "namespace": {"mode": "hide_prefix", "prefix": prefix(name)},
                    },
                }),
            )?,
        }
        scene.login(name, user, 1)
    }

    /// Makes topics that the software would make itself if it were allowed to: a Partner gets them as aliases.
    pub(super) fn provide(self, scene: &Scene, name: &str, topics: &[(&str, &[&str])]) -> Result<()> {
        if self == Self::Standard {
            return Ok(());
        }
        for (topic, more) in topics {
            let physical = self.physical(name, topic);
            let create = ["--create", "--topic", &physical, "--partitions", "1"];
            scene.direct("kafka-topics", &[&create, *more].concat(), "")?;
            let alias = admin::alias(name, topic, (CLUSTER, &physical));
            scene.stage.admin(1).put("alias-topic", &alias)?;
        }
        Ok(())
    }

    /// The name of a topic on the physical cluster.
    pub(super) fn physical(self, name: &str, topic: &str) -> String {
        format!("{}{topic}", prefix(name))
    }
}

fn prefix(name: &str) -> String {
    format!("{PREFIX}{name}-")
}

/// Has the super user give somebody rights: options of `kafka-acls`, one call a list.
pub(super) fn grant(scene: &Scene, name: &str, user: &Login, rights: &[&[&str]]) -> Result<()> {
    let super_user = scene.login(name, "super-user", 1)?;
    let principal = format!("User:{}", user.username);
    for right in rights {
        let add = ["--add", "--allow-principal", &principal];
        scene.client_ok(&super_user, "kafka-acls", &[&add, *right].concat())?;
    }
    Ok(())
}
