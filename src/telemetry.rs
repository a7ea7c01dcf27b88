//! Logs: how they look and where they go. Targets: `klamm::audit` for who did what, `klamm::policies`
//! for which policies looked at what, module paths for the rest.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::PanicHookInfo;
use std::str::FromStr;

use tracing::error;
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
#[error("the log format must be 'text' or 'json'")]
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

/// Why a log filter would not do what was meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidFilter {
    #[error("the filter {0:?} is invalid")]
    Form(String),
    /// A word alone would be taken for a target, and everything else would be silent.
    #[error("{word:?} is not a log level; the levels are: {}", LEVELS.join(", "))]
    NoLevel { word: String },
}

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// Checks a filter before anything is logged.
///
/// # Errors
/// It would silence what nobody meant to silence.
pub fn check_filter(filter: &str) -> Result<(), InvalidFilter> {
    let parts = filter.split(',').map(str::trim);
    // A part that names a target or a span says so itself.
    let words = parts.filter(|part| !part.is_empty() && !part.contains(['=', ':', '[', ']', '{', '}']));
    for word in words {
        let is_level = LEVELS.iter().any(|level| level.eq_ignore_ascii_case(word));
        if !is_level {
            let word = word.to_owned();
            return Err(InvalidFilter::NoLevel { word });
        }
    }
    EnvFilter::try_new(filter)
        .map(drop)
        .map_err(|_| InvalidFilter::Form(filter.to_owned()))
}

/// The log filter is not understood, or logs were set up already.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    #[error("the log filter {filter:?} is invalid")]
    Filter {
        filter: String,
        #[source]
        source: tracing_subscriber::filter::ParseError,
    },
    #[error("logging was set up twice")]
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
    .map_err(TelemetryError::Twice)?;
    std::panic::set_hook(Box::new(log_panic));
    Ok(())
}

/// Panics are lines of the log like others; a backtrace is among them where `RUST_BACKTRACE` asks for it.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let location = panic.location().map(ToString::to_string);
    let backtrace = Backtrace::capture();
    let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
    error!(
        location,
        backtrace,
        "panicked: {}",
        panic.payload_as_str().unwrap_or("it does not say why")
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_is_no_level_silences_nothing() {
        for good in [
            "info",
            "WARN",
            "off",
            "info,klamm::session=debug",
            "klamm=debug",
            "warn, klamm::audit",
            "info,klamm[session{peer}]=trace",
        ] {
            assert_eq!(check_filter(good), Ok(()), "{good}");
        }
        for (bad, word) in [("inof", "inof"), ("info,debgu", "debgu"), ("klamm", "klamm")] {
            let word = word.to_owned();
            assert_eq!(check_filter(bad), Err(InvalidFilter::NoLevel { word }), "{bad}");
        }
        let form = |text: &str| Err(InvalidFilter::Form(text.to_owned()));
        assert_eq!(check_filter("klamm=loud"), form("klamm=loud"));
    }

    #[test]
    fn formats_are_a_closed_set() {
        assert_eq!("json".parse(), Ok(LogFormat::Json));
        assert_eq!("JSON ".parse::<LogFormat>(), Err(UnknownLogFormat));
    }
}
