//! The query parameters of the admin API.

/// A query parameter: what it is called, the type of its values, and what it does.
#[derive(Debug, Clone, Copy)]
pub(in crate::admin) struct Parameter {
    pub(in crate::admin) name: &'static str,
    pub(in crate::admin) kind: &'static str,
    pub(in crate::admin) meaning: &'static str,
}

const fn of(name: &'static str, kind: &'static str, meaning: &'static str) -> Parameter {
    Parameter { name, kind, meaning }
}

pub(in crate::admin) const DRY_MODE: Parameter = of(
    "dryMode",
    "boolean",
    "Say what would happen, without changing anything",
);
pub(in crate::admin) const SWITCH_TO: Parameter = of(
    "to",
    "string",
    "The physical cluster that is to get the requests: that which stands in (or failover), or the one of the path",
);
pub(in crate::admin) const PLAINTEXT: Parameter = of(
    "plaintext",
    "boolean",
    "Not encrypted: whoever has the file can then sign tokens for every account",
);
pub(in crate::admin) const SHOW_DEFAULTS: Parameter = of("showDefaults", "boolean", "Without effect");
pub(in crate::admin) const VCLUSTER: Parameter =
    of("vcluster", "string", "Only those of this virtual cluster");
pub(in crate::admin) const USERNAME: Parameter =
    of("username", "string", "Only those of this service account");
pub(in crate::admin) const GROUP: Parameter = of("group", "string", "Only those for this group");
pub(in crate::admin) const GLOBAL: Parameter = of(
    "global",
    "boolean",
    "Only those for all clients of all virtual clusters",
);
pub(in crate::admin) const NAME: Parameter = of("name", "string", "Only those with this name");
pub(in crate::admin) const TYPE: Parameter = of("type", "string", "Only those of this type");

pub(in crate::admin) const RESOURCE_TYPE: Parameter = of(
    "resourceType",
    "string",
    "Only those for resources of this type: TOPIC, GROUP, CLUSTER, TRANSACTIONAL_ID, DELEGATION_TOKEN, USER, or ANY",
);
pub(in crate::admin) const RESOURCE_NAME: Parameter =
    of("resourceName", "string", "Only those for this name of a resource");
pub(in crate::admin) const PATTERN_TYPE: Parameter = of(
    "patternType",
    "string",
    "LITERAL, PREFIXED, ANY, or MATCH for those that cover the resource of the name",
);
pub(in crate::admin) const PRINCIPAL: Parameter = of(
    "principal",
    "string",
    "Only those for this principal, as User:name",
);
pub(in crate::admin) const HOST: Parameter =
    of("host", "string", "Only those for this host, as it was given");
pub(in crate::admin) const OPERATION: Parameter = of(
    "operation",
    "string",
    "Only those for this operation, as READ or IDEMPOTENT_WRITE; or ANY",
);
pub(in crate::admin) const PERMISSION_TYPE: Parameter = of("permissionType", "string", "ALLOW, DENY or ANY");

const PAGE_SIZE: Parameter = of(
    "page[size]",
    "integer",
    "The number of items on a page: 1 to 1000, by default 100",
);
const PAGE_AFTER: Parameter = of(
    "page[after]",
    "string",
    "The page after this one: meta.page.next of the previous page",
);
const NAME_CONTAINS: Parameter = of(
    "filter[name][contains]",
    "string",
    "Only those whose name contains this, ignoring case",
);
const NAME_IS: Parameter = of("filter[name][eq]", "string", "Only those with this name");
const BACKEND_CLUSTER: Parameter = of(
    "filter[backend_cluster_id][eq]",
    "string",
    "Only those on the physical cluster with this id",
);
const VIRTUAL_CLUSTER: Parameter = of(
    "filter[virtual_cluster_id][eq]",
    "string",
    "Only those that lead to the virtual cluster with this id",
);

const PARENT_POLICY: Parameter = of(
    "filter[parent_policy_id]",
    "string",
    "Only those that belong to the policy with this id: there are none yet",
);
const BEFORE: Parameter = of(
    "before",
    "string",
    "The id of the policy that the new one takes effect before",
);
const AFTER: Parameter = of(
    "after",
    "string",
    "The id of the policy that the new one takes effect after",
);

/// Those of lists of the API of event gateways.
pub(in crate::admin) const LIST: &[Parameter] = &[PAGE_SIZE, PAGE_AFTER, NAME_CONTAINS, NAME_IS];
pub(in crate::admin) const VIRTUAL_CLUSTERS: &[Parameter] =
    &[PAGE_SIZE, PAGE_AFTER, NAME_CONTAINS, NAME_IS, BACKEND_CLUSTER];
pub(in crate::admin) const LISTENERS: &[Parameter] =
    &[PAGE_SIZE, PAGE_AFTER, NAME_CONTAINS, NAME_IS, VIRTUAL_CLUSTER];
pub(in crate::admin) const POLICIES: &[Parameter] = &[NAME_CONTAINS, NAME_IS];
pub(in crate::admin) const VCLUSTER_POLICIES: &[Parameter] = &[NAME_CONTAINS, NAME_IS, PARENT_POLICY];
/// The place of what is added to a list that has an order.
pub(in crate::admin) const INSERT: &[Parameter] = &[BEFORE, AFTER];

const FROM: Parameter = of(
    "from",
    "string",
    "The first hour of UTC that is meant, as 2026-11-30T07:00:00Z, or a day as 2026-11-30; it must be said",
);
const TO: Parameter = of(
    "to",
    "string",
    "The hour up to which is meant, which is not any more; the end of the present hour if nothing is said",
);
const OF_VCLUSTER: Parameter = of("vcluster", "string", "Only what is of this virtual cluster");
const OF_ACCOUNT: Parameter = of("account", "string", "Only what is of this account");
const OF_TOPIC: Parameter = of("topic", "string", "Only what is of this topic");
const BY: Parameter = of(
    "by",
    "string",
    "By what to sum, separated by commas: vcluster, account, topic, and hour or day; vcluster,account,topic if nothing is said",
);
const FORMAT: Parameter = of(
    "format",
    "string",
    "json, or csv (RFC 4180, with a line of names)",
);

/// Those of usage.
pub(in crate::admin) const USAGE: &[Parameter] = &[FROM, TO, OF_VCLUSTER, OF_ACCOUNT, OF_TOPIC, BY, FORMAT];
