//! The values that expressions work with: those of JSON, with whole numbers apart.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::{Map, Value as Json};

use super::{JsonText, Keyed, MAX_STEPS, NoAnswer};

/// How many bytes of a text a step looks at.
const TEXT_BYTES: usize = 16;
/// How many bytes of JSON a step goes over.
const JSON_BYTES: usize = 64;
/// How many members a step looks at.
const MEMBERS: usize = 4;

/// A value. Those of variables are borrowed.
#[derive(Debug, Clone)]
pub enum Operand<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(Cow<'a, str>),
    List(&'a [Json]),
    /// A list that is made for the evaluation.
    Literal(Vec<Operand<'a>>),
    Map(&'a Map<String, Json>),
    /// An array or an object in its text.
    Json(JsonText<'a>),
    Keyed(&'a dyn Keyed),
}

impl<'a> Operand<'a> {
    /// A value of JSON that was read.
    pub fn of(json: &'a Json) -> Self {
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

    /// Bytes that are read as a text.
    ///
    /// # Errors
    /// They are not UTF-8: a text in their place would be the text of other bytes, too. Or no evaluation could look at
    /// so many.
    pub fn of_bytes(bytes: &'a [u8]) -> Result<Self, NoAnswer> {
        if steps(bytes.len(), TEXT_BYTES) > MAX_STEPS {
            return Err(NoAnswer::TooLong);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| NoAnswer::NotText)?;
        Ok(Self::Text(Cow::Borrowed(text)))
    }

    /// A member of a map, or an element of a list.
    pub(super) fn part(self, index: &Operand<'_>) -> Result<Self, NoAnswer> {
        match (self, index) {
            (Self::Map(map), Operand::Text(name)) => {
                map.get(name.as_ref()).map(Self::of).ok_or(NoAnswer::Missing)
            }
            (Self::Keyed(map), Operand::Text(name)) => map.member(name),
            (Self::Json(json), Operand::Text(name)) => member_or_path(json, name)?.operand(),
            (Self::Json(json), Operand::Int(index)) => json.element(*index)?.operand(),
            (Self::List(list), Operand::Int(index)) => usize::try_from(*index)
                .ok()
                .and_then(|index| list.get(index))
                .map(Self::of)
                .ok_or(NoAnswer::Missing),
            (Self::Literal(mut list), Operand::Int(index)) => match usize::try_from(*index) {
                Ok(index) if index < list.len() => Ok(list.swap_remove(index)),
                _ => Err(NoAnswer::Missing),
            },
            _ => Err(NoAnswer::Type),
        }
    }

    /// Whether there is such a part, whatever its value.
    pub(super) fn has(self, index: &Operand<'_>) -> Result<bool, NoAnswer> {
        match self.part(index) {
            Ok(_) | Err(NoAnswer::NotText | NoAnswer::Arithmetic) => Ok(true),
            Err(NoAnswer::Missing) => Ok(false),
            Err(why) => Err(why),
        }
    }

    /// How many characters, elements or members it has.
    pub(super) fn size(&self) -> Result<i64, NoAnswer> {
        let size = match self {
            Self::Text(text) => text.chars().count(),
            Self::List(list) => list.len(),
            Self::Literal(list) => list.len(),
            Self::Map(map) => map.len(),
            Self::Keyed(map) => map.names().len(),
            Self::Json(json) => json.parts().try_fold(0, |count, part| part.map(|_| count + 1))?,
            _ => return Err(NoAnswer::Type),
        };
        i64::try_from(size).map_err(|_| NoAnswer::Arithmetic)
    }

    /// Which of two values comes first.
    pub(super) fn order(&self, other: &Self) -> Result<Ordering, NoAnswer> {
        match (self, other) {
            (Self::Text(a), Self::Text(b)) => Ok(a.cmp(b)),
            (Self::Bool(a), Self::Bool(b)) => Ok(a.cmp(b)),
            _ => self.numbers(other).ok_or(NoAnswer::Type),
        }
    }

    /// How two numbers compare, whole or not.
    pub(super) fn numbers(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => Some(a.cmp(b)),
            (Self::Int(a), Self::Double(b)) => (*a as f64).partial_cmp(b),
            (Self::Double(a), Self::Int(b)) => a.partial_cmp(&(*b as f64)),
            (Self::Double(a), Self::Double(b)) => a.partial_cmp(b),
            _ => None,
        }
    }

    pub(super) fn is_list(&self) -> bool {
        match self {
            Self::List(_) | Self::Literal(_) => true,
            Self::Json(json) => json.is_array(),
            _ => false,
        }
    }

    pub(super) fn is_map(&self) -> bool {
        match self {
            Self::Map(_) | Self::Keyed(_) => true,
            Self::Json(json) => json.is_object(),
            _ => false,
        }
    }

    /// The cost of looking for a part, in steps: a path may go over the whole at each of its dots.
    pub(super) fn cost_of_part(&self, index: &Operand<'_>) -> u32 {
        match (self, index) {
            (Self::Json(_), Operand::Text(name)) => {
                let looks = name.bytes().filter(|byte| *byte == b'.').count() + 1;
                self.cost()
                    .saturating_mul(u32::try_from(looks).unwrap_or(u32::MAX))
            }
            (Self::Json(_) | Self::Keyed(_), _) => self.cost(),
            _ => 0,
        }
    }

    /// The cost of looking at the whole value, in steps.
    pub(super) fn cost(&self) -> u32 {
        match self {
            Self::Text(text) => steps(text.len(), TEXT_BYTES),
            Self::List(list) => steps(list.len(), 1),
            Self::Literal(list) => steps(list.len(), 1),
            Self::Map(map) => steps(map.len(), 1),
            Self::Json(json) => steps(json.len(), JSON_BYTES),
            Self::Keyed(map) => steps(map.count(), MEMBERS),
            _ => 1,
        }
    }
}

fn steps(size: usize, by_step: usize) -> u32 {
    u32::try_from(size / by_step)
        .unwrap_or(u32::MAX)
        .saturating_add(1)
}

/// The member of this name; or, as others write it, the one at the end of a path with dots. A name that means two
/// members means none.
fn member_or_path<'a>(json: JsonText<'a>, name: &str) -> Result<JsonText<'a>, NoAnswer> {
    let member = json.member(name);
    if !name.contains('.') || matches!(member, Err(why) if why != NoAnswer::Missing) {
        return member;
    }
    let by_path = name.split('.').try_fold(json, JsonText::member);
    match (member, by_path) {
        // Where a path leads through what has no members, nothing is at its end.
        (Ok(member), Err(NoAnswer::Missing | NoAnswer::Type)) => Ok(member),
        (Ok(_), _) => Err(NoAnswer::Twice),
        (Err(_), Err(NoAnswer::Type)) => Err(NoAnswer::Missing),
        (Err(_), by_path) => by_path,
    }
}
