//! Members of groups that say what no stock client of today says, or say it sooner: byte by byte, at brokers and through
//! the gateway.

use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use kafka_protocol::messages::consumer_group_heartbeat_request::TopicPartitions as OwnedTopic;
use kafka_protocol::messages::consumer_group_heartbeat_response::TopicPartitions;
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, CreateTopicsRequest,
    DescribeGroupsRequest, FindCoordinatorRequest, GroupId, HeartbeatRequest, JoinGroupRequest,
    JoinGroupResponse, SyncGroupRequest, TopicName,
};
use kafka_protocol::protocol::StrBytes;
use klamm::quickstart::admin;
use serde_json::json;
use uuid::Uuid;

use crate::scene::{CLUSTER, Login, Scene, eventually, json as parsed};
use crate::wire::{Wire, plain};

/// Errors of a coordinator that is not ready: it is loading, there is none yet, it is another.
const NOT_READY: [i16; 3] = [14, 15, 16];

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

fn group() -> GroupId {
    GroupId(text("app"))
}

/// A connection of somebody, who asks for the coordinator: without that a new cluster never has one.
fn log_in(user: &Login) -> Result<Wire> {
    let mut wire = Wire::connect(&user.bootstrap)?;
    let answer = wire.log_in("PLAIN", &plain(&user.username, &user.token))?;
    ensure!(answer.error_code == 0, "{answer:?}");
    let request = FindCoordinatorRequest::default().with_key(text("app"));
    eventually("there is a coordinator", || {
        Ok(wire.ask(3, &request)?.error_code == 0)
    })?;
    Ok(wire)
}

/// A message of the `consumer` protocol of a version that does not exist yet: what begins it, names of topics, what is
/// known to follow, and what is not.
fn newer(topics: &[&str], known: &[u8]) -> Bytes {
    let mut bytes = vec![0, 4];
    bytes.extend((topics.len() as u32).to_be_bytes());
    for topic in topics {
        bytes.extend((topic.len() as u16).to_be_bytes());
        bytes.extend(topic.as_bytes());
    }
    bytes.extend(known);
    bytes.extend(b"and more");
    bytes.into()
}

/// User data, partitions that are owned, generation and rack.
fn subscription(topic: &str) -> Bytes {
    let known = [
        &(-1_i32).to_be_bytes()[..],
        &[0; 4],
        &7_i32.to_be_bytes(),
        &[0xff, 0xff],
    ];
    newer(&[topic], &known.concat())
}

/// No partitions of the topic, and no user data.
fn assignment(topic: &str) -> Bytes {
    newer(&[topic], &[&[0; 4][..], &(-1_i32).to_be_bytes()].concat())
}

fn join(wire: &mut Wire, metadata: &Bytes) -> Result<JoinGroupResponse> {
    let protocol = JoinGroupRequestProtocol::default()
        .with_name(text("faust"))
        .with_metadata(metadata.clone());
    let request = JoinGroupRequest::default()
        .with_group_id(group())
        .with_session_timeout_ms(30_000)
        .with_rebalance_timeout_ms(30_000)
        .with_protocol_type(text("consumer"))
        .with_protocols(vec![protocol]);
    let mut joined = JoinGroupResponse::default();
    eventually("the coordinator takes members", || {
        joined = wire.ask(3, &request)?;
        Ok(!NOT_READY.contains(&joined.error_code))
    })?;
    ensure!(joined.error_code == 0, "{joined:?}");
    Ok(joined)
}

#[test]
fn members_of_a_newer_version_of_the_consumer_protocol_work_as_at_a_broker() -> Result<()> {
    let scene = Scene::shared()?;
    scene.topic("newer-physical", 1)?;
    scene.vcluster("newer", &[("orders", "newer-physical")])?;
    let user = scene.login("newer", "super-user", 1)?;
    let mut wire = log_in(&user)?;
    let said = subscription("orders");
    let joined = join(&mut wire, &said)?;
    ensure!(
        joined.members.len() == 1 && joined.members[0].metadata == said,
        "{joined:?}"
    );

    let given = SyncGroupRequestAssignment::default()
        .with_member_id(joined.member_id.clone())
        .with_assignment(assignment("orders"));
    let sync = SyncGroupRequest::default()
        .with_group_id(group())
        .with_generation_id(joined.generation_id)
        .with_member_id(joined.member_id)
        .with_protocol_type(Some(text("consumer")))
        .with_protocol_name(Some(text("faust")))
        .with_assignments(vec![given]);
    let synced = wire.ask(5, &sync)?;
    ensure!(
        synced.error_code == 0 && synced.assignment == assignment("orders"),
        "{synced:?}"
    );
    let describe = |wire: &mut Wire, group: &str| {
        let request = DescribeGroupsRequest::default().with_groups(vec![GroupId(text(group))]);
        let described = wire.ask(4, &request)?;
        let members = &described.groups[0].members;
        let member = members.first().with_context(|| format!("{described:?}"))?;
        anyhow::Ok((member.member_metadata.clone(), member.member_assignment.clone()))
    };
    let there = describe(&mut Wire::connect(scene.physical())?, "newer:app")?;
    ensure!(
        there == (subscription("newer-physical"), assignment("newer-physical")),
        "{there:?}"
    );
    let here = describe(&mut wire, "app")?;
    ensure!(here == (subscription("orders"), assignment("orders")), "{here:?}");

    // What the gateway refuses by itself is counted.
    let nameless = wire.ask(3, &HeartbeatRequest::default())?;
    ensure!(nameless.error_code == 24, "{nameless:?}");
    let metrics = scene.metrics(1)?;
    let counted = r#"klamm_local_errors_total{api="Heartbeat",error="INVALID_GROUP_ID",vcluster="newer"} 1"#;
    ensure!(metrics.lines().any(|line| line == counted), "{metrics}");
    Ok(())
}

