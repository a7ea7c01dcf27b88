//! One schema of a registry, compiled.

use klamm_raft::model::SchemaFormat;

use super::avro::AvroSchema;
use super::json_schema::JsonSchema;

/// The longest text of a schema that is looked into.
const MAX_TEXT_BYTES: usize = 256 << 10;

/// How many times the length of its text a compiled schema takes, about; and what a regular expression takes.
const COMPILED_TIMES: usize = 8;
const PATTERN_BYTES: usize = 128 << 10;

/// A schema as a registry has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenSchema {
    /// The word of the registry for its format; none stands for Avro.
    pub kind: Option<String>,
    pub text: String,
    /// Whether it is incomplete without other schemas.
    pub has_references: bool,
}

/// A schema that a registry knows. Nothing of what it lacks makes it unknown: its id is good in any case.
#[derive(Debug)]
pub struct Schema {
    format: Option<SchemaFormat>,
    bytes: usize,
    form: Result<SchemaForm, UnusableSchema>,
}

/// A schema in the form in which it is used.
#[derive(Debug)]
enum SchemaForm {
    Json(JsonSchema),
    Avro(AvroSchema),
}

/// Why nothing can be validated by a schema. The words hold nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnusableSchema {
    #[error("schemas of its format are not looked into yet")]
    Format,
    #[error("its format is not among those that the policy names")]
    OtherFormat,
    #[error("it refers to other schemas, which are not fetched yet, or to what is not in it")]
    References,
    #[error("it is larger than what is looked into")]
    TooLarge,
    #[error("it is malformed")]
    Malformed,
    #[error("it has a keyword that is not looked at yet")]
    Keyword,
    #[error("it has a regular expression that looks ahead or back, is invalid, or is too large")]
    Pattern,
}

/// Why a part is not as its schema says. The words hold nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SchemaMismatch {
    #[error("the schema cannot be used, as {0}")]
    Schema(#[from] UnusableSchema),
    #[error("it is not JSON")]
    NotJson,
    #[error("{0} of the schema does not hold")]
    Keyword(&'static str),
    #[error("there is no {0} where the schema has one")]
    Avro(&'static str),
    #[error("it ends too early")]
    Shorter,
    #[error("it goes on behind its end")]
    Longer,
    #[error("it nests too deep, or takes too much work for its length")]
    TooMuchWork,
}

impl Schema {
    /// Compiles a schema.
    pub fn compile(written: &WrittenSchema) -> Self {
        let format = match written.kind.as_deref() {
            None | Some("AVRO") => Some(SchemaFormat::Avro),
            Some("JSON") => Some(SchemaFormat::JsonSchema),
            Some("PROTOBUF") => Some(SchemaFormat::Protobuf),
            Some(_) => None,
        };
        let form = form(format, written);
        Self {
            format,
            bytes: bytes(&form, &written.text),
            form,
        }
    }

    /// One of which no more is known than that there is one.
    pub fn too_large() -> Self {
        Self {
            format: None,
            bytes: 0,
            form: Err(UnusableSchema::TooLarge),
        }
    }

    /// The language that it is written in, if it is a known one.
    pub fn format(&self) -> Option<SchemaFormat> {
        self.format
    }

    /// The memory that it takes, about.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether a part is as the schema says.
    ///
    /// # Errors
    /// It is not, or nobody can say.
    pub fn validate(&self, part: &[u8]) -> Result<(), SchemaMismatch> {
        match &self.form {
            Ok(SchemaForm::Json(schema)) => schema.validate(part),
            Ok(SchemaForm::Avro(schema)) => schema.validate(part),
            Err(unusable) => Err((*unusable).into()),
        }
    }
}

fn form(format: Option<SchemaFormat>, written: &WrittenSchema) -> Result<SchemaForm, UnusableSchema> {
    if written.has_references {
        return Err(UnusableSchema::References);
    }
    if written.text.len() > MAX_TEXT_BYTES {
        return Err(UnusableSchema::TooLarge);
    }
    match format {
        Some(SchemaFormat::JsonSchema) => JsonSchema::compile(&written.text).map(SchemaForm::Json),
        Some(SchemaFormat::Avro) => AvroSchema::compile(&written.text).map(SchemaForm::Avro),
        Some(SchemaFormat::Protobuf) | None => Err(UnusableSchema::Format),
    }
}

fn bytes(form: &Result<SchemaForm, UnusableSchema>, text: &str) -> usize {
    match form {
        Ok(SchemaForm::Json(schema)) => COMPILED_TIMES * text.len() + PATTERN_BYTES * schema.patterns(),
        Ok(SchemaForm::Avro(_)) => COMPILED_TIMES * text.len(),
        Err(_) => 0,
    }
}
