//! The providers of OAuth tokens that virtual clusters may name.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use klamm_raft::model::ProviderName;

use crate::auth::oauth::{Algorithm, Provider};
use crate::oauth::ProviderConfig;

use super::ReadFile;
use super::named::{NamedForm, NamedReader};
use super::problem::Problem;
use super::settings::Setting;

const FORM: NamedForm = NamedForm {
    things: "providers",
    form: "the form is {name: {issuer: https://id.example.com, jwks: {url: https://id.example.com/keys}, \
           audiences: [kafka]}}",
    known: &[
        "issuer",
        "jwks.url",
        "jwks.refresh.seconds",
        "jwks.ca.file",
        "audiences",
        "algorithms",
        "leeway.seconds",
    ],
    lists: &["audiences", "algorithms"],
};

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
    FORM.read(setting, (read, problems), provider)
}

fn provider(reader: &mut NamedReader<'_>) -> Option<ProviderConfig> {
    let issuer = reader.demand("issuer");
    let keys = reader.demand("jwks.url");
    let keys = keys.and_then(|text| reader.parsed("jwks.url", &text));
    let algorithms = algorithms(reader);
    let leeway = seconds(reader, "leeway.seconds", 0..=MAX_LEEWAY_S, DEFAULT_LEEWAY_S);
    let refresh = seconds(
        reader,
        "jwks.refresh.seconds",
        1..=MAX_REFRESH_S,
        DEFAULT_REFRESH_S,
    );
    let trust = reader.trust("jwks.ca.file");
    let audiences = reader.list("audiences").unwrap_or_default();
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

fn seconds(
    reader: &mut NamedReader<'_>,
    name: &'static str,
    allowed: RangeInclusive<u64>,
    default: u64,
) -> u64 {
    let Some(text) = reader.text(name) else {
        return default;
    };
    match text.trim().parse() {
        Ok(number) if allowed.contains(&number) => number,
        _ => {
            reader.refuse(format!(
                "{name} is not a whole number from {} to {}",
                allowed.start(),
                allowed.end()
            ));
            default
        }
    }
}

fn algorithms(reader: &mut NamedReader<'_>) -> Vec<Algorithm> {
    let Some(names) = reader.list("algorithms") else {
        return DEFAULT_ALGORITHMS.to_vec();
    };
    let mut algorithms = Vec::new();
    for name in names {
        match name.parse::<Algorithm>() {
            Ok(algorithm) => algorithms.push(algorithm),
            Err(unknown) => {
                let known: Vec<&str> = Algorithm::ALL.into_iter().map(Algorithm::name).collect();
                reader.refuse_with(unknown.to_string(), format!("use one of {}", known.join(", ")));
            }
        }
    }
    algorithms
}

#[cfg(test)]
mod tests;
