//! The values of rules: those of JSON, with whole numbers apart.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::{Map, Value as Json};

use super::NoAnswer;

/// A value. What comes from the claims is borrowed.
#[derive(Debug, Clone)]
pub(super) enum RuleValue<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(Cow<'a, str>),
    List(&'a [Json]),
    /// A list of the expression itself.
    Literal(Vec<RuleValue<'a>>),
    Map(&'a Map<String, Json>),
}

impl<'a> RuleValue<'a> {
    /// A value of the claims.
    pub(super) fn of(json: &'a Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Bool(*value),
            Json::Number(number) => match number.as_i64() {
                Some(whole) => Self::Int(whole),
                None => Self::Double(number.as_f64().unwrap_or(f64::NAN)),
            },
            Json::String(text) => Self::Text(Cow::Borrowed(text)),
            Json::Array(list) => Self::List(list),
            Json::Object(map) => Self::Map(map),
        }
    }

    /// The elements of a list.
    pub(super) fn elements(self) -> Result<Vec<RuleValue<'a>>, NoAnswer> {
        match self {
            Self::List(list) => Ok(list.iter().map(RuleValue::of).collect()),
            Self::Literal(list) => Ok(list),
            // CEL's macros go over the keys of a map.
            Self::Map(map) => Ok(map
                .keys()
                .map(|key| Self::Text(Cow::Borrowed(key.as_str())))
                .collect()),
            _ => Err(NoAnswer::Type),
        }
    }

    /// Whether two values are the same. Values of different kinds differ; numbers compare as numbers.
    pub(super) fn equals(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Text(a), Self::Text(b)) => a == b,
            (Self::Map(a), Self::Map(b)) => a == b,
            (Self::List(_) | Self::Literal(_), Self::List(_) | Self::Literal(_)) => {
                match (self.clone().elements(), other.clone().elements()) {
                    (Ok(a), Ok(b)) => a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| a.equals(b)),
                    _ => false,
                }
            }
            _ => self.numbers(other) == Some(Ordering::Equal),
        }
    }

    /// Which of two values comes first.
    pub(super) fn order(&self, other: &Self) -> Result<Ordering, NoAnswer> {
        match (self, other) {
            (Self::Text(a), Self::Text(b)) => Ok(a.cmp(b)),
            (Self::Bool(a), Self::Bool(b)) => Ok(a.cmp(b)),
            _ => self.numbers(other).ok_or(NoAnswer::Type),
        }
    }

    fn numbers(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => Some(a.cmp(b)),
            (Self::Int(a), Self::Double(b)) => (*a as f64).partial_cmp(b),
            (Self::Double(a), Self::Int(b)) => a.partial_cmp(&(*b as f64)),
            (Self::Double(a), Self::Double(b)) => a.partial_cmp(b),
            _ => None,
        }
    }

    /// The cost of looking at the whole value, in steps.
    pub(super) fn cost(&self) -> u32 {
        let size = match self {
            Self::Text(text) => text.len() / 16,
            Self::List(list) => list.len(),
            Self::Literal(list) => list.len(),
            Self::Map(map) => map.len(),
            _ => 0,
        };
        u32::try_from(size).unwrap_or(u32::MAX).saturating_add(1)
    }
}
