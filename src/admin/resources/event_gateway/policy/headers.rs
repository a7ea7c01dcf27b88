//! `modify_headers` in the words of event gateways, whose values are constants. Ours may hold expressions.

use klamm_raft::model::{HeaderAction, PolicyAction};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::admin::resources::invalid::Invalid;
use crate::admin::resources::object::objects;
use crate::admin::resources::policy::{HeaderActionSpec, MAX_HEADER_ACTIONS, header_actions};
use crate::expression::Template;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(deny_unknown_fields)]
pub(crate) struct HeadersConfig {
    /// Carried out one after the other.
    #[serde(deserialize_with = "objects")]
    #[schemars(length(min = 1, max = MAX_HEADER_ACTIONS))]
    actions: Vec<HeaderActionSpec>,
}

impl HeadersConfig {
    /// Values stay what they are, whatever stands in them.
    pub(super) fn read(self) -> Result<PolicyAction, Invalid> {
        let mut actions = header_actions(self.actions)?;
        for action in &mut actions {
            match action {
                HeaderAction::Set { value, .. } | HeaderAction::SetIfAbsent { value, .. } => {
                    *value = Template::of_constant(value);
                }
                HeaderAction::Remove { .. } | HeaderAction::RemoveMatching { .. } => {}
            }
        }
        Ok(PolicyAction::ModifyHeaders { actions })
    }

    /// Values with expressions are shown as they are written in our own words.
    pub(super) fn show(actions: &[HeaderAction]) -> Self {
        let actions = actions.iter().map(|action| {
            let shown = HeaderActionSpec::of(action);
            shown.with_value(template(action).and_then(Template::constant))
        });
        Self {
            actions: actions.collect(),
        }
    }
}

/// Those that are wanted in the place of some.
pub(super) fn changed(
    wanted: Vec<HeaderAction>,
    there: &[HeaderAction],
) -> Result<Vec<HeaderAction>, Invalid> {
    if HeadersConfig::show(&wanted) == HeadersConfig::show(there) {
        return Ok(there.to_vec());
    }
    let has_values =
        |action: &HeaderAction| template(action).is_some_and(|value| Template::constant(value).is_none());
    match there.iter().any(has_values) {
        true => Err(Invalid::new(
            "config.actions: there are values with expressions in them, and here all values are constants: change them in /gateway/v2/policy",
        )),
        false => Ok(wanted),
    }
}

/// The value that a header gets, if it gets one.
fn template(action: &HeaderAction) -> Option<&str> {
    match action {
        HeaderAction::Set { value, .. } | HeaderAction::SetIfAbsent { value, .. } => Some(value),
        HeaderAction::Remove { .. } | HeaderAction::RemoveMatching { .. } => None,
    }
}
