//! Rules of policies on requests: what they look at in an item of a request, what they set in it, and what a client is told
//! that may not ask at all. Knows no API, but where each kind of requests has its fields.

mod auto_creation;
mod item;
mod overriding;

use std::sync::Arc;

use auto_creation::AutoCreated;
pub(super) use auto_creation::AutoCreation;
use item::RequestItem;
pub(super) use overriding::{set_in_fetch, set_in_partitions, set_in_resource, set_in_topic};

use super::ask::{Ask, Stop};
use super::description::Api;
use super::error_code::ErrorCode;
use super::records;
use crate::policy::{RequestJudge, RuledSettings};
use crate::vcluster::plan::Caller;
use crate::vcluster::view::View;
use crate::wire::{Detail, Edits, Form, Node, RequestHeader, Segments, Tape, field, walk_response};
use klamm_raft::model::RequestKind;

/// The judge of a request, if a policy may concern it.
pub(super) fn judge<'a>(
    view: &'a View,
    caller: &Caller,
    api: &Api,
    (header, frame): (&RequestHeader, &[u8]),
) -> Option<RequestJudge<'a>> {
    let policies = view.request_policies.as_ref()?;
    policies.may_concern(api.kind()).then(|| {
        let client_id = header.client_id(frame).map(Arc::from);
        policies.judge(records::context(view, caller, client_id))
    })
}

impl Ask<'_> {
    /// Judges an item of the request, once the caller is known to have the right. Settings are given other values where
    /// rules say so.
    ///
    /// The error are words for the client.
    pub(super) fn rule(
        &mut self,
        node: Node<'_>,
        topic: Option<&str>,
        settings: &mut RuledSettings,
    ) -> Result<(), String> {
        let (Some(kind), Some(judge)) = (self.api.kind(), self.gate.rules()) else {
            return Ok(());
        };
        let root = self.message.root();
        let item = RequestItem::new(kind, (self.api, self.header.api_version), (root, node), topic);
        judge.judge((kind, topic), &item, settings)
    }

    /// Whether rules may be about its items.
    pub(super) fn is_ruled(&self) -> bool {
        let kind = self.api.kind();
        let policies = self.view.request_policies.as_ref();
        policies.is_some_and(|policies| kind.is_some_and(|kind| policies.rules(kind)))
    }

    /// Judges the items of a request that are about no topic, and of which no setting can be another.
    pub(super) fn rule_all<'n>(&mut self, items: impl Iterator<Item = Node<'n>>) -> Vec<Result<(), String>> {
        let judged = items.map(|item| self.rule(item, None, &mut RuledSettings::default()));
        judged.collect()
    }

    /// Judges a request of which the only item is all of it, and which is about no topic.
    ///
    /// The error are words for the client.
    pub(super) fn rule_root(&mut self) -> Result<(), String> {
        let root = self.message.root();
        self.rule(root, None, &mut RuledSettings::default())
    }

    /// Judges such a request, whose answer has no room for words.
    pub(super) fn rule_whole(&mut self) -> Result<(), ErrorCode> {
        self.rule_root().map_err(|_| ErrorCode::PolicyViolation)
    }

    /// Whether the caller may have brokers make a topic by themselves.
    pub(super) fn rules_let_create(&mut self, topic: &str, why: AutoCreation) -> bool {
        let Some(judge) = self.gate.rules() else {
            return true;
        };
        let mut settings = RuledSettings::default();
        let item = AutoCreated { topic, why };
        let judged = judge.judge((RequestKind::CreateTopics, Some(topic)), &item, &mut settings);
        // A broker makes it as it makes all: what a rule sets, it would not have.
        judged.is_ok() && settings.is_empty()
    }

    /// Judges whether the caller may ask this at all. If not, nothing is granted to it, and these are the words for it.
    pub(super) fn rule_out(&mut self) -> Option<String> {
        let judge = self.gate.rules()?;
        let root = self.message.root();
        let api = (self.api, self.header.api_version);
        let item = RequestItem::new(RequestKind::Any, api, (root, root), None);
        let judged = judge.judge((RequestKind::Any, None), &item, &mut RuledSettings::default());
        let words = judged.err()?;
        self.gate.close();
        Some(words)
    }

    /// Has an answer that refuses what was asked say why: POLICY_VIOLATION and words, where there is room for some. What
    /// has no room is refused for want of rights, which clients report at once whatever they asked.
    pub(super) fn in_words(&self, answer: &Segments, words: &str) -> Result<Segments, Stop> {
        let (frame, mut tape) = (answer.body(), Tape::new());
        let key = (self.header.api_key, self.header.api_version);
        let message = walk_response(key, &frame, Detail::Everything, &mut tape)?;
        let mut edits = Edits::new();
        tell(message.root(), words, &mut edits);
        Ok(edits.finish(message, &frame)?)
    }
}

fn tell(node: Node<'_>, words: &str, edits: &mut Edits) {
    if let (Some(code), Some(message)) = (node.child(field::ERROR_CODE), node.child(field::ERROR_MESSAGE))
        && code.int().is_some_and(is_want_of_rights)
    {
        edits.set_int(code, ErrorCode::PolicyViolation.code().into());
        edits.set_text(message, Some(words));
    }
    let parts = node
        .children()
        .filter(|part| matches!(part.form(), Form::Array | Form::Struct));
    parts.for_each(|part| tell(part, words, edits));
}

fn is_want_of_rights(code: i64) -> bool {
    [
        ErrorCode::TopicAuthorizationFailed,
        ErrorCode::GroupAuthorizationFailed,
        ErrorCode::ClusterAuthorizationFailed,
        ErrorCode::TransactionalIdAuthorizationFailed,
    ]
    .iter()
    .any(|error| i64::from(error.code()) == code)
}
