//! `topic` of plugins: a regular expression for whole names.

use std::collections::BTreeSet;

use klamm_raft::model::TopicPattern;

use super::super::invalid::{Invalid, required};

/// All topics.
const ALL: &str = ".*";

/// The topics that an expression means: all, one, those that begin alike, or those that match.
pub(super) fn patterns(expression: Option<&str>) -> Result<BTreeSet<TopicPattern>, Invalid> {
    const AT: &str = "spec.config.topic";
    let expression = expression.unwrap_or(ALL);
    if expression == ALL {
        return Ok(BTreeSet::new());
    }
    let is_plain = |text: &str| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
        !text.is_empty() && text.bytes().all(plain)
    };
    let pattern = match expression.strip_suffix(ALL) {
        Some(prefix) if is_plain(prefix) => TopicPattern::Prefixed(required(AT, prefix)?),
        None if is_plain(expression) => TopicPattern::Literal(required(AT, expression)?),
        _ => TopicPattern::Regex(required(AT, expression)?),
    };
    Ok([pattern].into())
}
