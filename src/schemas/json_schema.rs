//! Schemas in JSON Schema (drafts 4 to 2020-12), compiled, and JSON that is looked at by them where it lies.
//!
//! A schema may be hostile: it may loop, or double its work with each level of what it looks at. So nothing recurses deeper than
//! [`MAX_DEPTH`], and the work for a value is bounded by its length ([`validate::SchemaWork`]). What the bounds do not allow is
//! refused. `format` and what is said of contents are notes, as the newest drafts have them, and not looked at. References lead
//! within the schema only.

mod compile;
mod equal;
mod number;
mod validate;

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::Value;

use crate::expression::JsonText;
use crate::schemas::schema::{SchemaMismatch, UnusableSchema};
use number::JsonNumber;

/// The most schemas that one looks at a value, each within the other.
const MAX_DEPTH: u32 = 200;

/// A place among the schemas.
type NodeId = usize;

/// A schema with all that it refers to.
#[derive(Debug)]
pub(super) struct JsonSchema {
    nodes: Vec<SchemaNode>,
    patterns: usize,
}

/// One schema: what a value must be. Nothing said stands for anything.
#[derive(Debug, Default)]
struct SchemaNode {
    is_never: bool,
    types: Option<JsonTypes>,
    /// Also of `const`, which is one of one.
    choices: Option<Vec<Value>>,
    numbers: Option<NumberRules>,
    texts: Option<TextRules>,
    arrays: Option<Box<ArrayRules>>,
    objects: Option<Box<ObjectRules>>,
    /// `$ref` and `allOf`.
    all: Vec<NodeId>,
    any: Vec<Vec<NodeId>>,
    one: Vec<NodeId>,
    not: Option<NodeId>,
    decided: Option<DecidedRule>,
}

/// The types that a value may have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct JsonTypes {
    null: bool,
    boolean: bool,
    integer: bool,
    number: bool,
    text: bool,
    array: bool,
    object: bool,
}

#[derive(Debug, Default)]
struct NumberRules {
    least: Option<JsonNumber>,
    most: Option<JsonNumber>,
    above: Option<JsonNumber>,
    below: Option<JsonNumber>,
    multiple: Option<JsonNumber>,
}

#[derive(Debug, Default)]
struct TextRules {
    least: Option<u64>,
    most: Option<u64>,
    pattern: Option<Regex>,
}

#[derive(Debug, Default)]
struct ArrayRules {
    first: Vec<NodeId>,
    rest: Option<NodeId>,
    least: Option<u64>,
    most: Option<u64>,
    is_unique: bool,
    contains: Option<NodeId>,
    least_contained: Option<u64>,
    most_contained: Option<u64>,
}

#[derive(Debug, Default)]
struct ObjectRules {
    /// By the names that are spoken of.
    members: BTreeMap<String, MemberRules>,
    /// How many of the members must be there.
    required: usize,
    patterns: Vec<(Regex, NodeId)>,
    others: Option<NodeId>,
    names: Option<NodeId>,
    least: Option<u64>,
    most: Option<u64>,
}

#[derive(Debug, Default)]
struct MemberRules {
    value: Option<NodeId>,
    /// Its number among those that must be there.
    required: Option<usize>,
    /// The schemas that the object must be as, if it is there.
    then: Vec<NodeId>,
}

/// `if`, `then` and `else`.
#[derive(Debug)]
struct DecidedRule {
    by: NodeId,
    then: Option<NodeId>,
    otherwise: Option<NodeId>,
}

impl JsonSchema {
    /// Compiles a schema.
    pub(super) fn compile(text: &str) -> Result<Self, UnusableSchema> {
        let written: Value = serde_json::from_str(text).map_err(|_| UnusableSchema::Malformed)?;
        compile::compile(&written)
    }

    /// How many regular expressions it has, of which each takes much memory.
    pub(super) fn patterns(&self) -> usize {
        self.patterns
    }

    /// Whether bytes are JSON as the schema says.
    pub(super) fn validate(&self, bytes: &[u8]) -> Result<(), SchemaMismatch> {
        match JsonText::is_json(bytes) {
            true => validate::validate(self, JsonText::of(bytes)),
            false => Err(SchemaMismatch::NotJson),
        }
    }
}
