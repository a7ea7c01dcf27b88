//! The environment variables of this node that resources may name. Whoever may put resources learns nothing of the others, not
//! even whether they are there.

use std::fmt;

use crate::config::NAMED_BY_RESOURCES as PREFIX;
use crate::secret::Secret;

/// Which variables may be named, and where they are read.
#[derive(Clone)]
pub struct Variables {
    /// Names, and beginnings of names that end with `*`.
    allowed: Vec<String>,
    read: fn(&str) -> Option<String>,
}

/// Why a variable has no value for a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoValue {
    MayNotBeNamed,
    NotSet,
}

impl Variables {
    /// Those of the process: what begins with the prefix, and what is allowed beside it.
    pub fn of_process(allowed: &[String]) -> Self {
        Self::new(allowed, |name| std::env::var(name).ok())
    }

    pub(super) fn new(allowed: &[String], read: fn(&str) -> Option<String>) -> Self {
        Self {
            allowed: allowed.to_vec(),
            read,
        }
    }

    pub(super) fn read(&self, name: &str) -> Result<Secret, NoValue> {
        let fits = |allowed: &String| match allowed.strip_suffix('*') {
            Some(begin) => name.starts_with(begin),
            None => name == allowed,
        };
        if !name.starts_with(PREFIX) && !self.allowed.iter().any(fits) {
            return Err(NoValue::MayNotBeNamed);
        }
        (self.read)(name).map(Secret::new).ok_or(NoValue::NotSet)
    }
}

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Variables")
            .field("allowed", &self.allowed)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for NoValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MayNotBeNamed => write!(
                f,
                "which resources may not name: they may name variables that begin with {PREFIX}, and those that the node's configuration lists in klamm.env.allow"
            ),
            Self::NotSet => f.write_str("which is not set on the node that took this request"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_variables_that_are_allowed_are_looked_at() {
        let read = |name: &str| (!name.ends_with("NOT_SET")).then(|| format!("value of {name}"));
        let variables = Variables::new(&["SHOP".to_owned(), "TEAM_*".to_owned()], read);
        for name in ["KLAMM_SECRET_A", "KLAMM_SECRET_", "SHOP", "TEAM_A", "TEAM_"] {
            assert!(variables.read(name).is_ok(), "{name}");
        }
        for name in [
            "",
            "PATH",
            "SHOP_",
            "shop",
            "TEAM",
            "KLAMM_RAFT_SECRET",
            "klamm_secret_a",
            "GATEWAY_ADMIN_API_USERS",
            "NOT_SET",
        ] {
            assert_eq!(
                variables.read(name).map(drop),
                Err(NoValue::MayNotBeNamed),
                "{name}"
            );
        }
        assert_eq!(variables.read("TEAM_NOT_SET").map(drop), Err(NoValue::NotSet));
    }
}
