//! DescribeAcls, CreateAcls and DeleteAcls, answered by the gateway. Like a broker it asks for the right on the cluster
//! before it looks at any entry; what an entry or filter comes to is decided in [`crate::authz`].

use std::collections::BTreeSet;

use super::ask::{Ask, Stop, check_count};
use super::change::{Answers, REFUSED, UNCONFIRMED, change};
use super::description::{AnsweredBy, Api, Request, ServedVersions};
use super::error_code::{ErrorCode, NEEDS_ALTER, NEEDS_DESCRIBE};
use crate::authz::create::{self, Creation, CreationError, RawCreation, TOO_MANY_CREATIONS};
use crate::authz::filter::{self, AclFilter, FilterError, RawFilter, UnknownCode};
use crate::authz::{Resource, codes};
use crate::vcluster::plan::Plan;
use crate::wire::{Field, Item, Node, Value, field};
use klamm_raft::command::Command;
use klamm_raft::model::{AclBinding, Operation, PolicyKey, RequestKind};

pub(super) const DESCRIBE_ACLS: Api = Api {
    key: 29,
    versions: ServedVersions::new(1, 3),
    rights: "DESCRIBE on the cluster",
    on_the_way: "The latest ones, on every node; REQUEST_TIMED_OUT from a node that cannot reach its leader.",
    answered_by: AnsweredBy::Gateway(Request::everything(describe)),
};

pub(super) const CREATE_ACLS: Api = Api {
    key: 30,
    versions: ServedVersions::new(1, 3),
    rights: "ALTER on the cluster",
    on_the_way: "Answered once [no gateway node decides by what was before](CONSISTENCY.md).",
    answered_by: AnsweredBy::Gateway(Request::everything(create).ruled(RequestKind::CreateAcls)),
};

pub(super) const DELETE_ACLS: Api = Api {
    key: 31,
    versions: ServedVersions::new(1, 3),
    rights: "ALTER on the cluster",
    on_the_way: "Likewise.",
    answered_by: AnsweredBy::Gateway(Request::everything(delete).ruled(RequestKind::DeleteAcls)),
};

/// The words with SECURITY_DISABLED.
const DISABLED: &str = "ACLs are disabled.";
/// The words with POLICY_VIOLATION.
const DECLARED: &str = "The ACLs of this virtual cluster are declared in its spec.acls (aclMode REST_API): they are \
                        changed there, not by Kafka clients.";
/// A message may quote a principal; it is cut to this many characters, because a string of the protocol has an end.
const MESSAGE_MAX_CHARS: usize = 1_000;

impl From<UnknownCode> for Stop {
    fn from(_: UnknownCode) -> Self {
        Self::Malformed
    }
}

/// The error of one entry or filter.
type Failure = (ErrorCode, Value);

/// DescribeAcls.
fn describe(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let filter = read_filter(ask.message.root())?;
    let mut response = ask.response()?;
    if !ask.gate.allows(Operation::Describe, Resource::CLUSTER) {
        response
            .set(field::ERROR_CODE, ErrorCode::ClusterAuthorizationFailed)
            .set(field::ERROR_MESSAGE, NEEDS_DESCRIBE);
        return ask.reply(&response);
    }
    if !ask.view.acls.index.is_enforced() {
        response
            .set(field::ERROR_CODE, ErrorCode::SecurityDisabled)
            .set(field::ERROR_MESSAGE, DISABLED);
        return ask.reply(&response);
    }
    if !ask.is_confirmed()? {
        response
            .set(field::ERROR_CODE, ErrorCode::RequestTimedOut)
            .set(field::ERROR_MESSAGE, UNCONFIRMED);
        return ask.reply(&response);
    }
    response.set(field::ERROR_MESSAGE, "");
    let found = filter::describe(&ask.view.acls.all, &filter);
    for of_pattern in found.chunk_by(|a, b| a.pattern == b.pattern) {
        let mut resource = response.item(field::RESOURCES);
        set_pattern(&mut resource, of_pattern[0]);
        for acl in of_pattern {
            let mut entry = resource.item(field::ACLS);
            set_entry(&mut entry, acl);
            resource.push(field::ACLS, entry);
        }
        response.push(field::RESOURCES, resource);
    }
    ask.reply(&response)
}

