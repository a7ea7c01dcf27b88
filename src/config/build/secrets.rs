//! The secrets of this node that resources may refer to.

use std::path::PathBuf;

use super::super::problem::Problem;
use super::super::reference::{self, KEYS};
use super::super::{NAMED_BY_RESOURCES, SecretsConfig};
use super::Builder;

/// The beginning of the variables of physical clusters, which hold secrets of the configuration.
const KAFKA: &str = "KAFKA_";

impl Builder {
    pub(super) fn secrets(&mut self) -> SecretsConfig {
        SecretsConfig {
            prefix: self.secrets_prefix(),
            directory: self.text(reference::SECRETS_DIR).map(PathBuf::from),
        }
    }

    fn secrets_prefix(&mut self) -> String {
        let Some(prefix) = self.text(reference::SECRETS_PREFIX) else {
            return NAMED_BY_RESOURCES.to_owned();
        };
        let prefix = prefix.trim().to_owned();
        let is_name = prefix.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let begins_ours = KEYS.iter().any(|key| key.variable().starts_with(&prefix))
            || KAFKA.starts_with(&prefix)
            || prefix.starts_with(KAFKA);
        let place = self.place(reference::SECRETS_PREFIX);
        if !is_name {
            self.refuse(
                place,
                format!("{prefix:?} is not the beginning of the name of a variable"),
            );
        } else if begins_ours {
            let message =
                format!("{prefix} would open variables of the gateway's own configuration to resources");
            let problem = Problem::new(place, message);
            self.problems.push(problem.hint("for instance CLUSTER_SECRET_"));
        }
        prefix
    }
}
