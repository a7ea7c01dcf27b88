//! Operators and functions on values that are there.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::parser::{Function, Operator};
use super::{NoAnswer, Operand};

/// The result of an operator between two values, but for what compares them for being the same.
pub(super) fn binary<'a>(
    operator: Operator,
    left: &Operand<'a>,
    right: &Operand<'a>,
) -> Result<Operand<'a>, NoAnswer> {
    let ordered = |wanted: fn(Ordering) -> bool| left.order(right).map(|order| Operand::Bool(wanted(order)));
    match operator {
        Operator::Less => ordered(Ordering::is_lt),
        Operator::AtMost => ordered(Ordering::is_le),
        Operator::Greater => ordered(Ordering::is_gt),
        Operator::AtLeast => ordered(Ordering::is_ge),
        _ => arithmetic(operator, left, right),
    }
}

fn arithmetic<'a>(
    operator: Operator,
    left: &Operand<'a>,
    right: &Operand<'a>,
) -> Result<Operand<'a>, NoAnswer> {
    match (left, right) {
        (Operand::Text(left), Operand::Text(right)) if operator == Operator::Plus => {
            Ok(Operand::Text(Cow::Owned(format!("{left}{right}"))))
        }
        (Operand::Int(left), Operand::Int(right)) => {
            let result = match operator {
                Operator::Plus => left.checked_add(*right),
                Operator::Minus => left.checked_sub(*right),
                Operator::Times => left.checked_mul(*right),
                Operator::Divide => left.checked_div(*right),
                Operator::Remainder => left.checked_rem(*right),
                _ => return Err(NoAnswer::Type),
            };
            result.map(Operand::Int).ok_or(NoAnswer::Arithmetic)
        }
        (Operand::Double(left), Operand::Double(right)) => Ok(Operand::Double(match operator {
            Operator::Plus => left + right,
            Operator::Minus => left - right,
            Operator::Times => left * right,
            Operator::Divide => left / right,
            _ => return Err(NoAnswer::Type),
        })),
        _ => Err(NoAnswer::Type),
    }
}

/// The negative of a number.
pub(super) fn minus(value: &Operand<'_>) -> Result<Operand<'static>, NoAnswer> {
    match value {
        Operand::Int(number) => number.checked_neg().map(Operand::Int).ok_or(NoAnswer::Arithmetic),
        Operand::Double(number) => Ok(Operand::Double(-number)),
        _ => Err(NoAnswer::Type),
    }
}

/// The result of a function of a value, or of a value and another.
pub(super) fn call<'a>(
    function: Function,
    value: &Operand<'a>,
    other: Option<&Operand<'a>>,
) -> Result<Operand<'a>, NoAnswer> {
    match (function, value, other) {
        (Function::Size, value, None) => value.size().map(Operand::Int),
        (Function::Int, value, None) => whole(value).map(Operand::Int),
        (Function::Double, value, None) => fraction(value).map(Operand::Double),
        (Function::StartsWith, Operand::Text(text), Some(Operand::Text(part))) => {
            Ok(Operand::Bool(text.starts_with(part.as_ref())))
        }
        (Function::EndsWith, Operand::Text(text), Some(Operand::Text(part))) => {
            Ok(Operand::Bool(text.ends_with(part.as_ref())))
        }
        (Function::Contains, Operand::Text(text), Some(Operand::Text(part))) => {
            Ok(Operand::Bool(text.contains(part.as_ref())))
        }
        _ => Err(NoAnswer::Type),
    }
}

/// The whole number that a number is without what follows its point, or that a text says.
fn whole(value: &Operand<'_>) -> Result<i64, NoAnswer> {
    // Both ends are exact as doubles; the upper one is the first number that does not fit.
    const FITS: std::ops::Range<f64> = (i64::MIN as f64)..(i64::MAX as f64);
    match value {
        Operand::Int(number) => Ok(*number),
        Operand::Double(number) if FITS.contains(number) => Ok(*number as i64),
        Operand::Double(_) => Err(NoAnswer::Arithmetic),
        Operand::Text(text) => text.parse().map_err(|_| NoAnswer::NotNumber),
        _ => Err(NoAnswer::Type),
    }
}

/// The number that a number is, or that a text says.
fn fraction(value: &Operand<'_>) -> Result<f64, NoAnswer> {
    match value {
        Operand::Int(number) => Ok(*number as f64),
        Operand::Double(number) => Ok(*number),
        Operand::Text(text) => text.parse().map_err(|_| NoAnswer::NotNumber),
        _ => Err(NoAnswer::Type),
    }
}

/// The characters of a text from `start` to before `end`; where they lie behind its end, that is meant.
pub(super) fn substring<'a>(
    text: Operand<'a>,
    start: &Operand<'a>,
    end: Option<&Operand<'a>>,
) -> Result<Operand<'a>, NoAnswer> {
    let (Operand::Text(text), Operand::Int(start)) = (text, start) else {
        return Err(NoAnswer::Type);
    };
    let end = match end {
        Some(Operand::Int(end)) => *end,
        Some(_) => return Err(NoAnswer::Type),
        None => i64::MAX,
    };
    let (Ok(start), Ok(end)) = (usize::try_from(*start), usize::try_from(end)) else {
        return Err(NoAnswer::Missing);
    };
    let count = end.checked_sub(start).ok_or(NoAnswer::Missing)?;
    let place = |text: &str, characters: usize| {
        text.char_indices()
            .nth(characters)
            .map_or(text.len(), |(at, _)| at)
    };
    let from = place(&text, start);
    let to = from + place(&text[from..], count);
    Ok(Operand::Text(match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[from..to]),
        Cow::Owned(text) => Cow::Owned(text[from..to].to_owned()),
    }))
}
