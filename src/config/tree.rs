//! YAML as a tree that knows its lines. Scalars keep their spelling: what a text means is the business of its reader.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

pub(super) use crate::yaml::MalformedYaml;
use crate::yaml::malformed;

/// A YAML value and the line that it starts on, counted from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TreeNode {
    pub(super) line: u64,
    pub(super) value: TreeValue,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TreeValue {
    Null,
    /// Any scalar, as it is spelled.
    Text(String),
    List(Vec<TreeNode>),
    Map(Vec<TreeEntry>),
}

/// One key of a map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TreeEntry {
    pub(super) name: String,
    /// The line of the key.
    pub(super) line: u64,
    pub(super) node: TreeNode,
}

impl TreeValue {
    /// A scalar, as it is spelled.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Null | Self::List(_) | Self::Map(_) => None,
        }
    }

    /// Its kind, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
        }
    }
}

/// How deep lists and maps may be in each other: each level takes stack.
const MAX_DEPTH: usize = 16;

/// Parses one YAML document.
pub(super) fn parse(text: &str) -> Result<TreeNode, MalformedYaml> {
    let options = serde_saphyr::options! { budget: serde_saphyr::budget! { max_depth: MAX_DEPTH } };
    let parsed = serde_saphyr::from_str_with_options(text, options);
    let raw: Spanned<Raw> = parsed.map_err(|error| malformed(&error))?;
    Ok(convert(raw, text))
}

enum Raw {
    Null,
    Text(String),
    /// A scalar that is not a string; its spelling is taken from the source.
    Plain(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

fn convert(raw: Spanned<Raw>, source: &str) -> TreeNode {
    let span = raw.defined.span();
    let value = match raw.value {
        Raw::Null => TreeValue::Null,
        Raw::Text(text) => TreeValue::Text(text),
        Raw::Plain(canonical) => TreeValue::Text(spelling(span, source).unwrap_or(canonical)),
        Raw::List(items) => TreeValue::List(items.into_iter().map(|item| convert(item, source)).collect()),
        Raw::Map(entries) => TreeValue::Map(
            entries
                .into_iter()
                .map(|(key, value)| TreeEntry {
                    line: key.referenced.line(),
                    name: key.value,
                    node: convert(value, source),
                })
                .collect(),
        ),
    };
    TreeNode {
        line: raw.referenced.line(),
        value,
    }
}

fn spelling(span: serde_saphyr::Span, source: &str) -> Option<String> {
    let start = usize::try_from(span.byte_offset()?).ok()?;
    let length = usize::try_from(span.byte_len()?).ok()?;
    let text = source.get(start..start.checked_add(length)?)?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        Raw::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Plain(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Plain(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Plain(value.to_string()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Raw, E> {
        Ok(Raw::Plain(value.to_string()))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Raw, E> {
        Ok(Raw::Plain(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
        Ok(Raw::Plain(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Raw, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Raw::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Raw, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Raw::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(text: &str) -> Vec<(String, u64, TreeValue)> {
        match parse(text).expect("YAML").value {
            TreeValue::Map(entries) => entries
                .into_iter()
                .map(|e| (e.name, e.line, e.node.value))
                .collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn scalars_keep_their_spelling_and_keys_their_lines() {
        let text = "a: 0052\nb: yes\n\nc: 1e3\nd: '1.10'\ne: 1.10\nf: ~\ng: plain text\n";
        let seen: Vec<String> = entries(text)
            .iter()
            .map(|(n, l, v)| format!("{n}@{l} {v:?}"))
            .collect();
        assert_eq!(
            seen,
            [
                "a@1 Text(\"0052\")",
                "b@2 Text(\"yes\")",
                "c@4 Text(\"1e3\")",
                "d@5 Text(\"1.10\")",
                "e@6 Text(\"1.10\")",
                "f@7 Null",
                "g@8 Text(\"plain text\")",
            ]
        );
    }

    #[test]
    fn the_spelling_survives_characters_of_several_bytes_and_aliases() {
        let seen = entries("ä: 'ü'\nport: &p 08080\nagain: *p\n");
        assert_eq!(seen[1].2, TreeValue::Text("08080".into()));
        assert_eq!(seen[2].2, TreeValue::Text("08080".into()));
    }

    #[test]
    fn what_is_not_yaml_is_refused_with_its_line() {
        let refused = |text: &str| parse(text).expect_err("no YAML");
        assert_eq!(refused("a: 1\na: 2\n").line, Some(2));
        assert!(
            refused("a: 1\na: 2\n")
                .message
                .ends_with("the same key is given twice")
        );
        assert_eq!(refused("a: 1\nb: [1, 2\n").line.map(|l| l >= 2), Some(true));
        assert!(
            !refused("a: [").message.contains("line"),
            "the place is said elsewhere"
        );
        assert!(refused("a: 1\n---\nb: 2\n").message.contains("more than one"));
    }

    #[test]
    fn what_is_nested_too_deep_is_refused() {
        assert!(parse(&"- ".repeat(MAX_DEPTH - 1)).is_ok());
        for text in [
            "- ".repeat(60),
            "[".repeat(60) + &"]".repeat(60),
            "- ".repeat(100_000),
        ] {
            assert!(parse(&text).is_err());
        }
    }

    #[test]
    fn an_empty_text_is_nothing() {
        assert_eq!(parse("").expect("YAML").value, TreeValue::Null);
    }
}
