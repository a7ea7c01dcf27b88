//! Validation rules: expressions over the claims of a token, in a part of the Common Expression Language (CEL).
//!
//! An expression is compiled when it is configured, and evaluated at each login. Both are bounded: text, nesting and
//! steps. What is left out of CEL (map literals, bytes, timestamps, user functions) is refused when it is compiled.
//!
//! ```text
//! claims.org == 'acme' && ('ops' in claims.groups || claims.groups.exists(g, g.startsWith('ops-')))
//! ```

mod evaluate;
mod lexer;
mod parser;
mod value;

use serde_json::{Map, Value as Json};

use evaluate::Evaluation;
use parser::Expression;

/// The longest expression, in bytes.
pub const MAX_TEXT_BYTES: usize = 4096;

/// The deepest nesting of an expression; a chain such as `a && b && c` nests too.
pub const MAX_DEPTH: usize = 64;

/// The most steps that one evaluation takes. A step looks at one part of the expression, or at 16 bytes of a text.
pub const MAX_STEPS: u32 = 20_000;

/// Why an expression is not a rule. `at` counts bytes from 0.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    #[error("the expression is longer than {MAX_TEXT_BYTES} bytes")]
    TooLong,
    #[error("the expression nests deeper than {MAX_DEPTH}")]
    TooDeep,
    #[error("at {at}: {expected} is expected")]
    Expected { at: usize, expected: &'static str },
    #[error("at {at}: a quoted text does not end, or holds an escape that is not known")]
    Text { at: usize },
    #[error("at {at}: this is not a number that fits")]
    Number { at: usize },
    #[error("at {at}: the character {character:?} means nothing here")]
    Character { at: usize, character: char },
    #[error("at {at}: the name {name:?} is not known; a claim is written claims.name")]
    Name { at: usize, name: String },
    #[error("at {at}: there is no function {name:?} with {arguments} arguments")]
    Function {
        at: usize,
        name: String,
        arguments: usize,
    },
    #[error(
        "at {at}: the pattern of matches() is a quoted text that is a regular expression, and not too large a one"
    )]
    Pattern { at: usize },
}

/// Why an evaluation gave no answer. A rule without an answer refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    #[error("a claim or an element that is named does not exist")]
    Missing,
    #[error("an operation does not fit its operands")]
    Type,
    #[error("a number is too large or divided by zero")]
    Arithmetic,
    #[error("the evaluation takes too many steps")]
    TooLong,
}

/// A compiled expression.
#[derive(Debug, Clone)]
pub struct CompiledRule {
    expression: Expression,
}

impl CompiledRule {
    /// Compiles an expression.
    ///
    /// # Errors
    /// It does not parse, is too large, or uses what is not known.
    pub fn compile(text: &str) -> Result<Self, RuleError> {
        Ok(Self {
            expression: parser::parse(text)?,
        })
    }

    /// A rule that nothing meets.
    pub fn never() -> Self {
        Self {
            expression: Expression::never(),
        }
    }

    /// Whether the claims meet the rule.
    ///
    /// # Errors
    /// The expression has no value for these claims, or one that is neither true nor false.
    pub fn holds(&self, claims: &Map<String, Json>) -> Result<bool, NoAnswer> {
        Evaluation::new(claims, MAX_STEPS).truth(&self.expression)
    }
}

#[cfg(test)]
mod tests;
