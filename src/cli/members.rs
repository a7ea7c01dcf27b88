//! `klamm cluster members`, `promote`, `demote`, `remove`, `replace` and `voters`: who belongs to the gateway cluster.

use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::{Value, json};

use super::admin_client::{AdminClient, Connection};
use super::failure::Failure;
use super::format::{self, Format, Style};
use super::print;
use super::trial::Trial;
use crate::admin::{LivenessView, MemberView, MembersView, RoleView};

const MEMBERS: &str = "/gateway/v2/cluster/members";

/// How often a command that waits looks.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How a change of one node is asked for.
#[derive(Debug, Args)]
pub(super) struct HowArgs {
    /// For how many seconds the command waits until it is done; 0 for not at all
    #[arg(long = "wait", value_name = "SECONDS", default_value = "120")]
    wait_seconds: u64,
    #[command(flatten)]
    trial: Trial,
    #[command(flatten)]
    pub(super) connection: Connection,
}

#[derive(Debug, Args)]
pub(super) struct NodeArgs {
    /// The number of the node
    #[arg(value_name = "ID")]
    id: u64,
    #[command(flatten)]
    pub(super) how: HowArgs,
}

#[derive(Debug, Args)]
pub(super) struct RemoveNodeArgs {
    /// The number of the node
    #[arg(value_name = "ID")]
    id: u64,
    /// Do not wait until its clients are elsewhere
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    pub(super) how: HowArgs,
}

#[derive(Debug, Args)]
pub(super) struct ReplaceArgs {
    /// The number of the lost node
    #[arg(value_name = "LOST")]
    id: u64,
    /// The number of the node that votes in its place
    #[arg(long, value_name = "ID")]
    with: u64,
    #[command(flatten)]
    pub(super) how: HowArgs,
}

#[derive(Debug, Args)]
pub(super) struct VotersArgs {
    /// How many; an odd number outlives more losses than the even one above it
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u8).range(1..=9))]
    target: u8,
    #[command(flatten)]
    trial: Trial,
    #[command(flatten)]
    pub(super) connection: Connection,
}

/// Prints the members as the node that is asked sees them.
pub(super) fn list(output: Format, client: &AdminClient) -> Result<(), Failure> {
    let (answer, view) = seen(client)?;
    print(&match output {
        Format::Json => format::json(&answer),
        Format::Yaml => format::yaml(&[&answer])?,
        Format::Table => table(&view),
    })
}

fn seen(client: &AdminClient) -> Result<(Value, MembersView), Failure> {
    let answer = client
        .get(MEMBERS)?
        .map_err(|refusal| refusal.failure("the members of the cluster"))?;
    let view = serde_json::from_value(answer.clone()).map_err(|error| Failure::Failed(Box::new(error)))?;
    Ok((answer, view))
}

pub(super) fn promote(args: &NodeArgs, client: &AdminClient) -> Result<(), Failure> {
    let asked = Asked::new("promote", json!({ "nodeId": args.id }), args.id);
    asked.carry_out(client, &args.how, |member| {
        member.is_some_and(|member| member.role == RoleView::Voter)
    })
}

pub(super) fn demote(args: &NodeArgs, client: &AdminClient) -> Result<(), Failure> {
    let asked = Asked::new("demote", json!({ "nodeId": args.id }), args.id);
    asked.carry_out(client, &args.how, |member| {
        member.is_some_and(|member| member.role != RoleView::Voter)
    })
}

pub(super) fn remove(args: &RemoveNodeArgs, client: &AdminClient) -> Result<(), Failure> {
    let body = json!({ "nodeId": args.id, "force": args.force });
    let asked = Asked::new("remove", body, args.id);
    asked.carry_out(client, &args.how, |member| member.is_none())
}

pub(super) fn replace(args: &ReplaceArgs, client: &AdminClient) -> Result<(), Failure> {
    let body = json!({ "nodeId": args.id, "with": args.with });
    let asked = Asked::new("replace", body, args.id);
    asked.carry_out(client, &args.how, |member| member.is_none())
}

pub(super) fn voters(args: &VotersArgs, client: &AdminClient) -> Result<(), Failure> {
    let path = path("voters", &args.trial);
    let body = json!({ "target": args.target });
    let answer = client
        .call("POST", &path, Some(&body))?
        .map_err(|refusal| refusal.failure("the voters of the cluster"))?;
    print(&match (args.trial.output, args.trial.dry_run) {
        (Style::Json, _) => format::json(&answer),
        (Style::Text, true) => format!("{} nodes would be to vote\n", args.target),
        (Style::Text, false) => format!(
            "{} nodes are to vote: klamm cluster members shows which do\n",
            args.target
        ),
    })
}

fn path(action: &str, trial: &Trial) -> String {
    format!("{MEMBERS}/{action}?dryMode={}", trial.dry_run)
}

/// A change of one node.
struct Asked {
    action: &'static str,
    body: Value,
    id: u64,
}

impl Asked {
    fn new(action: &'static str, body: Value, id: u64) -> Self {
        Self { action, body, id }
    }

