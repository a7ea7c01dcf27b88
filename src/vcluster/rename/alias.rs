//! One topic of a virtual cluster, by all its names.

use aws_lc_rs::digest;
use klamm_raft::model::{FirstTopicIds, TopicName, VclusterName};

use crate::backend::topology::PhysicalTopic;
use crate::vcluster::names::{Physical, Topic, TopicId, Virtual};

/// One topic of a virtual cluster, by all its names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alias {
    pub virtual_name: Topic<Virtual>,
    pub physical_name: Topic<Physical>,
    /// Whether the physical topic is known to exist.
    pub exists: bool,
    /// How many partitions it has; 0 while it is not known to exist.
    pub partitions: u32,
    /// None while it is not known to exist, or when its cluster has no topic ids.
    pub ids: Option<AliasIds>,
}

/// The ids of a topic on both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AliasIds {
    pub virtual_id: TopicId<Virtual>,
    pub physical_id: TopicId<Physical>,
}

impl Alias {
    /// A topic that has the same name and id on both sides.
    pub(super) fn same(name: TopicName, topic: Option<&PhysicalTopic>) -> Self {
        let id = topic.map(|topic| topic.id).filter(|id| *id != [0; 16]);
        Self {
            virtual_name: Topic::new(name.clone()),
            physical_name: Topic::new(name),
            exists: topic.is_some(),
            partitions: topic.map_or(0, |topic| topic.partitions),
            ids: id.map(|id| AliasIds {
                virtual_id: TopicId::new(id),
                physical_id: TopicId::new(id),
            }),
        }
    }

    /// A topic that has an id of its own in a virtual cluster.
    pub(super) fn new(
        told: ToldIds<'_>,
        name: TopicName,
        physical: TopicName,
        topic: Option<&PhysicalTopic>,
    ) -> Self {
        let virtual_name = Topic::new(name);
        let ids = topic
            .map(|topic| TopicId::new(topic.id))
            .filter(|id| !id.is_zero())
            .map(|physical_id| AliasIds {
                virtual_id: told.of(&virtual_name, physical_id),
                physical_id,
            });
        Self {
            virtual_name,
            physical_name: Topic::new(physical),
            exists: topic.is_some(),
            partitions: topic.map_or(0, |topic| topic.partitions),
            ids,
        }
    }
}

/// The ids of topics that clients are told.
#[derive(Debug, Clone, Copy)]
pub(super) struct ToldIds<'a> {
    pub(super) vcluster: &'a VclusterName,
    /// Those by which topics of the physical cluster were known first, if they were on another one.
    pub(super) first: Option<&'a FirstTopicIds>,
}

impl ToldIds<'_> {
    /// Of the topic of this name, which has this id on the physical cluster.
    pub(super) fn of(self, name: &Topic<Virtual>, physical: TopicId<Physical>) -> TopicId<Virtual> {
        let first = self.first.and_then(|first| first.get(physical.bytes()));
        derive_topic_id(
            self.vcluster,
            name,
            first.map_or(physical, |id| TopicId::new(*id)),
        )
    }
}

/// The id of a virtual topic: it differs between virtual clusters and between virtual names, and changes when the
/// physical topic is created again. Zero and one are reserved by Kafka, and Kafka avoids ids whose text begins with a
/// dash, which tools would take for an option.
fn derive_topic_id(
    vcluster: &VclusterName,
    name: &Topic<Virtual>,
    physical: TopicId<Physical>,
) -> TopicId<Virtual> {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in [
        vcluster.as_str().as_bytes(),
        &[0],
        name.as_str().as_bytes(),
        &[0],
        physical.bytes(),
    ] {
        context.update(part);
    }
    let hash = context.finish();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.as_ref()[..16]);
    let begins_with_dash = bytes[0] >> 2 == 62;
    let reserved = bytes[..15] == [0; 15] && bytes[15] <= 1;
    if begins_with_dash || reserved {
        bytes[0] ^= 0x80;
    }
    TopicId::new(bytes)
}
