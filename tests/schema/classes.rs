//! The rules of `classes.txt`: what each field is to a gateway.

use anyhow::{Result, bail, ensure};

use crate::definitions::FieldJson;

pub(crate) struct Classes {
    rules: Vec<Rule>,
}

struct Rule {
    class: String,
    /// The end of a path, last part first.
    path: Vec<String>,
    kind: Option<String>,
    is_used: bool,
}

/// The types of which every field needs a rule.
const MUST_BE_CLASSIFIED: [&str; 5] = ["string", "bytes", "records", "uuid", "int32"];

impl Classes {
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut rules: Vec<Rule> = Vec::new();
        let mut class = String::new();
        for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
            let mut patterns = line;
            if !line.starts_with(' ')
                && let Some((name, rest)) = line.split_once(':')
            {
                name.clone_into(&mut class);
                patterns = rest;
            }
            for pattern in patterns.split_whitespace() {
                let (path, kind) = match pattern.split_once(':') {
                    Some((path, kind)) => (path, Some(kind.to_owned())),
                    None => (pattern, None),
                };
                let path: Vec<String> = path.rsplit('.').map(str::to_owned).collect();
                let twice = rules.iter().any(|rule| rule.path == path && rule.kind == kind);
                ensure!(!twice, "two rules for {pattern}");
                rules.push(Rule {
                    class: class.clone(),
                    path,
                    kind,
                    is_used: false,
                });
            }
        }
        Ok(Self { rules })
    }

    /// The class of the field at `path`, the message's name first.
    pub(crate) fn of(&mut self, path: &[&str], field: &FieldJson) -> Result<String> {
        if !field.fields.is_empty() {
            return Ok("Nothing".to_owned());
        }
        let must = MUST_BE_CLASSIFIED.contains(&field.base.as_str());
        let kind = field.type_name();
        let fits = |rule: &&mut Rule| {
            let ends =
                rule.path.len() <= path.len() && path.iter().rev().zip(&rule.path).all(|(a, b)| a == b);
            ends && rule.kind.as_ref().map_or(must, |wanted| *wanted == kind)
        };
        let best = self
            .rules
            .iter_mut()
            .filter(fits)
            .max_by_key(|r| (r.path.len(), r.kind.is_some()));
        match best {
            Some(rule) => {
                rule.is_used = true;
                Ok(rule.class.clone())
            }
            None if must => bail!(
                "no rule in tests/schema/classes.txt for {} ({kind})",
                path.join(".")
            ),
            None => Ok("Nothing".to_owned()),
        }
    }

    pub(crate) fn all_used(&self) -> Result<()> {
        let unused = self.rules.iter().filter(|rule| !rule.is_used);
        let unused: Vec<String> = unused
            .map(|rule| rule.path.iter().rev().cloned().collect::<Vec<_>>().join("."))
            .collect();
        ensure!(
            unused.is_empty(),
            "rules that no field needs: {}",
            unused.join(" ")
        );
        Ok(())
    }
}
