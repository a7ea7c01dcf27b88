//! `klamm cluster upgrade`: which versions the nodes run, and when the way back ends.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::admin_client::{AdminClient, Connection};
use super::cluster;
use super::failure::Failure;
use super::format::{self, Style};
use super::print;
use super::trial::Trial;
use crate::admin::ClusterView;

#[derive(Debug, Subcommand)]
pub(super) enum UpgradeAction {
    /// Show which version each node runs, and whether the upgrade can be finished
    Status {
        #[command(flatten)]
        connection: Connection,
    },
    /// Finish the upgrade: raise the feature level to what every node knows. There is no way back to the older version then
    Finalize(FinalizeArgs),
}

#[derive(Debug, Args)]
pub(super) struct FinalizeArgs {
    /// The feature level; the highest that every node knows when it is not given
    #[arg(long, value_name = "LEVEL")]
    level: Option<u8>,
    #[command(flatten)]
    trial: Trial,
    #[command(flatten)]
    pub(super) connection: Connection,
}

/// Prints where the upgrade is.
pub(super) fn status(client: &AdminClient) -> Result<(), Failure> {
    let (_, view) = cluster::seen(client)?;
    print(&shown(&view))
}

fn shown(view: &ClusterView) -> String {
    let known = |level: Option<u8>| level.map_or_else(|| "-".to_owned(), |level| level.to_string());
    let rows: Vec<Vec<String>> = view
        .nodes
        .iter()
        .map(|node| {
            let version = node.version.as_deref().unwrap_or("-");
            vec![node.id.to_string(), version.to_owned(), known(node.highest_level)]
        })
        .collect();
    let table = format::table(&["NODE", "VERSION", "KNOWS-LEVEL"], &rows);
    let level = view.feature_level;
    let to_all = view.nodes.iter().map(|node| node.highest_level).min().flatten();
    let highest = view.nodes.iter().filter_map(|node| node.highest_level).max();
    let next = match (to_all, highest) {
        (Some(all), _) if all > level => format!(
            "every node knows level {all}: klamm cluster upgrade finalize raises it. Where klamm.cluster.upgrade is auto, \
             that happens by itself 24 hours after the last node came to know it. Until then every node can go back"
        ),
        (_, Some(highest)) if highest > level => {
            "not every node knows the next level yet: upgrade the others. Until then every node can go back"
                .to_owned()
        }
        _ => "nothing is to be done".to_owned(),
    };
    format!("feature level {level}\n\n{table}\n{next}\n")
}

/// Raises the level, or says what that would come to.
pub(super) fn finalize(args: &FinalizeArgs, client: &AdminClient) -> Result<(), Failure> {
    let body = match args.level {
        Some(level) => json!({ "featureLevel": level }),
        None => json!({}),
    };
    let path = format!(
        "/gateway/v2/cluster/upgrade/finalize?dryMode={}",
        args.trial.dry_run
    );
    let answer = client
        .call("POST", &path, Some(&body))?
        .map_err(|refusal| refusal.failure("the feature level"))?;
    print(&match args.trial.output {
        Style::Json => format::json(&answer),
        Style::Text => said(&answer, args.trial.dry_run),
    })
}

fn said(answer: &Value, is_dry: bool) -> String {
    let level = &answer["featureLevel"];
    match (answer["upsertResult"].as_str(), is_dry) {
        (Some("NOT_CHANGED"), _) => format!("the cluster is at feature level {level} already\n"),
        (_, true) => format!("the feature level would be {level}\n"),
        (_, false) => format!("the feature level is {level}\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::NodeView;

    fn view(levels: &[u8]) -> String {
        let nodes = levels.iter().zip(1..).map(|(level, id)| NodeView {
            id,
            version: Some("1.0".to_owned()),
            highest_level: Some(*level),
            ..NodeView::default()
        });
        shown(&ClusterView {
            feature_level: 1,
            nodes: nodes.collect(),
            ..ClusterView::default()
        })
    }

    #[test]
    fn it_says_what_is_to_be_done() {
        assert!(
            view(&[1, 1]).contains("nothing is to be done"),
            "{}",
            view(&[1, 1])
        );
        assert!(view(&[1, 2]).contains("upgrade the others"), "{}", view(&[1, 2]));
        let all = view(&[3, 2]);
        assert!(
            all.contains("every node knows level 2: klamm cluster upgrade finalize"),
            "{all}"
        );
        assert!(all.contains("1.0"), "{all}");
    }
}
