//! Expressions that others write, in a part of the Common Expression Language (CEL): conditions, and texts with values
//! in them. Pure.
//!
//! An expression is compiled against a [`Vocabulary`], which says what it may name, and evaluated against a [`Lookup`],
//! which is asked for a value when the evaluation comes to it. Both are bounded: text, nesting and steps. What is left
//! out of CEL (map literals, bytes, timestamps, user functions) is refused when it is compiled.
//!
//! ```text
//! claims.org == 'acme' && ('ops' in claims.groups || claims.groups.exists(g, g.startsWith('ops-')))
//! ```

mod choices;
mod elements;
mod evaluate;
mod json_syntax;
mod json_text;
mod lexer;
mod lookup;
mod operand;
mod operations;
mod parser;
mod template;
mod vocabulary;

pub use json_text::JsonText;
pub(crate) use json_text::decoded;
pub use lookup::{Keyed, Lookup};
pub use operand::Operand;
pub use template::{Template, TextGrowth};
pub use vocabulary::{VariableShape, Vocabulary};

use std::collections::BTreeSet;

use evaluate::Evaluation;
use parser::Expression;

/// The longest expression, in bytes.
pub const MAX_TEXT_BYTES: usize = 4096;

/// The deepest nesting of an expression; a chain such as `a && b && c` nests too.
pub const MAX_DEPTH: usize = 64;

/// The most steps that one evaluation takes. A step looks at one part of the expression, at 16 bytes of a text, or goes
/// over 64 bytes of JSON.
pub const MAX_STEPS: u32 = 20_000;

/// Why a text is no expression. `at` counts bytes from 0.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpressionError {
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
    #[error("at {at}: the name {name:?} is not known; {advice}")]
    Name { at: usize, name: String, advice: String },
    #[error("at {at}: there is no function {name:?} with {arguments} arguments")]
    Function {
        at: usize,
        name: String,
        arguments: usize,
    },
    #[error(
        "at {at}: the pattern of {function}() is a quoted text that is a regular expression, and not too large a one"
    )]
    Pattern { at: usize, function: &'static str },
}

/// Why an evaluation gave no answer. That is neither true nor false: whoever asks says what becomes of it. The words hold
/// nothing of the values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    #[error("something that the expression names does not exist")]
    Missing,
    #[error("an operation does not fit its operands")]
    Type,
    #[error("a number is too large or divided by zero")]
    Arithmetic,
    #[error("the evaluation takes too many steps")]
    TooLong,
    #[error("bytes that the expression reads as a text are not UTF-8")]
    NotText,
    #[error("a text that the expression reads as a number is none")]
    NotNumber,
    #[error("the value is not JSON")]
    NotJson,
    #[error("a member that the expression names is there twice")]
    Twice,
    /// Only of a [`Lookup`] that answers for what is known so far.
    #[error("a value that the expression reads is not known yet")]
    NotYet,
}

/// A compiled expression that is true or false.
#[derive(Debug, Clone)]
pub struct Condition {
    expression: Expression,
}

impl Condition {
    /// Compiles an expression.
    ///
    /// # Errors
    /// It does not parse, is too large, or uses what is not known.
    pub fn compile(text: &str, vocabulary: &'static Vocabulary) -> Result<Self, ExpressionError> {
        Ok(Self {
            expression: parser::parse(text, vocabulary)?,
        })
    }

    /// The texts of which this variable must be one, where the condition says just that: that it is equal to a text, or
    /// in a list of texts, or several of such joined by `||`. None where it says anything else.
    pub fn choices(&self, variable: usize) -> Option<BTreeSet<&str>> {
        choices::of(&self.expression, variable)
    }

    /// A condition that nothing meets.
    pub fn never() -> Self {
        Self {
            expression: Expression::never(),
        }
    }

    /// Whether the condition holds for these values.
    ///
    /// # Errors
    /// The expression has no value for them, or one that is neither true nor false.
    pub fn holds(&self, values: &dyn Lookup) -> Result<bool, NoAnswer> {
        Evaluation::new(values, MAX_STEPS).truth(&self.expression)
    }
}

#[cfg(test)]
mod tests;
