//! The keys that records are encrypted with: their names, and where they are.

use std::collections::BTreeMap;
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use klamm_raft::model::KeyName;
use ureq::http::Uri;

use crate::keys::{AwsConfig, AwsCredentialPlaces, CredentialPlace, KeyConfig, VaultConfig};
use crate::oauth::Location;

use super::ReadFile;
use super::named::{NamedForm, NamedReader};
use super::problem::Problem;
use super::references::{FORMS, Reference};
use super::settings::Setting;

const FORM: NamedForm = NamedForm {
    things: "keys",
    form: "the form is {name: {kind: file, file: /etc/klamm/name.keys}}, \
           {name: {kind: vault, url: https://vault:8200, key: name, token: {file: /run/vault-token}}}, or \
           {name: {kind: aws_kms, key: alias/name, region: eu-central-1}}",
    known: &[
        "kind",
        "file",
        "url",
        "mount",
        "key",
        "namespace",
        "token.file",
        "ca.file",
        "region",
        "endpoint",
        "access.key.id",
        "secret.access.key",
        "session.token",
        "record.key",
    ],
    lists: &[],
};

/// Where Vault mounts the engine, unless somebody says otherwise.
const DEFAULT_MOUNT: &str = "transit";

/// Where other programs find the region of AWS.
const REGION_VARIABLES: [&str; 2] = ["AWS_REGION", "AWS_DEFAULT_REGION"];

