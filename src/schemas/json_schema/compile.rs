//! Compiles a schema, without recursion: what it is made of is put in a row.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::number::JsonNumber;
use super::validate::MOST_REQUIRED;
use super::{
    ArrayRules, DecidedRule, JsonSchema, JsonTypes, MemberRules, NodeId, NumberRules, ObjectRules,
    SchemaNode, TextRules,
};
use crate::regexp;
use crate::schemas::schema::UnusableSchema;

/// The most regular expressions of a schema.
const MOST_PATTERNS: usize = 64;

/// Keywords that say more than is looked at: who leaves them aside lets things through.
const NOT_THERE: [&str; 6] = [
    "$dynamicRef",
    "$recursiveRef",
    "unevaluatedProperties",
    "unevaluatedItems",
    "$vocabulary",
    "extends",
];

/// The drafts in which what stands beside `$ref` counts.
const NEW_DRAFTS: [&str; 2] = ["2019-09", "2020-12"];

/// The schemas that are still to be compiled.
struct Row<'a> {
    root: &'a Value,
    is_new_draft: bool,
    known: HashMap<*const Value, NodeId>,
    waiting: Vec<(NodeId, &'a Value)>,
    count: usize,
    patterns: usize,
}

pub(super) fn compile(root: &Value) -> Result<JsonSchema, UnusableSchema> {
    let draft = root.get("$schema").and_then(Value::as_str).unwrap_or_default();
    let mut row = Row {
        root,
        is_new_draft: NEW_DRAFTS.iter().any(|new| draft.contains(new)),
        known: HashMap::new(),
        waiting: Vec::new(),
        count: 0,
        patterns: 0,
    };
    let mut nodes: Vec<SchemaNode> = Vec::new();
    row.node(root);
    while let Some((id, written)) = row.waiting.pop() {
        let node = row.compiled(written)?;
        if nodes.len() < row.count {
            nodes.resize_with(row.count, SchemaNode::default);
        }
        nodes[id] = node;
    }
    Ok(JsonSchema {
        nodes,
        patterns: row.patterns,
    })
}

impl<'a> Row<'a> {
    /// The place of a schema, which is compiled later if it is not yet.
    fn node(&mut self, written: &'a Value) -> NodeId {
        let Self {
            known,
            waiting,
            count,
            ..
        } = self;
        *known.entry(std::ptr::from_ref(written)).or_insert_with(|| {
            let id = *count;
            *count += 1;
            waiting.push((id, written));
            id
        })
    }

    fn compiled(&mut self, written: &'a Value) -> Result<SchemaNode, UnusableSchema> {
        let fields = match written {
            Value::Bool(is_any) => {
                return Ok(SchemaNode {
                    is_never: !is_any,
                    ..SchemaNode::default()
                });
            }
            Value::Object(fields) => fields,
            _ => return Err(UnusableSchema::Malformed),
        };
        let mut node = SchemaNode::default();
        if let Some(target) = fields.get("$ref") {
            let target = self.target(target.as_str().ok_or(UnusableSchema::Malformed)?)?;
            node.all.push(target);
            if !self.is_new_draft {
                return Ok(node);
            }
        }
        let renames = ["$id", "id"]
            .iter()
            .filter_map(|name| fields.get(*name)?.as_str());
        if !std::ptr::eq(written, self.root) && renames.into_iter().any(|own| !own.starts_with('#')) {
            // What is in it would refer to it, and not to the whole.
            return Err(UnusableSchema::References);
        }
        if NOT_THERE.iter().any(|keyword| fields.contains_key(*keyword)) {
            return Err(UnusableSchema::Keyword);
        }
        node.types = fields.get("type").map(types).transpose()?;
        node.choices = choices(fields)?;
        node.numbers = numbers(fields)?;
        node.texts = self.texts(fields)?;
        node.arrays = self.arrays(fields)?.map(Box::new);
        node.objects = self.objects(fields)?.map(Box::new);
        node.all.extend(self.list(fields, "allOf")?);
        let any = self.list(fields, "anyOf")?;
        if !any.is_empty() {
            node.any.push(any);
        }
        node.one = self.list(fields, "oneOf")?;
        node.not = fields.get("not").map(|written| self.node(written));
        if let Some(by) = fields.get("if") {
            node.decided = Some(DecidedRule {
                by: self.node(by),
                then: fields.get("then").map(|written| self.node(written)),
                otherwise: fields.get("else").map(|written| self.node(written)),
            });
        }
        Ok(node)
    }

