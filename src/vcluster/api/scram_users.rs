//! DescribeUserScramCredentials and AlterUserScramCredentials (KIP-554), answered by the gateway: the users are the
//! service accounts of the virtual cluster.

use std::collections::BTreeMap;

use super::ask::{Ask, Stop, check_count};
use super::change::{self, Answers};
use super::description::{AnsweredBy, Api, Request, ServedVersions};
use super::error_code::{ErrorCode, NEEDS_ALTER};
use crate::auth::scram::{MAX_ITERATIONS, MIN_ITERATIONS, credential_of_salted};
use crate::authz::Resource;
use crate::vcluster::plan::Plan;
use crate::wire::{Item, Node, Value, field};
use klamm_raft::command::Command;
use klamm_raft::model::{AccountName, Operation, ScramCredential, ScramHash, ScramUser};

pub(super) const DESCRIBE_USER_SCRAM_CREDENTIALS: Api = Api {
    key: 50,
    versions: ServedVersions::new(0, 0),
    rights: "DESCRIBE on the cluster",
    on_the_way: "SCRAM credentials of the virtual cluster's service accounts; the latest ones, as for DescribeAcls.",
    answered_by: AnsweredBy::Gateway(Request::everything(describe)),
};

pub(super) const ALTER_USER_SCRAM_CREDENTIALS: Api = Api {
    key: 51,
    versions: ServedVersions::new(0, 0),
    rights: "ALTER on the cluster",
    on_the_way: "Answered once [no gateway node decides by what was before](CONSISTENCY.md). A user without a service account gets one. Names are those of service accounts.",
    answered_by: AnsweredBy::Gateway(Request::everything(alter)),
};

const TWICE: &str = "A user credential cannot be altered twice in the same request";
const NO_NAME: &str = "Username must not be empty";
const NO_ACCOUNT_NAME: &str =
    "The user name must have 1 to 249 bytes, no control characters, and no space at either end";
const UNKNOWN_MECHANISM: &str = "Unknown SCRAM mechanism";
const TOO_FEW: &str = "Too few iterations";
const TOO_MANY: &str = "Too many iterations";
const NOT_THERE: &str = "Attempt to delete a user credential that does not exist";
const BAD_KEY: &str = "The salted password is not as long as a hash, or the salt is empty";

/// Kafka's numbers of the mechanisms.
const SHA_256: i64 = 1;
const SHA_512: i64 = 2;

/// The longest salt that is kept, in bytes.
const MAX_SALT_BYTES: usize = 1024;

