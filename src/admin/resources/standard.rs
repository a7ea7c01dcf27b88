//! The part of a `VirtualCluster` resource that only the type Standard has: which backend, and what of it is shown.

use std::collections::BTreeSet;

use klamm_raft::model::{MAIN_CLUSTER, NameSelector, Namespace, Standard, VclusterName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::invalid::{Invalid, required};
use super::object::object;
use super::schema::{PREFIXES, SELECTORS};

pub(super) const HIDE_PREFIX: &str = "hide_prefix";
pub(super) const ENFORCE_PREFIX: &str = "enforce_prefix";

/// `spec.namespace`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub(super) struct NamespaceSpec {
    #[schemars(extend("enum" = [HIDE_PREFIX, ENFORCE_PREFIX]))]
    pub(super) mode: String,
    #[schemars(regex(pattern = PREFIXES))]
    pub(super) prefix: String,
    #[serde(default, deserialize_with = "object")]
    pub(super) additional: Selectors,
}

/// The selectors of what is let in under its own name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(inline)]
pub(super) struct Selectors {
    /// Topics that are let in under their own names: names, with * for any characters and ? for one.
    #[schemars(inner(regex(pattern = SELECTORS)))]
    pub(super) topics: Vec<String>,
    /// Groups that are let in under their own names.
    #[schemars(inner(regex(pattern = SELECTORS)))]
    pub(super) consumer_groups: Vec<String>,
}

/// The fields of `spec` as they are put. They are all absent in other types.
#[derive(Debug, Default)]
pub(super) struct StandardSpec {
    pub(super) backend: Option<String>,
    pub(super) namespace: Option<NamespaceSpec>,
    pub(super) selectors: Selectors,
}

impl StandardSpec {
    /// Whether nothing of it is given.
    pub(super) fn is_absent(&self) -> bool {
        self.backend.is_none() && self.namespace.is_none() && self.selectors == Selectors::default()
    }

    /// Checks what is put. Without a namespace and without topics the namespace is named after the virtual cluster.
    pub(super) fn read(self, name: &VclusterName) -> Result<Standard, Invalid> {
        let backend = required("spec.backend", self.backend.as_deref().unwrap_or(MAIN_CLUSTER))?;
        let at_top = self.selectors;
        let (namespace, selectors, place) = match self.namespace {
            Some(_) if at_top != Selectors::default() => {
                return Err(Invalid::new(
                    "spec.topics and spec.consumerGroups are for a virtual cluster without a namespace: with one, use spec.namespace.additional",
                ));
            }
            Some(spec) => (
                read_namespace(&spec)?,
                spec.additional,
                "spec.namespace.additional",
            ),
            None if at_top == Selectors::default() => {
                let prefix = required("spec.namespace.prefix", &format!("{name}-"))?;
                (Namespace::HidePrefix(prefix), at_top, "spec")
            }
            None => (Namespace::None, at_top, "spec"),
        };
        Ok(Standard {
            backend,
            namespace,
            topics: read_selectors(&format!("{place}.topics"), &selectors.topics)?,
            groups: read_selectors(&format!("{place}.consumerGroups"), &selectors.consumer_groups)?,
        })
    }
}

fn read_namespace(spec: &NamespaceSpec) -> Result<Namespace, Invalid> {
    let prefix = required("spec.namespace.prefix", &spec.prefix)?;
    match spec.mode.as_str() {
        HIDE_PREFIX => Ok(Namespace::HidePrefix(prefix)),
        ENFORCE_PREFIX => Ok(Namespace::EnforcePrefix(prefix)),
        other => Err(Invalid::new(format!(
            "spec.namespace.mode {other:?} is unknown; use {HIDE_PREFIX} or {ENFORCE_PREFIX}"
        ))),
    }
}

fn read_selectors(place: &str, texts: &[String]) -> Result<BTreeSet<NameSelector>, Invalid> {
    texts.iter().map(|text| required(place, text)).collect()
}

