//! A watcher that looks at brokers on loopback.

use bytes::Bytes;
use tokio::sync::watch;
use uuid::Uuid;

use super::*;
use crate::backend::fake::{FAKE_BROKER_ID, FAKE_CLUSTER_ID, FakeBroker, Manners, dialer};
use crate::backend::topology::Topology;
use crate::backend::unusable::Unusable;
use crate::metrics::UpstreamFault;

const ID: Uuid = Uuid::from_u128(0x1234);

fn watch_over(dialer: Dialer) -> (Addr<Watcher>, Picture) {
    let (publisher, picture) = picture();
    (Watcher::new(Arc::new(dialer), publisher).start(), picture)
}

fn name(text: &str) -> TopicName {
    text.parse().unwrap()
}

async fn track(watcher: &Addr<Watcher>, topics: &[&str]) -> Result<(), Unavailable> {
    let topics = Arc::new(topics.iter().map(|text| name(text)).collect());
    watcher
        .send(Track {
            topics: Tracked::Those(topics),
        })
        .await
        .unwrap()
}

fn now(picture: &Picture) -> Arc<Topology> {
    picture.topology.borrow().clone().unwrap()
}

async fn until_reach(mut reach: watch::Receiver<Reach>, is_it: impl FnMut(&Reach) -> bool) -> Reach {
    *reach.wait_for(is_it).await.unwrap()
}

fn with_topics() -> Manners {
    Manners {
        topics: vec![("one", ID, 3), ("two", ID, 1)],
        topic_errors: vec![("secret", 29), ("starting", 5)],
        ..Manners::default()
    }
}

#[actix::test]
async fn the_picture_shows_brokers_versions_and_tracked_topics() {
    let broker = FakeBroker::start(with_topics()).await;
    let (watcher, picture) = watch_over(broker.dialer());
    track(&watcher, &["one", "gone", "secret"]).await.unwrap();
    let seen = now(&picture);
    assert_eq!(seen.kafka_cluster_id, FAKE_CLUSTER_ID);
    assert_eq!(seen.controller, Some(FAKE_BROKER_ID));
    assert_eq!(seen.brokers[&FAKE_BROKER_ID].address(), broker.address);
    assert_eq!(seen.apis.0[&3], (0, 13));
    let one = PhysicalTopic {
        id: ID.into_bytes(),
        partitions: 3,
    };
    assert_eq!(seen.topics.iter().collect::<Vec<_>>(), [(&name("one"), &one)]);
    assert_eq!(*picture.reach.borrow(), Reach::Reachable);

    track(&watcher, &["two"]).await.unwrap();
    assert_eq!(
        now(&picture).topics.keys().cloned().collect::<Vec<_>>(),
        [name("two")]
    );
}

#[actix::test]
async fn what_is_tracked_newly_is_asked_for_alone() {
    let broker = FakeBroker::start(with_topics()).await;
    let (watcher, picture) = watch_over(broker.dialer());
    track(&watcher, &["one"]).await.unwrap();
    broker.manners().topics = vec![("one", ID, 9), ("two", ID, 2)];
    track(&watcher, &["one", "two"]).await.unwrap();
    let partitions = |topic| now(&picture).topics[&name(topic)].partitions;
    assert_eq!((partitions("one"), partitions("two")), (3, 2));
    let before = now(&picture);
    let described = watcher.send(DescribeTopic { name: name("gone") }).await;
    assert_eq!(described.unwrap().unwrap(), None);
    assert!(Arc::ptr_eq(&before, &now(&picture)), "nothing is new");
    assert_eq!(now(&picture).news.topics, [name("two")]);

    watcher.send(LookNow).await.unwrap().unwrap();
    assert_eq!((partitions("one"), partitions("two")), (9, 2));
    broker.manners().topics = vec![("one", ID, 10), ("two", ID, 2)];
    track(&watcher, &["two"]).await.unwrap();
    assert!(!now(&picture).topics.contains_key(&name("one")));
    track(&watcher, &["two", "one"]).await.unwrap();
    assert_eq!(partitions("one"), 10, "it is new again");

    broker.manners().topics = vec![("one", ID, 11)];
    let mut pictures = picture.topology.clone();
    let is_later =
        |picture: &Option<Arc<Topology>>| picture.as_ref().unwrap().topics[&name("one")].partitions == 11;
    pictures.wait_for(is_later).await.unwrap();
    assert!(
        !now(&picture).topics.contains_key(&name("two")),
        "a whole look comes by itself"
    );
}

