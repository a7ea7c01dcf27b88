//! From tokens to an expression that can be evaluated: names are resolved, patterns compiled.

use regex::Regex;

use super::lexer::{Lexer, Token};
use super::{MAX_DEPTH, MAX_TEXT_BYTES, RuleError};
use crate::regexp;

/// The name of the one variable.
const CLAIMS: &str = "claims";

/// A part of an expression. `depth` is that of the deepest part below, plus one.
#[derive(Debug, Clone)]
pub(super) struct Expression {
    pub(super) kind: ExpressionKind,
    depth: usize,
}

impl Expression {
    /// `false`
    pub(super) fn never() -> Self {
        Self {
            kind: ExpressionKind::Bool(false),
            depth: 1,
        }
    }
}

#[derive(Debug, Clone)]
pub(super) enum ExpressionKind {
    Null,
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(String),
    List(Vec<Expression>),
    /// The claims (0), or what a macro bound.
    Variable(usize),
    Field(Box<Expression>, String),
    Index(Box<Expression>, Box<Expression>),
    /// `has(a.b)`
    Has(Box<Expression>, String),
    Not(Box<Expression>),
    Minus(Box<Expression>),
    And(Box<Expression>, Box<Expression>),
    Or(Box<Expression>, Box<Expression>),
    Choice(Box<Expression>, Box<Expression>, Box<Expression>),
    Binary(Operator, Box<Expression>, Box<Expression>),
    Call(Function, Box<Expression>, Option<Box<Expression>>),
    Matches(Box<Expression>, Box<Regex>),
    /// A macro over the elements of a list.
    Each(Quantifier, Box<Expression>, Box<Expression>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    Different,
    Less,
    AtMost,
    Greater,
    AtLeast,
    In,
    Plus,
    Minus,
    Times,
    Divide,
    Remainder,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Size,
    StartsWith,
    EndsWith,
    Contains,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quantifier {
    All,
    Exists,
    ExistsOne,
}

/// Binary operators by how strongly they bind, the weakest first.
const LEVELS: [&[(&str, Operator)]; 3] = [
    &[
        ("==", Operator::Equal),
        ("!=", Operator::Different),
        ("<=", Operator::AtMost),
        (">=", Operator::AtLeast),
        ("<", Operator::Less),
        (">", Operator::Greater),
        ("in", Operator::In),
    ],
    &[("+", Operator::Plus), ("-", Operator::Minus)],
    &[
        ("*", Operator::Times),
        ("/", Operator::Divide),
        ("%", Operator::Remainder),
    ],
];

/// Parses a whole expression.
pub(super) fn parse(text: &str) -> Result<Expression, RuleError> {
    if text.len() > MAX_TEXT_BYTES {
        return Err(RuleError::TooLong);
    }
    let mut lexer = Lexer::new(text);
    let (at, token) = lexer.next()?;
    let mut parser = Parser {
        lexer,
        at,
        token,
        variables: vec![CLAIMS.to_owned()],
        open: 0,
    };
    let expression = parser.expression()?;
    match parser.token {
        Token::End => Ok(expression),
        _ => Err(parser.expected("an operator or the end")),
    }
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    at: usize,
    /// The token that comes next.
    token: Token,
    variables: Vec<String>,
    /// How many calls of [`Self::expression`] and [`Self::unary`] are under way.
    open: usize,
}

/// A part above others.
fn node(kind: ExpressionKind, parts: &[usize]) -> Result<Expression, RuleError> {
    let depth = parts.iter().copied().max().unwrap_or(0) + 1;
    if depth > MAX_DEPTH {
        return Err(RuleError::TooDeep);
    }
    Ok(Expression { kind, depth })
}

fn one(
    make: impl FnOnce(Box<Expression>) -> ExpressionKind,
    part: Expression,
) -> Result<Expression, RuleError> {
    let depth = part.depth;
    node(make(Box::new(part)), &[depth])
}

fn two(
    make: impl FnOnce(Box<Expression>, Box<Expression>) -> ExpressionKind,
    left: Expression,
    right: Expression,
) -> Result<Expression, RuleError> {
    let depths = [left.depth, right.depth];
    node(make(Box::new(left), Box::new(right)), &depths)
}

impl Parser<'_> {
    fn advance(&mut self) -> Result<Token, RuleError> {
        let (at, token) = self.lexer.next()?;
        self.at = at;
        Ok(std::mem::replace(&mut self.token, token))
    }

    fn expected(&self, expected: &'static str) -> RuleError {
        RuleError::Expected {
            at: self.at,
            expected,
        }
    }

    /// Whether the next token is this sign; it is taken then.
    fn take(&mut self, sign: &str) -> Result<bool, RuleError> {
        let is_next = matches!(&self.token, Token::Sign(next) if *next == sign);
        if is_next {
            self.advance()?;
        }
        Ok(is_next)
    }

    fn demand(&mut self, sign: &'static str) -> Result<(), RuleError> {
        match self.take(sign)? {
            true => Ok(()),
            false => Err(self.expected(sign)),
        }
    }

    fn name(&mut self) -> Result<String, RuleError> {
        match &self.token {
            Token::Name(name) => {
                let name = name.clone();
                self.advance()?;
                Ok(name)
            }
            _ => Err(self.expected("a name")),
        }
    }

    fn descend<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T, RuleError>) -> Result<T, RuleError> {
        if self.open >= MAX_DEPTH {
            return Err(RuleError::TooDeep);
        }
        self.open += 1;
        let parsed = parse(self);
        self.open -= 1;
        parsed
    }

