//! Regular expressions of clients over topics and transactional ids, as brokers understand them: the syntax of RE2/J,
//! matched against a whole name. Brokers cannot evaluate them for a virtual cluster, because they know its names in
//! another form. It knows no messages.

pub mod beginning;
mod translate;

use regex::Regex;

use crate::regexp::{self, BadExpression};

/// The longest expression.
const MAX_PATTERN_BYTES: usize = 4 << 10;

/// Which names are meant.
#[derive(Debug)]
pub struct Pattern(Names);

#[derive(Debug)]
enum Names {
    /// Those that an expression matches.
    Matching(Box<Regex>),
    /// Those that begin with one of these.
    Beginning(Vec<String>),
}

/// The text is no expression of RE2/J.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct NotRe2;

/// Why there is no [`Pattern`] of an expression that a client sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoPattern {
    /// It is none, or too large.
    Bad(BadExpression),
    /// Too many are being compiled: later there may be one.
    Busy,
}

/// The result of compiling an expression.
pub type Compiled = Result<std::sync::Arc<Pattern>, NoPattern>;

impl Pattern {
    /// Compiles an expression. It takes some milliseconds at worst: too long for a thread that serves others.
    pub fn compile(text: &str) -> Result<Self, BadExpression> {
        Self::check_length(text)?;
        let translated = translate::translate(text).map_err(|NotRe2| BadExpression::Invalid)?;
        let regex = regexp::compile_whole(&translated)?;
        Ok(Self(Names::Matching(Box::new(regex))))
    }

    /// Whether the text is too long to be looked at.
    pub fn check_length(text: &str) -> Result<(), BadExpression> {
        match text.len() <= MAX_PATTERN_BYTES {
            true => Ok(()),
            false => Err(BadExpression::TooLarge),
        }
    }

    /// The expression of all names that [`beginning::all_that_begin`] gives these beginnings of.
    pub fn of_beginnings(beginnings: Vec<String>) -> Self {
        Self(Names::Beginning(beginnings))
    }

    /// Whether all of `name` is meant.
    pub fn matches(&self, name: &str) -> bool {
        match &self.0 {
            Names::Matching(regex) => regex.is_match(name),
            Names::Beginning(beginnings) => beginnings
                .iter()
                .any(|beginning| name.starts_with(beginning.as_str())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which of the names an expression matches; `None` when it is none.
    fn matched<'a>(text: &str, names: &[&'a str]) -> Option<Vec<&'a str>> {
        let pattern = Pattern::compile(text).ok()?;
        Some(
            names
                .iter()
                .copied()
                .filter(|name| pattern.matches(name))
                .collect(),
        )
    }

    #[test]
    fn all_of_a_name_must_match() {
        let names = ["app", "app-1", "my-app", "apple"];
        assert_eq!(matched("app", &names).unwrap(), ["app"]);
        assert_eq!(matched("app.*", &names).unwrap(), ["app", "app-1", "apple"]);
        assert_eq!(matched("^app$", &names).unwrap(), ["app"]);
        assert_eq!(matched("app|apple", &names).unwrap(), ["app", "apple"]);
        assert_eq!(matched("(?i)APP-[0-9]", &names).unwrap(), ["app-1"]);
        assert!(matched("b", &names).unwrap().is_empty());
    }

    #[test]
    fn what_re2j_reads_otherwise_is_translated() {
        assert_eq!(matched(r"\Qa.b\E.", &["a.bc", "axbc"]).unwrap(), ["a.bc"]);
        assert_eq!(matched(r"\Qa.b", &["a.b", "axb"]).unwrap(), ["a.b"], "to the end");
        assert_eq!(matched("a{b", &["a{b"]).unwrap(), ["a{b"]);
        assert_eq!(matched("a{,2}", &["a{,2}", "aa"]).unwrap(), ["a{,2}"]);
        assert_eq!(matched("a}]", &["a}]"]).unwrap(), ["a}]"]);
        assert_eq!(matched("[a[b]", &["a", "[", "b", "c"]).unwrap(), ["a", "[", "b"]);
        assert_eq!(
            matched("[a&&[b]", &["a", "&", "b", "[", "c"]).unwrap(),
            ["a", "&", "b", "["]
        );
        assert_eq!(matched("[]a]", &["]", "a"]).unwrap(), ["]", "a"]);
        assert_eq!(matched("[^]a]", &["]", "b"]).unwrap(), ["b"]);
        assert_eq!(matched(r"\d", &["1", "٣"]).unwrap(), ["1"], "ASCII only");
        assert_eq!(matched(r"[\w\-]+", &["a-1", "é"]).unwrap(), ["a-1"]);
        assert_eq!(matched(r"[^\D]+", &["12", "a"]).unwrap(), ["12"]);
        assert_eq!(matched(r"\<a\>", &["<a>", "a"]).unwrap(), ["<a>"]);
        assert_eq!(matched(r"a\b.b", &["a.b", "acb"]).unwrap(), ["a.b"]);
        assert_eq!(matched("[[:alpha:]]+", &["ab", "1"]).unwrap(), ["ab"]);
        assert_eq!(
            matched("a{2,3}?b", &["ab", "aab", "aaab"]).unwrap(),
            ["aab", "aaab"]
        );
        assert_eq!(
            matched(r"(?P<n>\pL)(?<m>\p{Greek})", &["aα", "ab"]).unwrap(),
            ["aα"]
        );
    }

    #[test]
    fn what_is_none_to_re2j_is_none() {
        for bad in [
            "(?x)a",
            "(?R)a",
            "a)(b",
            "(",
            r"\Z",
            r"\C",
            r"\h",
            r"\e",
            r"\1",
            "a**",
            "a++",
            "a{2}{3}",
            "*a",
            "x{2,1}",
            r"\d{1001}",
            "[a--b]",
            "[a",
            r"[\Qa\E]",
            "a\\",
            "(?:",
            r"\p{Nothing}",
            "(?=a)",
        ] {
            assert_eq!(matched(bad, &[]), None, "{bad}");
        }
        let nested = "(".repeat(100) + &")".repeat(100);
        for large in ["(a{1000}){1000}", &nested, &"a".repeat(5000)] {
            assert_eq!(matched(large, &[]), None, "{large}");
        }
    }

    #[test]
    fn no_expression_takes_exponential_time() {
        let name = "a".repeat(249);
        assert!(matched("(a*)*(a*)*(a*)*b", &[&name]).unwrap().is_empty());
    }
}
