//! Settings that flags and environment override.

use std::path::PathBuf;

use super::{Color, Wait};

/// What flags and environment say, where they say anything.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// `--vault`, or `POSTKEY_VAULT`
    pub vault: Option<PathBuf>,
    /// Which of these were variables: `vault`, `wait`
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
