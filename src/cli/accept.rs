//! `klamm cluster accept-kafka-cluster`.

use clap::Args;
use serde_json::{Value, json};

use super::admin_client::{AdminClient, Connection};
use super::failure::Failure;
use super::format::{self, Style};
use super::print;
use super::trial::Trial;

#[derive(Debug, Args)]
pub(super) struct AcceptArgs {
    /// The physical cluster, by its name in the gateway's configuration
    #[arg(value_name = "PHYSICAL-CLUSTER")]
    cluster: String,
    /// The id of the new Kafka cluster, as cluster status shows it
    #[arg(long, value_name = "ID")]
    id: String,
    /// The expected id of the old one; the command is refused if it is different by now
    #[arg(long, value_name = "ID")]
    instead: Option<String>,
    #[command(flatten)]
    trial: Trial,
    #[command(flatten)]
    pub(super) connection: Connection,
}

/// Accepts it, or says what that would mean.
pub(super) fn accept(args: &AcceptArgs, client: &AdminClient) -> Result<(), Failure> {
    let mut body = json!({ "physicalCluster": args.cluster, "kafkaClusterId": args.id });
    if let Some(instead) = &args.instead {
        body["instead"] = json!(instead);
    }
    let path = format!(
        "/gateway/v2/cluster/accept-kafka-cluster?dryMode={}",
        args.trial.dry_run
    );
    let answer = client
        .call("POST", &path, Some(&body))?
        .map_err(|refusal| refusal.failure(format!("the Kafka cluster {}", args.id)))?;
    print(&match args.trial.output {
        Style::Json => format::json(&answer),
        Style::Text => shown(&answer, if args.trial.dry_run { "would be" } else { "is" }),
    })
}

/// `verb` says whether it is so already.
fn shown(answer: &Value, verb: &str) -> String {
    let text = |key: &str| answer[key].as_str().unwrap_or_default();
    let (cluster, new, old) = (text("physicalCluster"), text("kafkaClusterId"), text("instead"));
    if text("upsertResult") == "NOT_CHANGED" {
        return format!("physical cluster {cluster} already is the Kafka cluster {new}\n");
    }
    let items = |key: &str| answer[key].as_array().into_iter().flatten();
    let concerned: String = items("virtualClusters")
        .map(|concerned| {
            let home = match concerned["isHome"].as_bool() {
                Some(true) => "; its groups and transactions are there",
                _ => "",
            };
            let name = concerned["name"].as_str().unwrap_or_default();
            format!("  {name}: alias topics: {}{home}\n", concerned["aliasTopics"])
        })
        .collect();
    let concerned = match concerned.is_empty() {
        true => "  none\n".to_owned(),
        false => concerned,
    };
    let means: String = items("consequences")
        .filter_map(Value::as_str)
        .map(|line| format!("* {line}\n"))
        .collect();
    format!(
        "physical cluster {cluster} {verb} the Kafka cluster {new} instead of {old}\n\nvirtual clusters that use it:\n{concerned}\nwhat it means:\n{means}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_whom_it_concerns_and_what_it_means() {
        let answer = |result: &str| {
            json!({
                "physicalCluster": "main", "kafkaClusterId": "new", "instead": "old", "upsertResult": result,
                "virtualClusters": [{ "name": "sales", "isHome": true, "aliasTopics": 3 }],
                "consequences": ["offsets"],
            })
        };
        let dry = shown(&answer("UPDATED"), "would be");
        assert!(
            dry.starts_with("physical cluster main would be the Kafka cluster new instead of old\n"),
            "{dry}"
        );
        assert!(
            dry.contains("  sales: alias topics: 3; its groups and transactions are there\n")
                && dry.ends_with("* offsets\n"),
            "{dry}"
        );
        assert!(shown(&answer("UPDATED"), "is").contains("main is the Kafka cluster new"));
        assert!(shown(&answer("NOT_CHANGED"), "is").contains("already"));
    }
}
