//! The rules about Kafka's APIs: each is described in its file, and nothing else tells one from another.

use super::{Source, check, rust_files, words};

/// Where Kafka's APIs are described, each in a file; beside them is what they share.
const APIS: &str = "src/vcluster/api";

/// The text that begins the description of an API.
const DESCRIPTION: &str = ": Api = Api {";

/// The modules above the descriptions, which may know them.
const ABOVE_THE_APIS: [&str; 4] = [
    "src/vcluster/api.rs",
    "src/vcluster/api/table.rs",
    "src/vcluster/api/several",
    "src/vcluster/api/tests",
];

/// Who may ask whether an API is a certain one, and why.
const MAY_ASK_WHICH_API: [(&str, &str); 4] = [
    (
        "src/vcluster/api.rs",
        "ApiVersions comes before any version is agreed on, and Metadata when a client is to go",
    ),
    (
        "src/vcluster/api/versions.rs",
        "who asks in an unknown version is told of ApiVersions alone",
    ),
    ("src/session/stage.rs", "what may come before a login"),
    ("src/vcluster/api/description.rs", "APIs of one key are the same"),
];

/// The siblings that a file imports or names by `super::`, of these.
fn siblings<'a>(file: &Source, names: &[&'a str]) -> Vec<&'a str> {
    let code: Vec<&str> = file.code().map(|(_, line)| line).collect();
    let code = code.join(" ");
    let mut named = Vec::new();
    for (at, start) in code.match_indices("super::") {
        let rest = &code[at + start.len()..];
        let heads: Vec<&str> = match rest.strip_prefix('{') {
            // The first name of each path in the braces.
            Some(group) => {
                let end = group.find("};").unwrap_or(group.len());
                let mut depth = 0;
                let mut parts = group[..end].split(|c| {
                    depth += i32::from(c == '{') - i32::from(c == '}');
                    c == ',' && depth == 0
                });
                parts.by_ref().filter_map(|part| words(part).next()).collect()
            }
            None => words(rest).next().into_iter().collect(),
        };
        named.extend(names.iter().copied().filter(|name| heads.contains(name)));
    }
    named
}

#[test]
fn no_api_knows_another_and_what_they_share_knows_none() {
    let mut files = rust_files();
    files.retain(|file| {
        let is_above = ABOVE_THE_APIS
            .iter()
            .any(|place| file.is_under(place) || file.path == *place);
        file.is_under(APIS) && !is_above
    });
    let name = |file: &Source| {
        let name = file.path.rsplit('/').next().unwrap_or_default();
        name.trim_end_matches(".rs").to_owned()
    };
    let is_described = |file: &&Source| file.text.contains(DESCRIPTION);
    let described: Vec<String> = files.iter().filter(is_described).map(name).collect();
    assert!(described.len() > 20, "only {described:?} describe an API");
    let mut names: Vec<&str> = described.iter().map(String::as_str).collect();
    names.extend(["table", "several"]);
    let offences = files.iter().filter(|file| !file.path.ends_with("/protocol.rs"));
    let offences = offences.flat_map(|file| {
        let known = siblings(file, &names);
        known
            .into_iter()
            .map(|known| format!("{}: {known}", file.path))
            .collect::<Vec<_>>()
    });
    check(
        "what APIs share goes into a file that is no API's:",
        offences.collect(),
    );
}

/// Whether a line decides by which API it is about, and not by what the description of that says.
fn asks_which_api(line: &str) -> bool {
    let names_api = |text: &str| words(text).any(|word| ["api", "api_key"].contains(&word));
    let is_description = |text: &str| {
        let place = text.trim_start_matches(['&', '*', ' ']);
        let name = place.rsplit("::").next().unwrap_or_default();
        let name = words(name).next().unwrap_or_default();
        name.len() > 2 && name.chars().all(|c| c.is_ascii_uppercase() || c == '_')
    };
    let scrutinee = line
        .split_once("match ")
        .map(|(_, rest)| rest.trim_end_matches(" {"));
    // `api.way()` and the like are asked of the description.
    let is_key = |text: &str| {
        names_api(text) && (!text.contains("()") || text.contains("name()")) && !text.contains("answered_by")
    };
    let matched = line
        .split_once("matches!(")
        .map(|(_, rest)| rest.split(',').next().unwrap_or_default());
    let compared = ["==", "!="].iter().any(|sign| {
        let sides = line.split_once(sign);
        sides.is_some_and(|(left, right)| {
            let left = left
                .rsplit(['(', ' ', '|'])
                .find(|word| !word.is_empty())
                .unwrap_or_default();
            names_api(left)
                && (is_description(right) || right.trim().starts_with(|c: char| c.is_ascii_digit()))
        })
    });
    scrutinee.is_some_and(is_key) || matched.is_some_and(is_key) || compared
}

#[test]
fn what_is_done_with_an_api_its_description_says() {
    for line in [
        "match api.key {",
        "let error = match self.api.name() {",
        "if matches!(ask.api, &FETCH | &PRODUCE) {",
        "if *ask.api == JOIN_GROUP {",
        "if header.api_key == 18 {",
        "if question.api != &offsets::OFFSET_FETCH {",
    ] {
        assert!(asks_which_api(line), "{line}");
    }
    for line in [
        "match self.api.way() {",
        "match &self.answered_by {",
        "if self.key == other.key {",
    ] {
        assert!(!asks_which_api(line), "{line}");
    }
    let mut offences = Vec::new();
    for file in rust_files() {
        let may = |(path, _): &(&str, &str)| file.path == *path;
        let is_searched = file.is_under("src/vcluster") || file.is_under("src/session");
        if !is_searched || file.path.contains("/tests") || MAY_ASK_WHICH_API.iter().any(may) {
            continue;
        }
        for (number, line) in file.code() {
            if asks_which_api(line) {
                offences.push(format!("{}:{number}: {}", file.path, line.trim()));
            }
        }
    }
    check("what differs between APIs is in their descriptions:", offences);
}
