//! Regular expressions of clients over topics and transactional ids, as brokers understand them: the syntax of RE2/J, matched against a whole name. Brokers
//! cannot evaluate them for a virtual cluster, because they know its names in another form. It knows no messages.

pub mod beginning;
mod translate;

use regex::{Regex, RegexBuilder};

/// The longest expression.
const MAX_PATTERN_BYTES: usize = 4 << 10;
/// How deep groups may be nested.
const MAX_NESTING: u32 = 50;
/// The most memory that a compiled expression may take. It also bounds the time that compiling takes.
const MAX_COMPILED_BYTES: usize = 1 << 20;

/// A compiled expression.
#[derive(Debug)]
pub struct Pattern(Regex);

/// The text is no expression of RE2/J, or exceeds the limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the regular expression is not valid")]
pub struct BadPattern;

impl Pattern {
    /// Compiles an expression.
    pub fn compile(text: &str) -> Result<Self, BadPattern> {
        if text.len() > MAX_PATTERN_BYTES {
            return Err(BadPattern);
        }
        let translated = translate::translate(text)?;
        // On its own first: its parentheses must be balanced before it is put between others.
        compiled(&translated)?;
        compiled(&format!(r"\A(?:{translated})\z")).map(Self)
    }

    /// Whether the expression matches all of `name`.
    pub fn matches(&self, name: &str) -> bool {
        self.0.is_match(name)
    }
}

fn compiled(text: &str) -> Result<Regex, BadPattern> {
    RegexBuilder::new(text)
        .size_limit(MAX_COMPILED_BYTES)
        .nest_limit(MAX_NESTING)
        .build()
        .map_err(|_| BadPattern)
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
