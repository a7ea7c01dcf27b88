//! From tokens to an expression that can be evaluated: names are resolved, patterns compiled.

use regex::Regex;

use super::lexer::{Lexer, Token};
use super::{ExpressionError, MAX_DEPTH, MAX_TEXT_BYTES, VariableShape, Vocabulary};
use crate::regexp;

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
    /// A variable of the vocabulary.
    Variable(usize),
    /// `has(variable)`: whether a variable has a value.
    Known(usize),
    /// A name that a macro bound.
    Bound(usize),
    /// `a.b`, `a['b']` or `a[1]`
    Part(Box<Expression>, Box<Expression>),
    /// `has(a.b)` or `has(a['b'])`
    Has(Box<Expression>, Box<Expression>),
    Not(Box<Expression>),
    Minus(Box<Expression>),
    And(Box<Expression>, Box<Expression>),
    Or(Box<Expression>, Box<Expression>),
    Choice(Box<Expression>, Box<Expression>, Box<Expression>),
    Binary(Operator, Box<Expression>, Box<Expression>),
    Call(Function, Box<Expression>, Option<Box<Expression>>),
    Substring(Box<Expression>, Box<Expression>, Option<Box<Expression>>),
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
    Int,
    Double,
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
pub(super) fn parse(text: &str, vocabulary: &'static Vocabulary) -> Result<Expression, ExpressionError> {
    let (expression, parser) = parse_at(text, 0, vocabulary)?;
    match parser.token {
        Token::End => Ok(expression),
        _ => Err(parser.expected("an operator or the end")),
    }
}

/// Parses the expression that begins at a place of a text, up to the `}` after it. Also says where the rest begins.
pub(super) fn parse_embedded(
    text: &str,
    at: usize,
    vocabulary: &'static Vocabulary,
) -> Result<(Expression, usize), ExpressionError> {
    let (expression, parser) = parse_at(text, at, vocabulary)?;
    match parser.token {
        Token::Sign("}") => Ok((expression, parser.at + 1)),
        _ => Err(parser.expected("an operator or }")),
    }
}

fn parse_at<'a>(
    text: &'a str,
    at: usize,
    vocabulary: &'static Vocabulary,
) -> Result<(Expression, Parser<'a>), ExpressionError> {
    if text.len() > MAX_TEXT_BYTES {
        return Err(ExpressionError::TooLong);
    }
    let mut lexer = Lexer::new(text, at);
    let (at, token) = lexer.next()?;
    let mut parser = Parser {
        lexer,
        at,
        token,
        vocabulary,
        bound: Vec::new(),
        open: 0,
    };
    let expression = parser.expression()?;
    Ok((expression, parser))
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    at: usize,
    /// The token that comes next.
    token: Token,
    vocabulary: &'static Vocabulary,
    /// The names that macros bound, the innermost last.
    bound: Vec<String>,
    /// How many calls of [`Self::expression`] and [`Self::unary`] are under way.
    open: usize,
}

/// A part above others.
fn node(kind: ExpressionKind, parts: &[usize]) -> Result<Expression, ExpressionError> {
    let depth = parts.iter().copied().max().unwrap_or(0) + 1;
    if depth > MAX_DEPTH {
        return Err(ExpressionError::TooDeep);
    }
    Ok(Expression { kind, depth })
}

fn one(
    make: impl FnOnce(Box<Expression>) -> ExpressionKind,
    part: Expression,
) -> Result<Expression, ExpressionError> {
    let depth = part.depth;
    node(make(Box::new(part)), &[depth])
}

fn two(
    make: impl FnOnce(Box<Expression>, Box<Expression>) -> ExpressionKind,
    left: Expression,
    right: Expression,
) -> Result<Expression, ExpressionError> {
    let depths = [left.depth, right.depth];
    node(make(Box::new(left), Box::new(right)), &depths)
}

