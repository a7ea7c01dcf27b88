//! Subscriptions by regular expression (KIP-848). Where a broker can evaluate one, it gets one that finds the same
//! topics: it does so for a whole group at once, and for topics that are to come. What it cannot find so, because it
//! has another name there, the gateway names in a member's place: when the member sends the expression, and whenever
//! that has changed by one of its later heartbeats.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::ask::{Ask, Stop};
use super::error_code::ErrorCode;
use crate::authz::{Breadth, Resource};
use crate::regexp::BadExpression;
use crate::vcluster::pattern::{NoPattern, Pattern, beginning};
use crate::vcluster::rename::PhysicalPattern;
use crate::vcluster::subscriptions::MemberKey;
use crate::wire::{Class, Edits, Node, field};
use klamm_raft::model::Operation;

/// Before an expression of a broker's, among texts that are names otherwise: it is no name.
const PATTERN_MARK: &str = "~";

/// The words on an expression that is not compiled.
const INVALID: &str = "The regular expression is invalid in the syntax of RE2/J.";
const TOO_LARGE: &str = "The regular expression is too large: it is longer than 4 KiB, or its repetitions and character classes expand too far. Write fewer or smaller counted repetitions.";
const BUSY: &str = "The gateway is compiling too many regular expressions: try again.";

/// How many rights on beginnings of names an expression is made of.
const MAX_BEGINNINGS: usize = 50;

/// The meaning of an expression for a broker, which is told this in its place.
pub(super) enum Meaning {
    /// The physical names of the topics that it matches now and that the caller may describe.
    Topics(BTreeSet<String>),
    /// An expression of their physical names, and names beside it.
    Pattern(PhysicalPattern),
}

impl Meaning {
    /// The texts that tell it from others.
    fn texts(&self) -> Vec<&str> {
        match self {
            Self::Topics(names) => names.iter().map(String::as_str).collect(),
            Self::Pattern(PhysicalPattern { text, names }) => {
                let names = names.iter().map(String::as_str);
                [PATTERN_MARK, text].into_iter().chain(names).collect()
            }
        }
    }

    /// Puts this subscription into a heartbeat for the physical cluster, together with the topic names that the member
    /// itself gave. It replaces the subscription that an earlier heartbeat told the broker.
    pub(super) fn tell(
        self,
        (names, pattern): (Node<'_>, Node<'_>),
        mut beside: BTreeSet<String>,
        edits: &mut Edits,
    ) {
        match self {
            Self::Topics(topics) => {
                beside.extend(topics);
                edits.set_text(pattern, Some(""));
            }
            Self::Pattern(PhysicalPattern { text, names }) => {
                beside.extend(names);
                edits.set_text(pattern, Some(&text));
            }
        }
        edits.set_texts(names, &beside);
    }
}

/// The names that a member gives beside an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BesideExpression {
    Nothing,
    /// Names of topics. Then nobody follows what becomes of the expression, and no broker must go on evaluating it,
    /// whatever becomes of the caller's rights.
    Names,
}

/// Why it is not known what an expression means.
pub(super) enum Unmeant {
    Refused(NoPattern),
    /// It is not compiled yet.
    Uncompiled,
}

impl Unmeant {
    /// The end of a request that cannot go on without.
    pub(super) fn into_answer(self, expression: &str) -> Result<(ErrorCode, &'static str), Stop> {
        match self {
            Self::Refused(no) => Ok(refusal(no)),
            Self::Uncompiled => Err(Stop::Uncompiled(expression.to_owned())),
        }
    }
}

/// How a client is told.
fn refusal(no: NoPattern) -> (ErrorCode, &'static str) {
    match no {
        NoPattern::Bad(BadExpression::Invalid) => (ErrorCode::InvalidRegularExpression, INVALID),
        NoPattern::Bad(BadExpression::TooLarge) => (ErrorCode::InvalidRegularExpression, TOO_LARGE),
        NoPattern::Busy => (ErrorCode::CoordinatorLoadInProgress, BUSY),
    }
}

/// The expression as it was compiled for this request.
pub(super) fn compiled(ask: &mut Ask<'_>, expression: &str) -> Result<Arc<Pattern>, Unmeant> {
    if let Err(bad) = Pattern::check_length(expression) {
        return Err(Unmeant::Refused(NoPattern::Bad(bad)));
    }
    match ask.subscriptions.take_compiled(expression) {
        Some(compiled) => compiled.map_err(Unmeant::Refused),
        None => Err(Unmeant::Uncompiled),
    }
}

/// The meaning of an expression for the caller.
pub(super) fn resolve(
    ask: &mut Ask<'_>,
    expression: &str,
    beside: BesideExpression,
) -> Result<Meaning, Unmeant> {
    let pattern = compiled(ask, expression)?;
    if beside == BesideExpression::Nothing
        && let Some(physical) = evaluated(ask, (&pattern, expression))
    {
        return Ok(Meaning::Pattern(physical));
    }
    Ok(Meaning::Topics(described(ask, &pattern)))
}

