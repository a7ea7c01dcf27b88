//! `description` and `labels`: what people and their tools keep beside a virtual cluster.

use std::collections::BTreeMap;

use crate::admin::resources::invalid::Invalid;

pub(in crate::admin::resources) const MAX_DESCRIPTION_CHARS: usize = 512;
const MAX_LABELS: usize = 50;
const MAX_LABEL_BYTES: usize = 63;

/// Checks a description.
pub(in crate::admin::resources) fn description(text: String) -> Result<String, Invalid> {
    match text.chars().count() <= MAX_DESCRIPTION_CHARS {
        true => Ok(text),
        false => Err(Invalid::new(format!(
            "description: more than {MAX_DESCRIPTION_CHARS} characters"
        ))),
    }
}

/// Checks labels.
pub(in crate::admin::resources) fn labels(
    labels: BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, Invalid> {
    if labels.len() > MAX_LABELS {
        return Err(Invalid::new(format!("labels: more than {MAX_LABELS}")));
    }
    for (key, value) in &labels {
        if !(1..=MAX_LABEL_BYTES).contains(&key.len()) || key.chars().any(char::is_control) {
            return Err(Invalid::new(format!(
                "labels: the key {key:?} must have 1 to {MAX_LABEL_BYTES} characters"
            )));
        }
        if !is_value(value) {
            return Err(Invalid::new(format!(
                "labels: the value {value:?} of {key} must be 1 to {MAX_LABEL_BYTES} of the characters a-z A-Z 0-9 . _ -, \
                 and begin and end with a letter or a digit"
            )));
        }
    }
    Ok(labels)
}

fn is_value(text: &str) -> bool {
    let is_edge = |b: &u8| b.is_ascii_alphanumeric();
    let bytes = text.as_bytes();
    (1..=MAX_LABEL_BYTES).contains(&bytes.len())
        && bytes
            .iter()
            .all(|b| is_edge(b) || matches!(b, b'.' | b'_' | b'-'))
        && bytes.first().is_some_and(is_edge)
        && bytes.last().is_some_and(is_edge)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_short_and_of_few_characters() {
        let check = |key: &str, value: &str| labels([(key.to_owned(), value.to_owned())].into()).is_ok();
        assert!(check("env", "test") && check("a b", "a.b_c-1") && check("k", &"x".repeat(63)));
        for (key, value) in [
            ("", "x"),
            ("k", ""),
            ("k", "-a"),
            ("k", "a."),
            ("k", "a b"),
            ("k\n", "x"),
        ] {
            assert!(!check(key, value), "{key:?} {value:?}");
        }
        assert!(!check(&"k".repeat(64), "x") && !check("k", &"x".repeat(64)));
        let many = |count: usize| (0..count).map(|n| (n.to_string(), "x".to_owned())).collect();
        assert!(labels(many(50)).is_ok() && labels(many(51)).is_err());
        assert!(description("ä".repeat(512)).is_ok() && description("a".repeat(513)).is_err());
    }
}
