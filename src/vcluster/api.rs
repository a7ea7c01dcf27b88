//! The handling of each request and of each answer. A constant in the file of each API says what it is ([`Api`]); the
//! [`table`] lists them.
//!
//! A request is walked, judged item by item, and rewritten into one that a physical broker may see; what was refused of
//! it is remembered and added to the answer, whose every name, id and address is turned back by `back`.

// What all APIs share.
mod ask;
mod back;
mod carried;
mod change;
mod config_reader;
mod config_values;
pub(super) mod description;
pub(super) mod error_code;
mod expression;
mod freshness;
mod gate;
mod gateway_refused;
mod group;
mod internal_topics;
pub(super) mod items;
mod local_errors;
mod mutations;
mod permit;
pub(super) mod records;
mod resources;
mod room;
mod rules;
mod tape;
pub(super) mod topics;
mod transactional_id;
mod txn_producer;
mod words;

// The APIs. None of them knows another.
mod acls;
mod alter_configs;
mod cluster;
mod config_resources;
mod configs;
mod consumer_group;
mod coordinator;
mod create_topics;
mod delete_records;
mod delete_topics;
mod fetch;
mod group_descriptions;
mod groups;
mod log_dirs;
mod login;
mod membership;
mod metadata;
mod offset_fetch;
mod offsets;
mod produce;
mod producer_id;
mod quorum;
mod quotas;
mod replicas;
mod scram_users;
mod share_fetch;
mod share_offsets;
mod share_state;
mod streams_group;
mod telemetry;
mod topic_partitions;
mod txn;
mod txn_admin;
mod versions;

// The table of the APIs, and what is above it.
mod several;
pub mod table;
#[cfg(test)]
mod protocol;
#[cfg(test)]
mod tests;

use bytes::Bytes;

use self::ask::{Aim, Ask, Stop};
pub use self::back::BadAnswer;
use self::back::{Back, part_of};
pub use self::change::changed;
pub use self::description::{Api, QuotaUse, ServedVersions, VersionRange};
pub use self::freshness::{Freshness, freshness};
use self::gate::Gate;
pub use self::local_errors::LocalErrors;
pub use self::mutations::AskedMutations;
pub use self::permit::{Basis, Permit, Permitted};
pub use self::several::{Gathered, Gathering, gathered};
use self::table::api_of;
use self::tape::TAPE;
use super::carried::Carried;
use super::pending::{Pending, Then};
use super::plan::{Attempt, Caller, CloseReason, Plan, Planned, SeenAs};
use super::record_work::{RecordResults, RecordWork};
use super::subscriptions::Subscriptions;
use super::view::View;
use crate::wire::{
    Class, Detail, Edits, Message, Narrow, RequestHeader, Segments, WireError, correlation_id, walk_request,
    walk_response,
};

/// The bounds of requests that the gateway answers itself: it reads every entry, and makes as many of its answer. An
/// entry can be as short as 8 bytes, of which that takes many times as much.
pub const ANSWERED_HERE: Narrow = Narrow {
    is_for: |key| api_of(key).is_some_and(Api::is_answered_here),
    bytes: 4 << 20,
    copies: 32,
};

/// Plans a request of a logged-in client: a frame, and what came of its records if they were judged. SASL requests are the
/// session's.
pub fn request(
    view: &View,
    caller: &Caller,
    subscriptions: &mut Subscriptions,
    (frame, results): (Bytes, &RecordResults),
    attempt: Attempt,
) -> Planned {
    let Ok(header) = RequestHeader::parse(&frame) else {
        return Plan::Close(CloseReason::BadRequest).into();
    };
    let Some(api) = api_of(header.api_key) else {
        return Plan::Close(CloseReason::UnsupportedApi).into();
    };
    if *api == versions::API_VERSIONS {
        return match versions::answer(view, &header, &frame) {
            Ok(answer) => Plan::Reply(answer).into(),
            Err(_) => Plan::Close(CloseReason::BadRequest).into(),
        };
    }
    if !view
        .apis
        .range(api)
        .is_some_and(|range| range.contains(header.api_version))
    {
        return Plan::Close(CloseReason::UnsupportedApi).into();
    }
    let question = Question {
        caller,
        api,
        header,
        frame: &frame,
        attempt,
        results,
    };
    match view.foreign() {
        [] => plan(view, question, Aim::ALONE, subscriptions),
        _ => several::request(view, question, subscriptions),
    }
}

