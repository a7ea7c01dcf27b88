//! Regular expressions over topic names, as members of groups subscribe with (KIP-848). They are matched here, because
//! the broker would match them against physical names. Knows no messages and no rights.

use regex_lite::{Regex, RegexBuilder, escape};

/// The longest expression.
const MAX_PATTERN_BYTES: usize = 4 << 10;
/// The most memory of a compiled expression. Matching takes time in proportion to it and to the length of a name.
const MAX_COMPILED_BYTES: usize = 64 << 10;
/// How deep groups may be nested.
const MAX_NESTING: u32 = 50;

/// A compiled expression. It must match a whole name.
#[derive(Debug)]
pub struct TopicPattern(Regex);

/// The expression is none, or exceeds the limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a regular expression that can be used")]
pub struct InvalidPattern;

impl TopicPattern {
    /// Compiles an expression in the syntax of RE2, without the classes of Unicode: topic names are ASCII.
    pub fn compile(pattern: &str) -> Result<Self, InvalidPattern> {
        if pattern.len() > MAX_PATTERN_BYTES {
            return Err(InvalidPattern);
        }
        let pattern = unquoted(pattern);
        // On its own first, so that its parentheses cannot close the one around it.
        build(&pattern)?;
        Ok(Self(build(&format!(r"\A(?:{pattern})\z"))?))
    }

    /// Whether the whole name matches.
    pub fn matches(&self, topic: &str) -> bool {
        self.0.is_match(topic)
    }
}

fn build(pattern: &str) -> Result<Regex, InvalidPattern> {
    RegexBuilder::new(pattern)
        .size_limit(MAX_COMPILED_BYTES)
        .nest_limit(MAX_NESTING)
        .build()
        .map_err(|_| InvalidPattern)
}

/// Resolves `\Q…\E`, which Java's `Pattern.quote` makes.
fn unquoted(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some(at) = rest.find('\\') {
        let (before, escaped) = rest.split_at(at);
        out.push_str(before);
        if let Some(quoted) = escaped.strip_prefix(r"\Q") {
            let (literal, after) = quoted.split_once(r"\E").unwrap_or((quoted, ""));
            out.push_str(&escape(literal));
            rest = after;
        } else {
            let end = escaped
                .char_indices()
                .nth(2)
                .map_or(escaped.len(), |(end, _)| end);
            let (pair, after) = escaped.split_at(end);
            out.push_str(pair);
            rest = after;
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, topic: &str) -> bool {
        TopicPattern::compile(pattern).unwrap().matches(topic)
    }

    #[test]
    fn the_whole_name_must_match() {
        assert!(matches("order.*", "orders"));
        assert!(!matches("order", "orders"));
        assert!(!matches("rders", "orders"));
        assert!(matches("a|b", "b") && !matches("a|b", "ab"));
        assert!(matches("(?i)ORDERS", "orders"));
    }

    #[test]
    fn quoted_text_is_literal() {
        assert!(matches(r"\Qa.b\E", "a.b") && !matches(r"\Qa.b\E", "axb"));
        assert!(matches(r"\Qa.b", "a.b"));
        assert!(matches(r"x\.\Q.\E.", "x..y"));
        assert!(!matches(r"\\Q.*", "anything"), "an escaped backslash before a Q");
    }

    #[test]
    fn what_is_no_expression_or_too_much_is_refused() {
        let nested = "(".repeat(100) + &")".repeat(100);
        for pattern in [
            "[",
            "(",
            ")(",
            "a)|(b",
            "*",
            r"\",
            "(?:a{1000}){1000}",
            &nested,
            &"a".repeat(5000),
        ] {
            assert!(TopicPattern::compile(pattern).is_err(), "{pattern}");
        }
    }

    #[test]
    fn no_expression_takes_exponential_time() {
        assert!(!matches("(a*)*(a*)*(a*)*b", &"a".repeat(249)));
    }
}