    /// Asks for it, and waits until it is done.
    fn carry_out(
        &self,
        client: &AdminClient,
        how: &HowArgs,
        is_done: impl Fn(Option<&MemberView>) -> bool,
    ) -> Result<(), Failure> {
        let answer = client
            .call("POST", &path(self.action, &how.trial), Some(&self.body))?
            .map_err(|refusal| refusal.failure(format!("node {}", self.id)))?;
        let began = Instant::now();
        let limit = Duration::from_secs(how.wait_seconds);
        while !how.trial.dry_run && began.elapsed() < limit {
            let (_, view) = seen(client)?;
            let member = view.members.iter().find(|member| member.id == self.id);
            if is_done(member) && !view.is_changing {
                return print(&match how.trial.output {
                    Style::Json => format::json(&answer),
                    Style::Text => self.text("done"),
                });
            }
            thread::sleep(LOOK_EVERY);
        }
        match how.trial.output {
            Style::Json => print(&format::json(&answer)),
            Style::Text if how.trial.dry_run => print(&self.text("possible")),
            Style::Text if how.wait_seconds == 0 => print(&self.text("under way")),
            Style::Text => Err(Failure::NotNow {
                what: format!("node {}", self.id),
                why: format!(
                    "this is on record, and not done after {} s: klamm cluster members shows how far it is",
                    how.wait_seconds
                ),
            }),
        }
    }

    fn text(&self, how: &str) -> String {
        format!("{} node {}: {how}\n", self.action, self.id)
    }
}

fn table(view: &MembersView) -> String {
    let rows: Vec<Vec<String>> = view.members.iter().map(|member| row(view, member)).collect();
    let head = [
        "NODE",
        "ROLE",
        "STATE",
        "PEERS-CONNECT-TO",
        "REVISION",
        "BEHIND",
        "SILENT",
    ];
    let table = format::table(&head, &rows);
    let target = view.target.map(|target| format!("{target} nodes are to vote\n"));
    let changing = view.is_changing.then_some("the voters are about to change\n");
    let lost = view.members.iter().filter(|member| is_lost(member));
    let lost: String = lost
        .map(|member| {
            format!(
                "node {} is lost: if it does not come back, run klamm cluster remove {}\n",
                member.id, member.id
            )
        })
        .collect();
    let more = [
        target.as_deref().unwrap_or_default(),
        changing.unwrap_or_default(),
        &lost,
    ]
    .concat();
    match more.is_empty() {
        true => table,
        false => format!("{table}\n{more}"),
    }
}

fn is_lost(member: &MemberView) -> bool {
    member.liveness == LivenessView::Down && !member.is_leaving
}

fn row(view: &MembersView, member: &MemberView) -> Vec<String> {
    let role = match member.role {
        RoleView::Voter => "voter",
        RoleView::Learner if member.is_to_vote => "learner, to vote",
        RoleView::Learner => "learner",
        RoleView::Joining => "joining",
    };
    let role = match (view.leader == Some(member.id), member.is_leaving) {
        (true, _) => format!("{role}, leader"),
        (false, true) => format!("{role}, leaving"),
        (false, false) => role.to_owned(),
    };
    let state = match member.liveness {
        LivenessView::Up => "up",
        LivenessView::Down => "lost",
        LivenessView::Draining => "draining",
        LivenessView::Unknown => "unknown",
    };
    let number = |number: Option<u64>| number.map_or_else(|| "-".to_owned(), |number| number.to_string());
    let silent = member.silent_for_ms;
    vec![
        member.id.to_string(),
        role,
        state.to_owned(),
        places(member),
        number(member.applied),
        number(member.entries_behind),
        silent.map_or_else(|| "-".to_owned(), |silent| format!("{silent} ms")),
    ]
}

/// Where it is looked for, and where it says that it is, if that is somewhere else.
fn places(member: &MemberView) -> String {
    match (&member.peer_address, &member.recorded_address) {
        (Some(looked), Some(says)) if looked != says => format!("{looked} (says {says})"),
        (Some(place), _) | (None, Some(place)) => place.clone(),
        (None, None) => "-".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_says_who_votes_and_what_is_to_be_done() {
        let member = |id, role, liveness| MemberView {
            id,
            role,
            liveness,
            peer_address: Some(format!("gw{id}:9300")),
            recorded_address: Some(format!("gw{id}:9300")),
            ..MemberView::default()
        };
        let moved = MemberView {
            recorded_address: Some("elsewhere:9300".to_owned()),
            is_to_vote: true,
            entries_behind: Some(7),
            ..member(4, RoleView::Learner, LivenessView::Up)
        };
        let view = MembersView {
            leader: Some(1),
            target: Some(3),
            members: vec![
                member(1, RoleView::Voter, LivenessView::Up),
                member(3, RoleView::Voter, LivenessView::Down),
                moved,
            ],
            ..MembersView::default()
        };
        let text = table(&view);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[1].starts_with("1     voter, leader"), "{text}");
        assert!(lines[3].contains("learner, to vote"), "{text}");
        assert!(
            lines[3].contains("gw4:9300 (says elsewhere:9300)  -         7"),
            "{text}"
        );
        for part in [
            "3 nodes are to vote",
            "node 3 is lost: if it does not come back, run klamm cluster remove 3",
        ] {
            assert!(text.contains(part), "{text}");
        }
    }
}
