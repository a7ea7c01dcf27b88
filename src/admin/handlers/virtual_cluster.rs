//! `/gateway/v2/virtual-cluster`.

use std::collections::BTreeSet;
use std::sync::Arc;

use actix_web::{HttpResponse, web};
use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use klamm_raft::command::Command;
use klamm_raft::model::{Authentication, Beside, ClusterId, Method, State, VclusterKind, VclusterName};
use serde_json::json;

use super::dry_run::{DryRunStage, Rehearsed, Step, TRIAL, read};
use super::{Filter, configured, delete_by, find, gone, has_provider, upserted, would_be};
use super::{alias_topic, servable};
use crate::admin::api::{AdminApi, BodySchema, Content, Operation, parameter};
use crate::admin::audit::Action;
use crate::admin::body::{Body, Query};
use crate::admin::change::{Made, Mode, Subject};
use crate::admin::credentials::{Reader, Writer, now_s};
use crate::admin::kind::{ApplyRules, Kind, Listing, Pace};
use crate::admin::mapping;
use crate::admin::problem::ApiError;
use crate::admin::resources::alias_topic::Elsewhere;
use crate::admin::resources::{Principals, Spelling, VirtualClusterResource, vcluster_name, virtual_cluster};
use crate::admin::services::Services;
use crate::admin::taken;

/// Virtual clusters.
pub(in crate::admin) static KIND: Kind = Kind {
    name: virtual_cluster::KIND,
    words: &["virtualclusters", "virtualcluster", "vclusters", "vcluster", "vc"],
    path: "/gateway/v2/virtual-cluster",
    listing: Listing::ByPath,
    columns: &[
        ("NAME", "/metadata/name"),
        ("TYPE", "/spec/type"),
        ("SUPER-USERS", "/spec/superUsers"),
        ("BOOTSTRAP-SERVERS", "/spec/bootstrapServers"),
    ],
    applied: Some(ApplyRules {
        place: 7,
        pace: Pace::OneByOne,
        claims: &[],
        rehearse,
    }),
    register,
};

/// The topics of a virtual cluster: they are no resources, and are not put.
pub(in crate::admin) static TOPICS: Kind = Kind {
    name: "Topic",
    words: &["topics", "topic"],
    path: KIND.path,
    listing: Listing::BelowVcluster { end: "topics" },
    columns: &[
        ("NAME", "/name"),
        ("PHYSICAL-TOPIC", "/physicalName"),
        ("PHYSICAL-CLUSTER", "/physicalCluster"),
        ("OWNED", "/owned"),
        ("EXISTS", "/exists"),
        ("PARTITIONS", "/partitions"),
        ("HIDDEN-BY", "/hiddenBy"),
    ],
    applied: None,
    register: register_topics,
};

fn register(api: &mut AdminApi) {
    api.add(
        Operation::get(KIND.path, "listVirtualClusters", "List the virtual clusters")
            .gives(Content::Many(BodySchema::read::<VirtualClusterResource>()))
            .fails(&["503"]),
        list,
    );
    api.add(
        Operation::put(
            KIND.path,
            "putVirtualCluster",
            "Create or change a virtual cluster",
        )
        .by(&[parameter::DRY_MODE])
        .takes(BodySchema::read::<VirtualClusterResource>())
        .example(KIND.example(
            &json!({ "name": "mypartner" }),
            &json!({ "type": "Partner", "aclEnabled": true, "superUsers": ["super-user"] }),
        ))
        .gives(Content::Upserted(BodySchema::read::<VirtualClusterResource>()))
        .fails(&["400", "409", "503"])
        .applies(&KIND),
        put,
    );
    api.add(
        Operation::get(
            "/gateway/v2/virtual-cluster/{vCluster}",
            "getVirtualCluster",
            "Get a virtual cluster, with its bootstrap servers and client properties",
        )
        .gives(Content::One(BodySchema::read::<VirtualClusterResource>()))
        .fails(&["400", "404", "503"]),
        get,
    );
    api.add(
        Operation::delete(
            "/gateway/v2/virtual-cluster/{vCluster}",
            "deleteVirtualCluster",
            "Delete a virtual cluster that nothing refers to",
        )
        .by(&[parameter::DRY_MODE])
        .gives(Content::Nothing)
        .fails(&["400", "404", "409", "503"]),
        delete,
    );
}

