//! The value of an expression for the claims of one token, within a number of steps.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::{Map, Value as Json};

use super::NoAnswer;
use super::parser::{Expression, ExpressionKind, Function, Operator, Quantifier};
use super::value::RuleValue;

/// One evaluation.
#[derive(Debug)]
pub(super) struct Evaluation<'a> {
    variables: Vec<RuleValue<'a>>,
    steps_left: u32,
}

impl<'a> Evaluation<'a> {
    pub(super) fn new(claims: &'a Map<String, Json>, steps: u32) -> Self {
        Self {
            variables: vec![RuleValue::Map(claims)],
            steps_left: steps,
        }
    }

    /// The value of an expression that must be true or false.
    pub(super) fn truth(&mut self, expression: &'a Expression) -> Result<bool, NoAnswer> {
        match self.value(expression)? {
            RuleValue::Bool(value) => Ok(value),
            _ => Err(NoAnswer::Type),
        }
    }

    fn pay(&mut self, steps: u32) -> Result<(), NoAnswer> {
        self.steps_left = self.steps_left.checked_sub(steps).ok_or(NoAnswer::TooLong)?;
        Ok(())
    }

    fn value(&mut self, expression: &'a Expression) -> Result<RuleValue<'a>, NoAnswer> {
        self.pay(1)?;
        Ok(match &expression.kind {
            ExpressionKind::Null => RuleValue::Null,
            ExpressionKind::Bool(value) => RuleValue::Bool(*value),
            ExpressionKind::Int(value) => RuleValue::Int(*value),
            ExpressionKind::Double(value) => RuleValue::Double(*value),
            ExpressionKind::Text(text) => RuleValue::Text(Cow::Borrowed(text)),
            ExpressionKind::List(elements) => RuleValue::Literal(
                elements
                    .iter()
                    .map(|element| self.value(element))
                    .collect::<Result<_, _>>()?,
            ),
            ExpressionKind::Variable(index) => {
                self.variables.get(*index).cloned().ok_or(NoAnswer::Missing)?
            }
            ExpressionKind::Field(value, name) => match self.value(value)? {
                RuleValue::Map(map) => map.get(name).map(RuleValue::of).ok_or(NoAnswer::Missing)?,
                _ => return Err(NoAnswer::Type),
            },
            ExpressionKind::Has(value, name) => match self.value(value)? {
                RuleValue::Map(map) => RuleValue::Bool(map.contains_key(name)),
                _ => return Err(NoAnswer::Type),
            },
            ExpressionKind::Index(value, index) => self.index(value, index)?,
            ExpressionKind::Not(value) => RuleValue::Bool(!self.truth(value)?),
            ExpressionKind::Minus(value) => match self.value(value)? {
                RuleValue::Int(number) => RuleValue::Int(number.checked_neg().ok_or(NoAnswer::Arithmetic)?),
                RuleValue::Double(number) => RuleValue::Double(-number),
                _ => return Err(NoAnswer::Type),
            },
            ExpressionKind::And(left, right) => RuleValue::Bool(!self.either(left, right, false)?),
            ExpressionKind::Or(left, right) => RuleValue::Bool(self.either(left, right, true)?),
            ExpressionKind::Choice(condition, yes, no) => match self.truth(condition)? {
                true => self.value(yes)?,
                false => self.value(no)?,
            },
            ExpressionKind::Binary(operator, left, right) => {
                let (left, right) = (self.value(left)?, self.value(right)?);
                self.binary(*operator, left, right)?
            }
            ExpressionKind::Call(function, value, other) => {
                let value = self.value(value)?;
                let other = other.as_ref().map(|other| self.value(other)).transpose()?;
                self.call(*function, &value, other.as_ref())?
            }
            ExpressionKind::Matches(text, pattern) => match self.value(text)? {
                RuleValue::Text(text) => {
                    // A pattern looks at each byte several times.
                    self.pay(u32::try_from(text.len()).unwrap_or(u32::MAX))?;
                    RuleValue::Bool(pattern.is_match(&text))
                }
                _ => return Err(NoAnswer::Type),
            },
            ExpressionKind::Each(quantifier, list, body) => {
                RuleValue::Bool(self.each(*quantifier, list, body)?)
            }
        })
    }

    /// Whether one of two is `wanted`. As CEL has it, the one that is decides even when the other has no value.
    fn either(
        &mut self,
        left: &'a Expression,
        right: &'a Expression,
        wanted: bool,
    ) -> Result<bool, NoAnswer> {
        let left = self.truth(left);
        if left == Ok(wanted) || left == Err(NoAnswer::TooLong) {
            return left.map(|_| true);
        }
        let right = self.truth(right);
        if right == Ok(wanted) {
            return Ok(true);
        }
        left.and(right).map(|_| false)
    }

    fn index(&mut self, value: &'a Expression, index: &'a Expression) -> Result<RuleValue<'a>, NoAnswer> {
        let (value, index) = (self.value(value)?, self.value(index)?);
        match (value, index) {
            (RuleValue::Map(map), RuleValue::Text(key)) => {
                map.get(key.as_ref()).map(RuleValue::of).ok_or(NoAnswer::Missing)
            }
            (RuleValue::List(list), RuleValue::Int(index)) => usize::try_from(index)
                .ok()
                .and_then(|index| list.get(index))
                .map(RuleValue::of)
                .ok_or(NoAnswer::Missing),
            (RuleValue::Literal(mut list), RuleValue::Int(index)) => match usize::try_from(index) {
                Ok(index) if index < list.len() => Ok(list.swap_remove(index)),
                _ => Err(NoAnswer::Missing),
            },
            _ => Err(NoAnswer::Type),
        }
    }

