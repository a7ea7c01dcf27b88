//! Followers at work in one place, and whether they have what they must. It makes no topics and knows no list.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::super::desk::Desk;
use super::followers::{Cell, Follower, Running, Said};
use super::log::{Isolation, LAST, Log};
use super::table::{Check, Faults, Table};
use crate::scene::{Login, Scene};

/// How long clients may take to get everything, and afterwards the last record, with their own start and on a busy machine.
const BOUND: Duration = Duration::from_secs(180);

/// The demands that are made at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// As the filters leave it, to the end of the log.
    Filtered,
    /// Without filters, one more record.
    Unfiltered,
    /// As Kafka itself leaves it. Those that stay behind the end of what is filtered may do so here.
    AtABroker,
}

impl Stage {
    /// How long one waits for what must not come, and for offsets that are not expected.
    fn patience(self) -> Duration {
        Duration::from_secs(if self == Self::AtABroker { 15 } else { 3 })
    }
}

/// Clients that follow topics.
pub(super) struct Trial<'a> {
    user: &'a Login,
    log: &'a Log,
    pub(super) cells: Vec<Cell>,
    running: Vec<Running>,
    began: BTreeMap<&'static str, Instant>,
}

impl<'a> Trial<'a> {
    /// Starts followers, for the cells that are wanted.
    pub(super) fn start(
        (scene, place): (&Scene, &str),
        desk: &mut Desk,
        (user, log): (&'a Login, &'a Log),
        followers: &[Follower],
        is_wanted: impl Fn(Cell) -> bool,
    ) -> Result<Self> {
        let wanted = |follower: &Follower| -> Vec<Cell> {
            let cells = follower.cells().into_iter();
            cells.filter(|cell| is_wanted(*cell)).collect()
        };
        let cells: Vec<Cell> = followers.iter().flat_map(wanted).collect();
        configure(desk, user, &cells)?;
        let (mut running, mut began) = (Vec::new(), BTreeMap::new());
        for follower in followers {
            began.entry(follower.client).or_insert_with(Instant::now);
            running.push(follower.start(scene, place, user, &wanted(follower))?);
        }
        Ok(Self {
            user,
            log,
            cells,
            running,
            began,
        })
    }

    /// Waits until nothing is wrong but what is known, and a little longer for what must not come.
    pub(super) fn settle(&self, desk: &mut Desk, table: &mut Table, stage: Stage) -> Result<Faults> {
        let deadline = Instant::now() + BOUND;
        loop {
            let faults = self.faults(desk, stage)?;
            let is_waited_for = |cell: &Cell| {
                let mut mine = faults.keys().filter(|(of, _)| of == cell);
                mine.any(|(_, check)| match stage {
                    Stage::AtABroker => *check != Check::End || !table.stays_behind(*cell),
                    Stage::Filtered | Stage::Unfiltered => !table.is_hole(*cell, *check),
                })
            };
            let (waiting, done): (Vec<Cell>, Vec<Cell>) =
                self.cells.iter().partition(|cell| is_waited_for(cell));
            for cell in done {
                table.done(cell, self.began[cell.client].elapsed());
            }
            if waiting.is_empty() || Instant::now() > deadline {
                break;
            }
            thread::sleep(Duration::from_millis(300));
        }
        thread::sleep(stage.patience());
        self.faults(desk, stage)
    }

    /// The faults of this moment: a record is missing or too much, or a group is not at the end of the log.
    fn faults(&self, desk: &mut Desk, stage: Stage) -> Result<Faults> {
        let mut said = Said::default();
        self.running.iter().for_each(|one| one.tell(&mut said));
        let groups: Vec<String> = self.cells.iter().map(|cell| cell.group()).collect();
        let committed = desk.committed(self.user, &groups)?;
        let mut faults = Faults::new();
        for (cell, group) in self.cells.iter().zip(&groups) {
            let behind = match committed.get(group) {
                Some((at, end)) if at == end => None,
                Some((at, end)) => Some(format!("committed is {at}, the log ends at {end}")),
                None => Some("nothing is committed".to_owned()),
            };
            let wrong = self.wrong(&said, *cell, stage);
            let (records, end) = match stage {
                Stage::Filtered | Stage::AtABroker => (Check::Records, Check::End),
                Stage::Unfiltered => (Check::Last, Check::Last),
            };
            // What is wrong with records says more.
            faults.extend(behind.map(|why| ((*cell, end), why)));
            faults.extend(wrong.map(|why| ((*cell, records), why)));
        }
        Ok(faults)
    }

    /// The fault in what a group was given.
    fn wrong(&self, said: &Said, cell: Cell, stage: Stage) -> Option<String> {
        if let Some(why) = said.failed.get(&cell.group()) {
            return Some(format!("it says: {why}"));
        }
        let mut wanted = self.log.shown(cell.filter, cell.isolation);
        wanted.extend((stage == Stage::Unfiltered).then_some(LAST));
        let got = said.of(cell);
        let same = got.iter().zip(&wanted).take_while(|(got, wanted)| got == wanted);
        let same = same.count();
        let is_right = got.len() == same && wanted.len() == same;
        (!is_right).then(|| {
            format!(
                "{} records instead of {}; the first {same} are right, then there is {:?} instead of {:?}",
                got.len(),
                wanted.len(),
                got.get(same),
                wanted.get(same)
            )
        })
    }
}

/// Groups that share records begin where others are told to begin, and read as others are told to read.
fn configure(desk: &mut Desk, user: &Login, cells: &[Cell]) -> Result<()> {
    for isolation in Isolation::ALL {
        let shares = cells
            .iter()
            .filter(|cell| cell.protocol == "share" && cell.isolation == isolation);
        let groups: Vec<String> = shares.map(|cell| cell.group()).collect();
        let level = isolation.name();
        let settings = format!("share.auto.offset.reset=earliest,share.isolation.level={level}");
        if !groups.is_empty() {
            desk.configure(user, &settings, &groups)?;
        }
    }
    Ok(())
}
