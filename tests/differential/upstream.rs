//! The rights of the gateway's own account at the broker behind it: those of "What it may do on your Kafka" in
//! `docs/OPERATIONS.md`.

use crate::settings::{ALLOW, Acl, CLUSTER, GROUP, LITERAL, PREFIXED, TOPIC, TOPICS, TRANSACTIONAL_ID};
use crate::world::Kind;

/// Its name and password.
pub(crate) const LOGIN: (&str, &str) = ("gateway", "gateway-secret");

const READ: i8 = 3;
const WRITE: i8 = 4;
const CREATE: i8 = 5;
const DELETE: i8 = 6;
const ALTER: i8 = 7;
const DESCRIBE: i8 = 8;
const CLUSTER_ACTION: i8 = 9;
const DESCRIBE_CONFIGS: i8 = 10;
const ALTER_CONFIGS: i8 = 11;

const ANY: &str = "*";

/// What the gateway needs where it shows a virtual cluster of this kind.
pub(crate) fn rights(kind: Kind) -> Vec<Acl> {
    let own = kind.prefix();
    let (groups, ids) = match kind {
        Kind::Partner => ((GROUP, own, PREFIXED), (TRANSACTIONAL_ID, own, PREFIXED)),
        Kind::Passthrough => ((GROUP, ANY, LITERAL), (TRANSACTIONAL_ID, ANY, LITERAL)),
    };
    let mut rights = vec![
        // Subscriptions may name topics that are not there.
        ((TOPIC, ANY, LITERAL), vec![DESCRIBE]),
        (groups, vec![READ, DELETE, DESCRIBE_CONFIGS, ALTER_CONFIGS]),
        (ids, vec![WRITE]),
        (
            (CLUSTER, "kafka-cluster", LITERAL),
            vec![DESCRIBE, DESCRIBE_CONFIGS],
        ),
    ];
    match kind {
        Kind::Partner => {
            rights.extend(TOPICS.map(|topic| ((TOPIC, topic, LITERAL), vec![READ, WRITE, DESCRIBE_CONFIGS])))
        }
        Kind::Passthrough => {
            let of_topics = vec![
                READ,
                WRITE,
                DESCRIBE_CONFIGS,
                CREATE,
                DELETE,
                ALTER,
                ALTER_CONFIGS,
            ];
            rights.push(((TOPIC, ANY, LITERAL), of_topics));
            let of_cluster = vec![ALTER, ALTER_CONFIGS, CLUSTER_ACTION];
            rights.push(((CLUSTER, "kafka-cluster", LITERAL), of_cluster));
        }
    }
    let acl = |(resource_type, name, pattern): (i8, &str, i8), operation| Acl {
        resource: (resource_type, name.to_owned(), pattern),
        principal: format!("User:{}", LOGIN.0),
        host: ANY,
        operation,
        permission: ALLOW,
    };
    rights
        .into_iter()
        .flat_map(|(resource, operations)| {
            operations
                .into_iter()
                .map(move |operation| acl(resource, operation))
        })
        .collect()
}