    /// The schema in this document that a reference leads to.
    fn target(&mut self, reference: &str) -> Result<NodeId, UnusableSchema> {
        let own = ["$id", "id"]
            .iter()
            .find_map(|name| self.root.get(*name)?.as_str());
        let (base, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        let is_own = base.is_empty() || own.is_some_and(|own| own.trim_end_matches('#') == base);
        let fragment = percent_decoded(fragment);
        let found = match (is_own, fragment.as_str()) {
            (false, _) => None,
            (true, "") => Some(self.root),
            (true, pointer) if pointer.starts_with('/') => self.root.pointer(pointer),
            (true, anchor) => anchored(self.root, anchor),
        };
        found
            .map(|written| self.node(written))
            .ok_or(UnusableSchema::References)
    }

    fn list(&mut self, fields: &'a Map<String, Value>, keyword: &str) -> Result<Vec<NodeId>, UnusableSchema> {
        match fields.get(keyword) {
            None => Ok(Vec::new()),
            Some(Value::Array(all)) if !all.is_empty() => {
                Ok(all.iter().map(|written| self.node(written)).collect())
            }
            Some(_) => Err(UnusableSchema::Malformed),
        }
    }

    fn pattern(&mut self, text: &str) -> Result<regex::Regex, UnusableSchema> {
        self.patterns += 1;
        match self.patterns > MOST_PATTERNS {
            true => Err(UnusableSchema::TooLarge),
            false => regexp::compile(text).map_err(|_| UnusableSchema::Pattern),
        }
    }

    fn texts(&mut self, fields: &Map<String, Value>) -> Result<Option<TextRules>, UnusableSchema> {
        let pattern = match fields.get("pattern") {
            None => None,
            Some(text) => Some(self.pattern(text.as_str().ok_or(UnusableSchema::Malformed)?)?),
        };
        let rules = TextRules {
            least: count(fields, "minLength")?,
            most: count(fields, "maxLength")?,
            pattern,
        };
        let says = rules.least.is_some() || rules.most.is_some() || rules.pattern.is_some();
        Ok(says.then_some(rules))
    }

    fn arrays(&mut self, fields: &'a Map<String, Value>) -> Result<Option<ArrayRules>, UnusableSchema> {
        let mut rules = ArrayRules {
            first: self.list(fields, "prefixItems")?,
            least: count(fields, "minItems")?,
            most: count(fields, "maxItems")?,
            is_unique: fields.get("uniqueItems") == Some(&Value::Bool(true)),
            contains: fields.get("contains").map(|written| self.node(written)),
            least_contained: count(fields, "minContains")?,
            most_contained: count(fields, "maxContains")?,
            ..ArrayRules::default()
        };
        match fields.get("items") {
            None => {}
            // Older drafts have the first ones there.
            Some(Value::Array(first)) => {
                rules.first = first.iter().map(|written| self.node(written)).collect();
                rules.rest = fields.get("additionalItems").map(|written| self.node(written));
            }
            Some(written) => rules.rest = Some(self.node(written)),
        }
        let says = !rules.first.is_empty()
            || rules.rest.is_some()
            || rules.least.is_some()
            || rules.most.is_some()
            || rules.is_unique
            || rules.contains.is_some();
        Ok(says.then_some(rules))
    }

    fn objects(&mut self, fields: &'a Map<String, Value>) -> Result<Option<ObjectRules>, UnusableSchema> {
        let mut rules = ObjectRules {
            others: fields
                .get("additionalProperties")
                .map(|written| self.node(written)),
            names: fields.get("propertyNames").map(|written| self.node(written)),
            least: count(fields, "minProperties")?,
            most: count(fields, "maxProperties")?,
            ..ObjectRules::default()
        };
        for (name, written) in map(fields, "properties")? {
            member(&mut rules, name).value = Some(self.node(written));
        }
        for (pattern, written) in map(fields, "patternProperties")? {
            let pattern = self.pattern(pattern)?;
            rules.patterns.push((pattern, self.node(written)));
        }
        // A list of names is for draft 4; older ones say it at the member.
        for name in names(fields.get("required"))? {
            let number = rules.required;
            let member = member(&mut rules, name);
            if member.required.is_none() {
                member.required = Some(number);
                rules.required += 1;
            }
        }
        if rules.required > MOST_REQUIRED {
            return Err(UnusableSchema::TooLarge);
        }
        self.dependent(fields, &mut rules)?;
        let says = !rules.members.is_empty()
            || !rules.patterns.is_empty()
            || rules.others.is_some()
            || rules.names.is_some()
            || rules.least.is_some()
            || rules.most.is_some();
        Ok(says.then_some(rules))
    }

    /// Demands on an object that has a member.
    fn dependent(
        &mut self,
        fields: &'a Map<String, Value>,
        rules: &mut ObjectRules,
    ) -> Result<(), UnusableSchema> {
        for keyword in ["dependentSchemas", "dependentRequired", "dependencies"] {
            for (name, written) in map(fields, keyword)? {
                match written {
                    // It would take a schema that nobody has written.
                    Value::Array(_) => return Err(UnusableSchema::Keyword),
                    written => member(rules, name).then.push(self.node(written)),
                }
            }
        }
        Ok(())
    }
}

fn member<'r>(rules: &'r mut ObjectRules, name: &str) -> &'r mut MemberRules {
    rules.members.entry(name.to_owned()).or_default()
}

