//! The usage of a node: the present hour in memory, and written time and again; the hours before in their files.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tracing::warn;

use super::directory::{HourFault, UsageDirectory};
use super::hour::{Hour, HourRange};
use super::question::UsageQuestion;
use super::rows::{NodeUsage, Rows, TooManyRows};
use super::tally::Tally;
use crate::chain::Chain;

/// Hours that wait in memory while they cannot be written, at most.
const MAX_UNWRITTEN: usize = 6;

/// The bounds of a ledger.
#[derive(Debug, Clone, Copy)]
pub struct LedgerBounds {
    /// Of a virtual cluster so many accounts are kept in an hour, and so many topics of theirs.
    pub names: usize,
    /// For how many hours usage is kept.
    pub hours: u64,
}

/// The usage of a node.
#[derive(Debug)]
pub struct Ledger {
    directory: UsageDirectory,
    bounds: LedgerBounds,
    open: Mutex<Open>,
    /// One writes at a time.
    writing: Mutex<()>,
}

/// The hours that may still change, or are not written yet.
#[derive(Debug)]
struct Open {
    hour: Hour,
    pages: BTreeMap<Hour, Page>,
}

#[derive(Debug)]
struct Page {
    tally: Tally,
    is_written: bool,
}

impl Page {
    fn new(names: usize) -> Self {
        Self {
            tally: Tally::new(names),
            is_written: false,
        }
    }
}

impl Ledger {
    /// Goes on with what is in a directory, which need not be there yet, in the hour that it is now.
    pub fn open(directory: UsageDirectory, bounds: LedgerBounds, now: Hour) -> Self {
        let page = begun(&directory, bounds, now);
        Self {
            directory,
            bounds,
            open: Mutex::new(Open {
                hour: now,
                pages: BTreeMap::from([(now, page)]),
            }),
            writing: Mutex::default(),
        }
    }

    /// Adds what was used, in the hour that it is now. While a clock goes back, it counts for the latest hour.
    pub fn add(&self, now: Hour, used: &Tally) {
        let mut open = self.opened();
        if now > open.hour {
            let page = begun(&self.directory, self.bounds, now);
            open.hour = now;
            open.pages.insert(now, page);
        }
        let hour = open.hour;
        if let Some(page) = open.pages.get_mut(&hour).filter(|_| !used.is_empty()) {
            page.tally.add_all(used);
            page.is_written = false;
        }
    }

