//! The formats of results.

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
}

impl Format {
    /// Whether programs read the results; then errors and warnings are JSON, and notes are left out.
    pub fn is_for_machines(self) -> bool {
        matches!(self, Self::Json | Self::Jsonl | Self::Csv)
    }
}
