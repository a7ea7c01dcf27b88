//! From the text of an expression to its tokens.

use super::ExpressionError;

/// The smallest parts of an expression.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Name(String),
    Text(String),
    Int(i64),
    Double(f64),
    /// An operator or a bracket.
    Sign(&'static str),
    End,
}

/// Operators and brackets, those of two characters first.
const SIGNS: [&str; 24] = [
    "&&", "||", "==", "!=", "<=", ">=", "<", ">", "!", "+", "-", "*", "/", "%", "?", ":", ".", ",", "(", ")",
    "[", "]", "{", "}",
];

/// Reads one token after the other.
#[derive(Debug, Clone)]
pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    /// Reads from a place of the text.
    pub(super) fn new(text: &'a str, at: usize) -> Self {
        Self { text, at }
    }

    /// The next token and where it begins.
    pub(super) fn next(&mut self) -> Result<(usize, Token), ExpressionError> {
        self.skip_blanks();
        let at = self.at;
        let rest = &self.text[at..];
        let Some(first) = rest.chars().next() else {
            return Ok((at, Token::End));
        };
        let is_raw = rest.starts_with("r'") || rest.starts_with("r\"");
        let token = if matches!(first, '\'' | '"') || is_raw {
            self.quoted(is_raw)?
        } else if first.is_ascii_digit() {
            self.number()?
        } else if first.is_ascii_alphabetic() || first == '_' {
            let end = rest
                .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                .unwrap_or(rest.len());
            self.at += end;
            Token::Name(rest[..end].to_owned())
        } else {
            let sign = SIGNS.into_iter().find(|sign| rest.starts_with(sign));
            let sign = sign.ok_or(ExpressionError::Character { at, character: first })?;
            self.at += sign.len();
            Token::Sign(sign)
        };
        Ok((at, token))
    }

    fn skip_blanks(&mut self) {
        loop {
            let rest = &self.text[self.at..];
            let blanks = rest.len() - rest.trim_ascii_start().len();
            self.at += blanks;
            if !self.text[self.at..].starts_with("//") {
                return;
            }
            let line = &self.text[self.at..];
            self.at += line.find('\n').unwrap_or(line.len());
        }
    }

    fn quoted(&mut self, is_raw: bool) -> Result<Token, ExpressionError> {
        let at = self.at;
        let broken = ExpressionError::Text { at };
        let mut chars = self.text[at + usize::from(is_raw)..].char_indices();
        let Some((_, quote)) = chars.next() else {
            return Err(broken);
        };
        let mut text = String::new();
        while let Some((offset, c)) = chars.next() {
            match c {
                c if c == quote => {
                    self.at = at + usize::from(is_raw) + offset + 1;
                    return Ok(Token::Text(text));
                }
                '\n' | '\r' => return Err(broken),
                '\\' if !is_raw => {
                    let escaped = chars.next().and_then(|(_, c)| match c {
                        '\\' | '\'' | '"' | '`' | '?' => Some(c),
                        'n' => Some('\n'),
                        'r' => Some('\r'),
                        't' => Some('\t'),
                        _ => None,
                    });
                    text.push(escaped.ok_or_else(|| broken.clone())?);
                }
                c => text.push(c),
            }
        }
        Err(broken)
    }

    fn number(&mut self) -> Result<Token, ExpressionError> {
        let at = self.at;
        let rest = &self.text[at..];
        let is_part = |(index, c): (usize, char)| {
            let after_exponent = rest[..index].ends_with(['e', 'E']);
            let fraction = c == '.' && rest[index + 1..].starts_with(|c: char| c.is_ascii_digit());
            c.is_ascii_digit()
                || fraction
                || matches!(c, 'e' | 'E')
                || (after_exponent && matches!(c, '+' | '-'))
        };
        let end = rest
            .char_indices()
            .find(|&part| !is_part(part))
            .map_or(rest.len(), |(index, _)| index);
        self.at += end;
        let digits = &rest[..end];
        let number = if digits.bytes().all(|b| b.is_ascii_digit()) {
            digits.parse().ok().map(Token::Int)
        } else {
            digits.parse().ok().map(Token::Double)
        };
        number.ok_or(ExpressionError::Number { at })
    }
}
