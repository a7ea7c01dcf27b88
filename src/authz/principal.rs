//! Who asks.

use std::fmt;
use std::sync::Arc;

/// An authenticated principal, or `User:ANONYMOUS`. Type and name compare exactly and with case.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Principal {
    /// `Type:name`, kept whole because that is what ACL entries are compared with.
    text: Arc<str>,
}

impl Principal {
    /// The principal `User:name`.
    pub fn user(name: &str) -> Self {
        Self {
            text: format!("User:{name}").into(),
        }
    }

    /// A principal of any type, from `Type:name`. No client has one yet; the rules know them.
    #[cfg(test)]
    pub(super) fn from_text(text: &str) -> Self {
        Self { text: text.into() }
    }

    /// `Type:name`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The part after the first colon.
    pub fn name(&self) -> &str {
        self.text.split_once(':').map_or("", |(_, name)| name)
    }
}

impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
