//! The policies of a virtual cluster in the words of another product's API, by phase: `…/produce-policies`,
//! `…/consume-policies`, `…/cluster-policies`, and the order in which those of a phase take effect.

use actix_web::{HttpResponse, HttpResponseBuilder, web};
use klamm_raft::command::Command;
use klamm_raft::model::{
    NewPolicy, OrderedPolicies, Policy, PolicyId, PolicyKey, PolicyName, VclusterName, VclusterState,
};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Gateway, virtual_clusters};
use crate::admin::api::{AdminApi, BodySchema, Content, Operation, parameter};
use crate::admin::audit::Action;
use crate::admin::body::{Body, Query};
use crate::admin::change::{Made, Mode, Subject};
use crate::admin::credentials::{Reader, Writer};
use crate::admin::handlers::policy::{self, Held};
use crate::admin::handlers::{REVISION, deleted, gone};
use crate::admin::problem::ApiError;
use crate::admin::resources::Invalid;
use crate::admin::resources::event_gateway::ListQuery;
use crate::admin::resources::event_gateway::policy::{
    self as spelling, ClusterPolicy, ConsumePolicy, NewPlace, PolicyOfPhase, PolicyOrder, PolicyPatch,
    ProducePolicy,
};
use crate::admin::services::Services;

/// Where the policies of a phase are.
pub(in crate::admin) trait PolicyPlaces: PolicyOfPhase {
    const ALL: &'static str;
    const ONE: &'static str;
    const MOVE: &'static str;
    const CHAIN: &'static str;
    /// The phase, in paths and in names of operations.
    const WORDS: (&'static str, &'static str);

    /// One that can be made.
    fn example() -> Value;
}

macro_rules! places {
    ($of:ty, $path:literal, $name:literal, $example:expr) => {
        impl PolicyPlaces for $of {
            const ALL: &'static str = concat!(
                "/v1/event-gateways/{gatewayId}/virtual-clusters/{virtualClusterId}/",
                $path,
                "-policies"
            );
            const ONE: &'static str = concat!(
                "/v1/event-gateways/{gatewayId}/virtual-clusters/{virtualClusterId}/",
                $path,
                "-policies/{policyId}"
            );
            const MOVE: &'static str = concat!(
                "/v1/event-gateways/{gatewayId}/virtual-clusters/{virtualClusterId}/",
                $path,
                "-policies/{policyId}/move"
            );
            const CHAIN: &'static str = concat!(
                "/v1/event-gateways/{gatewayId}/virtual-clusters/{virtualClusterId}/",
                $path,
                "-policy-chain"
            );
            const WORDS: (&'static str, &'static str) = ($path, $name);

            fn example() -> Value {
                $example
            }
        }
    };
}

places!(
    ProducePolicy,
    "produce",
    "Produce",
    json!({
        "type": "modify_headers",
        "name": "mark-mine",
        "config": { "actions": [{ "op": "set", "key": "customer", "value": "a" }] },
    })
);
places!(
    ConsumePolicy,
    "consume",
    "Consume",
    json!({
        "type": "skip_record",
        "name": "only-mine",
        "condition": "record.headers['customer'] != 'a'",
    })
);
places!(
    ClusterPolicy,
    "cluster",
    "Cluster",
    json!({
        "type": "acls",
        "name": "readers",
        "condition": "context.auth.principal.name == 'alice'",
        "config": { "rules": [{
            "resource_type": "topic",
            "action": "allow",
            "operations": [{ "name": "read" }, { "name": "describe" }],
            "resource_names": [{ "match": "orders-*" }],
        }] },
    })
);

/// Registers the operations.
pub(in crate::admin) fn register(api: &mut AdminApi) {
    register_phase::<ProducePolicy>(api);
    register_phase::<ConsumePolicy>(api);
    register_phase::<ClusterPolicy>(api);
}

