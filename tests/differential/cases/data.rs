//! Producing, fetching, offsets and metadata.

use bytes::Bytes;
use klamm::wire::{Value, field};

use super::{Ask, Case, Flow, each, payments_twice, topic, topics, twice};
use crate::fields::{Fields, Writer, batch, is, items, list, now_ms, null, one};
use crate::settings::{NO_TOPICS, TOPICS, own_transaction};

pub(super) fn flows() -> Vec<Flow> {
    let mut cases = produce();
    cases.extend(fetch());
    cases.extend(offsets());
    cases.extend(metadata());
    cases.extend(cluster());
    each(cases)
}

fn produce() -> Vec<Case> {
    vec![
        Case::new(0, "every topic", |ask| {
            written(ask, Value::Null, 1, Writer::Plain)
        }),
        Case::new(0, "all replicas", |ask| {
            written(ask, Value::Null, -1, Writer::Plain)
        }),
        Case::new(0, "twice", |ask| {
            let fields = written(ask, Value::Null, 1, Writer::Plain);
            twice(fields, field::TOPIC_DATA)
        }),
        Case::new(0, "bad acks", |ask| written(ask, Value::Null, 5, Writer::Plain)),
        Case::new(0, "idempotent", |ask| {
            written(
                ask,
                Value::Null,
                -1,
                Writer::Idempotent {
                    producer: 4242,
                    epoch: 0,
                    sequence: 0,
                },
            )
        }),
        Case::new(0, "an id without a transaction", |ask| {
            written(ask, own_transaction(ask.user).into(), 1, Writer::Plain)
        }),
        Case::new(0, "a transaction without an id", |ask| {
            written(
                ask,
                Value::Null,
                -1,
                Writer::Transactional {
                    producer: 7777,
                    epoch: 0,
                    sequence: 0,
                },
            )
        }),
        Case::new(0, "a transaction of somebody else", |ask| {
            written(
                ask,
                "other".into(),
                -1,
                Writer::Transactional {
                    producer: 7777,
                    epoch: 0,
                    sequence: 0,
                },
            )
        })
        .transactional(),
        Case::new(0, "no partition", |_| {
            vec![
                null(field::TRANSACTIONAL_ID),
                is(field::ACKS, 1_i16),
                is(field::TIMEOUT_MS, 5000),
            ]
        }),
    ]
}

fn written(ask: Ask<'_>, id: Value, acks: i16, writer: Writer) -> Fields {
    let records = batch(writer, &format!("{} v{}", ask.user, ask.version));
    let partitions = |name: &str| {
        // One topic is also asked for a partition that it does not have.
        let partitions: &[i32] = if name == "orders" { &[0, 1, 9] } else { &[0] };
        let items_of = |index: &i32| {
            vec![
                is(field::INDEX, *index),
                is(field::RECORDS, Bytes::clone(&records)),
            ]
        };
        vec![items(
            field::PARTITION_DATA,
            partitions.iter().map(items_of).collect(),
        )]
    };
    vec![
        is(field::TRANSACTIONAL_ID, id),
        is(field::ACKS, acks),
        is(field::TIMEOUT_MS, 5000),
        items(field::TOPIC_DATA, topics(ask, partitions)),
    ]
}

fn fetch() -> Vec<Case> {
    vec![
        Case::new(1, "every topic", |ask| fetched(ask, (0, -1), Vec::new())),
        Case::new(1, "a new session", |ask| fetched(ask, (0, 0), Vec::new())).since(7),
        Case::new(1, "an unknown session", |ask| fetched(ask, (1234, 5), Vec::new())).since(7),
        Case::new(1, "as a broker", |ask| {
            fetched(ask, (0, -1), vec![is(field::REPLICA_ID, 1)])
        })
        .until(14),
        Case::new(1, "as a broker", |ask| {
            let replica = vec![is(field::REPLICA_ID, 1), is(field::REPLICA_EPOCH, 1_i64)];
            fetched(ask, (0, -1), vec![one(field::REPLICA_STATE, replica)])
        })
        .since(15),
        Case::new(1, "twice", |ask| {
            twice(fetched(ask, (0, -1), Vec::new()), field::TOPICS)
        }),
        Case::new(1, "nothing", |_| {
            vec![is(field::MAX_WAIT_MS, 0), is(field::SESSION_EPOCH, -1)]
        }),
    ]
}

