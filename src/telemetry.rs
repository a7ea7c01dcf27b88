//! Logs: how they look and where they go. Targets: `klamm::audit` for who did what, module paths for the rest.

use std::str::FromStr;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

/// How a log line looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// One line of text.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// A text that names no log format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the log format is 'text' or 'json'")]
pub struct UnknownLogFormat;

impl FromStr for LogFormat {
    type Err = UnknownLogFormat;

    fn from_str(text: &str) -> Result<Self, UnknownLogFormat> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(UnknownLogFormat),
        }
    }
}

/// The log filter is not understood, or logs were set up already.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    #[error("the log filter {filter:?} is not understood")]
    Filter {
        filter: String,
        #[source]
        source: tracing_subscriber::filter::ParseError,
    },
    #[error("logs were set up twice")]
    Twice(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Libraries say at `info` what only their authors want to know, and `actix_http` takes a stranger's malformed request for
/// an error. A filter that names them wins.
const QUIET: &str = "openraft=warn,actix_server=warn,actix_http=off,";

/// Starts logging to standard error. `filter` has the syntax of `RUST_LOG`, for instance `info,klamm::session=debug`.
pub fn start(filter: &str, format: LogFormat) -> Result<(), TelemetryError> {
    let parsed = EnvFilter::try_new(format!("{QUIET}{filter}")).map_err(|source| TelemetryError::Filter {
        filter: filter.to_owned(),
        source,
    })?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(parsed)
        .with_writer(std::io::stderr)
        .with_span_events(FmtSpan::NONE)
        .with_ansi(false);
    match format {
        LogFormat::Text => lines.try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    }
    .map_err(TelemetryError::Twice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_a_closed_set() {
        assert_eq!("json".parse(), Ok(LogFormat::Json));
        assert_eq!("JSON ".parse::<LogFormat>(), Err(UnknownLogFormat));
    }
}
