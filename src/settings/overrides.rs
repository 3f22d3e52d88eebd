//! Settings that flags and environment override.

use std::path::PathBuf;

use super::{Color, Wait};

/// The values of flags and environment variables.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// `--vault`, or `POSTKEY_VAULT`
    pub vault: Option<PathBuf>,
    /// Which of them come from the environment: `vault`, `wait`
    pub from_environment: Vec<&'static str>,
    /// `--config`
    pub config: Option<PathBuf>,
    /// `--wait`
    pub wait: Option<Wait>,
    /// `--utc`
    pub utc: bool,
    /// `--color`
    pub color: Option<Color>,
}
