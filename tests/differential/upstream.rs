//! The rights of the gateway's own account at the broker behind it: those of "What it may do on your Kafka" in
//! `docs/OPERATIONS.md`.

use crate::settings::{
    ALLOW, Acl, CLUSTER, GROUP, LITERAL, PREFIXED, TOPIC, TOPICS, TRANSACTIONAL_ID, operation_named,
};
use crate::world::Kind;

/// Its name and password.
pub(crate) const LOGIN: (&str, &str) = ("gateway", "gateway-secret");

const ANY: &str = "*";

/// The rights that the gateway needs where it shows a virtual cluster of this kind.
pub(crate) fn rights(kind: Kind) -> Vec<Acl> {
    let own = kind.prefix();
    let (groups, ids) = match kind {
        Kind::Partner => ((GROUP, own, PREFIXED), (TRANSACTIONAL_ID, own, PREFIXED)),
        Kind::Passthrough => ((GROUP, ANY, LITERAL), (TRANSACTIONAL_ID, ANY, LITERAL)),
    };
    let cluster = (CLUSTER, "kafka-cluster", LITERAL);
    let mut rights = vec![
        // Subscriptions may name topics that are not there.
        ((TOPIC, ANY, LITERAL), "describe"),
        (groups, "read delete describe-configs alter-configs"),
        (ids, "write"),
        (cluster, "describe describe-configs"),
    ];
    match kind {
        Kind::Partner => {
            rights.extend(TOPICS.map(|topic| ((TOPIC, topic, LITERAL), "read write describe-configs")));
        }
        Kind::Passthrough => rights.extend([
            (
                (TOPIC, ANY, LITERAL),
                "read write describe-configs create delete alter alter-configs",
            ),
            (cluster, "alter alter-configs action"),
        ]),
    }
    let acl = |(resource_type, name, pattern): (i8, &str, i8), operation| Acl {
        resource: (resource_type, name.to_owned(), pattern),
        principal: format!("User:{}", LOGIN.0),
        host: ANY,
        operation: operation_named(operation),
        permission: ALLOW,
    };
    let acls = rights.into_iter().flat_map(|(resource, operations)| {
        let operations = operations.split(' ');
        operations.map(move |operation| acl(resource, operation))
    });
    acls.collect()
}
