//! A kind of resource: all that the routes, the description, the audit log and the command line know of it is said
//! once, in the file of its handlers.

use std::fmt;

use serde_json::{Value, json};

use super::api::AdminApi;
use super::handlers::dry_run::Rehearse;
use super::resources::API_VERSION;

/// A kind of resource.
pub struct Kind {
    /// As `kind` of a resource, and in the audit log.
    pub name: &'static str,
    /// The words for the kind on the command line; the first is used when something is said about it.
    pub words: &'static [&'static str],
    /// Where it is put and listed.
    pub path: &'static str,
    pub listing: Listing,
    /// The columns of a table of them: the head of each, and where the value stands in the JSON.
    pub columns: &'static [(&'static str, &'static str)],
    /// None for what is listed, and not put by `klamm apply`.
    pub applied: Option<ApplyRules>,
    /// Registers its operations.
    pub(super) register: fn(&mut AdminApi),
}

/// How one or some of a kind are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listing {
    /// They belong to no virtual cluster; one is at a path of its own, by its name.
    ByPath,
    /// They belong to virtual clusters, and to what this query parameter filters by.
    InVcluster { named: &'static str },
    /// They belong to all virtual clusters or to one, and there perhaps to a group or an account.
    InScope,
    /// Like these, with their scope in an object of its own. One is at a path of its own, by its name.
    InNestedScope,
    /// They are below a virtual cluster, at a path that ends like this.
    BelowVcluster { end: &'static str },
    /// They belong to no virtual cluster, and are listed all.
    All,
}

/// How `klamm apply` and programs that read the description put several of a kind.
#[derive(Debug)]
pub struct ApplyRules {
    /// The place of the kind among others, which it depends on or which depend on it.
    pub place: u8,
    pub pace: Pace,
    /// The values that only one resource can have within its virtual cluster, beside its name.
    pub claims: &'static [Claim],
    pub(super) rehearse: Rehearse,
}

/// How many of a kind may go out at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Something is given out in their order.
    OneByOne,
    /// The first of a virtual cluster decides something for the others.
    FirstAlone,
    Together,
}

/// Something that two of a kind must not want at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// The values at these places, taken together.
    Of(&'static [&'static str]),
    /// Each item of the list at this place.
    EachOf(&'static str),
}

impl Kind {
    /// The word for the kind when something is said about it.
    pub fn called(&self) -> &'static str {
        match (self.applied.is_some(), self.words) {
            (false, [first, ..]) => first,
            _ => self.name,
        }
    }

    /// One that is shown to people as a template.
    pub(super) fn example(&self, metadata: &Value, spec: &Value) -> Value {
        json!({ "kind": self.name, "apiVersion": API_VERSION, "metadata": metadata, "spec": spec })
    }

    /// One of them, as the audit log names it.
    pub(super) fn one(&self, which: impl fmt::Display) -> String {
        format!("{}/{which}", self.name)
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
