//! The keys that records are encrypted with: their names, and where they are.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use klamm_raft::model::KeyName;

use crate::keys::{KeyConfig, VaultConfig};
use crate::oauth::Location;
use crate::tls::Trust;

use super::backends::{NO_CERTIFICATE, holds_certificates};
use super::clusters::unreadable;
use super::problem::{Problem, SettingPlace};
use super::providers::at_line;
use super::settings::Setting;
use super::tree::{self, TreeEntry, TreeNode, TreeValue};
use super::{ReadFile, hint};

const FORM: &str = "the form is {name: {kind: file, file: /etc/klamm/name.keys}}, or \
                    {name: {kind: vault, url: https://vault:8200, key: name, token: {file: /run/vault-token}}}";

const KNOWN: [&str; 8] = [
    "kind",
    "file",
    "url",
    "mount",
    "key",
    "namespace",
    "token.file",
    "ca.file",
];

/// Where Vault mounts the engine, unless somebody says otherwise.
const DEFAULT_MOUNT: &str = "transit";

/// Reads the map, given as YAML or as a text that holds YAML.
pub(super) fn parse(
    setting: Setting,
    read: ReadFile<'_>,
    problems: &mut Vec<Problem>,
) -> BTreeMap<KeyName, KeyConfig> {
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
        problems.push(Problem::new(setting.place, "a map of keys is expected").hint(FORM));
        return BTreeMap::new();
    };
    let mut keys = BTreeMap::new();
    for entry in entries {
        let mut reader = Reader {
            place: at_line(&setting.place, &entry),
            texts: BTreeMap::new(),
            read,
            problems,
        };
        match entry.name.parse::<KeyName>() {
            Err(invalid) => reader.refuse(format!("{invalid}")),
            Ok(name) => {
                if let Some(key) = reader.key(entry.node) {
                    keys.insert(name, key);
                }
            }
        }
    }
    keys
}

struct Reader<'a> {
    place: SettingPlace,
    /// By dotted name.
    texts: BTreeMap<&'static str, String>,
    read: ReadFile<'a>,
    problems: &'a mut Vec<Problem>,
}

