//! When names that two topics would have are put on record, and when a record is dropped. What a node saw itself is
//! said at once. What it did not, it leaves for a while to nodes that may have; what no node saw goes to the virtual
//! cluster's own topic.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use klamm_raft::command::Command;
use klamm_raft::model::{Holder, TopicName, VclusterName};
use tracing::{info, warn};

use crate::metrics::VclusterMetrics;
use crate::vcluster::rename::{Contests, HeldBy, Hidden};
use crate::vcluster::view::View;

/// How long other nodes have, which look at the physical cluster every five seconds, to say what they saw; and how long
/// one topic alone must have a name before its record is dropped.
const PATIENCE: Duration = Duration::from_secs(12);

/// Names that one change puts on record, or drops from it.
const MAX_AT_ONCE: usize = 500;

/// Topics that are named in the log for one change of what is hidden.
const MAX_LOGGED: usize = 20;

/// The memory of contested names, beside what a view says of them.
#[derive(Debug, Default)]
pub(super) struct Settling {
    is_running: bool,
    /// Names that wait, and since when.
    waiting: BTreeMap<TopicName, Instant>,
    /// Hidden topics that were logged, by physical name.
    reported: BTreeSet<TopicName>,
}

/// The changes that are due now.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct DueSettling {
    held: BTreeMap<TopicName, Holder>,
    released: BTreeMap<TopicName, Holder>,
    /// When something else is, if nothing changes until then.
    pub(super) next: Option<Duration>,
}

impl DueSettling {
    pub(super) fn is_nothing(&self) -> bool {
        self.held.is_empty() && self.released.is_empty()
    }

    pub(super) fn command(self, vcluster: &VclusterName) -> Option<Command> {
        (!self.is_nothing()).then(|| Command::SettleNames {
            vcluster: vcluster.clone(),
            held: self.held,
            released: self.released,
        })
    }
}

impl Settling {
    /// Whether the caller is the only one who says something now. It ends with [`Self::end`].
    pub(super) fn begin(&mut self) -> bool {
        !std::mem::replace(&mut self.is_running, true)
    }

    pub(super) fn end(&mut self) {
        self.is_running = false;
    }

    pub(super) fn due(&mut self, contests: &Contests, now: Instant) -> DueSettling {
        let Contests { unrecorded, outlived } = contests;
        self.waiting.retain(|name, _| {
            outlived.contains_key(name) || unrecorded.get(name).is_some_and(Option::is_none)
        });
        let mut due = DueSettling::default();
        for (name, holder) in unrecorded {
            let holder = holder.or_else(|| self.is_patient(name, now, &mut due.next).then_some(Holder::Own));
            if let Some(holder) = holder.filter(|_| due.held.len() < MAX_AT_ONCE) {
                due.held.insert(name.clone(), holder);
            }
        }
        for (name, holder) in outlived {
            if self.is_patient(name, now, &mut due.next) && due.released.len() < MAX_AT_ONCE {
                due.released.insert(name.clone(), *holder);
            }
        }
        due
    }

    /// Whether a name has waited for long enough.
    fn is_patient(&mut self, name: &TopicName, now: Instant, next: &mut Option<Duration>) -> bool {
        let since = *self.waiting.entry(name.clone()).or_insert(now);
        let rest = PATIENCE.saturating_sub(now.saturating_duration_since(since));
        if rest.is_zero() {
            return true;
        }
        *next = Some(next.map_or(rest, |other| other.min(rest)));
        false
    }

    /// Says of each topic once that it is hidden, and once that it is no more.
    pub(super) fn report(&mut self, view: &View, metrics: &VclusterMetrics) {
        let hidden = view.names.hidden();
        metrics
            .hidden_topics
            .set(i64::try_from(hidden.len()).unwrap_or(i64::MAX));
        let now: BTreeSet<TopicName> = hidden.iter().map(|hidden| hidden.physical.clone()).collect();
        let vcluster = &view.name;
        let is_new = |hidden: &&Hidden| !self.reported.contains(&hidden.physical);
        for topic in hidden.iter().filter(is_new).take(MAX_LOGGED) {
            warn!(
                %vcluster, topic = %topic.name, physical = %topic.physical, holder = holder(topic.by),
                "a topic is hidden, because its name is taken: rename it, or free the name"
            );
        }
        for physical in self.reported.difference(&now).take(MAX_LOGGED) {
            info!(%vcluster, %physical, "a topic is no longer hidden");
        }
        self.reported = now;
    }
}

/// Who has the name of a hidden topic, for the log.
fn holder(by: HeldBy) -> &'static str {
    match by {
        HeldBy::Alias => "an alias topic",
        HeldBy::Topic(Holder::Own) => "the topic of the namespace",
        HeldBy::Topic(Holder::LetIn) => "the topic that is let in",
        HeldBy::Nobody => "nobody yet",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contests(unrecorded: &[(&str, Option<Holder>)], outlived: &[(&str, Holder)]) -> Contests {
        let name = |text: &str| text.parse().unwrap();
        Contests {
            unrecorded: unrecorded
                .iter()
                .map(|(text, holder)| (name(text), *holder))
                .collect(),
            outlived: outlived
                .iter()
                .map(|(text, holder)| (name(text), *holder))
                .collect(),
        }
    }

    #[test]
    fn what_was_seen_is_said_at_once_and_the_rest_later() {
        let start = Instant::now();
        let mut settling = Settling::default();
        let all = contests(&[("a", Some(Holder::LetIn)), ("b", None)], &[("c", Holder::Own)]);
        let first = settling.due(&all, start);
        assert_eq!(
            first.held,
            BTreeMap::from([("a".parse().unwrap(), Holder::LetIn)])
        );
        assert!(first.released.is_empty());
        assert_eq!(first.next, Some(PATIENCE));
        let second = Duration::from_secs(1);
        let before = settling.due(&all, start + PATIENCE - second);
        assert_eq!((before.held.len(), before.next), (1, Some(second)));
        let later = settling.due(&all, start + PATIENCE);
        assert_eq!(later.held["b"], Holder::Own);
        assert_eq!(
            later.released,
            BTreeMap::from([("c".parse().unwrap(), Holder::Own)])
        );
        assert_eq!(later.next, None);
    }

    #[test]
    fn who_comes_back_waits_anew() {
        let start = Instant::now();
        let mut settling = Settling::default();
        let outlived = contests(&[], &[("a", Holder::Own)]);
        assert!(settling.due(&outlived, start).is_nothing());
        assert!(settling.due(&Contests::default(), start + PATIENCE).is_nothing());
        assert!(settling.due(&outlived, start + PATIENCE).is_nothing());
        assert!(!settling.due(&outlived, start + PATIENCE * 2).is_nothing());
    }

    #[test]
    fn one_change_has_a_bound() {
        let names: Vec<String> = (0..=MAX_AT_ONCE).map(|number| format!("t{number}")).collect();
        let many: Vec<_> = names
            .iter()
            .map(|name| (name.as_str(), Some(Holder::Own)))
            .collect();
        let due = Settling::default().due(&contests(&many, &[]), Instant::now());
        assert_eq!(due.held.len(), MAX_AT_ONCE);
    }
}
