//! The names that an expression may use for what comes from outside of it.

use std::fmt::Write;

/// Names with dots, each of one value. A variable is known by its number in the list.
#[derive(Debug)]
pub struct Vocabulary {
    pub variables: &'static [(&'static str, VariableShape)],
    /// How names are written, said of one that is not known. Without it the known ones are listed.
    pub advice: Option<&'static str>,
}

/// Whether a variable has members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VariableShape {
    /// A text or a number.
    Single,
    /// Members with names that only its value knows.
    Open,
}

impl Vocabulary {
    /// The variable of this name.
    pub(super) fn find(&self, name: &str) -> Option<(usize, VariableShape)> {
        let number = self.variables.iter().position(|(known, _)| *known == name)?;
        Some((number, self.variables[number].1))
    }

    /// Whether the variable's name is a path, of which `has()` can ask.
    pub(super) fn is_path(&self, number: usize) -> bool {
        self.variables
            .get(number)
            .is_some_and(|(name, _)| name.contains('.'))
    }

    /// Whether this is a variable, or the beginning of some.
    pub(super) fn leads(&self, name: &str) -> bool {
        self.variables.iter().any(|(known, _)| {
            known
                .strip_prefix(name)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    }

    /// Words for somebody who wrote a name that is not known: the known ones that begin as it does.
    pub(super) fn advice(&self, name: &str) -> String {
        if let Some(advice) = self.advice {
            return advice.to_owned();
        }
        let shared = |known: &str| {
            known
                .split('.')
                .zip(name.split('.'))
                .take_while(|(a, b)| a == b)
                .count()
        };
        let nearest = self
            .variables
            .iter()
            .map(|(known, _)| shared(known))
            .max()
            .unwrap_or(0);
        let mut advice = "there are".to_owned();
        let near = self
            .variables
            .iter()
            .filter(|(known, _)| shared(known) == nearest);
        for (index, (known, _)) in near.enumerate() {
            let comma = if index == 0 { "" } else { "," };
            // Writing to a string cannot fail.
            let _ = write!(advice, "{comma} {known}");
        }
        advice
    }
}
