//! `namespace` in the words of event gateways: selectors are objects there, and texts with `*` and `?` here.

use std::collections::BTreeSet;

use klamm_raft::model::{Conflict, NameSelector, Notes, SelectorForm, SelectorGroup};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::admin::resources::invalid::{Invalid, required};
use crate::admin::resources::object::{object, objects};
use crate::admin::resources::schema::{PREFIXES, SELECTORS};
use crate::admin::resources::standard::{ENFORCE_PREFIX, HIDE_PREFIX, NamespaceSpec, Selectors};

/// Which names of the physical cluster are its own, and which others it shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(deny_unknown_fields)]
pub(super) struct Namespace {
    #[schemars(extend("enum" = [HIDE_PREFIX, ENFORCE_PREFIX]))]
    mode: String,
    #[schemars(regex(pattern = PREFIXES))]
    prefix: String,
    #[serde(
        default,
        skip_serializing_if = "Additional::is_absent",
        deserialize_with = "object"
    )]
    additional: Additional,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(deny_unknown_fields, default)]
struct Additional {
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "objects")]
    topics: Vec<Selector<Backend>>,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "objects")]
    consumer_groups: Vec<Selector<Group>>,
}

impl Additional {
    fn is_absent(&self) -> bool {
        *self == Self::default()
    }
}

/// Names by a pattern, or one by one. A clash is refused here, whatever is wanted to be heard of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum Selector<N> {
    Glob {
        #[schemars(regex(pattern = SELECTORS))]
        glob: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        conflict: Option<ConflictSpec>,
    },
    ExactList {
        #[serde(deserialize_with = "objects", bound(deserialize = "N: Deserialize<'de>"))]
        exact_list: Vec<N>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        conflict: Option<ConflictSpec>,
    },
}

/// The way in which somebody wants to hear of a clash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(rename_all = "snake_case")]
pub(super) enum ConflictSpec {
    Warn,
    Ignore,
}

impl From<ConflictSpec> for Conflict {
    fn from(spec: ConflictSpec) -> Self {
        match spec {
            ConflictSpec::Warn => Self::Warn,
            ConflictSpec::Ignore => Self::Ignore,
        }
    }
}

impl From<Conflict> for ConflictSpec {
    fn from(conflict: Conflict) -> Self {
        match conflict {
            Conflict::Warn => Self::Warn,
            Conflict::Ignore => Self::Ignore,
        }
    }
}

/// The name of a topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(deny_unknown_fields)]
struct Backend {
    #[schemars(regex(pattern = SELECTORS))]
    backend: String,
}

/// The name of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(deny_unknown_fields)]
struct Group {
    #[schemars(regex(pattern = SELECTORS))]
    value: String,
}

impl Namespace {
    /// The namespace in the gateway's own words; the groups of the selectors go into the notes.
    pub(super) fn translate(self, notes: &mut Notes) -> Result<NamespaceSpec, Invalid> {
        let Additional {
            topics,
            consumer_groups,
        } = self.additional;
        notes.topics = groups(topics, "spec.namespace.additional.topics", |topic| topic.backend)?;
        notes.groups = groups(
            consumer_groups,
            "spec.namespace.additional.consumerGroups",
            |group| group.value,
        )?;
        Ok(NamespaceSpec {
            mode: self.mode,
            prefix: self.prefix,
            additional: Selectors {
                topics: texts(&notes.topics),
                consumer_groups: texts(&notes.groups),
            },
        })
    }

    /// As it is shown: in the groups of the notes, while they select what is selected.
    pub(super) fn show(spec: NamespaceSpec, notes: &Notes) -> Self {
        Self {
            mode: spec.mode,
            prefix: spec.prefix,
            additional: Additional {
                topics: selectors(spec.additional.topics, &notes.topics, |backend| Backend {
                    backend,
                }),
                consumer_groups: selectors(spec.additional.consumer_groups, &notes.groups, |value| Group {
                    value,
                }),
            },
        }
    }
}

fn groups<N>(
    selectors: Vec<Selector<N>>,
    place: &str,
    name: fn(N) -> String,
) -> Result<Vec<SelectorGroup>, Invalid> {
    let group = |selector: Selector<N>| {
        let (form, texts, conflict) = match selector {
            Selector::Glob { glob, conflict } => (SelectorForm::Glob, vec![glob], conflict),
            Selector::ExactList { exact_list, conflict } => {
                let names = exact_list.into_iter().map(name).collect();
                (SelectorForm::ExactList, names, conflict)
            }
        };
        let selectors = texts
            .iter()
            .map(|text| required::<NameSelector>(place, text))
            .collect::<Result<Vec<_>, _>>()?;
        if form == SelectorForm::ExactList
            && let Some(pattern) = selectors.iter().find(|selector| !selector.is_exact())
        {
            return Err(Invalid::new(format!(
                "{place}: {pattern} is not a name: write it as a glob"
            )));
        }
        Ok(SelectorGroup {
            form,
            selectors,
            conflict: conflict.map(Into::into),
        })
    };
    selectors.into_iter().map(group).collect()
}

