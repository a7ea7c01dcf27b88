//! `klamm cluster routes` and `klamm cluster switch`: where requests for physical clusters go.

use clap::Args;
use serde_json::{Value, json};

use super::admin_client::{AdminClient, Connection};
use super::failure::Failure;
use super::format::{self, Format, Style};
use super::print;
use super::trial::Trial;
use crate::admin::{PhaseView, RehearsalFinding, RouteView, Severity};

const ROUTES: &str = "/gateway/v2/cluster/routes";

#[derive(Debug, Args)]
pub(super) struct SwitchArgs {
    /// The physical cluster that virtual clusters are on
    #[arg(value_name = "CLUSTER")]
    cluster: String,
    /// The physical cluster that is to get the requests: the one that stands in, or CLUSTER itself to go back
    #[arg(long, value_name = "CLUSTER")]
    to: String,
    /// Switch only this virtual cluster, as a drill
    #[arg(long, value_name = "NAME")]
    v_cluster: Option<String>,
    /// Let requests go nowhere from now on; the same command without it goes on
    #[arg(long)]
    fence: bool,
    /// Switch although something was found that clients will notice
    #[arg(long)]
    force: bool,
    /// Switch only if the route has this generation: see klamm cluster routes
    #[arg(long, value_name = "NUMBER")]
    expected_generation: Option<u32>,
    #[command(flatten)]
    trial: Trial,
    #[command(flatten)]
    pub(super) connection: Connection,
}

/// Prints where requests go.
pub(super) fn list(output: Format, client: &AdminClient) -> Result<(), Failure> {
    let answer = client
        .get(ROUTES)?
        .map_err(|refusal| refusal.failure("the routes of the cluster"))?;
    print(&match output {
        Format::Json => format::json(&answer),
        Format::Yaml => format::yaml(&[&answer])?,
        Format::Table => table(&read::<Vec<RouteView>>(answer)?),
    })
}

pub(super) fn switch(args: &SwitchArgs, client: &AdminClient) -> Result<(), Failure> {
    let path = format!("{ROUTES}/switch?dryMode={}", args.trial.dry_run);
    let body = json!({
        "cluster": args.cluster,
        "to": args.to,
        "vCluster": args.v_cluster,
        "fence": args.fence,
        "force": args.force,
        "expectedGeneration": args.expected_generation,
    });
    let answer = client
        .call("POST", &path, Some(&body))?
        .map_err(|refusal| refusal.failure(format!("the route of {}", args.cluster)))?;
    print(&match args.trial.output {
        Style::Json => format::json(&answer),
        Style::Text => text(args, answer)?,
    })
}

fn read<T: serde::de::DeserializeOwned>(answer: Value) -> Result<T, Failure> {
    serde_json::from_value(answer).map_err(|error| Failure::Failed(Box::new(error)))
}

fn text(args: &SwitchArgs, mut answer: Value) -> Result<String, Failure> {
    let findings: Vec<RehearsalFinding> = read(answer["findings"].take())?;
    let rows: Vec<Vec<String>> = findings.iter().map(row).collect();
    let table = format::table(&["", "ABOUT", "FOUND"], &rows);
    let route: RouteView = read(answer["route"].take())?;
    let RouteView { cluster, target, .. } = &route;
    let ends = match (args.trial.dry_run, route.phase) {
        (true, _) => format!("requests for {cluster} would go to {}", args.to),
        (false, PhaseView::Fenced) => format!(
            "requests for {cluster} go nowhere: klamm cluster switch {cluster} --to {target} lets them go on"
        ),
        (false, PhaseView::Open) if answer["upsertResult"] == "NOT_CHANGED" => {
            format!("requests for {cluster} go to {target} already")
        }
        (false, PhaseView::Open) => format!(
            "requests for {cluster} go to {target}; they went nowhere for {} ms",
            answer["fencedForMs"]
        ),
    };
    Ok(format!("{table}\n{ends}\n"))
}

fn row(finding: &RehearsalFinding) -> Vec<String> {
    let severity = match finding.severity {
        Severity::Ok => "ok",
        Severity::Warn => "WARN",
        Severity::Block => "BLOCK",
    };
    vec![severity.to_owned(), finding.about.clone(), finding.text.clone()]
}

fn table(routes: &[RouteView]) -> String {
    let rows: Vec<Vec<String>> = routes
        .iter()
        .map(|route| {
            let phase = match (route.phase, route.stays_fenced) {
                (PhaseView::Open, _) => "open",
                (PhaseView::Fenced, false) => "fenced",
                (PhaseView::Fenced, true) => "fenced, and stays so",
            };
            vec![
                route.cluster.clone(),
                route.v_cluster.clone().unwrap_or_else(|| "all".to_owned()),
                route.target.clone(),
                phase.to_owned(),
                route.generation.to_string(),
                route.stand_ins.join(", "),
            ]
        })
        .collect();
    match rows.is_empty() {
        true => "no physical cluster stands in for another (gateway.roles: failover)\n".to_owned(),
        false => format::table(
            &[
                "CLUSTER",
                "V-CLUSTER",
                "GOES-TO",
                "STATE",
                "GENERATION",
                "STAND-INS",
            ],
            &rows,
        ),
    }
}
