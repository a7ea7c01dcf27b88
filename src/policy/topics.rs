//! Which policies concern a topic.

use std::collections::{BTreeMap, HashMap};

use klamm_raft::model::TopicPattern;
use regex::Regex;

use crate::regexp;

/// Policies by the topics that they name. A policy is known by its place in the order of effect.
#[derive(Debug, Default)]
pub(super) struct PoliciesByTopic {
    /// Those that concern all topics.
    all: Vec<usize>,
    literal: HashMap<Box<str>, Vec<usize>>,
    /// In order of their texts.
    prefixed: Vec<PrefixPolicies>,
    /// Expressions that the whole name must match. Each is tried once for a request and a topic.
    matching: Vec<(Regex, usize)>,
}

#[derive(Debug)]
struct PrefixPolicies {
    prefix: Box<str>,
    policies: Vec<usize>,
    /// The longest of the others that this one begins with.
    shorter: Option<usize>,
}

impl PoliciesByTopic {
    /// Each policy's patterns, in order of effect.
    pub(super) fn new<'a, P>(patterns: impl Iterator<Item = P>) -> Self
    where
        P: ExactSizeIterator<Item = &'a TopicPattern>,
    {
        let mut new = Self::default();
        let mut prefixed: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (policy, patterns) in patterns.enumerate() {
            if patterns.len() == 0 {
                new.all.push(policy);
            }
            for pattern in patterns {
                match pattern {
                    TopicPattern::Literal(name) => {
                        new.literal.entry(name.as_str().into()).or_default().push(policy);
                    }
                    TopicPattern::Prefixed(prefix) => {
                        prefixed.entry(prefix.as_str()).or_default().push(policy);
                    }
                    TopicPattern::Regex(text) => match regexp::compile_whole(text.as_str()) {
                        Ok(regex) => new.matching.push((regex, policy)),
                        // Another version of Klamm took it: nobody knows which topics it means.
                        Err(_) => new.all.push(policy),
                    },
                }
            }
        }
        for (prefix, policies) in prefixed {
            let shorter = new.longest_prefix(prefix);
            new.prefixed.push(PrefixPolicies {
                prefix: prefix.into(),
                policies,
                shorter,
            });
        }
        new
    }

    /// The policies of a topic, in order of effect. Where there is none, this takes no memory.
    pub(super) fn of(&self, topic: &str) -> Vec<usize> {
        let mut found = Vec::new();
        found.extend_from_slice(&self.all);
        if let Some(policies) = self.literal.get(topic) {
            found.extend_from_slice(policies);
        }
        let mut prefix = self.longest_prefix(topic);
        while let Some(at) = prefix {
            found.extend_from_slice(&self.prefixed[at].policies);
            prefix = self.prefixed[at].shorter;
        }
        let matching = self.matching.iter().filter(|(regex, _)| regex.is_match(topic));
        found.extend(matching.map(|(_, policy)| *policy));
        found.sort_unstable();
        found.dedup();
        found
    }

    /// The policies that concern all topics, in order of effect.
    pub(super) fn of_all(&self) -> &[usize] {
        &self.all
    }

    /// The longest prefix of a text. It is the last one that does not come after the text, or one that this begins with.
    fn longest_prefix(&self, text: &str) -> Option<usize> {
        let after = self.prefixed.partition_point(|known| *known.prefix <= *text);
        let mut candidate = after.checked_sub(1);
        while let Some(at) = candidate {
            if text.starts_with(&*self.prefixed[at].prefix) {
                return candidate;
            }
            candidate = self.prefixed[at].shorter;
        }
        None
    }
}
