//! `/gateway/v2/policy`.

use actix_web::{HttpResponse, web};
use klamm_raft::command::Command;
use klamm_raft::model::{Policy, PolicyId, PolicyKey, PolicyPhase, PolicyScope, State, Times, VclusterName};
use serde_json::json;

use super::dry_run::{DryRunStage, Rehearsed, Step, TRIAL, read};
use super::{Filter, delete_by, find, gone, upserted};
use crate::admin::api::{AdminApi, BodySchema, Content, Operation, parameter};
use crate::admin::audit::Action;
use crate::admin::body::{Body, Query};
use crate::admin::change::{Made, Mode, Subject};
use crate::admin::credentials::{Reader, Writer, now_s};
use crate::admin::kind::{ApplyRules, Kind, Listing, Pace};
use crate::admin::problem::ApiError;
use crate::admin::resources::policy;
use crate::admin::resources::{PolicyResource, PolicyToDelete, vcluster_name};
use crate::admin::services::Services;
use crate::policy::keyed_in;

/// Policies.
pub(in crate::admin) static KIND: Kind = Kind {
    name: policy::KIND,
    words: &["policies", "policy"],
    path: "/gateway/v2/policy",
    listing: Listing::InScope,
    columns: &[
        ("NAME", "/metadata/name"),
        ("V-CLUSTER", "/metadata/vCluster"),
        ("GROUP", "/metadata/group"),
        ("USERNAME", "/metadata/username"),
        ("PHASE", "/spec/phase"),
        ("PRIORITY", "/spec/priority"),
        ("ENABLED", "/spec/enabled"),
        ("ACTION", "/spec/action/type"),
        ("CONDITION", "/spec/condition"),
    ],
    applied: Some(ApplyRules {
        place: 13,
        pace: Pace::Together,
        claims: &[],
        rehearse,
    }),
    register,
};

fn register(api: &mut AdminApi) {
    api.add(
        Operation::get(
            KIND.path,
            "listPolicies",
            "List policies; with a virtual cluster, those that hold there, in the order in which they take effect",
        )
        .by(&[parameter::VCLUSTER, parameter::NAME, parameter::SHOW_DEFAULTS])
        .gives(Content::Many(BodySchema::read::<PolicyResource>()))
        .fails(&["400", "404", "503"]),
        list,
    );
    api.add(
        Operation::put(
            KIND.path,
            "putPolicy",
            "Create or change a policy of a virtual cluster or of all of them; for everybody, for the members of a group, or for an account",
        )
        .by(&[parameter::DRY_MODE])
        .takes(BodySchema::read::<PolicyResource>())
        .example(KIND.example(
            &json!({ "name": "only-mine", "vCluster": "mypartner" }),
            &json!({
                "phase": "consume",
                "topics": [{ "patternType": "LITERAL", "name": "topic1" }],
                "condition": "record.headers['customer'] != 'a'",
                "action": { "type": "skip_record" },
            }),
        ))
        .gives(Content::Upserted(BodySchema::read::<PolicyResource>()))
        .fails(&["400", "404", "409", "503"])
        .applies(&KIND),
        put,
    );
    api.add(
        Operation::delete(KIND.path, "deletePolicy", "Delete a policy")
            .by(&[parameter::DRY_MODE])
            .takes(BodySchema::read::<PolicyToDelete>())
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

/// A policy that there is.
pub(in crate::admin) type Held<'a> = (PolicyKey, &'a Policy);

pub(in crate::admin) async fn list(
    services: web::Data<Services>,
    _: Reader,
    Query(filter): Query<Filter>,
) -> Result<HttpResponse, ApiError> {
    let state = services.newest().await?;
    let all = match &filter.vcluster {
        Some(text) => held(&state, &vcluster_name("vcluster", Some(text))?)?,
        None => {
            let mut all: Vec<Held> = everything(&state).collect();
            all.sort_by(|a, b| (a.0.vcluster(), effect(a)).cmp(&(b.0.vcluster(), effect(b))));
            all
        }
    };
    let passing = all.iter().filter(|(key, _)| filter.has_name(key.name().as_str()));
    let shown = passing.map(|(key, policy)| policy::show(key, policy));
    Ok(HttpResponse::Ok().json(shown.collect::<Vec<_>>()))
}

/// The policies that there are in a virtual cluster, in order of effect.
pub(in crate::admin) fn held<'a>(
    state: &'a State,
    vcluster: &VclusterName,
) -> Result<Vec<Held<'a>>, ApiError> {
    let own = &find(state, vcluster)?.policies;
    let mut all: Vec<_> = keyed_in(vcluster, &state.policies, own).collect();
    all.sort_by(|a, b| effect(a).cmp(&effect(b)));
    Ok(all)
}

