//! The providers of OAuth tokens that virtual clusters may name.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use klamm_raft::model::ProviderName;

use crate::auth::oauth::{Algorithm, Provider};
use crate::oauth::{Location, ProviderConfig};
use crate::tls::Trust;

use super::backends::{NO_CERTIFICATE, holds_certificates};
use super::clusters::unreadable;
use super::problem::{Problem, SettingPlace};
use super::settings::Setting;
use super::tree::{self, TreeEntry, TreeNode, TreeValue};
use super::{ReadFile, hint};

const FORM: &str = "the form is {name: {issuer: https://id.example.com, jwks: {url: https://id.example.com/keys}, \
                    audiences: [kafka]}}";

const KNOWN: [&str; 7] = [
    "issuer",
    "jwks.url",
    "jwks.refresh.seconds",
    "jwks.ca.file",
    "audiences",
    "algorithms",
    "leeway.seconds",
];

/// The algorithms of tokens, unless the operator says otherwise.
const DEFAULT_ALGORITHMS: [Algorithm; 2] = [Algorithm::Rs256, Algorithm::Es256];

const DEFAULT_LEEWAY_S: u64 = 30;
const MAX_LEEWAY_S: u64 = 600;
const DEFAULT_REFRESH_S: u64 = 600;
const MAX_REFRESH_S: u64 = 86_400;

/// Reads the map, given as YAML or as a text that holds YAML.
pub(super) fn parse(
    setting: Setting,
    read: ReadFile<'_>,
    problems: &mut Vec<Problem>,
) -> BTreeMap<ProviderName, ProviderConfig> {
    let value = match setting.value {
        TreeValue::Text(text) => match tree::parse(&text) {
            Ok(node) => node.value,
            Err(malformed) => {
                problems.push(Problem::new(setting.place, malformed.message).hint(FORM));
                return BTreeMap::new();
            }
        },
        other => other,
    };
    let TreeValue::Map(entries) = value else {
        problems.push(Problem::new(setting.place, "a map of providers is expected").hint(FORM));
        return BTreeMap::new();
    };
    let mut providers = BTreeMap::new();
    for entry in entries {
        let mut reader = Reader {
            place: at_line(&setting.place, &entry),
            texts: BTreeMap::new(),
            read,
            problems,
        };
        match entry.name.parse() {
            Err(invalid) => reader.refuse(format!("{invalid}")),
            Ok(name) => {
                let name: ProviderName = name;
                if let Some(provider) = reader.provider(entry.node) {
                    providers.insert(name, provider);
                }
            }
        }
    }
    providers
}

/// The place of an entry of a map.
pub(super) fn at_line(place: &SettingPlace, entry: &TreeEntry) -> SettingPlace {
    match place.clone() {
        SettingPlace::File { path, key, .. } => SettingPlace::File {
            path,
            line: Some(entry.line),
            key: key.map(|key| format!("{key}.{}", entry.name)),
        },
        other => other,
    }
}

struct Reader<'a> {
    place: SettingPlace,
    /// By dotted name; a single text is a list of one.
    texts: BTreeMap<&'static str, Vec<String>>,
    read: ReadFile<'a>,
    problems: &'a mut Vec<Problem>,
}

