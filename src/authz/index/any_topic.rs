//! Whether somebody may WRITE to at least one topic: asked for producers that are idempotent only (KIP-679).

use std::ops::ControlFlow;

use klamm_raft::model::{Operation, PatternType, ResourceType};

use super::patterns::{Row, Shelf};
use super::{Asker, Ordinary, Span, Standing, allowed_by, denied_by};
use crate::authz::decision::{Decision, DenyRule};
use crate::authz::resource::Resource;

/// A topic that nobody has, by which a broker finds out who may write to all of them anyway.
const ANY_NAME: Resource<'static> = Resource::topic("hardcode");

impl Asker<'_> {
    /// Whether WRITE is allowed on at least one topic. An allowed pattern counts unless a refused one dominates it.
    pub fn decide_any_topic_write(&self) -> Decision {
        let allowed = self.decide(Operation::Write, ANY_NAME);
        let Standing::Ordinary(who) = self.standing else {
            return allowed;
        };
        if allowed.is_allowed() {
            return allowed;
        }
        if let Some(decision) = self.by_wildcard(who) {
            return decision;
        }
        self.topic_shelves(who)
            .flat_map(|shelf| self.index.patterns.rows(shelf.rows))
            .filter_map(|row| Some((row, self.writes(row.grants, who)?)))
            .find(|(row, _)| !self.is_dominated(row, who))
            .map_or(Decision::Denied(DenyRule::Default), |(_, grant)| {
                allowed_by(grant, Operation::Write)
            })
    }

    fn topic_shelves(&self, who: Ordinary<'_>) -> impl Iterator<Item = &Shelf> {
        self.index.shelves_for(who, ResourceType::Topic)
    }

    /// The answer of the literal `*`: a refusal beats all, then a permission does.
    fn by_wildcard(&self, who: Ordinary<'_>) -> Option<Decision> {
        let wildcards = || self.topic_shelves(who).filter_map(|shelf| shelf.wildcard);
        if let Some(grant) = wildcards().find_map(|span| self.refuses_write(span, who)) {
            return Some(denied_by(grant, Operation::Write));
        }
        let allow = wildcards().find_map(|span| self.writes(span, who));
        allow.map(|grant| allowed_by(grant, Operation::Write))
    }

    /// Whether refusals leave nothing of an allowed pattern: a prefix of it that is refused, or the same literal.
    /// A refused literal never takes away a whole prefix.
    fn is_dominated(&self, allowed: &Row, who: Ordinary<'_>) -> bool {
        let patterns = &self.index.patterns;
        let name = patterns.name(allowed.name);
        self.topic_shelves(who).any(|shelf| {
            let literal = match allowed.pattern_type {
                PatternType::Literal => patterns.literal(shelf, name),
                PatternType::Prefixed => None,
            };
            literal
                .into_iter()
                .chain(patterns.prefixes(shelf, name))
                .any(|span| self.refuses_write(span, who).is_some())
        })
    }

    /// The grant that allows WRITE, by ALL or by itself; nothing else implies it.
    fn writes(&self, span: Span, who: Ordinary<'_>) -> Option<u32> {
        let found = self.index.visit_host(span, who.host, |place, grant| {
            if grant.allows.has(Operation::Write) {
                return ControlFlow::Break(place);
            }
            ControlFlow::Continue(())
        });
        found.break_value()
    }

    fn refuses_write(&self, span: Span, who: Ordinary<'_>) -> Option<u32> {
        let found = self.index.visit_host(span, who.host, |place, grant| {
            if grant.denies.has(Operation::Write) {
                return ControlFlow::Break(place);
            }
            ControlFlow::Continue(())
        });
        found.break_value()
    }
}
