//! Failed logins of a node's clients, by address and name: how long each waits for its answer, and which are not looked
//! at.

use std::time::{Duration, Instant};

use klamm_raft::model::VclusterName;
use klamm_raft::seats::AddressBlock;

use crate::guesses::{Guesses, LONGEST_WAIT};

/// So many failed logins of an address, under whatever names, make the next answer come later by what the first one
/// waits.
const NAMES: u32 = 10;

/// Whoever tries to log in under a name, and from where. Whether anybody has the name makes no difference.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Guesser {
    vcluster: VclusterName,
    user: Box<str>,
    pub(super) from: AddressBlock,
}

/// How often logins failed: under the name at hand from the same address, and from there under any name. Whoever failed
/// least is least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Debt {
    pub(super) name: u32,
    pub(super) address: u32,
}

/// The failed logins that all sessions of a node know of. They come here with logins only.
#[derive(Debug)]
pub(super) struct FailedLogins {
    names: Guesses<Guesser>,
    /// Of all names together.
    addresses: Guesses<AddressBlock>,
    first_wait: Duration,
}

impl Guesser {
    pub(super) fn new(vcluster: &VclusterName, user: &str, from: AddressBlock) -> Self {
        Self {
            vcluster: vcluster.clone(),
            user: user.into(),
            from,
        }
    }
}

impl FailedLogins {
    /// The first one of a name waits so long, every further one twice as long.
    pub(super) fn new(first_wait: Duration) -> Self {
        Self {
            names: Guesses::new(first_wait),
            addresses: Guesses::new(first_wait),
            first_wait,
        }
    }

    /// Whether a password is looked at. However many names fail at an address, others there are heard: it may be a
    /// proxy's.
    pub(super) fn is_heard(&self, who: &Guesser, now: Instant) -> bool {
        self.names.is_heard(who, now)
    }

    /// A login succeeded with a password.
    pub(super) fn right(&self, who: &Guesser, now: Instant) {
        self.names.right(who, now);
    }

    /// A login failed: how long its answer waits.
    pub(super) fn wrong(&self, who: &Guesser, now: Instant) -> Duration {
        self.addresses.wrong(&who.from, now);
        let of_address = self.first_wait * self.addresses.count(&who.from, now) / NAMES;
        // Whoever does not wait for it is not heard; an answer that came later would find the connection closed.
        self.names.wrong(who, now).max(of_address).min(LONGEST_WAIT)
    }

    /// How often it failed before.
    pub(super) fn debt(&self, who: &Guesser, now: Instant) -> Debt {
        Debt {
            name: self.names.count(who, now),
            address: self.addresses.count(&who.from, now),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    const FIRST: Duration = Duration::from_millis(100);

    fn guesser(user: &str, address: u8) -> Guesser {
        let from = AddressBlock::of(IpAddr::from([10, 0, 0, address]));
        Guesser::new(&"v".parse().unwrap(), user, from)
    }

    #[test]
    fn a_name_waits_longer_with_each_failure_and_an_address_with_each_ten() {
        let (failed, now) = (FailedLogins::new(FIRST), Instant::now());
        assert_eq!(failed.wrong(&guesser("a", 1), now), FIRST);
        assert_eq!(failed.wrong(&guesser("a", 1), now), 3 * FIRST);
        assert_eq!(failed.debt(&guesser("a", 1), now), Debt { name: 2, address: 2 });
        for number in 0..98 {
            failed.wrong(&guesser(&number.to_string(), 1), now);
        }
        assert_eq!(
            failed.debt(&guesser("new", 1), now),
            Debt {
                name: 0,
                address: 100
            }
        );
        assert_eq!(failed.wrong(&guesser("new", 1), now), FIRST * 101 / 10);
        for _ in 0..1_000 {
            failed.wrong(&guesser("more", 1), now);
        }
        assert!(!failed.is_heard(&guesser("more", 1), now));
        assert!(failed.is_heard(&guesser("good", 1), now), "another name");
        assert_eq!(failed.wrong(&guesser("good", 1), now), LONGEST_WAIT);
        assert_eq!(
            failed.debt(&guesser("more", 2), now),
            Debt { name: 0, address: 0 }
        );
        assert_eq!(failed.wrong(&guesser("more", 2), now), FIRST, "another address");
    }

    #[test]
    fn virtual_clusters_have_names_of_their_own() {
        let (failed, now) = (FailedLogins::new(FIRST), Instant::now());
        let other = Guesser::new(&"w".parse().unwrap(), "a", guesser("a", 1).from);
        for _ in 0..20 {
            failed.wrong(&guesser("a", 1), now);
        }
        assert!(!failed.is_heard(&guesser("a", 1), now) && failed.is_heard(&other, now));
        failed.right(&guesser("a", 1), now);
        assert!(failed.is_heard(&guesser("a", 1), now), "it was right there");
    }
}