impl Reader<'_> {
    fn refuse(&mut self, message: impl Into<String>) {
        self.problems
            .push(Problem::new(self.place.clone(), message).hint(FORM));
    }

    fn key(&mut self, node: TreeNode) -> Option<KeyConfig> {
        let before = self.problems.len();
        match node.value {
            TreeValue::Map(entries) => self.collect("", entries),
            other => self.refuse(format!("a map of settings is expected, not {}", other.kind())),
        }
        let key = match self.demand("kind").as_deref() {
            Some("file") => self.demand("file").map(|path| KeyConfig::File {
                path: PathBuf::from(path),
            }),
            Some("vault") => self.vault().map(KeyConfig::Vault),
            Some(other) => {
                self.refuse(format!(
                    "kind: {other:?} is not supported: there are file and vault"
                ));
                None
            }
            None => None,
        };
        if let Some((left, _)) = self.texts.pop_first() {
            self.refuse(format!("{left} is for keys of another kind"));
        }
        key.filter(|_| self.problems.len() == before)
    }

    fn vault(&mut self) -> Option<VaultConfig> {
        let url = self
            .demand("url")
            .and_then(|text| match text.parse::<Location>() {
                Ok(Location::Url(url)) => Some(url),
                Ok(Location::File(_)) => {
                    self.refuse("url: a file is no server");
                    None
                }
                Err(error) => {
                    self.refuse(format!("url: {error}"));
                    None
                }
            });
        let key = self.demand("key");
        let mount = self.texts.remove("mount");
        let mount = mount.unwrap_or_else(|| DEFAULT_MOUNT.to_owned());
        for (name, text) in [("key", key.as_deref()), ("mount", Some(&*mount))] {
            if text.is_some_and(|text| !is_path(text)) {
                self.refuse(format!(
                    "{name}: it is part of a path: use a-z A-Z 0-9 . _ - and /"
                ));
            }
        }
        let token = self.demand("token.file").map(PathBuf::from);
        Some(VaultConfig {
            url: url?,
            mount,
            key: key?,
            namespace: self.texts.remove("namespace"),
            token: token?,
            trust: self.trust(),
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
                (Some(known), TreeValue::Text(text)) if !text.trim().is_empty() => {
                    if self.texts.insert(known, text).is_some() {
                        self.refuse(format!("{known} is set twice"));
                    }
                }
                (Some(known), TreeValue::Text(_) | TreeValue::Null) => {
                    self.refuse(format!("{known} is empty"));
                }
                (Some(known), other) => self.refuse(format!("{known} is not {}", other.kind())),
                (None, TreeValue::Map(entries)) if matches!(name.as_str(), "token" | "ca") => {
                    self.collect(&name, entries);
                }
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

    fn demand(&mut self, name: &'static str) -> Option<String> {
        let text = self.texts.remove(name);
        if text.is_none() {
            self.refuse(format!("{name} is missing"));
        }
        text
    }

    fn trust(&mut self) -> Trust {
        let Some(path) = self.texts.remove("ca.file") else {
            return Trust::System;
        };
        match (self.read)(Path::new(&path)) {
            Ok(pem) => {
                if !holds_certificates(&pem) {
                    self.refuse(format!("ca.file: {path}: {NO_CERTIFICATE}"));
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

/// Whether a text stands for itself in a URL.
fn is_path(text: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'/');
    text.bytes().all(is_plain) && !text.split('/').any(|part| part.is_empty() || part == "..")
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    fn parsed(text: &str) -> (BTreeMap<KeyName, KeyConfig>, Vec<String>) {
        let setting = Setting {
            place: SettingPlace::Variable("V".to_owned()),
            value: TreeValue::Text(text.to_owned()),
        };
        let read = |_: &Path| Err(io::ErrorKind::NotFound.into());
        let mut problems = Vec::new();
        let keys = parse(setting, &read, &mut problems);
        let problems = problems.into_iter().map(|problem| problem.to_string());
        (keys, problems.collect())
    }

    #[test]
    fn keys_are_in_files_and_in_vault() {
        let (keys, problems) = parsed(
            "{a: {kind: file, file: /k}, b: {kind: vault, url: 'https://vault:8200', key: orders, mount: a/transit, \
             namespace: team, token: {file: /t}}}",
        );
        assert_eq!(problems, Vec::<String>::new());
        assert_eq!(keys["a"], KeyConfig::File { path: "/k".into() });
        let KeyConfig::Vault(vault) = &keys["b"] else {
            panic!("{keys:?}")
        };
        assert_eq!(vault.url.to_string(), "https://vault:8200/");
        assert_eq!(
            (&*vault.mount, &*vault.key, vault.namespace.as_deref()),
            ("a/transit", "orders", Some("team"))
        );
        assert_eq!((&vault.token, &vault.trust), (&"/t".into(), &Trust::System));
    }

    #[test]
    fn wrong_ones_are_refused_with_the_setting() {
        for (text, why) in [
            ("nonsense", "a map of keys is expected"),
            ("{a: {}}", "kind is missing"),
            ("{a: {kind: aws}}", "there are file and vault"),
            ("{a: {kind: file}}", "file is missing"),
            (
                "{a: {kind: file, file: /k, url: 'https://v'}}",
                "url is for keys of another kind",
            ),
            ("{a: {kind: file, fil: /k}}", "did you mean file?"),
            ("{'a b': {kind: file, file: /k}}", "name of a key"),
            (
                "{a: {kind: vault, url: 'http://vault', key: k, token.file: /t}}",
                "use https elsewhere",
            ),
            (
                "{a: {kind: vault, url: 'https://vault', key: 'k?', token.file: /t}}",
                "key: it is part of a path",
            ),
            (
                "{a: {kind: vault, url: 'https://vault', key: ../k, token.file: /t}}",
                "key: it is part of a path",
            ),
            (
                "{a: {kind: vault, url: 'https://vault', key: k, token.file: /t, ca.file: /nowhere}}",
                "/nowhere",
            ),
            (
                "{a: {kind: vault, url: 'https://vault', key: k}}",
                "token.file is missing",
            ),
        ] {
            let (_, problems) = parsed(text);
            assert!(
                problems.iter().any(|problem| problem.contains(why)),
                "{text}: {problems:?}"
            );
        }
    }
}
