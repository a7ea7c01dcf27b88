//! Lists of maps with known keys, as listeners are written. In a map, nesting and dots mean the same.

use std::collections::BTreeMap;

use super::hint;
use super::problem::{Place, Problem};
use super::settings::Setting;
use super::tree::{self, Entry, Value};

/// One map, by the full names of its keys.
#[derive(Debug, Default)]
pub(super) struct Fields(BTreeMap<String, Value>);

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
        matches!(self.0.get(name), Some(Value::Text(given)) if given == text)
    }

    pub(super) fn remove(&mut self, name: &str) -> Option<Value> {
        self.0.remove(name)
    }

    /// The text of a key, taken out.
    pub(super) fn text(&mut self, name: &str, place: &Place, problems: &mut Vec<Problem>) -> Option<String> {
        match self.0.remove(name)? {
            Value::Text(text) if !text.trim().is_empty() => Some(text),
            Value::Text(_) | Value::Null => {
                problems.push(Problem::new(place.clone(), format!("{name} is empty")));
                None
            }
            other => {
                let message = format!("{name} is a single value, not {}", other.kind());
                problems.push(Problem::new(place.clone(), message));
                None
            }
        }
    }

    /// The texts of a key, taken out: a list, or one text with commas.
    pub(super) fn texts(
        &mut self,
        name: &str,
        place: &Place,
        problems: &mut Vec<Problem>,
    ) -> Option<Vec<String>> {
        let texts: Vec<String> = match self.0.remove(name)? {
            Value::Text(text) => text.split(',').map(|part| part.trim().to_owned()).collect(),
            Value::List(nodes) => nodes
                .into_iter()
                .map(|node| match node.value {
                    Value::Text(text) => text.trim().to_owned(),
                    other => other.kind().to_owned(),
                })
                .collect(),
            other => {
                let message = format!("{name} is a list, not {}", other.kind());
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
pub(super) fn within(place: &Place, name: &str) -> Place {
    match place.clone() {
        Place::File { path, line, key } => Place::File {
            path,
            line,
            key: key.map(|key| format!("{key}: {name}")),
        },
        Place::Variable(variable) => Place::Variable(format!("{variable}: {name}")),
        Place::Unset(key) => Place::Unset(format!("{key}: {name}")),
    }
}

/// Reads a list, given as YAML or as a text that holds YAML. `form` shows how it is written.
pub(super) fn list(
    setting: Setting,
    names: &[&str],
    form: &str,
    problems: &mut Vec<Problem>,
) -> Vec<(Place, Fields)> {
    let mut in_text = false;
    let value = match setting.value {
        Value::Text(text) => {
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
    let Value::List(nodes) = value else {
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
            Place::File { path, key, .. } if !in_text => Place::File {
                path,
                line: Some(node.line),
                key,
            },
            other => other,
        };
        let Value::Map(entries) = node.value else {
            problems.push(Problem::new(place, "each item is a map").hint(form));
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
    place: &'a Place,
    problems: &'a mut Vec<Problem>,
}

impl Flat<'_> {
    fn add(&mut self, prefix: &str, entries: Vec<Entry>, fields: &mut Fields) {
        for Entry { name, node, .. } in entries {
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
                Value::Map(entries) if is_section => self.add(&name, entries, fields),
                value if self.names.contains(&name.as_str()) => {
                    if fields.0.insert(name.clone(), value).is_some() {
                        let message = format!("{name} is given twice");
                        self.problems.push(Problem::new(self.place.clone(), message));
                    }
                }
                _ => {
                    let problem = Problem::new(self.place.clone(), format!("the key {name:?} is not known"));
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
