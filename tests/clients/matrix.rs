//! Client × step: what was found, what is not expected, and why. It runs nothing.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};

use super::place::Place;
use super::programs::Cell;

const STEPS: &str = include_str!("steps.txt");
const HOLES: &str = include_str!("holes.txt");

/// All steps, in order.
pub(crate) fn steps() -> Vec<&'static str> {
    entries(STEPS)
        .filter_map(|line| line.split_whitespace().next())
        .collect()
}

/// The lines of a list that are no comments.
pub(crate) fn entries(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// The closed list: what is no failure, and why.
fn holes() -> Result<BTreeMap<(&'static str, &'static str, &'static str), &'static str>> {
    entries(HOLES)
        .map(|line| {
            let mut words = line.splitn(4, char::is_whitespace);
            let mut word = || words.next().map(str::trim).filter(|word| !word.is_empty());
            let hole = word().zip(word()).zip(word()).zip(word());
            let (((client, place), step), reason) =
                hole.with_context(|| format!("no CLIENT PLACE STEP REASON: {line}"))?;
            Ok(((client, place, step), reason))
        })
        .collect()
}

/// The differences between what tenants did and what others did alone, but for the closed list.
pub(crate) fn differences(
    client: &str,
    alone: &BTreeMap<String, Cell>,
    tenant: (Place, &BTreeMap<String, Cell>),
) -> Result<Vec<String>> {
    let holes = holes()?;
    let (place, cells) = tenant;
    let mut wrong = Vec::new();
    for step in steps() {
        let (expected, found) = (alone.get(step), cells.get(step));
        let is_hole = known(&holes, client, place, step).is_some();
        let is_same = match (expected, found) {
            // What a client does not do anywhere, it does not do alone either.
            (Some(Cell::Failed(_)), Some(Cell::Failed(_))) | (None, None) => is_hole,
            (expected, found) => expected == found,
        };
        if is_same == (is_hole && expected == Some(&Cell::Ok)) {
            wrong.push(format!(
                "{client} {} {step}: {found:?}, alone: {expected:?}",
                place.name()
            ));
        }
    }
    Ok(wrong)
}

/// The cells that were found.
#[derive(Debug, Default)]
pub(crate) struct Matrix {
    columns: BTreeMap<(String, Place), BTreeMap<String, Cell>>,
}

impl Matrix {
    pub(crate) fn add(&mut self, client: &str, place: Place, cells: BTreeMap<String, Cell>) {
        self.columns.insert((client.to_owned(), place), cells);
    }

    /// The table for people: `+` went well, `.` a known hole, `X` anything else.
    pub(crate) fn table(&self) -> Result<String> {
        let holes = holes()?;
        let mut text = String::new();
        for place in Place::ALL {
            let columns: Vec<_> = self.columns.iter().filter(|((_, at), _)| *at == place).collect();
            text.push_str(&format!("{:<16}", place.name()));
            for ((client, _), _) in &columns {
                text.push_str(&format!("{client:>14}"));
            }
            text.push('\n');
            for step in steps() {
                text.push_str(&format!("{step:<16}"));
                for ((client, _), cells) in &columns {
                    let sign = match (cells.get(step), known(&holes, client, place, step)) {
                        (Some(Cell::Ok), None) => "+",
                        (Some(Cell::Ok), Some(_)) | (_, None) => "X",
                        (_, Some(_)) => ".",
                    };
                    text.push_str(&format!("{sign:>14}"));
                }
                text.push('\n');
            }
            text.push('\n');
        }
        Ok(text)
    }

    /// Every cell must be ok or in the closed list, and what is in the list must be so.
    pub(crate) fn check(&self) -> Result<()> {
        let holes = holes()?;
        let steps = steps();
        let unknown: BTreeSet<&str> = holes
            .keys()
            .map(|(_, _, step)| *step)
            .filter(|step| !steps.contains(step))
            .collect();
        ensure!(
            unknown.is_empty(),
            "holes.txt has steps that do not exist: {unknown:?}"
        );
        let mut wrong = Vec::new();
        for ((client, place), cells) in &self.columns {
            for step in &steps {
                let hole = known(&holes, client, *place, step);
                let at = format!("{client} {} {step}", place.name());
                match (cells.get(*step), hole) {
                    (Some(Cell::Ok), None) | (Some(Cell::Cannot(_) | Cell::Failed(_)) | None, Some(_)) => {}
                    (Some(Cell::Ok), Some(reason)) => {
                        wrong.push(format!("{at}: is in holes.txt ({reason}) and went well"));
                    }
                    (Some(Cell::Cannot(why) | Cell::Failed(why)), None) => wrong.push(format!("{at}: {why}")),
                    (None, None) => wrong.push(format!("{at}: nothing was said of it")),
                }
            }
        }
        ensure!(wrong.is_empty(), "not as expected:\n{}", wrong.join("\n"));
        Ok(())
    }
}

fn known<'a>(
    holes: &BTreeMap<(&str, &str, &str), &'a str>,
    client: &str,
    place: Place,
    step: &str,
) -> Option<&'a str> {
    ["*", client].iter().find_map(|client| {
        ["*", place.kind()]
            .iter()
            .find_map(|place| holes.get(&(*client, *place, step)).copied())
    })
}
