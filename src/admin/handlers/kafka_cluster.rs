//! `/gateway/v2/cluster/accept-kafka-cluster`: a Kafka cluster that was built anew takes the place of the old one.

use actix_web::{HttpResponse, web};
use klamm_raft::command::Command;
use klamm_raft::model::{ClusterId, State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{answer, configured};
use crate::admin::api::{AdminApi, BodySchema, Content, Operation, parameter};
use crate::admin::audit::Action;
use crate::admin::body::{Body, Query};
use crate::admin::change::{Mode, Subject, UpsertResult};
use crate::admin::credentials::Writer;
use crate::admin::problem::ApiError;
use crate::admin::resources::schema::CONFIGURED;
use crate::admin::services::Services;

/// Registers the operations.
pub(in crate::admin) fn register(api: &mut AdminApi) {
    api.add(
        Operation::post(
            "/gateway/v2/cluster/accept-kafka-cluster",
            "acceptKafkaCluster",
            "Accept a rebuilt Kafka cluster in place of the one that a physical cluster was",
        )
        .by(&[parameter::DRY_MODE])
        .takes(BodySchema::read::<Acceptance>())
        .gives(Content::One(BodySchema::shown::<Accepted>()))
        .fails(&["400", "409", "503"]),
        accept,
    );
}

/// The consequences of a change, in the words of a person who is to say yes.
const CONSEQUENCES: &[&str] = &[
    "Nothing is copied from the old Kafka cluster: topics that are not on the new one do not exist for clients, and their aliases answer UNKNOWN_TOPIC_OR_PARTITION until the topics are created.",
    "Committed offsets are those that the new Kafka cluster has: where there are none, consumers start where auto.offset.reset says; where offsets were copied, make sure that they match the records.",
    "Topics have new ids: clients notice this by themselves and ask again.",
    "Producer ids start afresh: idempotent and transactional producers get new ones, open transactions are lost, and ids of the old Kafka cluster are never mistaken for those of the new one, because virtual clusters mark theirs with another number.",
    "Virtual clusters, accounts, tokens, ACLs and the addresses of brokers stay as they are.",
];

/// The yes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "KafkaClusterToAccept")]
pub(in crate::admin) struct Acceptance {
    #[schemars(regex(pattern = CONFIGURED))]
    physical_cluster: String,
    /// The id of the new Kafka cluster.
    kafka_cluster_id: String,
    /// The id of the old one; when it is not given, the one that the nodes agree on now.
    instead: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "AcceptedKafkaCluster")]
struct Accepted {
    physical_cluster: String,
    kafka_cluster_id: String,
    instead: String,
    upsert_result: UpsertResult,
    virtual_clusters: Vec<Concerned>,
    consequences: &'static [&'static str],
}

/// A virtual cluster that has something on the physical cluster.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
struct Concerned {
    name: String,
    /// Whether its groups and transactions are there.
    is_home: bool,
    alias_topics: usize,
}

pub(in crate::admin) async fn accept(
    services: web::Data<Services>,
    writer: Writer,
    Query(mode): Query<Mode>,
    Body(acceptance): Body<Acceptance>,
) -> Result<HttpResponse, ApiError> {
    let cluster: ClusterId = acceptance
        .physical_cluster
        .parse()
        .map_err(|error| ApiError::invalid(format!("physicalCluster: {error}")))?;
    configured(&services, &cluster)?;
    let state = services.newest().await?;
    let pinned = state.pinned_clusters.get(&cluster).ok_or_else(|| {
        ApiError::conflict(format!(
            "the physical cluster {cluster} has never been seen: the first Kafka cluster that answers is accepted"
        ))
    })?;
    let from = acceptance
        .instead
        .unwrap_or_else(|| pinned.kafka_cluster_id.clone());
    let to = acceptance.kafka_cluster_id;
    if pinned.kafka_cluster_id != to {
        check_answers(&services, &cluster, &to)?;
    }
    let subject = Subject {
        writer: &writer,
        action: Action("ACCEPT_KAFKA_CLUSTER"),
        resource: format!("PhysicalCluster/{cluster}"),
    };
    let command = Command::AcceptCluster {
        cluster: cluster.clone(),
        from: from.clone(),
        to: to.clone(),
    };
    let made = services.change(subject, command, mode).await?;
    let accepted = Accepted {
        physical_cluster: cluster.to_string(),
        kafka_cluster_id: to,
        instead: from,
        upsert_result: made.upsert_result(),
        virtual_clusters: concerned(&made.state, &cluster),
        consequences: CONSEQUENCES,
    };
    Ok(answer(&made, accepted))
}

/// Nobody accepts what he mistyped, or what is not there.
fn check_answers(services: &Services, cluster: &ClusterId, wanted: &str) -> Result<(), ApiError> {
    let here = (services.here)();
    let name = cluster.to_string();
    let seen = here.physical_clusters.into_iter().find(|seen| seen.name == name);
    match seen.and_then(|seen| seen.answers) {
        Some(answers) if answers == wanted => Ok(()),
        Some(answers) => Err(ApiError::conflict(format!(
            "the Kafka cluster that answers as {cluster} is {answers}, not {wanted}"
        ))),
        None => Err(ApiError::conflict(format!(
            "as far as this node can see, no other Kafka cluster answers as {cluster}"
        ))),
    }
}

fn concerned(state: &State, cluster: &ClusterId) -> Vec<Concerned> {
    let reached = state
        .vclusters
        .iter()
        .filter(|(_, vcluster)| vcluster.reached().contains(cluster));
    let concerned = reached.map(|(name, vcluster)| Concerned {
        name: name.to_string(),
        is_home: vcluster.home.as_ref() == Some(cluster),
        alias_topics: vcluster
            .aliases
            .values()
            .filter(|alias| alias.physical_cluster == *cluster)
            .count(),
    });
    concerned.collect()
}
