//! `klamm cluster status` and `klamm cluster secret`.

use klamm_raft::ClusterSecret;
use serde_json::Value;

use crate::admin::{
    ClusterView, DecidingView, ListenerView, LivenessView, NodeView, PhysicalState, PhysicalView,
};

use super::admin_client::AdminClient;
use super::failure::Failure;
use super::format::{self, Format};
use super::print;

/// A new secret for the nodes of a cluster, as it is printed.
pub(super) fn secret() -> Result<String, Failure> {
    let secret = ClusterSecret::generate().map_err(|error| Failure::Failed(Box::new(error)))?;
    Ok(format!("{}\n", secret.reveal()))
}

/// Prints the cluster as the node that is asked sees it. A failure when nobody leads it.
pub(super) fn status(output: Format, client: &AdminClient) -> Result<(), Failure> {
    let (answer, view) = seen(client)?;
    print(&shown(output, &answer, &view)?)?;
    match view.leader {
        Some(_) => Ok(()),
        None => Err(Failure::Refused {
            what: "the gateway cluster".to_owned(),
            why: "it has no leader: nothing can be changed until a majority of its nodes is up".to_owned(),
        }),
    }
}

/// The cluster as the node that is asked sees it, as it says it and as it is meant.
pub(super) fn seen(client: &AdminClient) -> Result<(Value, ClusterView), Failure> {
    let answer = client
        .get("/gateway/v2/cluster")?
        .map_err(|refusal| refusal.failure("the state of the cluster"))?;
    let view = serde_json::from_value(answer.clone()).map_err(|error| Failure::Failed(Box::new(error)))?;
    Ok((answer, view))
}

fn shown(output: Format, answer: &Value, view: &ClusterView) -> Result<String, Failure> {
    match output {
        Format::Json => Ok(format::json(answer)),
        Format::Yaml => format::yaml(&[answer]),
        Format::Table => {
            let leader = view.leader.map_or_else(|| "none".to_owned(), |id| id.to_string());
            let rows: Vec<Vec<String>> = view.nodes.iter().map(|node| row(view, node)).collect();
            Ok(format!(
                "leader {leader}, term {}, revision {}, as node {} sees it\n{}{}\n{}{}{}",
                view.term,
                view.applied,
                view.node_id,
                founded(view),
                deciding(view),
                format::table(
                    &[
                        "NODE",
                        "STATE",
                        "ROLE",
                        "CLIENTS-CONNECT-TO",
                        "PEERS-CONNECT-TO",
                        "REVISION",
                        "SILENT"
                    ],
                    &rows
                ),
                physical_clusters(&view.physical_clusters),
                unopened(view),
            ))
        }
    }
}

/// The id of the cluster, on a line of its own.
fn founded(view: &ClusterView) -> String {
    let id = view.cluster_id.as_ref();
    id.map(|id| format!("cluster {id}\n")).unwrap_or_default()
}

/// A line about whether the node decides requests, unless it does so in the ordinary way.
fn deciding(view: &ClusterView) -> String {
    let how = match view.deciding {
        DecidingView::Freely | DecidingView::ByLease => return String::new(),
        DecidingView::AsAllowed => {
            "decides requests without a lease, as an operator allowed (klamm cluster isolate-ok)"
        }
        DecidingView::AsConfigured => {
            "decides requests without a lease, as it is configured (klamm.authorization.isolated)"
        }
        DecidingView::No => {
            "holds no lease and serves no clients: it does not hear from the leader, or does not keep up"
        }
    };
    format!("node {} {how}\n", view.node_id)
}

/// The physical clusters, and what is to be done about those that are not what they were.
fn physical_clusters(clusters: &[PhysicalView]) -> String {
    if clusters.is_empty() {
        return String::new();
    }
    let rows: Vec<Vec<String>> = clusters
        .iter()
        .map(|cluster| {
            let state = match cluster.state {
                PhysicalState::Reachable => "reachable",
                PhysicalState::Unreachable => "unreachable",
                PhysicalState::OtherCluster => "another Kafka cluster",
                PhysicalState::Unknown => "unknown",
            };
            let known = cluster.kafka_cluster_id.as_deref().unwrap_or("-");
            let answers = cluster.answers.as_deref().unwrap_or("-");
            [&cluster.name, state, known, answers].map(str::to_owned).to_vec()
        })
        .collect();
    let head = ["PHYSICAL-CLUSTER", "STATE", "KAFKA-CLUSTER-ID", "ANSWERS-INSTEAD"];
    let warnings: String = clusters
        .iter()
        .filter_map(PhysicalView::warning)
        .map(|warning| format!("\n{warning}\n"))
        .collect();
    format!("\n{}{warnings}", format::table(&head, &rows))
}

