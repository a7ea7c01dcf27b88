//! Maps from names to settings, as the keys of records and the providers of tokens have them: settings have dotted names, and
//! nesting means the same.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::Path;
use std::str::FromStr;

use crate::tls::Trust;

use super::backends::{NO_CERTIFICATE, holds_certificates};
use super::clusters::unreadable;
use super::problem::{Problem, SettingPlace};
use super::settings::Setting;
use super::tree::{self, TreeEntry, TreeNode, TreeValue};
use super::{ReadFile, hint};

/// How things of a kind are written.
#[derive(Debug)]
pub(super) struct NamedForm {
    /// The word for them.
    pub(super) things: &'static str,
    /// The hint where something is wrong.
    pub(super) form: &'static str,
    /// The settings, by dotted name.
    pub(super) known: &'static [&'static str],
    /// Those that are lists.
    pub(super) lists: &'static [&'static str],
}

impl NamedForm {
    /// Reads the map, given as YAML or as a text that holds YAML. What has a problem is left out.
    pub(super) fn read<N, T>(
        &self,
        setting: Setting,
        (read, problems): (ReadFile<'_>, &mut Vec<Problem>),
        one: impl Fn(&mut NamedReader<'_>) -> Option<T>,
    ) -> BTreeMap<N, T>
    where
        N: FromStr<Err: Display> + Ord,
    {
        let value = match setting.value {
            TreeValue::Text(text) => match tree::parse(&text) {
                Ok(node) => node.value,
                Err(malformed) => {
                    problems.push(Problem::new(setting.place, malformed.message).hint(self.form));
                    return BTreeMap::new();
                }
            },
            other => other,
        };
        let TreeValue::Map(entries) = value else {
            let message = format!("a map of {} is expected", self.things);
            problems.push(Problem::new(setting.place, message).hint(self.form));
            return BTreeMap::new();
        };
        let mut all = BTreeMap::new();
        for entry in entries {
            let before = problems.len();
            let mut reader = NamedReader {
                form: self,
                place: at_line(&setting.place, &entry),
                texts: BTreeMap::new(),
                read,
                problems: &mut *problems,
            };
            match entry.name.parse::<N>() {
                Err(invalid) => reader.refuse(invalid.to_string()),
                Ok(name) => {
                    reader.take(entry.node);
                    let thing = one(&mut reader);
                    if let Some(thing) = thing.filter(|_| problems.len() == before) {
                        all.insert(name, thing);
                    }
                }
            }
        }
        all
    }
}

/// The place of an entry of a map.
fn at_line(place: &SettingPlace, entry: &TreeEntry) -> SettingPlace {
    match place.clone() {
        SettingPlace::File { path, key, .. } => SettingPlace::File {
            path,
            line: Some(entry.line),
            key: key.map(|key| format!("{key}.{}", entry.name)),
        },
        other => other,
    }
}

/// The settings of one thing, which are taken one by one.
pub(super) struct NamedReader<'a> {
    form: &'a NamedForm,
    place: SettingPlace,
    /// By dotted name; a single text is a list of one.
    texts: BTreeMap<&'static str, Vec<String>>,
    read: ReadFile<'a>,
    problems: &'a mut Vec<Problem>,
}

impl NamedReader<'_> {
    /// Says that something is wrong, with the form.
    pub(super) fn refuse(&mut self, message: impl Into<String>) {
        self.refuse_with(message, self.form.form);
    }

    /// Says that something is wrong, with another remedy.
    pub(super) fn refuse_with(&mut self, message: impl Into<String>, hint: impl Into<String>) {
        self.problems
            .push(Problem::new(self.place.clone(), message).hint(hint));
    }

    fn take(&mut self, node: TreeNode) {
        match node.value {
            TreeValue::Map(entries) => self.collect("", entries),
            other => self.refuse(format!("a map of settings is expected, not {}", other.kind())),
        }
    }

    fn collect(&mut self, prefix: &str, entries: Vec<TreeEntry>) {
        let form = self.form;
        for TreeEntry { name, node, .. } in entries {
            let name = match prefix {
                "" => name,
                prefix => format!("{prefix}.{name}"),
            };
            let known = form.known.iter().copied().find(|known| *known == name);
            let is_list = form.lists.contains(&name.as_str());
            match (known, node.value) {
                (Some(known), TreeValue::Text(text)) => {
                    let parts = match is_list {
                        // A list in one text, as variables have it.
                        true => text.split(',').map(|part| part.trim().to_owned()).collect(),
                        false => vec![text],
                    };
                    self.set(known, parts);
                }
                (Some(known), TreeValue::List(nodes)) if is_list => {
                    let texts = nodes.into_iter().filter_map(|node| match node.value {
                        TreeValue::Text(text) => Some(text),
                        _ => None,
                    });
                    self.set(known, texts.collect());
                }
                (Some(known), TreeValue::Null) => self.set(known, Vec::new()),
                (Some(known), other) => self.refuse(format!("{known} is not {}", other.kind())),
                (None, TreeValue::Map(entries)) if self.is_section(&name) => self.collect(&name, entries),
                (None, _) => {
                    let message = format!("the setting {name:?} is unknown");
                    match hint::nearest(&name, form.known.iter().copied()) {
                        Some(meant) => self.refuse_with(message, format!("did you mean {meant}?")),
                        None => self.refuse(message),
                    }
                }
            }
        }
    }

    /// Whether settings begin with this name and a dot.
    fn is_section(&self, name: &str) -> bool {
        let is_below = |known: &&str| known.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'));
        self.form.known.iter().any(is_below)
    }

    fn set(&mut self, name: &'static str, texts: Vec<String>) {
        if texts.is_empty() || texts.iter().any(|text| text.trim().is_empty()) {
            self.refuse(format!("{name} is empty"));
        } else if self.texts.insert(name, texts).is_some() {
            self.refuse(format!("{name} is set twice"));
        }
    }

    /// The texts of a list, if it is there.
    pub(super) fn list(&mut self, name: &'static str) -> Option<Vec<String>> {
        self.texts.remove(name)
    }

    /// The text of a setting, if it is there.
    pub(super) fn text(&mut self, name: &'static str) -> Option<String> {
        self.list(name).and_then(|mut texts| texts.pop())
    }

    /// The text of a setting that must be there.
    pub(super) fn demand(&mut self, name: &'static str) -> Option<String> {
        let text = self.text(name);
        if text.is_none() {
            self.refuse(format!("{name} is missing"));
        }
        text
    }

    /// A text as a value of a type.
    pub(super) fn parsed<T>(&mut self, name: &'static str, text: &str) -> Option<T>
    where
        T: FromStr<Err: Display>,
    {
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.refuse(format!("{name}: {error}"));
                None
            }
        }
    }

    /// The authorities in the PEM file that a setting names, or those of the operating system.
    pub(super) fn trust(&mut self, name: &'static str) -> Trust {
        let Some(path) = self.text(name) else {
            return Trust::System;
        };
        match (self.read)(Path::new(&path)) {
            Ok(pem) => {
                if !holds_certificates(&pem) {
                    self.refuse(format!("{name}: {path}: {NO_CERTIFICATE}"));
                }
                Trust::Pem(pem)
            }
            Err(error) => {
                self.problems
                    .push(unreadable(self.place.clone(), Path::new(&path), &error));
                Trust::System
            }
        }
    }

    /// A setting that nobody has taken.
    pub(super) fn left(&mut self) -> Option<&'static str> {
        self.texts.pop_first().map(|(name, _)| name)
    }
}
