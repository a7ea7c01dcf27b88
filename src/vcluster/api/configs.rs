//! DescribeConfigs, read-only. Of configurations only those are shown that are on a list ([`super::config_reader`]).

use super::ask::{Ask, Others, Stop, Verdict};
use super::back::{Back, BadAnswer};
use super::config_reader::{BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP, TOPIC};
use super::description::{
    Ahead, AnsweredBy, Api, ConnectionUse, Forwarded, QuotaUse, Request, Response, ServedVersions, Way, Whom,
};
use super::error_code::{ErrorCode, denial, naming_error};
use super::resources::{judge_group, keep_shown, kind_of, physical_name, to_virtual};
use crate::authz::Resource;
use crate::vcluster::pending::{RefusedConfig, Then};
use crate::vcluster::plan::Plan;
use crate::wire::{Class, Edits, Item, Message, Node, Value, field};
use klamm_raft::model::Operation;

pub(super) const DESCRIBE_CONFIGS: Api = Api {
    key: 32,
    versions: ServedVersions::new(1, 4),
    rights: "DESCRIBE_CONFIGS on the topic, the group, or for brokers the cluster",
    on_the_way: "Topics, brokers, groups; only configurations of which it is known what becomes of their values: [see below](#configurations).",
    answered_by: AnsweredBy::Broker(Forwarded {
        request: Request::everything(request),
        response: Response::classified(described),
        way: Way::All {
            to: Whom::Connected,
            unanswered: ErrorCode::RequestTimedOut,
            arrays: &[field::RESULTS],
        },
        connection: ConnectionUse::Free,
        ahead: Ahead::Never,
        uses: QuotaUse::Nothing,
        needs_no_right: None,
    }),
};

const NO_GROUP_NAME: &str = "Group name must not be empty";

fn request(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let mut edits = Edits::new();
    let mut refused = Vec::new();
    let mut kept = 0;
    let Some(array) = ask.message.root().child(field::RESOURCES) else {
        return ask.reply(&ask.response()?);
    };
    let is_known = |node: &Node<'_>| {
        matches!(
            kind_of(*node),
            TOPIC | BROKER | BROKER_LOGGER | CLIENT_METRICS | GROUP
        )
    };
    let all_known = array.children().all(|node| is_known(&node));
    for node in array.children() {
        let name = node.text_in(field::RESOURCE_NAME).unwrap_or_default();
        if is_left_out(ask, node) {
            edits.remove_item(array, node);
            continue;
        }
        // As brokers do: one resource of an unknown type spoils the whole request.
        let judged = if all_known {
            judge(ask, kind_of(node), name)
        } else {
            Err(ErrorCode::InvalidRequest)
        };
        match (judged, node.child(field::RESOURCE_NAME)) {
            (Ok(physical), Some(name)) => {
                edits.set_text(name, Some(&physical));
                kept += 1;
            }
            (judged, _) => {
                edits.remove_item(array, node);
                let error = judged.err().unwrap_or(ErrorCode::InvalidRequest).code();
                let kind = kind_of(node);
                let is_without_group = all_known && kind == GROUP && name.is_empty();
                let no_group_name = is_without_group.then_some(NO_GROUP_NAME);
                refused.push(RefusedConfig {
                    resource_type: i8::try_from(kind).unwrap_or_default(),
                    name: name.to_owned(),
                    error,
                    message: denial(error).or(no_group_name),
                });
            }
        }
    }
    if kept > 0 {
        return ask.forward(edits, Then::Configs(refused));
    }
    let mut response = ask.response()?;
    for refused in &refused {
        let item = item(&response, refused);
        response.push(field::RESULTS, item);
    }
    ask.reply(&response)
}

/// Whether a resource is on another physical cluster, which is asked too. What is of no cluster is asked of the home.
fn is_left_out(ask: &Ask<'_>, node: Node<'_>) -> bool {
    if ask.aim.others == Others::Refused {
        return false;
    }
    let name = node.text_in(field::RESOURCE_NAME).unwrap_or_default();
    let view = ask.view;
    let cluster = match kind_of(node) {
        TOPIC if view.names.by_virtual_name(name).is_some() => return false,
        TOPIC if view.is_elsewhere(name) => return true,
        BROKER | BROKER_LOGGER => {
            let broker = name.parse().ok().and_then(|id| view.brokers.by_virtual_id(id));
            broker.map(|broker| &broker.cluster)
        }
        _ => None,
    };
    match cluster {
        Some(cluster) => view.cluster.as_ref() != Some(cluster),
        None => view.is_foreign(),
    }
}

/// The physical name of a resource, if the caller may see its configuration.
fn judge(ask: &mut Ask<'_>, kind: i64, name: &str) -> Result<String, ErrorCode> {
    let physical = judge_one(ask, kind, name)?;
    ask.aim.failed.map_or(Ok(physical), Err)
}

fn judge_one(ask: &mut Ask<'_>, kind: i64, name: &str) -> Result<String, ErrorCode> {
    let operation = Operation::DescribeConfigs;
    match kind {
        TOPIC => match ask.judge_name(name, Some(operation)) {
            Verdict::Forwarded(alias) => Ok(alias.physical_name.as_str().to_owned()),
            Verdict::Refused(error) => Err(naming_error(error, name)),
        },
        GROUP => judge_group(ask, name, operation),
        _ if !ask.gate.allows(operation, Resource::CLUSTER) => Err(ErrorCode::ClusterAuthorizationFailed),
        _ => physical_name(ask, kind, name),
    }
}

fn item(response: &Item, refused: &RefusedConfig) -> Item {
    let mut item = response.item(field::RESULTS);
    let message = refused.message.map_or(Value::Null, Value::from);
    item.set(field::ERROR_CODE, refused.error)
        .set(field::ERROR_MESSAGE, message);
    item.set(field::RESOURCE_TYPE, refused.resource_type)
        .set(field::RESOURCE_NAME, refused.name.as_str());
    item
}

/// The answer. Refused resources come last, as brokers have it.
fn described(back: &mut Back<'_>, message: Message<'_>, edits: &mut Edits) -> Result<(), BadAnswer> {
    let Then::Configs(refused) = &back.pending.then else {
        return Err(BadAnswer::OtherApi);
    };
    let Some(array) = message.root().child(field::RESULTS) else {
        return Ok(());
    };
    for result in array.children() {
        let name = result.child_of(Class::ResourceName);
        let kind = kind_of(result);
        let virtual_name = name
            .and_then(Node::text)
            .and_then(|name| to_virtual(back, kind, name));
        match (name, virtual_name) {
            (Some(name), Some(virtual_name)) => {
                edits.set_text(name, Some(&virtual_name));
                back.convert(result, edits);
                keep_shown(back, kind, result, edits);
            }
            _ => edits.remove_item(array, result),
        }
    }
    let empty = back.empty()?;
    for refused in refused {
        edits.append(array, &item(&empty, refused));
    }
    Ok(())
}
