//! The credentials of a node at AWS: where they are, and what is there at the moment of a call.

use std::env;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use zeroize::Zeroizing;

/// The longest part of credentials. Session tokens have no limit by name, and are some kilobytes.
const MAX_BYTES: u64 = 16 << 10;

/// Where one part of credentials is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CredentialPlace {
    /// In a variable of the node's environment.
    Variable(String),
    /// In a file, read for each call.
    File(PathBuf),
}

/// Where credentials are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsCredentialPlaces {
    /// The access key id.
    pub id: CredentialPlace,
    /// The secret access key.
    pub secret: CredentialPlace,
    /// The session token, of credentials that are temporary. A variable that is not set says that they are not.
    pub token: Option<CredentialPlace>,
}

impl AwsCredentialPlaces {
    /// The variables that other programs find them in.
    pub fn usual() -> Self {
        let variable = |name: &str| CredentialPlace::Variable(name.to_owned());
        Self {
            id: variable("AWS_ACCESS_KEY_ID"),
            secret: variable("AWS_SECRET_ACCESS_KEY"),
            token: Some(variable("AWS_SESSION_TOKEN")),
        }
    }

    /// Reads them. Blocks.
    pub(super) fn read(&self) -> Result<AwsCredentials, CredentialError> {
        let demanded = |place: &CredentialPlace| {
            let text = place.read()?;
            text.ok_or_else(|| CredentialError::Nothing(place.clone()))
        };
        Ok(AwsCredentials {
            id: demanded(&self.id)?,
            secret: demanded(&self.secret)?,
            token: match &self.token {
                Some(place) => place.read()?,
                None => None,
            },
        })
    }
}

/// Credentials at AWS. Whatever shows them shows nothing.
pub(super) struct AwsCredentials {
    pub(super) id: Zeroizing<String>,
    pub(super) secret: Zeroizing<String>,
    pub(super) token: Option<Zeroizing<String>>,
}

/// Why there are no credentials. Holds nothing of them.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CredentialError {
    #[error("there are no credentials for AWS: {} is not set or empty", .0.name())]
    Nothing(CredentialPlace),
    #[error("the credentials for AWS in {} cannot be used: this is not one line of plain characters", .0.name())]
    Malformed(CredentialPlace),
    #[error("the credentials for AWS in {} cannot be read", .place.name())]
    Unreadable {
        place: CredentialPlace,
        #[source]
        source: io::Error,
    },
}

impl CredentialPlace {
    fn name(&self) -> String {
        match self {
            Self::Variable(name) => format!("the variable {name}"),
            Self::File(path) => format!("the file {}", path.display()),
        }
    }

    /// The text that is there. None: nothing.
    fn read(&self) -> Result<Option<Zeroizing<String>>, CredentialError> {
        let text = match self {
            // Whatever is no text is no credential either.
            Self::Variable(name) => Zeroizing::new(env::var(name).unwrap_or_default()),
            Self::File(path) => {
                let unreadable = |source| CredentialError::Unreadable {
                    place: self.clone(),
                    source,
                };
                let file = File::open(path).map_err(unreadable)?;
                let mut text = Zeroizing::new(String::with_capacity(MAX_BYTES as usize));
                let read = file.take(MAX_BYTES).read_to_string(&mut text);
                read.map_err(unreadable)?;
                text
            }
        };
        let text = text.trim();
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(CredentialError::Malformed(self.clone()));
        }
        Ok((!text.is_empty()).then(|| Zeroizing::new(text.to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::chain::Chain;

    fn in_files(dir: &Path) -> AwsCredentialPlaces {
        let file = |name: &str| CredentialPlace::File(dir.join(name));
        AwsCredentialPlaces {
            id: file("id"),
            secret: file("secret"),
            token: Some(file("token")),
        }
    }

    #[test]
    fn credentials_are_read_each_time_and_never_shown() {
        let dir = tempfile::tempdir().unwrap();
        let places = in_files(dir.path());
        let why = || {
            let error = places.read().err().unwrap();
            let shown = format!("{} {error:?}", Chain(&error));
            assert!(!shown.contains("hunter2"), "{shown}");
            shown
        };
        assert!(why().contains("id cannot be read: No such file"));
        fs::write(dir.path().join("id"), "AKID\n").unwrap();
        fs::write(dir.path().join("secret"), "\n").unwrap();
        fs::write(dir.path().join("token"), "").unwrap();
        assert!(why().contains("secret is not set or empty"));
        fs::write(dir.path().join("secret"), "hunter2 hunter2").unwrap();
        assert!(why().contains("secret cannot be used"));
        fs::write(dir.path().join("secret"), "hunter2\n").unwrap();
        let read = places.read().ok().unwrap();
        assert_eq!((&**read.id, &**read.secret), ("AKID", "hunter2"));
        assert!(read.token.is_none());
        fs::write(dir.path().join("token"), "abc").unwrap();
        assert_eq!(**places.read().ok().unwrap().token.unwrap(), *"abc");
    }

    #[test]
    fn variables_are_told_by_name() {
        let variable = |name: &str| CredentialPlace::Variable(name.to_owned());
        // Cargo sets it for tests.
        let mut places = AwsCredentialPlaces {
            id: variable("CARGO_PKG_NAME"),
            secret: variable("CARGO_PKG_NAME"),
            token: Some(variable("KLAMM_NOT_SET")),
        };
        assert!(places.read().ok().unwrap().token.is_none());
        places.secret = variable("KLAMM_NOT_SET");
        let why = places.read().err().unwrap().to_string();
        assert!(why.contains("variable KLAMM_NOT_SET is not set"), "{why}");
    }
}