fn fetched(ask: Ask<'_>, (session, epoch): (i32, i32), more: Fields) -> Fields {
    let partitions = |name: &str| {
        let partitions: &[(i32, i64)] = if name == "orders" {
            &[(0, 0), (1, 1_000_000), (9, 0)]
        } else {
            &[(0, 0)]
        };
        let items_of = |(index, offset): &(i32, i64)| {
            vec![
                is(field::PARTITION, *index),
                is(field::CURRENT_LEADER_EPOCH, -1),
                is(field::FETCH_OFFSET, *offset),
                is(field::PARTITION_MAX_BYTES, 400),
            ]
        };
        vec![items(
            field::PARTITIONS,
            partitions.iter().map(items_of).collect(),
        )]
    };
    let mut fields = vec![
        is(field::MAX_WAIT_MS, 0),
        is(field::MIN_BYTES, 0),
        is(field::MAX_BYTES, 1 << 20),
        is(field::SESSION_ID, session),
        is(field::SESSION_EPOCH, epoch),
        items(field::TOPICS, topics(ask, partitions)),
    ];
    fields.extend(more);
    fields
}

fn offsets() -> Vec<Case> {
    vec![
        Case::new(2, "latest", |ask| listed(ask, -1, -1)),
        Case::new(2, "earliest", |ask| listed(ask, -1, -2)),
        Case::new(2, "greatest timestamp", |ask| listed(ask, -1, -3)),
        Case::new(2, "local, tiered and pending", |ask| {
            listed(ask, -1, i64::from(-4 - ask.version % 3))
        }),
        Case::new(2, "by time", |ask| listed(ask, -1, now_ms())),
        Case::new(2, "one topic twice", |ask| {
            payments_twice(listed(ask, -1, -1), field::TOPICS)
        }),
        Case::new(2, "every topic twice", |ask| {
            twice(listed(ask, -1, -1), field::TOPICS)
        }),
        Case::new(2, "a partition twice", |ask| {
            let partitions = |_: &str| {
                let items_of = |index: i32| {
                    vec![
                        is(field::PARTITION_INDEX, index),
                        is(field::CURRENT_LEADER_EPOCH, -1),
                        is(field::TIMESTAMP, -1_i64),
                    ]
                };
                vec![items(field::PARTITIONS, [0, 1, 0].map(items_of).to_vec())]
            };
            vec![
                is(field::REPLICA_ID, -1),
                items(field::TOPICS, topics(ask, partitions)),
            ]
        }),
        Case::new(2, "as a broker", |ask| listed(ask, 1, -1)),
        Case::new(23, "every topic", |ask| epochs(ask, -2)),
        Case::new(23, "twice", |ask| twice(epochs(ask, -2), field::TOPICS)),
        Case::new(23, "as a broker", |ask| epochs(ask, 1)),
    ]
}

fn listed(ask: Ask<'_>, replica: i32, timestamp: i64) -> Fields {
    let partitions = |name: &str| {
        let partitions: &[i32] = if name == "orders" { &[0, 1, 9] } else { &[0] };
        let items_of = |index: &i32| {
            vec![
                is(field::PARTITION_INDEX, *index),
                is(field::CURRENT_LEADER_EPOCH, -1),
                is(field::TIMESTAMP, timestamp),
            ]
        };
        vec![items(
            field::PARTITIONS,
            partitions.iter().map(items_of).collect(),
        )]
    };
    vec![
        is(field::REPLICA_ID, replica),
        items(field::TOPICS, topics(ask, partitions)),
    ]
}

fn epochs(ask: Ask<'_>, replica: i32) -> Fields {
    let partitions = |name: &str| {
        let partitions: &[i32] = if name == "orders" { &[0, 9] } else { &[0] };
        let items_of = |index: &i32| {
            vec![
                is(field::PARTITION, *index),
                is(field::CURRENT_LEADER_EPOCH, -1),
                is(field::LEADER_EPOCH, 0),
            ]
        };
        vec![items(
            field::PARTITIONS,
            partitions.iter().map(items_of).collect(),
        )]
    };
    vec![
        is(field::REPLICA_ID, replica),
        items(field::TOPICS, topics(ask, partitions)),
    ]
}

