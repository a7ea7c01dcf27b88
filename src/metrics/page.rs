//! The tables of `docs/METRICS.md`, made from the metrics themselves.

use std::fmt::Write;

use super::book::{Label, PageEntry, Section};
use super::closed::ClosedValue;

/// The marks before and after the part of a section that is made.
fn marks(section: Section) -> (String, &'static str) {
    let before = format!(
        "<!-- {}: `KLAMM_BLESS=1 cargo test --test metrics_documented` writes this part. -->\n",
        section.title()
    );
    (before, "<!-- The end of that part. -->\n")
}

/// The page with all of its parts made anew.
///
/// # Errors
/// The page lacks something that is needed to renew it.
pub(super) fn renewed(page: &str, entries: &[PageEntry]) -> Result<String, String> {
    let mut renewed = page.to_owned();
    for section in Section::ALL {
        let (before, after) = marks(section);
        let lacks = || {
            format!(
                "the page lacks the marks of the section {}:\n{before}{after}",
                section.title()
            )
        };
        let start = renewed.find(&before).ok_or_else(lacks)? + before.len();
        let length = renewed[start..].find(after).ok_or_else(lacks)?;
        renewed.replace_range(start..start + length, &part(section, entries));
    }
    Ok(renewed)
}

fn part(section: Section, entries: &[PageEntry]) -> String {
    let entries: Vec<&PageEntry> = entries.iter().filter(|entry| entry.section == section).collect();
    let mut text = "\n| metric | type | labels | meaning |\n|---|---|---|---|\n".to_owned();
    for PageEntry { kind, family, .. } in &entries {
        let labels: Vec<String> = family
            .labels
            .iter()
            .map(|label| format!("`{}`", label.name))
            .collect();
        let meaning = family.meaning.trim_end_matches('.');
        // Writing to a text cannot fail.
        let _ = writeln!(
            text,
            "| `{}` | {kind} | {} | {meaning}. |",
            family.name,
            labels.join(", ")
        );
    }
    for (label, values, families) in closed_sets(&entries) {
        let _ = writeln!(text, "\n`{label}` of {}:\n", families.join(" and "));
        for ClosedValue { name, meaning } in values {
            let _ = writeln!(text, "* `{name}`: {meaning}.");
        }
    }
    text.push('\n');
    text
}

/// Labels whose values are listed, and the metrics that have them.
fn closed_sets(entries: &[&PageEntry]) -> Vec<(&'static str, Vec<ClosedValue>, Vec<String>)> {
    let mut sets: Vec<(&'static str, Vec<ClosedValue>, Vec<String>)> = Vec::new();
    for entry in entries {
        let name = format!("`{}`", entry.family.name);
        for Label { name: label, values } in entry.family.labels {
            let Some(values) = values.map(|values| values()) else {
                continue;
            };
            match sets
                .iter_mut()
                .find(|(known, listed, _)| known == label && *listed == values)
            {
                Some((.., families)) => families.push(name.clone()),
                None => sets.push((label, values, vec![name.clone()])),
            }
        }
    }
    sets
}
