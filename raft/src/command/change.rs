//! A change that somebody asks for: who, and which state it was judged by.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::Command;
use crate::model::{NodeId, Revision};

/// A change as it is handed to a node to be proposed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub author: Author,
    /// The newest state that the proposer had seen when it found that the author may make this change.
    pub judged_at: Revision,
    pub command: Command,
}

impl Change {
    /// A change that a node wants itself, and the state that it has seen.
    pub(crate) fn by_node(id: NodeId, seen: Revision, command: Command) -> Self {
        let author = Author {
            kind: AuthorKind::Node,
            name: id.to_string(),
            address: None,
            request: String::new(),
        };
        Self {
            author,
            judged_at: seen,
            command,
        }
    }
}

/// Who asks for a change. It goes into the log with the command and changes nothing in the state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Author {
    pub kind: AuthorKind,
    /// The name that the author has logged in by; that of an administrator as it is configured, that of a Kafka client as
    /// its principal (`User:alice`). Of a gateway node its number.
    pub name: String,
    /// Where the request came from; none when nobody asked the node.
    pub address: Option<IpAddr>,
    /// Tells the request from others in the logs; empty when there was none.
    pub request: String,
}

/// In what way somebody asks. Append-only: the order is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AuthorKind {
    /// A gateway node on its own account.
    Node,
    /// Over the admin port.
    Administrator,
    /// By Kafka's protocol.
    Client,
}

#[cfg(test)]
impl Author {
    /// A client with something in every place.
    pub(crate) fn example() -> Self {
        Self {
            kind: AuthorKind::Client,
            name: "User:alice".to_owned(),
            address: Some(IpAddr::from([192, 0, 2, 7])),
            request: "CreateAcls 12".to_owned(),
        }
    }
}
