//! Regular expressions that others wrote: what one would cost is reckoned from its text before it is compiled. Pure.

use regex::{Regex, RegexBuilder};
use regex_syntax::ast::parse::ParserBuilder;
use regex_syntax::ast::{Ast, ClassSet, ClassSetItem, RepetitionKind, RepetitionRange};

/// How deep groups may be nested.
const MAX_NESTING: u32 = 50;
/// The most states that an expression may come to, its repetitions written out.
const MAX_STATES: u64 = 8_000;
/// The most memory that a compiled expression may take.
const MAX_COMPILED_BYTES: usize = 256 << 10;
/// The most of an expression that is quoted, in bytes.
const MAX_QUOTED_BYTES: usize = 200;

/// A character outside of ASCII is up to this many bytes.
const CHARACTER_STATES: u64 = 4;
/// Any character, or one of a few ranges.
const RANGES_STATES: u64 = 12;
/// One of a Unicode class, which has hundreds of ranges.
const UNICODE_CLASS_STATES: u64 = 400;

/// Why an expression is not compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadExpression {
    #[error("the regular expression is invalid")]
    Invalid,
    #[error("the regular expression is too large: its repetitions or character classes expand too far")]
    TooLarge,
}

/// Compiles an expression, if that takes little.
pub(crate) fn compile(text: &str) -> Result<Regex, BadExpression> {
    check(text)?;
    build(text)
}

/// Compiles an expression that must match the whole of a text.
pub(crate) fn compile_whole(text: &str) -> Result<Regex, BadExpression> {
    // On its own first: its parentheses must be balanced before it is put between others.
    check(text)?;
    build(&format!(r"\A(?:{text})\z"))
}

/// The beginning of an expression, to be shown.
pub(crate) fn quoted(text: &str) -> String {
    if text.len() <= MAX_QUOTED_BYTES {
        return text.to_owned();
    }
    let mark = "...";
    let end = text.floor_char_boundary(MAX_QUOTED_BYTES - mark.len());
    [&text[..end], mark].concat()
}

fn build(text: &str) -> Result<Regex, BadExpression> {
    RegexBuilder::new(text)
        .size_limit(MAX_COMPILED_BYTES)
        // What it is put between nests once more.
        .nest_limit(MAX_NESTING + 2)
        .build()
        .map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => BadExpression::TooLarge,
            _ => BadExpression::Invalid,
        })
}

fn check(text: &str) -> Result<(), BadExpression> {
    let parsed = ParserBuilder::new().nest_limit(MAX_NESTING).build().parse(text);
    let tree = parsed.map_err(|_| BadExpression::Invalid)?;
    match states(&tree) <= MAX_STATES {
        true => Ok(()),
        false => Err(BadExpression::TooLarge),
    }
}

/// About as many states as an automaton has that is made of it. Its depth is bounded by the parser.
fn states(tree: &Ast) -> u64 {
    let all = |parts: &[Ast]| {
        parts
            .iter()
            .fold(1, |sum: u64, part| sum.saturating_add(states(part)))
    };
    match tree {
        Ast::Empty(_) | Ast::Flags(_) | Ast::Assertion(_) => 1,
        Ast::Literal(literal) if literal.c.is_ascii() => 1,
        Ast::Literal(_) => CHARACTER_STATES,
        Ast::Dot(_) => RANGES_STATES,
        Ast::ClassUnicode(_) | Ast::ClassPerl(_) => UNICODE_CLASS_STATES,
        Ast::ClassBracketed(class) => states_of_class(&class.kind),
        Ast::Repetition(repetition) => {
            let times = match &repetition.op.kind {
                RepetitionKind::ZeroOrOne | RepetitionKind::ZeroOrMore | RepetitionKind::OneOrMore => 1,
                RepetitionKind::Range(RepetitionRange::Exactly(times)) => *times,
                RepetitionKind::Range(RepetitionRange::AtLeast(least)) => least.saturating_add(1),
                RepetitionKind::Range(RepetitionRange::Bounded(_, most)) => *most,
            };
            // One that is repeated no times is compiled as well.
            let once = states(&repetition.ast).saturating_add(1);
            once.saturating_mul(u64::from(times.max(1)))
        }
        Ast::Group(group) => states(&group.ast).saturating_add(2),
        Ast::Alternation(alternation) => all(&alternation.asts),
        Ast::Concat(concat) => all(&concat.asts),
    }
}

fn states_of_class(set: &ClassSet) -> u64 {
    match set {
        ClassSet::Item(item) => states_of_item(item).max(RANGES_STATES),
        // Each side is worked out on its own.
        ClassSet::BinaryOp(operation) => {
            states_of_class(&operation.lhs).saturating_add(states_of_class(&operation.rhs))
        }
    }
}

fn states_of_item(item: &ClassSetItem) -> u64 {
    match item {
        ClassSetItem::Empty(_) => 0,
        ClassSetItem::Literal(literal) if literal.c.is_ascii() => 0,
        ClassSetItem::Literal(_) => CHARACTER_STATES,
        ClassSetItem::Range(range) if range.start.c.is_ascii() && range.end.c.is_ascii() => 0,
        // Without regard to case it may stand for many others.
        ClassSetItem::Range(_) | ClassSetItem::Unicode(_) | ClassSetItem::Perl(_) => UNICODE_CLASS_STATES,
        ClassSetItem::Ascii(_) => 0,
        ClassSetItem::Bracketed(class) => states_of_class(&class.kind),
        ClassSetItem::Union(union) => union
            .items
            .iter()
            .fold(0, |sum: u64, item| sum.saturating_add(states_of_item(item))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_expand_is_not_compiled() {
        for large in [
            r"(\pL{40}){1}",
            r"\pL{999}",
            r"(?:\p{L}{9}){9}",
            r"(?i)[\pL\pN]{30}",
            "(a{1000}){1000}",
            "((a{1,99}){1,99}){1,99}",
            "(.{100}|b){50}",
            "[^\\pL&&\\pN]{20}",
            "(é{500}){20,}",
            &r"\pL".repeat(100),
            &"[α-ω]".repeat(100),
            &"a".repeat(20_000),
        ] {
            assert_eq!(
                compile_whole(large).unwrap_err(),
                BadExpression::TooLarge,
                "{large}"
            );
        }
    }

    #[test]
    fn what_people_write_is_compiled() {
        for usual in [
            "orders.*",
            r"^(dev|test|prod)\.[a-z0-9_-]{1,200}\.v[0-9]+$",
            r"[\p{L}\p{N}_.-]+",
            "(?i)orders.{1,249}",
            "a{0}b",
            &["a".repeat(200).as_str(); 20].join("|"),
        ] {
            assert!(compile_whole(usual).is_ok(), "{usual}");
            assert!(compile(usual).is_ok(), "{usual}");
        }
    }

    #[test]
    fn what_is_no_expression_is_refused() {
        for bad in ["a)(b", "(", "[", r"\p{Nothing}", &"(".repeat(60)] {
            assert_eq!(compile_whole(bad).unwrap_err(), BadExpression::Invalid, "{bad}");
        }
        let nested = "(".repeat(60) + &")".repeat(60);
        assert_eq!(compile_whole(&nested).unwrap_err(), BadExpression::Invalid);
    }

    #[test]
    fn a_long_expression_is_quoted_in_part() {
        assert_eq!(quoted("a+"), "a+");
        let long = quoted(&"é".repeat(200_000));
        assert!(long.len() <= MAX_QUOTED_BYTES && long.ends_with("é..."), "{long}");
    }
}