#[actix::test]
async fn all_topics_are_asked_for_when_all_are_tracked() {
    let broker = FakeBroker::start(with_topics()).await;
    let (watcher, picture) = watch_over(broker.dialer());
    track(&watcher, &["one"]).await.unwrap();
    watcher
        .send(Track { topics: Tracked::All })
        .await
        .unwrap()
        .unwrap();
    assert_eq!(now(&picture).topics.len(), 2);
    let described = watcher.send(DescribeTopic { name: name("one") }).await;
    assert_eq!(described.unwrap().unwrap().unwrap().partitions, 3);
    assert_eq!(now(&picture).topics.len(), 2);
    track(&watcher, &["two"]).await.unwrap();
    assert_eq!(now(&picture).topics.keys().collect::<Vec<_>>(), [&name("two")]);
}

#[actix::test]
async fn versions_are_those_that_every_broker_offers() {
    let other = FakeBroker::start(Manners {
        apis: vec![(1, 4, 16), (99, 0, 0)],
        ..Manners::default()
    })
    .await;
    let broker = FakeBroker::start(Manners {
        apis: vec![(1, 4, 17)],
        others: vec![(8, other.address.port)],
        ..Manners::default()
    })
    .await;
    let (watcher, picture) = watch_over(broker.dialer());
    watcher.send(LookNow).await.unwrap().unwrap();
    assert_eq!(now(&picture).apis.0.get(&1), Some(&(4, 16)));
    assert_eq!(now(&picture).apis.0.get(&99), None);
}

#[actix::test]
async fn a_refresh_shows_what_happened_before_it() {
    let broker = FakeBroker::start(with_topics()).await;
    let (watcher, picture) = watch_over(broker.dialer());
    track(&watcher, &["one"]).await.unwrap();
    for partitions in 4..8 {
        broker.manners().topics = vec![("one", ID, partitions)];
        watcher.send(LookNow).await.unwrap().unwrap();
        assert_eq!(now(&picture).topics[&name("one")].partitions, partitions as u32);
    }
}

#[actix::test]
async fn refreshes_share_looks() {
    let broker = FakeBroker::start(Manners::default()).await;
    let (watcher, _picture) = watch_over(broker.dialer());
    watcher.send(LookNow).await.unwrap().unwrap();
    let before = broker.looks();
    let many: Vec<_> = (0..100).map(|_| watcher.send(LookNow)).collect();
    for refresh in many {
        refresh.await.unwrap().unwrap();
    }
    assert!(broker.looks() - before <= 3, "{} looks", broker.looks() - before);
}

#[actix::test]
async fn describes_a_topic_that_nobody_tracks() {
    let broker = FakeBroker::start(with_topics()).await;
    let (watcher, picture) = watch_over(broker.dialer());
    let describe = |text| watcher.send(DescribeTopic { name: name(text) });
    let one = describe("one").await.unwrap().unwrap().unwrap();
    assert_eq!((one.id, one.partitions), (ID.into_bytes(), 3));
    assert_eq!(describe("gone").await.unwrap().unwrap(), None);
    assert!(matches!(
        describe("secret").await.unwrap(),
        Err(Unavailable::Denied)
    ));
    assert!(matches!(
        describe("starting").await.unwrap(),
        Err(Unavailable::Unclear(5))
    ));
    assert!(now(&picture).topics.is_empty());
}

#[actix::test]
async fn lists_all_topics_and_shows_those_that_are_tracked() {
    let broker = FakeBroker::start(with_topics()).await;
    let (watcher, picture) = watch_over(broker.dialer());
    track(&watcher, &["one"]).await.unwrap();
    let (list, one) = tokio::join!(
        watcher.send(ListTopics),
        watcher.send(DescribeTopic { name: name("one") })
    );
    let list = list.unwrap().unwrap();
    assert!(list.len() > 1 && list.contains_key(&name("one")), "{list:?}");
    assert!(one.unwrap().unwrap().is_some());
    let tracked: Vec<_> = now(&picture).topics.keys().cloned().collect();
    assert_eq!(tracked, [name("one")]);
    broker.manners().requests_per_connection = Some(0);
    assert!(matches!(
        watcher.send(ListTopics).await.unwrap(),
        Err(Unavailable::Look(_))
    ));
}

