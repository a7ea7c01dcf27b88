//! The file of one hour: a line with a check sum, and JSON.

use std::collections::BTreeMap;

use aws_lc_rs::digest;
use klamm_raft::model::VclusterName;
use serde::{Deserialize, Serialize};

use super::hour::Hour;
use super::tally::{Tally, VclusterTally};

/// The beginning of every file of this form.
const FORM: &str = "klamm-usage 1 ";

/// Why a file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Damaged {
    #[error("it is no file of usage, or of a later version of klamm")]
    Form,
    #[error("its check sum is another one")]
    Sum,
    #[error("it is of another hour than its name says: {0}")]
    Hour(String),
    #[error("it cannot be understood: {0}")]
    Content(String),
}

#[derive(Serialize)]
struct Written<'a> {
    hour: String,
    vclusters: &'a BTreeMap<VclusterName, VclusterTally>,
}

#[derive(Deserialize)]
struct Read {
    hour: String,
    vclusters: BTreeMap<VclusterName, VclusterTally>,
}

/// The content of the file of an hour.
pub(super) fn encode(hour: Hour, tally: &Tally) -> Result<Vec<u8>, serde_json::Error> {
    let body = serde_json::to_vec(&Written {
        hour: hour.to_string(),
        vclusters: tally.vclusters(),
    })?;
    let mut content = format!("{FORM}{}\n", sum(&body)).into_bytes();
    content.extend_from_slice(&body);
    Ok(content)
}

/// The sums that a file holds.
pub(super) fn decode(hour: Hour, content: &[u8], most: usize) -> Result<Tally, Damaged> {
    let end = content
        .iter()
        .position(|byte| *byte == b'\n')
        .ok_or(Damaged::Form)?;
    let (head, body) = content.split_at(end);
    let said = head.strip_prefix(FORM.as_bytes()).ok_or(Damaged::Form)?;
    let body = body.get(1..).unwrap_or_default();
    if said != sum(body).as_bytes() {
        return Err(Damaged::Sum);
    }
    let read: Read = serde_json::from_slice(body).map_err(|error| Damaged::Content(error.to_string()))?;
    if read.hour != hour.to_string() {
        return Err(Damaged::Hour(read.hour));
    }
    Ok(Tally::of(read.vclusters, most))
}

/// The SHA-256 of a text, in hexadecimal.
fn sum(body: &[u8]) -> String {
    let digest = digest::digest(&digest::SHA256, body);
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::tally::tests::used;

    #[test]
    fn a_file_says_what_was_written_and_damage_is_noticed() {
        let hour: Hour = "2026-11-30T23".parse().unwrap();
        let mut tally = Tally::new(3);
        tally.add(&"v".parse().unwrap(), "älice,\"x\"", &used(&[("t", 7), ("u", 8)]));
        let content = encode(hour, &tally).unwrap();
        assert_eq!(decode(hour, &content, 3), Ok(tally));
        assert!(matches!(decode(hour.next(), &content, 3), Err(Damaged::Hour(_))));
        for at in 0..content.len() {
            let mut damaged = content.clone();
            damaged[at] ^= 1;
            assert!(decode(hour, &damaged, 3).is_err(), "{at}");
            assert!(decode(hour, &content[..at], 3).is_err(), "{at}");
        }
        assert_eq!(decode(hour, b"", 3), Err(Damaged::Form));
    }

    #[test]
    fn what_is_added_to_a_file_keeps_within_its_bound() {
        let hour = Hour::of(0);
        let mut tally = Tally::new(2);
        tally.add(&"v".parse().unwrap(), "a", &used(&[("t", 1), ("u", 1)]));
        let mut read = decode(hour, &encode(hour, &tally).unwrap(), 2).unwrap();
        read.add(&"v".parse().unwrap(), "a", &used(&[("w", 1)]));
        let (_, _, a) = read.accounts().next().unwrap();
        assert_eq!((a.topics.len(), a.other.produced_records), (2, 1));
    }
}
