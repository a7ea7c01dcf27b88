//! Plugins that demand something of requests. Each field of their configurations becomes a rule, or several.

mod fields;
mod groups;
mod records;
mod rule;
mod topics;

pub(super) use groups::{client_id, consumer_group};
pub(super) use records::{fetch, produce};
pub(super) use rule::ActionWord;
pub(super) use topics::{alter_topic_config, create_topic, read_only};
