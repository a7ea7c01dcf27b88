//! Usage: what is asked for, in which form it is answered, and what bad questions are told.

use super::*;
use crate::usage::{Figures, NodeUsage, UsageQuestion, UsageReport, UsageRow};

/// A report of two nodes, of which one does not answer. It has what was asked for in the place of a name.
pub(super) fn reported(question: &UsageQuestion) -> Result<UsageReport, crate::usage::TooManyRows> {
    let by = question.by;
    let row = UsageRow {
        start: by.start(question.hours.from).map(|start| start.to_string()),
        vcluster: by.vcluster.then(|| "mypartner".to_owned()),
        account: by.account.then(|| question.account.clone().unwrap_or_default()),
        topic: by.topic.then(|| "topic1".to_owned()),
        figures: Figures {
            produced_records: question.hours.count(),
            ..Figures::default()
        },
    };
    let answer = NodeUsage {
        rows: vec![row],
        ..NodeUsage::default()
    };
    if question.topic.as_deref() == Some("many") {
        return Err(crate::usage::TooManyRows);
    }
    let answers = vec![
        (NodeId(1), Ok(answer)),
        (NodeId(2), Err("it does not answer".to_owned())),
    ];
    UsageReport::of(question.hours, answers, std::iter::empty())
}

#[actix_web::test]
async fn usage_is_told_as_json_and_as_csv_with_what_is_missing() {
    let gateway = Gateway::walkthrough().await;
    let path = "/gateway/v2/usage?from=2026-11-30&to=2026-12-01&vcluster=mypartner";
    let answer = gateway.get(&format!("{path}&account=ann&by=account,day")).await;
    let warning = answer.warning.as_deref().unwrap_or_default();
    assert!(
        warning.contains("node 2 is missing: it does not answer"),
        "{warning}"
    );
    let expected = json!({
        "from": "2026-11-30T00:00:00Z", "to": "2026-12-01T00:00:00Z", "isComplete": false,
        "rows": [{ "start": "2026-11-30T00:00:00Z", "account": "ann", "producedRecords": 24 }],
        "nodes": [{ "id": 1, "state": "ANSWERED" },
                  { "id": 2, "state": "MISSING", "reason": "it does not answer" }],
    });
    assert_eq!(answer.ok(), expected);
    let user = Some("eye:conduktor");
    let csv = format!("{path}&account=a%22,b&by=account&format=csv");
    let answer = gateway.send(user, Method::GET, &csv, "").await;
    assert!(
        answer
            .media_type
            .as_deref()
            .is_some_and(|it| it.starts_with("text/csv")),
        "{answer:?}"
    );
    let lines: Vec<&str> = answer.body.split("\r\n").collect();
    let [head, row, ""] = lines[..] else {
        panic!("{lines:?}")
    };
    assert!(
        head.starts_with("account,bytesIn,") && head.ends_with(",missingNodes"),
        "{head}"
    );
    assert_eq!(row, "\"a\"\",b\",0,0,0,0,0,0,0,24,0,0,2");
    let answer = gateway.send(None, Method::GET, path, "").await;
    assert_eq!(answer.status, 401);
}

#[actix_web::test]
async fn a_bad_question_is_told_what_is_wrong() {
    let gateway = Gateway::walkthrough().await;
    for (query, why) in [
        ("", "from is missing"),
        ("from=yesterday", "from: \"yesterday\" is no hour of UTC"),
        ("from=2026-11-30&to=2026-11-30T07:30:00Z", "to: "),
        ("from=2026-11-30&to=2026-11-30", "must be before"),
        (
            "from=2026-11-30&to=2026-12-01&by=user",
            "by: \"user\" is nothing to sum by",
        ),
        ("from=2026-11-30&to=2026-12-01&by=hour,day", "not both"),
        ("from=2026-11-30&to=2026-12-01&format=xml", "format"),
        ("from=2026-11-30&to=2026-12-01&vcluster=a%2Fb", "vcluster"),
        ("from=2026-11-30&to=2026-12-01&user=a", "user"),
        ("from=2026-11-30&to=2026-12-01&topic=many", "more than 50000 rows"),
    ] {
        let answer = gateway.get(&format!("/gateway/v2/usage?{query}")).await;
        let told = answer.refused(400);
        assert!(told.contains(why), "{query}: {told}");
    }
    let unknown = gateway
        .get("/gateway/v2/usage?from=2026-11-30&to=2026-12-01&vcluster=nowhere")
        .await;
    assert_eq!(unknown.status, 200);
}
