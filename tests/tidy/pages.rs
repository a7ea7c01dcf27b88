//! Pages lead to files and headings that there are, and those that every project has are there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use super::{check, collect, read, root};

/// Where pages are: directories, with all below them.
const PLACES: [&str; 4] = ["docs", "chaos", "deploy", "tests"];

/// The pages and texts that a stranger looks for first.
const EXPECTED: [&str; 7] = [
    "LICENSE",
    "NOTICE",
    "README.md",
    "docs/ARCHITECTURE.md",
    "docs/CONTRIBUTING.md",
    "docs/SECURITY.md",
    "docs/VERSIONING.md",
];

/// The pages, by their path, without what stands in blocks of code.
fn pages() -> BTreeMap<PathBuf, String> {
    let is_page = |path: &Path| path.extension().is_some_and(|extension| extension == "md");
    let mut found = vec![root().join("README.md")];
    for place in PLACES {
        collect(&root().join(place), &is_page, &mut found);
    }
    let text = |path: PathBuf| {
        let source = read(&path)?;
        let mut is_code = false;
        let lines = source.text.lines().filter(|line| {
            let is_fence = line.trim_start().starts_with("```");
            is_code ^= is_fence;
            !is_code && !is_fence
        });
        Some((path, lines.collect::<Vec<_>>().join("\n")))
    };
    found.into_iter().filter_map(text).collect()
}

/// The place of a heading, as forges name it.
fn anchor(heading: &str) -> String {
    let kept = heading
        .chars()
        .filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

/// A heading as it is shown: of a link only its words.
fn shown(heading: &str) -> String {
    let mut shown = String::new();
    let mut rest = heading;
    while let Some((before, link)) = rest.split_once('[') {
        let Some((words, behind)) = link.split_once("](") else {
            break;
        };
        shown.push_str(before);
        shown.push_str(words);
        rest = behind.split_once(')').map_or("", |(_, behind)| behind);
    }
    shown + rest
}

fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter_map(|line| {
        line.trim_start_matches('#')
            .strip_prefix(' ')
            .filter(|_| line.starts_with('#'))
    });
    headings.map(|heading| anchor(shown(heading).trim())).collect()
}

/// The targets of links in a page, other than to elsewhere.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let targets = text
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')').map(|(target, _)| target));
    targets.filter(|target| !target.contains("://") && !target.contains(char::is_whitespace))
}

/// A path without `..` in it.
fn straight(path: &Path) -> PathBuf {
    let mut straight = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                straight.pop();
            }
            other => straight.push(other),
        }
    }
    straight
}

#[test]
fn links_lead_somewhere() {
    let pages = pages();
    let anchors: BTreeMap<&PathBuf, BTreeSet<String>> =
        pages.iter().map(|(path, text)| (path, anchors(text))).collect();
    let mut offences = Vec::new();
    let mut followed = 0;
    for (path, text) in &pages {
        for link in links(text) {
            followed += 1;
            let (file, place) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => path.clone(),
                file => straight(&path.with_file_name("").join(file)),
            };
            let is_place = |anchors: &BTreeSet<String>| place.is_empty() || anchors.contains(place);
            if !target.exists() || !anchors.get(&target).is_none_or(is_place) {
                offences.push(format!("{}: {link}", path.display()));
            }
        }
    }
    assert!(followed > 100, "links are found: {followed}");
    check(
        "links of pages lead to files and headings that there are:",
        offences,
    );
}

#[test]
fn the_project_has_what_a_stranger_looks_for() {
    let missing = EXPECTED.into_iter().filter(|path| !root().join(path).is_file());
    check("these are there:", missing.map(str::to_owned).collect());
}
