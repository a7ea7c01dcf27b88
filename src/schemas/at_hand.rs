//! The schemas that are there when records are judged.

use std::fmt;
use std::sync::Arc;

use klamm_raft::model::RegistryName;

use super::framed::SchemaRef;
use super::schema::Schema;

/// Gives schemas without waiting for anything.
pub trait SchemasAtHand: fmt::Debug + Send + Sync {
    /// The schema that a registry has under an id.
    ///
    /// # Errors
    /// There is none.
    fn schema(&self, registry: &RegistryName, id: SchemaRef) -> Result<Arc<Schema>, NoSchema>;
}

/// Why there is no schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoSchema {
    /// It is to be had by waiting for it.
    #[error("the schema is not there yet")]
    NotYet,
    #[error("the schema registry cannot be asked now; it is tried again")]
    Away,
    #[error("this node has no such registry in klamm.registries")]
    NoRegistry,
    #[error("the schema registry knows no schema with this id")]
    Unknown,
}

impl NoSchema {
    /// Whether the same may go well a little later, without anybody changing the record.
    pub fn is_for_now(self) -> bool {
        match self {
            Self::NotYet | Self::Away | Self::NoRegistry => true,
            Self::Unknown => false,
        }
    }
}

/// A schema that is waited for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SchemaNeed {
    pub registry: RegistryName,
    pub id: SchemaRef,
}

/// No schema at all.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoSchemas;

impl SchemasAtHand for NoSchemas {
    fn schema(&self, _: &RegistryName, _: SchemaRef) -> Result<Arc<Schema>, NoSchema> {
        Err(NoSchema::NoRegistry)
    }
}