fn register_phase<P: PolicyPlaces>(api: &mut AdminApi) {
    let name = |verb: &str, what: &str| format!("{verb}EventGatewayVirtualCluster{}Polic{what}", P::WORDS.1);
    let says = |text: &str| text.replace("PHASE", P::WORDS.0);
    let shown = BodySchema::Written("EventGatewayPolicy");
    api.add(
        Operation::get(
            P::ALL,
            name("list", "ies"),
            says("List the PHASE policies that hold in a virtual cluster, in order of effect, whichever API made them"),
        )
        .by(parameter::VCLUSTER_POLICIES)
        .gives(Content::Many(shown))
        .fails(&["400", "404", "503"]),
        list::<P>,
    );
    api.add(
        Operation::post(
            P::ALL,
            name("create", "y"),
            says("Create a PHASE policy, behind the others or at a place among them"),
        )
        .by(parameter::INSERT)
        .takes(BodySchema::read::<P>())
        .example(P::example())
        .gives(Content::One(shown))
        .with_status("201")
        .fails(&["400", "404", "409", "503"]),
        create::<P>,
    );
    api.add(
        Operation::get(P::ONE, name("get", "y"), says("Get a PHASE policy"))
            .gives(Content::One(shown))
            .fails(&["404", "503"]),
        get::<P>,
    );
    api.add(
        Operation::put(
            P::ONE,
            name("change", "y"),
            says("Change a PHASE policy, but for its name and its place"),
        )
        .takes(BodySchema::read::<P>())
        .example(P::example())
        .gives(Content::One(shown))
        .fails(&["400", "404", "409", "503"]),
        change::<P>,
    );
    api.add(
        Operation::patch(
            P::ONE,
            name("patch", "y"),
            says("Change single fields of a PHASE policy, of whatever type it is"),
        )
        .takes(BodySchema::read::<PolicyPatch>())
        .example(json!({ "enabled": false }))
        .gives(Content::One(shown))
        .fails(&["400", "404", "409", "503"]),
        patch::<P>,
    );
    api.add(
        Operation::delete(P::ONE, name("delete", "y"), says("Delete a PHASE policy"))
            .gives(Content::Nothing)
            .fails(&["404", "409", "503"]),
        delete::<P>,
    );
    register_order::<P>(api);
}

fn register_order<P: PolicyPlaces>(api: &mut AdminApi) {
    let name = |verb: &str, what: &str| format!("{verb}EventGatewayVirtualCluster{}Policy{what}", P::WORDS.1);
    let says = |text: &str| text.replace("PHASE", P::WORDS.0);
    let order = BodySchema::read::<PolicyOrder>();
    api.add(
        Operation::post(
            P::MOVE,
            name("move", ""),
            says("Move a PHASE policy to another place in the order of effect, on all nodes at once"),
        )
        .takes(BodySchema::read::<NewPlace>())
        .gives(Content::Nothing)
        .fails(&["400", "404", "409", "503"]),
        relocate::<P>,
    );
    api.add(
        Operation::get(
            P::CHAIN,
            name("get", "Chain"),
            says("Get the order of effect of the PHASE policies that a virtual cluster has of its own"),
        )
        .gives(Content::One(order))
        .fails(&["404", "503"]),
        chain::<P>,
    );
    api.add(
        Operation::put(
            P::CHAIN,
            name("change", "Chain"),
            says("Put the PHASE policies that a virtual cluster has of its own in another order, on all nodes at once"),
        )
        .takes(order)
        .gives(Content::One(order))
        .fails(&["400", "404", "409", "503"]),
        rearrange::<P>,
    );
}

/// A virtual cluster as it is now.
struct VclusterPolicies {
    gateway: Gateway,
    vcluster: VclusterName,
}

impl VclusterPolicies {
    async fn named(services: &Services, (gateway, which): (String, String)) -> Result<Self, ApiError> {
        let gateway = Gateway::named(services, &gateway).await?;
        let vcluster = virtual_clusters::find(&gateway.state, &which)?.0.clone();
        Ok(Self { gateway, vcluster })
    }

