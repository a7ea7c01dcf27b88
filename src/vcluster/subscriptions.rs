//! By which regular expressions the members of KIP-848 groups on one connection subscribe. A member sends its expression
//! once, and brokers are given names in its place: when topics or rights change, the connection must look again. It
//! knows no messages.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Weak};

use super::pattern::Compiled;
use super::rename::Names;
use super::view::{Acls, View};

/// How many members one connection has that are followed; a client has one. Of more, the oldest are not followed.
const MAX_MEMBERS: usize = 8;

/// The members of one connection.
#[derive(Debug, Default)]
pub struct Subscriptions {
    /// The oldest first.
    members: VecDeque<Member>,
    /// The expression that the next request to be planned asked for, and what came of it.
    compiled: Option<(String, Compiled)>,
}

/// Who subscribes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberKey {
    /// The group as the client calls it.
    pub group: String,
    pub member: String,
}

/// A member that subscribes by an expression.
#[derive(Debug)]
pub struct Member {
    key: MemberKey,
    expression: String,
    told: Told,
    seen: Seen,
}

/// The subscription that the broker was told last.
#[derive(Debug)]
struct Told {
    /// Of the names; they themselves would be many.
    fingerprint: u64,
    /// The member's epoch by then, until it is certain that the broker took them: a new subscription raises it.
    unproven_at: Option<i64>,
}

/// Of what the names were made.
#[derive(Debug)]
struct Seen {
    names: Weak<Names>,
    acls: Weak<Acls>,
}

impl Seen {
    fn of(view: &View) -> Self {
        Self {
            names: Arc::downgrade(&view.names),
            acls: Arc::downgrade(&view.acls),
        }
    }

    fn is(&self, view: &View) -> bool {
        let now = Self::of(view);
        Weak::ptr_eq(&self.names, &now.names) && Weak::ptr_eq(&self.acls, &now.acls)
    }
}

impl Subscriptions {
    /// A member subscribes by this expression alone, in place of which the broker is told these texts now.
    pub fn follow<'a>(
        &mut self,
        key: MemberKey,
        expression: &str,
        names: impl IntoIterator<Item = &'a str>,
        view: &View,
    ) {
        self.forget(&key);
        if self.members.len() == MAX_MEMBERS {
            self.members.pop_front();
        }
        self.members.push_back(Member {
            key,
            expression: expression.to_owned(),
            told: Told {
                fingerprint: fingerprint(names),
                unproven_at: None,
            },
            seen: Seen::of(view),
        });
    }

    /// A member left, or subscribes in another way.
    pub fn forget(&mut self, key: &MemberKey) {
        self.members.retain(|member| member.key != *key);
    }

    /// Takes what came of the expression that a request asked for, which is planned next.
    pub fn compiled(&mut self, text: String, compiled: Compiled) {
        self.compiled = Some((text, compiled));
    }

    /// Gives what came of the expression to that request.
    pub fn take_compiled(&mut self, text: &str) -> Option<Compiled> {
        let (of, compiled) = self.compiled.take()?;
        (of == text).then_some(compiled)
    }

    /// The member, if it subscribes by an expression.
    pub fn member(&mut self, key: &MemberKey) -> Option<&mut Member> {
        self.members.iter_mut().find(|member| member.key == *key)
    }
}

impl Member {
    /// The expression, if what it stands for must be looked at in a heartbeat with this epoch.
    pub fn must_resolve(&mut self, view: &View, epoch: i64) -> Option<&str> {
        if self.told.unproven_at.is_some_and(|at| epoch > at) {
            self.told.unproven_at = None;
        }
        let is_due = self.told.unproven_at.is_some() || !self.seen.is(view);
        is_due.then_some(self.expression.as_str())
    }

    /// The texts that stand for the expression now; whether the broker must be told.
    pub fn resolved<'a>(
        &mut self,
        names: impl IntoIterator<Item = &'a str>,
        view: &View,
        epoch: i64,
    ) -> bool {
        self.seen = Seen::of(view);
        let fingerprint = fingerprint(names);
        if fingerprint != self.told.fingerprint {
            self.told = Told {
                fingerprint,
                unproven_at: Some(epoch),
            };
        }
        self.told.unproven_at.is_some()
    }
}

fn fingerprint<'a>(names: impl IntoIterator<Item = &'a str>) -> u64 {
    // Its keys are constants: the same names always give the same.
    let mut hasher = DefaultHasher::new();
    for name in names {
        name.hash(&mut hasher);
    }
    hasher.finish()
}
