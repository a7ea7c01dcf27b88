//! Looks whether parts of records are as their schemas say. The schema of the last record is kept, so that those of a batch are
//! looked up once.

use std::collections::BTreeSet;
use std::sync::Arc;

use klamm_raft::model::{RegistryName, SchemaCheck, SchemaFormat, ValidatedParts};

use crate::expression::JsonText;
use crate::records::Draft;
use crate::schemas::{
    FramedPart, KEY_HEADER, NoSchema, Schema, SchemaMismatch, SchemaNeed, SchemaRef, SchemasAtHand,
    UnframedPart, UnusableSchema, VALUE_HEADER,
};

/// Why a part is not what it is to be. The words hold nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum SchemaFault {
    #[error("{0} is not JSON")]
    NotJson(RecordPart),
    #[error("{0} is of no schema: {1}")]
    UnframedPart(RecordPart, UnframedPart),
    #[error("{0} cannot be validated: {1}")]
    NoSchema(RecordPart, NoSchema),
    #[error("{0} is not as its schema says: {1}")]
    SchemaMismatch(RecordPart, SchemaMismatch),
}

/// A part of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RecordPart {
    Key,
    Value,
}

/// Why a record is not through yet, or is not what it is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SchemaStop {
    /// It names a schema that has to be waited for.
    Lacks(SchemaNeed),
    Fault(SchemaFault),
}

impl From<SchemaFault> for SchemaStop {
    fn from(fault: SchemaFault) -> Self {
        Self::Fault(fault)
    }
}

/// The validation of a policy.
#[derive(Debug)]
pub(super) struct ValidateAction {
    pub(super) parts: ValidatedParts,
    pub(super) check: SchemaCheck,
}

/// The schema of the last record.
#[derive(Debug, Default)]
pub(super) struct SchemaValidator {
    last: Option<(SchemaRef, Arc<Schema>)>,
}

impl SchemaFault {
    /// Whether the same record may be good, and only nobody knows it now.
    pub(super) fn is_for_now(self) -> bool {
        matches!(self, Self::NoSchema(_, why) if why.is_for_now())
    }

    /// Whether the record is to blame, and not its schema or the registry.
    pub(super) fn is_of_record(self) -> bool {
        !self.is_for_now() && !matches!(self, Self::SchemaMismatch(_, SchemaMismatch::Schema(_)))
    }

    /// Whether the operator has to put the registry into the configuration of this node.
    pub(super) fn is_of_configuration(self) -> bool {
        matches!(self, Self::NoSchema(_, NoSchema::NoRegistry))
    }
}

impl std::fmt::Display for RecordPart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Key => "the key",
            Self::Value => "the value",
        })
    }
}

impl SchemaValidator {
    /// Looks at the parts of a record. One that is null is good: compaction needs it.
    pub(super) fn validate(
        &mut self,
        with: &ValidateAction,
        record: &Draft<'_>,
        schemas: &dyn SchemasAtHand,
    ) -> Result<(), SchemaStop> {
        let parts = [
            (with.parts.key, RecordPart::Key, record.key()),
            (with.parts.value, RecordPart::Value, record.value()),
        ];
        for (is_meant, part, bytes) in parts {
            if let Some(bytes) = bytes.filter(|_| is_meant) {
                self.part(&with.check, (part, bytes), record, schemas)?;
            }
        }
        Ok(())
    }

    fn part(
        &mut self,
        check: &SchemaCheck,
        (part, bytes): (RecordPart, &[u8]),
        record: &Draft<'_>,
        schemas: &dyn SchemasAtHand,
    ) -> Result<(), SchemaStop> {
        let framed = || {
            let header = header(record, part);
            FramedPart::read(bytes, header).map_err(|why| SchemaFault::UnframedPart(part, why))
        };
        match check {
            SchemaCheck::JsonSyntax => match JsonText::is_json(bytes) {
                true => Ok(()),
                false => Err(SchemaFault::NotJson(part).into()),
            },
            SchemaCheck::Id { registry: None } => Ok(framed().map(drop)?),
            SchemaCheck::Id {
                registry: Some(registry),
            } => self.schema((registry, framed()?.schema), part, schemas).map(drop),
            SchemaCheck::Schema { registry, formats } => {
                let framed = framed()?;
                let schema = self.schema((registry, framed.schema), part, schemas)?;
                is_of_format(&schema, formats)
                    .map_err(SchemaMismatch::from)
                    .and_then(|()| schema.validate(framed.payload))
                    .map_err(|why| SchemaFault::SchemaMismatch(part, why).into())
            }
        }
    }

    fn schema(
        &mut self,
        (registry, id): (&RegistryName, SchemaRef),
        part: RecordPart,
        schemas: &dyn SchemasAtHand,
    ) -> Result<Arc<Schema>, SchemaStop> {
        if let Some((_, schema)) = self.last.as_ref().filter(|(last, _)| *last == id) {
            return Ok(Arc::clone(schema));
        }
        let schema = schemas.schema(registry, id).map_err(|why| match why {
            NoSchema::NotYet => SchemaStop::Lacks(SchemaNeed {
                registry: registry.clone(),
                id,
            }),
            other => SchemaFault::NoSchema(part, other).into(),
        })?;
        self.last = Some((id, Arc::clone(&schema)));
        Ok(schema)
    }
}

/// The value of the last header that names the schema of a part.
fn header<'a>(record: &'a Draft<'_>, part: RecordPart) -> Option<&'a [u8]> {
    let name = match part {
        RecordPart::Key => KEY_HEADER,
        RecordPart::Value => VALUE_HEADER,
    };
    let named = record.headers().filter(|header| header.name == name.as_bytes());
    named.last().map(|header| header.value.unwrap_or_default())
}

fn is_of_format(schema: &Schema, formats: &BTreeSet<SchemaFormat>) -> Result<(), UnusableSchema> {
    let is_named = |format: &SchemaFormat| formats.is_empty() || formats.contains(format);
    match schema.format() {
        Some(format) if !is_named(&format) => Err(UnusableSchema::OtherFormat),
        _ => Ok(()),
    }
}
