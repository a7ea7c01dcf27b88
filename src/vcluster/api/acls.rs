//! DescribeAcls, CreateAcls and DeleteAcls, answered by the gateway. Like a broker it asks for the right on the cluster
//! before it looks at any entry; what an entry or filter comes to is decided in [`crate::authz`].

use super::ask::{Ask, Stop};
use super::error_code::ErrorCode;
use crate::authz::create::{self, Creation, CreationError, FULL, RawCreation, TOO_MANY_CREATIONS};
use crate::authz::filter::{self, AclFilter, FilterError, RawFilter, UnknownCode};
use crate::authz::{Resource, codes};
use crate::vcluster::pending::{ChangeAnswers, PendingChange};
use crate::vcluster::plan::{ChangeResult, Need, Plan};
use crate::wire::{Field, Item, Node, Segments, Value, field};
use klamm_raft::command::Command;
use klamm_raft::model::{AclBinding, Operation};
use klamm_raft::outcome::Outcome;

/// What is said with CLUSTER_AUTHORIZATION_FAILED.
const NEEDS_DESCRIBE: &str = "The request needs DESCRIBE permission.";
const NEEDS_ALTER: &str = "The request needs ALTER permission.";
/// What is said with SECURITY_DISABLED.
const DISABLED: &str = "ACLs are disabled.";
/// What is said with REQUEST_TIMED_OUT when nobody can say whether this node is up to date.
pub(super) const UNCONFIRMED: &str =
    "This gateway node cannot confirm with its cluster that it is up to date: nothing was done. Try again.";
