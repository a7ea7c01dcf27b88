//! Looks whether a value is as a schema says.

use super::equal::{equals, fingerprint};
use super::number::JsonNumber;
use super::{
    ArrayRules, JsonSchema, JsonTypes, MAX_DEPTH, NodeId, NumberRules, ObjectRules, SchemaNode, TextRules,
};
use crate::expression::{JsonText, decoded};
use crate::schemas::schema::SchemaMismatch;

/// The work for a value, in bytes that are looked at: so much, and so much for each of its bytes.
const WORK: usize = 32 << 10;
const WORK_PER_BYTE: usize = 64;

/// The work for a schema, beside the bytes that it looks at.
const WORK_PER_NODE: usize = 16;

/// The most members that must be there.
pub(super) const MOST_REQUIRED: usize = 256;

/// Why a value is not as a schema says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SchemaMiss {
    /// By this keyword.
    Keyword(&'static str),
    /// It would take more than it may.
    SchemaWork,
}

/// The work that is left.
struct SchemaWork<'a> {
    schema: &'a JsonSchema,
    left: usize,
    depth: u32,
}

pub(super) fn validate(schema: &JsonSchema, text: JsonText<'_>) -> Result<(), SchemaMismatch> {
    let mut work = SchemaWork {
        schema,
        left: WORK + WORK_PER_BYTE * text.len(),
        depth: 0,
    };
    work.node(0, text).map_err(|miss| match miss {
        SchemaMiss::Keyword(keyword) => SchemaMismatch::Keyword(keyword),
        SchemaMiss::SchemaWork => SchemaMismatch::TooMuchWork,
    })
}

fn demand(holds: bool, keyword: &'static str) -> Result<(), SchemaMiss> {
    match holds {
        true => Ok(()),
        false => Err(SchemaMiss::Keyword(keyword)),
    }
}

fn is_within(count: usize, least: Option<u64>, most: Option<u64>) -> bool {
    let count = count as u64;
    least.is_none_or(|least| count >= least) && most.is_none_or(|most| count <= most)
}

