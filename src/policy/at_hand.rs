//! The things that policies need to judge records, and that may have to be waited for.

use std::sync::Arc;

use crate::envelope::{KeysAtHand, NoKeys, RecordKeyNeed};
use crate::schemas::{NoSchemas, SchemaNeed, SchemasAtHand};

/// The keys and schemas that are there now.
#[derive(Debug, Clone)]
pub struct AtHand {
    pub keys: Arc<dyn KeysAtHand>,
    pub schemas: Arc<dyn SchemasAtHand>,
    pub may_wait: MayWait,
}

/// Whether others may be waited for. Where they may not, what needs them is treated as if they could not be had now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MayWait {
    pub for_keys: bool,
    pub for_schemas: bool,
}

/// Something that a record needs, and that is not there yet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum RecordNeed {
    Key(RecordKeyNeed),
    Schema(SchemaNeed),
}

impl AtHand {
    /// Nothing, and nothing that is waited for.
    pub fn nothing() -> Self {
        Self {
            keys: Arc::new(NoKeys),
            schemas: Arc::new(NoSchemas),
            may_wait: MayWait::NO,
        }
    }
}

impl MayWait {
    /// For nothing.
    pub const NO: Self = Self {
        for_keys: false,
        for_schemas: false,
    };
    /// For everything.
    pub const YES: Self = Self {
        for_keys: true,
        for_schemas: true,
    };
}

impl RecordNeed {
    /// The keys and the schemas among them.
    pub fn sorted(needs: Vec<Self>) -> (Vec<RecordKeyNeed>, Vec<SchemaNeed>) {
        let (mut keys, mut schemas) = (Vec::new(), Vec::new());
        for need in needs {
            match need {
                Self::Key(key) => keys.push(key),
                Self::Schema(schema) => schemas.push(schema),
            }
        }
        (keys, schemas)
    }
}
