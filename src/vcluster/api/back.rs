//! Turns an answer of a broker into one of the virtual cluster: every name, id, address and right by what its field is.
//! The match over classes is complete on purpose: a class that is new must be thought about here.

use std::borrow::Cow;

use super::description::Ahead;
use super::error_code::{ErrorCode, denial};
use super::local_errors::LocalErrors;
use super::{gateway_refused, internal_topics, words};
use crate::authz::{Asker, Resource};
use crate::vcluster::brokers::Address;
use crate::vcluster::carried::Carried;
use crate::vcluster::embedded::{self, RenameDirection};
use crate::vcluster::names::TopicId;
use crate::vcluster::pending::{Asked, Company, MemberProtocol, Members, Pending, Then};
use crate::vcluster::plan::{Caller, SeenAs};
use crate::vcluster::record_work::RecordResults;
use crate::vcluster::rename::{Alias, Names};
use crate::vcluster::view::View;
use crate::wire::{Class, Edits, Embedded, Form, Item, Message, Node, WireError, field};
use klamm_raft::model::Operation;

/// "Not asked for" in a bitfield of operations.
const NO_OPERATIONS: i32 = i32::MIN;
/// "No broker".
const NO_BROKER: i32 = -1;
/// Where group members connect from, as clients are told: brokers only know the gateway's address.
const MASKED_HOST: &str = "/0.0.0.0";

/// Why a broker's answer cannot be given to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadAnswer {
    #[error("it answers another request")]
    OtherRequest,
    #[error("what is remembered of its request is of another API")]
    OtherApi,
    #[error("it cannot be rewritten")]
    Wire(#[from] WireError),
}

/// The conversion of one answer.
#[derive(Debug)]
pub(super) struct Back<'a> {
    pub(super) view: &'a View,
    pub(super) names: &'a Names,
    pub(super) pending: &'a Pending,
    caller: &'a Caller,
    /// The results of judging the records of the answer.
    pub(super) results: &'a RecordResults,
    pub(super) asker: Asker<'a>,
    /// Whether topics are wanted at all.
    pub(super) topics: Asked,
    /// Whether topics that the caller may not describe are left out.
    pub(super) filter: Asked,
    /// Whether bitfields of topics or groups are wanted.
    pub(super) operations: Asked,
    /// Whether the bitfield of the cluster is wanted.
    pub(super) cluster_operations: Asked,
    /// The members whose bytes the answer may hold.
    pub(super) members: Members,
    /// The errors that the gateway answers in place of what the broker said.
    pub(super) errors: LocalErrors,
    /// The records that the broker took, or that the client gets.
    pub(super) carried: Carried,
}

impl<'a> Back<'a> {
    pub(super) fn new(
        view: &'a View,
        caller: &'a Caller,
        pending: &'a Pending,
        results: &'a RecordResults,
    ) -> Self {
        let names = match pending.api.ahead() {
            Ahead::Assigns => &view.names,
            Ahead::Never | Ahead::Creates(_) | Ahead::Deletes(_) | Ahead::Grows => &pending.names,
        };
        Self {
            view,
            names,
            pending,
            caller,
            results,
            asker: view.acls.index.asker(&caller.principal, &caller.host),
            topics: Asked::Yes,
            filter: Asked::No,
            operations: Asked::No,
            cluster_operations: Asked::No,
            members: Members::OTHER,
            errors: LocalErrors::default(),
            carried: Carried::default(),
        }
    }

