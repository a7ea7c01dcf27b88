//! How many topics and partitions of its own a virtual cluster may still get, where its operator has limited them.

use super::ask::{Ask, Stop};
use super::mutations;
use crate::vcluster::rename::Alias;
use crate::wire::Node;
use klamm_raft::model::Limit;

/// The room that is left for what a request makes; none is where there is no limit.
#[derive(Debug, Default)]
pub(super) struct TopicRoom {
    topics: Option<RoomLeft>,
    partitions: Option<RoomLeft>,
}

/// The room for things of one kind.
#[derive(Debug)]
struct RoomLeft {
    limit: Limit,
    used: u64,
    most: u64,
}

impl TopicRoom {
    /// By a picture that is fresh: what was made a moment ago is in it.
    pub(super) fn of(ask: &Ask<'_>) -> Result<Self, Stop> {
        let most = |limit| ask.view.quotas.as_deref()?.limit(limit);
        let (topics, partitions) = (most(Limit::Topics), most(Limit::Partitions));
        if topics.is_none() && partitions.is_none() {
            return Ok(Self::default());
        }
        ask.with_fresh_topics()?;
        let names = &ask.view.names;
        let own = names
            .aliases()
            .iter()
            .filter(|alias| alias.exists && names.owns(alias));
        let (mut count, mut sum) = (0, 0);
        for alias in own {
            count += 1;
            sum += u64::from(alias.partitions);
        }
        let room = |limit, used, most: Option<u64>| most.map(|most| RoomLeft { limit, used, most });
        Ok(Self {
            topics: room(Limit::Topics, count, topics),
            partitions: room(Limit::Partitions, sum, partitions),
        })
    }

    /// Has a topic made, with so many partitions; by default with as many as the request asks for.
    ///
    /// # Errors
    /// There would be too many, in words for the client.
    pub(super) fn create(
        &mut self,
        (ask, topic): (&Ask<'_>, Node<'_>),
        alias: &Alias,
        partitions: Option<i64>,
    ) -> Result<(), String> {
        if alias.exists {
            return Ok(());
        }
        let asked = partitions.and_then(|partitions| u64::try_from(partitions).ok());
        let partitions = asked.unwrap_or_else(|| mutations::of_topic(ask.view, topic));
        self.take((1, partitions))
    }

    /// Has a topic get more partitions: as many as the request asks for, or so many in all.
    ///
    /// # Errors
    /// There would be too many, in words for the client.
    pub(super) fn grow(
        &mut self,
        (ask, topic): (&Ask<'_>, Node<'_>),
        alias: &Alias,
        partitions: Option<i64>,
    ) -> Result<(), String> {
        let asked = partitions.and_then(|partitions| u64::try_from(partitions).ok());
        let more = match asked {
            Some(asked) => asked.saturating_sub(alias.partitions.into()),
            None => mutations::of_topic(ask.view, topic),
        };
        self.take((0, more))
    }

    fn take(&mut self, (topics, partitions): (u64, u64)) -> Result<(), String> {
        let wanted = [(&self.topics, topics), (&self.partitions, partitions)];
        for (room, more) in wanted {
            room.as_ref().map_or(Ok(()), |room| room.check(more))?;
        }
        let taken = [(&mut self.topics, topics), (&mut self.partitions, partitions)];
        for (room, more) in taken {
            if let Some(room) = room {
                room.used += more;
            }
        }
        Ok(())
    }
}

impl RoomLeft {
    fn check(&self, more: u64) -> Result<(), String> {
        let Self { limit, used, most } = self;
        match more > 0 && used.saturating_add(more) > *most {
            true => Err(format!(
                "The virtual cluster can have at most {most} {limit}, and would have {}: delete some, or ask the operator \
                 of the gateway to raise spec.limits.{}.",
                used.saturating_add(more),
                limit.name()
            )),
            false => Ok(()),
        }
    }
}