/// A client's question.
#[derive(Debug, Clone, Copy)]
struct Question<'a> {
    caller: &'a Caller,
    api: &'static Api,
    header: RequestHeader,
    frame: &'a Bytes,
    attempt: Attempt,
    results: &'a RecordResults,
}

/// Plans a request to the physical cluster of `view`.
fn plan(view: &View, question: Question<'_>, aim: Aim, subscriptions: &mut Subscriptions) -> Planned {
    let Question {
        caller,
        api,
        header,
        frame,
        attempt,
        results,
    } = question;
    let Some(request) = api.request() else {
        return Plan::Close(CloseReason::UnsupportedApi).into();
    };
    let planned = TAPE.with_borrow_mut(|tape| {
        let message = match walk_request(&header, frame, request.detail(view), tape) {
            Ok(message) => message,
            Err(WireError::TrailingBytes { at }) => return Err(at),
            Err(_) => return Ok(Plan::Close(CloseReason::BadRequest).into()),
        };
        let gate = Gate::new(view, caller, rules::judge(view, caller, api, (&header, frame)));
        let mut ask = Ask {
            view,
            caller,
            gate,
            api,
            header,
            frame,
            message,
            attempt,
            aim,
            subscriptions: &mut *subscriptions,
            results,
        };
        let words = ask.rule_out();
        let plan = match ((request.plan)(&mut ask), words) {
            (Ok(Plan::Reply(answer)), Some(words)) => ask.in_words(&answer, &words).map(Plan::Reply),
            (plan, _) => plan,
        };
        let gate = ask.gate;
        Ok(match plan {
            Ok(plan) => gate.planned(plan),
            Err(Stop::Malformed) => gate.planned(Plan::Close(CloseReason::BadRequest)),
            Err(Stop::TopicsNotKnown) => Ask::need_fresh_topics(frame.clone()).into(),
            Err(Stop::Uncompiled(text)) => Ask::need_pattern(text, frame.clone(), attempt).into(),
            Err(Stop::Unjudged(work)) => Ask::need_records(work, frame.clone(), attempt).into(),
            Err(Stop::Unconfirmed) => Ask::need_confirmation(frame.clone()).into(),
            Err(Stop::Unpermitted) => gate.planned(Plan::Close(CloseReason::Unpermitted)),
        })
    });
    planned.unwrap_or_else(|end| {
        // librdkafka sends more bytes than a message of some versions has. Brokers do not read them: neither does
        // anybody here.
        let frame = &frame.slice(..end);
        plan(view, Question { frame, ..question }, aim, subscriptions)
    })
}

/// A broker's answer as the client gets it.
#[derive(Debug)]
pub struct Answered {
    pub frame: Segments,
    /// The authorization error with which the physical cluster refused the gateway itself, if it did. The client is
    /// not told; whoever runs the gateway should be.
    pub gateway_refused: Option<i16>,
    /// The errors that the gateway answers in place of what the broker said. What it refused of the request is counted
    /// by its plan.
    pub errors: LocalErrors,
    /// For how long the broker does not read its connection, in milliseconds.
    pub throttle_ms: u32,
    /// The records that the broker took, or that the client gets.
    pub carried: Carried,
}

/// The records of a broker's answer that must be judged before it is told; none when there are none.
pub fn unjudged(
    view: &View,
    caller: &Caller,
    pending: &Pending,
    results: &RecordResults,
    frame: &Bytes,
) -> Result<Option<RecordWork>, BadAnswer> {
    if view.policies.is_none() {
        return Ok(None);
    }
    let (Then::Fetched(_, facts, _), Some(forwarded)) = (&pending.then, pending.api.forwarded()) else {
        return Ok(None);
    };
    let view = part_of(view, pending);
    TAPE.with_borrow_mut(|tape| {
        let key = (pending.api.key, pending.version);
        let message = walk_response(key, frame, forwarded.response.detail, tape)?;
        let back = Back::new(view, caller, pending, results);
        Ok(records::unjudged(&back, message, frame, facts.as_deref()))
    })
}

