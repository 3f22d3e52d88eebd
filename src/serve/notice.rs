//! What an operator may want to know while `serve` runs.

use std::sync::Arc;

/// What an operator may want to know while it runs.
#[derive(Debug)]
pub enum Notice {
    /// It is ready at these addresses.
    Listening(String),
    /// The vault cannot be read, and so nothing is accepted.
    VaultLost(String),
    /// It can be read again.
    VaultRestored,
    /// One key is damaged and refused.
    KeyDamaged(String),
    /// A report of a login came without the vault's token.
    ReportRefused,
    /// The clock says what cannot be.
    ClockWrong(String),
    /// It is right again.
    ClockCorrected,
    /// Use cannot be recorded.
    UsageLost(String),
    /// It can be recorded again.
    UsageRestored,
    /// It was told to stop.
    Stopping,
}

/// Whom notices are handed to.
pub type Notify = Arc<dyn Fn(Notice) + Send + Sync>;