    /// Writes what is not written yet. What cannot be written is kept for a while.
    ///
    /// # Errors
    /// The first file that cannot be written.
    pub fn write(&self) -> io::Result<()> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut failed = self.directory.prepare().err();
        let unwritten: Vec<(Hour, Tally)> = {
            let open = self.opened();
            let pages = open.pages.iter().filter(|(_, page)| !page.is_written);
            pages.map(|(hour, page)| (*hour, page.tally.clone())).collect()
        };
        for (hour, tally) in unwritten {
            match self.directory.write(hour, &tally) {
                Ok(()) => self.written(hour, &tally),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        self.close_old_pages();
        failed.map_or(Ok(()), Err)
    }

    /// Deletes what is older than usage is kept. Says how many files that were.
    ///
    /// # Errors
    /// A file cannot be deleted.
    pub fn prune(&self, now: Hour) -> io::Result<usize> {
        self.directory.prune(now.minus(self.bounds.hours))
    }

    /// The sums of a range of hours. Hours to come are not asked for.
    ///
    /// # Errors
    /// There are too many.
    pub fn answer(&self, question: &UsageQuestion) -> Result<NodeUsage, TooManyRows> {
        let mut answer = NodeUsage::default();
        let mut rows = Rows::default();
        let end = question.hours.to.min(self.opened().hour.next());
        let start = question.hours.from.max(end.minus(self.bounds.hours));
        if question.hours.from < start.min(end) {
            answer.unrecorded.push(HourRange {
                from: question.hours.from,
                to: start.min(end),
            });
        }
        for hour in (HourRange { from: start, to: end }).iter() {
            match self.page(hour) {
                Ok(Some(tally)) => rows.add_hour(question, hour, &tally)?,
                Ok(None) if self.directory.is_set_aside(hour) => answer.damaged.push(hour),
                Ok(None) => note(&mut answer.unrecorded, hour),
                Err(fault) => {
                    warn!(error = %Chain(&fault), "usage of an hour is not told");
                    answer.damaged.push(hour);
                }
            }
        }
        answer.rows = rows.finish();
        Ok(answer)
    }

    fn page(&self, hour: Hour) -> Result<Option<Tally>, HourFault> {
        let open = self.opened().pages.get(&hour).map(|page| page.tally.clone());
        match open {
            Some(tally) => Ok(Some(tally)),
            None => self.directory.read(hour, self.bounds.names),
        }
    }

    /// These sums of an hour are on the disk.
    fn written(&self, hour: Hour, tally: &Tally) {
        if let Some(page) = self.opened().pages.get_mut(&hour) {
            page.is_written = page.tally == *tally;
        }
    }

    /// Forgets pages that are written, and the oldest where too many are not.
    fn close_old_pages(&self) {
        let mut open = self.opened();
        let present = open.hour;
        open.pages
            .retain(|hour, page| *hour == present || !page.is_written);
        while open.pages.len() > MAX_UNWRITTEN {
            if let Some((hour, _)) = open.pages.pop_first() {
                warn!(%hour, "usage of an hour is lost, since it could not be written for too long");
            }
        }
    }

    fn opened(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The page of an hour, with what was written of it before.
fn begun(directory: &UsageDirectory, bounds: LedgerBounds, hour: Hour) -> Page {
    let mut page = Page::new(bounds.names);
    match directory.read(hour, bounds.names) {
        Ok(Some(tally)) => page.tally = tally,
        Ok(None) => {}
        Err(fault) => {
            let aside = directory.set_aside(hour).map(|path| path.display().to_string());
            let aside = aside.unwrap_or_else(|error| error.to_string());
            warn!(error = %Chain(&fault), aside, "what was recorded of this hour's usage is set aside, and counting begins anew");
        }
    }
    page
}

/// Adds an hour to ranges that are in order.
fn note(ranges: &mut Vec<HourRange>, hour: Hour) {
    match ranges.last_mut() {
        Some(last) if last.to == hour => last.to = hour.next(),
        _ => ranges.push(HourRange {
            from: hour,
            to: hour.next(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::usage::tally::tests::used;

    const BOUNDS: LedgerBounds = LedgerBounds { names: 9, hours: 24 };

    fn hour(number: u64) -> Hour {
        Hour::of(number * 3600)
    }

    fn ledger(at: &Path, now: u64) -> Ledger {
        Ledger::open(UsageDirectory::of(at), BOUNDS, hour(now))
    }

    fn tally(records: u64) -> Tally {
        let mut tally = Tally::new(9);
        tally.add(&"v".parse().unwrap(), "a", &used(&[("t", records)]));
        tally
    }

    fn asked(ledger: &Ledger, from: u64, to: u64) -> (u64, Vec<(Hour, Hour)>, Vec<Hour>) {
        let question = UsageQuestion {
            hours: HourRange {
                from: hour(from),
                to: hour(to),
            },
            vcluster: None,
            account: None,
            topic: None,
            by: "topic".parse().unwrap(),
        };
        let answer = ledger.answer(&question).unwrap();
        let records = answer.rows.iter().map(|row| row.figures.produced_records).sum();
        let unrecorded = answer.unrecorded.iter().map(|range| (range.from, range.to));
        (records, unrecorded.collect(), answer.damaged)
    }

    #[test]
    fn what_is_written_survives_and_the_present_hour_is_told_from_memory() {
        let at = tempfile::tempdir().unwrap();
        let first = ledger(at.path(), 100);
        first.add(hour(100), &tally(5));
        first.write().unwrap();
        first.add(hour(100), &tally(7));
        assert_eq!(asked(&first, 100, 200), (12, vec![], vec![]));
        // As after SIGKILL.
        let second = ledger(at.path(), 100);
        assert_eq!(asked(&second, 100, 101).0, 5);
        second.add(hour(101), &tally(1));
        second.add(hour(100), &tally(1));
        second.write().unwrap();
        assert_eq!(
            asked(&second, 100, 102).0,
            7,
            "a clock that goes back loses nothing"
        );
        assert_eq!(asked(&second, 101, 102).0, 2);
        assert_eq!(
            second.opened().pages.len(),
            1,
            "an hour that is over and written is closed"
        );
    }

    #[test]
    fn hours_without_a_record_are_told() {
        let at = tempfile::tempdir().unwrap();
        ledger(at.path(), 100).write().unwrap();
        let late = ledger(at.path(), 103);
        late.add(hour(104), &tally(1));
        late.write().unwrap();
        let (records, unrecorded, damaged) = asked(&late, 98, 1000);
        assert_eq!((records, damaged), (1, vec![]));
        let expected = [(98, 100), (101, 103)].map(|(from, to)| (hour(from), hour(to)));
        assert_eq!(
            unrecorded, expected,
            "an hour in which nothing was used is on record"
        );
        // What is older than is kept is not looked for.
        assert_eq!(asked(&late, 0, 1000).1[0], (hour(0), hour(100)));
        assert_eq!(asked(&late, 2000, 3000), (0, vec![], vec![]), "hours to come");
    }

    #[test]
    fn a_damaged_hour_is_told_and_does_not_keep_a_node_from_counting() {
        let at = tempfile::tempdir().unwrap();
        for number in [100, 101] {
            let ledger = ledger(at.path(), number);
            ledger.add(hour(number), &tally(3));
            ledger.write().unwrap();
            let file = at
                .path()
                .join("usage")
                .join(format!("{}.usage", hour(number).stem()));
            let mut content = fs::read(&file).unwrap();
            *content.last_mut().unwrap() ^= 1;
            fs::write(&file, content).unwrap();
        }
        let ledger = ledger(at.path(), 101);
        assert_eq!(asked(&ledger, 100, 102), (0, vec![], vec![hour(100)]));
        ledger.add(hour(102), &tally(4));
        ledger.write().unwrap();
        assert_eq!(asked(&ledger, 100, 103), (4, vec![], vec![hour(100)]));
    }

    #[test]
    fn what_cannot_be_written_is_kept_for_a_while() {
        let at = tempfile::tempdir().unwrap();
        let ledger = ledger(at.path(), 100);
        fs::write(at.path().join("usage"), "in the way").unwrap();
        for number in 100..103 {
            ledger.add(hour(number), &tally(1));
            ledger.write().unwrap_err();
        }
        assert_eq!(asked(&ledger, 100, 103).0, 3);
        fs::remove_file(at.path().join("usage")).unwrap();
        ledger.write().unwrap();
        assert_eq!(asked(&ledger, 100, 103).0, 3);
        assert_eq!(ledger.opened().pages.len(), 1);
        assert_eq!(ledger.prune(hour(124)).unwrap(), 0);
        assert_eq!(ledger.prune(hour(126)).unwrap(), 2);
    }
}
