//! Single claims of a token.

use serde_json::{Map, Value as Json};

use crate::auth::UnixMillis;

/// A claim by its name; a name that is no claim may be a path such as `realm.user`.
pub(super) fn find<'a>(claims: &'a Map<String, Json>, name: &str) -> Option<&'a Json> {
    if let Some(claim) = claims.get(name) {
        return Some(claim);
    }
    let (first, rest) = name.split_once('.')?;
    match claims.get(first)? {
        Json::Object(inner) => find(inner, rest),
        _ => None,
    }
}

/// A point in time, in seconds that may have a fraction (RFC 7519 `NumericDate`).
pub(super) fn time(claims: &Map<String, Json>, name: &str) -> Option<Result<UnixMillis, NotATime>> {
    let seconds = claims.get(name)?.as_f64();
    Some(match seconds {
        // What is beyond the range is as late as can be.
        Some(seconds) if seconds >= 0.0 => Ok(UnixMillis((seconds * 1000.0) as u64)),
        _ => Err(NotATime),
    })
}

/// A claim that should be a time is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotATime;

/// Whether a claim, one text or a list of texts, names any of these.
pub(super) fn names_any(claim: Option<&Json>, wanted: &[String]) -> bool {
    match claim {
        Some(Json::String(one)) => wanted.contains(one),
        Some(Json::Array(list)) => list
            .iter()
            .filter_map(Json::as_str)
            .any(|one| wanted.iter().any(|wanted| wanted == one)),
        _ => false,
    }
}

/// Whether a scope claim, a list of texts or one text with blanks between (RFC 8693 §4.2), holds this scope.
pub(super) fn has_scope(claim: Option<&Json>, scope: &str) -> bool {
    match claim {
        Some(Json::String(text)) => text.split(' ').any(|one| one == scope),
        Some(Json::Array(list)) => list.iter().any(|one| one.as_str() == Some(scope)),
        _ => false,
    }
}