/// A static member that has just been started.
fn joins(topic: &str) -> ConsumerGroupHeartbeatRequest {
    ConsumerGroupHeartbeatRequest::default()
        .with_group_id(group())
        .with_member_id(text("member"))
        .with_instance_id(Some(text("instance")))
        .with_rebalance_timeout_ms(30_000)
        .with_subscribed_topic_names(Some(vec![TopicName(text(topic))]))
        .with_topic_partitions(Some(Vec::new()))
}

/// The assignment of a member after so many heartbeats; none of them may fail once the coordinator is ready.
fn assigned(wire: &mut Wire, mut beat: ConsumerGroupHeartbeatRequest) -> Result<Vec<TopicPartitions>> {
    let mut answer = ConsumerGroupHeartbeatResponse::default();
    eventually("something is assigned", || {
        answer = wire.ask(1, &beat)?;
        if NOT_READY.contains(&answer.error_code) && beat.member_epoch == 0 {
            return Ok(false);
        }
        ensure!(answer.error_code == 0, "{answer:?}");
        beat = ConsumerGroupHeartbeatRequest::default()
            .with_group_id(group())
            .with_member_id(beat.member_id.clone())
            .with_instance_id(beat.instance_id.clone())
            .with_member_epoch(answer.member_epoch)
            .with_rebalance_timeout_ms(-1);
        let assignment = answer.assignment.as_ref();
        Ok(assignment.is_some_and(|assignment| !assignment.topic_partitions.is_empty()))
    })?;
    Ok(answer.assignment.unwrap_or_default().topic_partitions)
}

fn leaves(wire: &mut Wire) -> Result<()> {
    let leave = joins("")
        .with_member_epoch(-1)
        .with_subscribed_topic_names(None)
        .with_topic_partitions(None);
    wire.ask(1, &leave)?;
    Ok(())
}

fn create(wire: &mut Wire, name: &str) -> Result<()> {
    let topic = CreatableTopic::default()
        .with_name(TopicName(text(name)))
        .with_num_partitions(2)
        .with_replication_factor(1);
    let request = CreateTopicsRequest::default()
        .with_topics(vec![topic])
        .with_timeout_ms(30_000);
    let created = wire.ask(5, &request)?;
    ensure!(created.topics[0].error_code == 0, "{created:?}");
    Ok(())
}

/// A Standard cluster whose name begins its topics on Kafka.
fn standard(scene: &Scene, name: &str) -> Result<Login> {
    let spec = json!({"type": "Standard", "backend": CLUSTER, "superUsers": ["super-user"], "aclEnabled": true,
        "namespace": {"mode": "hide_prefix", "prefix": format!("{name}-")}});
    let resource = json!({"kind": "VirtualCluster", "apiVersion": "gateway/v2",
        "metadata": {"name": name}, "spec": spec});
    scene.stage.admin(1).put("virtual-cluster", &resource)?;
    scene.login(name, "super-user", 1)
}

#[test]
fn a_static_member_is_assigned_topics_that_were_created_a_moment_ago() -> Result<()> {
    let scene = Scene::shared()?;
    let admin = scene.stage.admin(1);
    let user = standard(&scene, "young")?;
    let (mut wire, mut broker) = (log_in(&user)?, Wire::connect(scene.physical())?);

    // Through the gateway: it is in the view at once.
    create(&mut wire, "first")?;
    let shown = admin.call("GET", "virtual-cluster/young/topics?name=first", None)?;
    ensure!(parsed(&shown.body)?[0]["exists"] == true, "{shown:?}");
    ensure!(assigned(&mut wire, joins("first"))?[0].partitions.len() == 2);
    leaves(&mut wire)?;

    // On Kafka itself, before a member joins.
    create(&mut broker, "young-second")?;
    ensure!(assigned(&mut wire, joins("second"))?[0].partitions.len() == 2);
    leaves(&mut wire)?;

    // After a member has subscribed: the broker assigns what the gateway has not seen.
    let joined = wire.ask(1, &joins("third"))?;
    ensure!(joined.error_code == 0 && joined.assignment.unwrap_or_default().topic_partitions.is_empty());
    create(&mut broker, "young-third")?;
    thread::sleep(Duration::from_millis(50));
    let beat = joins("third")
        .with_member_epoch(joined.member_epoch)
        .with_subscribed_topic_names(None)
        .with_topic_partitions(None)
        .with_rebalance_timeout_ms(-1);
    ensure!(assigned(&mut wire, beat)?[0].partitions.len() == 2);
    leaves(&mut wire)
}

