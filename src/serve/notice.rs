//! Messages for the operator while `serve` runs.

use std::sync::Arc;

/// A message for the operator while `serve` runs.
#[derive(Debug)]
pub enum Notice {
    /// It is listening on these addresses.
    Listening(String),
    /// The vault cannot be read, so nothing is accepted.
    VaultLost(String),
    /// The vault can be read again.
    VaultRestored,
    /// A damaged key is refused.
    KeyDamaged(String),
    /// A login report came without the vault's token.
    ReportRefused,
    /// The clock is outside of the supported range.
    ClockWrong(String),
    /// The clock is right again.
    ClockCorrected,
    /// Usage cannot be recorded.
    UsageLost(String),
    /// Usage can be recorded again.
    UsageRestored,
    /// It is shutting down.
    Stopping,
}

/// The receiver of notices.
pub type Notify = Arc<dyn Fn(Notice) + Send + Sync>;
