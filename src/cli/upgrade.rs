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
    /// Finish the upgrade: raise the feature level to what every node supports. After that there is no way back to the older version
    Finalize(FinalizeArgs),
}

#[derive(Debug, Args)]
pub(super) struct FinalizeArgs {
    /// The feature level; by default the highest that every node supports
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
            "every node supports level {all}: raise it with klamm cluster upgrade finalize. Where klamm.cluster.upgrade is auto, this happens automatically once all nodes have supported it for 24 hours. Until then every node can be downgraded"
        ),
        (_, Some(highest)) if highest > level => {
            "not every node supports the next level yet: upgrade the others. Until then every node can be downgraded"
                .to_owned()
        }
        _ => "there is nothing to do".to_owned(),
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
        (Some("NOT_CHANGED"), _) => format!("the cluster is already at feature level {level}\n"),
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
            view(&[1, 1]).contains("there is nothing to do"),
            "{}",
            view(&[1, 1])
        );
        assert!(view(&[1, 2]).contains("upgrade the others"), "{}", view(&[1, 2]));
        let all = view(&[3, 2]);
        assert!(
            all.contains("every node supports level 2: raise it with klamm cluster upgrade finalize"),
            "{all}"
        );
        assert!(all.contains("1.0"), "{all}");
    }
}
