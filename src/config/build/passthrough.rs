//! The virtual cluster `passthrough`: who may do what there, and how its clients log in.

use std::collections::{BTreeMap, BTreeSet};

use klamm_raft::model::{
    AccountName, Authentication, ClusterId, InvalidName, MAIN_CLUSTER, Method, ProviderName,
};

use super::super::problem::Problem;
use super::super::{AclChecks, PassthroughConfig, reference};
use super::Builder;
use crate::backend::config::{AnonymousClients, BackendConfig};
use crate::oauth::ProviderConfig;

impl Builder {
    pub(super) fn passthrough(
        &mut self,
        methods: fn(&str) -> Result<Authentication, String>,
        backends: &BTreeMap<ClusterId, BackendConfig>,
        providers: &BTreeMap<ProviderName, ProviderConfig>,
    ) -> PassthroughConfig {
        PassthroughConfig {
            acls: self.acls(),
            super_users: self.super_users(),
            authentication: self.authentication(methods, backends, providers),
        }
    }

    fn acls(&mut self) -> AclChecks {
        match self.text(reference::ACL_ENABLED).as_deref().map(str::trim) {
            None | Some("true") => AclChecks::Enabled,
            Some("false") => AclChecks::Disabled,
            Some(other) => {
                let message = format!("{other:?} is neither true nor false");
                self.refuse(self.place(reference::ACL_ENABLED), message);
                AclChecks::Enabled
            }
        }
    }

    fn super_users(&mut self) -> BTreeSet<AccountName> {
        let text = self.text(reference::SUPER_USERS).unwrap_or_default();
        let mut super_users = BTreeSet::new();
        for name in text.split(';').map(str::trim).filter(|name| !name.is_empty()) {
            // As brokers want it written, too.
            match name.strip_prefix("User:").unwrap_or(name).parse() {
                Ok(name) => {
                    super_users.insert(name);
                }
                Err(invalid) => {
                    let invalid: InvalidName = invalid;
                    self.refuse(self.place(reference::SUPER_USERS), invalid);
                }
            }
        }
        super_users
    }

    fn authentication(
        &mut self,
        methods: fn(&str) -> Result<Authentication, String>,
        backends: &BTreeMap<ClusterId, BackendConfig>,
        providers: &BTreeMap<ProviderName, ProviderConfig>,
    ) -> Authentication {
        let Some(text) = self.text(reference::PASSTHROUGH_AUTHENTICATION) else {
            return Authentication::default();
        };
        let place = self.place(reference::PASSTHROUGH_AUTHENTICATION);
        let authentication = match methods(&text) {
            Ok(authentication) => authentication,
            Err(why) => {
                let problem = Problem::new(place, why);
                let hint = r#"for instance [{"type": "sasl_plain", "mediation": "passthrough"}]"#;
                self.problems.push(problem.hint(hint));
                return Authentication::default();
            }
        };
        for method in &authentication.0 {
            if let Method::OauthBearer(oauth) = method
                && !providers.contains_key(&oauth.provider)
            {
                let message = format!("the OAuth provider {} is not configured", oauth.provider);
                self.refuse(place.clone(), message);
            }
        }
        let is_closed = backends
            .iter()
            .any(|(id, backend)| id.is_main() && backend.anonymous == AnonymousClients::Refused);
        if is_closed && authentication.0.contains(&Method::Anonymous) {
            let message = format!(
                "the method anonymous would open the physical cluster {MAIN_CLUSTER} to everybody who can connect"
            );
            let hint = format!(
                "if this is intended, set gateway.allow.anonymous: true among the properties of {MAIN_CLUSTER}"
            );
            self.problems.push(Problem::new(place, message).hint(hint));
        }
        authentication
    }
}
