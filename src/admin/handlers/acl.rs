//! `/gateway/v2/acl`: the ACLs that `kafka-acls` manages, for whoever cannot or will not come as a Kafka client.

use std::collections::BTreeSet;

use actix_web::{HttpResponse, web};
use klamm_raft::command::Command;
use klamm_raft::model::{AclBinding, Shared, State, VclusterName, VclusterState};
use klamm_raft::outcome::{Outcome, Refusal};
use serde_json::json;

use super::{Filter, answer, find, upserted, warn};
use crate::admin::api::{AdminApi, BodySchema, Content, Operation, parameter};
use crate::admin::audit::Action;
use crate::admin::body::{Body, Query};
use crate::admin::change::{Mode, Subject};
use crate::admin::credentials::{Reader, Writer};
use crate::admin::kind::{Kind, Listing};
use crate::admin::problem::ApiError;
use crate::admin::resources::acl::{
    AclCriteria, AclQuery, AclToPut, AclsToDelete, DeletedAcls, ShownAcl, in_words,
};
use crate::admin::services::Services;
use crate::authz::filter;
use crate::policy::BroughtAcls;

/// ACLs of virtual clusters.
pub(in crate::admin) static KIND: Kind = Kind {
    name: "Acl",
    words: &["acls", "acl"],
    path: "/gateway/v2/acl",
    listing: Listing::InVcluster { named: "principal" },
    columns: &[
        ("V-CLUSTER", "/vCluster"),
        ("PRINCIPAL", "/principal"),
        ("PERMISSION", "/permissionType"),
        ("OPERATION", "/operation"),
        ("RESOURCE", "/resourcePattern/resourceType"),
        ("NAME", "/resourcePattern/name"),
        ("PATTERN", "/resourcePattern/patternType"),
        ("HOST", "/host"),
        ("POLICY", "/policy"),
    ],
    applied: None,
    register,
};

fn register(api: &mut AdminApi) {
    api.add(
        Operation::get(
            KIND.path,
            "listAcls",
            "List ACLs, those that policies bring among them; filtered as Kafka does",
        )
        .by(&[
            parameter::VCLUSTER,
            parameter::RESOURCE_TYPE,
            parameter::RESOURCE_NAME,
            parameter::PATTERN_TYPE,
            parameter::PRINCIPAL,
            parameter::HOST,
            parameter::OPERATION,
            parameter::PERMISSION_TYPE,
        ])
        .gives(Content::Many(BodySchema::shown::<ShownAcl>()))
        .fails(&["400", "404", "503"]),
        list,
    );
    api.add(
        Operation::put(
            KIND.path,
            "putAcl",
            "Create an ACL of a virtual cluster whose ACLs are not declared with it",
        )
        .by(&[parameter::DRY_MODE])
        .takes(BodySchema::read::<AclToPut>())
        .example(json!({
            "vCluster": "mypartner",
            "resourcePattern": { "resourceType": "TOPIC", "name": "topic1", "patternType": "LITERAL" },
            "principal": "User:partner-user", "host": "*", "operation": "READ", "permissionType": "ALLOW",
        }))
        .gives(Content::Upserted(BodySchema::shown::<ShownAcl>()))
        .fails(&["400", "404", "409", "503"]),
        put,
    );
    api.add(
        Operation::delete(
            KIND.path,
            "deleteAcls",
            "Delete the ACLs that a filter finds: one, if all of it is said",
        )
        .by(&[parameter::DRY_MODE])
        .takes(BodySchema::read::<AclsToDelete>())
        .gives(Content::One(BodySchema::shown::<DeletedAcls>()))
        .fails(&["400", "404", "409", "503"]),
        delete,
    );
}

/// The ACLs that a virtual cluster has: its own with those that policies bring.
fn all_of(
    state: &State,
    name: &VclusterName,
    own: &VclusterState,
) -> (Shared<BTreeSet<AclBinding>>, BroughtAcls) {
    let brought = BroughtAcls::of(name, &state.policies, &own.policies);
    let mut all = own.acls().clone();
    if !brought.is_empty() {
        all.extend(brought.iter().cloned());
    }
    (all, brought)
}

