//! Values of configurations that name brokers: the throttled replicas of topics, as lists of `partition:broker`. Each
//! side is told its own ids. What is no such item stays as it is, for a broker to judge.

use super::ask::Ask;
use super::back::Back;
use super::items;
use crate::wire::{Edits, Field, Node, field};

/// The configurations of topics whose values are such lists. Sorted.
const OF_REPLICAS: [&str; 2] = [
    "follower.replication.throttled.replicas",
    "leader.replication.throttled.replicas",
];

/// Where a configuration has its name and its value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Places {
    name: Field,
    value: Field,
}

/// Almost everywhere.
pub(super) const PLACES: Places = Places {
    name: field::NAME,
    value: field::VALUE,
};

/// In the topology of a streams group.
pub(super) const PLACES_OF_TOPOLOGIES: Places = Places {
    name: field::KEY,
    value: field::VALUE,
};

/// The values of a request that a broker must be told otherwise.
#[derive(Debug, Default)]
pub(super) struct PhysicalValues<'a>(Vec<(Node<'a>, String)>);

impl PhysicalValues<'_> {
    /// Puts them in their places.
    pub(super) fn write(self, edits: &mut Edits) {
        for (node, value) in self.0 {
            edits.set_text(node, Some(&value));
        }
    }
}

/// The values that a broker is told for the configurations of a topic; the words of a refusal when one names a broker
/// that is none.
pub(super) fn to_physical<'a>(
    ask: &Ask<'_>,
    configs: impl Iterator<Item = Node<'a>>,
    places: Places,
) -> Result<PhysicalValues<'a>, String> {
    let mut changed = Vec::new();
    for config in configs {
        let Some((name, node, value)) = replicas(config, places) else {
            continue;
        };
        let physical = translated(value, |id| items::physical_broker(ask, id));
        let physical =
            physical.map_err(|id| format!("{name} names the broker {id}, which does not exist."))?;
        changed.push((node, physical));
    }
    Ok(PhysicalValues(changed))
}

/// Tells a client of the same configurations; brokers that it cannot be told of are left out.
pub(super) fn to_virtual(back: &Back<'_>, config: Node<'_>, places: Places, edits: &mut Edits) {
    let Some((_, node, value)) = replicas(config, places) else {
        return;
    };
    let is_known = |item: &&str| {
        let broker = broker_of(item).map(|(_, id)| id.parse().ok().and_then(|id| back.known_broker(id)));
        broker != Some(None)
    };
    let known: Vec<&str> = value.split(',').map(str::trim).filter(is_known).collect();
    if let Ok(told) = translated(&known.join(","), |id| back.known_broker(id)) {
        edits.set_text(node, Some(&told));
    }
}

/// The name and the value of a configuration that names brokers, and where the value is.
fn replicas<'a>(config: Node<'a>, places: Places) -> Option<(&'a str, Node<'a>, &'a str)> {
    let name = config.text_in(places.name)?;
    OF_REPLICAS.binary_search(&name).ok()?;
    let node = config.child(places.value)?;
    Some((name, node, node.text()?))
}

/// The list with other ids; the id that has no other.
fn translated(list: &str, other: impl Fn(i32) -> Option<i32>) -> Result<String, &str> {
    let mut items = Vec::new();
    for item in list.split(',').map(str::trim) {
        items.push(match broker_of(item) {
            None => item.to_owned(),
            Some((partition, id)) => {
                let other = id.parse().ok().and_then(&other).ok_or(id)?;
                format!("{partition}:{other}")
            }
        });
    }
    Ok(items.join(","))
}

/// Partition and broker of an item, as they are written.
fn broker_of(item: &str) -> Option<(&str, &str)> {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    item.split_once(':')
        .filter(|(partition, id)| is_number(partition) && is_number(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn other(id: i32) -> Option<i32> {
        (id < 10).then_some(id + 100)
    }

    #[test]
    fn each_broker_gets_its_other_id() {
        for (list, expected) in [
            ("0:1,1:2", "0:101,1:102"),
            (" 0:1 , 12:01", "0:101,12:101"),
            ("*", "*"),
            ("", ""),
            ("0:1,*", "0:101,*"),
        ] {
            assert_eq!(translated(list, other).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn what_is_no_item_stays() {
        for list in ["0", "0:", ":1", "0:-1", "a:1", "0:1:2", "+0:1"] {
            assert_eq!(translated(list, other).as_deref(), Ok(list));
        }
    }

    #[test]
    fn a_broker_without_another_id_is_named() {
        for (list, id) in [("0:1,1:11", "11"), ("0:99999999999", "99999999999")] {
            assert_eq!(translated(list, other), Err(id));
        }
    }
}