    fn content(&self) -> Result<&VclusterState, ApiError> {
        let found = self.gateway.state.vclusters.get(&self.vcluster);
        found.map(|vcluster| &**vcluster).ok_or_else(gone)
    }

    /// The policies of a phase that hold here, in order of effect.
    fn policies<P: PolicyPlaces>(&self) -> Result<Vec<Held<'_>>, ApiError> {
        let mut all = policy::held(&self.gateway.state, &self.vcluster)?;
        all.retain(|(_, policy)| policy.phase == P::PHASE);
        Ok(all)
    }

    /// Those of a phase that the virtual cluster has of its own, in order of effect.
    fn own<P: PolicyPlaces>(&self) -> Result<Vec<PolicyId>, ApiError> {
        let all = self.policies::<P>()?.into_iter();
        let own = all.filter_map(|(key, _)| match key {
            PolicyKey::In(_, id) => Some(id),
            PolicyKey::Everywhere(_) => None,
        });
        Ok(own.collect())
    }

    fn id(&self, key: &PolicyKey) -> Result<Uuid, ApiError> {
        Ok(self.gateway.ids.policy(key, self.content()?))
    }

    /// The policy of a phase with this id.
    fn find<P: PolicyPlaces>(&self, which: &str) -> Result<Held<'_>, ApiError> {
        let wanted = Uuid::parse_str(which).ok();
        for held in self.policies::<P>()? {
            if Some(self.id(&held.0)?) == wanted {
                return Ok(held);
            }
        }
        Err(ApiError::not_found(format!(
            "there is no {} policy with the id {which:?}",
            P::WORDS.0
        )))
    }

    /// The policy of a phase with this id, which the virtual cluster has of its own.
    fn find_own<P: PolicyPlaces>(&self, which: &str) -> Result<(PolicyId, &Policy), ApiError> {
        match self.find::<P>(which)? {
            (PolicyKey::In(_, id), policy) => Ok((id, policy)),
            (key @ PolicyKey::Everywhere(_), _) => Err(ApiError::conflict(format!(
                "{key} is changed in /gateway/v2/policy, as is its priority, which is its place"
            ))),
        }
    }

    /// The ids of the policies of a phase that the virtual cluster has of its own, in order of effect.
    fn chain<P: PolicyPlaces>(&self) -> Result<PolicyOrder, ApiError> {
        let own = self.own::<P>()?.into_iter();
        let ids = own.map(|id| Ok(self.id(&self.key(&id))?.to_string()));
        Ok(PolicyOrder {
            policies: ids.collect::<Result<_, ApiError>>()?,
        })
    }

    fn key(&self, id: &PolicyId) -> PolicyKey {
        PolicyKey::In(self.vcluster.clone(), id.clone())
    }

    /// The virtual cluster once a change was made.
    fn after(self, made: &Made) -> Self {
        let gateway = Gateway {
            state: made.state.clone(),
            ..self.gateway
        };
        Self { gateway, ..self }
    }

    /// The answer to a change that was made.
    fn answer<P: PolicyPlaces>(
        self,
        made: &Made,
        key: &PolicyKey,
        answer: HttpResponseBuilder,
    ) -> Result<HttpResponse, ApiError> {
        let now = self.after(made);
        let policy = made.state.policy(key).ok_or_else(gone)?;
        let shown = spelling::show(now.id(key)?, key, policy);
        let place = format!(
            "virtual-clusters/{}/{}-policies/{}",
            now.vcluster,
            P::WORDS.0,
            shown.id
        );
        Ok(now.gateway.put_answer(place, made, answer, shown))
    }

    /// Puts those that the virtual cluster has of its own in an order.
    async fn order<P: PolicyPlaces>(
        &self,
        services: &Services,
        writer: &Writer,
        order: Vec<PolicyId>,
    ) -> Result<Made, ApiError> {
        let subject = Subject {
            writer,
            action: Action::PUT,
            resource: policy::KIND.one(format_args!("{}/{}-policy-chain", self.vcluster, P::WORDS.0)),
        };
        let command = Command::OrderPolicies(OrderedPolicies {
            vcluster: self.vcluster.clone(),
            phase: P::PHASE,
            order,
        });
        services.change(subject, command, Mode::default()).await
    }
}

