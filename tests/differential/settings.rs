//! Who asks: users, and the ACLs that say what each may do. They are all installed at once; each concerns one user.

use anyhow::Result;
use klamm::wire::{Item, field};

pub(crate) const TOPIC: i8 = 2;
pub(crate) const GROUP: i8 = 3;
pub(crate) const CLUSTER: i8 = 4;
pub(crate) const TRANSACTIONAL_ID: i8 = 5;

pub(crate) const LITERAL: i8 = 3;
pub(crate) const PREFIXED: i8 = 4;

pub(crate) const DENY: i8 = 2;
pub(crate) const ALLOW: i8 = 3;

/// The operations, with the names that users are called by.
const OPERATIONS: [(&str, i8); 14] = [
    ("all", 2),
    ("read", 3),
    ("write", 4),
    ("create", 5),
    ("delete", 6),
    ("alter", 7),
    ("describe", 8),
    ("action", 9),
    ("describe-configs", 10),
    ("alter-configs", 11),
    ("idempotent", 12),
    ("create-tokens", 13),
    ("describe-tokens", 14),
    ("two-phase", 15),
];

/// The operation of a name.
pub(crate) fn operation_named(name: &str) -> i8 {
    let found = OPERATIONS.iter().find(|(known, _)| *known == name);
    found.expect("an operation").1
}

const ALL: i8 = 2;
pub(crate) const READ: i8 = 3;
const WRITE: i8 = 4;
const ALTER: i8 = 7;
const DESCRIBE: i8 = 8;

/// The super user of both sides.
pub(crate) const ROOT: &str = "root";

/// The topics that are there; nobody but users of wildcards may anything on the second one, everybody may read the third.
pub(crate) const TOPICS: [&str; 3] = ["orders", "payments", "public"];
/// No topic has these names; no topic can have the second one.
pub(crate) const NO_TOPICS: [&str; 2] = ["nowhere", "bad name!"];

/// An ACL.
#[derive(Debug, Clone)]
pub(crate) struct Acl {
    pub(crate) resource: (i8, String, i8),
    pub(crate) principal: String,
    pub(crate) host: &'static str,
    pub(crate) operation: i8,
    pub(crate) permission: i8,
}

/// A user and what concerns it.
#[derive(Debug)]
pub(crate) struct Setting {
    pub(crate) user: String,
    pub(crate) acls: Vec<Acl>,
}

/// The group and the transactional id that a user's ACLs are about, and which no other user uses.
pub(crate) fn own_group(user: &str) -> String {
    format!("g-{user}")
}

pub(crate) fn own_transaction(user: &str) -> String {
    format!("tx-{user}")
}

impl Setting {
    fn new(user: &str) -> Self {
        Self {
            user: user.to_owned(),
            acls: Vec::new(),
        }
    }

    fn add(mut self, (kind, name, pattern): (i8, &str, i8), operation: i8, permission: i8) -> Self {
        self.acls.push(Acl {
            resource: (kind, name.to_owned(), pattern),
            principal: format!("User:{}", self.user),
            host: "*",
            operation,
            permission,
        });
        self
    }

    fn allow(self, resource: (i8, &str, i8), operation: i8) -> Self {
        self.add(resource, operation, ALLOW)
    }

    fn deny(self, resource: (i8, &str, i8), operation: i8) -> Self {
        self.add(resource, operation, DENY)
    }

    fn at_host(mut self, host: &'static str) -> Self {
        if let Some(last) = self.acls.last_mut() {
            last.host = host;
        }
        self
    }

    /// Everything on its own groups and transactional ids.
    fn with_groups(self) -> Self {
        self.allow((GROUP, "g-", PREFIXED), ALL)
            .allow((TRANSACTIONAL_ID, "tx-", PREFIXED), ALL)
    }

    /// Everything on one topic.
    fn with_topic(self) -> Self {
        self.allow((TOPIC, "orders", LITERAL), ALL)
    }
}

const ORDERS: (i8, &str, i8) = (TOPIC, "orders", LITERAL);
const ANY_TOPIC: (i8, &str, i8) = (TOPIC, "*", LITERAL);
const THE_CLUSTER: (i8, &str, i8) = (CLUSTER, "kafka-cluster", LITERAL);

