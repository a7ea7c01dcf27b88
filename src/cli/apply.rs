//! `klamm apply`.

use serde_json::{Value, json};

use super::ApplyArgs;
use super::admin_client::{AdminClient, AdminRefusal, Answered};
use super::changes;
use super::documents::{self, Document, DocumentForm};
use super::failure::Failure;
use super::format::Report;
use super::waves::{self, WaveItem};
use crate::admin::Claim;

/// Puts every document. One that is refused does not keep the others from going out; a gateway that is gone does.
pub(super) fn apply(args: &ApplyArgs, client: &AdminClient) -> Result<Report, Failure> {
    let documents = documents::read(&args.files)?;
    if args.dry_run {
        let steps = documents.iter().map(|document| json!({ "put": document.body }));
        let outcomes = client.dry_run(steps.collect())?;
        return Ok(report(&documents, outcomes.into_iter().map(Some), |answer| {
            format!("{} (dry run){}", result(answer), coming_and_going(answer))
        }));
    }
    let items: Vec<WaveItem> = documents.iter().map(item).collect();
    let put = |index: usize| {
        let document: &Document = &documents[index];
        client.call("PUT", document.kind.path, Some(&document.body))
    };
    let done = changes::make(&waves::waves(&items), documents.len(), &put);
    let mut report = report(&documents, done.answers, |answer| result(answer).to_owned());
    report.stopped = report.stopped.or(done.stopped);
    Ok(report)
}

/// Reports what comes of each document. One that the gateway could not answer stands for the end of it.
fn report(
    documents: &[Document],
    answers: impl IntoIterator<Item = Option<Answered>>,
    done: fn(&Value) -> String,
) -> Report {
    let mut report = Report::default();
    for (document, answer) in documents.iter().zip(answers) {
        match answer {
            Some(Ok(answer)) => report.add(document.title(), Ok(done(&answer))),
            Some(Err(refusal)) if refusal.status >= 500 => {
                report.add(document.title(), Err(refusal.why.clone()));
                report
                    .stopped
                    .get_or_insert_with(|| refusal.failure(document.title()));
            }
            Some(Err(refusal)) => report.add(document.title(), Err(why(refusal, document.form))),
            None => report.add(document.title(), Err("it was not tried".to_owned())),
        }
    }
    report
}

fn result(answer: &Value) -> &str {
    answer
        .get("upsertResult")
        .and_then(Value::as_str)
        .unwrap_or("DONE")
}

/// Why a document is refused. Who writes YAML may not know that a word is no text there.
fn why(refusal: AdminRefusal, form: DocumentForm) -> String {
    let no_text = ["the number", "true", "false"].map(|found| format!("must be a text, but is {found}"));
    match form {
        DocumentForm::Yaml if no_text.iter().any(|words| refusal.why.contains(words)) => {
            format!("{}: quote it, as in \"123\"", refusal.why)
        }
        DocumentForm::Yaml | DocumentForm::Json => refusal.why,
    }
}

/// The facts that decide the order in which a document goes out.
fn item(document: &Document) -> WaveItem {
    let mut claims = vec![format!("name {}", document.name)];
    let applied = document.kind.applied.as_ref();
    for claim in applied.map(|applied| applied.claims).unwrap_or_default() {
        match claim {
            Claim::Of(places) => {
                let found: Vec<_> = places.iter().map(|place| document.body.pointer(place)).collect();
                claims.push(format!("{places:?} {found:?}"));
            }
            Claim::EachOf(place) => {
                let items = document.body.pointer(place).and_then(Value::as_array);
                claims.extend(items.into_iter().flatten().map(|item| format!("{place} {item}")));
            }
        }
    }
    WaveItem {
        kind: document.kind,
        vcluster: document.scope.vcluster.clone(),
        claims,
    }
}

/// The topics that come and go in a dry run, in words.
fn coming_and_going(answer: &Value) -> String {
    let names = |what: &str| -> Option<String> {
        let names = answer.pointer(&format!("/topics/{what}"))?.as_array()?;
        let names: Vec<&str> = names.iter().filter_map(Value::as_str).collect();
        (!names.is_empty()).then(|| format!("; topics that would {what}: {}", names.join(", ")))
    };
    ["appear", "vanish"].into_iter().filter_map(names).collect()
}