impl Reader<'_> {
    fn refuse(&mut self, message: impl Into<String>) {
        self.problems
            .push(Problem::new(self.place.clone(), message).hint(FORM));
    }

    fn provider(&mut self, node: TreeNode) -> Option<ProviderConfig> {
        let before = self.problems.len();
        match node.value {
            TreeValue::Map(entries) => self.collect("", entries),
            other => self.refuse(format!("a map of settings is expected, not {}", other.kind())),
        }
        let issuer = self.demand("issuer");
        let keys = self
            .demand("jwks.url")
            .and_then(|text| match text.parse::<Location>() {
                Ok(location) => Some(location),
                Err(error) => {
                    self.refuse(format!("jwks.url: {error}"));
                    None
                }
            });
        let algorithms = self.algorithms();
        let leeway = self.seconds("leeway.seconds", 0..=MAX_LEEWAY_S, DEFAULT_LEEWAY_S);
        let refresh = self.seconds("jwks.refresh.seconds", 1..=MAX_REFRESH_S, DEFAULT_REFRESH_S);
        let trust = self.trust();
        let audiences = self.texts.remove("audiences").unwrap_or_default();
        if self.problems.len() > before {
            return None;
        }
        Some(ProviderConfig {
            provider: Provider {
                issuer: issuer?,
                audiences,
                algorithms,
                leeway_ms: leeway * 1000,
            },
            keys: keys?,
            refresh: Duration::from_secs(refresh),
            trust,
        })
    }

    fn collect(&mut self, prefix: &str, entries: Vec<TreeEntry>) {
        for TreeEntry { name, node, .. } in entries {
            let name = match prefix {
                "" => name,
                prefix => format!("{prefix}.{name}"),
            };
            let known = KNOWN.into_iter().find(|known| *known == name);
            match (known, node.value) {
                (Some(known), TreeValue::Text(text)) => {
                    let parts = match known {
                        // A list in one text, as variables have it.
                        "audiences" | "algorithms" => {
                            text.split(',').map(|part| part.trim().to_owned()).collect()
                        }
                        _ => vec![text],
                    };
                    self.set(known, parts);
                }
                (Some(known @ ("audiences" | "algorithms")), TreeValue::List(nodes)) => {
                    let texts = nodes.into_iter().filter_map(|node| match node.value {
                        TreeValue::Text(text) => Some(text),
                        _ => None,
                    });
                    self.set(known, texts.collect());
                }
                (None, TreeValue::Map(entries))
                    if matches!(name.as_str(), "jwks" | "jwks.refresh" | "jwks.ca" | "leeway") =>
                {
                    self.collect(&name, entries);
                }
                (Some(known), other) => self.refuse(format!("{known} is not {}", other.kind())),
                (None, _) => {
                    let problem =
                        Problem::new(self.place.clone(), format!("the setting {name:?} is unknown"));
                    self.problems.push(match hint::nearest(&name, KNOWN.into_iter()) {
                        Some(meant) => problem.hint(format!("did you mean {meant}?")),
                        None => problem.hint(FORM),
                    });
                }
            }
        }
    }

    fn set(&mut self, name: &'static str, texts: Vec<String>) {
        if texts.is_empty() || texts.iter().any(String::is_empty) {
            self.refuse(format!("{name} is empty"));
        } else if self.texts.insert(name, texts).is_some() {
            self.refuse(format!("{name} is set twice"));
        }
    }

    fn text(&mut self, name: &'static str) -> Option<String> {
        self.texts.remove(name).and_then(|mut texts| texts.pop())
    }

    fn demand(&mut self, name: &'static str) -> Option<String> {
        let text = self.text(name);
        if text.is_none() {
            self.refuse(format!("{name} is missing"));
        }
        text
    }

    fn seconds(&mut self, name: &'static str, allowed: std::ops::RangeInclusive<u64>, default: u64) -> u64 {
        let Some(text) = self.text(name) else {
            return default;
        };
        match text.trim().parse() {
            Ok(number) if allowed.contains(&number) => number,
            _ => {
                self.refuse(format!(
                    "{name} is not a whole number from {} to {}",
                    allowed.start(),
                    allowed.end()
                ));
                default
            }
        }
    }

    fn algorithms(&mut self) -> Vec<Algorithm> {
        let Some(names) = self.texts.remove("algorithms") else {
            return DEFAULT_ALGORITHMS.to_vec();
        };
        let mut algorithms = Vec::new();
        for name in names {
            match name.parse() {
                Ok(algorithm) => algorithms.push(algorithm),
                Err(unknown) => {
                    let known: Vec<&str> = Algorithm::ALL.into_iter().map(Algorithm::name).collect();
                    self.problems.push(
                        Problem::new(self.place.clone(), format!("{unknown}"))
                            .hint(format!("use one of {}", known.join(", "))),
                    );
                }
            }
        }
        algorithms
    }

    fn trust(&mut self) -> Trust {
        let Some(path) = self.text("jwks.ca.file") else {
            return Trust::System;
        };
        match (self.read)(Path::new(&path)) {
            Ok(pem) => {
                if !holds_certificates(&pem) {
                    self.refuse(format!("jwks.ca.file: {path}: {NO_CERTIFICATE}"));
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
}

#[cfg(test)]
mod tests;