fn register_topics(api: &mut AdminApi) {
    api.add(
        Operation::get(
            "/gateway/v2/virtual-cluster/{vCluster}/topics",
            "listTopics",
            "List the topics of a virtual cluster with the physical topics that they stand for",
        )
        .by(&[parameter::NAME])
        .gives(Content::Many(BodySchema::shown::<mapping::Mapped>()))
        .fails(&["400", "404", "503"]),
        topics,
    );
}

fn rehearse(stage: DryRunStage, step: Step) -> Rehearsed {
    let DryRunStage {
        services,
        writer,
        spelling,
    } = stage;
    Box::pin(async move {
        match step {
            Step::Put(resource) => put(services, (writer, spelling), TRIAL, read(resource)?).await,
            Step::Delete(target) => delete(services, target.name.into(), writer, TRIAL).await,
        }
    })
}

pub(in crate::admin) async fn list(
    services: web::Data<Services>,
    _: Reader,
    spelling: Spelling,
) -> Result<HttpResponse, ApiError> {
    let (state, here) = (services.newest().await?, (services.here)());
    let all: Vec<_> = state
        .vclusters
        .iter()
        .map(|(name, v)| virtual_cluster::show(name, v, (&state, spelling)).without(here.unavailable(v)))
        .collect();
    Ok(HttpResponse::Ok().json(all))
}

pub(in crate::admin) async fn get(
    services: web::Data<Services>,
    path: web::Path<String>,
    _: Reader,
    spelling: Spelling,
) -> Result<HttpResponse, ApiError> {
    let name = vcluster_name("the name", Some(&path))?;
    let state = services.newest().await?;
    let vcluster = find(&state, &name)?;
    let unavailable = (services.here)().unavailable(vcluster);
    let shown = virtual_cluster::show(&name, vcluster, (&state, spelling)).without(unavailable);
    Ok(HttpResponse::Ok().json(shown))
}

pub(in crate::admin) async fn topics(
    services: web::Data<Services>,
    path: web::Path<String>,
    _: Reader,
    Query(filter): Query<Filter>,
) -> Result<HttpResponse, ApiError> {
    let name = vcluster_name("the name", Some(&path))?;
    let state = services.newest().await?;
    let mut topics = mapping::topics(&services, &name, find(&state, &name)?);
    topics.retain(|topic| filter.has_name(&topic.name));
    Ok(HttpResponse::Ok().json(topics))
}

pub(in crate::admin) async fn put(
    services: web::Data<Services>,
    (writer, spelling): (Writer, Spelling),
    Query(mode): Query<Mode>,
    Body(resource): Body<VirtualClusterResource>,
) -> Result<HttpResponse, ApiError> {
    let before = services.newest().await?;
    let wanted = Wanted {
        making: Making::Upsert,
        resource,
        beside: None,
    };
    let (name, made) = make(&services, &writer, mode, wanted).await?;
    let vcluster = made.state.vclusters.get(&name).ok_or_else(gone)?;
    let shown = virtual_cluster::show(&name, vcluster, (&made.state, spelling));
    Ok(match mode.dry_mode {
        true => would_be(
            &made,
            shown,
            mapping::difference(&services, &name, &before, &made.state),
        ),
        false => upserted(&made, shown),
    })
}

/// The treatment of a virtual cluster that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Making {
    /// It is changed.
    Upsert,
    /// It is kept, and the request is refused.
    New,
}

/// A virtual cluster that somebody wants.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) making: Making,
    pub(super) resource: VirtualClusterResource,
    /// The notes that are written with it. None where there are no words for that: it stays as it is.
    pub(super) beside: Option<Beside>,
}

