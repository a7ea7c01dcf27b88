//! Resources from files: which files there are, which documents they hold, and in what order they go out.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::failure::Failure;
use super::kind::Kind;

/// The largest file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 64 << 20;

/// One resource of a file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Document {
    pub(super) kind: Kind,
    pub(super) name: String,
    pub(super) vcluster: Option<String>,
    pub(super) body: Value,
}

impl Document {
    /// What it is called in a report.
    pub(super) fn title(&self) -> String {
        format!("{}/{}", self.kind, self.name)
    }
}

/// Reads all documents of `sources`, sorted by kind as they depend on each other, otherwise in the order of the files.
pub(super) fn read(sources: &[PathBuf]) -> Result<Vec<Document>, Failure> {
    let mut documents = Vec::new();
    for source in sources {
        if source == Path::new("-") {
            documents.extend(parse("standard input", &text(source, &mut io::stdin().lock())?)?);
            continue;
        }
        for file in files(source)? {
            let opened = fs::File::open(&file).map_err(|error| unreadable(&file, error))?;
            documents.extend(parse(
                &file.display().to_string(),
                &text(&file, &mut { opened })?,
            )?);
        }
    }
    if documents.is_empty() {
        return Err(Failure::Usage("there is no resource in what is given".to_owned()));
    }
    documents.sort_by_key(|document| document.kind);
    Ok(documents)
}

fn unreadable(path: &Path, source: io::Error) -> Failure {
    Failure::Unreadable {
        path: path.to_owned(),
        source,
    }
}

fn text(path: &Path, from: &mut dyn Read) -> Result<String, Failure> {
    let mut text = String::new();
    let read = from.take(MAX_FILE_BYTES + 1).read_to_string(&mut text);
    match read {
        Ok(length) if length as u64 > MAX_FILE_BYTES => Err(Failure::Usage(format!(
            "{} is larger than {MAX_FILE_BYTES} bytes",
            path.display()
        ))),
        Ok(_) => Ok(text),
        Err(error) => Err(unreadable(path, error)),
    }
}

/// A file itself, or the files of a directory by name.
fn files(source: &Path) -> Result<Vec<PathBuf>, Failure> {
    let metadata = fs::metadata(source).map_err(|error| unreadable(source, error))?;
    if !metadata.is_dir() {
        return Ok(vec![source.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(source).map_err(|error| unreadable(source, error))? {
        let path = entry.map_err(|error| unreadable(source, error))?.path();
        let extension = path.extension().and_then(|extension| extension.to_str());
        if matches!(extension, Some("yaml" | "yml" | "json")) && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The documents of one text. Empty ones are skipped.
fn parse(source: &str, text: &str) -> Result<Vec<Document>, Failure> {
    // `yes` and `off` are texts, as in today's YAML.
    let options = serde_saphyr::options! { strict_booleans: true };
    let bodies: Vec<Value> = serde_saphyr::from_multiple_with_options(text, options).map_err(|error| {
        let line = error
            .location()
            .map(|at| format!(":{}", at.line()))
            .unwrap_or_default();
        Failure::Usage(format!(
            "{source}{line}: this is not YAML that can be read: {}",
            error.without_snippet()
        ))
    })?;
    let numbered = bodies.into_iter().zip(1..);
    numbered
        .map(|(body, number)| document(body).map_err(|why| wrong(source, number, &why)))
        .collect()
}

fn wrong(source: &str, number: usize, why: &str) -> Failure {
    Failure::Usage(format!("{source}, document {number}: {why}"))
}

fn document(body: Value) -> Result<Document, String> {
    let kinds = Kind::ALL.map(Kind::name).join(", ");
    let kind = match body.get("kind").and_then(Value::as_str) {
        Some(text) => Kind::ALL
            .into_iter()
            .find(|kind| kind.name() == text)
            .ok_or_else(|| format!("the kind {text:?} is not known: there are {kinds}"))?,
        None => return Err(format!("there is no kind: there are {kinds}")),
    };
    let metadata = |field: &str| {
        body.pointer(&format!("/metadata/{field}"))
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    Ok(Document {
        kind,
        name: metadata("name").ok_or("there is no metadata.name")?,
        vcluster: metadata("vCluster"),
        body,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const THREE: &str = "---\nkind: GatewayServiceAccount\nmetadata: {name: on, vCluster: v}\n---\n# nothing\n---\n\
                         kind: AliasTopic\nmetadata: {name: b}\n---\nkind: AliasTopic\nmetadata: {name: a}\n";

    #[test]
    fn documents_go_out_in_the_order_of_their_dependencies() {
        let directory = tempfile::tempdir().expect("a directory");
        fs::write(directory.path().join("1.yaml"), THREE).expect("a file");
        fs::write(
            directory.path().join("2.json"),
            r#"{"kind":"VirtualCluster","metadata":{"name":"v"}}"#,
        )
        .expect("a file");
        fs::write(directory.path().join("3.txt"), "not read").expect("a file");
        let documents = read(&[directory.path().to_owned()]).expect("documents");
        let titles: Vec<String> = documents.iter().map(Document::title).collect();
        assert_eq!(
            titles,
            [
                "VirtualCluster/v",
                "AliasTopic/b",
                "AliasTopic/a",
                "GatewayServiceAccount/on"
            ]
        );
        assert_eq!(documents[3].vcluster.as_deref(), Some("v"));
    }

    #[test]
    fn what_is_no_resource_is_named() {
        let refused = |text: &str| parse("a.yaml", text).expect_err("no resource").to_string();
        assert!(
            refused("kind: VirtualCluster\nmetadata: {name: a}\n---\nkind: Topic\n")
                .contains("a.yaml, document 2: the kind \"Topic\"")
        );
        assert!(refused("a: 1\n").contains("there is no kind"));
        assert!(refused("kind: AliasTopic\n").contains("no metadata.name"));
        assert!(refused("kind: [\n").starts_with("a.yaml:"));
        assert!(refused("- x\n").contains("there is no kind"));
        assert!(read(&[PathBuf::from("/nowhere")]).is_err());
    }
}
