//! The headers whose keys match an expression.

use std::cell::Cell;

use klamm_raft::model::RegexText;
use regex::Regex;

use crate::regexp::{self, BadExpression};

/// The most bytes of keys that are looked at in one record.
const MAX_LOOKED_AT_BYTES: usize = 16 << 10;
/// The beginning of keys in which the gateway itself says something.
const OWN: &[u8] = b"klamm/";

/// An expression for whole keys.
#[derive(Debug)]
pub(super) struct HeaderKeys(Regex);

impl HeaderKeys {
    pub(super) fn compile(text: &RegexText) -> Result<Self, BadExpression> {
        regexp::compile_whole(text.as_str()).map(Self)
    }

    /// Says of the keys of one record, one after the other, which are meant. What cannot be looked at is meant, too: keys that
    /// are no text, and those of a record that has too much of them.
    pub(super) fn of_record(&self) -> impl Fn(&[u8]) -> bool + '_ {
        // A key is asked about twice at most.
        let left = Cell::new(2 * MAX_LOOKED_AT_BYTES);
        move |key| {
            if key.starts_with(OWN) {
                return false;
            }
            match left.get().checked_sub(key.len()) {
                Some(rest) => left.set(rest),
                None => return true,
            }
            std::str::from_utf8(key).map_or(true, |text| self.0.is_match(text))
        }
    }
}