/// CreateAcls.
fn create(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let message = ask.message;
    let items = || message.root().items(field::CREATIONS).map(read_creation);
    let mut count = 0;
    for creation in items() {
        create::check_codes(&[creation])?;
        count += 1;
    }
    check_count(count)?;
    match judge(ask, items())? {
        Ok((results, new)) => propose(ask, results, new),
        Err(failure) => ask.reply(&created(ask, vec![Err(failure); count])?),
    }
}

/// A result for each creation, and the ACLs that are new.
type Judged = (Vec<Result<(), Failure>>, BTreeSet<AclBinding>);

/// Judges the creations, or says why nothing becomes of any.
fn judge<'a>(
    ask: &mut Ask<'_>,
    creations: impl Iterator<Item = RawCreation<'a>>,
) -> Result<Result<Judged, Failure>, Stop> {
    if !ask.gate.allows(Operation::Alter, Resource::CLUSTER) {
        return Ok(Err((ErrorCode::ClusterAuthorizationFailed, NEEDS_ALTER.into())));
    }
    if !ask.view.acls.index.is_enforced() {
        return Ok(Err((ErrorCode::SecurityDisabled, DISABLED.into())));
    }
    if ask.view.acls.are_declared {
        return Ok(Err((ErrorCode::PolicyViolation, DECLARED.into())));
    }
    if !ask.is_confirmed()? {
        return Ok(Err((ErrorCode::RequestTimedOut, UNCONFIRMED.into())));
    }
    let (acls, message) = (&ask.view.acls, ask.message);
    let ruled = ask.rule_all(message.root().items(field::CREATIONS));
    let creations: Vec<_> = allowed(creations, &ruled).collect();
    let (results, new) = match create::create(&acls.stored, &creations) {
        Creation::Entries { results, new } => (results, new),
        Creation::FilterValue => return Ok(Err((ErrorCode::UnknownServerError, Value::Null))),
        Creation::TooMany => return Ok(Err((ErrorCode::PolicyViolation, TOO_MANY_CREATIONS.into()))),
    };
    let room = acls
        .limits
        .check_new_acls(&ask.view.name, &acls.stored, new.iter());
    if let Err(over) = room {
        return Ok(Err((ErrorCode::PolicyViolation, over.to_string().into())));
    }
    let results = results.into_iter();
    let results = results.map(|result| result.map_err(refused_creation));
    Ok(Ok((with_ruled(results, ruled), new)))
}

/// Those entries that policies let through.
fn allowed<T>(entries: impl Iterator<Item = T>, ruled: &[Result<(), String>]) -> impl Iterator<Item = T> {
    let ruled = entries.zip(ruled);
    ruled.filter_map(|(entry, ruled)| ruled.is_ok().then_some(entry))
}

/// The results for all entries, of which these are for those that policies let through.
fn with_ruled<T>(
    mut results: impl Iterator<Item = Result<T, Failure>>,
    ruled: Vec<Result<(), String>>,
) -> Vec<Result<T, Failure>> {
    let all = ruled.into_iter().filter_map(|ruled| match ruled {
        Ok(()) => results.next(),
        Err(words) => Some(Err((ErrorCode::PolicyViolation, words.into()))),
    });
    all.collect()
}

fn propose(
    ask: &Ask<'_>,
    results: Vec<Result<(), Failure>>,
    new: BTreeSet<AclBinding>,
) -> Result<Plan, Stop> {
    let instead = |failure: fn() -> Failure| {
        let results = results.iter().cloned();
        let results = results.map(|result| result.and_then(|()| Err(failure())));
        created(ask, results.collect())
    };
    let (refused, not_known) = (instead(refused)?, instead(unavailable)?);
    let done = created(ask, results)?;
    if new.is_empty() {
        return ask.reply(&done);
    }
    let command = Command::CreateAcls {
        vcluster: ask.view.name.clone(),
        acls: new.into_iter().collect(),
    };
    let answers = Answers {
        done,
        refused,
        not_known,
    };
    change(ask, command, &answers)
}

