//! Whether JSON in its text is equal to other JSON.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::Value;

use super::number::JsonNumber;
use crate::expression::{JsonText, decoded};

/// Whether a text stands for a value. Of members that have one name, each must be equal.
pub(super) fn equals(text: JsonText<'_>, value: &Value) -> bool {
    let raw = text.text();
    match (value, raw.first()) {
        (Value::Null, Some(b'n')) | (Value::Bool(true), Some(b't')) | (Value::Bool(false), Some(b'f')) => {
            true
        }
        (Value::String(value), Some(b'"')) => decoded(raw).is_ok_and(|text| text == *value),
        (Value::Number(number), Some(b'-' | b'0'..=b'9')) => {
            let (a, b) = (
                JsonNumber::read(raw),
                JsonNumber::read(number.to_string().as_bytes()),
            );
            a.zip(b).is_some_and(|(a, b)| a.compare(b).is_eq())
        }
        (Value::Array(values), Some(b'[')) => {
            let mut values = values.iter();
            let all = text.parts().all(|part| {
                let next = values.next();
                part.is_ok_and(|(_, text)| next.is_some_and(|value| equals(text, value)))
            });
            all && values.next().is_none()
        }
        (Value::Object(members), Some(b'{')) => {
            let mut count = 0;
            let all = text.parts().all(|part| {
                count += 1;
                let Ok((name, text)) = part else { return false };
                let value = decoded(name).ok().and_then(|name| members.get(&*name));
                value.is_some_and(|value| equals(text, value))
            });
            all && count == members.len()
        }
        _ => false,
    }
}

/// A number that equal values share, and others most likely do not. The order of members does not matter.
pub(super) fn fingerprint(text: JsonText<'_>) -> u64 {
    let raw = text.text();
    let mut hasher = DefaultHasher::new();
    let first = raw.first().copied().unwrap_or_default();
    match first {
        b'"' => {
            first.hash(&mut hasher);
            match decoded(raw) {
                Ok(text) => text.hash(&mut hasher),
                Err(_) => raw.hash(&mut hasher),
            }
        }
        b'[' => {
            first.hash(&mut hasher);
            for (_, part) in text.parts().flatten() {
                fingerprint(part).hash(&mut hasher);
            }
        }
        b'{' => {
            first.hash(&mut hasher);
            let members = text.parts().flatten().map(|(name, value)| {
                let mut hasher = DefaultHasher::new();
                match decoded(name) {
                    Ok(name) => name.hash(&mut hasher),
                    Err(_) => name.hash(&mut hasher),
                }
                fingerprint(value).hash(&mut hasher);
                hasher.finish()
            });
            members.fold(0, u64::wrapping_add).hash(&mut hasher);
        }
        b'-' | b'0'..=b'9' => match JsonNumber::read(raw) {
            Some(JsonNumber::Whole(whole)) => whole.hash(&mut hasher),
            Some(JsonNumber::Float(float)) => float.to_bits().hash(&mut hasher),
            None => raw.hash(&mut hasher),
        },
        _ => raw.hash(&mut hasher),
    }
    hasher.finish()
}
