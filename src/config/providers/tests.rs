//! Providers of tokens: what is read, and what is said of wrong ones.

use std::io;
use std::path::Path;

use super::*;
use crate::config::problem::SettingPlace;
use crate::config::tree::TreeValue;
use crate::tls::Trust;

/// Whoever reads it looks at the form only.
const AUTHORITY: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

fn parsed(text: &str) -> (BTreeMap<ProviderName, ProviderConfig>, Vec<String>) {
    let setting = Setting {
        place: SettingPlace::Variable("V".to_owned()),
        value: TreeValue::Text(text.to_owned()),
    };
    let read = |path: &Path| match path.to_str() {
        Some("ca.pem") => Ok(AUTHORITY.to_owned()),
        Some("empty.pem") => Ok(String::new()),
        _ => Err(io::ErrorKind::NotFound.into()),
    };
    let mut problems = Vec::new();
    let providers = parse(setting, &read, &mut problems);
    (
        providers,
        problems.into_iter().map(|problem| problem.to_string()).collect(),
    )
}

#[test]
fn little_is_enough() {
    let (providers, problems) = parsed("{id: {issuer: me, jwks.url: 'file:///keys.json'}}");
    assert_eq!(problems, Vec::<String>::new());
    let provider = &providers["id"];
    assert_eq!(provider.provider.algorithms, DEFAULT_ALGORITHMS);
    assert_eq!(provider.provider.leeway_ms, 30_000);
    assert_eq!(provider.refresh, Duration::from_secs(600));
    assert_eq!(provider.trust, Trust::System);
}

#[test]
fn everything_can_be_said() {
    let (providers, problems) = parsed(
        "{id: {issuer: me, jwks: {url: 'https://id.example.com/keys', refresh.seconds: 60, ca: {file: ca.pem}}, \
         audiences: [a, b], algorithms: 'EdDSA, PS512', leeway: {seconds: 0}}}",
    );
    assert_eq!(problems, Vec::<String>::new());
    let provider = &providers["id"];
    assert_eq!(provider.provider.audiences, ["a", "b"]);
    assert_eq!(provider.provider.algorithms, [Algorithm::EdDsa, Algorithm::Ps512]);
    assert_eq!(provider.provider.leeway_ms, 0);
    assert_eq!(provider.refresh, Duration::from_secs(60));
    assert_eq!(provider.trust, Trust::Pem(AUTHORITY.to_owned()));
}

#[test]
fn what_is_wrong_is_named() {
    let check = |text: &str, part: &str| {
        let (_, problems) = parsed(text);
        assert!(
            problems.iter().any(|problem| problem.contains(part)),
            "{text}: {problems:?}"
        );
    };
    check("[]", "a map of providers is expected");
    check(
        "{id: {jwks.ca.file: empty.pem}}",
        "jwks.ca.file: empty.pem: there is no certificate in PEM form",
    );
    check("{id: x}", "a map of settings is expected, not a text");
    check("{id: {jwks.url: 'https://x/'}}", "issuer is missing");
    check("{id: {issuer: me}}", "jwks.url is missing");
    check(
        "{id: {issuer: me, jwks.url: 'http://example.com/'}}",
        "use https elsewhere",
    );
    check(
        "{id: {issuer: me, jwks.url: 'file:x', algorithms: [HS256]}}",
        "\"HS256\" is not supported",
    );
    check(
        "{id: {issuer: me, jwks.url: 'file:x', algorithms: [none]}}",
        "\"none\" is not supported",
    );
    check(
        "{id: {issuer: me, jwks.url: 'file:x', audience: a}}",
        "did you mean audiences?",
    );
    check(
        "{id: {issuer: me, jwks.url: 'file:x', audiences: []}}",
        "audiences is empty",
    );
    check(
        "{id: {issuer: me, jwks.url: 'file:x', leeway.seconds: 601}}",
        "from 0 to 600",
    );
    check(
        "{id: {issuer: me, jwks.url: 'file:x', jwks.ca.file: no.pem}}",
        "no.pem cannot be read",
    );
    check("{'a b': {issuer: me, jwks.url: 'file:x'}}", "provider name");
}
