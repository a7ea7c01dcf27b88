//! JSON in its text: it is looked into where it lies, and nothing is built of it.
//!
//! Each look goes over the whole object or array that it looks into, at about the speed of a check of the syntax.

use std::borrow::Cow;

use serde_json::Value as Json;

use super::json_syntax::{self, blanks};
use super::{NoAnswer, Operand};

/// A value of JSON, with blanks around it perhaps.
#[derive(Debug, Clone, Copy)]
pub struct JsonText<'a>(&'a [u8]);

impl<'a> JsonText<'a> {
    /// Whether these bytes are one value of JSON, which nests 128 deep at most. Goes over all of them.
    pub fn is_json(bytes: &[u8]) -> bool {
        json_syntax::is_json(bytes)
    }

    /// The value in these bytes, of which [`Self::is_json`] is true. Of others it says anything, or gives no answer.
    pub fn of(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// How many bytes a look goes over.
    pub(crate) fn len(self) -> usize {
        self.0.len()
    }

    /// The value that an expression works with.
    ///
    /// # Errors
    /// It is a number that is too large, or a text that no UTF-8 can hold.
    pub fn operand(self) -> Result<Operand<'a>, NoAnswer> {
        let text = &self.0[blanks(self.0, 0)..];
        match text.first() {
            Some(b'{' | b'[') => Ok(Operand::Json(self)),
            Some(b'"') => {
                let end = end_of_text(text, 0)?;
                decoded(&text[..end]).map(Operand::Text)
            }
            Some(b't') => Ok(Operand::Bool(true)),
            Some(b'f') => Ok(Operand::Bool(false)),
            Some(b'n') => Ok(Operand::Null),
            _ => number(&text[..end_of_word(text, 0)]),
        }
    }

    /// Its text, without blanks around it.
    pub(crate) fn text(self) -> &'a [u8] {
        self.0.trim_ascii()
    }

    pub(super) fn is_object(self) -> bool {
        self.opens_with(b'{')
    }

    pub(super) fn is_array(self) -> bool {
        self.opens_with(b'[')
    }

    fn opens_with(self, bracket: u8) -> bool {
        self.0.get(blanks(self.0, 0)) == Some(&bracket)
    }

    /// The elements of an array, or the members of an object.
    pub(crate) fn parts(self) -> JsonParts<'a> {
        let at = blanks(self.0, 0);
        JsonParts {
            bytes: self.0,
            at: at + 1,
            is_object: self.0.get(at) == Some(&b'{'),
            is_first: true,
        }
    }

    /// The member of an object. Where two have this name, readers differ on which counts, so that neither does.
    pub(super) fn member(self, name: &str) -> Result<JsonText<'a>, NoAnswer> {
        if !self.is_object() {
            return Err(NoAnswer::Type);
        }
        let mut found = None;
        for part in self.parts() {
            let (written, value) = part?;
            if is_name(written, name) && found.replace(value).is_some() {
                return Err(NoAnswer::Twice);
            }
        }
        found.ok_or(NoAnswer::Missing)
    }

    /// The element of an array.
    pub(super) fn element(self, index: i64) -> Result<JsonText<'a>, NoAnswer> {
        if !self.is_array() {
            return Err(NoAnswer::Type);
        }
        let index = usize::try_from(index).map_err(|_| NoAnswer::Missing)?;
        self.parts()
            .nth(index)
            .ok_or(NoAnswer::Missing)?
            .map(|(_, value)| value)
    }
}

/// The parts of an array or object: the name of each as it is written, and its value. Elements have an empty name.
#[derive(Debug, Clone)]
pub(crate) struct JsonParts<'a> {
    bytes: &'a [u8],
    at: usize,
    is_object: bool,
    is_first: bool,
}

