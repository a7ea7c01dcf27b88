//! ApiVersions, DescribeConfigs, and requests that are not served at all.

use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym,
};
use kafka_protocol::messages::{
    ApiVersionsRequest, DescribeConfigsRequest, DescribeConfigsResponse, HeartbeatRequest, HeartbeatResponse,
    ProduceRequest, UpdateFeaturesRequest,
};
use klamm_raft::model::Operation::{AlterConfigs, DescribeConfigs, Read};

use super::world::*;
use crate::authz::Resource;
use crate::vcluster::api;
use crate::vcluster::plan::{Answer, Attempt, CloseReason, Plan, SeenAs};
use crate::vcluster::record_work::RecordResults;
use crate::vcluster::subscriptions::Subscriptions;

#[test]
fn versions_are_announced_in_every_version() {
    let world = World::new();
    for version in 0..=4 {
        let response = world.ask(version, &of_software("sample-client", "1.0")).replied();
        assert_eq!(response.error_code, 0);
        let range = |key| {
            let found = response.api_keys.iter().find(|api| api.api_key == key);
            found.map(|api| (api.min_version, api.max_version))
        };
        assert_eq!(range(0), Some((0, 13)));
        assert_eq!(range(18), Some((0, 4)));
        assert_eq!(range(32), Some((1, 4)));
        assert_eq!(range(49), Some((0, 1)));
        for unserved in [38, 57, 80] {
            assert_eq!(range(unserved), None, "{unserved} is not served");
        }
        if version >= 3 {
            let names: Vec<_> = response
                .finalized_features
                .iter()
                .map(|f| f.name.to_string())
                .collect();
            assert_eq!(
                names,
                ["metadata.version", "group.version", "transaction.version"],
                "features of APIs that are not served stay hidden"
            );
        }
    }
}

/// The software that a client names from version 3 on.
fn of_software(name: &str, version: &str) -> ApiVersionsRequest {
    ApiVersionsRequest::default()
        .with_client_software_name(text(name))
        .with_client_software_version(text(version))
}

#[test]
fn software_without_a_proper_name_is_refused_from_version_3_on() {
    let world = World::new();
    let bad = [("", "1"), ("a", ""), ("a client", "1"), ("-a", "1"), ("a", "1.")];
    for (name, software) in bad {
        for version in [3, 4] {
            let response = world.ask(version, &of_software(name, software)).replied();
            assert_eq!(
                (response.error_code, response.api_keys.len()),
                (42, 0),
                "{name:?} {software:?}"
            );
        }
    }
}

#[test]
fn an_unknown_version_is_answered_in_version_0() {
    let world = World::new();
    let mut frame = encode_request(4, &ApiVersionsRequest::default()).to_vec();
    frame[3] = 99;
    let planned = api::request(
        &world.view,
        &world.caller,
        &mut Subscriptions::default(),
        (frame.into(), &RecordResults::NONE),
        Attempt::First,
    );
    let Plan::Reply(reply) = planned.plan else {
        panic!("{:?}", planned.plan)
    };
    let response = decode_response::<ApiVersionsRequest>(0, &reply);
    assert_eq!(response.error_code, 35);
    let told: Vec<_> = response
        .api_keys
        .iter()
        .map(|api| (api.api_key, api.max_version))
        .collect();
    assert_eq!(told, [(18, 4)]);
}

#[test]
fn what_is_not_served_closes_the_connection() {
    let world = World::new().asked_by_super_user();
    assert_eq!(
        world.ask(1, &UpdateFeaturesRequest::default()).closed(),
        CloseReason::UnsupportedApi
    );
    let mut produce = encode_request(3, &ProduceRequest::default()).to_vec();
    produce[3] = 2;
    let mut short = encode_request(0, &HeartbeatRequest::default()).to_vec();
    short.pop();
    for (frame, reason) in [
        (produce, CloseReason::UnsupportedApi),
        (short, CloseReason::BadRequest),
        (vec![0, 1], CloseReason::BadRequest),
    ] {
        let planned = api::request(
            &world.view,
            &world.caller,
            &mut Subscriptions::default(),
            (frame.into(), &RecordResults::NONE),
            Attempt::First,
        );
        let Plan::Close(closed) = planned.plan else {
            panic!("{:?}", planned.plan)
        };
        assert_eq!(closed, reason);
    }
}

#[test]
fn an_answer_to_another_request_is_refused() {
    let world = World::new().asked_by_super_user();
    let asked = world.ask(0, &HeartbeatRequest::default().with_group_id(group_id("app")));
    let Plan::Forward(forward) = asked.planned.plan else {
        panic!("not forwarded")
    };
    let Answer::Expected(pending) = forward.answer else {
        panic!("no answer")
    };
    let answer = api::response(
        &world.view,
        &world.caller,
        pending,
        &RecordResults::NONE,
        vec![0, 0, 0, 1, 0, 0].into(),
    );
    assert_eq!(answer.unwrap_err(), api::BadAnswer::OtherRequest);
}

fn resource(kind: i8, name: &str) -> DescribeConfigsResource {
    DescribeConfigsResource::default()
        .with_resource_type(kind)
        .with_resource_name(text(name))
        .with_configuration_keys(None)
}