pub(in crate::admin) async fn list(
    services: web::Data<Services>,
    _: Reader,
    Query(mut query): Query<AclQuery>,
) -> Result<HttpResponse, ApiError> {
    let vclusters = Filter {
        vcluster: query.vcluster.take(),
        ..Filter::default()
    };
    let criteria = AclCriteria::from(query);
    let filter = criteria.filter()?;
    let state = services.newest().await?;
    let mut shown = Vec::new();
    for (name, own) in vclusters.vclusters(&state)? {
        let (all, brought) = all_of(&state, name, own);
        let found = filter::describe(&all, &filter).into_iter();
        shown.extend(found.map(|acl| ShownAcl::of(name, acl, brought.by(acl))));
    }
    Ok(HttpResponse::Ok().json(shown))
}

pub(in crate::admin) async fn put(
    services: web::Data<Services>,
    writer: Writer,
    Query(mode): Query<Mode>,
    Body(body): Body<AclToPut>,
) -> Result<HttpResponse, ApiError> {
    let (vcluster, acl) = body.read()?;
    let subject = Subject {
        writer: &writer,
        action: Action::PUT,
        resource: KIND.one(format_args!("{vcluster}/{}", in_words(&acl))),
    };
    let command = Command::CreateAcls {
        vcluster: vcluster.clone(),
        acls: vec![acl.clone()],
    };
    let made = services.change(subject, command, mode).await?;
    let mut answer = upserted(&made, ShownAcl::of(&vcluster, &acl, None));
    if let Some(own) = made.state.vclusters.get(&vcluster)
        && !own.has_acls_in_force()
    {
        warn(
            &mut answer,
            &format!("ACLs are not asked in virtual cluster {vcluster} until its spec.aclEnabled is true"),
        );
    }
    Ok(answer)
}

pub(in crate::admin) async fn delete(
    services: web::Data<Services>,
    writer: Writer,
    Query(mode): Query<Mode>,
    Body(body): Body<AclsToDelete>,
) -> Result<HttpResponse, ApiError> {
    let (vcluster, criteria) = body.read()?;
    let filter = criteria.filter()?;
    let state = services.newest().await?;
    let own = find(&state, &vcluster)?;
    if own.spec.declared_acls().is_some() {
        return Err(Refusal::AclsDeclared(vcluster).into());
    }
    let (all, brought) = all_of(&state, &vcluster, own);
    let mut found = BTreeSet::new();
    for result in filter::delete(&all, &[filter]).results {
        found.extend(result.map_err(|error| ApiError::conflict(error.to_string()))?);
    }
    let (kept, deleted): (Vec<&AclBinding>, Vec<_>) =
        found.into_iter().partition(|acl| brought.by(acl).is_some());
    let nothing = || ApiError::not_found(format!("no ACL of virtual cluster {vcluster} is meant by this"));
    if deleted.is_empty() {
        let policy = kept.first().and_then(|acl| brought.by(acl));
        return Err(policy.map_or_else(nothing, |policy| {
            ApiError::conflict(format!("this ACL comes from the {policy}: change it there"))
        }));
    }
    let subject = Subject {
        writer: &writer,
        action: Action::DELETE,
        resource: KIND.one(format_args!("{vcluster}/{criteria}")),
    };
    let command = Command::DeleteAcls {
        vcluster: vcluster.clone(),
        acls: deleted.iter().map(|acl| (*acl).clone()).collect(),
    };
    let made = services.change(subject, command, mode).await?;
    if made.outcome == Outcome::Unchanged {
        return Err(nothing());
    }
    let shown = |acls: Vec<&AclBinding>| {
        let shown = acls.into_iter();
        shown
            .map(|acl| ShownAcl::of(&vcluster, acl, brought.by(acl)))
            .collect()
    };
    Ok(answer(
        &made,
        DeletedAcls {
            deleted: shown(deleted),
            kept: shown(kept),
        },
    ))
}