/// The addresses that the node cannot open.
fn unopened(view: &ClusterView) -> String {
    if view.unopened.is_empty() {
        return String::new();
    }
    let rows: Vec<Vec<String>> = view
        .unopened
        .iter()
        .map(|unopened| {
            let whose = match unopened.virtual_clusters.is_empty() {
                true => "-".to_owned(),
                false => unopened.virtual_clusters.join(","),
            };
            vec![unopened.listener.clone(), whose, unopened.reason.clone()]
        })
        .collect();
    let head = ["LISTENER", "V-CLUSTERS", "CANNOT-BE-OPENED"];
    format!("\n{}", format::table(&head, &rows))
}

fn row(view: &ClusterView, node: &NodeView) -> Vec<String> {
    let addresses: Vec<String> = node.listeners.iter().map(addresses).collect();
    let ports = match addresses.is_empty() {
        true => "-".to_owned(),
        false => addresses.join(","),
    };
    vec![
        node.id.to_string(),
        match node.liveness {
            LivenessView::Up => "up",
            LivenessView::Down => "down",
            LivenessView::Draining => "draining",
            LivenessView::Unknown => "unknown",
        }
        .to_owned(),
        if view.leader == Some(node.id) {
            "leader"
        } else {
            "follower"
        }
        .to_owned(),
        ports,
        node.peer_address.clone().unwrap_or_else(|| "-".to_owned()),
        node.applied
            .map_or_else(|| "-".to_owned(), |revision| revision.to_string()),
        node.silent_for_ms
            .map_or_else(|| "-".to_owned(), |silent| format!("{silent} ms")),
    ]
}

fn addresses(listener: &ListenerView) -> String {
    match listener {
        ListenerView {
            advertised_host: Some(host),
            port_start: Some(start),
            port_count: Some(count),
            ..
        } => format!(
            "{host}:{start}-{}",
            u32::from(*start) + u32::from(*count).saturating_sub(1)
        ),
        ListenerView {
            domain: Some(domain),
            port: Some(port),
            ..
        } => format!("*.{domain}:{port}"),
        _ => "-".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::UnopenedView;

    #[test]
    fn the_table_has_a_line_for_each_node() {
        let view = ClusterView {
            cluster_id: Some("0a1b".to_owned()),
            node_id: 1,
            leader: Some(2),
            term: 3,
            applied: 9,
            nodes: vec![
                NodeView {
                    id: 1,
                    liveness: LivenessView::Up,
                    listeners: vec![
                        ListenerView {
                            advertised_host: Some("gw1".to_owned()),
                            port_start: Some(6969),
                            port_count: Some(256),
                            ..ListenerView::default()
                        },
                        ListenerView {
                            domain: Some("example.com".to_owned()),
                            port: Some(443),
                            ..ListenerView::default()
                        },
                    ],
                    applied: Some(9),
                    ..NodeView::default()
                },
                NodeView {
                    id: 2,
                    silent_for_ms: Some(12),
                    peer_address: Some("gw2:9000".to_owned()),
                    ..NodeView::default()
                },
            ],
            ..ClusterView::default()
        };
        let text = shown(Format::Table, &Value::Null, &view).expect("a text");
        let lines: Vec<Vec<&str>> = text
            .lines()
            .map(|line| line.split_whitespace().collect())
            .collect();
        assert_eq!(
            lines[0].join(" "),
            "leader 2, term 3, revision 9, as node 1 sees it"
        );
        assert_eq!(lines[1], ["cluster", "0a1b"]);
        assert_eq!(
            lines[4],
            [
                "1",
                "up",
                "follower",
                "gw1:6969-7224,*.example.com:443",
                "-",
                "9",
                "-"
            ]
        );
        assert_eq!(
            lines[5],
            ["2", "unknown", "leader", "-", "gw2:9000", "-", "12", "ms"]
        );
        assert_eq!(lines.len(), 6, "nothing more is to be said");
    }

    #[test]
    fn a_node_that_decides_nothing_says_so() {
        let view = ClusterView {
            node_id: 3,
            deciding: DecidingView::No,
            ..ClusterView::default()
        };
        let text = shown(Format::Table, &Value::Null, &view).expect("a text");
        assert!(
            text.contains("\nnode 3 holds no lease and serves no clients"),
            "{text}"
        );
    }

    #[test]
    fn what_this_node_cannot_use_is_below() {
        let view = ClusterView {
            physical_clusters: vec![PhysicalView {
                name: "east".to_owned(),
                state: PhysicalState::OtherCluster,
                kafka_cluster_id: Some("old".to_owned()),
                answers: Some("new".to_owned()),
            }],
            unopened: vec![UnopenedView {
                listener: "default".to_owned(),
                virtual_clusters: vec!["sales".to_owned()],
                reason: "127.0.0.1:6970 cannot be opened".to_owned(),
            }],
            ..ClusterView::default()
        };
        let text = shown(Format::Table, &Value::Null, &view).expect("a text");
        for part in [
            "accept-kafka-cluster east --id new --dry-run",
            "127.0.0.1:6970 cannot be opened",
        ] {
            assert!(text.contains(part), "{text}");
        }
    }
}
