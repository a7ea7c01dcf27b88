//! That every API that a gateway serves is compared with a broker's, in every version.

use klamm::vcluster::api::Api;
use klamm::vcluster::api::table::APIS;

use crate::cases;

/// The APIs that no case sends, and why.
const WITHOUT_CASE: &[(&str, &str)] = &[
    ("SaslHandshake", "every connection to both sides begins with it"),
    ("SaslAuthenticate", "every connection to both sides logs in by it"),
];

#[test]
fn every_served_api_has_a_case_in_every_version() {
    let flows = cases::all();
    let cases: Vec<_> = flows.iter().flatten().collect();
    let is_sent = |api: &Api, version: i16| {
        let mut of_api = cases.iter().filter(|case| case.key == api.key);
        of_api.any(|case| (case.from..=case.to).contains(&version))
    };
    let mut missing = Vec::new();
    for api in APIS {
        let versions = api.versions.range;
        let unsent: Vec<i16> = (versions.min..=versions.max)
            .filter(|version| !is_sent(api, *version))
            .collect();
        let is_excused = WITHOUT_CASE.iter().any(|(name, _)| *name == api.name());
        match (unsent.is_empty(), is_excused) {
            (false, false) => missing.push(format!("{api:?} has no case in versions {unsent:?}")),
            (true, true) => missing.push(format!("{api:?} has cases and needs no excuse")),
            (true, false) | (false, true) => {}
        }
    }
    assert!(missing.is_empty(), "tests/differential/cases: {missing:#?}");
}
