//! Who holds how many of something that there is only so much of, and who loses one when somebody else needs it. Pure.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;

/// A holding: things, or the shares of those among whom it is divided again.
pub trait Holding: Default {
    fn count(&self) -> usize;
}

impl<K: Ord, V> Holding for BTreeMap<K, V> {
    fn count(&self) -> usize {
        self.len()
    }
}

/// The holdings of all. Whoever holds nothing is not remembered.
#[derive(Debug)]
pub struct Shares<K, V> {
    of: HashMap<K, Share<V>>,
    /// By size; of those of one size, whoever has had as much for longest is last.
    ranks: BTreeSet<(usize, Reverse<u64>, K)>,
    total: usize,
    changes: u64,
}

#[derive(Debug, Default)]
struct Share<V> {
    holding: V,
    /// When it came to its size.
    since: u64,
}

impl<K, V> Default for Shares<K, V> {
    fn default() -> Self {
        Self {
            of: HashMap::new(),
            ranks: BTreeSet::new(),
            total: 0,
            changes: 0,
        }
    }
}

impl<K: Ord + Hash + Clone, V: Holding> Holding for Shares<K, V> {
    fn count(&self) -> usize {
        self.total
    }
}

impl<K: Ord + Hash + Clone, V: Holding> Shares<K, V> {
    /// Changes what somebody holds.
    pub fn change<R>(&mut self, whose: &K, change: impl FnOnce(&mut V) -> R) -> R {
        let share = self.of.entry(whose.clone()).or_insert_with(|| Share {
            holding: V::default(),
            since: 0,
        });
        let before = share.holding.count();
        let result = change(&mut share.holding);
        let after = share.holding.count();
        if after != before {
            self.changes += 1;
            self.ranks.remove(&(before, Reverse(share.since), whose.clone()));
            share.since = self.changes;
            self.total = self.total - before + after;
        }
        if after == 0 {
            self.of.remove(whose);
        } else if after != before {
            self.ranks.insert((after, Reverse(self.changes), whose.clone()));
        }
        result
    }

    /// Who loses one if `newcomer` needs one: whoever holds most, and of several of them whoever has held as much for
    /// longest. A newcomer who would hold as much as they, and holds something already, loses one itself.
    pub fn loser(&self, newcomer: Option<&K>) -> Option<K> {
        let (most, _, greediest) = self.ranks.last()?;
        let own = newcomer.filter(|newcomer| self.held_by(newcomer) + 1 >= (*most).max(2));
        Some(own.unwrap_or(greediest).clone())
    }

    /// How many somebody holds.
    pub fn held_by(&self, whose: &K) -> usize {
        self.of.get(whose).map_or(0, |share| share.holding.count())
    }

    /// The holdings of all.
    pub fn holdings(&self) -> impl Iterator<Item = (&K, &V)> {
        self.of.iter().map(|(whose, share)| (whose, &share.holding))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Held = BTreeMap<u32, ()>;

    fn shares(counts: &[(&'static str, u32)]) -> Shares<&'static str, Held> {
        let mut shares = Shares::default();
        for (whose, count) in counts {
            for number in 0..*count {
                shares.change(whose, |held: &mut Held| held.insert(number, ()));
            }
        }
        shares
    }

    #[test]
    fn who_holds_most_loses() {
        let shares = shares(&[("few", 2), ("most", 5), ("some", 3)]);
        assert_eq!(shares.count(), 10);
        for newcomer in [None, Some(&"few"), Some(&"nobody"), Some(&"most"), Some(&"some")] {
            assert_eq!(shares.loser(newcomer), Some("most"), "{newcomer:?}");
        }
    }

    #[test]
    fn a_newcomer_who_would_be_as_greedy_loses_one_itself() {
        let shares = shares(&[("a", 4), ("b", 4), ("c", 3), ("d", 2)]);
        assert_eq!(shares.loser(Some(&"a")), Some("a"));
        assert_eq!(shares.loser(Some(&"b")), Some("b"));
        assert_eq!(
            shares.loser(Some(&"c")),
            Some("c"),
            "it would have as much as they"
        );
        assert_eq!(
            shares.loser(Some(&"d")),
            Some("a"),
            "who has had as much for longest"
        );
    }

    #[test]
    fn where_all_hold_one_the_oldest_goes() {
        let mut shares = shares(&[("z", 1), ("a", 1), ("m", 1)]);
        assert_eq!(shares.loser(Some(&"new")), Some("z"));
        shares.change(&"z", |held| held.clear());
        assert_eq!((shares.count(), shares.held_by(&"z")), (2, 0));
        assert_eq!(shares.loser(Some(&"new")), Some("a"));
        assert_eq!(shares.loser(Some(&"m")), Some("m"), "it would have two");
    }

    #[test]
    fn nobody_is_remembered_without_anything() {
        let mut shares = shares(&[("a", 3)]);
        shares.change(&"b", |_| ());
        shares.change(&"a", |held| held.clear());
        assert!(shares.of.is_empty() && shares.ranks.is_empty() && shares.count() == 0);
        assert_eq!(shares.loser(Some(&"a")), None);
    }

    #[test]
    fn shares_are_divided_again() {
        let mut tenants: Shares<&str, Shares<&str, Held>> = Shares::default();
        for (tenant, principal, number) in [("t", "p", 1), ("t", "q", 1), ("t", "q", 2), ("u", "p", 1)] {
            tenants.change(&tenant, |principals| {
                principals.change(&principal, |held| held.insert(number, ()));
            });
        }
        assert_eq!((tenants.count(), tenants.held_by(&"t")), (4, 3));
        let loser = tenants.loser(Some(&"u")).unwrap();
        let principal = tenants.change(&loser, |principals| principals.loser(None));
        assert_eq!((loser, principal), ("t", Some("q")));
    }
}
