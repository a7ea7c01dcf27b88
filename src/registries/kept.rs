//! Schemas that a registry has given. Looked up without a lock; bounded in number, in bytes, and in time for what it does not know.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;

use crate::schemas::{NoSchema, Schema, SchemaRef};

/// How many are kept, and the memory that they take.
const MOST: usize = 1_000;
const MOST_BYTES: usize = 64 << 20;

/// How long one is kept that nobody uses. It is not asked for again before: what has an id stays as it is.
const IDLE: Duration = Duration::from_secs(3600);

/// How long it is remembered that there is none, and of how many ids.
const UNKNOWN_FOR: Duration = Duration::from_secs(5);
const MOST_UNKNOWN: usize = 10_000;

/// The schemas that were used last.
#[derive(Debug)]
pub(super) struct KeptSchemas {
    begun: Instant,
    most: usize,
    schemas: ArcSwap<HashMap<SchemaRef, Arc<KeptSchema>>>,
    unknown: ArcSwap<HashMap<SchemaRef, Instant>>,
}

#[derive(Debug)]
struct KeptSchema {
    schema: Arc<Schema>,
    /// In milliseconds since the beginning.
    used: AtomicU64,
}

impl Default for KeptSchemas {
    fn default() -> Self {
        Self::of(MOST)
    }
}

impl KeptSchemas {
    /// At most so many.
    fn of(most: usize) -> Self {
        Self {
            begun: Instant::now(),
            most,
            schemas: ArcSwap::default(),
            unknown: ArcSwap::default(),
        }
    }

    /// The schema, if it is there, or known not to be.
    pub(super) fn get(&self, id: SchemaRef, now: Instant) -> Result<Arc<Schema>, NoSchema> {
        if let Some(kept) = self.schemas.load().get(&id) {
            kept.used.store(self.millis(now), Ordering::Relaxed);
            return Ok(Arc::clone(&kept.schema));
        }
        let unknown = self.unknown.load();
        let since = unknown
            .get(&id)
            .filter(|since| now.saturating_duration_since(**since) < UNKNOWN_FOR);
        Err(match since {
            Some(_) => NoSchema::Unknown,
            None => NoSchema::NotYet,
        })
    }

    /// Keeps a schema. Where there are too many, those that were not used for longest go.
    pub(super) fn add(&self, id: SchemaRef, schema: &Arc<Schema>, now: Instant) {
        let kept = Arc::new(KeptSchema {
            schema: Arc::clone(schema),
            used: AtomicU64::new(self.millis(now)),
        });
        self.schemas.rcu(|schemas| {
            let mut schemas = HashMap::clone(schemas);
            schemas.insert(id, Arc::clone(&kept));
            self.make_room(&mut schemas);
            schemas
        });
    }

    fn make_room(&self, schemas: &mut HashMap<SchemaRef, Arc<KeptSchema>>) {
        let bytes = |schemas: &HashMap<SchemaRef, Arc<KeptSchema>>| {
            schemas.values().map(|kept| kept.schema.bytes()).sum::<usize>()
        };
        let mut held = bytes(schemas);
        if schemas.len() <= self.most && held <= MOST_BYTES {
            return;
        }
        let mut by_use: Vec<(u64, SchemaRef)> = schemas
            .iter()
            .map(|(id, kept)| (kept.used.load(Ordering::Relaxed), *id))
            .collect();
        by_use.sort_unstable();
        // A tenth more, so that it is not so again at once.
        let (most, most_bytes) = (self.most - self.most / 10, MOST_BYTES - MOST_BYTES / 10);
        for (_, id) in by_use {
            if schemas.len() <= most && held <= most_bytes {
                break;
            }
            if let Some(gone) = schemas.remove(&id) {
                held -= gone.schema.bytes();
            }
        }
    }

    /// Remembers for a while that there is none.
    pub(super) fn is_unknown(&self, id: SchemaRef, now: Instant) {
        self.unknown.rcu(|unknown| {
            let mut unknown = HashMap::clone(unknown);
            unknown.retain(|_, since| now.saturating_duration_since(*since) < UNKNOWN_FOR);
            if unknown.len() < MOST_UNKNOWN {
                unknown.insert(id, now);
            }
            unknown
        });
    }

    /// Forgets those that nobody uses; how many are left.
    pub(super) fn tidy(&self, now: Instant) -> usize {
        let oldest = self
            .millis(now)
            .saturating_sub(u64::try_from(IDLE.as_millis()).unwrap_or(u64::MAX));
        let is_idle = |kept: &Arc<KeptSchema>| kept.used.load(Ordering::Relaxed) < oldest;
        if self.schemas.load().values().any(is_idle) {
            self.schemas.rcu(|schemas| {
                let mut schemas = HashMap::clone(schemas);
                schemas.retain(|_, kept| !is_idle(kept));
                schemas
            });
        }
        let is_over = |since: &Instant| now.saturating_duration_since(*since) >= UNKNOWN_FOR;
        if self.unknown.load().values().any(is_over) {
            self.unknown.rcu(|unknown| {
                let mut unknown = HashMap::clone(unknown);
                unknown.retain(|_, since| !is_over(since));
                unknown
            });
        }
        self.schemas.load().len()
    }

    fn millis(&self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(self.begun).as_millis();
        u64::try_from(since).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schemas::WrittenSchema;

    /// One whose text is so long.
    fn schema(bytes: usize) -> Arc<Schema> {
        Arc::new(Schema::compile(&WrittenSchema {
            kind: Some("JSON".to_owned()),
            text: format!("{}true", " ".repeat(bytes)),
            has_references: false,
        }))
    }

    #[test]
    fn they_are_bounded_in_number_and_those_that_are_used_stay() {
        let (kept, begun) = (KeptSchemas::of(10), Instant::now());
        let at = |seconds| begun + Duration::from_secs(seconds);
        for id in 1..=10 {
            let now = at(u64::try_from(id).unwrap());
            kept.add(SchemaRef::Number(id), &schema(1), now);
        }
        assert!(kept.get(SchemaRef::Number(1), at(60)).is_ok());
        kept.add(SchemaRef::Number(11), &schema(1), at(60));
        let is_there = |id| kept.get(SchemaRef::Number(id), at(60)).is_ok();
        assert!(is_there(1) && is_there(11) && !is_there(2));
        assert_eq!(kept.tidy(at(61)), 9);
        assert_eq!(kept.tidy(at(3600 + 61)), 0);
    }

    #[test]
    fn they_are_bounded_in_bytes() {
        let (kept, now) = (KeptSchemas::default(), Instant::now());
        for id in 1..=40 {
            kept.add(SchemaRef::Number(id), &schema(250 << 10), now);
        }
        assert!((20..40).contains(&kept.tidy(now)));
    }

    #[test]
    fn that_there_is_none_is_soon_forgotten() {
        let (kept, now) = (KeptSchemas::default(), Instant::now());
        let of = |now| kept.get(SchemaRef::Number(1), now).map(drop);
        assert_eq!(of(now), Err(NoSchema::NotYet));
        kept.is_unknown(SchemaRef::Number(1), now);
        assert_eq!(of(now), Err(NoSchema::Unknown));
        assert_eq!(of(now + UNKNOWN_FOR), Err(NoSchema::NotYet));
        kept.tidy(now + UNKNOWN_FOR);
        assert!(kept.unknown.load().is_empty());
    }
}
