//! The `klamm` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    klamm::cli::run(|config| {
        klamm::telemetry::start(&config.log.filter, config.log.format)?;
        Err("this build holds no gateway".into())
    })
}
