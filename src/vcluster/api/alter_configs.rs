//! AlterConfigs and IncrementalAlterConfigs. Through the physical cluster's own view everything can be configured but
//! addresses, in other virtual clusters only the topics and groups that are theirs alone.

use super::ask::{Ask, Stop, Verdict};
use super::back::{Back, BadAnswer};
use super::config_reader::{self, BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP, TOPIC};
use super::config_values::{self, PLACES, PhysicalValues};
use super::description::{
    Ahead, AnsweredBy, Api, ConnectionUse, Forwarded, QuotaUse, Request, Response, ServedVersions, Way,
};
use super::error_code::{ErrorCode, NOT_OWNED};
use super::items::{self, Sieve};
use super::resources;
use super::rules;
use crate::authz::Resource;
use crate::policy::RuledSettings;
use crate::vcluster::pending::Then;
use crate::vcluster::plan::Plan;
use crate::wire::{Class, Edits, Message, Node, Value, field};
use klamm_raft::model::{Operation, RequestKind};

pub(super) const ALTER_CONFIGS: Api = Api {
    key: 33,
    versions: ServedVersions::new(0, 2),
    rights: "ALTER_CONFIGS on the topic, the group, or for brokers the cluster",
    on_the_way: "Everything but addresses through `passthrough`; elsewhere topics and groups of the virtual cluster's own, and POLICY_VIOLATION for what else the caller has the right to: [see below](#configurations).",
    answered_by: AnsweredBy::Broker(Forwarded {
        request: Request::everything(alter).ruled(RequestKind::AlterConfigs),
        response: Response::classified(altered),
        way: Way::Home,
        connection: ConnectionUse::Free,
        ahead: Ahead::Never,
        uses: QuotaUse::Nothing,
        needs_no_right: None,
    }),
};

pub(super) const INCREMENTAL_ALTER_CONFIGS: Api = Api {
    key: 44,
    versions: ServedVersions::new(0, 1),
    rights: "ALTER_CONFIGS on the topic, the group, or for brokers the cluster",
    on_the_way: "As AlterConfigs.",
    answered_by: AnsweredBy::Broker(Forwarded {
        request: Request::everything(alter_incrementally).ruled(RequestKind::IncrementalAlterConfigs),
        response: Response::classified(altered),
        way: Way::Home,
        connection: ConnectionUse::Free,
        ahead: Ahead::Never,
        uses: QuotaUse::Nothing,
        needs_no_right: None,
    }),
};

/// Configurations of brokers that hold addresses. Clients know only those of the gateway, which would be wrong there.
const ADDRESSES: [&str; 2] = ["advertised.listeners", "listeners"];

/// The operation of IncrementalAlterConfigs that needs no value.
const DELETE: i64 = 1;

/// Whether configurations of loggers can be set.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Loggers {
    Set,
    /// Brokers know them in increments only.
    Unknown,
}

/// AlterConfigs.
fn alter(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    request(ask, Loggers::Unknown)
}

/// IncrementalAlterConfigs.
fn alter_incrementally(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    request(ask, Loggers::Set)
}

fn request(ask: &mut Ask<'_>, loggers: Loggers) -> Result<Plan, Stop> {
    let mut sieve = Sieve::new(ask, field::RESPONSES)?;
    let Some(array) = ask.message.root().child(field::RESOURCES) else {
        return sieve.finish(ask);
    };
    let key = |node: Node<'_>| {
        let name = node.text_in(field::RESOURCE_NAME).unwrap_or_default();
        (resources::kind_of(node), name.to_owned())
    };
    let mut keys: Vec<_> = array.children().map(key).collect();
    keys.sort_unstable();
    for resource in array.children() {
        let own = key(resource);
        let is_repeated =
            keys.partition_point(|key| *key <= own) - keys.partition_point(|key| *key < own) > 1;
        let judged = match is_repeated || !is_well_formed(resource, loggers) {
            true => Err((ErrorCode::InvalidRequest, Value::Null)),
            false => judge(ask, own.0, &own.1)?,
        };
        let judged = judged.and_then(|physical| Ok((physical, values(ask, resource)?)));
        let judged = judged.and_then(|judged| Ok((judged, rule(ask, resource)?)));
        match (judged, resource.child(field::RESOURCE_NAME)) {
            (Ok(((physical, values), settings)), Some(name)) => {
                let edits = sieve.keep();
                edits.set_text(name, Some(&physical));
                values.write(edits);
                rules::set_in_resource(ask, resource, &settings, edits)?;
            }
            (judged, _) => {
                sieve.drop(array, resource);
                let kind = i8::try_from(own.0).unwrap_or_default();
                let (error, message) = judged.err().unwrap_or((ErrorCode::InvalidRequest, Value::Null));
                sieve
                    .refuse(error)
                    .set(field::RESOURCE_TYPE, kind)
                    .set(field::RESOURCE_NAME, own.1.as_str())
                    .set(field::ERROR_MESSAGE, message);
            }
        }
    }
    sieve.finish(ask)
}

