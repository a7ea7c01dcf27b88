//! OffsetCommit and OffsetFetch by topic id (version 10), which `kafka-protocol` does not know: messages are made and read
//! with the wire engine.

use bytes::Bytes;
use klamm_raft::model::Operation::{Describe, Read};

use super::world::*;
use crate::authz::Resource;
use crate::vcluster::api::offset_fetch::OFFSET_FETCH;
use crate::vcluster::api::offsets::OFFSET_COMMIT;
use crate::vcluster::api::{self, Api};
use crate::vcluster::plan::{Answer, Attempt, Need, Plan};
use crate::vcluster::record_work::RecordResults;
use crate::vcluster::subscriptions::Subscriptions;
use crate::wire::{
    Class, Detail, Field, Item, Node, RequestHeader, Tape, Value, field, walk_request, walk_response,
};

const VERSION: i16 = 10;
const UNKNOWN: [u8; 16] = [9; 16];

fn id_of(world: &World, name: &str) -> [u8; 16] {
    *world.virtual_id(name).as_bytes()
}

/// Adds topics with partition 4 to `parent`.
fn add_topics(parent: &mut Item, ids: &[[u8; 16]], fill: impl Fn(&mut Item)) {
    for id in ids {
        let mut topic = parent.item(field::TOPICS);
        topic.set(field::TOPIC_ID, *id);
        fill(&mut topic);
        parent.push(field::TOPICS, topic);
    }
}

fn frame(api: &Api, request: &Item) -> Bytes {
    let segments = request
        .request_frame((api.key, VERSION), CORRELATION_ID, "client")
        .unwrap();
    segments.joined().slice(4..)
}

fn commit(ids: &[[u8; 16]]) -> Bytes {
    let mut request = Item::request(OFFSET_COMMIT.key, VERSION).unwrap();
    request.set(field::GROUP_ID, "app");
    add_topics(&mut request, ids, |topic| {
        let mut partition = topic.item(field::PARTITIONS);
        partition.set(field::PARTITION_INDEX, 4);
        topic.push(field::PARTITIONS, partition);
    });
    frame(&OFFSET_COMMIT, &request)
}

fn fetch(ids: &[[u8; 16]]) -> Bytes {
    let mut request = Item::request(OFFSET_FETCH.key, VERSION).unwrap();
    let mut group = request.item(field::GROUPS);
    group.set(field::GROUP_ID, "app");
    add_topics(&mut group, ids, |topic| {
        topic.set(field::PARTITION_INDEXES, Value::List(vec![4.into()]));
    });
    request.push(field::GROUPS, group);
    frame(&OFFSET_FETCH, &request)
}

/// Topic ids of a request that goes upstream, and the answer that a client gets when the broker says all is well.
fn exchange(world: &World, request: Bytes, answer: impl Fn(&[[u8; 16]]) -> Item) -> (Vec<[u8; 16]>, Bytes) {
    let planned = api::request(
        &world.view,
        &world.caller,
        &mut Subscriptions::default(),
        (request, &RecordResults::NONE),
        Attempt::AfterRefresh,
    );
    let Plan::Forward(forward) = planned.plan else {
        panic!("{:?}", planned.plan)
    };
    let Answer::Expected(pending) = forward.answer else {
        panic!("no answer is expected")
    };
    let sent = forward.request.into_frame().joined().slice(4..);
    let header = RequestHeader::parse(&sent).unwrap();
    let mut tape = Tape::new();
    let message = walk_request(&header, &sent, Detail::Everything, &mut tape).unwrap();
    let ids: Vec<_> = message
        .all(Class::Topics)
        .flat_map(|array| array.children())
        .filter_map(|t| t.topic_id())
        .collect();
    let api = (header.api_key, VERSION);
    let answered = answer(&ids).response_frame(api, CORRELATION_ID).unwrap();
    let told = api::response(
        &world.view,
        &world.caller,
        pending,
        &RecordResults::NONE,
        answered.joined().slice(4..),
    )
    .unwrap();
    (ids, told.frame.joined().slice(4..))
}

/// Topic id and error of each topic in an answer.
fn told(api: &Api, answer: &Bytes) -> Vec<([u8; 16], i64)> {
    let mut tape = Tape::new();
    let message = walk_response((api.key, VERSION), answer, Detail::Everything, &mut tape).unwrap();
    let topics = message.all(Class::Topics).flat_map(|array| array.children());
    let error = |partitions: Field, topic: Node<'_>| {
        topic
            .items(partitions)
            .next()
            .and_then(|partition| partition.int_in(field::ERROR_CODE))
    };
    topics
        .map(|topic| {
            (
                topic.topic_id().unwrap(),
                error(field::PARTITIONS, topic).unwrap(),
            )
        })
        .collect()
}

fn all_well(parent: &mut Item, ids: &[[u8; 16]]) {
    add_topics(parent, ids, |topic| {
        let mut partition = topic.item(field::PARTITIONS);
        partition.set(field::PARTITION_INDEX, 4);
        topic.push(field::PARTITIONS, partition);
    });
}

#[test]
fn offsets_are_committed_by_id() {
    let world = World::new()
        .allow(Read, Resource::group("app"))
        .allow(Read, Resource::topic("orders"));
    let (orders, bills) = (id_of(&world, "orders"), id_of(&world, "bills"));
    let (sent, answer) = exchange(&world, commit(&[bills, orders, UNKNOWN]), |ids| {
        let mut response = Item::response(OFFSET_COMMIT.key, VERSION).unwrap();
        all_well(&mut response, ids);
        response
    });
    assert_eq!(sent, [*physical_id("int-orders").as_bytes()]);
    assert_eq!(
        told(&OFFSET_COMMIT, &answer),
        [(orders, 0), (bills, 29), (UNKNOWN, 100)]
    );
}

#[test]
fn offsets_are_fetched_by_id() {
    let world = World::new()
        .allow(Describe, Resource::group("app"))
        .allow(Read, Resource::topic("orders"));
    let (orders, bills) = (id_of(&world, "orders"), id_of(&world, "bills"));
    let (sent, answer) = exchange(&world, fetch(&[bills, orders, UNKNOWN]), |ids| {
        let mut response = Item::response(OFFSET_FETCH.key, VERSION).unwrap();
        let mut group = response.item(field::GROUPS);
        group.set(field::GROUP_ID, "partner:app");
        all_well(&mut group, ids);
        response.push(field::GROUPS, group);
        response
    });
    assert_eq!(sent, [*physical_id("int-orders").as_bytes()]);
    assert_eq!(
        told(&OFFSET_FETCH, &answer),
        [(orders, 0), (bills, 29), (UNKNOWN, 100)]
    );
}

#[test]
fn an_unknown_id_needs_a_look_first() {
    let world = World::new().asked_by_super_user();
    for request in [commit(&[UNKNOWN]), fetch(&[UNKNOWN])] {
        let planned = api::request(
            &world.view,
            &world.caller,
            &mut Subscriptions::default(),
            (request, &RecordResults::NONE),
            Attempt::First,
        );
        assert!(
            matches!(planned.plan, Plan::Need(Need::FreshTopics { .. })),
            "{:?}",
            planned.plan
        );
    }
}
