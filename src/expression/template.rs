//! Texts with values in them: `orders of ${context.auth.principal.name}`. `$${` stands for `${`.

use std::fmt::Write;

use super::evaluate::Evaluation;
use super::parser::{self, Expression};
use super::{ExpressionError, Lookup, MAX_STEPS, MAX_TEXT_BYTES, NoAnswer, Operand, Vocabulary};

/// A compiled text with values in it.
#[derive(Debug, Clone)]
pub struct Template {
    parts: Vec<Part>,
}

/// The most that a text, or several, can add to a record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TextGrowth {
    pub bytes: usize,
    /// Beside them so many parts of the record once more.
    pub copies: usize,
}

/// The text of every number is shorter.
const MOST_NUMBER_BYTES: usize = 350;

#[derive(Debug, Clone)]
enum Part {
    Fixed(String),
    Value(Expression),
}

impl Template {
    /// Compiles a text.
    ///
    /// # Errors
    /// It is too long, or what stands in `${` and `}` is no expression. Places are those in the whole text.
    pub fn compile(text: &str, vocabulary: &'static Vocabulary) -> Result<Self, ExpressionError> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(ExpressionError::TooLong);
        }
        let (mut parts, mut fixed, mut at) = (Vec::new(), String::new(), 0);
        while let Some(found) = text[at..].find("${") {
            let begin = at + found;
            if let Some(before) = text[at..begin].strip_suffix('$') {
                fixed.push_str(before);
                fixed.push_str("${");
                at = begin + 2;
                continue;
            }
            fixed.push_str(&text[at..begin]);
            let (value, end) = parser::parse_embedded(text, begin + 2, vocabulary)?;
            parts.push(Part::Fixed(std::mem::take(&mut fixed)));
            parts.push(Part::Value(value));
            at = end;
        }
        fixed.push_str(&text[at..]);
        parts.push(Part::Fixed(fixed));
        Ok(Self { parts })
    }

    /// The text, if there is no value in it.
    pub fn fixed(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [Part::Fixed(text)] => Some(text),
            _ => None,
        }
    }

    /// The text of a template that is this text, whatever stands in it.
    pub fn of_constant(text: &str) -> String {
        text.replace("${", "$${")
    }

    /// The text that a template always is; none if there are values in it.
    pub fn constant(template: &str) -> Option<String> {
        let (mut constant, mut rest) = (String::with_capacity(template.len()), template);
        while let Some(at) = rest.find("${") {
            constant.push_str(rest[..at].strip_suffix('$')?);
            constant.push_str("${");
            rest = &rest[at + 2..];
        }
        constant.push_str(rest);
        Some(constant)
    }

    /// How long the text is at most, where these values are known and others may come.
    pub fn growth(&self, values: &dyn Lookup) -> TextGrowth {
        let mut growth = TextGrowth::default();
        let mut evaluation = Evaluation::new(values, MAX_STEPS);
        for part in &self.parts {
            match part {
                Part::Fixed(text) => growth.bytes += text.len(),
                Part::Value(expression) => match evaluation.value(expression) {
                    Ok(Operand::Text(text)) => growth.bytes += text.len(),
                    Ok(_) => growth.bytes += MOST_NUMBER_BYTES,
                    Err(NoAnswer::NotYet) => {
                        growth.bytes += MOST_NUMBER_BYTES;
                        growth.copies += 1;
                    }
                    // There will be no text.
                    Err(_) => {}
                },
            }
        }
        growth
    }

    /// Adds the text to `out`. Texts, numbers, `true` and `false` have one. All values together may take the steps of one
    /// evaluation.
    ///
    /// # Errors
    /// One of the values is not there, or has no text; `out` then holds a part of it.
    pub fn write(&self, values: &dyn Lookup, out: &mut String) -> Result<(), NoAnswer> {
        let mut evaluation = Evaluation::new(values, MAX_STEPS);
        for part in &self.parts {
            let expression = match part {
                Part::Fixed(text) => {
                    out.push_str(text);
                    continue;
                }
                Part::Value(expression) => expression,
            };
            let value = evaluation.value(expression)?;
            evaluation.pay(value.cost())?;
            let written = match value {
                Operand::Text(text) => out.write_str(&text),
                Operand::Int(number) => write!(out, "{number}"),
                Operand::Double(number) => write!(out, "{number}"),
                Operand::Bool(value) => write!(out, "{value}"),
                _ => return Err(NoAnswer::Type),
            };
            // A string takes everything.
            written.map_err(|_| NoAnswer::TooLong)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    static NOTHING: Vocabulary = Vocabulary {
        variables: &[],
        advice: None,
    };

    struct Nothing;

    impl Lookup for Nothing {
        fn value(&self, _: usize) -> Result<Operand<'_>, NoAnswer> {
            Err(NoAnswer::Missing)
        }
    }

    #[test]
    fn what_has_values_is_no_constant() {
        for (template, constant) in [
            ("", Some("")),
            ("a $ b", Some("a $ b")),
            ("$${a}", Some("${a}")),
            ("$$${a}", Some("$${a}")),
            ("${a}", None),
            ("$${a}${b}", None),
        ] {
            assert_eq!(Template::constant(template).as_deref(), constant, "{template}");
        }
    }

    proptest! {
        #[test]
        fn a_constant_stays_what_it_is(text in "[${}a]{0,12}") {
            let template = Template::of_constant(&text);
            prop_assert_eq!(Template::constant(&template), Some(text.clone()));
            let mut written = String::new();
            let compiled = Template::compile(&template, &NOTHING);
            prop_assert_eq!(compiled.map(|compiled| compiled.write(&Nothing, &mut written)), Ok(Ok(())));
            prop_assert_eq!(written, text);
        }
    }
}
