//! `Interceptor`: policies in the words of another gateway. A plugin and its configuration become one policy, which
//! remembers them, so that it is shown in the same words again.

mod cipher;
mod headers;
mod own;
mod plugins;
mod rates;
mod requests;
mod schemas;
mod topics;

use klamm_raft::model::{GroupName, Policy, PolicyKey, PolicySpelling};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Resource;
use super::event_gateway::labels::MAX_DESCRIPTION_CHARS;
use super::invalid::{Invalid, required};
use super::object::object_or_null;
use super::policy_scope::WrittenScope;
use super::schema::{ACCOUNTS, GROUPS, OfKind, VCLUSTERS};

/// The `kind` of these resources.
pub(crate) const KIND: &str = "Interceptor";
/// The `kind` as a Terraform provider sends it to their path.
const OTHER_KIND: &str = "GatewayInterceptor";
/// The end of the path that says what holds for a client.
const RESOLVE: &str = "resolve";

/// The name of an interceptor and its scope. It is the policy of that name and scope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NameOfInterceptor")]
pub(crate) struct InterceptorMetadata {
    name: String,
    /// All clients of all virtual clusters, if it is left out, or nothing is named in it.
    #[serde(
        default,
        deserialize_with = "object_or_null",
        skip_serializing_if = "Option::is_none"
    )]
    scope: Option<InterceptorScope>,
}

/// The clients that an interceptor is for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct InterceptorScope {
    /// Their virtual cluster; all of them, if none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = VCLUSTERS))]
    v_cluster: Option<String>,
    /// The group that they are in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = GROUPS))]
    group: Option<String>,
    /// The only account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = ACCOUNTS))]
    username: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Spec {
    /// The class of a plugin of the other gateway, or klamm.Policy.
    plugin_class: String,
    /// They take effect by priority, the lowest first, then by name.
    #[schemars(range(min = i32::MIN, max = i32::MAX))]
    priority: i32,
    /// The configuration of the plugin; of klamm.Policy, the spec of a policy.
    config: Map<String, Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = MAX_DESCRIPTION_CHARS))]
    comment: Option<String>,
}

impl OfKind for Spec {
    const KIND: &'static str = KIND;
    const NAMES: &'static str = VCLUSTERS;
}

pub(crate) type InterceptorResource = Resource<InterceptorMetadata, Spec>;

impl InterceptorScope {
    fn written(&self) -> WrittenScope<'_> {
        WrittenScope {
            vcluster: self.v_cluster.as_deref(),
            group: self.group.as_deref(),
            username: self.username.as_deref(),
        }
    }

    /// The policy of this name in the scope.
    pub(crate) fn key(&self, name: &str) -> Result<PolicyKey, Invalid> {
        self.written().key("", name)
    }

    fn of(key: &PolicyKey) -> Option<Self> {
        let scope = Self {
            v_cluster: key.vcluster().map(ToString::to_string),
            group: key.scope().group().map(GroupName::to_string),
            username: key.scope().account().map(ToString::to_string),
        };
        (scope != Self::default()).then_some(scope)
    }
}

impl InterceptorResource {
    /// Checks what is put.
    pub(crate) fn read(mut self) -> Result<(PolicyKey, Policy), Invalid> {
        if self.kind == OTHER_KIND {
            KIND.clone_into(&mut self.kind);
        }
        self.check()?;
        let scope = self.metadata.scope.unwrap_or_default();
        let name = required("metadata.name", &self.metadata.name)?;
        if self.metadata.name == RESOLVE {
            return Err(Invalid::new(
                "metadata.name: the path of an interceptor of the name resolve is something else: choose another name",
            ));
        }
        let key = scope.written().key_of("metadata.scope.", name)?;
        let policy = plugins::read(self.spec, key.scope())?;
        Ok((key, policy))
    }
}

/// A policy as it is shown as an interceptor: in the words that it was put in, or else in its own.
pub(crate) fn show(key: &PolicyKey, policy: &Policy) -> InterceptorResource {
    let metadata = InterceptorMetadata {
        name: key.name().to_string(),
        scope: InterceptorScope::of(key),
    };
    let (plugin_class, config) = match &policy.spelling {
        Some(PolicySpelling::Interceptor { plugin_class, config }) => {
            // It was JSON when it was stored.
            (
                plugin_class.clone(),
                serde_json::from_str(config).unwrap_or_default(),
            )
        }
        None => own::spell(key, policy),
    };
    let spec = Spec {
        plugin_class,
        priority: policy.priority,
        config,
        comment: (!policy.description.is_empty()).then(|| policy.description.clone()),
    };
    Resource::of(metadata, spec)
}
