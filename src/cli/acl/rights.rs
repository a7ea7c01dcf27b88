//! The ACLs that flags stand for, as `kafka-acls` reads them.

use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

use super::words::{OperationWord, PatternWord};
use crate::cli::failure::Failure;

/// The name of the only cluster that there is.
const CLUSTER_NAME: &str = "kafka-cluster";
/// From every host.
const ANY_HOST: &str = "*";

/// Whether an ACL allows or denies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum PermissionWord {
    Allow,
    Deny,
}

impl PermissionWord {
    pub(super) fn json(self) -> &'static str {
        match self {
            Self::Allow => "ALLOW",
            Self::Deny => "DENY",
        }
    }
}

/// The resources that ACLs are for.
#[derive(Debug, Args)]
pub(super) struct ResourceFlags {
    /// A topic, or * for all; may be repeated, as all of these
    #[arg(long, value_name = "NAME")]
    topic: Vec<String>,
    /// A group
    #[arg(long, value_name = "NAME")]
    group: Vec<String>,
    /// The cluster itself
    #[arg(long)]
    cluster: bool,
    /// A transactional id
    #[arg(long, value_name = "ID")]
    transactional_id: Vec<String>,
    /// A delegation token
    #[arg(long, value_name = "ID")]
    delegation_token: Vec<String>,
    /// A user whose delegation tokens are meant
    #[arg(long, value_name = "PRINCIPAL")]
    user_principal: Vec<String>,
    /// How names are meant; any and match find ACLs, and are not for those that are added
    #[arg(
        long,
        value_enum,
        value_name = "TYPE",
        default_value = "literal",
        ignore_case = true
    )]
    resource_pattern_type: PatternWord,
}

/// A resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NamedResource<'a> {
    pub(super) kind: &'static str,
    pub(super) name: &'a str,
    pub(super) pattern: PatternWord,
}

impl ResourceFlags {
    /// All that are named.
    pub(super) fn named(&self) -> Vec<NamedResource<'_>> {
        let pattern = self.resource_pattern_type;
        let lists = [
            ("TOPIC", &self.topic),
            ("GROUP", &self.group),
            ("TRANSACTIONAL_ID", &self.transactional_id),
            ("DELEGATION_TOKEN", &self.delegation_token),
            ("USER", &self.user_principal),
        ];
        let named = lists.into_iter().flat_map(|(kind, names)| {
            let resource = move |name| NamedResource { kind, name, pattern };
            names.iter().map(String::as_str).map(resource)
        });
        named.chain(self.cluster.then_some(THE_CLUSTER)).collect()
    }
}

const THE_CLUSTER: NamedResource<'static> = NamedResource {
    kind: "CLUSTER",
    name: CLUSTER_NAME,
    pattern: PatternWord::Literal,
};

/// The flags by which ACLs are described.
#[derive(Debug, Args)]
pub(super) struct AclFlags {
    /// Who is allowed, as User:name, or User:* for everybody; may be repeated, as all of these
    #[arg(long, value_name = "PRINCIPAL")]
    allow_principal: Vec<String>,
    /// Who is denied
    #[arg(long, value_name = "PRINCIPAL")]
    deny_principal: Vec<String>,
    /// The host that allowed principals come from; without one, all hosts
    #[arg(long, value_name = "IP", requires = "allow_principal")]
    allow_host: Vec<String>,
    /// The host that denied principals come from; without one, all hosts
    #[arg(long, value_name = "IP", requires = "deny_principal")]
    deny_host: Vec<String>,
    /// The host of both
    #[arg(long, value_name = "IP", conflicts_with_all = ["allow_host", "deny_host"])]
    host: Vec<String>,
    /// The operation, as Read; All, if none is given
    #[arg(long, value_name = "OPERATION")]
    operation: Vec<OperationWord>,
    /// The rights of a producer: Write, Describe and Create on topics, Write and Describe on transactional ids
    #[arg(long, requires = "topic", conflicts_with_all = ["operation", "deny_principal"])]
    producer: bool,
    /// The rights of a consumer: Read and Describe on topics, Read on groups
    #[arg(long, requires_all = ["topic", "group"], conflicts_with_all = ["operation", "deny_principal"])]
    consumer: bool,
    /// With --producer: IdempotentWrite on the cluster, for brokers before 2.8
    #[arg(long, requires = "producer")]
    idempotent: bool,
    #[command(flatten)]
    resources: ResourceFlags,
}

