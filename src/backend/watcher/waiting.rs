//! Who waits for the next look. Bounded; each is answered once.

use std::future::Future;

use klamm_raft::model::TopicName;
use tokio::sync::oneshot;

use super::Unavailable;
use super::sketch::{Sketch, TopicReport};
use crate::backend::topology::{PhysicalTopic, Topics};

/// How many may wait for one look. One more is refused.
const MAX_WAITING: usize = 4096;

type Answer<T> = oneshot::Sender<Result<T, Unavailable>>;

/// The part of a picture that must be new for who waits for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// All that is tracked.
    All,
    /// Topics that are tracked and were not before.
    News,
}

/// Those who wait.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    pictures: Vec<(Extent, Answer<()>)>,
    topics: Vec<(TopicName, Answer<Option<PhysicalTopic>>)>,
    lists: Vec<Answer<Topics>>,
}

impl Waiting {
    pub(super) fn is_empty(&self) -> bool {
        self.pictures.is_empty() && self.topics.is_empty() && self.lists.is_empty()
    }

    /// Whether somebody wants all that is tracked to be asked for.
    pub(super) fn is_for_all(&self) -> bool {
        self.pictures.iter().any(|(extent, _)| *extent == Extent::All)
    }

    /// Whether somebody wants to hear of topics that are not tracked, whichever there are.
    pub(super) fn is_for_a_list(&self) -> bool {
        !self.lists.is_empty()
    }

    /// The topics that somebody wants to hear of.
    pub(super) fn topics(&self) -> impl Iterator<Item = &TopicName> {
        self.topics.iter().map(|(name, _)| name)
    }

    /// Waits for the next picture.
    pub(super) fn for_picture(
        &mut self,
        extent: Extent,
    ) -> impl Future<Output = Result<(), Unavailable>> + use<> {
        let (sender, receiver) = oneshot::channel();
        let has_room = self.has_room();
        if has_room {
            self.pictures.push((extent, sender));
        }
        outcome(has_room, receiver)
    }

    /// Waits for what the next look says of a topic.
    pub(super) fn for_topic(
        &mut self,
        name: TopicName,
    ) -> impl Future<Output = Result<Option<PhysicalTopic>, Unavailable>> + use<> {
        let (sender, receiver) = oneshot::channel();
        let has_room = self.has_room();
        if has_room {
            self.topics.push((name, sender));
        }
        outcome(has_room, receiver)
    }

    /// Waits for what the next look says of all topics.
    pub(super) fn for_list(&mut self) -> impl Future<Output = Result<Topics, Unavailable>> + use<> {
        let (sender, receiver) = oneshot::channel();
        let has_room = self.has_room();
        if has_room {
            self.lists.push(sender);
        }
        outcome(has_room, receiver)
    }

    /// The look succeeded and its picture is published. Who no longer listens is passed over.
    pub(super) fn answer(self, sketch: &Sketch) {
        for (_, picture) in self.pictures {
            let _ = picture.send(Ok(()));
        }
        for (name, answer) in self.topics {
            let _ = answer.send(match sketch.topics.get(&name) {
                Some(TopicReport::Exists(topic)) => Ok(Some(*topic)),
                Some(TopicReport::Missing) => Ok(None),
                Some(TopicReport::Denied) => Err(Unavailable::Denied),
                Some(TopicReport::Unclear(code)) => Err(Unavailable::Unclear(*code)),
                None if sketch.is_complete => Ok(None),
                None => Err(Unavailable::Silent),
            });
        }
        for answer in self.lists {
            let _ = answer.send(match sketch.is_complete {
                true => Ok(sketch.existing()),
                false => Err(Unavailable::Silent),
            });
        }
    }

    /// The look failed.
    pub(super) fn disappoint(self, why: &Unavailable) {
        for (_, picture) in self.pictures {
            let _ = picture.send(Err(why.clone()));
        }
        for (_, answer) in self.topics {
            let _ = answer.send(Err(why.clone()));
        }
        for answer in self.lists {
            let _ = answer.send(Err(why.clone()));
        }
    }

    fn has_room(&self) -> bool {
        self.pictures.len() + self.topics.len() + self.lists.len() < MAX_WAITING
    }
}

async fn outcome<T>(
    has_room: bool,
    receiver: oneshot::Receiver<Result<T, Unavailable>>,
) -> Result<T, Unavailable> {
    if !has_room {
        return Err(Unavailable::Overloaded);
    }
    receiver.await.unwrap_or(Err(Unavailable::Stopped))
}
