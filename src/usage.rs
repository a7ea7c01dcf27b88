//! Usage that can be billed: what each account of a virtual cluster used, and of which topics, in hours of UTC. It counts,
//! keeps and tells; it knows neither sessions nor the other nodes.
//!
//! ```text
//! session ─ AccountTally ─▶ Inbox ─▶ Ledger ─ the present hour ─▶ a file for each hour
//!                                      └◀─ UsageQuestion ─ NodeUsage ─▶ UsageReport, of all nodes ─▶ JSON, CSV
//! ```

mod csv;
mod directory;
mod figures;
mod file;
mod hour;
mod inbox;
mod ledger;
mod question;
mod report;
mod rows;
mod tally;

pub use csv::{columns, csv};
pub use directory::{HourFault, UsageDirectory};
pub use figures::{Figures, MEASURES, Measure};
pub use file::Damaged;
pub use hour::{Hour, HourRange, NotAnHour};
pub use inbox::Inbox;
pub use ledger::{Ledger, LedgerBounds};
pub use question::{Grouping, InvalidGrouping, UsageQuestion};
pub use report::{AnswerOfNode, NodeReport, NodeState, UnrecordedHours, UsageReport};
pub use rows::{MAX_ROWS, NodeUsage, TooManyRows, UsageRow};
pub use tally::{AccountTally, OTHER, Tally};
