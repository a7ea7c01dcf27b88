//! Usage in columns, and as CSV (RFC 4180): a line of names, and a line for each row.

use super::figures::MEASURES;
use super::question::Grouping;
use super::report::UsageReport;

/// The names of the columns of a report, and its rows. The last column names the nodes of which something is missing, in each row.
pub fn columns(report: &UsageReport, by: Grouping) -> (Vec<&'static str>, Vec<Vec<String>>) {
    let missing: Vec<String> = report.missing().map(|node| node.id.to_string()).collect();
    let missing = missing.join(" ");
    let named = [
        ("start", by.has_start()),
        ("vcluster", by.vcluster),
        ("account", by.account),
        ("topic", by.topic),
    ];
    let names = named
        .iter()
        .filter(|(_, is_asked)| *is_asked)
        .map(|(name, _)| *name);
    let names = names
        .chain(MEASURES.iter().map(|(name, _)| *name))
        .chain(["missingNodes"]);
    let rows = report.rows.iter().map(|row| {
        let parts = [&row.start, &row.vcluster, &row.account, &row.topic].into_iter();
        let figures = MEASURES
            .iter()
            .map(|(_, figure)| figure(&row.figures).to_string());
        let parts = parts.flatten().cloned();
        parts.chain(figures).chain([missing.clone()]).collect()
    });
    (names.collect(), rows.collect())
}

/// The report as CSV.
pub fn csv(report: &UsageReport, by: Grouping) -> String {
    let (names, rows) = columns(report, by);
    let mut text = names.join(",");
    text.push_str("\r\n");
    for row in rows {
        let fields: Vec<String> = row.iter().map(|text| field(text)).collect();
        text.push_str(&fields.join(","));
        text.push_str("\r\n");
    }
    text
}

/// A field, in quotes where it needs them.
fn field(text: &str) -> String {
    match text.contains([',', '"', '\r', '\n']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use klamm_raft::model::NodeId;

    use super::*;
    use crate::usage::report::tests::{hours, row};
    use crate::usage::rows::NodeUsage;

    #[test]
    fn fields_are_quoted_where_they_must_be_and_missing_nodes_are_in_each_line() {
        let answer = NodeUsage {
            rows: vec![row("a", 1), row("b,\"x\"", 2)],
            ..NodeUsage::default()
        };
        let answers = vec![
            (NodeId(1), Ok(answer)),
            (NodeId(2), Err("late".to_owned())),
            (NodeId(3), Err("late".to_owned())),
        ];
        let report = UsageReport::of(hours(), answers, std::iter::empty()).unwrap();
        let text = csv(&report, "account".parse().unwrap());
        let expected = "account,bytesIn,bytesOut,requests,connections,throttledMs,deniedRequests,producedBytes,\
                        producedRecords,consumedBytes,consumedRecords,missingNodes\r\n\
                        a,0,0,1,0,0,0,0,0,0,0,2 3\r\n\
                        \"b,\"\"x\"\"\",0,0,2,0,0,0,0,0,0,0,2 3\r\n";
        assert_eq!(text, expected);
    }
}