/// Turns a broker's answer into the client's.
pub fn response(
    view: &View,
    caller: &Caller,
    pending: Pending,
    results: &RecordResults,
    frame: Bytes,
) -> Result<Answered, BadAnswer> {
    let Some(forwarded) = pending.api.forwarded() else {
        return Err(BadAnswer::OtherApi);
    };
    let view = part_of(view, &pending);
    if correlation_id(&frame)? != pending.correlation_id {
        return Err(BadAnswer::OtherRequest);
    }
    TAPE.with_borrow_mut(|tape| {
        let key = (pending.api.key, pending.version);
        let message = walk_response(key, &frame, forwarded.response.detail, tape)?;
        let mut edits = Edits::new();
        let mut back = Back::new(view, caller, &pending, results);
        (forwarded.response.convert)(&mut back, message, &mut edits)?;
        let throttle_ms = say_throttle(message, pending.throttle_ms, &mut edits);
        edits.remove_unknown(message);
        let gateway_refused = match caller.seen_as {
            SeenAs::Gateway => gateway_refused::hide(message, &mut edits),
            SeenAs::Itself => None,
        };
        let (errors, carried) = (back.errors, back.carried);
        let frame = edits.finish(message, &frame)?;
        Ok(Answered {
            frame,
            gateway_refused,
            errors,
            throttle_ms,
            carried,
        })
    })
}

/// Has an answer say for how long the client is not read, unless it says that the broker does not read for longer. Gives what
/// the broker said.
fn say_throttle(message: Message<'_>, throttle_ms: u32, edits: &mut Edits) -> u32 {
    let Some(node) = message.root().child_of(Class::ThrottleTimeMs) else {
        return 0;
    };
    let of_broker = node
        .int()
        .and_then(|ms| u32::try_from(ms).ok())
        .unwrap_or_default();
    if throttle_ms > of_broker {
        edits.set_int(node, i64::from(throttle_ms));
    }
    of_broker
}

/// An answer of the gateway's own that says for how long the client is not read, where an answer of that API and version can.
pub fn throttled(answer: Segments, api: (i16, i16), throttle_ms: u32) -> Segments {
    let frame = answer.body();
    let told = TAPE.with_borrow_mut(|tape| {
        let message = walk_response(api, &frame, Detail::Classified, tape)?;
        let mut edits = Edits::new();
        say_throttle(message, throttle_ms, &mut edits);
        edits.finish(message, &frame)
    });
    // What cannot be walked says nothing.
    told.unwrap_or(answer)
}

/// The mutations that a request asks for, whether they will be made or not; none, if it is not of an API that makes some.
pub fn mutations(view: &View, frame: &[u8]) -> Option<AskedMutations> {
    let header = RequestHeader::parse(frame).ok()?;
    let api = api_of(header.api_key)?;
    let QuotaUse::Mutations { .. } = api.uses() else {
        return None;
    };
    mutations::asked(view, api, (header, frame))
}

/// The thing that requests of an API use, of those that quotas are for.
pub fn uses(api_key: i16) -> QuotaUse {
    api_of(api_key).map_or(QuotaUse::Nothing, Api::uses)
}

/// Answers a request that comes in the middle of a login, if it is one that brokers are seen to answer: clients learn
/// from it that they are not logged in.
pub fn out_of_turn(view: &View, frame: &Bytes) -> Option<Segments> {
    let header = RequestHeader::parse(frame).ok()?;
    let range = view.apis.range(&metadata::METADATA)?;
    let is_metadata = header.api_key == metadata::METADATA.key && range.contains(header.api_version);
    let answer = is_metadata.then(|| metadata::out_of_turn(&header, frame))?;
    answer.ok()
}

/// Whether clients ask for the addresses of brokers by an API.
pub fn tells_addresses(api_key: i16) -> bool {
    api_key == metadata::METADATA.key
}

/// Answers an ApiVersions request, before login as after it.
pub fn api_versions(view: &View, frame: &Bytes) -> Result<Segments, WireError> {
    versions::answer(view, &RequestHeader::parse(frame)?, frame)
}
