//! `/gateway/v2/alias-topic`.

use actix_web::{HttpResponse, web};
use futures_util::future::join;
use klamm_raft::command::Command;
use klamm_raft::model::{AliasTopic, State, TopicName, VclusterKind, VclusterName};
use serde_json::json;

use super::dry_run::{DryRunStage, Rehearsed, Step, TRIAL, read};
use super::servable;
use super::{Filter, configured, delete_by, gone, upserted, would_be};
use crate::admin::api::{AdminApi, BodySchema, Content, Operation, parameter};
use crate::admin::audit::Action;
use crate::admin::body::{Body, Query};
use crate::admin::change::{Mode, Subject};
use crate::admin::credentials::{Reader, Writer};
use crate::admin::kind::{ApplyRules, Claim, Kind, Listing, Pace};
use crate::admin::mapping;
use crate::admin::problem::ApiError;
use crate::admin::resources::alias_topic::{self, Elsewhere};
use crate::admin::resources::{AliasTopicResource, DeleteByName, vcluster_name};
use crate::admin::services::{Finding, Services};
use crate::admin::{repoint, taken};

/// Alias topics.
pub(in crate::admin) static KIND: Kind = Kind {
    name: alias_topic::KIND,
    words: &["aliastopics", "aliastopic", "aliases", "alias"],
    path: "/gateway/v2/alias-topic",
    listing: Listing::InVcluster { named: "name" },
    columns: &[
        ("NAME", "/metadata/name"),
        ("V-CLUSTER", "/metadata/vCluster"),
        ("PHYSICAL-TOPIC", "/spec/physicalName"),
        ("PHYSICAL-CLUSTER", "/spec/physicalCluster"),
    ],
    applied: Some(ApplyRules {
        place: 8,
        pace: Pace::FirstAlone,
        claims: // Two names for one topic are refused: the first one has it.
        &[Claim::Of(&["/spec/physicalCluster", "/spec/physicalName"])],
        rehearse,
    }),
    register,
};

fn register(api: &mut AdminApi) {
    api.add(
        Operation::get(KIND.path, "listAliasTopics", "List alias topics")
            .by(&[parameter::VCLUSTER, parameter::NAME, parameter::SHOW_DEFAULTS])
            .gives(Content::Many(BodySchema::read::<AliasTopicResource>()))
            .fails(&["400", "404", "503"]),
        list,
    );
    api.add(
        Operation::put(
            KIND.path,
            "putAliasTopic",
            "Create or change an alias topic; the physical topic must exist",
        )
        .by(&[parameter::DRY_MODE])
        .takes(BodySchema::read::<AliasTopicResource>())
        .example(KIND.example(
            &json!({ "name": "topic1", "vCluster": "mypartner" }),
            &json!({ "physicalName": "internal-topic-name1", "physicalCluster": "main" }),
        ))
        .gives(Content::Upserted(BodySchema::read::<AliasTopicResource>()))
        .fails(&["400", "404", "409", "503"])
        .applies(&KIND),
        put,
    );
    api.add(
        Operation::delete(
            KIND.path,
            "deleteAliasTopic",
            "Delete an alias topic; the physical topic stays",
        )
        .by(&[parameter::DRY_MODE])
        .takes(BodySchema::read::<DeleteByName>())
        .gives(Content::Nothing)
        .fails(&["400", "404", "409", "503"]),
        delete,
    );
}

fn rehearse(stage: DryRunStage, step: Step) -> Rehearsed {
    let DryRunStage { services, writer, .. } = stage;
    Box::pin(async move {
        match step {
            Step::Put(resource) => put(services, writer, TRIAL, read(resource)?).await,
            Step::Delete(target) => delete(services, writer, TRIAL, target.named()?).await,
        }
    })
}

pub(in crate::admin) async fn list(
    services: web::Data<Services>,
    _: Reader,
    Query(filter): Query<Filter>,
) -> Result<HttpResponse, ApiError> {
    let state = services.newest().await?;
    let mut all = Vec::new();
    for (vcluster, content) in filter.vclusters(&state)? {
        let passing = content
            .aliases
            .iter()
            .filter(|(name, _)| filter.has_name(name.as_str()));
        all.extend(passing.map(|(name, alias)| alias_topic::show(vcluster, name, alias)));
    }
    Ok(HttpResponse::Ok().json(all))
}

