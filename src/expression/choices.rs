//! Conditions that do nothing but list the texts that a variable may be.

use std::collections::BTreeSet;

use super::parser::{Expression, ExpressionKind, Operator};

/// The texts; none where the expression says anything else.
pub(super) fn of(expression: &Expression, variable: usize) -> Option<BTreeSet<&str>> {
    let mut choices = BTreeSet::new();
    collect(expression, variable, &mut choices).then_some(choices)
}

/// Whether the expression only lists texts, which are added.
fn collect<'a>(expression: &'a Expression, variable: usize, choices: &mut BTreeSet<&'a str>) -> bool {
    let is_it =
        |part: &Expression| matches!(part.kind, ExpressionKind::Variable(number) if number == variable);
    let text = |part: &'a Expression| match &part.kind {
        ExpressionKind::Text(text) => Some(text.as_str()),
        _ => None,
    };
    match &expression.kind {
        ExpressionKind::Or(a, b) => collect(a, variable, choices) && collect(b, variable, choices),
        ExpressionKind::Binary(Operator::Equal, a, b) => {
            let (named, other) = if is_it(a) { (a, b) } else { (b, a) };
            let found = is_it(named).then(|| text(other)).flatten();
            choices.extend(found);
            found.is_some()
        }
        ExpressionKind::Binary(Operator::In, a, b) => match &b.kind {
            ExpressionKind::List(items) if is_it(a) => items.iter().all(|item| {
                let found = text(item);
                choices.extend(found);
                found.is_some()
            }),
            _ => false,
        },
        _ => false,
    }
}
