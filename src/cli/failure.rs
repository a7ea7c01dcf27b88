//! Why a command failed, and the exit code that says so.

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::config::ConfigError;

/// Somebody must change the configuration or the data directory first (`EX_CONFIG` of sysexits.h). Supervisors are told
/// not to start the node again.
const EXIT_CONFIG: u8 = 78;

/// A command that did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The gateway said no.
    #[error("{what}: {why}")]
    Refused { what: String, why: String },
    /// Something else went wrong.
    #[error("{0}")]
    Failed(#[source] Box<dyn Error + Send + Sync>),
    /// A node cannot run with what it is configured with or has on its disk, however often it is started.
    #[error("{0}")]
    Unusable(#[source] Box<dyn Error + Send + Sync>),
    /// Some resources were refused; each was reported on its own line.
    #[error("{failed} of {all} resources failed")]
    Some { failed: usize, all: usize },
    #[error("{0}")]
    Config(ConfigError),
    /// The input is invalid.
    #[error("{0}")]
    Usage(String),
    #[error("{} cannot be read", path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("the gateway at {url} cannot be reached")]
    Unreachable {
        url: String,
        #[source]
        source: Box<ureq::Error>,
    },
    #[error("{what}: the gateway cannot answer now: {why}")]
    NotNow { what: String, why: String },
}

impl Failure {
    fn code(&self) -> u8 {
        match self {
            Self::Refused { .. } | Self::Failed(_) | Self::Some { .. } => 1,
            Self::Usage(_) | Self::Unreadable { .. } => 2,
            Self::Unreachable { .. } | Self::NotNow { .. } => 3,
            Self::Config(_) | Self::Unusable(_) => EXIT_CONFIG,
        }
    }

    /// 1 refused or failed, 2 wrong usage, 3 unreachable, 78 a configuration or data directory that cannot be used.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code())
    }

    /// The failure and all its causes, on one line unless a cause has more.
    pub(super) fn for_people(&self) -> String {
        let mut text = format!("klamm: {self}");
        let mut source = match self {
            // Its text is the failure's own.
            Self::Failed(error) | Self::Unusable(error) => error.source(),
            _ => self.source(),
        };
        while let Some(error) = source {
            text += &format!(": {error}");
            source = error.source();
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_show_their_causes_once() {
        let failure = Failure::Unreadable {
            path: "a.yaml".into(),
            source: std::io::Error::other("broken"),
        };
        assert_eq!(failure.for_people(), "klamm: a.yaml cannot be read: broken");
        assert_eq!(failure.code(), 2);
        let failure = Failure::Failed(Box::new(std::io::Error::other("broken")));
        assert_eq!(failure.for_people(), "klamm: broken");
        assert_eq!(failure.code(), 1);
    }
}
