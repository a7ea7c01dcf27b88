//! Policies: what is done with requests and with records on their way, compiled. Pure: it knows neither sessions nor frames.
//!
//! [`check`] says whether a policy can be carried out, when it is put. [`Policies`] are those of a virtual cluster. For a
//! client and a topic they give a [`PolicyChain`], which judges records one after the other ([`crate::records::Chain`]), or
//! none, if nothing of it concerns them: then nobody need look at the records. [`RequestPolicies`] are those of the virtual
//! cluster on requests: for a client they give a [`RequestJudge`], which judges items of a request. [`BroughtAcls`] are the
//! ACLs that policies of a virtual cluster stand for, [`RatePolicies`] those that limit how much clients use.

mod acls;
mod at_hand;
mod chain;
mod cipher;
mod compiled;
mod context;
mod fault;
mod header_keys;
mod link;
mod load;
mod outcomes;
mod phase;
mod policies;
mod rates;
mod reach;
mod requests;
mod scope;
mod topics;
mod validation;
mod values;
mod vocabulary;

pub use acls::{BroughtAcls, principals};
pub use at_hand::{AtHand, MayWait, RecordNeed};
pub use chain::{PolicyChain, RecordRefusal};
pub use context::{AuthType, PolicyContext};
pub use fault::{PolicyFault, check};
pub use load::RecordLoad;
pub use outcomes::RecordOutcomes;
pub use policies::Policies;
pub use rates::{RatePolicies, RatePolicy};
pub use requests::{
    RefusedItem, RequestFacts, RequestJudge, RequestOutcomes, RequestPolicies, RequestTally, RequestVariable,
    RuledSettings, SettingValue,
};
pub use scope::{GroupMembers, keyed_in, retain_holding};

#[cfg(test)]
mod tests;
