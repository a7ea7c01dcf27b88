//! The record engine as its users see it.

mod fetching;
mod hostile;
mod producing;
pub(crate) mod sample;

use sample::{Pair, SampleBatch, Visible};

use super::*;

/// A chain that is a function: of offset and value, mostly.
struct By<F>(F);

impl<F: FnMut(&mut Draft<'_>) -> Verdict<&'static str>> Chain for By<F> {
    type Reason = &'static str;

    fn judge(&mut self, record: &mut Draft<'_>) -> Verdict<&'static str> {
        (self.0)(record)
    }
}

/// Keeps everything as it is.
fn keep() -> By<impl FnMut(&mut Draft<'_>) -> Verdict<&'static str>> {
    By(|_: &mut Draft<'_>| Verdict::Keep)
}

/// Does what values say: `skip…`, `refuse…`, `set…` (the header `a`), `remove…` (likewise); all others are kept.
fn by_value() -> By<impl FnMut(&mut Draft<'_>) -> Verdict<&'static str>> {
    By(|record: &mut Draft<'_>| {
        let value = record.value().unwrap_or_default();
        if value.starts_with(b"skip") {
            return Verdict::Skip;
        }
        if value.starts_with(b"refuse") {
            return Verdict::Refuse("as it asked");
        }
        let (is_set, is_removed) = (value.starts_with(b"set"), value.starts_with(b"remove"));
        if is_set {
            record.set_header("a", Some(b"new"));
        }
        if is_removed {
            record.remove_header("a");
        }
        Verdict::Keep
    })
}

fn workspace() -> Workspace {
    Workspace::new(BatchBounds::default())
}

fn joined(batches: &[SampleBatch]) -> Vec<u8> {
    batches.iter().flat_map(SampleBatch::bytes).collect()
}

/// The headers that [`by_value`] makes of some.
fn changed_by_value(record: &Visible) -> Vec<Pair> {
    let mut headers = record.4.clone();
    let value = record.3.clone().unwrap_or_default();
    let is_set = value.starts_with(b"set");
    if is_set || value.starts_with(b"remove") {
        headers.retain(|(name, _)| name != b"a");
    }
    if is_set {
        headers.push((b"a".to_vec(), Some(b"new".to_vec())));
    }
    headers
}
