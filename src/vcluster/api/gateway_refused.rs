//! A physical cluster that refuses the gateway itself. What a client may do was decided here, so a broker's
//! authorization error is a fault of the gateway's configuration: clients are not told that it was theirs.

use super::error_code::ErrorCode;
use crate::wire::{Class, Edits, Message};

/// Replaces authorization errors of a broker by UNKNOWN_SERVER_ERROR; gives the first of them.
pub(super) fn hide(message: Message<'_>, edits: &mut Edits) -> Option<i16> {
    let mut first = None;
    for node in message.all(Class::ErrorCode) {
        let code = node.int().and_then(|code| i16::try_from(code).ok());
        if let Some(code) = code.filter(|code| is_refusal(*code)) {
            edits.set_int(node, told(code).into());
            first = first.or(Some(code));
        }
    }
    first
}

/// The error that clients are told in place of a broker's.
pub(super) fn told(code: i16) -> i16 {
    match is_refusal(code) {
        true => ErrorCode::UnknownServerError.code(),
        false => code,
    }
}

fn is_refusal(code: i16) -> bool {
    [
        ErrorCode::TopicAuthorizationFailed,
        ErrorCode::GroupAuthorizationFailed,
        ErrorCode::ClusterAuthorizationFailed,
        ErrorCode::TransactionalIdAuthorizationFailed,
    ]
    .iter()
    .any(|refusal| refusal.code() == code)
}