/// The fields as they are shown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ShownStandard {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) backend: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) namespace: Option<NamespaceSpec>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    topics: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    consumer_groups: Vec<String>,
}

impl ShownStandard {
    pub(super) fn of(standard: &Standard) -> Self {
        let texts = |selectors: &BTreeSet<NameSelector>| selectors.iter().map(ToString::to_string).collect();
        let selectors = Selectors {
            topics: texts(&standard.topics),
            consumer_groups: texts(&standard.groups),
        };
        let with = |mode: &str, prefix: String| NamespaceSpec {
            mode: mode.to_owned(),
            prefix,
            additional: selectors.clone(),
        };
        let namespace = match &standard.namespace {
            Namespace::HidePrefix(prefix) => Some(with(HIDE_PREFIX, prefix.to_string())),
            Namespace::EnforcePrefix(prefix) => Some(with(ENFORCE_PREFIX, prefix.to_string())),
            Namespace::None => None,
        };
        let at_top = match namespace {
            Some(_) => Selectors::default(),
            None => selectors.clone(),
        };
        Self {
            backend: Some(standard.backend.to_string()),
            namespace,
            topics: at_top.topics,
            consumer_groups: at_top.consumer_groups,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::resources::VirtualClusterResource;

    fn check(spec: &str, expected: Result<&str, &str>) {
        let json = format!(
            r#"{{"kind":"VirtualCluster","apiVersion":"gateway/v2","metadata":{{"name":"dev"}},"spec":{spec}}}"#
        );
        let read = serde_json::from_str::<VirtualClusterResource>(&json)
            .map_err(|error| error.to_string())
            .and_then(|resource| resource.read().map_err(|error| error.to_string()));
        match (read, expected) {
            (Ok((_, spec, _)), Ok(shown)) => {
                let klamm_raft::model::VclusterKind::Standard(standard) = spec.kind else {
                    panic!("{spec:?}")
                };
                let text = serde_json::to_string(&ShownStandard::of(&standard)).unwrap();
                assert_eq!(text, shown);
            }
            (Err(error), Err(part)) => assert!(error.contains(part), "{spec}: {error}"),
            (read, _) => panic!("{spec}: {read:?}"),
        }
    }

    #[test]
    fn a_standard_is_shown_as_it_was_put() {
        for spec in [
            r#"{"backend":"a","namespace":{"mode":"hide_prefix","prefix":"d-","additional":{"topics":["x*"],"consumerGroups":["g"]}}}"#,
            r#"{"backend":"a","namespace":{"mode":"enforce_prefix","prefix":"d-","additional":{"topics":[],"consumerGroups":[]}}}"#,
            r#"{"backend":"a","topics":["x"],"consumerGroups":["g"]}"#,
        ] {
            check(spec, Ok(spec));
        }
    }

    #[test]
    fn by_default_it_has_a_namespace_of_its_own_name_on_main() {
        let shown = r#"{"backend":"main","namespace":{"mode":"hide_prefix","prefix":"dev-","additional":{"topics":[],"consumerGroups":[]}}}"#;
        check("{}", Ok(shown));
        check(r#"{"type":"Standard"}"#, Ok(shown));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        check(
            r#"{"namespace":{"mode":"hide","prefix":"d-"}}"#,
            Err("spec.namespace.mode \"hide\" is unknown"),
        );
        check(
            r#"{"namespace":{"mode":"hide_prefix","prefix":""}}"#,
            Err("spec.namespace.prefix: prefix"),
        );
        check(
            r#"{"namespace":{"mode":"hide_prefix","prefix":"d-"},"topics":["x"]}"#,
            Err("use spec.namespace.additional"),
        );
        check(r#"{"topics":["a b"]}"#, Err("spec.topics: selector"));
        check(r#"{"aclEnabled":true}"#, Err("nobody could manage them"));
    }
}
