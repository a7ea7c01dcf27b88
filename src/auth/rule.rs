//! Validation rules: conditions on the claims of a token.

use serde_json::{Map, Value as Json};

use crate::expression::{Condition, ExpressionError, Lookup, NoAnswer, Operand, VariableShape, Vocabulary};

/// The claims of a token are one variable.
static CLAIMS: Vocabulary = Vocabulary {
    variables: &[("claims", VariableShape::Open)],
    advice: Some("a claim is written claims.name"),
};

/// A compiled rule. One that has no answer for the claims of a token refuses it.
#[derive(Debug, Clone)]
pub struct CompiledRule(Condition);

impl CompiledRule {
    /// Compiles a rule when it is configured.
    ///
    /// # Errors
    /// It is no expression over claims.
    pub fn compile(text: &str) -> Result<Self, ExpressionError> {
        Condition::compile(text, &CLAIMS).map(Self)
    }

    /// A rule that nothing meets.
    pub fn never() -> Self {
        Self(Condition::never())
    }

    /// Whether the claims meet the rule.
    ///
    /// # Errors
    /// The expression has no value for these claims, or one that is neither true nor false.
    pub fn holds(&self, claims: &Map<String, Json>) -> Result<bool, NoAnswer> {
        self.0.holds(&Claims(claims))
    }
}

struct Claims<'a>(&'a Map<String, Json>);

impl Lookup for Claims<'_> {
    fn value(&self, _claims: usize) -> Result<Operand<'_>, NoAnswer> {
        Ok(Operand::Map(self.0))
    }
}