fn metadata() -> Vec<Case> {
    vec![
        Case::new(3, "all topics", |ask| {
            let all = if ask.version == 0 {
                items(field::TOPICS, Vec::new())
            } else {
                null(field::TOPICS)
            };
            described(vec![all], false)
        }),
        Case::new(3, "no topics", |_| {
            described(vec![items(field::TOPICS, Vec::new())], false)
        })
        .since(1),
        Case::new(3, "by name", |_| {
            described(vec![items(field::TOPICS, by_name())], false)
        }),
        Case::new(3, "by name, to be created", |_| {
            described(vec![items(field::TOPICS, by_name())], true)
        }),
        Case::new(3, "by id", |ask| {
            let ids = topics(ask, |_| vec![null(field::NAME)]);
            described(vec![items(field::TOPICS, ids)], false)
        })
        .since(10),
        Case::new(3, "by name and id", |ask| {
            described(
                vec![items(field::TOPICS, vec![topic(ask, "orders", Vec::new())])],
                false,
            )
        })
        .since(10),
        Case::new(3, "twice", |_| {
            let twice = vec![vec![is(field::NAME, "orders")], vec![is(field::NAME, "orders")]];
            described(vec![items(field::TOPICS, twice)], false)
        }),
        Case::new(3, "neither name nor id", |_| {
            described(vec![items(field::TOPICS, vec![vec![null(field::NAME)]])], false)
        })
        .since(10),
        Case::new(3, "neither name nor id, beside an id", |ask| {
            let mut by_id = topic(ask, "orders", Vec::new());
            by_id.push(null(field::NAME));
            described(
                vec![items(field::TOPICS, vec![vec![null(field::NAME)], by_id])],
                false,
            )
        })
        .since(12),
        Case::new(3, "a name beside an id", |ask| {
            let mut by_id = topic(ask, "orders", Vec::new());
            by_id.push(null(field::NAME));
            let by_name = vec![is(field::NAME, "public")];
            described(vec![items(field::TOPICS, vec![by_name, by_id])], false)
        })
        .since(12),
    ]
}

/// The cluster, its topics by pages, its versions and its producers.
fn cluster() -> Vec<Case> {
    vec![
        Case::new(60, "the cluster", |_| {
            vec![is(field::INCLUDE_CLUSTER_AUTHORIZED_OPERATIONS, true)]
        }),
        Case::new(60, "its brokers alone", |_| Vec::new()),
        Case::new(60, "controllers", |_| vec![is(field::ENDPOINT_TYPE, 2_i8)]).since(1),
        Case::new(60, "another kind", |_| vec![is(field::ENDPOINT_TYPE, 9_i8)]).since(1),
        Case::new(75, "all topics", |_| Vec::new()),
        Case::new(75, "every topic", |_| vec![items(field::TOPICS, by_name())]),
        Case::new(75, "few partitions", |_| {
            vec![
                items(field::TOPICS, by_name()),
                is(field::RESPONSE_PARTITION_LIMIT, 1),
            ]
        }),
        Case::new(75, "from a cursor", |_| {
            let cursor = vec![is(field::TOPIC_NAME, "orders"), is(field::PARTITION_INDEX, 1)];
            vec![items(field::TOPICS, by_name()), one(field::CURSOR, cursor)]
        }),
        Case::new(75, "from a cursor elsewhere", |_| {
            let cursor = vec![is(field::TOPIC_NAME, "zzz"), is(field::PARTITION_INDEX, 0)];
            vec![items(field::TOPICS, by_name()), one(field::CURSOR, cursor)]
        }),
        Case::new(18, "versions", |_| {
            vec![
                is(field::CLIENT_SOFTWARE_NAME, "a-client"),
                is(field::CLIENT_SOFTWARE_VERSION, "1.0"),
            ]
        }),
        Case::new(18, "a bad name", |_| {
            vec![
                is(field::CLIENT_SOFTWARE_NAME, "a client!"),
                is(field::CLIENT_SOFTWARE_VERSION, ""),
            ]
        })
        .since(3),
        Case::new(61, "every topic", produced),
        Case::new(61, "twice", |ask| twice(produced(ask), field::TOPICS)),
    ]
}

fn produced(ask: Ask<'_>) -> Fields {
    let partitions = |_: &str| vec![list(field::PARTITION_INDEXES, [0, 9])];
    vec![items(field::TOPICS, topics(ask, partitions))]
}

fn by_name() -> Vec<Fields> {
    let names = TOPICS.iter().chain(&NO_TOPICS);
    names.map(|name| vec![is(field::NAME, *name)]).collect()
}

fn described(mut fields: Fields, may_create: bool) -> Fields {
    fields.push(is(field::ALLOW_AUTO_TOPIC_CREATION, may_create));
    fields.push(is(field::INCLUDE_CLUSTER_AUTHORIZED_OPERATIONS, true));
    fields.push(is(field::INCLUDE_TOPIC_AUTHORIZED_OPERATIONS, true));
    fields
}