/// The physical names of the topics that an expression matches and that the caller may describe.
fn described(ask: &mut Ask<'_>, pattern: &Pattern) -> BTreeSet<String> {
    let mut physical = BTreeSet::new();
    for alias in ask.view.names.aliases() {
        let name = alias.virtual_name.as_str();
        let may_describe = ask
            .gate
            .allows_quietly(Operation::Describe, Resource::topic(name));
        if may_describe && pattern.matches(name) {
            physical.insert(alias.physical_name.as_str().to_owned());
        }
    }
    physical
}

/// The expression by which a broker finds the topics that the caller would, also those that are not there yet.
fn evaluated(ask: &mut Ask<'_>, (pattern, expression): (&Pattern, &str)) -> Option<PhysicalPattern> {
    let beginning = beginning::beginning(expression);
    if ask.gate.asker().is_unbound() {
        return ask.view.names.physical_pattern(pattern, expression);
    }
    let breadth = Breadth {
        acls: &ask.view.acls.all,
        principal: &ask.caller.principal,
        host: &ask.caller.host,
    };
    let mut allowed = breadth.beginnings(Operation::Describe, &beginning)?;
    if allowed.contains(beginning.as_str()) {
        return ask.view.names.physical_pattern(pattern, expression);
    }
    allowed.retain(|name| is_of_topics(name));
    if !(1..=MAX_BEGINNINGS).contains(&allowed.len()) || !beginning::is_all_that_begins_so(expression) {
        return None;
    }
    // Of all that begin so, those to which the caller has a right.
    let narrower = beginning::all_that_begin(allowed.iter().copied());
    Pattern::check_length(&narrower).ok()?;
    let pattern_of_narrower = Pattern::of_beginnings(allowed.into_iter().map(str::to_owned).collect());
    let mut physical = ask.view.names.physical_pattern(&pattern_of_narrower, &narrower)?;
    let by_name = described(ask, pattern).into_iter();
    let is_found = |name: &String| {
        let alias = ask.view.names.by_physical_name(name);
        alias.is_some_and(|alias| {
            ask.view.names.owns(&alias) && pattern_of_narrower.matches(alias.virtual_name.as_str())
        })
    };
    physical.names.extend(by_name.filter(|name| !is_found(name)));
    Some(physical)
}

/// Whether topics can have names that begin so.
fn is_of_topics(beginning: &str) -> bool {
    let is_of_topics = |char: char| char.is_ascii_alphanumeric() || matches!(char, '.' | '_' | '-');
    beginning.chars().all(is_of_topics)
}

/// A member says how it subscribes: from now on by this expression alone, or in another way.
pub(super) fn said(ask: &mut Ask<'_>, expression: Option<(&str, &Meaning)>) {
    let Some((member, epoch)) = member_of(ask) else {
        return;
    };
    match expression {
        Some((expression, meaning)) if epoch >= 0 => {
            ask.subscriptions
                .follow(member, expression, meaning.texts(), ask.view);
        }
        _ => ask.subscriptions.forget(&member),
    }
}

/// A member says nothing of its subscription. If its expression means something else than the broker was told, that goes
/// into the empty fields for names and expression.
pub(super) fn unsaid(
    ask: &mut Ask<'_>,
    (names, pattern): (Node<'_>, Option<Node<'_>>),
    edits: &mut Edits,
) -> Result<(), Stop> {
    let Some((key, epoch)) = member_of(ask) else {
        return Ok(());
    };
    if epoch < 0 {
        ask.subscriptions.forget(&key);
        return Ok(());
    }
    let view = ask.view;
    let member = ask.subscriptions.member(&key);
    let expression = member.and_then(|member| member.must_resolve(view, epoch).map(str::to_owned));
    // Without that field a version has no expressions.
    let (Some(expression), Some(pattern)) = (expression, pattern) else {
        return Ok(());
    };
    let meaning = match resolve(ask, &expression, BesideExpression::Nothing) {
        Ok(meaning) => meaning,
        Err(Unmeant::Uncompiled) => return Err(Stop::Uncompiled(expression)),
        // One of the next heartbeats looks again.
        Err(Unmeant::Refused(_)) => return Ok(()),
    };
    let member = ask.subscriptions.member(&key);
    if member.is_some_and(|member| member.resolved(meaning.texts(), view, epoch)) {
        meaning.tell((names, pattern), BTreeSet::new(), edits);
    }
    Ok(())
}

/// Who sends this heartbeat, and its epoch: below zero it leaves. Nobody that can be followed when it has no id yet.
fn member_of(ask: &Ask<'_>) -> Option<(MemberKey, i64)> {
    let root = ask.message.root();
    let member = root.text_in(field::MEMBER_ID).filter(|id| !id.is_empty())?;
    let key = MemberKey {
        group: root.child_of(Class::GroupId)?.text()?.to_owned(),
        member: member.to_owned(),
    };
    Some((key, root.int_in(field::MEMBER_EPOCH)?))
}
