//! `klamm usage`: what accounts used of which topics, of all nodes.

use clap::{Args, ValueEnum};

use super::admin_client::{AdminClient, Connection, escaped};
use super::failure::Failure;
use super::{format, print};
use crate::usage::{Grouping, UsageReport, columns};

/// The largest answer that is read.
const MAX_BYTES: u64 = 64 << 20;

#[derive(Debug, Args)]
pub(super) struct UsageArgs {
    /// Only what is of this virtual cluster
    #[arg(long, value_name = "NAME")]
    v_cluster: Option<String>,
    /// Only what is of this account
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// Only what is of this topic
    #[arg(long, value_name = "NAME")]
    topic: Option<String>,
    /// The first hour of UTC, as 2026-11-30T07:00:00Z, or a day as 2026-11-30
    #[arg(long, value_name = "HOUR")]
    from: String,
    /// The hour up to which is meant, which is not any more; without it, the end of the present hour
    #[arg(long, value_name = "HOUR")]
    to: Option<String>,
    /// By what to sum, separated by commas: vcluster, account, topic, and hour or day
    #[arg(long, value_name = "NAMES", default_value = Grouping::USUAL)]
    by: String,
    /// table for people; csv and json for bills
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "table")]
    output: UsageStyle,
    #[command(flatten)]
    pub(super) connection: Connection,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum UsageStyle {
    Table,
    Csv,
    Json,
}

/// Prints the usage. What is missing of it, the gateway says in warnings.
pub(super) fn show(args: &UsageArgs, client: &AdminClient) -> Result<(), Failure> {
    let path = path(args);
    let what = "usage";
    match args.output {
        UsageStyle::Csv => {
            let answer = client.download(&format!("{path}&format=csv"), MAX_BYTES)?;
            let csv = answer.map_err(|refusal| refusal.failure(what))?;
            print(&String::from_utf8_lossy(&csv))
        }
        UsageStyle::Json => {
            let answer = client.get(&path)?.map_err(|refusal| refusal.failure(what))?;
            print(&format::json(&answer))
        }
        UsageStyle::Table => {
            let answer = client.get(&path)?.map_err(|refusal| refusal.failure(what))?;
            let failed = |error: serde_json::Error| Failure::Failed(Box::new(error));
            let report: UsageReport = serde_json::from_value(answer).map_err(failed)?;
            print(&table(&report, &args.by)?)
        }
    }
}

fn path(args: &UsageArgs) -> String {
    let asked = [
        ("from", Some(&args.from)),
        ("to", args.to.as_ref()),
        ("vcluster", args.v_cluster.as_ref()),
        ("account", args.account.as_ref()),
        ("topic", args.topic.as_ref()),
        ("by", Some(&args.by)),
    ];
    let asked = asked.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let asked: Vec<String> = asked
        .map(|(name, value)| format!("{name}={}", escaped(value)))
        .collect();
    format!("/gateway/v2/usage?{}", asked.join("&"))
}

fn table(report: &UsageReport, by: &str) -> Result<String, Failure> {
    let by: Grouping = by.parse().map_err(|error| Failure::Failed(Box::new(error)))?;
    let (names, rows) = columns(report, by);
    let head: Vec<String> = names.iter().map(|name| spelled(name)).collect();
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    Ok(format::table(&head, &rows))
}

/// The name of a column as tables have it: `BYTES-IN` for `bytesIn`.
fn spelled(name: &str) -> String {
    let mut spelled = String::with_capacity(name.len() + 2);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            spelled.push('-');
        }
        spelled.push(letter.to_ascii_uppercase());
    }
    spelled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_is_escaped_and_shown_in_columns() {
        let args = UsageArgs {
            v_cluster: Some("v".to_owned()),
            account: Some("a&b".to_owned()),
            topic: None,
            from: "2026-11-30T07:00:00Z".to_owned(),
            to: None,
            by: "account,day".to_owned(),
            output: UsageStyle::Table,
            connection: Connection::default(),
        };
        assert_eq!(
            path(&args),
            "/gateway/v2/usage?from=2026-11-30T07%3A00%3A00Z&vcluster=v&account=a%26b&by=account%2Cday"
        );
        let report = serde_json::json!({
            "from": "a", "to": "b", "isComplete": false,
            "rows": [{ "start": "2026-11-30T00:00:00Z", "account": "a", "bytesIn": 5 }],
            "nodes": [{ "id": 2, "state": "MISSING", "reason": "late" }],
        });
        let report: UsageReport = serde_json::from_value(report).unwrap();
        let table = table(&report, &args.by).unwrap();
        let lines: Vec<&str> = table.lines().collect();
        assert!(
            lines[0].starts_with("START                 ACCOUNT  BYTES-IN  BYTES-OUT"),
            "{table}"
        );
        assert!(lines[0].ends_with("MISSING-NODES"), "{table}");
        assert!(
            lines[1].starts_with("2026-11-30T00:00:00Z  a        5         0"),
            "{table}"
        );
        assert!(lines[1].ends_with('2'), "{table}");
    }
}
