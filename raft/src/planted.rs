//! Mistakes that are made on purpose, one at a time, so that fault runs can show that they find them; and clocks that run
//! wrong. Only the feature `planted` has them, and no release has the feature.

#[cfg(not(debug_assertions))]
compile_error!("the feature `planted` breaks what Klamm promises, on purpose: only debug builds may have it");

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// The variable that names the mistake.
const MISTAKE: &str = "PLANTED_MISTAKE";
/// The variable that says how a clock runs: how fast, and how many seconds it is ahead, as `1.05 3600`.
const CLOCK: &str = "PLANTED_CLOCK";
/// The variable that says that the process knows a level that no version has yet: `next`.
const LEVEL: &str = "PLANTED_LEVEL";
/// So many requests are looked at by one reading of an old clock.
const OLD_FOR: u64 = 64;

/// A mistake that one could make with leases, data directories, members, feature levels, or switches between physical clusters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlantedMistake {
    /// A change is acknowledged when it is committed.
    AcknowledgedAtCommit,
    /// Requests are decided whether a lease is over or not.
    LeaseIgnored,
    /// The view is loaded before the lease is looked at.
    ViewFirst,
    /// The lease is looked at by a clock that was read for an earlier request.
    OldClock,
    /// A new leader knows of no leases.
    NewLeaderKnowsNobody,
    /// A leader grants leases though nobody says that it still leads.
    NotConfirmed,
    /// A lease counts from when it comes.
    FromReceipt,
    /// The leader waits as long as a lease is, by its own clock.
    NoMargin,
    /// A lease counts before its floor is shown.
    CountsBeforeShown,
    /// A process is taken for its node whatever its data directory has.
    CopiesTaken,
    /// Requests go to another physical cluster before all nodes have let go of the last one.
    OpenedAtOnce,
    /// Producer ids are marked as they were when requests come back to a physical cluster.
    MarksKept,
    /// A node gets the number of one that was removed.
    NumberGivenTwice,
    /// The feature level is raised although a node does not know it.
    RaisedTooEarly,
}

/// By their names.
const MISTAKES: [(&str, PlantedMistake); 14] = [
    ("acknowledged-at-commit", PlantedMistake::AcknowledgedAtCommit),
    ("lease-ignored", PlantedMistake::LeaseIgnored),
    ("view-first", PlantedMistake::ViewFirst),
    ("old-clock", PlantedMistake::OldClock),
    ("new-leader-knows-nobody", PlantedMistake::NewLeaderKnowsNobody),
    ("not-confirmed", PlantedMistake::NotConfirmed),
    ("from-receipt", PlantedMistake::FromReceipt),
    ("no-margin", PlantedMistake::NoMargin),
    ("counts-before-shown", PlantedMistake::CountsBeforeShown),
    ("copies-taken", PlantedMistake::CopiesTaken),
    ("opened-at-once", PlantedMistake::OpenedAtOnce),
    ("marks-kept", PlantedMistake::MarksKept),
    ("number-given-twice", PlantedMistake::NumberGivenTwice),
    ("raised-too-early", PlantedMistake::RaisedTooEarly),
];

/// Whether this process makes a mistake.
///
/// # Panics
/// The variable names none that there is.
pub fn is_planted(mistake: PlantedMistake) -> bool {
    static PLANTED: LazyLock<Option<PlantedMistake>> = LazyLock::new(|| {
        let wanted = std::env::var(MISTAKE).ok()?;
        let found = MISTAKES.iter().find(|(name, _)| *name == wanted);
        let names = MISTAKES.map(|(name, _)| name);
        Some(
            found
                .unwrap_or_else(|| panic!("{MISTAKE}: {wanted} is none of {names:?}"))
                .1,
        )
    });
    *PLANTED == Some(mistake)
}

/// Whether this process knows the feature level after the newest.
///
/// # Panics
/// The variable says something else than `next`.
pub fn knows_next_level() -> bool {
    match std::env::var(LEVEL) {
        Err(_) => false,
        Ok(text) if text == "next" => true,
        Ok(text) => panic!("{LEVEL}: {text} is not next"),
    }
}

/// Whether a change is acknowledged when it is committed.
pub(crate) fn acknowledges_at_commit() -> bool {
    is_planted(PlantedMistake::AcknowledgedAtCommit) || is_planted(PlantedMistake::OpenedAtOnce)
}

/// A clock that runs wrong.
struct WrongClock {
    rate: f64,
    ahead: f64,
    /// When it was right.
    began: u64,
}

/// The moment that the clock of this process shows at a moment, both in nanoseconds.
///
/// # Panics
/// The variable is not two numbers.
pub(crate) fn clock(nanos: u64) -> u64 {
    static WRONG: LazyLock<Option<(f64, f64)>> = LazyLock::new(|| {
        let text = std::env::var(CLOCK).ok()?;
        let numbers = text.split_once(' ').and_then(|(rate, ahead)| {
            let (rate, ahead) = (rate.parse().ok()?, ahead.parse().ok()?);
            (rate > 0.0 && ahead >= 0.0).then_some((rate, ahead))
        });
        Some(numbers.unwrap_or_else(|| panic!("{CLOCK}: {text} is not a rate and seconds, as \"1.05 3600\"")))
    });
    static BEGAN: AtomicU64 = AtomicU64::new(0);
    let Some((rate, ahead)) = *WRONG else {
        return nanos;
    };
    let began = match BEGAN.compare_exchange(0, nanos, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => nanos,
        Err(began) => began,
    };
    let clock = WrongClock { rate, ahead, began };
    clock.shows(nanos)
}

impl WrongClock {
    fn shows(&self, nanos: u64) -> u64 {
        let went = nanos.saturating_sub(self.began) as f64 * self.rate;
        self.began + (went + self.ahead * 1e9) as u64
    }
}

/// The moment by which a request's lease is looked at, when it is `now`.
pub(crate) fn moment_of_request(now: u64) -> u64 {
    static READ: AtomicU64 = AtomicU64::new(0);
    static REQUESTS: AtomicU64 = AtomicU64::new(0);
    if is_planted(PlantedMistake::LeaseIgnored) {
        return 0;
    }
    if !is_planted(PlantedMistake::OldClock) {
        return now;
    }
    if REQUESTS.fetch_add(1, Ordering::AcqRel).is_multiple_of(OLD_FOR) {
        READ.store(now, Ordering::Release);
    }
    READ.load(Ordering::Acquire)
}