    fn expression(&mut self) -> Result<Expression, RuleError> {
        self.descend(|parser| {
            let condition = parser.or()?;
            if !parser.take("?")? {
                return Ok(condition);
            }
            let yes = parser.or()?;
            parser.demand(":")?;
            let no = parser.expression()?;
            let depths = [condition.depth, yes.depth, no.depth];
            node(
                ExpressionKind::Choice(Box::new(condition), Box::new(yes), Box::new(no)),
                &depths,
            )
        })
    }

    fn or(&mut self) -> Result<Expression, RuleError> {
        let mut left = self.and()?;
        while self.take("||")? {
            left = two(ExpressionKind::Or, left, self.and()?)?;
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Expression, RuleError> {
        let mut left = self.binary(0)?;
        while self.take("&&")? {
            left = two(ExpressionKind::And, left, self.binary(0)?)?;
        }
        Ok(left)
    }

    fn binary(&mut self, level: usize) -> Result<Expression, RuleError> {
        let Some(operators) = LEVELS.get(level) else {
            return self.unary();
        };
        let mut left = self.binary(level + 1)?;
        loop {
            let written = match &self.token {
                Token::Sign(sign) => sign,
                Token::Name(name) => name.as_str(),
                _ => return Ok(left),
            };
            let Some(&(_, operator)) = operators.iter().find(|(text, _)| *text == written) else {
                return Ok(left);
            };
            self.advance()?;
            let right = self.binary(level + 1)?;
            left = two(
                |left, right| ExpressionKind::Binary(operator, left, right),
                left,
                right,
            )?;
        }
    }

    fn unary(&mut self) -> Result<Expression, RuleError> {
        self.descend(|parser| {
            if parser.take("!")? {
                one(ExpressionKind::Not, parser.unary()?)
            } else if parser.take("-")? {
                one(ExpressionKind::Minus, parser.unary()?)
            } else {
                parser.member()
            }
        })
    }

    fn member(&mut self) -> Result<Expression, RuleError> {
        let mut value = self.primary()?;
        loop {
            if self.take("[")? {
                value = two(ExpressionKind::Index, value, self.expression()?)?;
                self.demand("]")?;
            } else if self.take(".")? {
                let at = self.at;
                let name = self.name()?;
                value = match self.take("(")? {
                    true => self.method(at, value, name)?,
                    false => one(|value| ExpressionKind::Field(value, name), value)?,
                };
            } else {
                return Ok(value);
            }
        }
    }

    /// The rest of a call, after `value.name(`.
    fn method(&mut self, at: usize, value: Expression, name: String) -> Result<Expression, RuleError> {
        let quantifier = match name.as_str() {
            "all" => Some(Quantifier::All),
            "exists" => Some(Quantifier::Exists),
            "exists_one" => Some(Quantifier::ExistsOne),
            _ => None,
        };
        if let Some(quantifier) = quantifier {
            let variable = self.name()?;
            self.demand(",")?;
            self.variables.push(variable);
            let body = self.expression()?;
            self.variables.pop();
            self.demand(")")?;
            return two(
                |value, body| ExpressionKind::Each(quantifier, value, body),
                value,
                body,
            );
        }
        let arguments = self.arguments(")")?;
        call(at, name, std::iter::once(value).chain(arguments).collect())
    }

    /// Expressions up to a closing bracket, which is taken.
    fn arguments(&mut self, close: &'static str) -> Result<Vec<Expression>, RuleError> {
        let mut arguments = Vec::new();
        if self.take(close)? {
            return Ok(arguments);
        }
        loop {
            arguments.push(self.expression()?);
            if self.take(close)? {
                return Ok(arguments);
            }
            self.demand(",")?;
        }
    }

    fn primary(&mut self) -> Result<Expression, RuleError> {
        let at = self.at;
        let kind = match self.advance()? {
            Token::Int(number) => ExpressionKind::Int(number),
            Token::Double(number) => ExpressionKind::Double(number),
            Token::Text(text) => ExpressionKind::Text(text),
            Token::Sign("(") => {
                let inner = self.expression()?;
                self.demand(")")?;
                return Ok(inner);
            }
            Token::Sign("[") => {
                let elements = self.arguments("]")?;
                let depths: Vec<usize> = elements.iter().map(|element| element.depth).collect();
                return node(ExpressionKind::List(elements), &depths);
            }
            Token::Name(name) => match name.as_str() {
                "true" => ExpressionKind::Bool(true),
                "false" => ExpressionKind::Bool(false),
                "null" => ExpressionKind::Null,
                _ if self.take("(")? => {
                    let arguments = self.arguments(")")?;
                    return function(at, name, arguments);
                }
                _ => {
                    let known = self.variables.iter().rposition(|known| *known == name);
                    ExpressionKind::Variable(known.ok_or(RuleError::Name { at, name })?)
                }
            },
            Token::Sign(_) | Token::End => {
                return Err(RuleError::Expected {
                    at,
                    expected: "a value",
                });
            }
        };
        node(kind, &[])
    }
}

/// `name(arguments)`: what is written without a value before it.
fn function(at: usize, name: String, mut arguments: Vec<Expression>) -> Result<Expression, RuleError> {
    match (name.as_str(), arguments.len()) {
        ("has", 1) => match arguments.pop().map(|argument| (argument.depth, argument.kind)) {
            Some((depth, ExpressionKind::Field(value, field))) => {
                node(ExpressionKind::Has(value, field), &[depth])
            }
            _ => Err(RuleError::Expected {
                at,
                expected: "has(value.name)",
            }),
        },
        ("size" | "matches", _) => call(at, name, arguments),
        (_, count) => Err(RuleError::Function {
            at,
            name,
            arguments: count,
        }),
    }
}

/// A function whose first argument may stand before it.
fn call(at: usize, name: String, arguments: Vec<Expression>) -> Result<Expression, RuleError> {
    let count = arguments.len();
    let mut arguments = arguments.into_iter();
    let (first, second) = (arguments.next(), arguments.next());
    let function = match (name.as_str(), count) {
        ("size", 1) => Function::Size,
        ("startsWith", 2) => Function::StartsWith,
        ("endsWith", 2) => Function::EndsWith,
        ("contains", 2) => Function::Contains,
        ("matches", 2) => {
            if let (Some(text), Some(pattern)) = (first, second) {
                return matches(at, text, &pattern);
            }
            return Err(RuleError::Pattern { at });
        }
        _ => {
            return Err(RuleError::Function {
                at,
                name,
                arguments: count.saturating_sub(1),
            });
        }
    };
    match (first, second) {
        (Some(value), None) => one(|value| ExpressionKind::Call(function, value, None), value),
        (Some(value), Some(other)) => two(
            |value, other| ExpressionKind::Call(function, value, Some(other)),
            value,
            other,
        ),
        (None, _) => Err(RuleError::Function {
            at,
            name,
            arguments: 0,
        }),
    }
}

fn matches(at: usize, text: Expression, pattern: &Expression) -> Result<Expression, RuleError> {
    let ExpressionKind::Text(pattern) = &pattern.kind else {
        return Err(RuleError::Pattern { at });
    };
    let regex = regexp::compile(pattern).map_err(|_| RuleError::Pattern { at })?;
    one(|text| ExpressionKind::Matches(text, Box::new(regex)), text)
}
