//! DescribeClientQuotas, answered by the gateway: a virtual cluster has no quotas, and those of the physical cluster are
//! none of a tenant's business. What cannot be asked is refused as by a broker.

use super::ask::{Ask, Stop};
use super::description::{AnsweredBy, Api, Request, ServedVersions};
use super::error_code::ErrorCode;
use crate::authz::Resource;
use crate::vcluster::plan::Plan;
use crate::wire::{Node, Value, field};
use klamm_raft::model::Operation;

pub(super) const DESCRIBE_CLIENT_QUOTAS: Api = Api {
    key: 48,
    versions: ServedVersions::new(0, 1),
    rights: "DESCRIBE_CONFIGS on the cluster",
    on_the_way: "There are none: a virtual cluster has no quotas, and those of the physical cluster are not shown. Stock `kafka-configs --describe --entity-type users` asks for it.",
    answered_by: AnsweredBy::Gateway(Request::everything(describe)),
};

/// The entity type of quotas by address.
const IP: &str = "ip";
const ENTITY_TYPES: [&str; 3] = ["user", "client-id", IP];

/// Kafka's numbers of the ways to match an entity's name, and their names.
const EXACT: i64 = 0;
const WITHOUT_NAME: [(i64, &str); 2] = [(1, "MATCH_TYPE_DEFAULT"), (2, "MATCH_TYPE_SPECIFIED")];

fn describe(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let mut response = ask.response()?;
    let asked = match ask.gate.allows(Operation::DescribeConfigs, Resource::CLUSTER) {
        true => check(ask.message.root()),
        false => Err((ErrorCode::ClusterAuthorizationFailed, Value::Null)),
    };
    match asked {
        Ok(()) => response.set(field::ENTRIES, Value::Empty),
        Err((error, words)) => response
            .set(field::ERROR_CODE, error)
            .set(field::ERROR_MESSAGE, words)
            .set(field::ENTRIES, Value::Null),
    };
    ask.reply(&response)
}

/// Whether there can be quotas of what a request asks for.
fn check(root: Node<'_>) -> Result<(), (ErrorCode, Value)> {
    let invalid = |words: String| Err((ErrorCode::InvalidRequest, words.into()));
    let mut seen = Vec::with_capacity(ENTITY_TYPES.len());
    for component in root.items(field::COMPONENTS) {
        let entity = component.text_in(field::ENTITY_TYPE).unwrap_or_default();
        if entity.is_empty() {
            return invalid("Invalid empty entity type.".into());
        }
        if seen.contains(&entity) {
            return invalid(format!(
                "Entity type {entity} cannot appear more than once in the filter."
            ));
        }
        if !ENTITY_TYPES.contains(&entity) {
            let words = format!("Unsupported entity type {entity}");
            return Err((ErrorCode::UnsupportedVersion, words.into()));
        }
        check_match(component).or_else(invalid)?;
        seen.push(entity);
    }
    if seen.contains(&IP) && seen.len() > 1 {
        return invalid(
            "Invalid entity filter component combination. IP filter component should not be used with user or \
             clientId filter component."
                .into(),
        );
    }
    Ok(())
}

/// Whether a component has a name exactly where its way to match needs one.
fn check_match(component: Node<'_>) -> Result<(), String> {
    let has_name = component.child(field::MATCH).is_some_and(|name| !name.is_null());
    let way = component.int_in(field::MATCH_TYPE).unwrap_or_default();
    match WITHOUT_NAME.iter().find(|(number, _)| *number == way) {
        Some((_, name)) if has_name => Err(format!(
            "Request specified {name}, but also specified a match string."
        )),
        None if way != EXACT => Err(format!("Unknown match type {way}")),
        None if !has_name => Err("Request specified MATCH_TYPE_EXACT, but set match string to null.".into()),
        _ => Ok(()),
    }
}