/// Why something is not done, in words.
type Failure = (ErrorCode, &'static str);

/// DescribeUserScramCredentials.
fn describe(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    check_count(ask.message.root().items(field::USERS).count())?;
    let mut response = ask.response()?;
    if !ask.gate.allows(Operation::Describe, Resource::CLUSTER) {
        response
            .set(field::ERROR_CODE, ErrorCode::ClusterAuthorizationFailed)
            .set(field::ERROR_MESSAGE, Value::Null);
        // A broker repeats itself for each user, and forgets its name.
        for _ in ask.message.root().items(field::USERS) {
            let mut result = response.item(field::RESULTS);
            result
                .set(field::ERROR_CODE, ErrorCode::ClusterAuthorizationFailed)
                .set(field::ERROR_MESSAGE, Value::Null);
            response.push(field::RESULTS, result);
        }
        return ask.reply(&response);
    }
    if !ask.is_confirmed()? {
        response
            .set(field::ERROR_CODE, ErrorCode::RequestTimedOut)
            .set(field::ERROR_MESSAGE, change::UNCONFIRMED);
        return ask.reply(&response);
    }
    let stored = ask.view.directory.scram_credentials();
    let mut known: BTreeMap<&str, Vec<(&ScramUser, &ScramCredential)>> = BTreeMap::new();
    for (user, credential) in stored {
        known
            .entry(user.account.as_str())
            .or_default()
            .push((user, credential));
    }
    let mut asked: BTreeMap<&str, usize> = BTreeMap::new();
    for user in ask.message.root().items(field::USERS) {
        *asked
            .entry(user.text_in(field::NAME).unwrap_or_default())
            .or_default() += 1;
    }
    if asked.is_empty() {
        asked = known.keys().map(|user| (*user, 1)).collect();
    }
    for (user, times) in asked {
        let mut result = response.item(field::RESULTS);
        result.set(field::USER, user);
        match (times, known.get(user)) {
            (1, Some(credentials)) => {
                for (of, credential) in credentials {
                    let mut info = result.item(field::CREDENTIAL_INFOS);
                    info.set(field::MECHANISM, number(of.hash))
                        .set(field::ITERATIONS, credential.iterations.cast_signed());
                    result.push(field::CREDENTIAL_INFOS, info);
                }
            }
            (1, None) => {
                let message = format!("Attempt to describe a user credential that does not exist: {user}");
                result
                    .set(field::ERROR_CODE, ErrorCode::ResourceNotFound)
                    .set(field::ERROR_MESSAGE, message);
            }
            _ => {
                let message = format!(
                    "Cannot describe SCRAM credentials for the same user twice in a single request: {user}"
                );
                result
                    .set(field::ERROR_CODE, ErrorCode::DuplicateResource)
                    .set(field::ERROR_MESSAGE, message);
            }
        }
        response.push(field::RESULTS, result);
    }
    ask.reply(&response)
}

/// The change of one user.
enum Change {
    Put(ScramUser, ScramCredential),
    Delete(ScramUser),
}

/// AlterUserScramCredentials. Each user is changed or not for itself.
fn alter(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let root = ask.message.root();
    check_count(root.items(field::DELETIONS).count() + root.items(field::UPSERTIONS).count())?;
    let deletions = root.items(field::DELETIONS).map(|item| (item, false));
    let all = deletions.chain(root.items(field::UPSERTIONS).map(|item| (item, true)));
    let permission = match ask.gate.allows(Operation::Alter, Resource::CLUSTER) {
        false => Err((ErrorCode::ClusterAuthorizationFailed, NEEDS_ALTER)),
        true if !ask.is_confirmed()? => Err((ErrorCode::RequestTimedOut, change::UNCONFIRMED)),
        true => Ok(()),
    };
    let mut results: BTreeMap<&str, Result<Change, Failure>> = BTreeMap::new();
    for (item, is_put) in all {
        let name = item.text_in(field::NAME).unwrap_or_default();
        let change = match (permission, is_put) {
            (Err(failure), _) => Err(failure),
            _ if results.contains_key(name) => match results.get(name) {
                Some(Err(earlier)) => Err(*earlier),
                _ => Err((ErrorCode::DuplicateResource, TWICE)),
            },
            (Ok(()), true) => put(name, item),
            (Ok(()), false) => delete(ask, name, item),
        };
        results.insert(name, change);
    }
    let answer = |instead: Option<(ErrorCode, Value)>| -> Result<Item, Stop> {
        let mut response = ask.response()?;
        for (user, result) in &results {
            let mut item = response.item(field::RESULTS);
            item.set(field::USER, *user)
                .set(field::ERROR_MESSAGE, Value::Null);
            match (result, &instead) {
                (Ok(_), None) => {}
                (Ok(_), Some((error, message))) => {
                    item.set(field::ERROR_CODE, *error)
                        .set(field::ERROR_MESSAGE, message.clone());
                }
                (Err((error, message)), _) => {
                    item.set(field::ERROR_CODE, *error)
                        .set(field::ERROR_MESSAGE, *message);
                }
            }
            response.push(field::RESULTS, item);
        }
        Ok(response)
    };
    let answers = Answers {
        done: answer(None)?,
        refused: answer(Some((ErrorCode::PolicyViolation, change::REFUSED.into())))?,
        not_known: answer(Some((ErrorCode::RequestTimedOut, Value::Null)))?,
    };
    let (mut put, mut delete) = (Vec::new(), Vec::new());
    for change in results.into_values().flatten() {
        match change {
            Change::Put(user, credential) => put.push((user, credential)),
            Change::Delete(user) => delete.push(user),
        }
    }
    if put.is_empty() && delete.is_empty() {
        return ask.reply(&answers.done);
    }
    let command = Command::AlterScramCredentials {
        vcluster: ask.view.name.clone(),
        put,
        delete,
    };
    change::change(ask, command, &answers)
}

fn put(name: &str, item: Node<'_>) -> Result<Change, Failure> {
    let user = user(name, item)?;
    let iterations = item.i32_in(field::ITERATIONS).unwrap_or_default();
    let iterations = u32::try_from(iterations).unwrap_or_default();
    if iterations < MIN_ITERATIONS {
        return Err((ErrorCode::UnacceptableCredential, TOO_FEW));
    }
    if iterations > MAX_ITERATIONS {
        return Err((ErrorCode::UnacceptableCredential, TOO_MANY));
    }
    let bytes = |name| item.child(name).and_then(Node::bytes).unwrap_or_default();
    let (salt, salted) = (bytes(field::SALT), bytes(field::SALTED_PASSWORD));
    let length = match user.hash {
        ScramHash::Sha256 => 32,
        ScramHash::Sha512 => 64,
    };
    if salted.len() != length || salt.is_empty() || salt.len() > MAX_SALT_BYTES {
        return Err((ErrorCode::UnacceptableCredential, BAD_KEY));
    }
    let credential = credential_of_salted(user.hash, salted, salt.to_vec(), iterations);
    Ok(Change::Put(user, credential))
}

fn delete(ask: &Ask<'_>, name: &str, item: Node<'_>) -> Result<Change, Failure> {
    let user = user(name, item);
    // Nobody has a credential under a name that no account can have.
    let is_no_account = user == Err((ErrorCode::UnacceptableCredential, NO_ACCOUNT_NAME));
    match user {
        Ok(user) if ask.view.directory.scram(&user).is_some() => Ok(Change::Delete(user)),
        Err(failure) if !is_no_account => Err(failure),
        _ => Err((ErrorCode::ResourceNotFound, NOT_THERE)),
    }
}

fn user(name: &str, item: Node<'_>) -> Result<ScramUser, Failure> {
    if name.is_empty() {
        return Err((ErrorCode::UnacceptableCredential, NO_NAME));
    }
    let hash = match item.int_in(field::MECHANISM) {
        Some(SHA_256) => ScramHash::Sha256,
        Some(SHA_512) => ScramHash::Sha512,
        _ => return Err((ErrorCode::UnsupportedSaslMechanism, UNKNOWN_MECHANISM)),
    };
    let account: AccountName = name
        .parse()
        .map_err(|_| (ErrorCode::UnacceptableCredential, NO_ACCOUNT_NAME))?;
    Ok(ScramUser { account, hash })
}

fn number(hash: ScramHash) -> i8 {
    match hash {
        ScramHash::Sha256 => 1,
        ScramHash::Sha512 => 2,
    }
}
