//! The `klamm` command.

use std::process::ExitCode;

use klamm::cli::Failure;
use mimalloc::MiMalloc;

/// Keeps the memory of a large frame for a moment: with glibc's allocator every frame of 1 MB costs 250 page faults,
/// which is a third of what it costs to carry it.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    klamm::cli::run(|config| {
        klamm::telemetry::start(&config.log.filter, config.log.format)
            .map_err(|error| Failure::Failed(error.into()))?;
        actix_rt::System::new()
            .block_on(klamm::app::run(config))
            .map_err(|error| match error.is_final() {
                true => Failure::Unusable(error.into()),
                false => Failure::Failed(error.into()),
            })
    })
}
