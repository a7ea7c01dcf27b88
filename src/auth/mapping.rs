//! From the subject of a client's certificate to the name of a principal: Kafka's `ssl.principal.mapping.rules`. Pure.
//!
//! Rules are separated by commas: `DEFAULT` is the subject as it is, `RULE:pattern/replacement/` replaces in a subject
//! that matches as a whole, with `L` or `U` at its end in lower or upper case. A slash in a rule is written `\/`. The
//! first rule that applies names the principal. Patterns are regular expressions of the `regex` crate: they take time
//! in the length of the subject, and know no back references and no looking around.

use regex::{Captures, Regex};

use crate::regexp;

/// The longest text of rules, in bytes.
const MAX_RULES_BYTES: usize = 8 << 10;

/// The longest name of a principal, in bytes.
const MAX_NAME_BYTES: usize = 4096;

/// Rules, in order.
#[derive(Debug, Clone)]
pub struct MappingRules(Vec<CompiledRule>);

/// Why a text holds no rules.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRules {
    #[error("the mapping rules are empty; DEFAULT takes the subject as it is")]
    Empty,
    #[error("the mapping rules are longer than {MAX_RULES_BYTES} bytes")]
    TooLong,
    #[error(
        "{0:?} is not a mapping rule: the forms are DEFAULT and RULE:pattern/replacement/, optionally followed by L or U"
    )]
    Form(String),
    #[error(
        "the pattern {0:?} of a mapping rule is not a valid regular expression, or its repetitions make it too large"
    )]
    Pattern(String),
    #[error(
        "the replacement {0:?} of a mapping rule is invalid: groups are written $1 to $9, and a backslash escapes the next character"
    )]
    Replacement(String),
}

#[derive(Debug, Clone)]
enum CompiledRule {
    Default,
    Replace {
        /// The subject as a whole.
        whole: Regex,
        /// Its parts, which are replaced.
        part: Regex,
        replacement: Vec<Piece>,
        case: Case,
    },
}

/// A part of a replacement.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Group(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Case {
    Kept,
    Lower,
    Upper,
}

impl MappingRules {
    /// Parses rules.
    ///
    /// # Errors
    /// Kafka's parser would refuse the rules, or the `regex` crate does not take a pattern.
    pub fn parse(text: &str) -> Result<Self, InvalidRules> {
        if text.len() > MAX_RULES_BYTES {
            return Err(InvalidRules::TooLong);
        }
        let mut rules = Vec::new();
        let mut rest = text.trim();
        while !rest.is_empty() {
            let (rule, after) = match rest.strip_prefix("RULE:") {
                Some(parts) => replacing(rest, parts)?,
                None => plain(rest)?,
            };
            rules.extend(rule);
            rest = after.trim_start();
        }
        match rules.is_empty() {
            true => Err(InvalidRules::Empty),
            false => Ok(Self(rules)),
        }
    }

    /// The name that the first rule that applies gives; none when no rule applies, or the name would be empty or too
    /// long.
    pub fn map(&self, subject: &str) -> Option<String> {
        let mapped = self.0.iter().find_map(|rule| rule.apply(subject))?;
        (1..=MAX_NAME_BYTES).contains(&mapped.len()).then_some(mapped)
    }
}

/// A rule without parts, and what follows its comma. Nothing between commas is no rule.
fn plain(text: &str) -> Result<(Option<CompiledRule>, &str), InvalidRules> {
    let (rule, rest) = text.split_once(',').unwrap_or((text, ""));
    match rule.trim_end() {
        "DEFAULT" => Ok((Some(CompiledRule::Default), rest)),
        "" => Ok((None, rest)),
        other => Err(InvalidRules::Form(regexp::quoted(other))),
    }
}