    /// Who asked.
    pub(super) fn caller(&self) -> &'a Caller {
        self.caller
    }

    /// The answer with all defaults.
    pub(super) fn empty(&self) -> Result<Item, WireError> {
        Item::response(self.pending.api.key, self.pending.version)
    }

    /// Converts everything inside of a struct.
    pub(super) fn convert(&self, parent: Node<'_>, edits: &mut Edits) {
        for node in parent.children() {
            self.field(parent, node, edits);
        }
    }

    fn field(&self, parent: Node<'_>, node: Node<'_>, edits: &mut Edits) {
        match node.class() {
            Class::Topics => self.items(node, edits, |item, edits| self.topic(item, edits)),
            Class::Array => self.items(node, edits, |item, edits| self.item(item, edits)),
            Class::Topic | Class::Partitions | Class::Partition | Class::Struct => self.convert(node, edits),
            Class::BrokerId => self.broker_id(node, edits),
            Class::Subscription => self.embedded(Embedded::Subscription, node, edits),
            Class::Assignment => self.embedded(Embedded::Assignment, node, edits),
            Class::AuthorizedOperations => self.authorized_operations(parent, node, edits),
            Class::ClusterId => edits.set_text(node, Some(&self.view.kafka_cluster_id)),
            Class::ClientHost => edits.set_text(node, Some(MASKED_HOST)),
            Class::ErrorMessage => self.error_message(parent, node, edits),
            Class::ProducerId => self.producer_id(node, edits),
            Class::LeaderEpoch => self.leader_epoch(node, edits),
            // No client is given a fetch session.
            Class::FetchSessionId => set_int(node, 0, edits),
            Class::TopicName if node.form() == Form::Array => self.topic_names(node, edits),
            // Converted with the struct that they belong to.
            Class::TopicName
            | Class::TopicId
            | Class::GroupId
            | Class::TransactionalId
            | Class::Host
            | Class::Port => {}
            // Of no meaning outside of their message, or the client's own.
            Class::Nothing
            | Class::Rack
            | Class::PartitionIndex
            | Class::Records
            | Class::ProtocolType
            | Class::ErrorCode
            | Class::ThrottleTimeMs
            | Class::Acks
            | Class::ProducerEpoch
            | Class::FetchSessionEpoch
            | Class::ReplicaId
            | Class::CoordinatorType
            | Class::ResourceType
            | Class::QuotaEntityType
            | Class::AclHost
            | Class::Principal => {}
            // Converted by the handlers of the only served answers that hold them.
            Class::CoordinatorKey
            | Class::ResourceName
            | Class::ConfigName
            | Class::ConfigValue
            | Class::LogDir => {}
            Class::TopicPattern => match node.text().and_then(|text| self.names.virtual_pattern(text)) {
                Some(pattern) => edits.set_text(node, Some(pattern)),
                None => blank(node, edits),
            },
            // In no served answer. If one ever held them they would be emptied.
            Class::TransactionalIdPattern | Class::QuotaEntity | Class::UserName | Class::Secret => {
                blank(node, edits)
            }
        }
    }

    fn leader_epoch(&self, node: Node<'_>, edits: &mut Edits) {
        let epochs = self.view.epochs;
        if let Some(epoch) = node.int().filter(|_| !epochs.are_plain()) {
            edits.set_int(node, epochs.told(epoch));
        }
    }

    /// A broker's words may name physical things: what is not known is not told.
    pub(super) fn error_message(&self, parent: Node<'_>, node: Node<'_>, edits: &mut Edits) {
        let Some(text) = node.text().filter(|text| !is_meaningless(text)) else {
            return;
        };
        if parent.child(field::STATUS_CODE).is_some() {
            edits.set_text(
                node,
                Some(&internal_topics::status_detail(
                    (self.names, &self.asker),
                    parent,
                    text,
                )),
            );
            return;
        }
        let group = parent.child_of(Class::GroupId).and_then(Node::text);
        let said = group
            .and_then(|physical| self.said_of_group(physical, text))
            .or_else(|| self.said_of_member(text))
            .or_else(|| words::renamed(self.names, text));
        if let Some(text) = said {
            edits.set_text(node, Some(&text));
            return;
        }
        let code = parent.child_of(Class::ErrorCode).and_then(Node::int);
        let code = code.and_then(|code| i16::try_from(code).ok()).unwrap_or_default();
        edits.set_text(node, denial(code).or_else(|| said_of_collision(text)));
    }

    /// The words of a broker on a group that is not there, or of another kind, said of the virtual group.
    fn said_of_group(&self, physical: &str, text: &str) -> Option<String> {
        const SAID: [&str; 5] = [
            " not found.",
            " is not a classic group.",
            " is not a consumer group.",
            " is not a share group.",
            " is not a streams group.",
        ];
        let said = text.strip_prefix("Group ")?.strip_prefix(physical)?;
        let id = self.names.virtual_group(physical)?;
        SAID.contains(&said).then(|| format!("Group {id}{said}"))
    }

    /// The words of a coordinator on a group, or on a member that it does not have, when the answer names neither.
    /// Members are called as they called themselves.
    fn said_of_member(&self, text: &str) -> Option<String> {
        const NOT_OF: &str = " is not a member of group ";
        const NOT_FOUND: &str = " not found.";
        const STREAMS: &str = "Streams group ";
        if let Some(physical) = text
            .strip_prefix(STREAMS)
            .and_then(|said| said.strip_suffix(NOT_FOUND))
        {
            let id = self.names.virtual_group(physical)?;
            return Some(format!("{STREAMS}{id}{NOT_FOUND}"));
        }
        let said = text.strip_prefix("Member ")?.strip_suffix('.')?;
        let (member, physical) = said.split_once(NOT_OF)?;
        let id = self.names.virtual_group(physical)?;
        Some(format!("Member {member}{NOT_OF}{id}."))
    }

    /// Converts the items of an array and removes those of which `convert` says no.
    fn items<'n>(&self, array: Node<'n>, edits: &mut Edits, convert: impl Fn(Node<'n>, &mut Edits) -> bool) {
        for item in array.children() {
            if !convert(item, edits) {
                edits.remove_item(array, item);
            }
        }
    }

    /// An item of an array: a broker, a group, a transaction, a producer, or any other struct. `false` when clients
    /// must not see it.
    pub(super) fn item(&self, item: Node<'_>, edits: &mut Edits) -> bool {
        if item.child_of(Class::Host).is_some() {
            return self.endpoint(item, edits);
        }
        let producer = item.child_of(Class::ProducerId).and_then(Node::int);
        if producer.is_some_and(|id| self.view.producers.to_virtual(id).is_none()) {
            return false;
        }
        let names = self.names;
        let group = item.child_of(Class::GroupId);
        let transaction = item.child_of(Class::TransactionalId);
        let namespaced = match (group, transaction) {
            (Some(node), _) => Some((node, node.text().and_then(|id| names.virtual_group(id)))),
            (None, Some(node)) => Some((
                node,
                node.text().and_then(|id| names.virtual_transactional_id(id)),
            )),
            (None, None) => None,
        };
        match namespaced {
            Some((_, None)) => return false,
            Some((node, id)) => edits.set_text(node, id),
            None => {}
        }
        self.convert(item, edits);
        true
    }

    /// Converts a topic and what is said of it; `false` when it is none of this virtual cluster.
    pub(super) fn topic(&self, topic: Node<'_>, edits: &mut Edits) -> bool {
        let is_left_out = self.filter == Asked::Yes && !self.may_describe(topic);
        if self.topics == Asked::No || is_left_out {
            return false;
        }
        let (name, id) = (topic.child_of(Class::TopicName), topic.child_of(Class::TopicId));
        let physical_id = id.and_then(Node::uuid).map(TopicId::new);
        match self.alias_of(topic) {
            Some(alias) => {
                if let Some(name) = name.filter(|name| !name.is_null()) {
                    edits.set_text(name, Some(alias.virtual_name.as_str()));
                }
                if let (Some(node), Some(physical_id)) = (id, physical_id) {
                    edits.set_uuid(node, *self.names.virtual_topic_id(&alias, physical_id).bytes());
                }
            }
            // Where ids are the same on both sides, one that is not known yet is as good.
            None if self.names.is_transparent() && physical_id.is_some() => {}
            // A topology may name what is no topic.
            None => match name.and_then(|node| Some((node, self.names.virtual_topic_name(node.text()?)?))) {
                Some((node, absent)) => edits.set_text(node, Some(&absent)),
                None => return false,
            },
        }
        self.convert(topic, edits);
        true
    }

    /// Whether the caller may describe a topic of the answer, given by name or by id.
    pub(super) fn may_describe(&self, topic: Node<'_>) -> bool {
        self.alias_of(topic).is_some_and(|alias| {
            let resource = Resource::topic(alias.virtual_name.as_str());
            self.asker.decide(Operation::Describe, resource).is_allowed()
        })
    }

    /// The error that an item of the answer is told with.
    pub(super) fn error_of(&self, item: Node<'_>) -> i16 {
        let error = item.int_in(field::ERROR_CODE).unwrap_or_default();
        let error = i16::try_from(error).unwrap_or_default();
        match self.caller.seen_as {
            SeenAs::Gateway => gateway_refused::told(error),
            SeenAs::Itself => error,
        }
    }

    /// Whether a topic of the answer is one of the virtual cluster.
    pub(super) fn knows(&self, topic: Node<'_>) -> bool {
        self.names.is_transparent() || self.alias_of(topic).is_some()
    }

    /// The topic of the virtual cluster that an answer gives by name or by id.
    pub(super) fn alias_of(&self, topic: Node<'_>) -> Option<Cow<'a, Alias>> {
        match (topic.topic_name(), topic.topic_id()) {
            (Some(name), _) => self.names.by_physical_name(name),
            (None, Some(id)) => self.names.by_physical_id(TopicId::new(id)).map(Cow::Borrowed),
            (None, None) => None,
        }
    }

    /// Converts a list of names, of topics and of what was none when it was sent.
    fn topic_names(&self, array: Node<'_>, edits: &mut Edits) {
        for node in array.children() {
            match self.names.virtual_topic_name(node.text().unwrap_or_default()) {
                Some(name) => edits.set_text(node, Some(&name)),
                None => edits.remove_item(array, node),
            }
        }
    }

    /// Converts a struct that says where a broker is; `false` when clients cannot be told.
    fn endpoint(&self, node: Node<'_>, edits: &mut Edits) -> bool {
        let id = node.child_of(Class::BrokerId);
        let address = id.and_then(|id| self.broker_at(id.int()?));
        let (Some(id), Some((virtual_id, address))) = (id, address) else {
            return false;
        };
        edits.set_int(id, virtual_id.into());
        set_text_in(node, Class::Host, &address.host, edits);
        set_int_in(node, Class::Port, address.port.into(), edits);
        true
    }

    /// Converts a struct that names a coordinator. Without one, or when clients cannot be told of it, the struct names
    /// none; `false` in the latter case.
    pub(super) fn coordinator(&self, node: Node<'_>, edits: &mut Edits) -> bool {
        if self.endpoint(node, edits) {
            return true;
        }
        let id = node.child_of(Class::BrokerId).and_then(Node::int);
        set_int_in(node, Class::BrokerId, NO_BROKER, edits);
        set_text_in(node, Class::Host, "", edits);
        set_int_in(node, Class::Port, -1, edits);
        id.is_none_or(|id| id < 0)
    }

    /// Virtual id and address of a broker.
    fn broker_at(&self, physical_id: i64) -> Option<(i32, Address<'a>)> {
        let brokers = &self.view.brokers;
        let broker = brokers.by_physical_id(self.names.cluster(), i32::try_from(physical_id).ok()?)?;
        let address = brokers.address(broker, &self.caller.front, self.caller.address)?;
        Some((broker.virtual_id, address))
    }

    fn broker_id(&self, node: Node<'_>, edits: &mut Edits) {
        if node.form() == Form::Array {
            for (span, id) in node.i32s() {
                edits.replace(span, &self.virtual_broker(id).to_be_bytes());
            }
        } else if let Some(id) = node.int().and_then(|id| i32::try_from(id).ok()) {
            set_int(node, self.virtual_broker(id), edits);
        }
    }

    /// The virtual id of a broker; "no broker" for one that has no slot.
    pub(super) fn virtual_broker(&self, physical_id: i32) -> i32 {
        self.known_broker(physical_id).unwrap_or(NO_BROKER)
    }

    /// The virtual id of a broker that has a slot.
    pub(super) fn known_broker(&self, physical_id: i32) -> Option<i32> {
        let brokers = &self.view.brokers;
        let broker = brokers.by_physical_id(self.names.cluster(), physical_id)?;
        Some(broker.virtual_id)
    }

    /// Ids of producers that are marked: clients are told those that they know.
    fn producer_id(&self, node: Node<'_>, edits: &mut Edits) {
        let Some(physical) = node.int() else {
            return;
        };
        let id = self.view.producers.to_virtual(physical);
        if let Some(id) = id.filter(|id| *id != physical) {
            edits.set_int(node, id);
        }
    }

    fn embedded(&self, message: Embedded, node: Node<'_>, edits: &mut Edits) {
        let Members { protocol, company } = self.members;
        let Some(tail) = protocol.tail() else {
            return;
        };
        let bytes = node.bytes().unwrap_or_default();
        match embedded::rename(self.names, (message, tail), RenameDirection::ToVirtual, bytes) {
            Ok(renamed) => edits.set_bytes(node, Some(&renamed)),
            // Whoever wrote them may have written physical names.
            Err(_) if protocol == MemberProtocol::Consumer && company == Company::Mixed => {
                edits.set_bytes(node, Some(&[]));
            }
            // They were not understood on the way there either.
            Err(_) => {}
        }
    }

    /// Bitfields of a broker describe the gateway's own rights.
    fn authorized_operations(&self, parent: Node<'_>, node: Node<'_>, edits: &mut Edits) {
        set_int(node, self.operations_of(parent).unwrap_or(NO_OPERATIONS), edits);
    }

    fn operations_of(&self, parent: Node<'_>) -> Option<i32> {
        let is_asked = |asked: Asked| (asked == Asked::Yes).then_some(());
        if let Some(name) = parent.child_of(Class::TopicName) {
            is_asked(self.operations)?;
            let alias = self.names.by_physical_name(name.text()?)?;
            return Some(
                self.asker
                    .authorized_operations(Resource::topic(alias.virtual_name.as_str())),
            );
        }
        if let Some(group) = parent.child_of(Class::GroupId) {
            is_asked(self.operations)?;
            let is_described = parent.int_in(field::ERROR_CODE) == Some(0);
            let id = self.names.virtual_group(group.text()?)?;
            return is_described.then(|| self.asker.authorized_operations(Resource::group(id)));
        }
        is_asked(self.cluster_operations)?;
        Some(cluster_operations(&self.asker))
    }
}

