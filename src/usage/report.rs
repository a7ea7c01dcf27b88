//! The usage of all nodes together, and which of them do not say what they have.

use klamm_raft::model::NodeId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::hour::HourRange;
use super::rows::{NodeUsage, Rows, TooManyRows, UsageRow};

/// Usage, merged over the nodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct UsageReport {
    pub from: String,
    pub to: String,
    /// Whether all nodes of the cluster said all that they have.
    pub is_complete: bool,
    pub rows: Vec<UsageRow>,
    pub nodes: Vec<NodeReport>,
}

/// The part of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct NodeReport {
    pub id: u64,
    pub state: NodeState,
    /// Why what it has is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Hours that it has nothing on record of: it did not run then, or what it had is lost.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub unrecorded: Vec<UnrecordedHours>,
    /// Hours of which its file is damaged.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub damaged: Vec<String>,
}

/// Hours from one, up to another that is not among them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub struct UnrecordedHours {
    pub from: String,
    pub to: String,
}

/// Whether the usage of a node is in the sums.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(inline)]
pub enum NodeState {
    Answered,
    /// It is not: the node does not answer.
    Missing,
    /// It is not: the node was removed from the cluster, with all that it had.
    Removed,
}

/// The answer of a node, or why there is none.
pub type AnswerOfNode = Result<NodeUsage, String>;

impl UsageReport {
    /// The sums of what nodes answered. Those that were removed are named, too.
    ///
    /// # Errors
    /// There are too many.
    pub fn of(
        hours: HourRange,
        answers: Vec<(NodeId, AnswerOfNode)>,
        removed: impl Iterator<Item = NodeId>,
    ) -> Result<Self, TooManyRows> {
        let mut rows = Rows::default();
        let mut nodes = Vec::new();
        for (id, answer) in answers {
            for row in answer.iter().flat_map(|answer| &answer.rows) {
                rows.add(row.key(), &row.figures)?;
            }
            nodes.push(NodeReport::of(id, answer));
        }
        let is_complete = nodes
            .iter()
            .all(|node| node.state == NodeState::Answered && node.damaged.is_empty());
        nodes.extend(removed.map(NodeReport::removed));
        Ok(Self {
            from: hours.from.to_string(),
            to: hours.to.to_string(),
            is_complete,
            rows: rows.finish(),
            nodes,
        })
    }

    /// The nodes of the cluster of which something is missing.
    pub fn missing(&self) -> impl Iterator<Item = &NodeReport> {
        let nodes = self.nodes.iter();
        nodes.filter(|node| node.state == NodeState::Missing || !node.damaged.is_empty())
    }
}

impl NodeReport {
    fn of(id: NodeId, answer: AnswerOfNode) -> Self {
        let (state, reason, answer) = match answer {
            Ok(answer) => (NodeState::Answered, None, answer),
            Err(reason) => (NodeState::Missing, Some(reason), NodeUsage::default()),
        };
        let unrecorded = answer.unrecorded.iter();
        Self {
            id: id.0,
            state,
            reason,
            unrecorded: unrecorded
                .map(|hours| UnrecordedHours {
                    from: hours.from.to_string(),
                    to: hours.to.to_string(),
                })
                .collect(),
            damaged: answer.damaged.iter().map(ToString::to_string).collect(),
        }
    }

    fn removed(id: NodeId) -> Self {
        Self {
            id: id.0,
            state: NodeState::Removed,
            reason: Some("it was removed from the cluster, with all that it had on record".to_owned()),
            unrecorded: Vec::new(),
            damaged: Vec::new(),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::usage::figures::Figures;
    use crate::usage::hour::Hour;

    pub(in crate::usage) fn row(account: &str, requests: u64) -> UsageRow {
        UsageRow {
            start: None,
            vcluster: None,
            account: Some(account.to_owned()),
            topic: None,
            figures: Figures {
                requests,
                ..Figures::default()
            },
        }
    }

    pub(in crate::usage) fn hours() -> HourRange {
        HourRange {
            from: Hour::of(0),
            to: Hour::of(7200),
        }
    }

    #[test]
    fn sums_of_nodes_are_added_and_those_without_an_answer_are_named() {
        let of = |rows| NodeUsage {
            rows,
            ..NodeUsage::default()
        };
        let answers = vec![
            (NodeId(1), Ok(of(vec![row("a", 1), row("b", 2)]))),
            (NodeId(2), Err("it does not answer".to_owned())),
            (NodeId(3), Ok(of(vec![row("b", 3), row("c", 4)]))),
        ];
        let report = UsageReport::of(hours(), answers, [NodeId(4)].into_iter()).unwrap();
        assert_eq!(report.rows, [row("a", 1), row("b", 5), row("c", 4)]);
        assert!(!report.is_complete);
        let missing: Vec<u64> = report.missing().map(|node| node.id).collect();
        assert_eq!(missing, [2]);
        let states: Vec<NodeState> = report.nodes.iter().map(|node| node.state).collect();
        use NodeState::{Answered, Missing, Removed};
        assert_eq!(states, [Answered, Missing, Answered, Removed]);
    }

    #[test]
    fn a_report_is_complete_without_records_of_hours_and_not_with_damaged_ones() {
        let answer = |damaged| NodeUsage {
            unrecorded: vec![hours()],
            damaged,
            ..NodeUsage::default()
        };
        let report = |damaged| {
            let answers = vec![(NodeId(1), Ok(answer(damaged)))];
            UsageReport::of(hours(), answers, std::iter::empty()).unwrap()
        };
        assert!(report(vec![]).is_complete);
        let damaged = report(vec![Hour::of(0)]);
        assert!(!damaged.is_complete);
        assert_eq!(damaged.missing().count(), 1);
    }
}
