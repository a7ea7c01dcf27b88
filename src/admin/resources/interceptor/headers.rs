//! Plugins that change headers.

use std::collections::BTreeMap;

use klamm_raft::model::{HeaderAction, Policy, PolicyAction, PolicyPhase};
use serde::Deserialize;

use super::super::invalid::{Invalid, required};
use super::super::policy::{MAX_HEADER_ACTIONS, MAX_KEY_BYTES};
use super::plugins::{configuration, of_phase};
use super::topics;

/// The values that the other gateway knows, and the expressions for them, as far as there are some.
const PLACEHOLDERS: [(&str, Option<&str>); 13] = [
    ("user", Some("context.auth.principal.name")),
    (
        "clientId",
        Some("has(context.client.id) ? context.client.id : ''"),
    ),
    ("vcluster", Some("context.vcluster.name")),
    ("userIp", Some("context.client.address")),
    ("record.key", Some("has(record.key) ? record.key : ''")),
    ("record.value", Some("has(record.value) ? record.value : ''")),
    ("uuid", None),
    ("gatewayIp", None),
    ("gatewayHost", None),
    ("gatewayVersion", None),
    ("apiKey", None),
    ("apiKeyVersion", None),
    ("timestampMillis", None),
];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct HeaderInjection {
    #[serde(default)]
    topic: Option<String>,
    headers: BTreeMap<String, String>,
    #[serde(default)]
    override_if_exists: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct HeaderRemoval {
    #[serde(default)]
    topic: Option<String>,
    header_key_regex: String,
}

/// Headers for what is produced.
pub(super) fn injection(config: &str) -> Result<Policy, Invalid> {
    let HeaderInjection {
        topic,
        headers,
        override_if_exists,
    } = configuration(config)?;
    if !(1..=MAX_HEADER_ACTIONS).contains(&headers.len()) {
        return Err(Invalid::new(format!(
            "spec.config.headers must name 1 to {MAX_HEADER_ACTIONS} headers"
        )));
    }
    let set = |(key, text): (String, String)| {
        let value = template(&key, &text)?;
        let key = required("spec.config.headers", &key)?;
        Ok(match override_if_exists {
            true => HeaderAction::Set { key, value },
            false => HeaderAction::SetIfAbsent { key, value },
        })
    };
    let actions = headers.into_iter().map(set).collect::<Result<_, _>>()?;
    Ok(Policy {
        topics: topics::patterns(topic.as_deref())?,
        ..of_phase(PolicyPhase::Produce, PolicyAction::ModifyHeaders { actions })
    })
}

/// Headers that consumers are not shown.
pub(super) fn removal(config: &str) -> Result<Policy, Invalid> {
    const AT: &str = "spec.config.headerKeyRegex";
    let HeaderRemoval {
        topic,
        header_key_regex,
    } = configuration(config)?;
    if header_key_regex.len() > MAX_KEY_BYTES {
        return Err(Invalid::new(format!("{AT} is longer than {MAX_KEY_BYTES} bytes")));
    }
    let pattern = required(AT, &header_key_regex)?;
    let actions = vec![HeaderAction::RemoveMatching { pattern }];
    Ok(Policy {
        topics: topics::patterns(topic.as_deref())?,
        ..of_phase(PolicyPhase::Consume, PolicyAction::ModifyHeaders { actions })
    })
}

/// A text in which `{{name}}` stands for a value, in our words.
fn template(header: &str, text: &str) -> Result<String, Invalid> {
    let (mut template, mut rest) = (String::new(), text);
    while let Some((before, behind)) = rest.split_once("{{") {
        let at = format!("spec.config.headers.{header}");
        let Some((name, after)) = behind.split_once("}}") else {
            return Err(Invalid::new(format!("{at}: {{{{ without }}}}")));
        };
        let name = name.trim();
        let known = PLACEHOLDERS.iter().find(|(known, _)| *known == name);
        let Some(expression) = known.and_then(|(_, expression)| *expression) else {
            let names = PLACEHOLDERS.iter().filter(|(_, expression)| expression.is_some());
            let names: Vec<String> = names.map(|(name, _)| format!("{{{{{name}}}}}")).collect();
            return Err(Invalid::new(format!(
                "{at}: {{{{{name}}}}} is not supported: there are {}",
                names.join(", ")
            )));
        };
        template.push_str(before);
        template.push_str("${");
        template.push_str(expression);
        template.push('}');
        rest = after;
    }
    template.push_str(rest);
    Ok(template)
}
