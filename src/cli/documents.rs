//! Resources from files: which files there are, which documents they hold, and in what order they go out.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::failure::Failure;
use super::kind::Kind;
use super::scope::ResourceScope;
use crate::admin::Listing;
use crate::yaml;

/// The largest file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 64 << 20;

/// One resource of a file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Document {
    pub(super) kind: Kind,
    pub(super) name: String,
    pub(super) scope: ResourceScope,
    pub(super) form: DocumentForm,
    pub(super) body: Value,
}

/// How a resource is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DocumentForm {
    Yaml,
    Json,
}

impl Document {
    /// Its title in a report.
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
        return Err(Failure::Usage("the input contains no resource".to_owned()));
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
        let malformed = yaml::malformed(&error);
        let line = malformed.line.map(|line| format!(":{line}")).unwrap_or_default();
        Failure::Usage(format!("{source}{line}: {}", malformed.message))
    })?;
    let form = match text.trim_start().starts_with(['{', '[']) {
        true => DocumentForm::Json,
        false => DocumentForm::Yaml,
    };
    let mut documents = Vec::new();
    for (body, number) in bodies.into_iter().zip(1..) {
        // A list holds resources, as `klamm get -o json` prints them.
        let resources = match body {
            Value::Array(list) => list,
            one => vec![one],
        };
        for resource in resources {
            documents.push(document(resource, form).map_err(|why| wrong(source, number, &why))?);
        }
    }
    Ok(documents)
}

fn wrong(source: &str, number: usize, why: &str) -> Failure {
    Failure::Usage(format!("{source}, document {number}: {why}"))
}

fn document(body: Value, form: DocumentForm) -> Result<Document, String> {
    let kinds = Kind::names(Kind::applied());
    let kind = match body.get("kind").and_then(Value::as_str) {
        Some(text) => Kind::applied()
            .find(|kind| kind.name == text)
            .ok_or_else(|| format!("the kind {text:?} is unknown; the kinds are {kinds}"))?,
        None => return Err(format!("the kind is missing; the kinds are {kinds}")),
    };
    let text = |field: String| match body.pointer(&format!("/{}", field.replace('.', "/"))) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(other) => Err(no_text(&field, other, form)),
    };
    let scope = match kind.listing {
        Listing::InNestedScope => "metadata.scope",
        _ => "metadata",
    };
    let scope = |field: &str| text(format!("{scope}.{field}"));
    Ok(Document {
        kind,
        name: text("metadata.name".to_owned())?.ok_or("metadata.name is missing")?,
        scope: ResourceScope {
            vcluster: scope("vCluster")?,
            group: scope("group")?,
            username: scope("username")?,
        },
        form,
        body,
    })
}

/// The error for a value that should be a text.
fn no_text(field: &str, value: &Value, form: DocumentForm) -> String {
    let kind = match value {
        Value::Number(_) => "a number",
        Value::Bool(_) => "true or false",
        Value::Array(_) => "a list",
        Value::Object(_) | Value::Null | Value::String(_) => "a map",
    };
    let quote = match (value, form) {
        (Value::Number(_) | Value::Bool(_), DocumentForm::Yaml) => ": quote it, as in name: \"123\"",
        _ => "",
    };
    format!("{field} must be a text, but is {kind}{quote}")
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
        assert_eq!(documents[3].scope.vcluster.as_deref(), Some("v"));
    }

    #[test]
    fn a_list_holds_resources() {
        let one = r#"{"kind":"VirtualCluster","metadata":{"name":"v"}}"#;
        for list in [format!("[{one},{one}]"), format!("- {one}\n- {one}\n")] {
            assert_eq!(parse("a", &list).expect("resources").len(), 2, "{list}");
        }
    }

    #[test]
    fn what_is_no_resource_is_named() {
        let refused = |text: &str| parse("a.yaml", text).expect_err("no resource").to_string();
        assert!(
            refused("kind: VirtualCluster\nmetadata: {name: a}\n---\nkind: Topic\n")
                .contains("a.yaml, document 2: the kind \"Topic\"")
        );
        assert!(refused("a: 1\n").contains("the kind is missing"));
        assert!(refused("kind: AliasTopic\n").contains("metadata.name is missing"));
        assert!(refused("kind: [\n").starts_with("a.yaml:"));
        assert!(refused("- x\n").contains("the kind is missing"));
        let named = |name: &str| refused(&format!("kind: AliasTopic\nmetadata: {{name: {name}}}\n"));
        for number in ["123", "1e3", "0x1f"] {
            assert!(
                named(number).contains("must be a text, but is a number: quote it"),
                "{number}"
            );
        }
        assert!(named("true").contains("is true or false: quote it"));
        let json = refused(r#"{"kind":"AliasTopic","metadata":{"name":123}}"#);
        assert!(json.ends_with("must be a text, but is a number"), "{json}");
        assert!(read(&[PathBuf::from("/nowhere")]).is_err());
    }
}