/// A member that subscribes by an expression, and what it has.
struct Follower {
    wire: Wire,
    id: &'static str,
    epoch: i32,
    owned: Vec<(Uuid, Vec<i32>)>,
    /// Whether the coordinator must hear of that.
    news: bool,
}

impl Follower {
    fn new(user: &Login, id: &'static str) -> Result<Self> {
        Ok(Self {
            wire: log_in(user)?,
            id,
            epoch: 0,
            owned: Vec::new(),
            news: true,
        })
    }

    /// One heartbeat. Takes what it is assigned, and gives up what it is not.
    fn beat(&mut self) -> Result<()> {
        let owned = self.owned.iter().map(|(topic, partitions)| {
            OwnedTopic::default()
                .with_topic_id(*topic)
                .with_partitions(partitions.clone())
        });
        let mut beat = ConsumerGroupHeartbeatRequest::default()
            .with_group_id(group())
            .with_member_id(text(self.id))
            .with_member_epoch(self.epoch)
            .with_topic_partitions(self.news.then(|| owned.collect()))
            .with_rebalance_timeout_ms(-1);
        if self.epoch == 0 {
            beat = beat
                .with_rebalance_timeout_ms(30_000)
                .with_subscribed_topic_regex(Some(text(".*")));
        }
        let answer = self.wire.ask(1, &beat)?;
        if NOT_READY.contains(&answer.error_code) && self.epoch == 0 {
            return Ok(());
        }
        ensure!(answer.error_code == 0, "{answer:?}");
        self.epoch = answer.member_epoch;
        self.news = answer.assignment.is_some();
        if let Some(assignment) = answer.assignment {
            let topics = assignment.topic_partitions.into_iter();
            self.owned = topics.map(|topic| (topic.topic_id, topic.partitions)).collect();
        }
        Ok(())
    }

    fn leave(&mut self) -> Result<()> {
        let leave = ConsumerGroupHeartbeatRequest::default()
            .with_group_id(group())
            .with_member_id(text(self.id))
            .with_member_epoch(-1)
            .with_rebalance_timeout_ms(-1);
        let answer = self.wire.ask(1, &leave)?;
        ensure!(answer.error_code == 0, "{answer:?}");
        Ok(())
    }

    /// How many partitions it has, of all topics but these.
    fn has_beside(&self, topics: &[Uuid]) -> usize {
        let others = self.owned.iter().filter(|(topic, _)| !topics.contains(topic));
        others.map(|(_, partitions)| partitions.len()).sum()
    }
}

#[test]
fn a_new_topic_goes_to_all_members_that_an_expression_gives_it_to_and_not_to_one_first() -> Result<()> {
    let scene = Scene::shared()?;
    let operator = standard(&scene, "wide")?;
    let mut broker = Wire::connect(scene.physical())?;
    for topic in ["bought-by-wide", "wide-app-old", "wide-other"] {
        create(&mut broker, topic)?;
    }
    let admin = scene.stage.admin(1);
    let bought = admin::alias("wide", "app-bought", (CLUSTER, "bought-by-wide"));
    admin.put("alias-topic", &bought)?;
    admin.put("service-account", &admin::account("wide", "reader"))?;
    let reader = scene.login("wide", "reader", 1)?;
    let grant = ["--add", "--allow-principal", "User:reader", "--operation", "read"];
    let on = [
        "--topic",
        "app-",
        "--group",
        "app",
        "--resource-pattern-type",
        "prefixed",
    ];
    scene.client_ok(&operator, "kafka-acls", &[&grant[..], &on].concat())?;
    // Of what the expression matches, the caller may know a part, and an alias is in that.
    shares(&reader, &mut broker, (2, "wide-app-new"))
}

/// Two members that subscribe to everything share so many topics of two partitions, and then a new one.
fn shares(user: &Login, broker: &mut Wire, (there, new): (usize, &str)) -> Result<()> {
    let mut members = [Follower::new(user, "a")?, Follower::new(user, "b")?];
    let mut old = Vec::new();
    for topics in [there, there + 1] {
        let mut round = 0;
        eventually("each has its half", || {
            // One is quicker than the other, so that it is the first to speak after a topic came.
            let [quick, slow] = &mut members;
            quick.beat()?;
            if round % 5 == 0 {
                slow.beat()?;
            }
            round += 1;
            ensure!(
                topics == there || quick.has_beside(&old) <= 1,
                "it has all of the new topic: {:?}",
                quick.owned
            );
            thread::sleep(Duration::from_millis(150));
            Ok([quick.has_beside(&[]), slow.has_beside(&[])] == [topics; 2])
        })?;
        if topics == there {
            let owned = members.iter().flat_map(|member| &member.owned);
            old = owned.map(|(topic, _)| *topic).collect();
            create(broker, new)?;
        }
    }
    members.iter_mut().try_for_each(Follower::leave)
}
