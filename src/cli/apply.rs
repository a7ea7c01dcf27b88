//! `klamm apply`.

use serde_json::Value;

use super::ApplyArgs;
use super::admin_client::AdminClient;
use super::documents;
use super::failure::Failure;
use super::format::Report;

/// Puts every document. One that is refused does not keep the others from going out; a gateway that is gone does.
pub(super) fn apply(args: &ApplyArgs, client: &AdminClient) -> Result<Report, Failure> {
    let mut report = Report::default();
    let query = if args.dry_run { "?dryMode=true" } else { "" };
    for document in documents::read(&args.files)? {
        let path = format!("{}{query}", document.kind.path());
        let result = match client.call("PUT", &path, Some(&document.body))? {
            Ok(answer) => {
                let result = answer
                    .get("upsertResult")
                    .and_then(Value::as_str)
                    .unwrap_or("DONE");
                Ok(if args.dry_run {
                    format!("{result} (dry run){}", coming_and_going(&answer))
                } else {
                    result.to_owned()
                })
            }
            Err(refusal) if refusal.status >= 500 => return Err(refusal.failure(document.title())),
            Err(refusal) => Err(refusal.why),
        };
        report.add(document.title(), result);
    }
    Ok(report)
}

/// What a dry run says of topics.
fn coming_and_going(answer: &Value) -> String {
    let names = |what: &str| -> Option<String> {
        let names = answer.pointer(&format!("/topics/{what}"))?.as_array()?;
        let names: Vec<&str> = names.iter().filter_map(Value::as_str).collect();
        (!names.is_empty()).then(|| format!("; topics that would {what}: {}", names.join(", ")))
    };
    ["appear", "vanish"].into_iter().filter_map(names).collect()
}
