//! The `klamm` command.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// Keeps the memory of a large frame for a moment: with glibc's allocator every frame of 1 MB costs 250 page faults,
/// which is a third of what it costs to carry it.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    klamm::cli::run(|config| {
        klamm::telemetry::start(&config.log.filter, config.log.format)?;
        actix_rt::System::new().block_on(klamm::app::run(config))?;
        Ok(())
    })
}