#[actix::test]
async fn the_last_picture_stays_while_the_cluster_is_away() {
    let broker = FakeBroker::start(with_topics()).await;
    let (watcher, picture) = watch_over(broker.dialer());
    track(&watcher, &["one"]).await.unwrap();
    broker.manners().requests_per_connection = Some(0);
    assert!(matches!(
        watcher.send(LookNow).await.unwrap(),
        Err(Unavailable::Look(_))
    ));
    assert_eq!(*picture.reach.borrow(), Reach::Unreachable(UpstreamFault::Broken));
    assert!(now(&picture).topics.contains_key(&name("one")));

    broker.manners().requests_per_connection = None;
    until_reach(picture.reach.clone(), |reach| *reach == Reach::Reachable).await;
    watcher.send(LookNow).await.unwrap().unwrap();
}

#[actix::test]
async fn a_cluster_that_hangs_counts_as_unreachable_before_the_look_is_given_up() {
    let broker = FakeBroker::start(with_topics()).await;
    let (watcher, picture) = watch_over(broker.dialer());
    track(&watcher, &["one"]).await.unwrap();
    broker.manners().is_silent = true;
    let reach = until_reach(picture.reach.clone(), |reach| *reach != Reach::Reachable);
    tokio::select! {
        reach = reach => assert_eq!(reach, Reach::Unreachable(UpstreamFault::Timeout)),
        given_up = watcher.send(LookNow) => panic!("{given_up:?}"),
    }
    broker.manners().is_silent = false;
    until_reach(picture.reach.clone(), |reach| *reach == Reach::Reachable).await;
}

#[actix::test]
async fn a_connection_that_died_meanwhile_is_replaced() {
    let broker = FakeBroker::start(Manners::default()).await;
    let (watcher, picture) = watch_over(broker.dialer());
    watcher.send(LookNow).await.unwrap().unwrap();
    // The open connection has used up its requests; a new one has enough for one look.
    broker.manners().requests_per_connection = Some(2);
    watcher.send(LookNow).await.unwrap().unwrap();
    assert_eq!(*picture.reach.borrow(), Reach::Reachable);
}

#[actix::test]
async fn refused_credentials_are_the_reason_that_is_shown() {
    let broker = FakeBroker::start(Manners {
        credentials: Some("gateway\0password".to_owned()),
        ..Manners::default()
    })
    .await;
    let (_watcher, picture) = watch_over(dialer(vec![broker.address.clone()], Some("wrong")));
    let reach = until_reach(picture.reach, |reach| *reach != Reach::Unknown).await;
    assert_eq!(reach, Reach::Unreachable(UpstreamFault::LoginRefused));
    assert!(picture.topology.borrow().is_none());
}

#[actix::test]
async fn nonsense_for_metadata_is_refused() {
    let broker = FakeBroker::start(Manners {
        raw_metadata: Some(Bytes::from_static(b"nonsense")),
        ..Manners::default()
    })
    .await;
    let (_watcher, picture) = watch_over(broker.dialer());
    let reach = until_reach(picture.reach, |reach| *reach != Reach::Unknown).await;
    assert_eq!(reach, Reach::Unreachable(UpstreamFault::Protocol));
}

#[actix::test]
async fn a_cluster_that_is_connected_to_in_another_way_keeps_its_picture_until_there_is_a_new_one() {
    let (old, new) = (
        FakeBroker::start(with_topics()).await,
        FakeBroker::start(with_topics()).await,
    );
    let first = Arc::new(old.dialer());
    let (publisher, picture) = picture();
    let watcher = Watcher::new(Arc::clone(&first), publisher).start();
    track(&watcher, &["one"]).await.unwrap();
    let before = now(&picture);
    let unusable = Unusable {
        why: "${env[X]} is not set".to_owned(),
        missing: ["${env[X]}".to_owned()].into(),
    };
    let dialer = Arc::new(first.renewed(Err(unusable)));
    watcher.send(Redial { dialer }).await.unwrap();
    let reach = until_reach(picture.reach.clone(), |reach| *reach != Reach::Reachable).await;
    assert_eq!(reach, Reach::Unreachable(UpstreamFault::Unusable));
    let fault = picture.fault.load_full().unwrap();
    assert!(
        fault.ends_with("cannot be used on this node: ${env[X]} is not set"),
        "{fault}"
    );
    assert!(Arc::ptr_eq(&before, &now(&picture)));
    let dialer = Arc::new(new.dialer());
    watcher.send(Redial { dialer }).await.unwrap();
    watcher.send(LookNow).await.unwrap().unwrap();
    assert_eq!(now(&picture).brokers[&FAKE_BROKER_ID].address(), new.address);
    assert!(
        now(&picture).topics.contains_key(&name("one")),
        "it goes on with what it tracks"
    );
    watcher.send(Retire).await.unwrap();
    assert!(watcher.send(LookNow).await.is_err());
}
