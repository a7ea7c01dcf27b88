//! The `klamm` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    klamm::cli::run(|config| {
        klamm::telemetry::start(&config.log.filter, config.log.format)?;
        actix_rt::System::new().block_on(klamm::app::run(config))?;
        Ok(())
    })
}
