//! Where a resource belongs to: beside its name, that is what it takes to say which one is meant.

use serde_json::{Value, json};

/// A virtual cluster, and of policies whom they are for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ResourceScope {
    pub(super) vcluster: Option<String>,
    pub(super) group: Option<String>,
    pub(super) username: Option<String>,
}

impl ResourceScope {
    /// Whether it is for some of the clients only.
    pub(super) fn is_for_some(&self) -> bool {
        self.group.is_some() || self.username.is_some()
    }

    /// Adds what is named to a body.
    pub(super) fn write(&self, body: &mut Value) {
        let fields = [
            ("vCluster", &self.vcluster),
            ("group", &self.group),
            ("username", &self.username),
        ];
        for (field, value) in fields {
            if let Some(value) = value {
                body[field] = json!(value);
            }
        }
    }
}
