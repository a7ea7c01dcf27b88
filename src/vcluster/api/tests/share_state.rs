//! Requests of brokers to each other about share groups: as it is through the whole physical cluster, refused in a
//! Partner.

use klamm_raft::model::Operation::{Alter, ClusterAction};

use super::world::*;
use crate::authz::Resource;
use crate::vcluster::api;
use crate::vcluster::plan::{Attempt, Plan};
use crate::vcluster::record_work::RecordResults;
use crate::vcluster::subscriptions::Subscriptions;
use crate::wire::{Detail, Item, Tape, field, walk_response};

/// Initialize, read, write, delete, read a summary.
const APIS: [(i16, i16); 7] = [(83, 0), (84, 0), (85, 0), (85, 1), (86, 0), (87, 0), (87, 1)];
const TOPIC: [u8; 16] = [7; 16];

fn request((key, version): (i16, i16)) -> bytes::Bytes {
    let mut request = Item::request(key, version).unwrap();
    let mut topic = request.item(field::TOPICS);
    let mut partition = topic.item(field::PARTITIONS);
    partition.set(field::PARTITION, 3);
    topic
        .set(field::TOPIC_ID, TOPIC)
        .push(field::PARTITIONS, partition);
    request.set(field::GROUP_ID, "share").push(field::TOPICS, topic);
    let frame = request.request_frame((key, version), CORRELATION_ID, "client");
    frame.unwrap().joined().slice(4..)
}

fn plan(world: &World, api: (i16, i16)) -> Plan {
    api::request(
        &world.view,
        &world.caller,
        &mut Subscriptions::default(),
        (request(api), &RecordResults::NONE),
        Attempt::First,
    )
    .plan
}

/// The error of the one partition that was asked for, and what is said of it.
fn refused(world: &World, api: (i16, i16)) -> (i64, Option<String>) {
    let Plan::Reply(reply) = plan(world, api) else {
        panic!("{api:?} is not answered here")
    };
    let frame = reply.joined().slice(4..);
    let mut tape = Tape::new();
    let message = walk_response(api, &frame, Detail::Everything, &mut tape).unwrap();
    let topic = message.root().items(field::RESULTS).next().unwrap();
    assert_eq!(topic.topic_id(), Some(TOPIC));
    let partition = topic.items(field::PARTITIONS).next().unwrap();
    assert_eq!(partition.int_in(field::PARTITION), Some(3));
    let said = partition.text_in(field::ERROR_MESSAGE);
    (
        partition.int_in(field::ERROR_CODE).unwrap(),
        said.map(str::to_owned),
    )
}

#[test]
fn the_state_of_share_groups_is_for_those_who_act_for_the_whole_cluster() {
    let denied = (31, Some("Cluster authorization failed.".to_owned()));
    for api in APIS {
        for world in [World::new(), World::passthrough()] {
            assert_eq!(refused(&world.allow(Alter, Resource::CLUSTER), api), denied);
        }
        let partner = World::new().allow(ClusterAction, Resource::CLUSTER);
        assert_eq!(refused(&partner, api), (44, None), "{api:?}: not its own");
        let world = World::passthrough().allow(ClusterAction, Resource::CLUSTER);
        let Plan::Forward(forward) = plan(&world, api) else {
            panic!("{api:?} is not forwarded")
        };
        let sent = forward.request.into_frame().joined();
        assert!(sent.ends_with(&request(api)), "{api:?}: as it is");
    }
}
