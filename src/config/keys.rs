//! The keys that records are encrypted with: their names, and where they are.

use std::collections::BTreeMap;
use std::path::PathBuf;

use klamm_raft::model::KeyName;

use crate::keys::{KeyConfig, VaultConfig};
use crate::oauth::Location;

use super::ReadFile;
use super::named::{NamedForm, NamedReader};
use super::problem::Problem;
use super::settings::Setting;

const FORM: NamedForm = NamedForm {
    things: "keys",
    form: "the form is {name: {kind: file, file: /etc/klamm/name.keys}}, or \
           {name: {kind: vault, url: https://vault:8200, key: name, token: {file: /run/vault-token}}}",
    known: &[
        "kind",
        "file",
        "url",
        "mount",
        "key",
        "namespace",
        "token.file",
        "ca.file",
    ],
    lists: &[],
};

/// Where Vault mounts the engine, unless somebody says otherwise.
const DEFAULT_MOUNT: &str = "transit";

/// Reads the map, given as YAML or as a text that holds YAML.
pub(super) fn parse(
    setting: Setting,
    read: ReadFile<'_>,
    problems: &mut Vec<Problem>,
) -> BTreeMap<KeyName, KeyConfig> {
    FORM.read(setting, (read, problems), key)
}

fn key(reader: &mut NamedReader<'_>) -> Option<KeyConfig> {
    let key = match reader.demand("kind")?.as_str() {
        "file" => reader.demand("file").map(|path| KeyConfig::File {
            path: PathBuf::from(path),
        }),
        "vault" => vault(reader).map(KeyConfig::Vault),
        other => {
            reader.refuse(format!(
                "kind: {other:?} is not supported: there are file and vault"
            ));
            None
        }
    };
    if let Some(left) = reader.left() {
        reader.refuse(format!("{left} is for keys of another kind"));
    }
    key
}

fn vault(reader: &mut NamedReader<'_>) -> Option<VaultConfig> {
    let url = reader.demand("url");
    let url = url.and_then(|text| match reader.parsed("url", &text)? {
        Location::Url(url) => Some(url),
        Location::File(_) => {
            reader.refuse("url: a file is no server");
            None
        }
    });
    let key = reader.demand("key");
    let mount = reader.text("mount").unwrap_or_else(|| DEFAULT_MOUNT.to_owned());
    for (name, text) in [("key", key.as_deref()), ("mount", Some(&*mount))] {
        if text.is_some_and(|text| !is_path(text)) {
            reader.refuse(format!(
                "{name}: it is part of a path: use a-z A-Z 0-9 . _ - and /"
            ));
        }
    }
    let token = reader.demand("token.file").map(PathBuf::from);
    let (namespace, trust) = (reader.text("namespace"), reader.trust("ca.file"));
    Some(VaultConfig {
        url: url?,
        mount,
        key: key?,
        namespace,
        token: token?,
        trust,
    })
}

/// Whether a text stands for itself in a URL.
fn is_path(text: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'/');
    text.bytes().all(is_plain) && !text.split('/').any(|part| part.is_empty() || part == "..")
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::path::Path;

    use super::*;
    use crate::config::problem::SettingPlace;
    use crate::config::tree::TreeValue;
    use crate::tls::Trust;

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