impl Parser<'_> {
    fn advance(&mut self) -> Result<Token, ExpressionError> {
        let (at, token) = self.lexer.next()?;
        self.at = at;
        Ok(std::mem::replace(&mut self.token, token))
    }

    fn expected(&self, expected: &'static str) -> ExpressionError {
        ExpressionError::Expected {
            at: self.at,
            expected,
        }
    }

    /// Whether the next token is this sign; it is taken then.
    fn take(&mut self, sign: &str) -> Result<bool, ExpressionError> {
        let is_next = matches!(&self.token, Token::Sign(next) if *next == sign);
        if is_next {
            self.advance()?;
        }
        Ok(is_next)
    }

    fn demand(&mut self, sign: &'static str) -> Result<(), ExpressionError> {
        match self.take(sign)? {
            true => Ok(()),
            false => Err(self.expected(sign)),
        }
    }

    fn name(&mut self) -> Result<String, ExpressionError> {
        match &self.token {
            Token::Name(name) => {
                let name = name.clone();
                self.advance()?;
                Ok(name)
            }
            _ => Err(self.expected("a name")),
        }
    }

    fn descend<T>(
        &mut self,
        parse: impl FnOnce(&mut Self) -> Result<T, ExpressionError>,
    ) -> Result<T, ExpressionError> {
        if self.open >= MAX_DEPTH {
            return Err(ExpressionError::TooDeep);
        }
        self.open += 1;
        let parsed = parse(self);
        self.open -= 1;
        parsed
    }

    fn expression(&mut self) -> Result<Expression, ExpressionError> {
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

    fn or(&mut self) -> Result<Expression, ExpressionError> {
        let mut left = self.and()?;
        while self.take("||")? {
            left = two(ExpressionKind::Or, left, self.and()?)?;
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Expression, ExpressionError> {
        let mut left = self.binary(0)?;
        while self.take("&&")? {
            left = two(ExpressionKind::And, left, self.binary(0)?)?;
        }
        Ok(left)
    }

    fn binary(&mut self, level: usize) -> Result<Expression, ExpressionError> {
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

    fn unary(&mut self) -> Result<Expression, ExpressionError> {
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

    fn member(&mut self) -> Result<Expression, ExpressionError> {
        let mut value = self.primary()?;
        loop {
            if self.take("[")? {
                value = two(ExpressionKind::Part, value, self.expression()?)?;
                self.demand("]")?;
            } else if self.take(".")? {
                let at = self.at;
                let name = self.name()?;
                value = match self.take("(")? {
                    true => self.method(at, value, name)?,
                    false => two(
                        ExpressionKind::Part,
                        value,
                        node(ExpressionKind::Text(name), &[])?,
                    )?,
                };
            } else {
                return Ok(value);
            }
        }
    }

    /// The rest of a call, after `value.name(`.
    fn method(&mut self, at: usize, value: Expression, name: String) -> Result<Expression, ExpressionError> {
        let quantifier = match name.as_str() {
            "all" => Some(Quantifier::All),
            "exists" => Some(Quantifier::Exists),
            "exists_one" => Some(Quantifier::ExistsOne),
            _ => None,
        };
        if let Some(quantifier) = quantifier {
            let variable = self.name()?;
            self.demand(",")?;
            self.bound.push(variable);
            let body = self.expression()?;
            self.bound.pop();
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
    fn arguments(&mut self, close: &'static str) -> Result<Vec<Expression>, ExpressionError> {
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

    fn primary(&mut self) -> Result<Expression, ExpressionError> {
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
                    return self.function(at, name, arguments);
                }
                _ => match self.bound.iter().rposition(|bound| *bound == name) {
                    Some(index) => ExpressionKind::Bound(index),
                    None => self.variable(at, name)?,
                },
            },
            Token::Sign(_) | Token::End => {
                return Err(ExpressionError::Expected {
                    at,
                    expected: "a value",
                });
            }
        };
        node(kind, &[])
    }

    /// The variable whose name begins with this one: as many of the names after dots belong to it as can.
    fn variable(&mut self, at: usize, name: String) -> Result<ExpressionKind, ExpressionError> {
        let unknown = |name: String| ExpressionError::Name {
            at,
            advice: self.vocabulary.advice(&name),
            name,
        };
        let mut name = name;
        if !self.vocabulary.leads(&name) {
            return Err(unknown(name));
        }
        loop {
            let found = self.vocabulary.find(&name);
            let next = self.lexer.clone().next().ok().map(|(_, token)| token);
            let longer = match (&self.token, next) {
                (Token::Sign("."), Some(Token::Name(member))) => Some(format!("{name}.{member}")),
                _ => None,
            };
            match (longer, found) {
                (Some(longer), _) if self.vocabulary.leads(&longer) => {
                    self.advance()?;
                    self.advance()?;
                    name = longer;
                }
                (_, Some((number, VariableShape::Open))) => return Ok(ExpressionKind::Variable(number)),
                (None, Some((number, VariableShape::Single))) => return Ok(ExpressionKind::Variable(number)),
                (Some(longer), Some((number, VariableShape::Single))) => match self.is_call() {
                    true => return Ok(ExpressionKind::Variable(number)),
                    false => return Err(unknown(longer)),
                },
                (longer, None) => return Err(unknown(longer.unwrap_or(name))),
            }
        }
    }

    /// Whether `.name(` comes next.
    fn is_call(&self) -> bool {
        let mut ahead = self.lexer.clone();
        ahead.next().is_ok() && ahead.next().is_ok_and(|(_, token)| token == Token::Sign("("))
    }

    /// `name(arguments)`: what is written without a value before it.
    fn function(
        &self,
        at: usize,
        name: String,
        mut arguments: Vec<Expression>,
    ) -> Result<Expression, ExpressionError> {
        match (name.as_str(), arguments.len()) {
            ("has", 1) => match arguments.pop().map(|argument| (argument.depth, argument.kind)) {
                Some((depth, ExpressionKind::Part(value, index))) => {
                    node(ExpressionKind::Has(value, index), &[depth])
                }
                Some((depth, ExpressionKind::Variable(number))) if self.vocabulary.is_path(number) => {
                    node(ExpressionKind::Known(number), &[depth])
                }
                _ => Err(ExpressionError::Expected {
                    at,
                    expected: "has(value.name)",
                }),
            },
            ("size" | "matches" | "int" | "double", _) => call(at, name, arguments),
            (_, count) => Err(ExpressionError::Function {
                at,
                name,
                arguments: count,
            }),
        }
    }
}

/// A function whose first argument may stand before it.
fn call(at: usize, name: String, arguments: Vec<Expression>) -> Result<Expression, ExpressionError> {
    let count = arguments.len();
    let mut arguments = arguments.into_iter();
    let parts = (arguments.next(), arguments.next(), arguments.next());
    let function = match (name.as_str(), count) {
        ("size", 1) => Function::Size,
        ("int", 1) => Function::Int,
        ("double", 1) => Function::Double,
        ("startsWith", 2) => Function::StartsWith,
        ("endsWith", 2) => Function::EndsWith,
        ("contains" | "includes", 2) => Function::Contains,
        ("matches", 2) => return matches(at, "matches", parts.0, parts.1),
        ("match", 2) => return matches(at, "match", parts.0, parts.1),
        ("substring", 2 | 3) => {
            if let (Some(text), Some(start), end) = parts {
                return substring(text, start, end);
            }
            return Err(ExpressionError::Function {
                at,
                name,
                arguments: 0,
            });
        }
        _ => {
            return Err(ExpressionError::Function {
                at,
                name,
                arguments: count.saturating_sub(1),
            });
        }
    };
    match parts {
        (Some(value), None, _) => one(|value| ExpressionKind::Call(function, value, None), value),
        (Some(value), Some(other), _) => two(
            |value, other| ExpressionKind::Call(function, value, Some(other)),
            value,
            other,
        ),
        (None, ..) => Err(ExpressionError::Function {
            at,
            name,
            arguments: 0,
        }),
    }
}

fn substring(
    text: Expression,
    start: Expression,
    end: Option<Expression>,
) -> Result<Expression, ExpressionError> {
    let depths = [text.depth, start.depth, end.as_ref().map_or(0, |end| end.depth)];
    node(
        ExpressionKind::Substring(Box::new(text), Box::new(start), end.map(Box::new)),
        &depths,
    )
}

fn matches(
    at: usize,
    function: &'static str,
    text: Option<Expression>,
    pattern: Option<Expression>,
) -> Result<Expression, ExpressionError> {
    let error = ExpressionError::Pattern { at, function };
    let (Some(text), Some(pattern)) = (text, pattern) else {
        return Err(error);
    };
    let ExpressionKind::Text(pattern) = &pattern.kind else {
        return Err(error);
    };
    let regex = regexp::compile(pattern).map_err(|_| error)?;
    one(|text| ExpressionKind::Matches(text, Box::new(regex)), text)
}