/// What is said with POLICY_VIOLATION.
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
pub(super) fn describe(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
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
    let found = filter::describe(&ask.view.acls.stored, &filter);
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
pub(super) fn create(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let creations: Vec<_> = ask
        .message
        .root()
        .items(field::CREATIONS)
        .map(read_creation)
        .collect();
    create::check_codes(&creations)?;
    let all = |error: ErrorCode, message: Value| vec![Err((error, message)); creations.len()];
    if !ask.gate.allows(Operation::Alter, Resource::CLUSTER) {
        let results = all(ErrorCode::ClusterAuthorizationFailed, NEEDS_ALTER.into());
        return ask.reply(&created(ask, results)?);
    }
    if !ask.view.acls.index.is_enforced() {
        return ask.reply(&created(ask, all(ErrorCode::SecurityDisabled, DISABLED.into()))?);
    }
    if ask.view.acls.are_declared {
        return ask.reply(&created(ask, all(ErrorCode::PolicyViolation, DECLARED.into()))?);
    }
    if !ask.is_confirmed()? {
        return ask.reply(&created(
            ask,
            all(ErrorCode::RequestTimedOut, UNCONFIRMED.into()),
        )?);
    }
    let (results, new) = match create::create(&ask.view.acls.stored, &creations) {
        Creation::Entries { results, new } => (results, new),
        Creation::FilterValue => {
            return ask.reply(&created(ask, all(ErrorCode::UnknownServerError, Value::Null))?);
        }
        Creation::TooMany => {
            let results = all(ErrorCode::PolicyViolation, TOO_MANY_CREATIONS.into());
            return ask.reply(&created(ask, results)?);
        }
        Creation::Full => {
            return ask.reply(&created(ask, all(ErrorCode::PolicyViolation, FULL.into()))?);
        }
    };
    let results: Vec<_> = results
        .into_iter()
        .map(|result| result.map_err(refused_creation))
        .collect();
    let not_done = results
        .iter()
        .cloned()
        .map(|result| result.and_then(|()| Err(unavailable())))
        .collect();
    let done = created(ask, results)?;
    if new.is_empty() {
        return ask.reply(&done);
    }
    let command = Command::CreateAcls {
        vcluster: ask.view.name.clone(),
        acls: new.into_iter().collect(),
    };
    change(ask, command, &done, &created(ask, not_done)?)
}

/// DeleteAcls.
pub(super) fn delete(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let filters = ask.message.root().items(field::FILTERS).map(read_filter);
    let filters = filters.collect::<Result<Vec<_>, _>>()?;
    if !ask.gate.allows(Operation::Alter, Resource::CLUSTER) {
        let denied = || Err((ErrorCode::ClusterAuthorizationFailed, NEEDS_ALTER.into()));
        let results = filters.iter().map(|_| denied()).collect();
        return ask.reply(&deleted(ask, results)?);
    }
    if !ask.view.acls.index.is_enforced() {
        let disabled = || Err((ErrorCode::SecurityDisabled, DISABLED.into()));
        let results = filters.iter().map(|_| disabled()).collect();
        return ask.reply(&deleted(ask, results)?);
    }
    if ask.view.acls.are_declared {
        let declared = || Err((ErrorCode::PolicyViolation, DECLARED.into()));
        let results = filters.iter().map(|_| declared()).collect();
        return ask.reply(&deleted(ask, results)?);
    }
    if !ask.is_confirmed()? {
        let unconfirmed = || Err((ErrorCode::RequestTimedOut, UNCONFIRMED.into()));
        let results = filters.iter().map(|_| unconfirmed()).collect();
        return ask.reply(&deleted(ask, results)?);
    }
    let deletion = filter::delete(&ask.view.acls.stored, &filters);
    let results: Vec<_> = deletion
        .results
        .into_iter()
        .map(|result| result.map_err(refused_filter))
        .collect();
    let not_done = results.iter().map(|result| match result {
        Ok(matching) if matching.is_empty() => Ok(Vec::new()),
        Ok(_) => Err(unavailable()),
        Err(failure) => Err(failure.clone()),
    });
    let not_done = deleted(ask, not_done.collect())?;
    let done = deleted(ask, results)?;
    if deletion.removed.is_empty() {
        return ask.reply(&done);
    }
    let command = Command::DeleteAcls {
        vcluster: ask.view.name.clone(),
        acls: deletion.removed.into_iter().cloned().collect(),
    };
    change(ask, command, &done, &not_done)
}

/// The answer to a change that was proposed.
pub(super) fn changed(pending: PendingChange, result: ChangeResult) -> Segments {
    match result {
        Ok(Outcome::Created | Outcome::Updated | Outcome::Unchanged | Outcome::Deleted) => pending.0.done,
        Ok(Outcome::Refused(_)) | Err(_) => pending.0.not_done,
    }
}

/// Proposes a change; what is answered then is made before.
pub(super) fn change(ask: &Ask<'_>, command: Command, done: &Item, not_done: &Item) -> Result<Plan, Stop> {
    Ok(Plan::Need(Need::Change {
        command: Box::new(command),
        pending: PendingChange(Box::new(ChangeAnswers {
            done: ask.answer(done)?,
            not_done: ask.answer(not_done)?,
        })),
    }))
}

/// What a broker says when its controller does not answer in time: it may or may not have happened.
fn unavailable() -> Failure {
    (ErrorCode::RequestTimedOut, Value::Null)
}

fn refused_creation(error: CreationError) -> Failure {
    let message: String = error.to_string().chars().take(MESSAGE_MAX_CHARS).collect();
    (ErrorCode::InvalidRequest, message.into())
}

fn refused_filter(error: FilterError) -> Failure {
    (ErrorCode::InvalidRequest, error.to_string().into())
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

/// The answer to DeleteAcls. Success has no message.
fn deleted(ask: &Ask<'_>, results: Vec<Result<Vec<&AclBinding>, Failure>>) -> Result<Item, Stop> {
    let mut response = ask.response()?;
    for result in results {
        let mut item = response.item(field::FILTER_RESULTS);
        match result {
            Ok(removed) => {
                item.set(field::ERROR_MESSAGE, Value::Null);
                for acl in removed {
                    let mut matching = item.item(field::MATCHING_ACLS);
                    matching.set(field::ERROR_MESSAGE, Value::Null);
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