/// DeleteAcls.
fn delete(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let message = ask.message;
    let filters = || message.root().items(field::FILTERS).map(read_filter);
    if let Some(unknown) = filters().find_map(Result::err) {
        return Err(unknown.into());
    }
    check_count(filters().count())?;
    if !ask.gate.allows(Operation::Alter, Resource::CLUSTER) {
        let denied = || Err((ErrorCode::ClusterAuthorizationFailed, NEEDS_ALTER.into()));
        let results = filters().map(|_| denied()).collect();
        return ask.reply(&deleted(ask, results)?);
    }
    if !ask.view.acls.index.is_enforced() {
        let disabled = || Err((ErrorCode::SecurityDisabled, DISABLED.into()));
        let results = filters().map(|_| disabled()).collect();
        return ask.reply(&deleted(ask, results)?);
    }
    if ask.view.acls.are_declared {
        let declared = || Err((ErrorCode::PolicyViolation, DECLARED.into()));
        let results = filters().map(|_| declared()).collect();
        return ask.reply(&deleted(ask, results)?);
    }
    if !ask.is_confirmed()? {
        let unconfirmed = || Err((ErrorCode::RequestTimedOut, UNCONFIRMED.into()));
        let results = filters().map(|_| unconfirmed()).collect();
        return ask.reply(&deleted(ask, results)?);
    }
    let ruled = ask.rule_all(message.root().items(field::FILTERS));
    let filters = allowed(filters(), &ruled).collect::<Result<Vec<_>, _>>()?;
    let deletion = filter::delete(&ask.view.acls.all, &filters);
    let results = deletion.results.into_iter();
    let results = with_ruled(results.map(|result| result.map_err(refused_filter)), ruled);
    let is_brought = |acl: &AclBinding| ask.view.acls.brought.by(acl).is_some();
    let instead = |failure: fn() -> Failure| {
        let results = results.iter().map(|result| match result {
            Ok(matching) if matching.iter().all(|acl| is_brought(acl)) => Ok(matching.clone()),
            Ok(_) => Err(failure()),
            Err(failure) => Err(failure.clone()),
        });
        deleted(ask, results.collect())
    };
    let (refused, not_known) = (instead(refused)?, instead(unavailable)?);
    let done = deleted(ask, results)?;
    let removed = deletion.removed.into_iter().filter(|acl| !is_brought(acl));
    let acls: Vec<AclBinding> = removed.cloned().collect();
    if acls.is_empty() {
        return ask.reply(&done);
    }
    let command = Command::DeleteAcls {
        vcluster: ask.view.name.clone(),
        acls,
    };
    change(
        ask,
        command,
        &Answers {
            done,
            refused,
            not_known,
        },
    )
}

/// The words of a broker whose controller does not answer in time: it may or may not have happened.
fn unavailable() -> Failure {
    (ErrorCode::RequestTimedOut, Value::Null)
}

fn refused() -> Failure {
    (ErrorCode::PolicyViolation, REFUSED.into())
}

fn refused_creation(error: CreationError) -> Failure {
    let code = match error {
        CreationError::TooLong(_) => ErrorCode::PolicyViolation,
        _ => ErrorCode::InvalidRequest,
    };
    let message: String = error.to_string().chars().take(MESSAGE_MAX_CHARS).collect();
    (code, message.into())
}

fn refused_filter(error: FilterError) -> Failure {
    (ErrorCode::InvalidRequest, error.to_string().into())
}

/// Why an ACL stays.
fn brought(policy: &PolicyKey) -> String {
    format!("This ACL comes from the {policy}: it is changed there, by the operator of the gateway.")
}