/// Converts an answer that needs nothing added.
pub(super) fn renamed(back: &mut Back<'_>, message: Message<'_>, edits: &mut Edits) -> Result<(), BadAnswer> {
    let Then::Nothing = back.pending.then else {
        return Err(BadAnswer::OtherApi);
    };
    back.convert(message.root(), edits);
    Ok(())
}

/// The part of the view that a request was sent by.
pub(super) fn part_of<'a>(view: &'a View, pending: &Pending) -> &'a View {
    match (view.foreign(), pending.names.cluster()) {
        ([], _) | (_, None) => view,
        (_, Some(cluster)) => view.on(cluster).unwrap_or(view),
    }
}

/// A partition whose leader clients cannot be told has none for the moment.
pub(super) fn mark_leaderless(back: &Back<'_>, topic: Node<'_>, edits: &mut Edits) {
    for partition in topic.items(field::PARTITIONS) {
        let leader = partition.i32_in(field::LEADER_ID).unwrap_or(-1);
        let error = partition.child_of(Class::ErrorCode);
        if let Some(error) = error.filter(|error| error.int() == Some(0))
            && leader >= 0
            && back.virtual_broker(leader) < 0
        {
            edits.set_int(error, ErrorCode::LeaderNotAvailable.code().into());
        }
    }
}

