//! A virtual cluster takes any request, and any answer to what it sent on.

use std::time::Duration;

use bytes::Bytes;
use klamm::policy::AtHand;
use klamm::records::{BatchBounds, Workspace};
use klamm::vcluster::api;
use klamm::vcluster::plan::{Answer, Attempt, Caller, ChangeUnavailable, Forward, Need, Plan};
use klamm::vcluster::record_work::{RecordResults, RecordWork};
use klamm::vcluster::subscriptions::Subscriptions;
use klamm::wire::{Class, Detail, RequestHeader, Segments, Tape, api_versions, walk_request, walk_response};

use super::chance::Chance;
use super::corpus;
use super::grow::{self, Way, body};
use super::mutate::spoil;
use super::runner::run;
use super::walker::api;
use super::world::{NAMESPACE, PHYSICAL, World};

/// An answer made here may be this many times as long as the request, and a little more.
const MOST_AMPLIFICATION: usize = 200;
const FREE_BYTES: usize = 32 << 10;

const END_TXN: i16 = 26;
/// The request that a broker gets in place of an EndTxn for a transaction that is on another physical cluster.
const INIT_PRODUCER_ID_V4: (i16, i16) = (22, 4);

#[test]
fn requests_and_their_answers() {
    let (world, corpus) = (World::new(), corpus::requests());
    for frame in &corpus {
        let chance = &mut Chance::new(0);
        play(&world, &world.callers[0], &Bytes::from(frame.clone()), chance);
    }
    run("virtual cluster", |chance| {
        let api = api(chance);
        let mut frame = match grow::message(Way::Request, api, &world.words, chance) {
            Some(frame) if !chance.one_in(10) => frame.to_vec(),
            _ => chance.pick(&corpus).clone(),
        };
        if chance.one_in(2) {
            spoil(&mut frame, chance);
        }
        let caller = &world.callers[chance.below(2)];
        play(&world, caller, &Bytes::from(frame), chance);
    });
}

fn play(world: &World, caller: &Caller, frame: &Bytes, chance: &mut Chance) {
    let attempt = *chance.pick(&[
        Attempt::First,
        Attempt::AfterRefresh,
        Attempt::Confirmed,
        Attempt::Unconfirmed,
    ]);
    let plan = |results: &RecordResults| {
        let mut subscriptions = Subscriptions::default();
        let judged = (frame.clone(), results);
        api::request(&world.view, caller, &mut subscriptions, judged, attempt).plan
    };
    let mut planned = plan(&RecordResults::NONE);
    if let Plan::Need(Need::Records {
        work,
        frame: same,
        attempt: again,
    }) = planned
    {
        assert_eq!(attempt, again, "asks the same");
        assert!(frame.starts_with(&same), "asks the same");
        planned = plan(&judge(*work));
    }
    match planned {
        Plan::Need(Need::Records { .. }) => panic!("asks once"),
        Plan::Reply(answer) => answered(frame, &answer),
        Plan::Forward(forward) => forwarded(world, caller, frame, forward, chance),
        Plan::Need(Need::FreshTopics { frame: same }) => {
            assert_eq!(attempt, Attempt::First, "asks once");
            // What follows the message is cut off.
            assert!(frame.starts_with(&same), "asks the same");
        }
        Plan::Need(Need::Confirmation { frame: same }) => {
            assert!(
                matches!(attempt, Attempt::First | Attempt::AfterRefresh),
                "asks once"
            );
            assert!(frame.starts_with(&same), "asks the same");
        }
        Plan::Need(Need::Pattern {
            frame: same,
            attempt: again,
            ..
        }) => {
            assert_eq!(attempt, again, "asks the same");
            assert!(frame.starts_with(&same), "asks the same");
        }
        Plan::Need(Need::Change { pending, .. }) => {
            answered(frame, &api::changed(pending, Err(ChangeUnavailable)))
        }
        Plan::Need(Need::Answers { .. }) => panic!("there is one physical cluster"),
        Plan::Drop | Plan::Close(_) => {}
    }
}