/// The answer to CreateAcls. Success has an empty message.
fn created(ask: &Ask<'_>, results: Vec<Result<(), Failure>>) -> Result<Item, Stop> {
    let mut response = ask.response()?;
    for result in results {
        let mut item = response.item(field::RESULTS);
        match result {
            Ok(()) => item.set(field::ERROR_MESSAGE, ""),
            Err((error, message)) => item
                .set(field::ERROR_CODE, error)
                .set(field::ERROR_MESSAGE, message),
        };
        response.push(field::RESULTS, item);
    }
    Ok(response)
}

/// The answer to DeleteAcls. Success has no message. ACLs that policies bring are not removed, and it is said of each.
fn deleted(ask: &Ask<'_>, results: Vec<Result<Vec<&AclBinding>, Failure>>) -> Result<Item, Stop> {
    let mut response = ask.response()?;
    for result in results {
        let mut item = response.item(field::FILTER_RESULTS);
        match result {
            Ok(removed) => {
                item.set(field::ERROR_MESSAGE, Value::Null);
                for acl in removed {
                    let mut matching = item.item(field::MATCHING_ACLS);
                    match ask.view.acls.brought.by(acl) {
                        None => matching.set(field::ERROR_MESSAGE, Value::Null),
                        Some(policy) => matching
                            .set(field::ERROR_CODE, ErrorCode::PolicyViolation)
                            .set(field::ERROR_MESSAGE, brought(policy)),
                    };
                    set_pattern(&mut matching, acl);
                    set_entry(&mut matching, acl);
                    item.push(field::MATCHING_ACLS, matching);
                }
            }
            Err((error, message)) => {
                item.set(field::ERROR_CODE, error)
                    .set(field::ERROR_MESSAGE, message);
            }
        }
        response.push(field::FILTER_RESULTS, item);
    }
    Ok(response)
}

fn set_pattern(item: &mut Item, acl: &AclBinding) {
    item.set(
        field::RESOURCE_TYPE,
        codes::resource_type_code(acl.pattern.resource_type),
    )
    .set(field::RESOURCE_NAME, acl.pattern.name.as_str())
    .set(
        field::PATTERN_TYPE,
        codes::pattern_type_code(acl.pattern.pattern_type),
    );
}

fn set_entry(item: &mut Item, acl: &AclBinding) {
    item.set(field::PRINCIPAL, acl.entry.principal.as_str())
        .set(field::HOST, acl.entry.host.as_str())
        .set(field::OPERATION, codes::operation_code(acl.entry.operation))
        .set(
            field::PERMISSION_TYPE,
            codes::permission_code(acl.entry.permission),
        );
}

fn read_filter(node: Node<'_>) -> Result<AclFilter<'_>, UnknownCode> {
    AclFilter::read(RawFilter {
        resource_type: code(node, field::RESOURCE_TYPE_FILTER),
        resource_name: node.text_in(field::RESOURCE_NAME_FILTER),
        pattern_type: code(node, field::PATTERN_TYPE_FILTER),
        principal: node.text_in(field::PRINCIPAL_FILTER),
        host: node.text_in(field::HOST_FILTER),
        operation: code(node, field::OPERATION),
        permission: code(node, field::PERMISSION_TYPE),
    })
}

fn read_creation(node: Node<'_>) -> RawCreation<'_> {
    RawCreation {
        resource_type: code(node, field::RESOURCE_TYPE),
        resource_name: node.text_in(field::RESOURCE_NAME).unwrap_or_default(),
        pattern_type: code(node, field::RESOURCE_PATTERN_TYPE),
        principal: node.text_in(field::PRINCIPAL).unwrap_or_default(),
        host: node.text_in(field::HOST).unwrap_or_default(),
        operation: code(node, field::OPERATION),
        permission: code(node, field::PERMISSION_TYPE),
    }
}

/// A code of the ACL vocabulary. One that is not there reads as 0, which no request may hold.
fn code(node: Node<'_>, field: Field) -> i8 {
    let code = node.int_in(field).and_then(|code| i8::try_from(code).ok());
    code.unwrap_or_default()
}
