//! How results are printed: tables for people, YAML and JSON for scripts.

use serde_json::Value;

use super::failure::Failure;
use super::print;

/// A format of whole resources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    Table,
    Yaml,
    Json,
}

/// A format of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Style {
    Text,
    Json,
}

/// Indented JSON, with a final newline.
pub(super) fn json(value: &Value) -> String {
    format!("{value:#}\n")
}

/// YAML documents.
pub(super) fn yaml(values: &[&Value]) -> Result<String, Failure> {
    // A long text stays on its line, so that it can be copied.
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    let mut text = String::new();
    for value in values {
        text += "---\n";
        text += serde_saphyr::to_string_with_options(value, options.clone())
            .map_err(|error| Failure::Failed(Box::new(error)))?
            .trim_start_matches("---\n");
        if !text.ends_with('\n') {
            text.push('\n');
        }
    }
    Ok(text)
}

/// Columns as wide as their longest cell.
pub(super) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows
            .iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count());
        cells.chain([head[column].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let padded: Vec<String> = cells
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        format!("{}\n", padded.join("  ").trim_end())
    };
    let mut text = line(&mut head.iter().copied());
    for row in rows {
        text += &line(&mut row.iter().map(String::as_str));
    }
    text
}

/// The results for several resources.
#[derive(Debug, Default)]
pub(super) struct Report {
    entries: Vec<Entry>,
    /// Why the rest was not tried.
    pub(super) stopped: Option<Failure>,
}

#[derive(Debug)]
struct Entry {
    title: String,
    /// The result, or why it failed.
    result: Result<String, String>,
}

impl Report {
    pub(super) fn add(&mut self, title: String, result: Result<String, String>) {
        self.entries.push(Entry { title, result });
    }

    fn failed(&self) -> usize {
        self.entries.iter().filter(|entry| entry.result.is_err()).count()
    }

    pub(super) fn text(&self) -> String {
        let line = |entry: &Entry| match &entry.result {
            Ok(result) => format!("{}: {result}\n", entry.title),
            Err(why) => format!("{}: FAILED: {why}\n", entry.title),
        };
        self.entries.iter().map(line).collect()
    }

    fn json(&self) -> String {
        let object = |entry: &Entry| match &entry.result {
            Ok(result) => serde_json::json!({ "resource": entry.title, "result": result }),
            Err(why) => serde_json::json!({ "resource": entry.title, "result": "FAILED", "error": why }),
        };
        json(&self.entries.iter().map(object).collect())
    }

    /// Prints everything; a failure when anything failed.
    pub(super) fn print(self, style: Style) -> Result<(), Failure> {
        print(&match style {
            Style::Json => self.json(),
            Style::Text => self.text(),
        })?;
        let (failed, all) = (self.failed(), self.entries.len());
        match (self.stopped, failed) {
            (Some(stopped), _) => Err(stopped),
            (None, 0) => Ok(()),
            (None, failed) => Err(Failure::Some { failed, all }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_aligned() {
        let rows = [
            vec!["a".to_owned(), "x".to_owned()],
            vec!["long".to_owned(), String::new()],
        ];
        assert_eq!(table(&["ID", "HOST"], &rows), "ID    HOST\na     x\nlong\n");
    }

    #[test]
    fn yaml_reads_back() {
        let value = serde_json::json!({ "kind": "A", "spec": { "list": ["x: y", "yes", "007"], "flag": true, "k.l": "{{a}};", "long": "word ".repeat(40) } });
        let text = yaml(&[&value, &value]).expect("YAML");
        let back: Vec<Value> = serde_saphyr::from_multiple(&text).expect("YAML");
        assert_eq!(back, [value.clone(), value]);
    }

    #[test]
    fn reports_say_what_failed() {
        let mut report = Report::default();
        report.add("A/a".to_owned(), Ok("CREATED".to_owned()));
        report.add("A/b".to_owned(), Err("no".to_owned()));
        assert_eq!(report.text(), "A/a: CREATED\nA/b: FAILED: no\n");
        let parsed: Value = serde_json::from_str(&report.json()).expect("JSON");
        assert_eq!(parsed[1]["error"], "no");
        assert_eq!(report.failed(), 1);
    }
}
