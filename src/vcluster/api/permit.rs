//! Permission as a value: nothing goes upstream without a [`Permit`], and none can be made but of a rule that allowed
//! something, or of the reason in an API's description why it needs no right.

use super::description::Api;
use crate::authz::{Authorized, Rule};
use crate::wire::Segments;

/// A proof that a request may go upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permit {
    basis: Basis,
}

/// The reason why a request may go upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// The rule that allowed the first of what the request asks.
    Rule(Rule),
    /// Nothing was allowed, and nothing needs to be: the reason is in the description of the API.
    NoRight(&'static str),
}

impl Permit {
    /// A permit by what was granted of a request, or by what its API says; none if there is neither.
    pub(super) fn of(granted: Option<Authorized>, api: &Api) -> Option<Self> {
        let forwarded = api.forwarded()?;
        let basis = match (granted, forwarded.needs_no_right) {
            (Some(authorized), _) => Basis::Rule(authorized.rule()),
            (None, Some(reason)) => Basis::NoRight(reason),
            (None, None) => return None,
        };
        Some(Self { basis })
    }

    /// The reason.
    pub fn basis(self) -> Basis {
        self.basis
    }
}

/// A request that may go upstream: a whole frame, length prefix included, with its permit. There is no other way to the
/// frame than to take it out, which is what those do who send it.
#[derive(Debug)]
pub struct Permitted {
    permit: Permit,
    frame: Segments,
}

impl Permitted {
    pub(super) fn new(permit: Permit, frame: Segments) -> Self {
        Self { permit, frame }
    }

    /// The proof that it may be sent.
    pub fn permit(&self) -> Permit {
        self.permit
    }

    /// The frame, for a broker.
    pub fn into_frame(self) -> Segments {
        self.frame
    }
}
