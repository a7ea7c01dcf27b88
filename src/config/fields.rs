//! Lists of maps with known keys, as listeners are written. In a map, nesting and dots mean the same.

use std::collections::BTreeMap;

use super::hint;
use super::problem::{Problem, SettingPlace};
use super::settings::Setting;
use super::tree::{self, TreeEntry, TreeValue};

/// One map, by the full names of its keys.
#[derive(Debug, Default)]
pub(super) struct Fields(BTreeMap<String, TreeValue>);

impl Fields {
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Whether a key that begins so is given.
    pub(super) fn has_any(&self, prefix: &str) -> bool {
        self.0.keys().any(|name| name.starts_with(prefix))
    }

    /// Whether a key is given as this text.
    pub(super) fn is(&self, name: &str, text: &str) -> bool {
        matches!(self.0.get(name), Some(TreeValue::Text(given)) if given == text)
    }

    pub(super) fn remove(&mut self, name: &str) -> Option<TreeValue> {
        self.0.remove(name)
    }

    /// The text of a key, taken out.
    pub(super) fn text(
        &mut self,
        name: &str,
        place: &SettingPlace,
        problems: &mut Vec<Problem>,
    ) -> Option<String> {
        match self.0.remove(name)? {
            TreeValue::Text(text) if !text.trim().is_empty() => Some(text),
            TreeValue::Text(_) | TreeValue::Null => {
                problems.push(Problem::new(place.clone(), format!("{name} is empty")));
                None
            }
            other => {
                let message = format!("{name} must be a single value, not {}", other.kind());
                problems.push(Problem::new(place.clone(), message));
                None
            }
        }
    }

    /// The texts of a key, taken out: a list, or one text with commas.
    pub(super) fn texts(
        &mut self,
        name: &str,
        place: &SettingPlace,
        problems: &mut Vec<Problem>,
    ) -> Option<Vec<String>> {
        let texts: Vec<String> = match self.0.remove(name)? {
            TreeValue::Text(text) => text.split(',').map(|part| part.trim().to_owned()).collect(),
            TreeValue::List(nodes) => nodes
                .into_iter()
                .map(|node| match node.value {
                    TreeValue::Text(text) => text.trim().to_owned(),
                    other => other.kind().to_owned(),
                })
                .collect(),
            other => {
                let message = format!("{name} must be a list, not {}", other.kind());
                problems.push(Problem::new(place.clone(), message));
                return None;
            }
        };
        if texts.iter().all(String::is_empty) {
            problems.push(Problem::new(place.clone(), format!("{name} is empty")));
            return None;
        }
        Some(texts)
    }
}

/// The place of the item called `name` of a list.
pub(super) fn within(place: &SettingPlace, name: &str) -> SettingPlace {
    match place.clone() {
        SettingPlace::File { path, line, key } => SettingPlace::File {
            path,
            line,
            key: key.map(|key| format!("{key}: {name}")),
        },
        SettingPlace::Variable(variable) => SettingPlace::Variable(format!("{variable}: {name}")),
        SettingPlace::Resource(part) => SettingPlace::Resource(format!("{part}: {name}")),
        SettingPlace::Unset(key) => SettingPlace::Unset(format!("{key}: {name}")),
    }
}

/// Reads a list, given as YAML or as a text that holds YAML. `form` shows how it is written.
pub(super) fn list(
    setting: Setting,
    names: &[&str],
    form: &str,
    problems: &mut Vec<Problem>,
) -> Vec<(SettingPlace, Fields)> {
    let mut in_text = false;
    let value = match setting.value {
        TreeValue::Text(text) => {
            in_text = true;
            match tree::parse(&text) {
                Ok(node) => node.value,
                Err(malformed) => {
                    problems.push(Problem::new(setting.place, malformed.message).hint(form));
                    return Vec::new();
                }
            }
        }
        other => other,
    };
    let TreeValue::List(nodes) = value else {
        problems.push(Problem::new(setting.place, "a list is expected").hint(form));
        return Vec::new();
    };
    if nodes.is_empty() {
        problems.push(Problem::new(setting.place, "the list is empty").hint(form));
        return Vec::new();
    }
    let mut found = Vec::new();
    for node in nodes {
        let place = match setting.place.clone() {
            SettingPlace::File { path, key, .. } if !in_text => SettingPlace::File {
                path,
                line: Some(node.line),
                key,
            },
            other => other,
        };
        let TreeValue::Map(entries) = node.value else {
            problems.push(Problem::new(place, "each item must be a map").hint(form));
            continue;
        };
        let mut reader = Flat {
            names,
            form,
            place: &place,
            problems,
        };
        let mut fields = Fields::default();
        reader.add("", entries, &mut fields);
        found.push((place, fields));
    }
    found
}

struct Flat<'a> {
    names: &'a [&'a str],
    form: &'a str,
    place: &'a SettingPlace,
    problems: &'a mut Vec<Problem>,
}

impl Flat<'_> {
    fn add(&mut self, prefix: &str, entries: Vec<TreeEntry>, fields: &mut Fields) {
        for TreeEntry { name, node, .. } in entries {
            let name = match prefix {
                "" => name,
                prefix => format!("{prefix}.{name}"),
            };
            let is_section = self.names.iter().any(|known| {
                known
                    .strip_prefix(&name)
                    .is_some_and(|rest| rest.starts_with('.'))
            });
            match node.value {
                TreeValue::Map(entries) if is_section => self.add(&name, entries, fields),
                value if self.names.contains(&name.as_str()) => {
                    if fields.0.insert(name.clone(), value).is_some() {
                        let message = format!("{name} is given twice");
                        self.problems.push(Problem::new(self.place.clone(), message));
                    }
                }
                _ => {
                    let problem = Problem::new(self.place.clone(), format!("the key {name:?} is unknown"));
                    self.problems
                        .push(match hint::nearest(&name, self.names.iter().copied()) {
                            Some(meant) => problem.hint(format!("did you mean {meant}?")),
                            None => problem.hint(self.form),
                        });
                }
            }
        }
    }
}