/// Creates or changes a virtual cluster, and gives its name.
pub(super) async fn make(
    services: &Services,
    writer: &Writer,
    mode: Mode,
    wanted: Wanted,
) -> Result<(VclusterName, Made), ApiError> {
    let Wanted {
        making,
        resource,
        beside,
    } = wanted;
    let (name, mut spec, principals) = resource.read()?;
    spec.authentication = hashed(services, &name, spec.authentication, principals).await?;
    if let VclusterKind::Standard(standard) = &spec.kind {
        configured(services, &standard.backend)?;
        taken::check_vcluster(services, &services.state(), &name, &spec.kind).await?;
    }
    // What is shown of it can be put back, and is nothing else.
    if spec.kind == VclusterKind::Passthrough {
        let state = services.newest().await?;
        if state.vclusters.get(&name).is_none_or(|there| *there.spec != spec) {
            return Err(virtual_cluster::built_in().into());
        }
    }
    for method in &spec.authentication.0 {
        if let Method::OauthBearer(oauth) = method {
            has_provider(services, &oauth.provider)?;
        }
    }
    let state = services.newest().await?;
    servable::check_served(&state, &name, &spec)?;
    let mut reached = reached(&state, &name, &spec.kind);
    if let Some(beside) = &beside {
        reached.extend(beside.aliases.values().map(|alias| &alias.physical_cluster));
    }
    servable::check_open(services, &spec.authentication, reached)?;
    if let Some(beside) = &beside {
        check_aliases(services, (&state, &spec.kind), &name, beside).await?;
    }
    let subject = Subject {
        writer,
        action: Action::PUT,
        resource: KIND.one(&name),
    };
    let beside = beside.map(Box::new);
    let (kafka_cluster_id, at_s) = (new_cluster_id()?, now_s()?);
    let made_name = name.clone();
    let command = match making {
        Making::Upsert => Command::PutVcluster {
            name: made_name,
            spec,
            kafka_cluster_id,
            at_s,
            beside,
        },
        Making::New => Command::CreateVcluster {
            name: made_name,
            spec,
            kafka_cluster_id,
            at_s,
            beside,
        },
    };
    let made = services.change(subject, command, mode).await?;
    Ok((name, made))
}

/// That the alias topics that are written with a virtual cluster of this kind may be put.
async fn check_aliases(
    services: &Services,
    (state, kind): (&State, &VclusterKind),
    vcluster: &VclusterName,
    beside: &Beside,
) -> Result<(), ApiError> {
    for (name, alias) in &beside.aliases {
        let elsewhere = match beside.repointed.contains(name) {
            true => Elsewhere::Repointed,
            false => Elsewhere::Kept,
        };
        alias_topic::check(
            services,
            (state, Some(kind)),
            (vcluster, name),
            (alias, elsewhere),
        )
        .await?;
    }
    Ok(())
}

/// The physical clusters that a virtual cluster of this kind will reach, or does already.
fn reached<'a>(state: &'a State, name: &VclusterName, kind: &'a VclusterKind) -> BTreeSet<&'a ClusterId> {
    let mut reached = state
        .vclusters
        .get(name)
        .map(|vcluster| vcluster.reached())
        .unwrap_or_default();
    if let VclusterKind::Standard(standard) = kind {
        reached.insert(&standard.backend);
    }
    reached
}

pub(in crate::admin) async fn delete(
    services: web::Data<Services>,
    path: web::Path<String>,
    writer: Writer,
    Query(mode): Query<Mode>,
) -> Result<HttpResponse, ApiError> {
    let name = vcluster_name("the name", Some(&path))?;
    let resource = KIND.one(&name);
    let command = Command::DeleteVcluster { name };
    delete_by(&services, (&writer, resource), command, mode).await
}

/// The methods with the users of PLAIN among them. Hashing takes its time, which no other request waits for.
async fn hashed(
    services: &Services,
    name: &VclusterName,
    mut authentication: Authentication,
    principals: Principals,
) -> Result<Authentication, ApiError> {
    if principals.is_empty() {
        return Ok(authentication);
    }
    let state = services.newest().await?;
    let known = state.vclusters.get(name);
    let known = known.map_or_else(Authentication::default, |known| known.spec.authentication.clone());
    let variables = Arc::clone(&services.variables);
    let hashed = web::block(move || {
        principals
            .put_into(&mut authentication, &known, &variables)
            .map(|()| authentication)
    });
    let hashed = hashed
        .await
        .map_err(|_| ApiError::internal("the passwords could not be hashed"))?;
    Ok(hashed?)
}

/// A Kafka cluster id as Kafka makes them: 16 random bytes as 22 characters of URL-safe base64.
fn new_cluster_id() -> Result<String, ApiError> {
    let mut bytes = [0; 16];
    rand::fill(&mut bytes)
        .map_err(|_| ApiError::internal("the operating system provides no random bytes"))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cluster_ids_are_random_and_of_kafkas_form() {
        let (a, b) = (new_cluster_id().expect("an id"), new_cluster_id().expect("an id"));
        assert_ne!(a, b);
        assert_eq!(a.len(), 22);
    }
}
