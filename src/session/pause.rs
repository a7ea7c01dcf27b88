//! What a session waits for before it reads its next request. At most one thing at a time.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::time::Sleep;

use super::budget::Share;
use super::end::End;
use super::federation::Relayed;
use super::pipeline::Asked;
use super::setup::Later;
use crate::auth::password::Verdict;
use crate::vcluster::api::Gathering;
use crate::vcluster::pattern::{Compiled, NoPattern};
use crate::vcluster::pending::PendingChange;
use crate::vcluster::plan::{
    Attempt, CallResult, ChangeResult, ChangeUnavailable, Confirmation, NotConfirmed,
};
use crate::wire::Segments;

/// A request that waits for the topology.
#[derive(Debug)]
pub(super) struct Unplanned {
    pub(super) frame: Bytes,
    pub(super) share: Option<Rc<Share>>,
    pub(super) asked: Asked,
}

/// Why a session reads no further.
pub(super) enum Pause {
    /// The topology is looked at again.
    Refresh { done: Later<()>, request: Unplanned },
    /// The cluster of gateways says whether this node is up to date.
    Confirmation {
        done: Later<Confirmation>,
        request: Unplanned,
    },
    /// A regular expression is compiled.
    Pattern {
        done: Later<Compiled>,
        text: String,
        request: Unplanned,
        attempt: Attempt,
    },
    /// A change is made durable.
    Change {
        done: Later<ChangeResult>,
        pending: PendingChange,
        asked: Asked,
    },
    /// The keys of a provider of tokens are read.
    Keys { done: Later<()>, asked: Asked },
    /// A password is checked.
    Password { done: Later<Verdict>, asked: Asked },
    /// The broker judges a client's login.
    Relay { done: Later<Relayed>, asked: Asked },
    /// Several physical clusters are asked.
    Calls {
        done: Later<Vec<CallResult>>,
        gathering: Box<Gathering>,
        asked: Asked,
    },
    /// A failed login is answered late.
    Refused {
        done: Pin<Box<Sleep>>,
        answer: Option<(Segments, Asked)>,
    },
}

/// What the wait was for is there.
#[derive(Debug)]
pub(super) enum Resume {
    Plan(Unplanned, Attempt),
    Compiled {
        compiled: Compiled,
        text: String,
        request: Unplanned,
        attempt: Attempt,
    },
    Changed {
        result: ChangeResult,
        pending: PendingChange,
        asked: Asked,
    },
    Keys {
        asked: Asked,
    },
    Checked {
        verdict: Verdict,
        asked: Asked,
    },
    Relayed {
        relayed: Relayed,
        asked: Asked,
    },
    Gathered {
        answers: Vec<CallResult>,
        gathering: Box<Gathering>,
        asked: Asked,
    },
    Refuse {
        answer: Option<(Segments, Asked)>,
        end: End,
    },
}

/// What a wait brought, if it brought anything.
enum Brought {
    Nothing,
    Confirmation(Confirmation),
    Compiled(Compiled),
    Change(ChangeResult),
    Verdict(Verdict),
    Relayed(Relayed),
    Answers(Vec<CallResult>),
}

impl Pause {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Brought> {
        match self {
            Self::Refresh { done, .. } | Self::Keys { done, .. } => {
                done.as_mut().poll(cx).map(|()| Brought::Nothing)
            }
            Self::Confirmation { done, .. } => done.as_mut().poll(cx).map(Brought::Confirmation),
            Self::Pattern { done, .. } => done.as_mut().poll(cx).map(Brought::Compiled),
            Self::Change { done, .. } => done.as_mut().poll(cx).map(Brought::Change),
            Self::Password { done, .. } => done.as_mut().poll(cx).map(Brought::Verdict),
            Self::Relay { done, .. } => done.as_mut().poll(cx).map(Brought::Relayed),
            Self::Calls { done, .. } => done.as_mut().poll(cx).map(Brought::Answers),
            Self::Refused { done, .. } => done.as_mut().poll(cx).map(|()| Brought::Nothing),
        }
    }

    /// Polls what is in `slot`, and empties it when the wait is over.
    pub(super) fn poll_in(slot: &mut Option<Self>, cx: &mut Context<'_>) -> Poll<Option<Resume>> {
        let Some(pause) = slot else {
            return Poll::Ready(None);
        };
        let brought = ready!(pause.poll(cx));
        Poll::Ready(slot.take().map(|pause| match pause {
            Self::Refresh { request, .. } => Resume::Plan(request, Attempt::AfterRefresh),
            Self::Confirmation { request, .. } => {
                let confirmation = match brought {
                    Brought::Confirmation(confirmation) => confirmation,
                    _ => Err(NotConfirmed),
                };
                Resume::Plan(
                    request,
                    match confirmation {
                        Ok(()) => Attempt::Confirmed,
                        Err(NotConfirmed) => Attempt::Unconfirmed,
                    },
                )
            }
            Self::Pattern {
                text,
                request,
                attempt,
                ..
            } => Resume::Compiled {
                compiled: match brought {
                    Brought::Compiled(compiled) => compiled,
                    _ => Err(NoPattern::Busy),
                },
                text,
                request,
                attempt,
            },
            Self::Change { pending, asked, .. } => Resume::Changed {
                result: match brought {
                    Brought::Change(result) => result,
                    _ => Err(ChangeUnavailable),
                },
                pending,
                asked,
            },
            Self::Keys { asked, .. } => Resume::Keys { asked },
            Self::Password { asked, .. } => Resume::Checked {
                verdict: match brought {
                    Brought::Verdict(verdict) => verdict,
                    _ => Verdict::NotChecked,
                },
                asked,
            },
            Self::Relay { asked, .. } => Resume::Relayed {
                relayed: match brought {
                    Brought::Relayed(relayed) => relayed,
                    _ => Err(End::UpstreamLost),
                },
                asked,
            },
            Self::Calls { gathering, asked, .. } => Resume::Gathered {
                answers: match brought {
                    Brought::Answers(answers) => answers,
                    _ => Vec::new(),
                },
                gathering,
                asked,
            },
            Self::Refused { answer, .. } => Resume::Refuse {
                answer,
                end: End::LoginRefused,
            },
        }))
    }
}

impl std::fmt::Debug for Pause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Refresh { .. } => "Refresh",
            Self::Confirmation { .. } => "Confirmation",
            Self::Pattern { .. } => "Pattern",
            Self::Change { .. } => "Change",
            Self::Keys { .. } => "Keys",
            Self::Password { .. } => "Password",
            Self::Relay { .. } => "Relay",
            Self::Calls { .. } => "Calls",
            Self::Refused { .. } => "Refused",
        })
    }
}