/// A rule that begins with `RULE:`, of which `parts` is the rest; and what follows its comma.
fn replacing<'a>(text: &str, parts: &'a str) -> Result<(Option<CompiledRule>, &'a str), InvalidRules> {
    let malformed = || InvalidRules::Form(text.chars().take(100).collect());
    let (pattern, rest) = part(parts).ok_or_else(malformed)?;
    let (replacement, rest) = part(rest).ok_or_else(malformed)?;
    let (case, rest) = match rest.as_bytes().first() {
        Some(b'L') => (Case::Lower, &rest[1..]),
        Some(b'U') => (Case::Upper, &rest[1..]),
        _ => (Case::Kept, rest),
    };
    let rest = match rest.trim_start() {
        "" => "",
        rest => rest.strip_prefix(',').ok_or_else(malformed)?,
    };
    let bad = |_| InvalidRules::Pattern(regexp::quoted(pattern));
    let part = regexp::compile(pattern).map_err(bad)?;
    let whole = regexp::compile_whole(pattern).map_err(bad)?;
    let replacement = pieces(replacement, part.captures_len() - 1)
        .ok_or_else(|| InvalidRules::Replacement(regexp::quoted(replacement)))?;
    let rule = CompiledRule::Replace {
        whole,
        part,
        replacement,
        case,
    };
    Ok((Some(rule), rest))
}

/// The text before the next slash that has no backslash before it, and the text after it.
fn part(text: &str) -> Option<(&str, &str)> {
    let mut is_escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '/' => return Some((&text[..at], &text[at + 1..])),
            _ => {}
        }
    }
    None
}

/// A replacement as Kafka has Java read it: `$` and the number of a group, of which only as many digits count as name a
/// group; a number without a group is text.
fn pieces(text: &str, groups: usize) -> Option<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            '\\' => plain.push(rest.next()?),
            '$' => {
                let mut digits = rest.clone();
                let mut number = digits.next()?.to_digit(10)? as usize;
                match (number > groups, groups) {
                    // Java finds out at the first login.
                    (true, 0) => return None,
                    (true, _) => {
                        plain.push('$');
                        continue;
                    }
                    (false, _) => {}
                }
                rest = digits;
                while let Some(digit) = rest.clone().next().and_then(|c| c.to_digit(10)) {
                    let longer = number * 10 + digit as usize;
                    if longer > groups {
                        break;
                    }
                    number = longer;
                    rest.next();
                }
                if !plain.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut plain)));
                }
                pieces.push(Piece::Group(number));
            }
            c => plain.push(c),
        }
    }
    if !plain.is_empty() {
        pieces.push(Piece::Text(plain));
    }
    Some(pieces)
}

impl CompiledRule {
    fn apply(&self, subject: &str) -> Option<String> {
        match self {
            Self::Default => Some(subject.to_owned()),
            Self::Replace {
                whole,
                part,
                replacement,
                case,
            } => {
                if !whole.is_match(subject) {
                    return None;
                }
                let mapped = replace_all(subject, part, replacement);
                Some(match case {
                    Case::Kept => mapped,
                    Case::Lower => mapped.to_lowercase(),
                    Case::Upper => mapped.to_uppercase(),
                })
            }
        }
    }
}

/// Replaces every match as Java does: also an empty one right behind another.
fn replace_all(subject: &str, part: &Regex, replacement: &[Piece]) -> String {
    let mut mapped = String::new();
    let (mut from, mut copied) = (0, 0);
    while from <= subject.len() {
        let Some(found) = part.captures_at(subject, from) else {
            break;
        };
        let Some(range) = found.get(0).map(|whole| whole.range()) else {
            break;
        };
        mapped.push_str(&subject[copied..range.start]);
        append(&mut mapped, replacement, &found);
        copied = range.end;
        from = match range.is_empty() {
            // The next one begins a character later.
            true => range.end + subject[range.end..].chars().next().map_or(1, char::len_utf8),
            false => range.end,
        };
    }
    mapped.push_str(&subject[copied..]);
    mapped
}

