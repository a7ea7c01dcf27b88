//! The filter of DescribeClientQuotas: whose quotas are told.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::super::error_code::ErrorCode;
use super::entity::{ADDRESS, CLIENT, USER, canonical, parts};
use super::{Failure, invalid};
use crate::wire::{Node, field};
use klamm_raft::model::QuotaEntity;

/// Kafka's numbers of the ways to match an entity's name.
const EXACT: i64 = 0;
const DEFAULT: i64 = 1;
const SPECIFIED: i64 = 2;

/// The way to match the name of a type.
enum Match<'a> {
    /// This name; none: the default.
    Exactly(Option<Cow<'a, str>>),
    /// Any, and the default too.
    Any,
}

/// The entities that are asked for: those that have all these types.
pub(super) struct QuotaFilter<'a> {
    components: BTreeMap<&'static str, Match<'a>>,
    /// Whether they have no others.
    is_strict: bool,
}

impl<'a> QuotaFilter<'a> {
    /// The filter of a request, if there can be quotas of what it asks for.
    pub(super) fn of(root: Node<'a>) -> Result<Self, Failure> {
        let mut components = BTreeMap::new();
        for component in root.items(field::COMPONENTS) {
            let kind = component.text_in(field::ENTITY_TYPE).unwrap_or_default();
            if kind.is_empty() {
                return Err(invalid("Invalid empty entity type."));
            }
            if components.contains_key(kind) {
                return Err(invalid(format!(
                    "Entity type {kind} cannot appear more than once in the filter."
                )));
            }
            let Some(kind) = [USER, CLIENT, ADDRESS].into_iter().find(|known| *known == kind) else {
                let words = format!("Unsupported entity type {kind}");
                return Err((ErrorCode::UnsupportedVersion, words.into()));
            };
            components.insert(kind, Match::of(kind, component).map_err(invalid)?);
        }
        if components.contains_key(ADDRESS) && components.len() > 1 {
            return Err(invalid(
                "Invalid entity filter component combination. IP filter component should not be used with user or \
                 clientId filter component.",
            ));
        }
        Ok(Self {
            components,
            is_strict: root.bool_in(field::STRICT) == Some(true),
        })
    }

    /// Whether an entity is asked for.
    pub(super) fn matches(&self, entity: &QuotaEntity) -> bool {
        let parts = parts(entity);
        let has = |(kind, wanted): (&&str, &Match<'_>)| {
            let part = parts.iter().find(|(of, _)| of == kind);
            part.is_some_and(|(_, name)| match wanted {
                Match::Exactly(wanted) => wanted.as_deref() == *name,
                Match::Any => true,
            })
        };
        self.components.iter().all(has) && (!self.is_strict || parts.len() == self.components.len())
    }
}

impl<'a> Match<'a> {
    /// That of a component, which has a name exactly where its way to match needs one.
    fn of(kind: &str, component: Node<'a>) -> Result<Self, String> {
        let name = component.child(field::MATCH).filter(|name| !name.is_null());
        let name = name.map(|name| name.text().unwrap_or_default());
        let way = component.int_in(field::MATCH_TYPE).unwrap_or_default();
        let needless = |way| format!("Request specified {way}, but also specified a match string.");
        match (way, name) {
            (EXACT, Some(name)) if kind == ADDRESS => {
                Ok(Self::Exactly(canonical(name).or(Some(Cow::Borrowed(name)))))
            }
            (EXACT, Some(name)) => Ok(Self::Exactly(Some(Cow::Borrowed(name)))),
            (EXACT, None) => {
                Err("Request specified MATCH_TYPE_EXACT, but set match string to null.".to_owned())
            }
            (DEFAULT, None) => Ok(Self::Exactly(None)),
            (DEFAULT, Some(_)) => Err(needless("MATCH_TYPE_DEFAULT")),
            (SPECIFIED, None) => Ok(Self::Any),
            (SPECIFIED, Some(_)) => Err(needless("MATCH_TYPE_SPECIFIED")),
            (way, _) => Err(format!("Unknown match type {way}")),
        }
    }
}
