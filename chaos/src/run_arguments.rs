//! How long a run goes on, from which seed, and which mistake its nodes make.

use std::time::Duration;

use clap::Args;

use crate::say;
use crate::world::WorldSetup;

/// For how long, and from which seed.
#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// How long it goes on, in seconds; what was begun is brought to an end.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Decides every choice of the run; a random one when it is not given.
    #[arg(long)]
    seed: Option<u64>,
    /// The mistake that nodes make. A run that finds nothing then shows nothing. It takes nodes with the feature `planted`.
    #[arg(long)]
    mistake: Option<String>,
}

impl RunArguments {
    /// Says how the run is repeated; its choices, and how long it goes on.
    pub(crate) fn begin(&self, name: &str) -> (fastrand::Rng, Duration) {
        let seed = self.seed.unwrap_or_else(|| fastrand::u64(..));
        let seconds = self.seconds;
        say(&format!(
            "{name}, seed {seed}: repeat with {name} --seed {seed} --seconds {seconds}"
        ));
        (fastrand::Rng::with_seed(seed), Duration::from_secs(seconds))
    }

    /// The surroundings of nodes that make the mistake.
    pub(crate) fn setup(&self) -> WorldSetup {
        let mistake = self.mistake.clone();
        WorldSetup {
            of_all: mistake
                .map(|mistake| ("PLANTED_MISTAKE", mistake))
                .into_iter()
                .collect(),
            ..WorldSetup::default()
        }
    }
}
