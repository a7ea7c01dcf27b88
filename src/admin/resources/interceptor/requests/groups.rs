//! Plugins about groups of consumers, and about the names of clients.

use std::collections::BTreeSet;

use klamm_raft::model::{Policy, RequestKind};
use serde::Deserialize;

use super::fields::PluginFields;
use super::rule::{ActionWord, NumberRule, RuleBook, RuledField, ValueRule, as_it_is};
use crate::admin::resources::interceptor::plugins::configuration;
use crate::admin::resources::invalid::Invalid;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ClientNames {
    #[serde(default)]
    naming_convention: Option<String>,
    #[serde(default)]
    action: ActionWord,
    #[serde(default)]
    client_id_template: Option<String>,
}

/// Rules for how consumers join groups, and for which groups they commit.
pub(in crate::admin::resources::interceptor) fn consumer_group(config: &str) -> Result<Policy, Invalid> {
    const JOINING: [RequestKind; 2] = [RequestKind::JoinGroup, RequestKind::ConsumerGroupHeartbeat];
    let mut fields = PluginFields::of(config)?;
    let mut rules = RuleBook::new(&[
        RequestKind::JoinGroup,
        RequestKind::Heartbeat,
        RequestKind::ConsumerGroupHeartbeat,
        RequestKind::OffsetCommit,
        RequestKind::TxnOffsetCommit,
    ]);
    let field = RuledField::new("groupId", "the name of a group");
    let name: Option<ValueRule<String>> = fields.take(field.name)?;
    rules.matching(&field, "request.groupId", name, as_it_is)?;
    rules.about(&JOINING);
    let field = RuledField::new("rebalanceTimeoutMs", "the rebalance timeout");
    let number: Option<NumberRule<i64>> = fields.take(field.name)?;
    rules.number(&field, "request.rebalanceTimeoutMs", number, |holds| {
        format!("request.rebalanceTimeoutMs == -1 || {holds}")
    })?;
    let field = RuledField::new("groupInstanceId", "group.instance.id");
    let id: Option<ValueRule<String>> = fields.take(field.name)?;
    rules.matching(&field, "request.groupInstanceId", id, as_it_is)?;
    let field = RuledField::new("memberId", "the id of a member");
    let id: Option<ValueRule<String>> = fields.take(field.name)?;
    rules.matching(&field, "request.memberId", id, |holds| {
        format!("request.memberId == '' || {holds}")
    })?;
    rules.about(&JOINING[..1]);
    let field = RuledField::new("sessionTimeoutMs", "the session timeout");
    let number: Option<NumberRule<i64>> = fields.take(field.name)?;
    rules.number(&field, "request.sessionTimeoutMs", number, as_it_is)?;
    fields.end()?;
    rules.into_policy(BTreeSet::new())
}

/// A rule for what clients call themselves.
pub(in crate::admin::resources::interceptor) fn client_id(config: &str) -> Result<Policy, Invalid> {
    let ClientNames {
        naming_convention,
        action,
        client_id_template,
    } = configuration(config)?;
    if client_id_template.is_some() {
        return Err(Invalid::new(
            "spec.config.clientIdTemplate is not supported: the gateway does not give clients other ids. There are the actions \
             BLOCK, INFO",
        ));
    }
    let field = RuledField::new("action", "client.id");
    let convention = naming_convention.unwrap_or_else(|| ".*".to_owned());
    let mut rules = RuleBook::new(&[RequestKind::Any]);
    let rule = ValueRule::new(convention, action);
    rules.matching(&field, "context.client.id", Some(rule), as_it_is)?;
    rules.into_policy(BTreeSet::new())
}