fn append(mapped: &mut String, replacement: &[Piece], found: &Captures<'_>) {
    for piece in replacement {
        match piece {
            Piece::Text(text) => mapped.push_str(text),
            Piece::Group(number) => mapped.push_str(found.get(*number).map_or("", |group| group.as_str())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks the name that the rules map the subject to, or why they are refused.
    fn check(rules: &str, subject: &str, expected: Option<&str>) {
        let rules = MappingRules::parse(rules).unwrap_or_else(|error| panic!("{rules}: {error}"));
        assert_eq!(rules.map(subject).as_deref(), expected, "{rules:?} on {subject}");
    }

    const SUBJECT: &str = "CN=Duke,OU=ServiceUsers,O=Org,C=US";

    #[test]
    fn the_first_rule_that_applies_names_the_principal() {
        let rules = r"RULE:^CN=(.*?),OU=ServiceUsers.*$/$1/L, RULE:^CN=(.*?),OU=(.*?),O=(.*?),L=(.*?),ST=(.*?),C=(.*?)$/$1@$2/U , RULE:^.*[Cc][Nn]=([a-zA-Z0-9.]*).*$/$1/, DEFAULT";
        check(rules, SUBJECT, Some("duke"));
        check(
            rules,
            "CN=duke,OU=SME,O=mycp,L=Fulton,ST=MD,C=US",
            Some("DUKE@SME"),
        );
        check(rules, "OU=JavaSoft,O=Sun,cn=duke.x,C=US", Some("duke.x"));
        check(rules, "O=Sun", Some("O=Sun"));
        check("DEFAULT", SUBJECT, Some(SUBJECT));
        check("RULE:^CN=(.*?),OU=Others.*$/$1/", SUBJECT, None);
    }

    /// Each was run through Kafka 4.3.1's SslPrincipalMapper.
    #[test]
    fn replacements_are_those_of_java() {
        check("RULE:.*/x/", "abc", Some("xx"));
        check("RULE:^.*$/x/", "abc", Some("x"));
        check("RULE:[a-z]/<$0>/", "b", Some("<b>"));
        check("RULE:(a|b)*/$1/", "ab", Some("b"));
        check(r"RULE:^CN=(.*?)$/$1@$4/", "CN=a", Some("a@$4"));
        check(r"RULE:^CN=(.*?)$/$12/", "CN=a", Some("a2"));
        check(r"RULE:^CN=([^\/]*)\/(.*)$/$1-$2\/x/", "CN=a/b", Some("a-b/x"));
        check(r"RULE:^CN=(.*)$/\$1\\/", "CN=a", Some(r"$1\"));
        check("RULE:^CN=(.*)$//", "CN=a", None);
        check(",DEFAULT,,", "CN=a", Some("CN=a"));
        check("RULE:^CN=(.*),O=x$/$1/L  ,DEFAULT", "CN=É,O=x", Some("é"));
    }

    #[test]
    fn what_is_no_rule_is_refused() {
        for rules in [
            "",
            " ",
            ",,",
            "default",
            "DEFAULTS",
            "RULE:",
            "RULE:a/b",
            "RULE:a",
            "RULE:a/b/X",
            "RULE:a/b/LU",
            "RULE:a/b/L DEFAULT",
            "DEFAULT RULE:a/b/",
            "RULE:a/b/c/d/",
        ] {
            assert!(
                matches!(
                    MappingRules::parse(rules),
                    Err(InvalidRules::Form(_) | InvalidRules::Empty)
                ),
                "{rules}"
            );
        }
        for rules in ["RULE:(/b/", "RULE:(?=a)b/c/", r"RULE:(a)\1/c/", "RULE:a)(b/c/"] {
            assert!(
                matches!(MappingRules::parse(rules), Err(InvalidRules::Pattern(_))),
                "{rules}"
            );
        }
        for rules in ["RULE:(a)/$/", "RULE:(a)/$x/", "RULE:a/$1/"] {
            assert!(
                matches!(MappingRules::parse(rules), Err(InvalidRules::Replacement(_))),
                "{rules}"
            );
        }
        assert_eq!(
            MappingRules::parse(&"a".repeat(9000)).unwrap_err(),
            InvalidRules::TooLong
        );
    }
}
