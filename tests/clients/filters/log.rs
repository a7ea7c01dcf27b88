//! The log that clients follow, and what they must get of it: plain, compressed and aborted batches between each other, and
//! at the end records that a filter may withhold to the last.

/// The filters, each of a topic of its own with the same log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Filter {
    Nothing,
    NineInTen,
    Everything,
    TheEnd,
}

impl Filter {
    pub(super) const ALL: [Self; 4] = [Self::Nothing, Self::NineInTen, Self::Everything, Self::TheEnd];

    /// The topic that it filters.
    pub(super) fn topic(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::NineInTen => "nine-in-ten",
            Self::Everything => "everything",
            Self::TheEnd => "the-end",
        }
    }

    /// The condition of the policy. Each has to be asked of every record.
    pub(super) fn condition(self) -> &'static str {
        match self {
            Self::Nothing => "record.key == 'nobody'",
            Self::NineInTen => "!record.key.endsWith('0')",
            Self::Everything => "record.key != 'nobody'",
            Self::TheEnd => "record.key.startsWith('late-')",
        }
    }

    fn keeps(self, key: &str) -> bool {
        match self {
            Self::Nothing => true,
            Self::NineInTen => key.ends_with('0'),
            Self::Everything => false,
            Self::TheEnd => !key.starts_with("late-"),
        }
    }
}

/// How a reader takes transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Isolation {
    Uncommitted,
    Committed,
}

impl Isolation {
    pub(super) const ALL: [Self; 2] = [Self::Uncommitted, Self::Committed];

    /// Its name, as clients are configured.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Uncommitted => "read_uncommitted",
            Self::Committed => "read_committed",
        }
    }
}

/// The writers of the log, each with a codec.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writer {
    Plain,
    Gzip,
    /// Its transactions are committed.
    Committing,
    /// Its transactions are aborted.
    Aborting,
}

impl Writer {
    /// Name and codec, as `Desk::write` takes them.
    fn words(self) -> [&'static str; 2] {
        match self {
            Self::Plain => ["plain", "none"],
            Self::Gzip => ["gzip", "gzip"],
            Self::Committing => ["transactional-committing", "gzip"],
            Self::Aborting => ["transactional-aborting", "none"],
        }
    }
}

/// Records, in the order in which they are written, and how to write them.
#[derive(Debug, Default)]
pub(super) struct Log {
    written: Vec<(Writer, String)>,
    steps: Vec<String>,
}

/// Rounds before the end. The transactions of a round overlap.
const ROUNDS: usize = 4;
const BATCH: usize = 10;

/// The key of the record that is written when there are no filters any more.
pub(super) const LAST: &str = "last-0";

impl Log {
    /// The log whose end is data, and plain.
    pub(super) fn new() -> Self {
        let mut log = Self::default();
        for _ in 0..ROUNDS {
            log.write(Writer::Plain, "early");
            log.write(Writer::Committing, "early");
            log.write(Writer::Aborting, "early");
            log.write(Writer::Gzip, "early");
            log.write(Writer::Committing, "early");
            log.end(Writer::Aborting);
            log.end(Writer::Committing);
        }
        log.write(Writer::Plain, "late");
        log.write(Writer::Aborting, "late");
        log.end(Writer::Aborting);
        log.write(Writer::Committing, "late");
        log.end(Writer::Committing);
        log.write(Writer::Gzip, "late");
        log.write(Writer::Plain, "late");
        log
    }

    /// A log that ends with the end of an aborted transaction, as Kafka itself makes them.
    pub(super) fn aborted_at_the_end() -> Self {
        let mut log = Self::new();
        log.write(Writer::Aborting, "late");
        log.end(Writer::Aborting);
        log
    }

    /// A log of nothing but an aborted transaction.
    pub(super) fn aborted() -> Self {
        let mut log = Self::default();
        log.write(Writer::Aborting, "late");
        log.end(Writer::Aborting);
        log
    }

    /// The step that writes the last record.
    pub(super) fn last() -> String {
        let [name, codec] = Writer::Plain.words();
        format!("write {name} {codec} {LAST}")
    }

    fn write(&mut self, by: Writer, part: &str) {
        let first = self.written.len();
        let keys: Vec<String> = (first..first + BATCH)
            .map(|number| format!("{part}-{number}"))
            .collect();
        let [name, codec] = by.words();
        self.steps
            .push(format!("write {name} {codec} {}", keys.join(" ")));
        self.written.extend(keys.into_iter().map(|key| (by, key)));
    }

    fn end(&mut self, of: Writer) {
        let verb = if of == Writer::Aborting { "abort" } else { "commit" };
        self.steps.push(format!("{verb} {}", of.words()[0]));
    }

    /// The steps, as `Desk::write` takes them.
    pub(super) fn steps(&self) -> &[String] {
        &self.steps
    }

    /// The keys that somebody must get, in order.
    pub(super) fn shown(&self, filter: Filter, isolation: Isolation) -> Vec<&str> {
        let is_shown = |(by, key): &&(Writer, String)| {
            let is_committed = *by != Writer::Aborting || isolation == Isolation::Uncommitted;
            is_committed && filter.keeps(key)
        };
        let shown = self.written.iter().filter(is_shown);
        shown.map(|(_, key)| key.as_str()).collect()
    }
}