pub(in crate::admin) async fn put(
    services: web::Data<Services>,
    writer: Writer,
    Query(mode): Query<Mode>,
    Body(resource): Body<AliasTopicResource>,
) -> Result<HttpResponse, ApiError> {
    let (vcluster, name, alias, elsewhere) = resource.read()?;
    // Whether the virtual cluster exists is for the change itself to say: this node may not have heard of it yet.
    let state = services.newest().await?;
    let own = state.vclusters.get(&vcluster).map(|own| &own.spec.kind);
    check(&services, (&state, own), (&vcluster, &name), (&alias, elsewhere)).await?;
    if let Some(vcluster) = state.vclusters.get(&vcluster) {
        let methods = &vcluster.spec.authentication;
        servable::check_open(&services, methods, [&alias.physical_cluster])?;
    }
    let subject = Subject {
        writer: &writer,
        action: Action::PUT,
        resource: KIND.one(format_args!("{vcluster}/{name}")),
    };
    let command = match elsewhere {
        Elsewhere::Kept => Command::PutAlias {
            vcluster: vcluster.clone(),
            name: name.clone(),
            alias,
        },
        Elsewhere::Repointed => Command::RepointAlias {
            vcluster: vcluster.clone(),
            name: name.clone(),
            alias,
        },
    };
    let made = services.change(subject, command, mode).await?;
    let alias = made
        .state
        .vclusters
        .get(&vcluster)
        .and_then(|v| v.aliases.get(&name))
        .ok_or_else(gone)?;
    let shown = alias_topic::show(&vcluster, &name, alias);
    Ok(match mode.dry_mode {
        true => would_be(
            &made,
            shown,
            mapping::difference(&services, &vcluster, &state, &made.state),
        ),
        false => upserted(&made, shown),
    })
}

/// That an alias topic may be put: its topic is there, it takes its name from none, and it stands for another topic than before
/// only when that is wanted. `kind` is that of its virtual cluster.
pub(super) async fn check(
    services: &Services,
    (state, kind): (&State, Option<&VclusterKind>),
    (vcluster, name): (&VclusterName, &TopicName),
    (alias, elsewhere): (&AliasTopic, Elsewhere),
) -> Result<(), ApiError> {
    let place = (vcluster, name);
    let there = state.vclusters.get(vcluster);
    match there.and_then(|there| there.aliases.get(name)) {
        // What is there already may be put again, also while its physical cluster cannot be asked.
        Some(known) if known == alias => Ok(()),
        Some(known) => {
            check_physical_topic(services, alias).await?;
            match elsewhere {
                Elsewhere::Kept => Err(repoint::refusal(services, state, place, (known, alias)).await),
                Elsewhere::Repointed => Ok(()),
            }
        }
        None => {
            let exists = check_physical_topic(services, alias);
            let (exists, is_free) = join(exists, taken::check_alias(services, kind, place, alias)).await;
            exists.and(is_free)
        }
    }
}

async fn check_physical_topic(services: &Services, alias: &AliasTopic) -> Result<(), ApiError> {
    let (cluster, topic) = (&alias.physical_cluster, &alias.physical_name);
    configured(services, cluster)?;
    match (services.find_topic)(services.serving(cluster), topic.clone()).await {
        Ok(Finding::Exists) => Ok(()),
        Ok(Finding::Missing) => Err(ApiError::not_found(format!(
            "the topic {topic} does not exist on the physical cluster {cluster}"
        ))),
        Err(error) => Err(ApiError::unavailable(format!(
            "the physical cluster {cluster} could not say whether the topic {topic} exists"
        ))
        .because(error.to_string())),
    }
}

pub(in crate::admin) async fn delete(
    services: web::Data<Services>,
    writer: Writer,
    Query(mode): Query<Mode>,
    Body(which): Body<DeleteByName>,
) -> Result<HttpResponse, ApiError> {
    let vcluster = vcluster_name("vCluster", which.v_cluster.as_deref())?;
    let name: TopicName = which
        .name
        .parse()
        .map_err(|error| ApiError::invalid(format!("name: {error}")))?;
    let resource = KIND.one(format_args!("{vcluster}/{name}"));
    let command = Command::DeleteAlias { vcluster, name };
    delete_by(&services, (&writer, resource), command, mode).await
}
