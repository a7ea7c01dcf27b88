//! The schema registries: their names, and where they are.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use klamm_raft::model::RegistryName;

use crate::oauth::Location;
use crate::registries::{RegistryAccess, RegistryConfig};

use super::ReadFile;
use super::named::{NamedForm, NamedReader};
use super::problem::Problem;
use super::settings::Setting;

const FORM: NamedForm = NamedForm {
    things: "registries",
    form: "the form is {name: {url: https://registry:8081, username: name, password: {file: /run/registry-password}}}, with \
           token: {file: /run/registry-token} instead of username and password, or with neither",
    known: &[
        "url",
        "username",
        "password.file",
        "token.file",
        "timeout.ms",
        "ca.file",
    ],
    lists: &[],
};

/// How long a call may take, unless somebody says otherwise.
const DEFAULT_TIMEOUT: Duration = Duration::from_millis(5000);
const TIMEOUTS_MS: std::ops::RangeInclusive<u64> = 100..=10_000;

/// Reads the map, given as YAML or as a text that holds YAML.
pub(super) fn parse(
    setting: Setting,
    read: ReadFile<'_>,
    problems: &mut Vec<Problem>,
) -> BTreeMap<RegistryName, RegistryConfig> {
    FORM.read(setting, (read, problems), registry)
}

fn registry(reader: &mut NamedReader<'_>) -> Option<RegistryConfig> {
    let url = reader.demand("url");
    let url = url.and_then(|text| reader.parsed("url", &text));
    let (access, timeout) = (access(reader), timeout(reader));
    let trust = reader.trust("ca.file");
    let url = match url? {
        Location::Url(url) if url.query().is_none() => url,
        Location::Url(_) | Location::File(_) => {
            reader.refuse("url: the beginning of the API is expected, as in https://registry:8081");
            return None;
        }
    };
    Some(RegistryConfig {
        url,
        access: access?,
        timeout: timeout?,
        trust,
    })
}

fn access(reader: &mut NamedReader<'_>) -> Option<RegistryAccess> {
    let username = reader.text("username");
    let [password, token] = ["password.file", "token.file"].map(|name| reader.text(name).map(PathBuf::from));
    match (username, password, token) {
        (None, None, None) => Some(RegistryAccess::Anonymous),
        (Some(username), Some(file), None) if !username.contains(':') => {
            Some(RegistryAccess::Password { username, file })
        }
        (Some(_), Some(_), None) => {
            reader.refuse("username: a name has no colon");
            None
        }
        (None, None, Some(file)) => Some(RegistryAccess::Token { file }),
        _ => {
            reader.refuse("either username and password.file are given, or token.file, or none of them");
            None
        }
    }
}

fn timeout(reader: &mut NamedReader<'_>) -> Option<Duration> {
    let Some(text) = reader.text("timeout.ms") else {
        return Some(DEFAULT_TIMEOUT);
    };
    let number = text.parse().ok().filter(|number| TIMEOUTS_MS.contains(number));
    if number.is_none() {
        let (least, most) = (TIMEOUTS_MS.start(), TIMEOUTS_MS.end());
        reader.refuse(format!("timeout.ms: a number from {least} to {most} is expected"));
    }
    number.map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::path::Path;

    use super::*;
    use crate::config::problem::SettingPlace;
    use crate::config::tree::TreeValue;
    use crate::tls::Trust;

    fn parsed(text: &str) -> (BTreeMap<RegistryName, RegistryConfig>, Vec<String>) {
        let setting = Setting {
            place: SettingPlace::Variable("V".to_owned()),
            value: TreeValue::Text(text.to_owned()),
        };
        let read = |_: &Path| Err(io::ErrorKind::NotFound.into());
        let mut problems = Vec::new();
        let registries = parse(setting, &read, &mut problems);
        let problems = problems.into_iter().map(|problem| problem.to_string());
        (registries, problems.collect())
    }

    #[test]
    fn registries_are_asked_with_a_password_a_token_or_nothing() {
        let (registries, problems) = parsed(
            "{a: {url: 'http://127.0.0.1:8080/apis/ccompat/v7'}, \
             b: {url: 'https://r:8081', username: klamm, password: {file: /p}, timeout.ms: 250}, \
             c: {url: 'https://r:8081', token.file: /t}}",
        );
        assert_eq!(problems, Vec::<String>::new());
        let a = RegistryConfig {
            url: "http://127.0.0.1:8080/apis/ccompat/v7".parse().unwrap(),
            access: RegistryAccess::Anonymous,
            timeout: DEFAULT_TIMEOUT,
            trust: Trust::System,
        };
        assert_eq!(registries["a"], a);
        let password = RegistryAccess::Password {
            username: "klamm".to_owned(),
            file: "/p".into(),
        };
        assert_eq!(registries["b"].access, password);
        assert_eq!(registries["b"].timeout, Duration::from_millis(250));
        assert_eq!(
            registries["c"].access,
            RegistryAccess::Token { file: "/t".into() }
        );
    }

    #[test]
    fn wrong_ones_are_refused_with_the_setting() {
        for (text, why) in [
            ("nonsense", "a map of registries is expected"),
            ("{a: {}}", "url is missing"),
            ("{'a b': {url: 'https://r'}}", "name of a registry"),
            ("{a: {url: 'http://registry:8081'}}", "use https elsewhere"),
            ("{a: {url: 'https://u:p@r'}}", "user name and password"),
            ("{a: {url: 'file:/r'}}", "the beginning of the API"),
            ("{a: {url: 'https://r?x=y'}}", "the beginning of the API"),
            ("{a: {url: 'https://r', username: u}}", "password.file are given"),
            (
                "{a: {url: 'https://r', username: 'u:v', password.file: /p}}",
                "no colon",
            ),
            (
                "{a: {url: 'https://r', username: u, password.file: /p, token.file: /t}}",
                "or token.file",
            ),
            ("{a: {url: 'https://r', timeout.ms: 99}}", "from 100 to 10000"),
            ("{a: {url: 'https://r', timeout: 9}}", "timeout"),
            ("{a: {url: 'https://r', ca.file: /nowhere}}", "/nowhere"),
        ] {
            let (_, problems) = parsed(text);
            assert!(
                problems.iter().any(|problem| problem.contains(why)),
                "{text}: {problems:?}"
            );
        }
    }
}
