//! Rewrites an expression of RE2/J into one of the `regex` crate. The two differ in a few places only; what is wrong
//! in both is left for the compiler to say. It compiles nothing.

use std::iter::Peekable;
use std::str::Chars;

use super::NotRe2;

/// The most repetitions that RE2/J counts.
const MAX_REPEAT: u32 = 1000;

/// The expression in the syntax of the `regex` crate.
pub(super) fn translate(text: &str) -> Result<String, NotRe2> {
    let mut translation = Translation {
        rest: text.chars().peekable(),
        out: String::with_capacity(text.len()),
    };
    translation.outside_classes()?;
    Ok(translation.out)
}

struct Translation<'a> {
    rest: Peekable<Chars<'a>>,
    out: String,
}

/// Where an escape stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Outside,
    /// Between the brackets of a character class.
    Class,
}

impl Translation<'_> {
    fn outside_classes(&mut self) -> Result<(), NotRe2> {
        let mut after_repetition = false;
        while let Some(char) = self.rest.next() {
            let is_repetition = match char {
                '*' | '+' | '?' => {
                    self.out.push(char);
                    true
                }
                '{' => self.count()?,
                _ => {
                    self.plain(char)?;
                    false
                }
            };
            if is_repetition {
                // `a**` repeats nothing.
                if after_repetition {
                    return Err(NotRe2);
                }
                if let Some(lazy) = self.rest.next_if_eq(&'?') {
                    self.out.push(lazy);
                }
            }
            after_repetition = is_repetition;
        }
        Ok(())
    }

    fn plain(&mut self, char: char) -> Result<(), NotRe2> {
        match char {
            '\\' => self.escape(Place::Outside),
            '[' => self.class(),
            '(' => self.group(),
            // Only special where one was opened.
            ']' | '}' => {
                self.literal(char);
                Ok(())
            }
            _ => {
                self.out.push(char);
                Ok(())
            }
        }
    }

    fn literal(&mut self, char: char) {
        self.out.push_str(&regex::escape(char.encode_utf8(&mut [0; 4])));
    }

    /// A brace: `{2}`, `{2,}`, `{2,3}`, or else it stands for itself.
    fn count(&mut self) -> Result<bool, NotRe2> {
        let ahead: String = self.rest.clone().take_while(|char| *char != '}').collect();
        let is_closed = self.rest.clone().nth(ahead.chars().count()) == Some('}');
        let (min, max) = match ahead.split_once(',') {
            None => (ahead.as_str(), Some(ahead.as_str())),
            Some((min, "")) => (min, None),
            Some((min, max)) => (min, Some(max)),
        };
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !(is_closed && is_number(min) && max.is_none_or(is_number)) {
            self.literal('{');
            return Ok(false);
        }
        let number = |text: &str| text.parse().ok().filter(|number| *number <= MAX_REPEAT);
        let least: u32 = number(min).ok_or(NotRe2)?;
        let most = max.map(|max| number(max).ok_or(NotRe2)).transpose()?;
        if most.is_some_and(|most| most < least) {
            return Err(NotRe2);
        }
        self.out.push('{');
        self.out.extend(self.rest.by_ref().take(ahead.len() + 1));
        Ok(true)
    }

    /// A group: of what follows a question mark RE2/J knows names, and the flags i, m, s and U.
    fn group(&mut self) -> Result<(), NotRe2> {
        self.out.push('(');
        let Some(mark) = self.rest.next_if_eq(&'?') else {
            return Ok(());
        };
        self.out.push(mark);
        for char in self.rest.by_ref() {
            self.out.push(char);
            match char {
                ':' | ')' | '<' => return Ok(()),
                'i' | 'm' | 's' | 'U' | '-' | 'P' => {}
                _ => return Err(NotRe2),
            }
        }
        Err(NotRe2)
    }

    fn class(&mut self) -> Result<(), NotRe2> {
        self.out.push('[');
        if let Some(not) = self.rest.next_if_eq(&'^') {
            self.out.push(not);
        }
        if let Some(bracket) = self.rest.next_if_eq(&']') {
            self.literal(bracket);
        }
        while let Some(char) = self.rest.next() {
            match char {
                ']' => {
                    self.out.push(char);
                    return Ok(());
                }
                '\\' => self.escape(Place::Class)?,
                '[' if self.rest.peek() == Some(&':') => self.named_class(),
                // Brackets do not nest, and there are no operators.
                '[' | '&' | '~' => self.literal(char),
                '-' if self.rest.peek() == Some(&'-') => return Err(NotRe2),
                _ => self.out.push(char),
            }
        }
        Err(NotRe2)
    }

    /// `[:alpha:]`, or a bracket that stands for itself.
    fn named_class(&mut self) {
        let name: String = self
            .rest
            .clone()
            .skip(1)
            .take_while(|char| *char != ':')
            .collect();
        let end = self.rest.clone().nth(name.chars().count() + 2);
        if end == Some(']') {
            self.out.push('[');
            self.out.extend(self.rest.by_ref().take(name.chars().count() + 3));
        } else {
            self.literal('[');
        }
    }

    fn escape(&mut self, place: Place) -> Result<(), NotRe2> {
        let char = self.rest.next().ok_or(NotRe2)?;
        match (char, place) {
            ('Q', Place::Outside) => self.quotation(),
            ('d' | 'D' | 'w' | 'W' | 's' | 'S', _) => self.ascii_class(char, place),
            ('b' | 'B', Place::Outside) => self.out.extend(["(?-u:\\", &char.to_string(), ")"]),
            ('A' | 'z', Place::Outside) | ('p' | 'P' | 'x' | 'a' | 'f' | 'n' | 'r' | 't' | 'v', _) => {
                self.out.extend(['\\', char]);
                if let Some(brace) = self.rest.next_if_eq(&'{') {
                    self.name_in_braces(brace)?;
                }
            }
            _ if char.is_ascii_punctuation() => self.literal(char),
            _ => return Err(NotRe2),
        }
        Ok(())
    }

    /// The name after `\p` or `\x`.
    fn name_in_braces(&mut self, brace: char) -> Result<(), NotRe2> {
        self.out.push(brace);
        for char in self.rest.by_ref() {
            self.out.push(char);
            if char == '}' {
                return Ok(());
            }
        }
        Err(NotRe2)
    }

    /// Everything up to `\E`, or to the end, stands for itself.
    fn quotation(&mut self) {
        while let Some(char) = self.rest.next() {
            if char == '\\' && self.rest.next_if_eq(&'E').is_some() {
                return;
            }
            self.literal(char);
        }
    }

    /// RE2/J means ASCII.
    fn ascii_class(&mut self, char: char, place: Place) {
        let members = match char.to_ascii_lowercase() {
            'd' => "0-9",
            'w' => "0-9A-Za-z_",
            _ => r"\t\n\f\r ",
        };
        let (open, close) = match (char.is_ascii_uppercase(), place) {
            (true, _) => ("[^", "]"),
            (false, Place::Outside) => ("[", "]"),
            (false, Place::Class) => ("", ""),
        };
        self.out.extend([open, members, close]);
    }
}