/// An ACL, or what is asked of those that there are: what is not said is any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AclWanted<'a> {
    resource: Option<NamedResource<'a>>,
    principal: Option<&'a str>,
    host: Option<&'a str>,
    pub(super) permission: Option<PermissionWord>,
    operation: Option<OperationWord>,
}

impl AclFlags {
    /// The ACLs that are to be added.
    pub(super) fn to_add(&self) -> Result<Vec<AclWanted<'_>>, Failure> {
        if self.allow_principal.is_empty() && self.deny_principal.is_empty() {
            return Err(usage(
                "whose rights? Name them by --allow-principal or --deny-principal, as User:name",
            ));
        }
        if !self.resources.resource_pattern_type.is_specific() {
            return Err(usage(
                "--resource-pattern-type any and match find ACLs; one that is added is literal or prefixed",
            ));
        }
        if self.operation.iter().any(|operation| operation.is_any()) {
            return Err(usage(
                "--operation Any finds ACLs; one that allows everything is of the operation All",
            ));
        }
        let on = self.on_resources();
        if on.is_empty() {
            return Err(no_resource(""));
        }
        Ok(self.for_principals(&on))
    }

    /// The filters of what is to be removed; of these principals, if there are any.
    pub(super) fn to_remove<'a>(&'a self, principals: &'a [String]) -> Result<Vec<AclWanted<'a>>, Failure> {
        let resources = self.resources.named();
        if !principals.is_empty() {
            let of_all = |resource: Option<NamedResource<'a>>| {
                let of_one = move |principal: &'a String| AclWanted {
                    principal: Some(principal),
                    ..AclWanted::on(resource)
                };
                principals.iter().map(of_one)
            };
            return Ok(match resources.is_empty() {
                true => of_all(None).collect(),
                false => resources.into_iter().map(Some).flat_map(of_all).collect(),
            });
        }
        let on = self.on_resources();
        if on.is_empty() {
            return Err(no_resource(", or --principal for all ACLs of somebody"));
        }
        match self.allow_principal.is_empty() && self.deny_principal.is_empty() {
            true if !self.operation.is_empty() || !self.host.is_empty() => Err(usage(
                "--operation and --host are of the ACLs of somebody: name them by --allow-principal or --deny-principal",
            )),
            true => Ok(resources
                .into_iter()
                .map(|one| AclWanted::on(Some(one)))
                .collect()),
            false => Ok(self.for_principals(&on)),
        }
    }

    /// The resources, each with the operations.
    fn on_resources(&self) -> Vec<(NamedResource<'_>, Vec<OperationWord>)> {
        const PRODUCED: [OperationWord; 3] = [
            OperationWord::WRITE,
            OperationWord::DESCRIBE,
            OperationWord::CREATE,
        ];
        const TRANSACTED: [OperationWord; 2] = [OperationWord::WRITE, OperationWord::DESCRIBE];
        const CONSUMED: [OperationWord; 2] = [OperationWord::READ, OperationWord::DESCRIBE];
        let named = self.resources.named().into_iter();
        if !self.producer && !self.consumer {
            let operations = match self.operation.is_empty() {
                true => vec![OperationWord::ALL],
                false => self.operation.clone(),
            };
            return named.map(|resource| (resource, operations.clone())).collect();
        }
        let mut all: Vec<_> = named
            .map(|resource| {
                let mut operations = Vec::new();
                match resource.kind {
                    "TOPIC" if self.producer => operations.extend(PRODUCED),
                    "TRANSACTIONAL_ID" if self.producer => operations.extend(TRANSACTED),
                    _ => {}
                }
                match resource.kind {
                    "TOPIC" if self.consumer => operations.extend(CONSUMED),
                    "GROUP" if self.consumer => operations.push(OperationWord::READ),
                    _ => {}
                }
                (resource, operations)
            })
            .collect();
        if self.idempotent {
            all.push((THE_CLUSTER, vec![OperationWord::IDEMPOTENT_WRITE]));
        }
        all
    }

    /// ACLs of all principals from all hosts, each once.
    fn for_principals<'a>(&'a self, on: &[(NamedResource<'a>, Vec<OperationWord>)]) -> Vec<AclWanted<'a>> {
        let hosts = |own: &'a [String]| -> Vec<&'a str> {
            let said: Vec<&str> = own.iter().chain(&self.host).map(String::as_str).collect();
            if said.is_empty() { vec![ANY_HOST] } else { said }
        };
        let sides = [
            (PermissionWord::Deny, &self.deny_principal, hosts(&self.deny_host)),
            (
                PermissionWord::Allow,
                &self.allow_principal,
                hosts(&self.allow_host),
            ),
        ];
        let mut who = Vec::new();
        for (permission, principals, hosts) in &sides {
            for principal in *principals {
                who.extend(hosts.iter().map(|host| (*permission, principal.as_str(), *host)));
            }
        }
        let mut all = Vec::new();
        for (resource, operations) in on {
            for (permission, principal, host) in &who {
                let acls = operations.iter().map(|operation| AclWanted {
                    principal: Some(principal),
                    host: Some(host),
                    permission: Some(*permission),
                    operation: Some(*operation),
                    ..AclWanted::on(Some(*resource))
                });
                for acl in acls {
                    if !all.contains(&acl) {
                        all.push(acl);
                    }
                }
            }
        }
        all
    }
}

fn usage(text: &str) -> Failure {
    Failure::Usage(text.to_owned())
}

fn no_resource(more: &str) -> Failure {
    Failure::Usage(format!(
        "ACLs of what? Name it by --topic, --group, --cluster, --transactional-id, --delegation-token or --user-principal{more}"
    ))
}

impl<'a> AclWanted<'a> {
    /// Everything on a resource.
    fn on(resource: Option<NamedResource<'a>>) -> Self {
        Self {
            resource,
            principal: None,
            host: None,
            permission: None,
            operation: None,
        }
    }

    /// The body of a request.
    pub(super) fn body(&self, vcluster: &str) -> Value {
        let mut body = Map::from_iter([("vCluster".to_owned(), json!(vcluster))]);
        if let Some(NamedResource { kind, name, pattern }) = self.resource {
            let pattern = json!({ "resourceType": kind, "name": name, "patternType": pattern.json() });
            body.insert("resourcePattern".to_owned(), pattern);
        }
        let texts = [
            ("principal", self.principal),
            ("host", self.host),
            ("operation", self.operation.map(OperationWord::json)),
            ("permissionType", self.permission.map(PermissionWord::json)),
        ];
        for (field, text) in texts {
            if let Some(text) = text {
                body.insert(field.to_owned(), json!(text));
            }
        }
        Value::Object(body)
    }

    /// For people.
    pub(super) fn title(&self) -> String {
        title_of(&self.body(""))
    }
}

/// An ACL for people, by its JSON; what it does not say is any.
pub(super) fn title_of(acl: &Value) -> String {
    let text = |place: &str| acl.pointer(place).and_then(Value::as_str).unwrap_or("ANY");
    let from = match text("/host") {
        ANY_HOST | "ANY" => String::new(),
        host => format!(" from {host}"),
    };
    let on = match acl.get("resourcePattern") {
        None => "everything".to_owned(),
        Some(_) => format!(
            "{} {} {}",
            text("/resourcePattern/patternType"),
            text("/resourcePattern/resourceType"),
            text("/resourcePattern/name")
        ),
    };
    format!(
        "{} {} {} on {on}{from}",
        text("/principal"),
        text("/permissionType"),
        text("/operation")
    )
}
