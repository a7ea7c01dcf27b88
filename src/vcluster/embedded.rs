//! The `consumer` protocol inside group messages: subscriptions and assignments hold topic names in opaque bytes.
//! Members write and read virtual names; what is stored on the physical cluster holds physical ones, because the
//! coordinator reads subscriptions to decide which offsets expire.
//!
//! A name without an alias is stored with the namespace of its virtual cluster, so that it cannot be taken for a
//! physical topic, and comes back as it was.

use std::borrow::Cow;

use super::rename::{Alias, Names};
use crate::wire::{Class, Edits, Embedded, Form, Node, Tail, Tape, walk_embedded};

/// The protocol type whose embedded bytes are renamed.
pub const CONSUMER_PROTOCOL: &str = "consumer";

/// Bytes in place of which a message has no user data.
const NO_USER_DATA: [u8; 4] = (-1_i32).to_be_bytes();

/// The bytes are not a `consumer` protocol message, or would grow beyond what edits may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the embedded consumer protocol message cannot be understood")]
pub struct NotUnderstood;

/// Which way names are converted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RenameDirection {
    ToPhysical,
    ToVirtual,
}

/// Renames the topics of a message to the names of the other side; what follows the fields that are known stays as it
/// is. Topics that the other side does not have are left out on the way to a client. Empty bytes stay empty: members
/// without an assignment have none.
pub fn rename(
    names: &Names,
    (message, tail): (Embedded, Tail),
    direction: RenameDirection,
    bytes: &[u8],
) -> Result<Vec<u8>, NotUnderstood> {
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    let renamed = rename_whole(names, (message, tail), direction, bytes);
    renamed.or_else(|not_understood| {
        // Some clients end after the topics.
        let mut longer = [bytes, &NO_USER_DATA].concat();
        longer =
            rename_whole(names, (message, Tail::Nothing), direction, &longer).map_err(|_| not_understood)?;
        longer.truncate(longer.len() - NO_USER_DATA.len());
        Ok(longer)
    })
}

fn rename_whole(
    names: &Names,
    (message, tail): (Embedded, Tail),
    direction: RenameDirection,
    bytes: &[u8],
) -> Result<Vec<u8>, NotUnderstood> {
    let mut tape = Tape::new();
    let message = walk_embedded(message, bytes, tail, &mut tape).map_err(|_| NotUnderstood)?;
    let mut edits = Edits::new();
    // Names alone, or structs that name a topic.
    for topics in message.root().children() {
        for topic in topics.children() {
            let name = if topic.form() == Form::Text {
                Some(topic)
            } else {
                topic.child_of(Class::TopicName)
            };
            let Some((name, text)) = name.and_then(|name: Node<'_>| Some((name, name.text()?))) else {
                return Err(NotUnderstood);
            };
            match counterpart(names, direction, text)? {
                Some(other) => edits.set_text(name, Some(&other)),
                None => edits.remove_item(topics, topic),
            }
        }
    }
    edits.finish_embedded(message).map_err(|_| NotUnderstood)
}

/// The name that the other side has for a topic; `None` when it has none.
fn counterpart<'a>(
    names: &'a Names,
    direction: RenameDirection,
    name: &'a str,
) -> Result<Option<Cow<'a, str>>, NotUnderstood> {
    Ok(match direction {
        RenameDirection::ToPhysical => Some(match names.by_virtual_name(name) {
            Some(alias) => alias_text(alias, |alias| alias.physical_name.as_str()),
            None => Cow::Owned(names.stand_in(name).map_err(|_| NotUnderstood)?),
        }),
        RenameDirection::ToVirtual => match names.by_physical_name(name) {
            Some(alias) => Some(alias_text(alias, |alias| alias.virtual_name.as_str())),
            None => names.stood_in_for(name).map(Cow::Borrowed),
        },
    })
}

fn alias_text(alias: Cow<'_, Alias>, text: fn(&Alias) -> &str) -> Cow<'_, str> {
    match alias {
        Cow::Borrowed(alias) => Cow::Borrowed(text(alias)),
        Cow::Owned(alias) => Cow::Owned(text(&alias).to_owned()),
    }
}

#[cfg(test)]
mod tests;
