//! The errors on the way to a running demonstration.

use std::time::Duration;

use super::ports::NoPorts;

/// Each message says what was tried; the source says why it failed.
#[derive(Debug, thiserror::Error)]
pub enum QuickstartError {
    #[error("cannot {doing}")]
    Io {
        doing: String,
        #[source]
        source: std::io::Error,
    },
    #[error("{command} failed:\n{output}")]
    Command { command: String, output: String },
    #[error("{what} took longer than {} s{}", limit.as_secs(), if log.is_empty() { String::new() } else { format!("; its log ends with\n{log}") })]
    Late {
        what: String,
        limit: Duration,
        log: String,
    },
    #[error("the gateway answered {request} with {status}: {body}")]
    Refused {
        request: String,
        status: u16,
        body: String,
    },
    #[error("cannot reach the admin API with {request}")]
    Http {
        request: String,
        #[source]
        source: Box<ureq::Error>,
    },
    #[error("the answer to {request} has no {field}: {body}")]
    Answer {
        request: String,
        field: &'static str,
        body: String,
    },
    #[error(transparent)]
    Ports(#[from] NoPorts),
    #[error("interrupted")]
    Interrupted,
    #[error("{claim} does not hold: {seen}")]
    Unproven { claim: &'static str, seen: String },
}

impl QuickstartError {
    /// For `map_err`: names what was being done.
    pub(crate) fn io(doing: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Io { doing, source }
    }
}
