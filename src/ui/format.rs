//! The formats of results.

use std::path::{Path, PathBuf};

use crate::key::KeyName;

/// The form that results take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON value.
    Json,
    /// One JSON object a line.
    Jsonl,
    /// Comma-separated values with a header (RFC 4180).
    Csv,
    /// NAME=value lines; only for commands that make a secret.
    Env,
    /// A calendar with reminders (RFC 5545); only for `check`.
    Ics,
    /// Metrics for Prometheus' node_exporter; only for `check`.
    Prometheus,
    /// A Markdown table; only for `usage`.
    Markdown,
}

impl Format {
    /// Whether programs read the results; then errors and warnings are JSON, and notes are left out.
    pub fn is_for_machines(self) -> bool {
        matches!(self, Self::Json | Self::Jsonl | Self::Csv)
    }

    /// A key's file in a folder; its extension is the format.
    pub fn file_in(self, folder: &Path, name: &KeyName) -> PathBuf {
        match self {
            Self::Text | Self::Ics | Self::Prometheus | Self::Markdown => {
                folder.join(name.as_str())
            }
            Self::Json => folder.join(format!("{name}.json")),
            Self::Jsonl => folder.join(format!("{name}.jsonl")),
            Self::Csv => folder.join(format!("{name}.csv")),
            Self::Env => folder.join(format!("{name}.env")),
        }
    }
}
