//! Whether somebody may WRITE to at least one topic: asked for producers that are idempotent only (KIP-679).

use std::ops::ControlFlow;

use klamm_raft::model::{Operation, PatternType, ResourceType};

use super::{AclIndex, Asker, EVERYONE, Holder, NOBODY, Span, Standing, TypeIndex, allowed_by, denied_by};
use crate::authz::decision::{Decision, DenyRule};
use crate::authz::resource::Resource;

/// A grant that allows WRITE on the topics of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TopicWrite {
    pub(super) principal: u32,
    pub(super) grant: u32,
    /// Its place among the patterns.
    pub(super) pattern: u32,
}

/// A topic that nobody has, by which a broker finds out who may write to all of them anyway.
const ANY_NAME: Resource<'static> = Resource::topic("hardcode");

impl Asker<'_> {
    /// Whether WRITE is allowed on at least one topic. An allowed pattern counts unless a refused one dominates it.
    pub fn decide_any_topic_write(&self) -> Decision {
        let allowed = self.decide(Operation::Write, ANY_NAME);
        let Standing::Ordinary(holder) = self.standing else {
            return allowed;
        };
        if allowed.is_allowed() {
            return allowed;
        }
        let topics = self.index.resources(ResourceType::Topic);
        if let Some(decision) = topics
            .wildcard
            .and_then(|all| self.index.by_wildcard(all, holder))
        {
            return decision;
        }
        let own = self.index.topic_writes_of(holder.principal);
        let everyones = self.index.topic_writes_of(EVERYONE);
        own.iter()
            .chain(everyones)
            .filter(|write| self.index.grants[write.grant as usize].holder.answers(holder))
            .find(|write| !self.index.is_dominated(**write, holder))
            .map_or(Decision::Denied(DenyRule::Default), |write| {
                allowed_by(write.grant, Operation::Write)
            })
    }
}

impl AclIndex {
    /// What the literal `*` says: a refusal beats all, then a permission does.
    fn by_wildcard(&self, all: Span, holder: Holder) -> Option<Decision> {
        let mut allow = None;
        let refused = self.visit_held(all, holder, |place, grant| {
            if grant.denies.has(Operation::Write) {
                return ControlFlow::Break(place);
            }
            if grant.allows.has(Operation::Write) {
                allow = Some(place);
            }
            ControlFlow::Continue(())
        });
        match refused {
            ControlFlow::Break(grant) => Some(denied_by(grant, Operation::Write)),
            ControlFlow::Continue(()) => allow.map(|grant| allowed_by(grant, Operation::Write)),
        }
    }

    fn topic_writes_of(&self, principal: u32) -> &[TopicWrite] {
        if principal == NOBODY {
            return &[];
        }
        let start = self
            .topic_writes
            .partition_point(|write| write.principal < principal);
        let end = self
            .topic_writes
            .partition_point(|write| write.principal <= principal);
        &self.topic_writes[start..end]
    }

    /// Whether refusals leave nothing of an allowed pattern: a prefix of it that is refused, or the same literal.
    /// A refused literal never takes away a whole prefix.
    fn is_dominated(&self, write: TopicWrite, holder: Holder) -> bool {
        let pattern = &self.patterns[write.pattern as usize];
        let topics: &TypeIndex = self.resources(ResourceType::Topic);
        let same_literal = match pattern.pattern_type {
            PatternType::Literal => Some(pattern.grants),
            PatternType::Prefixed => None,
        };
        same_literal
            .into_iter()
            .chain(topics.prefixes.covering(&pattern.name))
            .any(|span| self.refuses_write(span, holder))
    }

    fn refuses_write(&self, span: Span, holder: Holder) -> bool {
        self.visit_held(span, holder, |_, grant| {
            if grant.denies.has(Operation::Write) {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })
        .is_break()
    }
}
