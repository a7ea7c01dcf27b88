//! Follows the references of resources to variables and files of this node. Whoever puts a resource learns nothing of what he
//! may not refer to, not even whether it is there, and nothing of what is in a file from an error.

use std::env::{self, VarError};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::config::{Reference, SecretsConfig, Unfollowed};
use crate::secret::Secret;

/// The largest file: room for many certificates.
const MAX_BYTES: u64 = 1 << 20;

/// Where references may lead on this node.
#[derive(Debug, Clone)]
pub(crate) struct SecretRoots(SecretsConfig);

impl SecretRoots {
    pub(crate) fn new(config: SecretsConfig) -> Self {
        Self(config)
    }

    /// Checks that a reference may be followed on this node, without a look at where it leads.
    pub(crate) fn check(&self, reference: &Reference) -> Result<(), Unfollowed> {
        let refused = match reference {
            Reference::Variable(name) if name.starts_with(&self.0.prefix) => return Ok(()),
            Reference::Variable(_) => format!(
                "is not for resources: on this node they may refer to variables that begin with {} (klamm.secrets.env.prefix)",
                self.0.prefix
            ),
            Reference::File(path) => match &self.0.directory {
                Some(root) if inside(root, path).is_some() => return Ok(()),
                Some(root) => format!("is not in {} (klamm.secrets.dir of this node)", root.display()),
                None => "leads to a file, but this node has no directory for that: set klamm.secrets.dir"
                    .to_owned(),
            },
        };
        Err(unfollowed(reference, refused))
    }

    /// Reads where a reference leads.
    pub(crate) fn follow(&self, reference: &Reference) -> Result<Secret, Unfollowed> {
        self.check(reference)?;
        let found = match (reference, &self.0.directory) {
            (Reference::Variable(name), _) => variable(name),
            (Reference::File(path), Some(root)) => {
                let path = inside(root, path).unwrap_or_else(|| root.clone());
                content(root, &path)
            }
            (Reference::File(_), None) => Err("leads nowhere on this node"),
        };
        match found {
            Ok(text) if text.is_empty() => Err(unfollowed(
                reference,
                "leads to nothing: it is empty on this node",
            )),
            Ok(text) => Ok(Secret::new(text)),
            Err(why) => Err(unfollowed(reference, why)),
        }
    }
}

fn unfollowed(reference: &Reference, why: impl Into<String>) -> Unfollowed {
    Unfollowed {
        reference: reference.clone(),
        why: why.into(),
    }
}

fn variable(name: &str) -> Result<String, &'static str> {
    env::var(name).map_err(|error| match error {
        VarError::NotPresent => "is not set on this node",
        VarError::NotUnicode(_) => "is not text on this node",
    })
}

/// The path of a file that is below the directory, as it is written.
fn inside(root: &Path, path: &str) -> Option<PathBuf> {
    let path = root.join(path);
    let below = path.strip_prefix(root).ok()?;
    (!below.as_os_str().is_empty()).then_some(path)
}

/// The content of a file below the directory. Links are followed as long as they stay there.
fn content(root: &Path, path: &Path) -> Result<String, &'static str> {
    let root = fs::canonicalize(root)
        .map_err(|_| "cannot be followed: klamm.secrets.dir of this node cannot be opened")?;
    let unreadable = |error: &io::Error| match error.kind() {
        io::ErrorKind::NotFound => "does not exist on this node",
        io::ErrorKind::PermissionDenied => "may not be read by this node",
        _ => "cannot be read on this node",
    };
    let path = fs::canonicalize(path).map_err(|error| unreadable(&error))?;
    if !path.starts_with(&root) {
        return Err("is a link that leads out of klamm.secrets.dir of this node");
    }
    // Whatever else there may be is never opened: it could keep the reader waiting.
    let is_file = fs::metadata(&path).map_err(|error| unreadable(&error))?.is_file();
    if !is_file {
        return Err("is not a file on this node");
    }
    let file = File::open(&path).map_err(|error| unreadable(&error))?;
    let mut bytes = Vec::new();
    let read = file.take(MAX_BYTES + 1).read_to_end(&mut bytes);
    read.map_err(|error| unreadable(&error))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err("is larger than a secret can be");
    }
    let text = String::from_utf8(bytes).map_err(|_| "is not text on this node")?;
    // Editors end the last line.
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn roots(directory: &Path) -> SecretRoots {
        SecretRoots::new(SecretsConfig {
            prefix: "CARGO_PKG_".to_owned(),
            directory: Some(directory.to_owned()),
        })
    }

    fn file(path: impl Into<String>) -> Reference {
        Reference::File(path.into())
    }

    #[test]
    fn only_variables_with_the_prefix_are_looked_at() {
        let roots = roots(Path::new("/nowhere"));
        let variable = |name: &str| Reference::Variable(name.to_owned());
        // Cargo sets it for tests.
        let found = roots.follow(&variable("CARGO_PKG_NAME"));
        assert_eq!(found, Ok(Secret::new("klamm")));
        for (name, why) in [
            ("CARGO_PKG_NOT_SET", "is not set on this node"),
            ("PATH", "is not for resources"),
            ("NOT_SET", "is not for resources"),
        ] {
            let refused = roots.follow(&variable(name)).unwrap_err();
            assert!(refused.why.starts_with(why), "{name}: {refused}");
        }
    }

    #[test]
    fn files_are_read_below_the_directory_only() {
        let dir = tempfile::tempdir().unwrap();
        let (inner, outer) = (dir.path().join("secrets"), dir.path().join("outside"));
        fs::create_dir_all(inner.join("v1")).unwrap();
        fs::write(&outer, "s3cret of somebody else").unwrap();
        fs::write(inner.join("v1/password"), "s3cret\n").unwrap();
        fs::write(inner.join("empty"), "\n").unwrap();
        fs::write(inner.join("large"), vec![b'x'; 1 << 20 | 1]).unwrap();
        fs::write(inner.join("bytes"), [0xff]).unwrap();
        // As Kubernetes does it.
        symlink("v1", inner.join("..data")).unwrap();
        symlink("..data/password", inner.join("password")).unwrap();
        symlink(&outer, inner.join("out")).unwrap();
        let roots = roots(&inner);
        let whole = inner.join("password").display().to_string();
        for path in ["password", "v1/password", "./password", &whole] {
            assert_eq!(roots.follow(&file(path)), Ok(Secret::new("s3cret")), "{path}");
        }
        let outside = outer.display().to_string();
        for (path, why) in [
            ("none", "does not exist"),
            ("v1", "is not a file"),
            ("empty", "leads to nothing"),
            ("large", "is larger than"),
            ("bytes", "is not text"),
            ("out", "is a link that leads out"),
            (outside.as_str(), "is not in"),
            ("/etc/passwd", "is not in"),
            ("/nowhere/at/all", "is not in"),
            (".", "is not in"),
        ] {
            let refused = roots.follow(&file(path)).unwrap_err();
            assert!(refused.why.starts_with(why), "{path}: {refused}");
            assert!(!refused.to_string().contains("s3cret"), "{refused}");
        }
        let none = SecretRoots::new(SecretsConfig {
            prefix: "X_".to_owned(),
            directory: None,
        });
        let refused = none.follow(&file("password")).unwrap_err();
        assert!(refused.why.contains("klamm.secrets.dir"), "{refused}");
    }
}