    fn binary(
        &mut self,
        operator: Operator,
        left: RuleValue<'a>,
        right: RuleValue<'a>,
    ) -> Result<RuleValue<'a>, NoAnswer> {
        self.pay(left.cost().saturating_add(right.cost()))?;
        let ordered =
            |wanted: fn(Ordering) -> bool| left.order(&right).map(|order| RuleValue::Bool(wanted(order)));
        match operator {
            Operator::Equal => Ok(RuleValue::Bool(left.equals(&right))),
            Operator::Different => Ok(RuleValue::Bool(!left.equals(&right))),
            Operator::Less => ordered(Ordering::is_lt),
            Operator::AtMost => ordered(Ordering::is_le),
            Operator::Greater => ordered(Ordering::is_gt),
            Operator::AtLeast => ordered(Ordering::is_ge),
            Operator::In => match (left, right) {
                (RuleValue::Text(key), RuleValue::Map(map)) => {
                    Ok(RuleValue::Bool(map.contains_key(key.as_ref())))
                }
                (_, RuleValue::Map(_)) => Err(NoAnswer::Type),
                (value, list) => {
                    let elements = list.elements()?;
                    let one = value.cost();
                    self.pay(one.saturating_mul(u32::try_from(elements.len()).unwrap_or(u32::MAX)))?;
                    Ok(RuleValue::Bool(
                        elements.iter().any(|element| element.equals(&value)),
                    ))
                }
            },
            Operator::Plus => match (left, right) {
                (RuleValue::Text(left), RuleValue::Text(right)) => {
                    Ok(RuleValue::Text(Cow::Owned(format!("{left}{right}"))))
                }
                (left, right) => arithmetic(operator, &left, &right),
            },
            _ => arithmetic(operator, &left, &right),
        }
    }

    fn call(
        &mut self,
        function: Function,
        value: &RuleValue<'a>,
        other: Option<&RuleValue<'a>>,
    ) -> Result<RuleValue<'a>, NoAnswer> {
        self.pay(value.cost())?;
        let size = |count: usize| {
            i64::try_from(count)
                .map(RuleValue::Int)
                .map_err(|_| NoAnswer::Arithmetic)
        };
        match (function, value, other) {
            (Function::Size, RuleValue::Text(text), None) => size(text.chars().count()),
            (Function::Size, RuleValue::List(list), None) => size(list.len()),
            (Function::Size, RuleValue::Literal(list), None) => size(list.len()),
            (Function::Size, RuleValue::Map(map), None) => size(map.len()),
            (Function::StartsWith, RuleValue::Text(text), Some(RuleValue::Text(part))) => {
                Ok(RuleValue::Bool(text.starts_with(part.as_ref())))
            }
            (Function::EndsWith, RuleValue::Text(text), Some(RuleValue::Text(part))) => {
                Ok(RuleValue::Bool(text.ends_with(part.as_ref())))
            }
            (Function::Contains, RuleValue::Text(text), Some(RuleValue::Text(part))) => {
                Ok(RuleValue::Bool(text.contains(part.as_ref())))
            }
            _ => Err(NoAnswer::Type),
        }
    }

    fn each(
        &mut self,
        quantifier: Quantifier,
        list: &'a Expression,
        body: &'a Expression,
    ) -> Result<bool, NoAnswer> {
        let elements = self.value(list)?.elements()?;
        let (mut hits, mut misses, mut unknown) = (0_usize, 0_usize, None);
        for element in elements {
            self.variables.push(element);
            let answer = self.truth(body);
            self.variables.pop();
            match answer {
                Err(NoAnswer::TooLong) => return Err(NoAnswer::TooLong),
                Err(why) => unknown = Some(why),
                Ok(true) => hits += 1,
                Ok(false) => misses += 1,
            }
        }
        match (quantifier, unknown) {
            (Quantifier::All, _) if misses > 0 => Ok(false),
            (Quantifier::Exists, _) if hits > 0 => Ok(true),
            (_, Some(why)) => Err(why),
            (Quantifier::All, None) => Ok(true),
            (Quantifier::Exists, None) => Ok(false),
            (Quantifier::ExistsOne, None) => Ok(hits == 1),
        }
    }
}

fn arithmetic<'a>(
    operator: Operator,
    left: &RuleValue<'a>,
    right: &RuleValue<'a>,
) -> Result<RuleValue<'a>, NoAnswer> {
    match (left, right) {
        (RuleValue::Int(left), RuleValue::Int(right)) => {
            let result = match operator {
                Operator::Plus => left.checked_add(*right),
                Operator::Minus => left.checked_sub(*right),
                Operator::Times => left.checked_mul(*right),
                Operator::Divide => left.checked_div(*right),
                Operator::Remainder => left.checked_rem(*right),
                _ => return Err(NoAnswer::Type),
            };
            result.map(RuleValue::Int).ok_or(NoAnswer::Arithmetic)
        }
        (RuleValue::Double(left), RuleValue::Double(right)) => Ok(RuleValue::Double(match operator {
            Operator::Plus => left + right,
            Operator::Minus => left - right,
            Operator::Times => left * right,
            Operator::Divide => left / right,
            _ => return Err(NoAnswer::Type),
        })),
        _ => Err(NoAnswer::Type),
    }
}