type PathOfAll = web::Path<(String, String)>;
type PathOfOne = web::Path<(String, String, String)>;

pub(in crate::admin) async fn list<P: PolicyPlaces>(
    services: web::Data<Services>,
    path: PathOfAll,
    _: Reader,
    Query(query): Query<ListQuery>,
) -> Result<HttpResponse, ApiError> {
    let wanted = query.read()?;
    let here = VclusterPolicies::named(&services, path.into_inner()).await?;
    let mut shown = Vec::new();
    for (key, policy) in here.policies::<P>()? {
        if wanted.has_name(key.name().as_str()) && wanted.has_no_parent() {
            shown.push(spelling::show(here.id(&key)?, &key, policy));
        }
    }
    Ok(HttpResponse::Ok().json(shown))
}

pub(in crate::admin) async fn get<P: PolicyPlaces>(
    services: web::Data<Services>,
    path: PathOfOne,
    _: Reader,
) -> Result<HttpResponse, ApiError> {
    let (gateway, vcluster, which) = path.into_inner();
    let here = VclusterPolicies::named(&services, (gateway, vcluster)).await?;
    let (key, policy) = here.find::<P>(&which)?;
    Ok(HttpResponse::Ok().json(spelling::show(here.id(&key)?, &key, policy)))
}

/// The place of a new policy: before or after one that is there, by its id. Without both, at the end.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct InsertionPoint {
    before: Option<String>,
    after: Option<String>,
}

pub(in crate::admin) async fn create<P: PolicyPlaces>(
    services: web::Data<Services>,
    path: PathOfAll,
    writer: Writer,
    Query(insertion): Query<InsertionPoint>,
    Body(body): Body<P>,
) -> Result<HttpResponse, ApiError> {
    let here = VclusterPolicies::named(&services, path.into_inner()).await?;
    let names = here.gateway.configured(&services);
    let (name, mut policy) = body.read(&names)?.create()?;
    let given = |id: Option<String>| id.filter(|id| !id.is_empty());
    let (neighbour, behind) = match (given(insertion.before), given(insertion.after)) {
        (Some(_), Some(_)) => {
            return Err(ApiError::invalid("before: say it or after, not both"));
        }
        (Some(before), None) => (Some(before), 0),
        (None, after) => (after, 1),
    };
    let id = PolicyId::of_all(name);
    let mut order = here.own::<P>()?;
    let at = match neighbour {
        Some(neighbour) => {
            let (neighbour, _) = here.find_own::<P>(&neighbour)?;
            let at = order.iter().position(|one| *one == neighbour);
            at.map_or(order.len(), |at| at + behind)
        }
        None => order.len(),
    };
    order.insert(at, id.clone());
    policy.times = policy::now()?;
    let key = here.key(&id);
    let subject = Subject {
        writer: &writer,
        action: Action::PUT,
        resource: policy::audited(&policy::KIND, &key),
    };
    let command = Command::CreatePolicy(Box::new(NewPolicy {
        vcluster: here.vcluster.clone(),
        id,
        policy,
        order,
    }));
    let made = services.change(subject, command, Mode::default()).await?;
    here.answer::<P>(&made, &key, HttpResponse::Created())
}

pub(in crate::admin) async fn change<P: PolicyPlaces>(
    services: web::Data<Services>,
    path: PathOfOne,
    writer: Writer,
    Body(body): Body<P>,
) -> Result<HttpResponse, ApiError> {
    let names = Gateway::named(&services, &path.0).await?.configured(&services);
    let wanted = body.read(&names)?;
    let change = |there: &Policy| Ok((wanted.name.clone(), wanted.change(there)?));
    changed::<P>(&services, path, &writer, change).await
}

