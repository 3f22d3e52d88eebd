//! How a connection proves who it is, and whom it trusts.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::fault::DatabaseFault;
use crate::files::{open_private, secret_line};

/// The files of `[database]` in the settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DatabaseOptions {
    /// A private file whose first line is the role's password.
    pub password_file: Option<PathBuf>,
    /// The certificates of the authorities that are trusted, instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// The client's certificate and those of its issuers.
    pub cert_file: Option<PathBuf>,
    /// The private key of the client's certificate; a private file.
    pub key_file: Option<PathBuf>,
}

impl DatabaseOptions {
    /// All of them that are set.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        let files = [
            &self.password_file,
            &self.ca_file,
            &self.cert_file,
            &self.key_file,
        ];
        files.into_iter().flatten().map(PathBuf::as_path)
    }

    /// Whether TLS is wanted even where nobody else could listen.
    pub(super) fn wants_tls(&self) -> bool {
        self.ca_file.is_some() || self.cert_file.is_some()
    }

    /// The password, if there is a file.
    pub(super) fn password(&self) -> Result<Option<Zeroizing<String>>, DatabaseFault> {
        let read = |path: &PathBuf| {
            let line = open_private(path).and_then(|file| secret_line(file, "password"));
            line.map_err(|fault| refused("password_file", path, fault.why, fault.hint))
        };
        self.password_file.as_ref().map(read).transpose()
    }
}

/// The refusal of a file that a setting names.
pub(super) fn refused(
    setting: &'static str,
    path: &Path,
    why: impl Into<String>,
    hint: impl Into<String>,
) -> DatabaseFault {
    DatabaseFault::File {
        setting,
        path: path.to_owned(),
        why: why.into(),
        hint: hint.into(),
    }
}