/// Checks that each key is given once, with a value where one is needed.
fn is_well_formed(resource: Node<'_>, loggers: Loggers) -> bool {
    let names = resource
        .items(field::CONFIGS)
        .filter_map(|config| config.text_in(field::NAME));
    let needs_value = |config: &Node<'_>| config.int_in(field::CONFIG_OPERATION) != Some(DELETE);
    let has_value = |config: Node<'_>| config.text_in(field::VALUE).is_some();
    let is_known_here = loggers == Loggers::Set || resources::kind_of(resource) != BROKER_LOGGER;
    is_known_here
        && items::repeated(names).is_empty()
        && resource.items(field::CONFIGS).filter(needs_value).all(has_value)
}

/// Why a resource is not configured, and in which words.
type Refusal = (ErrorCode, Value);

/// The physical name of a resource, if the caller may configure it.
fn judge(ask: &mut Ask<'_>, kind: i64, name: &str) -> Result<Result<String, Refusal>, Stop> {
    let operation = Operation::AlterConfigs;
    let refused = |error| Err((error, Value::Null));
    Ok(match kind {
        TOPIC => match ask.judge_change(name, operation)? {
            Verdict::Forwarded(alias) => Ok(alias.physical_name.as_str().to_owned()),
            Verdict::Refused(ErrorCode::PolicyViolation) => {
                Err((ErrorCode::PolicyViolation, NOT_OWNED.into()))
            }
            Verdict::Refused(error) => refused(error),
        },
        GROUP => resources::judge_group(ask, name, operation).or_else(refused),
        BROKER | BROKER_LOGGER | CLIENT_METRICS => {
            if !ask.gate.allows(operation, Resource::CLUSTER) {
                refused(ErrorCode::ClusterAuthorizationFailed)
            } else if !ask.view.names.is_transparent() {
                refused(ErrorCode::PolicyViolation)
            } else {
                resources::physical_name(ask, kind, name).or_else(refused)
            }
        }
        _ => refused(ErrorCode::InvalidRequest),
    })
}

/// The settings that policies give a resource that they let be configured.
fn rule(ask: &mut Ask<'_>, resource: Node<'_>) -> Result<RuledSettings, Refusal> {
    let mut settings = RuledSettings::default();
    let name = resource.text_in(field::RESOURCE_NAME);
    let topic = name.filter(|_| resources::kind_of(resource) == TOPIC);
    match ask.rule(resource, topic, &mut settings) {
        Ok(()) => Ok(settings),
        Err(words) => Err((ErrorCode::PolicyViolation, words.into())),
    }
}

/// The values that a broker is told for the configurations of a resource.
fn values<'a>(ask: &Ask<'_>, resource: Node<'a>) -> Result<PhysicalValues<'a>, Refusal> {
    let configs = || resource.items(field::CONFIGS);
    let mut names = configs().filter_map(|config| config.text_in(field::NAME));
    match resources::kind_of(resource) {
        TOPIC => config_values::to_physical(ask, configs(), PLACES)
            .map_err(|words| (ErrorCode::InvalidConfig, words.into())),
        BROKER => match names.find(|name| ADDRESSES.contains(name)) {
            Some(name) => Err((
                ErrorCode::PolicyViolation,
                format!("{name} holds addresses of the physical cluster: configure it there, not through the gateway.").into(),
            )),
            None => Ok(PhysicalValues::default()),
        },
        // What no group has today may be the name of a topic tomorrow.
        GROUP if !ask.view.names.is_transparent() => match names.find(|name| !config_reader::is_of_groups(name)) {
            Some(name) => Err((
                ErrorCode::InvalidConfig,
                format!("Unknown group config name: {name}").into(),
            )),
            None => Ok(PhysicalValues::default()),
        },
        _ => Ok(PhysicalValues::default()),
    }
}

/// The answer.
fn altered(back: &mut Back<'_>, message: Message<'_>, edits: &mut Edits) -> Result<(), BadAnswer> {
    let Then::Refusals(refusals) = &back.pending.then else {
        return Err(BadAnswer::OtherApi);
    };
    let Some(array) = message.root().child(field::RESPONSES) else {
        return Ok(());
    };
    for result in array.children() {
        let name = result.child_of(Class::ResourceName);
        let virtual_name = name
            .and_then(Node::text)
            .and_then(|name| resources::to_virtual(back, resources::kind_of(result), name));
        match (name, virtual_name) {
            (Some(name), Some(virtual_name)) => {
                edits.set_text(name, Some(&virtual_name));
                back.convert(result, edits);
            }
            _ => edits.remove_item(array, result),
        }
    }
    refusals.append(message, edits);
    Ok(())
}
