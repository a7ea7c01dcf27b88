//! Changes that can be tried first: nothing is changed, and what would be is said.

use clap::Args;

use super::format::Style;

/// Whether a change is made, and how what came of it is shown.
#[derive(Debug, Args)]
pub(super) struct Trial {
    /// Say what would happen, without changing anything
    #[arg(long)]
    pub(super) dry_run: bool,
    /// text for people, json for scripts
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "text")]
    pub(super) output: Style,
}
