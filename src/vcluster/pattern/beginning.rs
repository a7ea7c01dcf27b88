//! How the names begin that an expression matches, and the expression for the same names behind a prefix. What is not
//! certain is left: then there is none.

/// The text between a prefix and the expression of what follows.
const OPEN: &str = "(?:";
const CLOSE: &str = ")";
const ANYTHING: &str = ".*";

/// Characters that mean themselves outside of classes.
fn is_literal(char: char) -> bool {
    char.is_ascii_alphanumeric() || matches!(char, '-' | '_')
}

/// The beginning of every name that the expression matches.
pub fn beginning(text: &str) -> String {
    // One that offers a choice may begin in several ways.
    if text.contains('|') {
        return String::new();
    }
    let mut literal = String::new();
    let mut rest = text.strip_prefix('^').unwrap_or(text).chars().peekable();
    while let Some(char) = rest.next() {
        let next = match char {
            '\\' if rest.peek() == Some(&'.') => rest.next(),
            char if is_literal(char) => Some(char),
            _ => None,
        };
        let Some(next) = next else { break };
        if matches!(rest.peek(), Some('*' | '?' | '+' | '{')) {
            break;
        }
        literal.push(next);
    }
    literal
}

/// Whether the expression matches every name that begins with its [`beginning`].
pub fn is_all_that_begins_so(text: &str) -> bool {
    let literal = unanchored(text).strip_suffix(ANYTHING);
    literal.is_some_and(|literal| literal.replace(r"\.", ".") == beginning(literal))
}

/// The expression that matches every name that begins with one of these, which are beginnings of topics' names.
pub fn all_that_begin<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let all = names.into_iter().map(|name| escaped(name) + ANYTHING);
    let mut all: Vec<String> = all.collect();
    match all.len() {
        1 => all.remove(0),
        _ => [OPEN, &all.join("|"), CLOSE].concat(),
    }
}

/// The expression that matches what `text` matches, with `prefix` before it. `prefix` is the beginning of a topic's name.
pub fn behind(prefix: &str, text: &str) -> Option<String> {
    let inner = unanchored(text);
    is_simple(inner).then(|| [&head(prefix), inner, CLOSE].concat())
}

/// The expression that [`behind`] put behind the prefix.
pub fn from_behind<'a>(prefix: &str, text: &'a str) -> Option<&'a str> {
    text.strip_prefix(head(prefix).as_str())?.strip_suffix(CLOSE)
}

fn head(prefix: &str) -> String {
    escaped(prefix) + OPEN
}

/// The expression of a part of a topic's name.
fn escaped(name: &str) -> String {
    name.replace('.', r"\.")
}

/// All of a name must match anyway.
fn unanchored(text: &str) -> &str {
    if text.contains('|') || text.ends_with(r"\$") {
        return text;
    }
    let text = text.strip_prefix('^').unwrap_or(text);
    text.strip_suffix('$').unwrap_or(text)
}

/// Whether the expression means the same inside of another: nothing in it looks at where a name begins or ends, quotes
/// what follows, or changes how it is read.
fn is_simple(text: &str) -> bool {
    let mut chars = text.chars().peekable();
    let mut before = None;
    while let Some(char) = chars.next() {
        let is_simple = match char {
            '$' => false,
            '^' => before == Some('['),
            '\\' => match chars.next() {
                Some(escaped) => {
                    matches!(escaped, 'd' | 'D' | 'w' | 'W' | 's' | 'S') || escaped.is_ascii_punctuation()
                }
                None => false,
            },
            '(' if chars.peek() == Some(&'?') => {
                chars.next();
                chars.peek() == Some(&':')
            }
            _ => true,
        };
        if !is_simple {
            return false;
        }
        before = Some(char);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::super::Pattern;
    use super::*;

    #[test]
    fn names_begin_with_what_is_certain() {
        for (text, expected) in [
            ("orders", "orders"),
            ("^orders-.*$", "orders-"),
            (r"eu\.orders\..+", "eu.orders."),
            ("orders?", "order"),
            ("orders{2}", "order"),
            ("ab*", "a"),
            (".*", ""),
            ("a|b", ""),
            ("(orders)", ""),
            ("[a]b", ""),
            (r"a\d", "a"),
            ("a.b", "a"),
            ("(?i)orders", ""),
            ("", ""),
        ] {
            assert_eq!(beginning(text), expected, "{text}");
            let pattern = Pattern::compile(text).unwrap();
            for name in [
                "orders",
                "orders-1",
                "order",
                "a",
                "b",
                "ab",
                "eu.orders.x",
                "a7",
                "ORDERS",
            ] {
                assert!(
                    !pattern.matches(name) || name.starts_with(expected),
                    "{text} {name}"
                );
            }
        }
    }

    #[test]
    fn all_that_begins_so_is_known_and_said() {
        for text in [".*", "^.*$", "orders-.*", r"^eu\.orders.*"] {
            assert!(is_all_that_begins_so(text), "{text}");
        }
        for text in [
            "", ".+", "orders", "ab*.*", "a.b.*", "(a).*", "a|.*", r"a\\.*", "[a].*", "a.*b.*", r"a\.*",
        ] {
            assert!(!is_all_that_begins_so(text), "{text}");
        }
        let names = ["orders-1", "eu.x", "eu_x", "bills", "orders"];
        for (beginnings, expected) in [
            (vec!["eu."], vec!["eu.x"]),
            (vec!["eu.", "orders-"], vec!["orders-1", "eu.x"]),
            (vec![""], names.to_vec()),
        ] {
            let text = all_that_begin(beginnings.iter().copied());
            for text in [text.clone(), behind("dev-", &text).unwrap()] {
                let pattern = Pattern::compile(&text).unwrap();
                let prefix = if text.starts_with("dev-") { "dev-" } else { "" };
                let matched: Vec<&str> = names
                    .into_iter()
                    .filter(|name| pattern.matches(&format!("{prefix}{name}")))
                    .collect();
                assert_eq!(matched, expected, "{text}");
            }
        }
    }

    #[test]
    fn an_expression_behind_a_prefix_matches_the_same_names_behind_it() {
        let names = ["orders", "orders-1", "app", "apple", "b.c", "bxc", "x$", "A"];
        for text in [
            "orders.*",
            "^app$",
            "app|apple",
            "^b|c$",
            r"b\.c",
            "(?:a|A).*",
            "[^a].*",
            "[a-z]+",
            "x.",
            r"\w+",
        ] {
            let Some(physical) = behind("dev.1-", text) else {
                assert_eq!(text, "^b|c$", "only this one cannot be put behind something");
                continue;
            };
            let (there, here) = (
                Pattern::compile(&physical).unwrap(),
                Pattern::compile(text).unwrap(),
            );
            for name in names {
                let whole = format!("dev.1-{name}");
                assert_eq!(there.matches(&whole), here.matches(name), "{text} {name}");
                assert!(
                    !there.matches(name) && !there.matches(&format!("dev:1-{name}")),
                    "{text} {name}"
                );
            }
            assert_eq!(from_behind("dev.1-", &physical), Some(unanchored(text)));
            assert_eq!(from_behind("dev.2-", &physical), None);
        }
    }

    #[test]
    fn what_would_mean_something_else_is_not_put_behind_a_prefix() {
        for text in [
            r"\Qa", "a$b", "a^b", "(?i)a", "(?s)a", r"\Aa", r"a\z", r"\ba", "(?P<n>a)", r"a\", "(^a)",
        ] {
            assert_eq!(behind("dev-", text), None, "{text}");
        }
    }
}