fn judge(work: RecordWork) -> RecordResults {
    let clock = || Duration::ZERO;
    let mut workspace = Workspace::new(BatchBounds::default());
    work.run(&mut workspace, &AtHand::nothing(), usize::MAX, clock)
        .settled()
}

/// An answer is a frame of the API, for the client's request, and not much longer than that was.
fn answered(request: &Bytes, answer: &Segments) {
    let answer = body(answer);
    assert_eq!(answer[..4], request[4..8], "the correlation id");
    assert!(
        answer.len() <= FREE_BYTES + request.len() * MOST_AMPLIFICATION,
        "{} bytes in answer to {}",
        answer.len(),
        request.len()
    );
    let header = RequestHeader::parse(request).unwrap();
    let of = (header.api_key, header.api_version);
    // Of ApiVersions any version is answered, in version 0 when it is not known.
    if api_versions(of.0).is_some_and(|range| range.contains(of.1)) {
        walk_response(of, &answer, Detail::Everything, &mut Tape::new()).unwrap();
    }
}

fn forwarded(world: &World, caller: &Caller, frame: &Bytes, forward: Forward, chance: &mut Chance) {
    let sent = body(&forward.request.into_frame());
    assert_eq!(sent[4..8], frame[4..8], "the correlation id");
    let (asked, header) = (
        RequestHeader::parse(frame).unwrap(),
        RequestHeader::parse(&sent).unwrap(),
    );
    let (asked, of) = (
        (asked.api_key, asked.api_version),
        (header.api_key, header.api_version),
    );
    let asks_anew = asked.0 == END_TXN && of == INIT_PRODUCER_ID_V4;
    assert!(asks_anew || of == asked, "{of:?} in place of {asked:?}");
    let mut tape = Tape::new();
    let walked = walk_request(&header, &sent, Detail::Classified, &mut tape).unwrap();
    // What begins with the namespace can be no topic: its colon is in no topic's name. It stands for no topic where a
    // version has no way to ask for none, and for one that the virtual cluster does not have.
    for name in walked.all(Class::TopicName).filter_map(|node| node.text()) {
        assert!(
            name.is_empty() || name.starts_with(NAMESPACE) || PHYSICAL.contains(&name),
            "{header:?}: a broker is asked for {name:?}"
        );
    }
    for id in walked.all(Class::TopicId).filter_map(|node| node.uuid()) {
        let is_known = id == [0; 16] || world.physical_ids.contains(&id);
        assert!(is_known, "{header:?}: a broker is asked for {id:?}");
    }
    for group in walked.all(Class::GroupId).filter_map(|node| node.text()) {
        assert!(
            group.starts_with(NAMESPACE),
            "{header:?}: a broker is asked for group {group:?}"
        );
    }
    let Answer::Expected(pending) = forward.answer else {
        return;
    };
    let Some(answer) = grow::message(Way::Response, of, &world.words, chance) else {
        panic!("no answer to {of:?}")
    };
    let mut answer = answer.to_vec();
    if !chance.one_in(20) {
        answer[..4].copy_from_slice(&header.correlation_id.to_be_bytes());
    }
    if chance.one_in(2) {
        spoil(&mut answer, chance);
    }
    let answer = Bytes::from(answer);
    let none = RecordResults::NONE;
    let work = api::unjudged(&world.view, caller, &pending, &none, &answer);
    let results = work.ok().flatten().map_or(none, judge);
    if let Ok(told) = api::response(&world.view, caller, pending, &results, answer) {
        let told = body(&told.frame);
        assert_eq!(told[..4], header.correlation_id.to_be_bytes());
        // What nobody looks at is passed on as it came, even if it is no text.
        walk_response(asked, &told, Detail::Classified, &mut Tape::new()).unwrap();
    }
}
