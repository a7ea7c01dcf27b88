//! The sums of a while, by virtual cluster, account and topic. How many names they have is bounded: the rest is summed under
//! "other".

use std::collections::BTreeMap;

use klamm_raft::model::{TopicName, VclusterName};
use serde::{Deserialize, Serialize};

use super::figures::Figures;

/// The rest, in the place of a name. No topic is called so.
pub const OTHER: &str = "(other)";

/// The sums of an account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AccountTally {
    /// Those that are of no topic.
    #[serde(skip_serializing_if = "Figures::are_zero")]
    pub own: Figures,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub topics: BTreeMap<TopicName, Figures>,
    /// Those of topics that are not listed.
    #[serde(skip_serializing_if = "Figures::are_zero")]
    pub other: Figures,
}

/// The sums of a virtual cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct VclusterTally {
    pub(super) accounts: BTreeMap<String, AccountTally>,
    /// Those of accounts that are not listed.
    #[serde(skip_serializing_if = "AccountTally::is_zero")]
    pub(super) other: AccountTally,
    /// How many topics are listed, over all accounts.
    #[serde(skip)]
    pairs: usize,
}

/// The sums of all virtual clusters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// Of a virtual cluster so many accounts are listed at most, and so many topics of theirs.
    most: usize,
    vclusters: BTreeMap<VclusterName, VclusterTally>,
}

impl AccountTally {
    /// Whether nothing was used.
    pub fn is_zero(&self) -> bool {
        self.own.are_zero() && self.topics.is_empty() && self.other.are_zero()
    }

    /// The sums of a topic.
    pub fn topic(&mut self, name: &TopicName) -> &mut Figures {
        // Whoever has the name shares its text.
        self.topics.entry(name.clone()).or_default()
    }

    /// All that is of topics, listed or not.
    pub fn of_topics(&self) -> Figures {
        let mut sum = self.other;
        self.topics.values().for_each(|figures| sum.add(figures));
        sum
    }
}

impl VclusterTally {
    fn add(&mut self, account: &str, used: &AccountTally, most: usize) {
        let is_listed = self.accounts.contains_key(account);
        if account == OTHER || (!is_listed && self.accounts.len() >= most) {
            self.other.own.add(&used.own);
            self.other.other.add(&used.of_topics());
            return;
        }
        if !is_listed {
            self.accounts.insert(account.to_owned(), AccountTally::default());
        }
        let Some(sums) = self.accounts.get_mut(account) else {
            return;
        };
        sums.own.add(&used.own);
        sums.other.add(&used.other);
        for (topic, figures) in &used.topics {
            if let Some(sum) = sums.topics.get_mut(topic) {
                sum.add(figures);
            } else if self.pairs < most {
                sums.topics.insert(topic.clone(), *figures);
                self.pairs += 1;
            } else {
                sums.other.add(figures);
            }
        }
    }
}

impl Tally {
    /// Nothing yet, with a bound of names for each virtual cluster.
    pub fn new(most: usize) -> Self {
        Self {
            most,
            vclusters: BTreeMap::new(),
        }
    }

    /// Sums as they were written, with a bound for what is added.
    pub(super) fn of(vclusters: BTreeMap<VclusterName, VclusterTally>, most: usize) -> Self {
        let mut tally = Self { most, vclusters };
        for vcluster in tally.vclusters.values_mut() {
            vcluster.pairs = vcluster
                .accounts
                .values()
                .map(|account| account.topics.len())
                .sum();
        }
        tally
    }

    /// The sums, to be written.
    pub(super) fn vclusters(&self) -> &BTreeMap<VclusterName, VclusterTally> {
        &self.vclusters
    }

    /// Whether nothing was used.
    pub fn is_empty(&self) -> bool {
        self.vclusters.is_empty()
    }

    /// Adds what an account used.
    pub fn add(&mut self, vcluster: &VclusterName, account: &str, used: &AccountTally) {
        if used.is_zero() {
            return;
        }
        let sums = self.vclusters.entry(vcluster.clone()).or_default();
        sums.add(account, used, self.most);
    }

    /// Adds all of another one.
    pub fn add_all(&mut self, others: &Self) {
        for (vcluster, account, used) in others.accounts() {
            self.add(vcluster, account, used);
        }
    }

    /// The sums of each account; those that are not listed are called [`OTHER`].
    pub fn accounts(&self) -> impl Iterator<Item = (&VclusterName, &str, &AccountTally)> {
        self.vclusters.iter().flat_map(|(name, vcluster)| {
            let listed = vcluster.accounts.iter();
            let listed = listed.map(|(account, used)| (account.as_str(), used));
            let other = Some((OTHER, &vcluster.other)).filter(|(_, used)| !used.is_zero());
            listed
                .chain(other)
                .map(move |(account, used)| (name, account, used))
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// An account that made a request, and produced so many records to topics.
    pub(in crate::usage) fn used(topics: &[(&str, u64)]) -> AccountTally {
        let mut used = AccountTally::default();
        used.own.requests = 1;
        for (topic, records) in topics {
            used.topic(&topic.parse().unwrap()).produced_records += records;
        }
        used
    }

    fn name(text: &str) -> VclusterName {
        text.parse().unwrap()
    }

    #[test]
    fn what_has_no_room_is_summed_under_other_and_nothing_is_lost() {
        let mut tally = Tally::new(2);
        for account in ["a", "b", "c", "a"] {
            tally.add(&name("v"), account, &used(&[("t", 1), ("u", 10), ("w", 100)]));
        }
        tally.add(&name("w"), "c", &used(&[("t", 1)]));
        let sums: Vec<_> = tally.accounts().collect();
        let [(v, "a", a), (_, "b", b), (_, OTHER, other), (w, "c", c)] = &sums[..] else {
            panic!("{sums:?}")
        };
        assert_eq!((v.as_str(), w.as_str()), ("v", "w"), "each has its own bound");
        assert_eq!((a.topics.len(), a.own.requests), (2, 2));
        assert_eq!(a.other.produced_records, 200, "the third topic of two calls");
        assert_eq!(
            (b.topics.len(), b.other.produced_records),
            (0, 111),
            "no pair was left"
        );
        assert_eq!((other.own.requests, other.other.produced_records), (1, 111));
        assert_eq!(c.topics.len(), 1);
        let all: u64 = sums
            .iter()
            .map(|(_, _, used)| used.of_topics().produced_records)
            .sum();
        assert_eq!(all, 4 * 111 + 1);
    }

    #[test]
    fn sums_of_others_keep_within_the_bound() {
        let mut first = Tally::new(100);
        for number in 0..50 {
            first.add(&name("v"), &format!("a{number}"), &used(&[("t", 1)]));
        }
        let mut second = Tally::new(10);
        second.add_all(&first);
        second.add_all(&first);
        assert_eq!(second.accounts().count(), 11);
        let requests: u64 = second.accounts().map(|(_, _, used)| used.own.requests).sum();
        assert_eq!(requests, 100);
        assert!(Tally::new(1).is_empty());
    }
}