/// Reads the map, given as YAML or as a text that holds YAML. The region of AWS comes from the usual variables, where a key does not say it.
pub(super) fn parse(
    setting: Setting,
    (read, variables): (ReadFile<'_>, &BTreeMap<String, String>),
    problems: &mut Vec<Problem>,
) -> BTreeMap<KeyName, KeyConfig> {
    let usual = REGION_VARIABLES.into_iter().find_map(|name| variables.get(name));
    let usual = usual.map(String::as_str).filter(|region| !region.is_empty());
    FORM.read(setting, (read, problems), |reader| key(reader, usual))
}

fn key(reader: &mut NamedReader<'_>, usual_region: Option<&str>) -> Option<KeyConfig> {
    let key = match reader.demand("kind")?.as_str() {
        "file" => reader.demand("file").map(|path| KeyConfig::File {
            path: PathBuf::from(path),
        }),
        "vault" => vault(reader).map(KeyConfig::Vault),
        "aws_kms" => aws(reader, usual_region).map(KeyConfig::Aws),
        other => {
            reader.refuse(format!(
                "kind: {other:?} is not supported: there are file, vault and aws_kms"
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
    let url = url.and_then(|text| server(reader, "url", &text));
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
        record_key: reader.text("record.key").map(|text| text.into_bytes().into()),
    })
}

fn server(reader: &mut NamedReader<'_>, name: &'static str, text: &str) -> Option<Uri> {
    match reader.parsed(name, text)? {
        Location::Url(url) => Some(url),
        Location::File(_) => {
            reader.refuse(format!("{name}: a file is no server"));
            None
        }
    }
}

fn aws(reader: &mut NamedReader<'_>, usual_region: Option<&str>) -> Option<AwsConfig> {
    let key = reader.demand("key");
    let (endpoint, trust) = (reader.text("endpoint"), reader.trust("ca.file"));
    let (credentials, record_key) = (credentials(reader), aws_record_key(reader));
    let (set, key) = (reader.text("region"), key?);
    if !is_aws_key(&key) {
        reader.refuse(
            "key: the id or ARN of a key of AWS KMS is expected, or alias/NAME, or the ARN of an alias",
        );
    }
    let region = region(reader, (set, &key, usual_region))?;
    let endpoint = match endpoint {
        Some(text) => server(reader, "endpoint", &text)?,
        None => {
            let domain = match region.starts_with("cn-") {
                true => "amazonaws.com.cn",
                false => "amazonaws.com",
            };
            server(reader, "region", &format!("https://kms.{region}.{domain}"))?
        }
    };
    if endpoint.path_and_query().is_some_and(|path| path.as_str() != "/") {
        reader.refuse("endpoint: a server is expected, without a path");
    }
    Some(AwsConfig {
        key,
        region,
        endpoint,
        trust,
        credentials: credentials?,
        record_key,
    })
}

/// The region that a key is in: that of its ARN, which must be the one that is set, or the usual one.
fn region(
    reader: &mut NamedReader<'_>,
    (set, key, usual): (Option<String>, &str, Option<&str>),
) -> Option<String> {
    let of_key = key.strip_prefix("arn:").and_then(|rest| rest.split(':').nth(2));
    if let (Some(set), Some(of_key)) = (&set, of_key)
        && set != of_key
    {
        reader.refuse(format!("region: the key is in {of_key}, not in {set}"));
    }
    let region = set.as_deref().or(of_key).or(usual);
    let is_region = |region: &str| {
        let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        !region.is_empty() && region.bytes().all(is_plain)
    };
    match region {
        Some(region) if is_region(region) => Some(region.to_owned()),
        Some(_) => {
            reader.refuse("region: a name like eu-central-1 is expected");
            None
        }
        None => {
            let [first, second] = REGION_VARIABLES;
            reader.refuse(format!(
                "region is missing, and neither {first} nor {second} is set"
            ));
            None
        }
    }
}

/// Where the credentials are: in the usual variables, or where references lead. Secrets are never written here.
fn credentials(reader: &mut NamedReader<'_>) -> Option<AwsCredentialPlaces> {
    let [id, secret, token] = ["access.key.id", "secret.access.key", "session.token"].map(|name| {
        let text = reader.text(name)?;
        let referred = match Reference::parse(&text) {
            Some(Ok(Reference::Variable(name))) => Ok(CredentialPlace::Variable(name)),
            Some(Ok(Reference::File(path))) => Ok(CredentialPlace::File(path.into())),
            Some(Err(why)) => Err(why),
            None => Err(format!("it is named here, not written: {FORMS}")),
        };
        match referred {
            Ok(place) => Some(place),
            Err(why) => {
                reader.refuse(format!("{name}: {why}"));
                None
            }
        }
    });
    match (id, secret, token) {
        (None, None, None) => Some(AwsCredentialPlaces::usual()),
        (Some(id), Some(secret), token) => Some(AwsCredentialPlaces { id, secret, token }),
        _ => {
            reader.refuse("access.key.id and secret.access.key go together, and session.token with them");
            None
        }
    }
}

fn aws_record_key(reader: &mut NamedReader<'_>) -> Option<Box<[u8]>> {
    let text = reader.text("record.key")?;
    match STANDARD.decode(text.trim()) {
        Ok(wrapped) => Some(wrapped.into()),
        Err(_) => {
            reader.refuse("record.key: the base64 of a wrapped data key is expected");
            None
        }
    }
}

/// Whether a text can be the key of a request, which is an id, an ARN, or the name or ARN of an alias.
fn is_aws_key(text: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'/');
    let is_one = |text: &str| !text.is_empty() && text.bytes().all(is_plain);
    match text.strip_prefix("arn:") {
        Some(rest) => {
            let parts: Vec<&str> = rest.split(':').collect();
            parts.len() == 5 && parts[1] == "kms" && parts.into_iter().all(is_one)
        }
        None => is_one(text),
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
        let variables = BTreeMap::from([("AWS_REGION".to_owned(), "eu-west-3".to_owned())]);
        let keys = parse(setting, (&read, &variables), &mut problems);
        let problems = problems.into_iter().map(|problem| problem.to_string());
        (keys, problems.collect())
    }

    #[test]
    fn keys_are_in_files_and_in_vault() {
        let (keys, problems) = parsed(
            "{a: {kind: file, file: /k}, b: {kind: vault, url: 'https://vault:8200', key: orders, mount: a/transit, \
             namespace: team, token: {file: /t}, record.key: 'vault:v1:abc'}}",
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
        assert_eq!(vault.record_key.as_deref(), Some(&b"vault:v1:abc"[..]));
    }

    #[test]
    fn keys_are_in_aws_kms() {
        const ARN: &str = "arn:aws:kms:eu-north-1:111122223333:key/1234abcd-12ab";
        let (keys, problems) = parsed(&format!(
            "{{a: {{kind: aws_kms, key: alias/orders}}, b: {{kind: aws_kms, key: '{ARN}', access.key.id: '${{env[ID]}}', \
             secret: {{access.key: '${{file[/s]}}'}}}}, c: {{kind: aws_kms, key: x, region: cn-north-1, record.key: AQID}}, \
             d: {{kind: aws_kms, key: x, region: r, endpoint: 'http://127.0.0.1:5000'}}}}"
        ));
        assert_eq!(problems, Vec::<String>::new());
        let of = |name: &str| match &keys[name] {
            KeyConfig::Aws(aws) => aws.clone(),
            other => panic!("{other:?}"),
        };
        let (a, b) = (of("a"), of("b"));
        assert_eq!((&*a.key, &*a.region), ("alias/orders", "eu-west-3"));
        assert_eq!(a.endpoint.to_string(), "https://kms.eu-west-3.amazonaws.com/");
        assert_eq!(a.credentials, AwsCredentialPlaces::usual());
        assert_eq!((&*b.key, &*b.region), (ARN, "eu-north-1"));
        assert_eq!(b.credentials.id, CredentialPlace::Variable("ID".to_owned()));
        assert_eq!(b.credentials.secret, CredentialPlace::File("/s".into()));
        assert_eq!(b.credentials.token, None);
        assert_eq!(of("c").record_key.as_deref(), Some(&[1, 2, 3][..]));
        assert_eq!(
            of("c").endpoint.to_string(),
            "https://kms.cn-north-1.amazonaws.com.cn/"
        );
        assert_eq!(of("d").endpoint.to_string(), "http://127.0.0.1:5000/");
    }

    #[test]
    fn secrets_of_aws_are_named_and_not_shown() {
        let (_, problems) =
            parsed("{a: {kind: aws_kms, key: x, access.key.id: '${env[A]}', secret.access.key: hunter2}}");
        let shown = problems.join("\n");
        assert!(
            shown.contains("named here, not written") && !shown.contains("hunter2"),
            "{shown}"
        );
    }

    /// Each of these is refused with these words.
    fn are_refused(cases: &[(&str, &str)]) {
        for (text, why) in cases {
            let (_, problems) = parsed(text);
            assert!(
                problems.iter().any(|problem| problem.contains(why)),
                "{text}: {problems:?}"
            );
        }
    }

    #[test]
    fn wrong_ones_are_refused_with_the_setting() {
        are_refused(&[
            ("nonsense", "a map of keys is expected"),
            ("{a: {}}", "kind is missing"),
            ("{a: {kind: aws}}", "there are file, vault and aws_kms"),
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
                "{a: {kind: file, file: /k, record.key: x}}",
                "record.key is for keys of another kind",
            ),
            (
                "{a: {kind: vault, url: 'https://vault', key: k}}",
                "token.file is missing",
            ),
        ]);
    }

    #[test]
    fn wrong_ones_of_aws_are_refused_with_the_setting() {
        are_refused(&[
            (
                "{a: {kind: aws_kms, key: k, record.key: '?'}}",
                "base64 of a wrapped",
            ),
            ("{a: {kind: aws_kms, key: 'k?'}}", "id or ARN of a key"),
            (
                "{a: {kind: aws_kms, key: 'arn:aws:s3:r:1:x'}}",
                "id or ARN of a key",
            ),
            ("{a: {kind: aws_kms, key: k, region: 'x.y'}}", "like eu-central-1"),
            (
                "{a: {kind: aws_kms, key: 'arn:aws:kms:one:1:key/k', region: two}}",
                "the key is in one, not in two",
            ),
            (
                "{a: {kind: aws_kms, key: k, endpoint: 'https://x/y'}}",
                "without a path",
            ),
            (
                "{a: {kind: aws_kms, key: k, endpoint: 'http://x'}}",
                "use https elsewhere",
            ),
            (
                "{a: {kind: aws_kms, key: k, session.token: '${env[T]}'}}",
                "go together",
            ),
            (
                "{a: {kind: aws_kms, key: k, url: 'https://x'}}",
                "url is for keys of another kind",
            ),
        ]);
    }
}