pub(in crate::admin) async fn patch<P: PolicyPlaces>(
    services: web::Data<Services>,
    path: PathOfOne,
    writer: Writer,
    Body(body): Body<PolicyPatch>,
) -> Result<HttpResponse, ApiError> {
    let patch = body.read()?;
    changed::<P>(&services, path, &writer, |there| patch.change(there)).await
}

/// Puts what comes of a policy in its place. It keeps its name.
async fn changed<P: PolicyPlaces>(
    services: &Services,
    path: PathOfOne,
    writer: &Writer,
    change: impl FnOnce(&Policy) -> Result<(Option<PolicyName>, Policy), Invalid>,
) -> Result<HttpResponse, ApiError> {
    let (gateway, vcluster, which) = path.into_inner();
    let here = VclusterPolicies::named(services, (gateway, vcluster)).await?;
    let (id, there) = here.find_own::<P>(&which)?;
    let (name, policy) = change(there)?;
    if name.is_some_and(|name| name != id.name) {
        return Err(ApiError::conflict(format!(
            "the policy {which} is called {} and cannot be renamed",
            id.name
        )));
    }
    let key = here.key(&id);
    let by = (writer, &policy::KIND);
    let made = policy::made(services, by, Mode::default(), (&key, policy)).await?;
    here.answer::<P>(&made, &key, HttpResponse::Ok())
}

pub(in crate::admin) async fn delete<P: PolicyPlaces>(
    services: web::Data<Services>,
    path: PathOfOne,
    writer: Writer,
) -> Result<HttpResponse, ApiError> {
    let (gateway, vcluster, which) = path.into_inner();
    let here = VclusterPolicies::named(&services, (gateway, vcluster)).await?;
    let key = here.key(&here.find_own::<P>(&which)?.0);
    policy::removed(&services, (&writer, &policy::KIND), Mode::default(), key).await
}

pub(in crate::admin) async fn relocate<P: PolicyPlaces>(
    services: web::Data<Services>,
    path: PathOfOne,
    writer: Writer,
    Body(to): Body<NewPlace>,
) -> Result<HttpResponse, ApiError> {
    let (gateway, vcluster, which) = path.into_inner();
    let here = VclusterPolicies::named(&services, (gateway, vcluster)).await?;
    let (id, _) = here.find_own::<P>(&which)?;
    let mut order = here.own::<P>()?;
    order.retain(|one| *one != id);
    let at = usize::try_from(to.index).ok().filter(|at| *at <= order.len());
    let at = at.ok_or_else(|| {
        ApiError::invalid(format!(
            "index: the last place is {}, counted from 0",
            order.len()
        ))
    })?;
    order.insert(at, id);
    let made = here.order::<P>(&services, &writer, order).await?;
    Ok(deleted(&made))
}

pub(in crate::admin) async fn chain<P: PolicyPlaces>(
    services: web::Data<Services>,
    path: PathOfAll,
    _: Reader,
) -> Result<HttpResponse, ApiError> {
    let here = VclusterPolicies::named(&services, path.into_inner()).await?;
    Ok(HttpResponse::Ok().json(here.chain::<P>()?))
}

pub(in crate::admin) async fn rearrange<P: PolicyPlaces>(
    services: web::Data<Services>,
    path: PathOfAll,
    writer: Writer,
    Body(wanted): Body<PolicyOrder>,
) -> Result<HttpResponse, ApiError> {
    if let Some(other) = wanted.policies.iter().find(|id| Uuid::parse_str(id).is_err()) {
        return Err(ApiError::invalid(format!("policies: {other:?} is no id")));
    }
    let here = VclusterPolicies::named(&services, path.into_inner()).await?;
    let find = |which: &String| Ok(here.find_own::<P>(which)?.0);
    let order = wanted
        .policies
        .iter()
        .map(find)
        .collect::<Result<_, ApiError>>()?;
    let made = here.order::<P>(&services, &writer, order).await?;
    let shown = here.after(&made).chain::<P>()?;
    Ok(HttpResponse::Ok()
        .insert_header((REVISION, made.revision.to_string()))
        .json(shown))
}