fn map<'a>(
    fields: &'a Map<String, Value>,
    keyword: &str,
) -> Result<impl Iterator<Item = (&'a String, &'a Value)>, UnusableSchema> {
    match fields.get(keyword) {
        None => Ok(None.into_iter().flatten()),
        Some(Value::Object(all)) => Ok(Some(all.iter()).into_iter().flatten()),
        Some(_) => Err(UnusableSchema::Malformed),
    }
}

fn names(written: Option<&Value>) -> Result<Vec<&str>, UnusableSchema> {
    match written {
        None => Ok(Vec::new()),
        Some(Value::Array(all)) => {
            let names = all
                .iter()
                .map(|name| name.as_str().ok_or(UnusableSchema::Malformed));
            names.collect()
        }
        Some(_) => Err(UnusableSchema::Malformed),
    }
}

fn count(fields: &Map<String, Value>, keyword: &str) -> Result<Option<u64>, UnusableSchema> {
    let Some(written) = fields.get(keyword) else {
        return Ok(None);
    };
    let whole = match JsonNumber::read(written.to_string().as_bytes()) {
        Some(JsonNumber::Whole(whole)) => u64::try_from(whole).ok(),
        _ => None,
    };
    whole.map(Some).ok_or(UnusableSchema::Malformed)
}

fn choices(fields: &Map<String, Value>) -> Result<Option<Vec<Value>>, UnusableSchema> {
    match (fields.get("const"), fields.get("enum")) {
        (Some(only), None) => Ok(Some(vec![only.clone()])),
        (None, Some(Value::Array(all))) => Ok(Some(all.clone())),
        (Some(only), Some(Value::Array(all))) => {
            Ok(Some(all.iter().filter(|one| *one == only).cloned().collect()))
        }
        (None, None) => Ok(None),
        _ => Err(UnusableSchema::Malformed),
    }
}

fn numbers(fields: &Map<String, Value>) -> Result<Option<NumberRules>, UnusableSchema> {
    let bound = |keyword: &str| match fields.get(keyword) {
        Some(Value::Number(number)) => JsonNumber::read(number.to_string().as_bytes())
            .map(Some)
            .ok_or(UnusableSchema::Malformed),
        // Of draft 4, where it is said whether the bound itself is good.
        Some(Value::Bool(_)) | None => Ok(None),
        Some(_) => Err(UnusableSchema::Malformed),
    };
    let is_open = |keyword: &str| fields.get(keyword) == Some(&Value::Bool(true));
    let mut rules = NumberRules {
        least: bound("minimum")?,
        most: bound("maximum")?,
        above: bound("exclusiveMinimum")?,
        below: bound("exclusiveMaximum")?,
        multiple: bound("multipleOf")?,
    };
    if is_open("exclusiveMinimum") {
        rules.above = rules.least.take();
    }
    if is_open("exclusiveMaximum") {
        rules.below = rules.most.take();
    }
    let all = [rules.least, rules.most, rules.above, rules.below, rules.multiple];
    Ok(all.iter().any(Option::is_some).then_some(rules))
}

fn types(written: &Value) -> Result<JsonTypes, UnusableSchema> {
    let mut types = JsonTypes::default();
    let all = match written {
        Value::Array(all) => all.as_slice(),
        one => std::slice::from_ref(one),
    };
    for one in all {
        match one.as_str() {
            Some("null") => types.null = true,
            Some("boolean") => types.boolean = true,
            Some("integer") => types.integer = true,
            Some("number") => types.number = true,
            Some("string") => types.text = true,
            Some("array") => types.array = true,
            Some("object") => types.object = true,
            _ => return Err(UnusableSchema::Malformed),
        }
    }
    Ok(types)
}

/// The schema that says it is this one, wherever it is.
fn anchored<'a>(root: &'a Value, anchor: &str) -> Option<&'a Value> {
    let mut waiting = vec![root];
    while let Some(value) = waiting.pop() {
        match value {
            Value::Object(fields) => {
                let is_it =
                    |(keyword, text): (&str, &str)| fields.get(keyword).and_then(Value::as_str) == Some(text);
                let old = format!("#{anchor}");
                if [("$anchor", anchor), ("$id", &old), ("id", &old)]
                    .into_iter()
                    .any(is_it)
                {
                    return Some(value);
                }
                waiting.extend(fields.values());
            }
            Value::Array(all) => waiting.extend(all),
            _ => {}
        }
    }
    None
}

fn percent_decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        let byte = digits.and_then(|two| u8::from_str_radix(two, 16).ok());
        match (first, byte) {
            (b'%', Some(byte)) => {
                out.push(byte);
                rest = &after[2..];
            }
            _ => {
                out.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