fn config(name: &str, value: &str) -> DescribeConfigsResourceResult {
    let synonym = DescribeConfigsSynonym::default()
        .with_name(text(name))
        .with_value(Some(text(value)));
    DescribeConfigsResourceResult::default()
        .with_name(text(name))
        .with_value(Some(text(value)))
        .with_config_source(4)
        .with_synonyms(vec![synonym])
}

fn configured(request: DescribeConfigsRequest) -> DescribeConfigsResponse {
    let results = request.resources.iter().map(|resource| {
        DescribeConfigsResult::default()
            .with_resource_type(resource.resource_type)
            .with_resource_name(resource.resource_name.clone())
            .with_error_message(Some(text("int-orders")))
            .with_configs(vec![
                config("advertised.listeners", "PLAINTEXT://b101.broker.internal:9092"),
                config("leader.replication.throttled.rate", "1000"),
                config("leader.replication.throttled.replicas", "0:101"),
                config("min.insync.replicas", "2"),
                config("consumer.session.timeout.ms", "45000"),
            ])
    });
    DescribeConfigsResponse::default().with_results(results.collect())
}

/// `type name error: configs` of each result.
fn told(response: &DescribeConfigsResponse) -> Vec<String> {
    let results = response.results.iter().map(|result| {
        let configs: Vec<_> = result.configs.iter().map(|config| config.name.as_str()).collect();
        let (kind, name, error) = (result.resource_type, &result.resource_name, result.error_code);
        format!("{kind} {name} {error}: {}", configs.join(" "))
    });
    results.collect()
}

#[test]
fn configurations_are_shown_without_what_is_physical() {
    let world = World::new()
        .allow(DescribeConfigs, Resource::topic("orders"))
        .allow(AlterConfigs, Resource::CLUSTER)
        .allow(DescribeConfigs, Resource::group("app"));
    for version in [1, 3, 4] {
        let resources = vec![
            resource(2, "bills"),
            resource(2, "orders"),
            resource(4, "2"),
            resource(4, ""),
            resource(8, "2"),
            resource(32, "app"),
            resource(4, "101"),
            resource(16, "metrics"),
        ];
        let request = DescribeConfigsRequest::default().with_resources(resources);
        let asked = world.ask(version, &request);
        assert_eq!(asked.denied(), ["DescribeConfigs Topic bills"]);
        let response = asked.forwarded(|upstream: DescribeConfigsRequest| {
            let names: Vec<_> = upstream
                .resources
                .iter()
                .map(|one| one.resource_name.to_string())
                .collect();
            assert_eq!(names, ["int-orders", "102", "", "102", "partner:app"]);
            configured(upstream)
        });
        assert_eq!(
            told(&response),
            [
                "2 orders 0: leader.replication.throttled.replicas min.insync.replicas",
                "4 2 0: min.insync.replicas",
                "4  0: min.insync.replicas",
                "8 2 0: ",
                "32 app 0: consumer.session.timeout.ms",
                "2 bills 29: ",
                "4 101 42: ",
                "16 metrics 42: ",
            ]
        );
    }
}

#[test]
fn configurations_need_their_own_right() {
    let world = World::new().allow(Read, Resource::topic("orders"));
    let ask = |resources| {
        let request = DescribeConfigsRequest::default().with_resources(resources);
        told(&world.ask(4, &request).replied())
    };
    assert_eq!(
        ask(vec![resource(2, "orders"), resource(4, "1")]),
        ["2 orders 29: ", "4 1 31: "]
    );
    let spoiled = ask(vec![resource(2, "orders"), resource(99, "x")]);
    assert_eq!(
        spoiled,
        ["2 orders 42: ", "99 x 42: "],
        "one unknown type spoils all"
    );
}

#[test]
fn a_cluster_that_refuses_the_gateway_is_named_and_not_blamed_on_the_client() {
    let world = World::new().asked_by_super_user();
    let asked = world.ask(0, &HeartbeatRequest::default().with_group_id(group_id("app")));
    let Plan::Forward(forward) = asked.planned.plan else {
        panic!("not forwarded")
    };
    let Answer::Expected(pending) = forward.answer else {
        panic!("no answer")
    };
    let refusal = HeartbeatResponse::default().with_error_code(30);
    let frame = encode_response::<HeartbeatRequest>(0, &refusal);
    let answered = api::response(&world.view, &world.caller, pending, &RecordResults::NONE, frame).unwrap();
    assert_eq!(answered.gateway_refused, Some(30));
    assert_eq!(
        decode_response::<HeartbeatRequest>(0, &answered.frame).error_code,
        -1
    );
}

#[test]
fn a_client_that_is_seen_as_itself_is_told_what_the_cluster_refuses() {
    let mut world = World::new().asked_by_super_user();
    world.caller.seen_as = SeenAs::Itself;
    let asked = world.ask(0, &HeartbeatRequest::default().with_group_id(group_id("app")));
    let Plan::Forward(forward) = asked.planned.plan else {
        panic!("not forwarded")
    };
    let Answer::Expected(pending) = forward.answer else {
        panic!("no answer")
    };
    let refusal = HeartbeatResponse::default().with_error_code(30);
    let frame = encode_response::<HeartbeatRequest>(0, &refusal);
    let answered = api::response(&world.view, &world.caller, pending, &RecordResults::NONE, frame).unwrap();
    assert_eq!(
        decode_response::<HeartbeatRequest>(0, &answered.frame).error_code,
        30
    );
}
