//! The value of an expression, within a number of steps.

use std::borrow::Cow;
use std::cmp::Ordering;

use smallvec::SmallVec;

use super::operations;
use super::parser::{Expression, ExpressionKind, Operator, Quantifier};
use super::{Lookup, NoAnswer, Operand};

/// One evaluation.
pub(super) struct Evaluation<'a> {
    values: &'a dyn Lookup,
    /// Values that macros bound, the innermost last. Of two at most, no memory is asked for.
    bound: SmallVec<[Operand<'a>; 2]>,
    steps_left: u32,
}

impl<'a> Evaluation<'a> {
    pub(super) fn new(values: &'a dyn Lookup, steps: u32) -> Self {
        Self {
            values,
            bound: SmallVec::new(),
            steps_left: steps,
        }
    }

    /// The value of an expression that must be true or false.
    pub(super) fn truth(&mut self, expression: &'a Expression) -> Result<bool, NoAnswer> {
        match self.value(expression)? {
            Operand::Bool(value) => Ok(value),
            _ => Err(NoAnswer::Type),
        }
    }

    pub(super) fn pay(&mut self, steps: u32) -> Result<(), NoAnswer> {
        self.steps_left = self.steps_left.checked_sub(steps).ok_or(NoAnswer::TooLong)?;
        Ok(())
    }

    pub(super) fn value(&mut self, expression: &'a Expression) -> Result<Operand<'a>, NoAnswer> {
        self.pay(1)?;
        Ok(match &expression.kind {
            ExpressionKind::Null => Operand::Null,
            ExpressionKind::Bool(value) => Operand::Bool(*value),
            ExpressionKind::Int(value) => Operand::Int(*value),
            ExpressionKind::Double(value) => Operand::Double(*value),
            ExpressionKind::Text(text) => Operand::Text(Cow::Borrowed(text)),
            ExpressionKind::List(elements) => Operand::Literal(
                elements
                    .iter()
                    .map(|element| self.value(element))
                    .collect::<Result<_, _>>()?,
            ),
            ExpressionKind::Variable(number) => self.variable(*number)?,
            ExpressionKind::Known(number) => match self.variable(*number) {
                Ok(value) => Operand::Bool(!matches!(value, Operand::Null)),
                Err(NoAnswer::NotText) => Operand::Bool(true),
                Err(NoAnswer::Missing) => Operand::Bool(false),
                Err(why) => return Err(why),
            },
            ExpressionKind::Bound(index) => self.bound.get(*index).cloned().ok_or(NoAnswer::Missing)?,
            ExpressionKind::Part(value, index) => {
                let (value, index) = self.part(value, index)?;
                value.part(&index)?
            }
            ExpressionKind::Has(value, index) => {
                let (value, index) = self.part(value, index)?;
                Operand::Bool(value.has(&index)?)
            }
            ExpressionKind::Not(value) => Operand::Bool(!self.truth(value)?),
            ExpressionKind::Minus(value) => operations::minus(&self.value(value)?)?,
            ExpressionKind::And(left, right) => Operand::Bool(!self.either(left, right, false)?),
            ExpressionKind::Or(left, right) => Operand::Bool(self.either(left, right, true)?),
            ExpressionKind::Choice(condition, yes, no) => match self.truth(condition)? {
                true => self.value(yes)?,
                false => self.value(no)?,
            },
            ExpressionKind::Binary(Operator::In, left, right) => Operand::Bool(self.is_in(left, right)?),
            ExpressionKind::Binary(operator, left, right) => {
                let (left, right) = (self.value(left)?, self.value(right)?);
                self.binary(*operator, left, right)?
            }
            ExpressionKind::Call(function, value, other) => {
                let value = self.value(value)?;
                let other = other.as_ref().map(|other| self.value(other)).transpose()?;
                self.pay(value.cost())?;
                operations::call(*function, &value, other.as_ref())?
            }
            ExpressionKind::Substring(text, start, end) => {
                let (text, start) = (self.value(text)?, self.value(start)?);
                let end = end.as_ref().map(|end| self.value(end)).transpose()?;
                self.pay(text.cost())?;
                operations::substring(text, &start, end.as_ref())?
            }
            ExpressionKind::Matches(text, pattern) => match self.value(text)? {
                Operand::Text(text) => {
                    // A pattern looks at each byte several times.
                    self.pay(u32::try_from(text.len()).unwrap_or(u32::MAX))?;
                    Operand::Bool(pattern.is_match(&text))
                }
                _ => return Err(NoAnswer::Type),
            },
            ExpressionKind::Each(quantifier, list, body) => {
                Operand::Bool(self.each(*quantifier, list, body)?)
            }
        })
    }

    fn variable(&mut self, number: usize) -> Result<Operand<'a>, NoAnswer> {
        let value = self.values.value(number)?;
        if let Operand::Text(_) = value {
            // Whoever looked it up has looked whether it is a text.
            self.pay(value.cost())?;
        }
        Ok(value)
    }

