//! The value of an expression for the claims of one token, within a number of steps.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::{Map, Value as Json};

use super::NoAnswer;
use super::parser::{Expression, Function, Kind, Operator, Quantifier};
use super::value::Value;

/// One evaluation.
#[derive(Debug)]
pub(super) struct Evaluation<'a> {
    variables: Vec<Value<'a>>,
    steps_left: u32,
}

impl<'a> Evaluation<'a> {
    pub(super) fn new(claims: &'a Map<String, Json>, steps: u32) -> Self {
        Self {
            variables: vec![Value::Map(claims)],
            steps_left: steps,
        }
    }

    /// The value of an expression that must be true or false.
    pub(super) fn truth(&mut self, expression: &'a Expression) -> Result<bool, NoAnswer> {
        match self.value(expression)? {
            Value::Bool(value) => Ok(value),
            _ => Err(NoAnswer::Type),
        }
    }

    fn pay(&mut self, steps: u32) -> Result<(), NoAnswer> {
        self.steps_left = self.steps_left.checked_sub(steps).ok_or(NoAnswer::TooLong)?;
        Ok(())
    }

    fn value(&mut self, expression: &'a Expression) -> Result<Value<'a>, NoAnswer> {
        self.pay(1)?;
        Ok(match &expression.kind {
            Kind::Null => Value::Null,
            Kind::Bool(value) => Value::Bool(*value),
            Kind::Int(value) => Value::Int(*value),
            Kind::Double(value) => Value::Double(*value),
            Kind::Text(text) => Value::Text(Cow::Borrowed(text)),
            Kind::List(elements) => Value::Literal(
                elements
                    .iter()
                    .map(|element| self.value(element))
                    .collect::<Result<_, _>>()?,
            ),
            Kind::Variable(index) => self.variables.get(*index).cloned().ok_or(NoAnswer::Missing)?,
            Kind::Field(value, name) => match self.value(value)? {
                Value::Map(map) => map.get(name).map(Value::of).ok_or(NoAnswer::Missing)?,
                _ => return Err(NoAnswer::Type),
            },
            Kind::Has(value, name) => match self.value(value)? {
                Value::Map(map) => Value::Bool(map.contains_key(name)),
                _ => return Err(NoAnswer::Type),
            },
            Kind::Index(value, index) => self.index(value, index)?,
            Kind::Not(value) => Value::Bool(!self.truth(value)?),
            Kind::Minus(value) => match self.value(value)? {
                Value::Int(number) => Value::Int(number.checked_neg().ok_or(NoAnswer::Arithmetic)?),
                Value::Double(number) => Value::Double(-number),
                _ => return Err(NoAnswer::Type),
            },
            Kind::And(left, right) => Value::Bool(!self.either(left, right, false)?),
            Kind::Or(left, right) => Value::Bool(self.either(left, right, true)?),
            Kind::Choice(condition, yes, no) => match self.truth(condition)? {
                true => self.value(yes)?,
                false => self.value(no)?,
            },
            Kind::Binary(operator, left, right) => {
                let (left, right) = (self.value(left)?, self.value(right)?);
                self.binary(*operator, left, right)?
            }
            Kind::Call(function, value, other) => {
                let value = self.value(value)?;
                let other = other.as_ref().map(|other| self.value(other)).transpose()?;
                self.call(*function, &value, other.as_ref())?
            }
            Kind::Matches(text, pattern) => match self.value(text)? {
                Value::Text(text) => {
                    // A pattern looks at each byte several times.
                    self.pay(u32::try_from(text.len()).unwrap_or(u32::MAX))?;
                    Value::Bool(pattern.is_match(&text))
                }
                _ => return Err(NoAnswer::Type),
            },
            Kind::Each(quantifier, list, body) => Value::Bool(self.each(*quantifier, list, body)?),
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

    fn index(&mut self, value: &'a Expression, index: &'a Expression) -> Result<Value<'a>, NoAnswer> {
        let (value, index) = (self.value(value)?, self.value(index)?);
        match (value, index) {
            (Value::Map(map), Value::Text(key)) => {
                map.get(key.as_ref()).map(Value::of).ok_or(NoAnswer::Missing)
            }
            (Value::List(list), Value::Int(index)) => usize::try_from(index)
                .ok()
                .and_then(|index| list.get(index))
                .map(Value::of)
                .ok_or(NoAnswer::Missing),
            (Value::Literal(mut list), Value::Int(index)) => match usize::try_from(index) {
                Ok(index) if index < list.len() => Ok(list.swap_remove(index)),
                _ => Err(NoAnswer::Missing),
            },
            _ => Err(NoAnswer::Type),
        }
    }

    fn binary(
        &mut self,
        operator: Operator,
        left: Value<'a>,
        right: Value<'a>,
    ) -> Result<Value<'a>, NoAnswer> {
        self.pay(left.cost().saturating_add(right.cost()))?;
        let ordered =
            |wanted: fn(Ordering) -> bool| left.order(&right).map(|order| Value::Bool(wanted(order)));
        match operator {
            Operator::Equal => Ok(Value::Bool(left.equals(&right))),
            Operator::Different => Ok(Value::Bool(!left.equals(&right))),
            Operator::Less => ordered(Ordering::is_lt),
            Operator::AtMost => ordered(Ordering::is_le),
            Operator::Greater => ordered(Ordering::is_gt),
            Operator::AtLeast => ordered(Ordering::is_ge),
            Operator::In => match (left, right) {
                (Value::Text(key), Value::Map(map)) => Ok(Value::Bool(map.contains_key(key.as_ref()))),
                (_, Value::Map(_)) => Err(NoAnswer::Type),
                (value, list) => {
                    let elements = list.elements()?;
                    let one = value.cost();
                    self.pay(one.saturating_mul(u32::try_from(elements.len()).unwrap_or(u32::MAX)))?;
                    Ok(Value::Bool(elements.iter().any(|element| element.equals(&value))))
                }
            },
            Operator::Plus => match (left, right) {
                (Value::Text(left), Value::Text(right)) => {
                    Ok(Value::Text(Cow::Owned(format!("{left}{right}"))))
                }
                (left, right) => arithmetic(operator, &left, &right),
            },
            _ => arithmetic(operator, &left, &right),
        }
    }

    fn call(
        &mut self,
        function: Function,
        value: &Value<'a>,
        other: Option<&Value<'a>>,
    ) -> Result<Value<'a>, NoAnswer> {
        self.pay(value.cost())?;
        let size = |count: usize| {
            i64::try_from(count)
                .map(Value::Int)
                .map_err(|_| NoAnswer::Arithmetic)
        };
        match (function, value, other) {
            (Function::Size, Value::Text(text), None) => size(text.chars().count()),
            (Function::Size, Value::List(list), None) => size(list.len()),
            (Function::Size, Value::Literal(list), None) => size(list.len()),
            (Function::Size, Value::Map(map), None) => size(map.len()),
            (Function::StartsWith, Value::Text(text), Some(Value::Text(part))) => {
                Ok(Value::Bool(text.starts_with(part.as_ref())))
            }
            (Function::EndsWith, Value::Text(text), Some(Value::Text(part))) => {
                Ok(Value::Bool(text.ends_with(part.as_ref())))
            }
            (Function::Contains, Value::Text(text), Some(Value::Text(part))) => {
                Ok(Value::Bool(text.contains(part.as_ref())))
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

fn arithmetic<'a>(operator: Operator, left: &Value<'a>, right: &Value<'a>) -> Result<Value<'a>, NoAnswer> {
    match (left, right) {
        (Value::Int(left), Value::Int(right)) => {
            let result = match operator {
                Operator::Plus => left.checked_add(*right),
                Operator::Minus => left.checked_sub(*right),
                Operator::Times => left.checked_mul(*right),
                Operator::Divide => left.checked_div(*right),
                Operator::Remainder => left.checked_rem(*right),
                _ => return Err(NoAnswer::Type),
            };
            result.map(Value::Int).ok_or(NoAnswer::Arithmetic)
        }
        (Value::Double(left), Value::Double(right)) => Ok(Value::Double(match operator {
            Operator::Plus => left + right,
            Operator::Minus => left - right,
            Operator::Times => left * right,
            Operator::Divide => left / right,
            _ => return Err(NoAnswer::Type),
        })),
        _ => Err(NoAnswer::Type),
    }
}