impl<'a> JsonParts<'a> {
    fn part(&mut self) -> Result<Option<(&'a [u8], JsonText<'a>)>, NoAnswer> {
        let mut at = blanks(self.bytes, self.at);
        match self.bytes.get(at) {
            Some(b'}' | b']') => return Ok(None),
            Some(b',') if !self.is_first => at = blanks(self.bytes, at + 1),
            Some(_) if self.is_first => {}
            _ => return Err(NoAnswer::NotJson),
        }
        let mut name: &[u8] = &[];
        if self.is_object {
            let end = end_of_text(self.bytes, at)?;
            name = &self.bytes[at..end];
            let colon = blanks(self.bytes, end);
            if self.bytes.get(colon) != Some(&b':') {
                return Err(NoAnswer::NotJson);
            }
            at = blanks(self.bytes, colon + 1);
        }
        let end = end_of_value(self.bytes, at)?;
        self.at = end;
        self.is_first = false;
        Ok(Some((name, JsonText(&self.bytes[at..end]))))
    }
}

impl<'a> Iterator for JsonParts<'a> {
    type Item = Result<(&'a [u8], JsonText<'a>), NoAnswer>;

    fn next(&mut self) -> Option<Self::Item> {
        let part = self.part();
        if part.is_err() {
            // Nothing can be found after it.
            self.bytes = b"]";
            self.at = 0;
        }
        part.transpose()
    }
}

/// A quoted text of JSON without its quotes and escapes.
pub(crate) fn decoded(quoted: &[u8]) -> Result<Cow<'_, str>, NoAnswer> {
    let inner = quoted
        .get(1..quoted.len().saturating_sub(1))
        .ok_or(NoAnswer::NotJson)?;
    if inner.contains(&b'\\') {
        return serde_json::from_slice(quoted)
            .map(Cow::Owned)
            .map_err(|_| NoAnswer::NotText);
    }
    std::str::from_utf8(inner)
        .map(Cow::Borrowed)
        .map_err(|_| NoAnswer::NotText)
}

fn is_name(written: &[u8], name: &str) -> bool {
    match written.contains(&b'\\') {
        true => decoded(written).is_ok_and(|decoded| decoded == name),
        false => written.len() == name.len() + 2 && &written[1..=name.len()] == name.as_bytes(),
    }
}

fn number(text: &[u8]) -> Result<Operand<'static>, NoAnswer> {
    let text = std::str::from_utf8(text).map_err(|_| NoAnswer::NotJson)?;
    if let Ok(whole) = text.parse() {
        return Ok(Operand::Int(whole));
    }
    match text.parse::<Json>() {
        Ok(Json::Number(number)) => Ok(Operand::Double(number.as_f64().ok_or(NoAnswer::Arithmetic)?)),
        // JSON knows larger numbers than we do.
        _ => Err(NoAnswer::Arithmetic),
    }
}

/// The place after the quoted text that begins here.
fn end_of_text(bytes: &[u8], at: usize) -> Result<usize, NoAnswer> {
    if bytes.get(at) != Some(&b'"') {
        return Err(NoAnswer::NotJson);
    }
    let mut next = at + 1;
    loop {
        match bytes.get(next) {
            Some(b'"') => return Ok(next + 1),
            Some(b'\\') => next += 2,
            Some(_) => next += 1,
            None => return Err(NoAnswer::NotJson),
        }
    }
}

/// The place after the number or word that begins here.
fn end_of_word(bytes: &[u8], at: usize) -> usize {
    let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(**byte, b'-' | b'+' | b'.');
    at + bytes
        .get(at..)
        .unwrap_or_default()
        .iter()
        .take_while(is_part)
        .count()
}

/// The place after the value that begins here.
fn end_of_value(bytes: &[u8], at: usize) -> Result<usize, NoAnswer> {
    let mut next = at;
    let mut open = 0_usize;
    loop {
        next = match bytes.get(next) {
            Some(b'"') => end_of_text(bytes, next)?,
            Some(b'{' | b'[') => {
                open += 1;
                next + 1
            }
            Some(b'}' | b']') => {
                open = open.checked_sub(1).ok_or(NoAnswer::NotJson)?;
                next + 1
            }
            Some(_) if open > 0 => next + 1,
            _ => match end_of_word(bytes, next) {
                end if end > next => end,
                _ => return Err(NoAnswer::NotJson),
            },
        };
        if open == 0 {
            return Ok(next);
        }
    }
}
