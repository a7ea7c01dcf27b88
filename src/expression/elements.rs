//! The elements of a list, one after the other: those that macros and `in` go over.

use std::borrow::Cow;
use std::{slice, vec};

use serde_json::{Value as Json, map};

use super::json_text::{JsonParts, decoded};
use super::{NoAnswer, Operand};

/// Elements of a list, or names of members: CEL's macros go over the keys of a map.
#[derive(Debug)]
pub(super) enum Elements<'a> {
    List(slice::Iter<'a, Json>),
    Literal(vec::IntoIter<Operand<'a>>),
    Members(map::Keys<'a>),
    Names(vec::IntoIter<&'a str>),
    Array(JsonParts<'a>),
    Object(JsonParts<'a>),
}

impl<'a> Operand<'a> {
    /// The elements of a list.
    pub(super) fn elements(self) -> Result<Elements<'a>, NoAnswer> {
        Ok(match self {
            Self::List(list) => Elements::List(list.iter()),
            Self::Literal(list) => Elements::Literal(list.into_iter()),
            Self::Map(map) => Elements::Members(map.keys()),
            Self::Keyed(map) => Elements::Names(map.names().into_iter()),
            Self::Json(json) if json.is_object() => Elements::Object(json.parts()),
            Self::Json(json) => Elements::Array(json.parts()),
            _ => return Err(NoAnswer::Type),
        })
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Result<Operand<'a>, NoAnswer>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::List(list) => list.next().map(|json| Ok(Operand::of(json))),
            Self::Literal(list) => list.next().map(Ok),
            Self::Members(names) => names.next().map(|name| Ok(text(name))),
            Self::Names(names) => names.next().map(|name| Ok(text(name))),
            Self::Array(parts) => parts
                .next()
                .map(|part| part.and_then(|(_, value)| value.operand())),
            Self::Object(parts) => parts
                .next()
                .map(|part| part.and_then(|(name, _)| decoded(name).map(Operand::Text))),
        }
    }
}

fn text(name: &str) -> Operand<'_> {
    Operand::Text(Cow::Borrowed(name))
}