fn texts(groups: &[SelectorGroup]) -> Vec<String> {
    let all = groups.iter().flat_map(|group| &group.selectors);
    all.map(ToString::to_string).collect()
}

fn selectors<N>(selected: Vec<String>, written: &[SelectorGroup], name: fn(String) -> N) -> Vec<Selector<N>> {
    let set = |texts: &[String]| -> BTreeSet<String> { texts.iter().cloned().collect() };
    if set(&texts(written)) != set(&selected) {
        return regrouped(selected, name);
    }
    let shown = written.iter().map(|group| {
        let conflict = group.conflict.map(Into::into);
        let mut texts = group.selectors.iter().map(ToString::to_string);
        match (group.form, texts.next()) {
            (SelectorForm::Glob, Some(glob)) => Selector::Glob { glob, conflict },
            (_, first) => Selector::ExactList {
                exact_list: first.into_iter().chain(texts).map(name).collect(),
                conflict,
            },
        }
    });
    shown.collect()
}

/// Patterns each, names together.
fn regrouped<N>(texts: Vec<String>, name: fn(String) -> N) -> Vec<Selector<N>> {
    let (globs, names): (Vec<String>, Vec<String>) =
        texts.into_iter().partition(|text| text.contains(['*', '?']));
    let globs = globs
        .into_iter()
        .map(|glob| Selector::Glob { glob, conflict: None });
    let list = (!names.is_empty()).then(|| Selector::ExactList {
        exact_list: names.into_iter().map(name).collect(),
        conflict: None,
    });
    globs.chain(list).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(json: &str) -> (Notes, NamespaceSpec) {
        let namespace: Namespace = serde_json::from_str(json).unwrap();
        let mut notes = Notes::default();
        let spec = namespace.translate(&mut notes).unwrap();
        (notes, spec)
    }

    #[test]
    fn selectors_are_given_back_as_they_were_written() {
        let json = concat!(
            r#"{"mode":"hide_prefix","prefix":"team_","additional":{"#,
            r#""topics":[{"type":"exact_list","exact_list":[{"backend":"b"},{"backend":"a"}],"conflict":"ignore"},"#,
            r#"{"type":"glob","glob":"ops_*","conflict":"warn"},{"type":"glob","glob":"one"}],"#,
            r#""consumer_groups":[{"type":"exact_list","exact_list":[{"value":"g1"}]}]}}"#
        );
        let (notes, spec) = round(json);
        assert_eq!(spec.additional.topics, ["b", "a", "ops_*", "one"]);
        assert_eq!(spec.additional.consumer_groups, ["g1"]);
        let shown = |notes: &Notes| serde_json::to_string(&Namespace::show(spec.clone(), notes)).unwrap();
        assert_eq!(shown(&notes), json);
        // Somebody wrote others in other words since.
        let others = shown(&Notes::default());
        assert!(
            others.contains(r#"[{"type":"glob","glob":"ops_*"},{"type":"exact_list","exact_list":[{"backend":"b"},{"backend":"a"},{"backend":"one"}]}]"#),
            "{others}"
        );
        let bare = r#"{"mode":"enforce_prefix","prefix":"t"}"#;
        let (notes, spec) = round(bare);
        assert_eq!(
            serde_json::to_string(&Namespace::show(spec, &notes)).unwrap(),
            bare
        );
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let with = |selector: &str| {
            let json =
                format!(r#"{{"mode":"hide_prefix","prefix":"t","additional":{{"topics":[{selector}]}}}}"#);
            let namespace = serde_json::from_str::<Namespace>(&json).map_err(|error| error.to_string())?;
            let read = namespace.translate(&mut Notes::default());
            read.map_err(|error| error.to_string())
        };
        for (selector, part) in [
            (
                r#"{"type":"glob","glob":"x*","conflict":"fight"}"#,
                "unknown variant",
            ),
            (r#"{"type":"glob","glob":"x*","what":1}"#, "unknown field"),
            (r#"{"type":"glob","glob":"x y"}"#, "selector"),
            (
                r#"{"type":"exact_list","exact_list":[{"backend":"x*"}]}"#,
                "write it as a glob",
            ),
        ] {
            let refused = with(selector).unwrap_err();
            assert!(refused.contains(part), "{refused}");
        }
    }
}