/// All users.
pub(crate) fn all() -> Vec<Setting> {
    let mut settings = vec![
        // A super user is not stopped by anything.
        Setting::new(ROOT).deny(ANY_TOPIC, ALL).deny(THE_CLUSTER, ALL),
        Setting::new("nobody"),
    ];
    let named = |kind: &str, codes: &[i8]| -> Vec<(String, i8)> {
        let chosen = OPERATIONS.iter().filter(|(_, code)| codes.contains(code));
        chosen
            .map(|(name, code)| (format!("{kind}-{name}"), *code))
            .collect()
    };
    for (user, operation) in named("topic", &[2, 3, 4, 5, 6, 7, 8, 10, 11]) {
        settings.push(Setting::new(&user).with_groups().allow(ORDERS, operation));
    }
    for (user, operation) in named("group", &[2, 3, 6, 8, 10, 11]) {
        let group = own_group(&user);
        settings.push(
            Setting::new(&user)
                .with_topic()
                .allow((GROUP, &group, LITERAL), operation),
        );
    }
    for (user, operation) in named("cluster", &[2, 5, 7, 8, 9, 10, 11, 12]) {
        settings.push(Setting::new(&user).allow(THE_CLUSTER, operation));
    }
    for (user, operation) in named("transaction", &[2, 4, 8, 15]) {
        let id = own_transaction(&user);
        let setting = Setting::new(&user)
            .with_topic()
            .allow((GROUP, "g-", PREFIXED), ALL);
        settings.push(setting.allow((TRANSACTIONAL_ID, &id, LITERAL), operation));
    }
    settings.extend(mixed());
    let everybody = Acl {
        resource: (TOPIC, "public".into(), LITERAL),
        principal: "User:*".into(),
        host: "*",
        operation: READ,
        permission: ALLOW,
    };
    settings[1].acls.push(everybody);
    settings
}

/// Patterns, wildcards, hosts, and what is denied after all.
fn mixed() -> Vec<Setting> {
    let everything = |user: &str| {
        Setting::new(user)
            .allow(ANY_TOPIC, ALL)
            .allow((GROUP, "*", LITERAL), ALL)
            .allow((TRANSACTIONAL_ID, "*", LITERAL), ALL)
    };
    vec![
        Setting::new("prefixed")
            .allow((TOPIC, "ord", PREFIXED), ALL)
            .with_groups(),
        everything("wildcard"),
        everything("deny-read").deny(ORDERS, READ),
        everything("deny-write").deny(ORDERS, WRITE),
        everything("deny-describe").deny(ORDERS, DESCRIBE),
        everything("deny-prefix").deny((TOPIC, "or", PREFIXED), ALL),
        everything("deny-group").deny((GROUP, "g-deny-group", LITERAL), READ),
        Setting::new("deny-wildcard")
            .with_groups()
            .with_topic()
            .deny(ANY_TOPIC, READ),
        Setting::new("deny-cluster")
            .allow(THE_CLUSTER, ALL)
            .deny(THE_CLUSTER, ALTER),
        Setting::new("here")
            .with_groups()
            .allow(ORDERS, READ)
            .at_host("127.0.0.1"),
        Setting::new("elsewhere")
            .with_groups()
            .allow(ORDERS, READ)
            .at_host("10.0.0.1"),
    ]
}

/// The request that installs ACLs.
pub(crate) fn creation<'a>(acls: impl Iterator<Item = &'a Acl>) -> Result<Item> {
    let mut body = Item::request(30, 3)?;
    for acl in acls {
        let mut item = body.item(field::CREATIONS);
        let (kind, name, pattern) = &acl.resource;
        item.set(field::RESOURCE_TYPE, *kind)
            .set(field::RESOURCE_NAME, name.as_str())
            .set(field::RESOURCE_PATTERN_TYPE, *pattern)
            .set(field::PRINCIPAL, acl.principal.as_str())
            .set(field::HOST, acl.host)
            .set(field::OPERATION, acl.operation)
            .set(field::PERMISSION_TYPE, acl.permission);
        body.push(field::CREATIONS, item);
    }
    Ok(body)
}
