//! Exports: files with the valid secrets, for servers that cannot read the vault.

use std::path::PathBuf;

use serde::Deserialize;

use super::path::whole_path;
use crate::key::{Invalid, Kind};

/// A file that is rewritten by every command that changes the vault.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportTarget {
    /// The format.
    pub format: ExportFormat,
    /// The absolute path.
    #[serde(deserialize_with = "whole_path")]
    pub file: PathBuf,
}

/// The format of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum ExportFormat {
    /// SMTP keys, as a Dovecot passwd-file
    Dovecot,
    /// All keys, as in `list`, with their digests and hashes
    Json,
}

impl ExportFormat {
    /// The kind of key in it; `None` for both.
    pub fn kind(self) -> Option<Kind> {
        match self {
            Self::Dovecot => Some(Kind::Smtp),
            Self::Json => None,
        }
    }
}

/// The exports; none may overwrite another.
pub(super) fn expect_distinct_files(
    exports: Vec<ExportTarget>,
) -> Result<Vec<ExportTarget>, Invalid> {
    for (at, export) in exports.iter().enumerate() {
        if exports[..at].iter().any(|other| other.file == export.file) {
            let file = export.file.to_string_lossy();
            let rule = "two exports would overwrite each other";
            return Err(Invalid::new("a file for an export", &file, rule)
                .with_hint("name another `file` in one of the two [[export]] tables"));
        }
    }
    Ok(exports)
}