    /// A value and the index of a part of it, when looking for that is paid.
    fn part(
        &mut self,
        value: &'a Expression,
        index: &'a Expression,
    ) -> Result<(Operand<'a>, Operand<'a>), NoAnswer> {
        let (value, index) = (self.value(value)?, self.value(index)?);
        self.pay(value.cost_of_part(&index))?;
        Ok((value, index))
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
        match (left, right) {
            // Once it is known, it may decide.
            (_, Err(NoAnswer::NotYet)) => Err(NoAnswer::NotYet),
            (left, right) => left.and(right).map(|_| false),
        }
    }

    fn binary(
        &mut self,
        operator: Operator,
        left: Operand<'a>,
        right: Operand<'a>,
    ) -> Result<Operand<'a>, NoAnswer> {
        self.pay(left.cost().saturating_add(right.cost()))?;
        match operator {
            Operator::Equal => Ok(Operand::Bool(self.equals(&left, &right)?)),
            Operator::Different => Ok(Operand::Bool(!self.equals(&left, &right)?)),
            _ => operations::binary(operator, &left, &right),
        }
    }

    /// Whether two values are the same. Values of different kinds differ; numbers compare as numbers.
    fn equals(&mut self, left: &Operand<'a>, right: &Operand<'a>) -> Result<bool, NoAnswer> {
        match (left, right) {
            (Operand::Null, Operand::Null) => Ok(true),
            (Operand::Bool(a), Operand::Bool(b)) => Ok(a == b),
            (Operand::Text(a), Operand::Text(b)) => Ok(a == b),
            (Operand::Map(a), Operand::Map(b)) => Ok(a == b),
            // How deep these nest, the expression does not say.
            (Operand::Json(_), Operand::Json(_)) => Err(NoAnswer::Type),
            (a, b) if a.is_map() && b.is_map() => Err(NoAnswer::Type),
            (a, b) if a.is_list() && b.is_list() => self.same_elements(a, b),
            (a, b) => Ok(a.numbers(b).is_some_and(Ordering::is_eq)),
        }
    }

    fn same_elements(&mut self, left: &Operand<'a>, right: &Operand<'a>) -> Result<bool, NoAnswer> {
        let (mut left, mut right) = (left.clone().elements()?, right.clone().elements()?);
        loop {
            let (left, right) = match (left.next(), right.next()) {
                (Some(left), Some(right)) => (left?, right?),
                (None, None) => return Ok(true),
                _ => return Ok(false),
            };
            self.pay(left.cost().saturating_add(right.cost()))?;
            if !self.equals(&left, &right)? {
                return Ok(false);
            }
        }
    }

    fn is_in(&mut self, value: &'a Expression, list: &'a Expression) -> Result<bool, NoAnswer> {
        let value = self.value(value)?;
        if let ExpressionKind::List(elements) = &list.kind {
            // No list is made of it.
            self.pay(1)?;
            let mut is_found = false;
            for element in elements {
                let element = self.value(element)?;
                self.pay(value.cost())?;
                is_found |= self.equals(&element, &value)?;
            }
            return Ok(is_found);
        }
        let list = self.value(list)?;
        if list.is_map() {
            self.pay(list.cost_of_part(&value))?;
            return list.has(&value);
        }
        self.pay(value.cost().saturating_add(list.cost()))?;
        for element in list.elements()? {
            self.pay(value.cost())?;
            if self.equals(&element?, &value)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn each(
        &mut self,
        quantifier: Quantifier,
        list: &'a Expression,
        body: &'a Expression,
    ) -> Result<bool, NoAnswer> {
        let list = self.value(list)?;
        self.pay(list.cost())?;
        let (mut hits, mut misses, mut unknown) = (0_usize, 0_usize, None);
        for element in list.elements()? {
            self.bound.push(element?);
            let answer = self.truth(body);
            self.bound.pop();
            match answer {
                Err(NoAnswer::TooLong) => return Err(NoAnswer::TooLong),
                Err(why) if unknown == Some(NoAnswer::NotYet) || why == NoAnswer::NotYet => {
                    unknown = Some(NoAnswer::NotYet);
                }
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