/// Those of all virtual clusters, and those of each.
pub(in crate::admin) fn everything(state: &State) -> impl Iterator<Item = Held<'_>> {
    let everywhere = state.policies.iter();
    let everywhere = everywhere.map(|(id, policy)| (PolicyKey::Everywhere(id.clone()), policy));
    let of_vclusters = state.vclusters.iter().flat_map(|(vcluster, content)| {
        let own = content.policies.iter();
        own.map(|(id, policy)| (PolicyKey::In(vcluster.clone(), id.clone()), policy))
    });
    everywhere.chain(of_vclusters)
}

/// The place of a policy in the order in which they take effect.
fn effect<'a>((key, policy): &'a Held<'_>) -> (PolicyPhase, i32, &'a PolicyId) {
    (policy.phase, policy.priority, key.id())
}

pub(in crate::admin) async fn put(
    services: web::Data<Services>,
    writer: Writer,
    Query(mode): Query<Mode>,
    Body(resource): Body<PolicyResource>,
) -> Result<HttpResponse, ApiError> {
    let (key, policy) = resource.read()?;
    let made = made(&services, (&writer, &KIND), mode, (&key, policy)).await?;
    let policy = made.state.policy(&key).ok_or_else(gone)?;
    Ok(upserted(&made, policy::show(&key, policy)))
}

pub(in crate::admin) async fn delete(
    services: web::Data<Services>,
    writer: Writer,
    Query(mode): Query<Mode>,
    Body(which): Body<PolicyToDelete>,
) -> Result<HttpResponse, ApiError> {
    removed(&services, (&writer, &KIND), mode, which.read()?).await
}

/// Makes or changes a policy, in the words of a kind.
pub(in crate::admin) async fn made(
    services: &Services,
    (writer, kind): (&Writer, &Kind),
    mode: Mode,
    (key, mut policy): (&PolicyKey, Policy),
) -> Result<Made, ApiError> {
    policy.times = now()?;
    let subject = Subject {
        writer,
        action: Action::PUT,
        resource: audited(kind, key),
    };
    let key = key.clone();
    services
        .change(subject, Command::PutPolicy { key, policy }, mode)
        .await
}

/// Deletes a policy, in the words of a kind.
pub(in crate::admin) async fn removed(
    services: &Services,
    (writer, kind): (&Writer, &Kind),
    mode: Mode,
    key: PolicyKey,
) -> Result<HttpResponse, ApiError> {
    let resource = audited(kind, &key);
    let command = Command::DeletePolicy { key };
    delete_by(services, (writer, resource), command, mode).await
}

/// The times of a policy that is made now.
pub(in crate::admin) fn now() -> Result<Times, ApiError> {
    let at_s = now_s()?;
    Ok(Times {
        created_s: at_s,
        updated_s: at_s,
    })
}

/// A policy, as the audit log names it.
pub(in crate::admin) fn audited(kind: &Kind, key: &PolicyKey) -> String {
    let vcluster = key.vcluster().map(ToString::to_string);
    let scope = match key.scope() {
        PolicyScope::All => None,
        PolicyScope::Group(group) => Some(format!("group:{group}")),
        PolicyScope::Account(account) => Some(account.to_string()),
    };
    let name = Some(key.name().to_string());
    let parts: Vec<String> = [vcluster, scope, name].into_iter().flatten().collect();
    kind.one(parts.join("/"))
}
