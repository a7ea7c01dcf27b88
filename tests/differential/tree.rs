//! An answer as a value that can be compared: every field, by name. Knows no gateway; what differs by nature is
//! evened out on the way, by the closed list in `normal.rs`.

use std::collections::BTreeMap;
use std::fmt;

use klamm::wire::{Form, Node};

use crate::normal;
use crate::side::Names;

/// A field, item or message.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tree {
    Null,
    Int(i64),
    Text(String),
    Bytes(Vec<u8>),
    List(Vec<Tree>),
    Struct(BTreeMap<&'static str, Tree>),
}

/// One place where two answers are not equal; `None` where there is nothing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Difference {
    /// The names of the fields on the way, `[]` for an item.
    pub(crate) path: String,
    pub(crate) broker: Option<Tree>,
    pub(crate) gateway: Option<Tree>,
}

/// Whether the items of arrays are compared in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Kept,
    Free,
}

impl Tree {
    /// The tree of a walk that finds every detail.
    pub(crate) fn of(node: Node<'_>, names: &Names, order: Order) -> Self {
        if node.is_null() {
            return Self::Null;
        }
        match node.form() {
            Form::Struct => {
                let fields = node
                    .children()
                    .map(|child| (child.field().name(), Self::of(child, names, order)));
                Self::Struct(fields.collect())
            }
            Form::Array => {
                let mut items: Vec<Self> = node
                    .children()
                    .map(|child| Self::of(child, names, order))
                    .collect();
                if items.is_empty() {
                    items = plain_items(node, names);
                }
                if order == Order::Free {
                    items.sort();
                }
                Self::List(items)
            }
            Form::Text => Self::Text(normal::text(
                (node.field().name(), node.class()),
                node.text().unwrap_or_default(),
            )),
            Form::Bytes | Form::Records => Self::Bytes(node.bytes().unwrap_or_default().to_vec()),
            Form::Uuid => normal::uuid(
                (node.field().name(), node.class()),
                node.uuid().unwrap_or_default(),
                names,
            ),
            Form::Float64 => Self::Text(node.float().unwrap_or_default().to_string()),
            _ => normal::int(
                (node.field().name(), node.class()),
                node.int().unwrap_or_default(),
            ),
        }
    }

    /// A field of a struct.
    pub(crate) fn field(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Struct(fields) => fields.get(name),
            _ => None,
        }
    }

    /// Whether a field of this name has this value, however deep.
    pub(crate) fn holds(&self, name: &str, value: &Self) -> bool {
        let mut is_there = false;
        self.each(name, &mut |found| is_there |= found == value);
        is_there
    }

    /// Visits every field of this name, however deep.
    pub(crate) fn each(&self, name: &str, visit: &mut impl FnMut(&Self)) {
        match self {
            Self::Struct(fields) => fields.iter().for_each(|(field, inner)| {
                if *field == name {
                    visit(inner);
                }
                inner.each(name, visit);
            }),
            Self::List(items) => items.iter().for_each(|item| item.each(name, visit)),
            _ => {}
        }
    }

    /// Every place where the gateway's answer is another one.
    pub(crate) fn differences(broker: &Self, gateway: &Self) -> Vec<Difference> {
        let mut found = Vec::new();
        compare("", Some(broker), Some(gateway), &mut found);
        found
    }
}

/// The items of an array whose items have no entries of their own.
fn plain_items(node: Node<'_>, names: &Names) -> Vec<Tree> {
    let bytes = node.bytes().unwrap_or_default();
    match bytes.len().checked_div(node.count()) {
        Some(4) => node
            .i32s()
            .map(|(_, value)| normal::int((node.field().name(), node.class()), value.into()))
            .collect(),
        Some(16) => node
            .uuids()
            .map(|(_, value)| normal::uuid((node.field().name(), node.class()), value, names))
            .collect(),
        Some(size) if size > 0 => bytes
            .chunks(size)
            .map(|item| Tree::Bytes(item.to_vec()))
            .collect(),
        _ => Vec::new(),
    }
}

fn compare(path: &str, broker: Option<&Tree>, gateway: Option<&Tree>, found: &mut Vec<Difference>) {
    match (broker, gateway) {
        (Some(Tree::Struct(broker)), Some(Tree::Struct(gateway))) => {
            let more = gateway.keys().filter(|name| !broker.contains_key(*name));
            for name in broker.keys().chain(more) {
                compare(
                    &format!("{path}.{name}"),
                    broker.get(name),
                    gateway.get(name),
                    found,
                );
            }
        }
        (Some(Tree::List(broker)), Some(Tree::List(gateway))) => {
            compare_items(&format!("{path}[]"), broker, gateway, found);
        }
        (broker, gateway) if broker != gateway => found.push(Difference {
            path: path.to_owned(),
            broker: broker.cloned(),
            gateway: gateway.cloned(),
        }),
        _ => {}
    }
}

/// Items of the same name are compared with each other, the others in turn.
fn compare_items(path: &str, broker: &[Tree], gateway: &[Tree], found: &mut Vec<Difference>) {
    let mut rest: Vec<&Tree> = gateway.iter().collect();
    let mut alone = Vec::new();
    for item in broker {
        let equal = rest.iter().position(|other| *other == item);
        match equal {
            Some(at) => drop(rest.remove(at)),
            None => alone.push(item),
        }
    }
    for item in alone {
        let same = rest.iter().position(|other| same_name(item, other));
        let other = same.map(|at| rest.remove(at));
        compare(path, Some(item), other, found);
    }
    rest.into_iter()
        .for_each(|item| compare(path, None, Some(item), found));
}

/// The fields by which items of arrays are told apart.
const NAMES: [&str; 13] = [
    "Name",
    "Topic",
    "TopicName",
    "TopicId",
    "GroupId",
    "Key",
    "ApiKey",
    "PartitionIndex",
    "Partition",
    "Index",
    "ResourceName",
    "TransactionalId",
    "MemberId",
];

fn same_name(a: &Tree, b: &Tree) -> bool {
    let (Tree::Struct(a), Tree::Struct(b)) = (a, b) else {
        return false;
    };
    NAMES.iter().all(|name| a.get(name) == b.get(name))
}

impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Int(value) => write!(f, "{value}"),
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Bytes(bytes) => write!(f, "{} bytes {}", bytes.len(), bytes.escape_ascii()),
            Self::List(items) => {
                f.write_str("[")?;
                for (at, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if at > 0 { ", " } else { "" })?;
                }
                f.write_str("]")
            }
            Self::Struct(fields) => {
                f.write_str("{")?;
                for (at, (name, value)) in fields.iter().enumerate() {
                    write!(f, "{}{name}: {value}", if at > 0 { ", " } else { "" })?;
                }
                f.write_str("}")
            }
        }
    }
}
