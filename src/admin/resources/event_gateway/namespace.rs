//! `namespace` in the words of event gateways: selectors are objects there, and texts with `*` and `?` here.

use serde::{Deserialize, Serialize};

use crate::admin::resources::standard::{NamespaceSpec, Selectors};

/// Which names of the physical cluster are its own, and which others it shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Namespace {
    mode: String,
    prefix: String,
    #[serde(default)]
    additional: Additional,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Additional {
    topics: Vec<Selector<Backend>>,
    consumer_groups: Vec<Selector<Group>>,
}

/// Names by a pattern, or one by one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum Selector<N> {
    Glob {
        glob: String,
        /// A clash is refused here, whatever is said.
        #[serde(rename = "conflict", default, skip_serializing)]
        _conflict: Option<Conflict>,
    },
    ExactList {
        exact_list: Vec<N>,
        #[serde(rename = "conflict", default, skip_serializing)]
        _conflict: Option<Conflict>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Conflict {
    Warn,
    Ignore,
}

/// The name of a topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Backend {
    backend: String,
}

/// The name of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    value: String,
}

impl From<Namespace> for NamespaceSpec {
    fn from(namespace: Namespace) -> Self {
        Self {
            mode: namespace.mode,
            prefix: namespace.prefix,
            additional: Selectors {
                topics: texts(namespace.additional.topics, |topic| topic.backend),
                consumer_groups: texts(namespace.additional.consumer_groups, |group| group.value),
            },
        }
    }
}

impl From<NamespaceSpec> for Namespace {
    fn from(spec: NamespaceSpec) -> Self {
        Self {
            mode: spec.mode,
            prefix: spec.prefix,
            additional: Additional {
                topics: selectors(spec.additional.topics, |backend| Backend { backend }),
                consumer_groups: selectors(spec.additional.consumer_groups, |value| Group { value }),
            },
        }
    }
}

fn texts<N>(selectors: Vec<Selector<N>>, name: fn(N) -> String) -> Vec<String> {
    let texts = selectors.into_iter().flat_map(|selector| match selector {
        Selector::Glob { glob, .. } => vec![glob],
        Selector::ExactList { exact_list, .. } => exact_list.into_iter().map(name).collect(),
    });
    texts.collect()
}

/// Patterns each, names together.
fn selectors<N>(texts: Vec<String>, name: fn(String) -> N) -> Vec<Selector<N>> {
    let (globs, names): (Vec<String>, Vec<String>) =
        texts.into_iter().partition(|text| text.contains(['*', '?']));
    let globs = globs.into_iter().map(|glob| Selector::Glob {
        glob,
        _conflict: None,
    });
    let list = (!names.is_empty()).then(|| Selector::ExactList {
        exact_list: names.into_iter().map(name).collect(),
        _conflict: None,
    });
    globs.chain(list).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_translated_both_ways() {
        let json = concat!(
            r#"{"mode":"hide_prefix","prefix":"team_","additional":{"#,
            r#""topics":[{"type":"glob","glob":"ops_*"},{"type":"exact_list","exact_list":[{"backend":"a"},{"backend":"b"}]}],"#,
            r#""consumer_groups":[{"type":"exact_list","exact_list":[{"value":"g1"}]}]}}"#
        );
        let namespace: Namespace = serde_json::from_str(json).unwrap();
        let spec = NamespaceSpec::from(namespace);
        assert_eq!(spec.additional.topics, ["ops_*", "a", "b"]);
        assert_eq!(spec.additional.consumer_groups, ["g1"]);
        assert_eq!(serde_json::to_string(&Namespace::from(spec)).unwrap(), json);
    }

    #[test]
    fn a_clash_may_be_spoken_of_and_other_words_may_not() {
        let with = |more: &str| {
            let json = format!(
                r#"{{"mode":"hide_prefix","prefix":"t","additional":{{"topics":[{{"type":"glob","glob":"x*"{more}}}]}}}}"#
            );
            serde_json::from_str::<Namespace>(&json).map_err(|error| error.to_string())
        };
        assert!(with(r#","conflict":"warn""#).is_ok());
        assert!(
            with(r#","conflict":"fight""#)
                .unwrap_err()
                .contains("unknown variant")
        );
        assert!(with(r#","what":1"#).unwrap_err().contains("unknown field"));
    }
}