/// The words of a broker on a topic that it does not create because of another, which may be anybody's: without names.
fn said_of_collision(text: &str) -> Option<&'static str> {
    text.contains(" collides with existing topic").then_some(
        "The name collides with that of another topic: in names of metrics '.' and '_' are the same.",
    )
}

/// Texts that brokers send where there is no error.
pub(super) fn is_meaningless(message: &str) -> bool {
    matches!(message, "" | "NONE")
}

/// The bitfield of the cluster: 0 for those who may not describe it.
pub(super) fn cluster_operations(asker: &Asker<'_>) -> i32 {
    if asker.decide(Operation::Describe, Resource::CLUSTER).is_allowed() {
        asker.authorized_operations(Resource::CLUSTER)
    } else {
        0
    }
}

fn set_int(node: Node<'_>, value: i32, edits: &mut Edits) {
    if node.int() != Some(value.into()) {
        edits.set_int(node, value.into());
    }
}

fn set_int_in(parent: Node<'_>, class: Class, value: i32, edits: &mut Edits) {
    if let Some(node) = parent.child_of(class) {
        set_int(node, value, edits);
    }
}

fn set_text_in(parent: Node<'_>, class: Class, value: &str, edits: &mut Edits) {
    if let Some(node) = parent.child_of(class) {
        edits.set_text(node, Some(value));
    }
}

fn blank(node: Node<'_>, edits: &mut Edits) {
    match node.form() {
        Form::Text => edits.set_text(node, Some("")),
        Form::Bytes => edits.set_bytes(node, Some(&[])),
        _ => {}
    }
}
