//! References to secrets: what is written instead of a secret in a resource, which all nodes keep and every reader of the
//! admin API sees. Each node follows them to its own variables and files.

use std::fmt;

use crate::secret::Secret;

/// A reference, as `${env[NAME]}` or `${file[PATH]}`. The name may stand in quotes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reference {
    /// To a variable of the node's environment.
    Variable(String),
    /// To a file of the node, from the directory of secrets on, or by its whole path.
    File(String),
}

/// Why a node cannot follow a reference. Nothing of what it leads to is shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reference} {why}")]
pub struct Unfollowed {
    pub reference: Reference,
    /// It ends the sentence.
    pub why: String,
}

/// Follows a reference on this node.
pub type Follow<'a> = &'a dyn Fn(&Reference) -> Result<Secret, Unfollowed>;

/// The forms, for people.
pub(super) const FORMS: &str =
    "${env[NAME]} for a variable of each node, ${file[PATH]} for a file of each node";

/// The longest name or path.
const MAX_CHARS: usize = 500;

impl Reference {
    /// Reads a text that may be a reference. None: it is a text as any other.
    pub(super) fn parse(text: &str) -> Option<Result<Self, String>> {
        let inside = text.trim().strip_prefix("${")?;
        let malformed = || Some(Err(format!("this is not a reference: it is written as {FORMS}")));
        let Some(inside) = inside.strip_suffix("]}") else {
            return malformed();
        };
        let Some((kind, name)) = inside.split_once('[') else {
            return malformed();
        };
        let name = unquoted(name.trim());
        let is_short = !name.is_empty() && name.len() <= MAX_CHARS;
        if !is_short || name.chars().any(|c| c.is_control() || "[]{}'\"".contains(c)) {
            return malformed();
        }
        match kind.trim() {
            "env" if name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') => {
                Some(Ok(Self::Variable(name.to_owned())))
            }
            "file" if name.split('/').any(|part| part == "..") => {
                Some(Err("the path of a reference must not go up by ..".to_owned()))
            }
            "file" => Some(Ok(Self::File(name.to_owned()))),
            _ => malformed(),
        }
    }
}

/// Whether a text is a reference.
///
/// # Errors
/// It is written like one, and wrong.
pub fn is_reference(text: &str) -> Result<bool, String> {
    Ok(Reference::parse(text).transpose()?.is_some())
}

fn unquoted(text: &str) -> &str {
    let between = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote);
    between('\'').or_else(|| between('"')).unwrap_or(text)
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => write!(f, "${{env[{name}]}}"),
            Self::File(path) => write!(f, "${{file[{path}]}}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_told_from_texts() {
        let variable = |name: &str| Some(Ok(Reference::Variable(name.to_owned())));
        let file = |path: &str| Some(Ok(Reference::File(path.to_owned())));
        for text in ["${env[A_1]}", "${env['A_1']}", " ${ env[ \"A_1\" ]} "] {
            assert_eq!(Reference::parse(text), variable("A_1"), "{text}");
        }
        assert_eq!(
            Reference::parse("${file[/etc/a b/ca.pem]}"),
            file("/etc/a b/ca.pem")
        );
        assert_eq!(Reference::parse("${file[..data/ca.pem]}"), file("..data/ca.pem"));
        for text in ["", "secret", "$env[A]", "x${env[A]}", "{env[A]}"] {
            assert_eq!(Reference::parse(text), None, "{text}");
        }
        for text in [
            "${env[A]",
            "${env[]}",
            "${env[A-B]}",
            "${env[A]}${env[B]}",
            "${vault[A]}",
            "${A}",
            "${file[a/../b]}",
            "${file[..]}",
            "${file[a\nb]}",
            "${file['a'b']}",
            "${env[A]}x",
        ] {
            assert!(matches!(Reference::parse(text), Some(Err(_))), "{text}");
        }
    }

    #[test]
    fn they_are_shown_as_they_are_read() {
        for text in ["${env[A]}", "${file[x/y.pem]}"] {
            assert_eq!(Reference::parse(text).unwrap().unwrap().to_string(), text);
        }
    }
}
