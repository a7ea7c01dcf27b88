//! Producer ids and transactions.

use klamm::wire::field;

use super::{Ask, Case, Flow, each, payments_twice, topics, twice};
use crate::fields::{Fields, Writer, batch, is, items, list, null};
use crate::settings::{own_group, own_transaction};

pub(super) fn flows() -> Vec<Flow> {
    let mut flows = each(begun());
    flows.push(whole());
    flows.extend(each(told()));
    flows
}

/// Requests that begin a transaction, or go on with one, of a producer that does not exist.
fn begun() -> Vec<Case> {
    vec![
        Case::new(22, "no transaction", |_| {
            vec![
                null(field::TRANSACTIONAL_ID),
                is(field::TRANSACTION_TIMEOUT_MS, 60_000),
            ]
        }),
        Case::new(22, "of somebody else", |_| {
            vec![
                is(field::TRANSACTIONAL_ID, "other"),
                is(field::TRANSACTION_TIMEOUT_MS, 60_000),
            ]
        })
        .transactional(),
        Case::new(22, "an empty id", |_| {
            vec![
                is(field::TRANSACTIONAL_ID, ""),
                is(field::TRANSACTION_TIMEOUT_MS, 60_000),
            ]
        })
        .transactional(),
        Case::new(24, "of an unknown producer", |ask| added(ask, 7777)).until(3),
        Case::new(24, "twice", |ask| {
            twice(added(ask, 7777), field::V3_AND_BELOW_TOPICS)
        })
        .until(3),
        Case::new(24, "as a broker", |ask| {
            let transaction = vec![
                is(field::TRANSACTIONAL_ID, own_transaction(ask.user)),
                is(field::PRODUCER_ID, 7777_i64),
                items(field::TOPICS, topics(ask, |_| vec![list(field::PARTITIONS, [0])])),
            ];
            vec![items(field::TRANSACTIONS, vec![transaction])]
        })
        .since(4),
        Case::new(25, "of an unknown producer", |ask| of_producer(ask, 7777)),
        Case::new(26, "of an unknown producer", |ask| of_producer(ask, 7777)),
        Case::new(28, "of an unknown producer", |ask| committed(ask, 7777)),
        Case::new(28, "every topic twice", |ask| {
            twice(committed(ask, 7777), field::TOPICS)
        }),
        Case::new(28, "one topic twice", |ask| {
            payments_twice(committed(ask, 7777), field::TOPICS)
        }),
        Case::new(27, "every topic", |ask| {
            let marker = vec![
                is(field::PRODUCER_ID, 7777_i64),
                is(field::TRANSACTION_RESULT, false),
                items(
                    field::TOPICS,
                    topics(ask, |_| vec![list(field::PARTITION_INDEXES, [9])]),
                ),
            ];
            vec![items(field::MARKERS, vec![marker])]
        }),
    ]
}

fn told() -> Vec<Case> {
    vec![
        Case::new(65, "several", |ask| {
            vec![list(
                field::TRANSACTIONAL_IDS,
                [own_transaction(ask.user).as_str(), "other", "absent"],
            )]
        }),
        Case::new(66, "all", |_| Vec::new()),
        Case::new(66, "ongoing", |_| vec![list(field::STATE_FILTERS, ["Ongoing"])]),
        Case::new(66, "some", |_| {
            vec![is(field::TRANSACTIONAL_ID_PATTERN, "tx-t.*")]
        })
        .since(2),
    ]
}

/// A transaction from its first to its last request.
fn whole() -> Flow {
    vec![
        Case::new(22, "a transaction", |ask| {
            vec![
                is(field::TRANSACTIONAL_ID, own_transaction(ask.user)),
                is(field::TRANSACTION_TIMEOUT_MS, 60_000),
            ]
        }),
        Case::new(24, "every topic", |ask| added(ask, producer(ask))).until(3),
        Case::new(24, "one topic", |ask| {
            let mut fields = of_producer(ask, producer(ask));
            let one = vec![is(field::NAME, "orders"), list(field::PARTITIONS, [0])];
            fields.push(items(field::V3_AND_BELOW_TOPICS, vec![one]));
            fields
        })
        .until(3),
        Case::new(0, "in the transaction", |ask| {
            let sequence = 0;
            let epoch = epoch(ask);
            let writer = Writer::Transactional {
                producer: producer(ask),
                epoch,
                sequence,
            };
            let records = batch(writer, "transactional");
            let partition = vec![is(field::INDEX, 0), is(field::RECORDS, records)];
            let topic = vec![
                is(field::NAME, "orders"),
                is(field::TOPIC_ID, ask.side.names.id_of("orders")),
                items(field::PARTITION_DATA, vec![partition]),
            ];
            vec![
                is(field::TRANSACTIONAL_ID, own_transaction(ask.user)),
                is(field::ACKS, -1_i16),
                is(field::TIMEOUT_MS, 5_000),
                items(field::TOPIC_DATA, vec![topic]),
            ]
        }),
        Case::new(25, "of the transaction", |ask| of_producer(ask, producer(ask))),
        Case::new(28, "of the transaction", |ask| committed(ask, producer(ask))),
        Case::new(65, "the transaction", |ask| {
            vec![list(field::TRANSACTIONAL_IDS, [own_transaction(ask.user)])]
        }),
        Case::new(26, "of the transaction", |ask| of_producer(ask, producer(ask))),
    ]
}

fn producer(ask: Ask<'_>) -> i64 {
    ask.side.int(ask.user, "ProducerId")
}

fn epoch(ask: Ask<'_>) -> i16 {
    i16::try_from(ask.side.int(ask.user, "ProducerEpoch")).unwrap_or(-1)
}

fn of_producer(ask: Ask<'_>, producer: i64) -> Fields {
    let epoch = if producer == 7777 { 0 } else { epoch(ask) };
    let id = own_transaction(ask.user);
    vec![
        is(field::TRANSACTIONAL_ID, id.as_str()),
        is(field::PRODUCER_ID, producer),
        is(field::PRODUCER_EPOCH, epoch),
        is(field::V3_AND_BELOW_TRANSACTIONAL_ID, id.as_str()),
        is(field::V3_AND_BELOW_PRODUCER_ID, producer),
        is(field::V3_AND_BELOW_PRODUCER_EPOCH, epoch),
        is(field::GROUP_ID, own_group(ask.user)),
        is(field::COMMITTED, true),
    ]
}

fn added(ask: Ask<'_>, producer: i64) -> Fields {
    let mut fields = of_producer(ask, producer);
    fields.push(items(
        field::V3_AND_BELOW_TOPICS,
        topics(ask, |_| vec![list(field::PARTITIONS, [0])]),
    ));
    fields
}

fn committed(ask: Ask<'_>, producer: i64) -> Fields {
    let mut fields = of_producer(ask, producer);
    let partition = vec![is(field::PARTITION_INDEX, 0), is(field::COMMITTED_OFFSET, 5_i64)];
    fields.push(items(
        field::TOPICS,
        topics(ask, |_| vec![items(field::PARTITIONS, vec![partition.clone()])]),
    ));
    fields
}
