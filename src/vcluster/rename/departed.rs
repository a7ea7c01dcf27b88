//! Topics that a virtual cluster showed and shows no longer, because they were deleted or their aliases removed. Clients
//! and brokers go on speaking of them by id for a while: a client gives them back, a broker says that they are gone.

use super::{Alias, Names, Physical, Places, TopicId, Virtual, index};

/// The most that are remembered; of more, those that departed first are forgotten.
const MAX_DEPARTED: usize = 1024;

/// The topics that departed.
#[derive(Debug, Default)]
pub(super) struct Departed {
    /// The aliases of the departed topics, the one that left first in front.
    topics: Vec<Alias>,
    by_virtual_id: Places<TopicId<Virtual>>,
    by_physical_id: Places<TopicId<Physical>>,
}

impl Departed {
    /// The topics that `previous` showed or remembered, of the same physical cluster, and that are not among `shown`.
    pub(super) fn since(previous: Option<&Names>, shown: &Places<TopicId<Virtual>>) -> Self {
        let Some(previous) = previous else {
            return Self::default();
        };
        let is_gone = |alias: &&Alias| alias.ids.is_some_and(|ids| !shown.contains_key(&ids.virtual_id));
        let before = previous.departed.topics.iter().chain(&previous.aliases);
        let mut topics: Vec<Alias> = before.filter(is_gone).cloned().collect();
        topics.drain(..topics.len().saturating_sub(MAX_DEPARTED));
        Self {
            by_virtual_id: index(&topics, |alias| alias.ids.map(|ids| ids.virtual_id)),
            by_physical_id: index(&topics, |alias| alias.ids.map(|ids| ids.physical_id)),
            topics,
        }
    }

    pub(super) fn by_virtual_id(&self, id: TopicId<Virtual>) -> Option<&Alias> {
        self.by_virtual_id.get(&id).map(|place| &self.topics[*place])
    }

    pub(super) fn by_physical_id(&self, id: TopicId<Physical>) -> Option<&Alias> {
        self.by_physical_id.get(&id).map(|place| &self.topics[*place])
    }
}