impl SchemaWork<'_> {
    fn spend(&mut self, work: usize) -> Result<(), SchemaMiss> {
        self.left = self.left.checked_sub(work).ok_or(SchemaMiss::SchemaWork)?;
        Ok(())
    }

    fn node(&mut self, id: NodeId, text: JsonText<'_>) -> Result<(), SchemaMiss> {
        self.spend(WORK_PER_NODE)?;
        if self.depth >= MAX_DEPTH {
            return Err(SchemaMiss::SchemaWork);
        }
        self.depth += 1;
        let node = &self.schema.nodes[id];
        let found = self.value(node, text).and_then(|()| self.others(node, text));
        self.depth -= 1;
        found
    }

    /// Whether a value is as a schema says; an error where it would take too much.
    fn is(&mut self, id: NodeId, text: JsonText<'_>) -> Result<bool, SchemaMiss> {
        match self.node(id, text) {
            Ok(()) => Ok(true),
            Err(SchemaMiss::Keyword(_)) => Ok(false),
            Err(SchemaMiss::SchemaWork) => Err(SchemaMiss::SchemaWork),
        }
    }

    /// Looks at the value itself.
    fn value(&mut self, node: &SchemaNode, text: JsonText<'_>) -> Result<(), SchemaMiss> {
        demand(!node.is_never, "false")?;
        let raw = text.text();
        let first = raw.first().copied().unwrap_or_default();
        if let Some(types) = node.types {
            demand(types.has(first, raw), "type")?;
        }
        if let Some(choices) = &node.choices {
            let mut is_one = false;
            for choice in choices {
                self.spend(1 + raw.len().min(64))?;
                if equals(text, choice) {
                    self.spend(raw.len())?;
                    is_one = true;
                    break;
                }
            }
            demand(is_one, "enum")?;
        }
        match (first, &node.numbers, &node.texts, &node.arrays, &node.objects) {
            (b'-' | b'0'..=b'9', Some(rules), ..) => number(rules, raw),
            (b'"', _, Some(rules), ..) => {
                self.spend(raw.len())?;
                string(rules, raw)
            }
            (b'[', _, _, Some(rules), _) => self.array(rules, text),
            (b'{', _, _, _, Some(rules)) => self.object(rules, text),
            _ => Ok(()),
        }
    }

    /// Looks at it by the schemas that a schema is made of.
    fn others(&mut self, node: &SchemaNode, text: JsonText<'_>) -> Result<(), SchemaMiss> {
        for id in &node.all {
            self.node(*id, text)?;
        }
        for ids in &node.any {
            let mut is_any = false;
            for id in ids {
                if self.is(*id, text)? {
                    is_any = true;
                    break;
                }
            }
            demand(is_any, "anyOf")?;
        }
        if !node.one.is_empty() {
            let mut count = 0;
            for id in &node.one {
                count += usize::from(self.is(*id, text)?);
            }
            demand(count == 1, "oneOf")?;
        }
        if let Some(id) = node.not {
            demand(!self.is(id, text)?, "not")?;
        }
        if let Some(decided) = &node.decided {
            let next = match self.is(decided.by, text)? {
                true => decided.then,
                false => decided.otherwise,
            };
            if let Some(id) = next {
                self.node(id, text)?;
            }
        }
        Ok(())
    }

    fn array(&mut self, rules: &ArrayRules, text: JsonText<'_>) -> Result<(), SchemaMiss> {
        self.spend(text.len())?;
        let (mut count, mut contained) = (0, 0);
        let mut seen = Vec::new();
        for part in text.parts() {
            let (_, item) = part.map_err(|_| SchemaMiss::Keyword("items"))?;
            let schema = rules.first.get(count).copied().or(rules.rest);
            if let Some(id) = schema {
                self.node(id, item)?;
            }
            if let Some(id) = rules.contains {
                contained += usize::from(self.is(id, item)?);
            }
            if rules.is_unique {
                self.spend(item.len())?;
                seen.push(fingerprint(item));
            }
            count += 1;
        }
        demand(is_within(count, rules.least, rules.most), "minItems or maxItems")?;
        if rules.contains.is_some() {
            let least = rules.least_contained.or(Some(1));
            demand(is_within(contained, least, rules.most_contained), "contains")?;
        }
        seen.sort_unstable();
        demand(seen.windows(2).all(|two| two[0] != two[1]), "uniqueItems")
    }

    fn object(&mut self, rules: &ObjectRules, text: JsonText<'_>) -> Result<(), SchemaMiss> {
        self.spend(text.len())?;
        let (mut count, mut missing) = (0, rules.required);
        let mut is_there = [0_u64; MOST_REQUIRED / 64];
        for part in text.parts() {
            let (written, value) = part.map_err(|_| SchemaMiss::Keyword("properties"))?;
            let name = decoded(written).map_err(|_| SchemaMiss::Keyword("propertyNames"))?;
            count += 1;
            let member = rules.members.get(&*name);
            if let Some(number) = member.and_then(|member| member.required) {
                let (word, bit) = (number / 64, 1 << (number % 64));
                missing -= usize::from(is_there[word] & bit == 0);
                is_there[word] |= bit;
            }
            if let Some(id) = rules.names {
                self.node(id, JsonText::of(written))?;
            }
            let mut is_spoken_of = false;
            if let Some(id) = member.and_then(|member| member.value) {
                is_spoken_of = true;
                self.node(id, value)?;
            }
            for (pattern, id) in &rules.patterns {
                self.spend(name.len() + 1)?;
                if pattern.is_match(&name) {
                    is_spoken_of = true;
                    self.node(*id, value)?;
                }
            }
            if let Some(id) = rules.others.filter(|_| !is_spoken_of) {
                self.node(id, value).map_err(|miss| match miss {
                    SchemaMiss::Keyword("false") => SchemaMiss::Keyword("additionalProperties"),
                    other => other,
                })?;
            }
            if let Some(member) = member {
                for id in &member.then {
                    self.node(*id, text)?;
                }
            }
        }
        demand(missing == 0, "required")?;
        demand(
            is_within(count, rules.least, rules.most),
            "minProperties or maxProperties",
        )
    }
}

impl JsonTypes {
    fn has(self, first: u8, raw: &[u8]) -> bool {
        match first {
            b'n' => self.null,
            b't' | b'f' => self.boolean,
            b'"' => self.text,
            b'[' => self.array,
            b'{' => self.object,
            _ => self.number || self.integer && JsonNumber::read(raw).is_some_and(JsonNumber::is_whole),
        }
    }
}

fn number(rules: &NumberRules, raw: &[u8]) -> Result<(), SchemaMiss> {
    let number = JsonNumber::read(raw).ok_or(SchemaMiss::Keyword("type"))?;
    let holds = |bound: Option<JsonNumber>, holds: fn(std::cmp::Ordering) -> bool| {
        bound.is_none_or(|bound| holds(number.compare(bound)))
    };
    demand(holds(rules.least, std::cmp::Ordering::is_ge), "minimum")?;
    demand(holds(rules.most, std::cmp::Ordering::is_le), "maximum")?;
    demand(holds(rules.above, std::cmp::Ordering::is_gt), "exclusiveMinimum")?;
    demand(holds(rules.below, std::cmp::Ordering::is_lt), "exclusiveMaximum")?;
    let is_multiple = rules.multiple.is_none_or(|of| number.is_multiple_of(of));
    demand(is_multiple, "multipleOf")
}

fn string(rules: &TextRules, raw: &[u8]) -> Result<(), SchemaMiss> {
    let text = decoded(raw).map_err(|_| SchemaMiss::Keyword("type"))?;
    if rules.least.is_some() || rules.most.is_some() {
        let is_good = is_within(text.chars().count(), rules.least, rules.most);
        demand(is_good, "minLength or maxLength")?;
    }
    let matches = rules
        .pattern
        .as_ref()
        .is_none_or(|pattern| pattern.is_match(&text));
    demand(matches, "pattern")
}
