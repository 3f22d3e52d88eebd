//! What a revocation has done so far.

use crate::exit::ExitStatus;
use crate::key::Key;
use crate::ui::Replacement;
use crate::vault::{Record, SecretInfo, Vault};

/// A key that was stopped.
pub(super) struct RevokedKey {
    /// As it was after that.
    pub(super) record: Record,
    /// The secrets that it had then.
    pub(super) secrets: Vec<SecretInfo>,
    /// How often its secrets were seen in what was read, if that is how it was found.
    pub(super) seen: Option<u64>,
}

/// What was done so far, and how it went.
pub(super) struct Revocation {
    pub(super) vault: Vault,
    pub(super) stopped: Vec<RevokedKey>,
    /// The one key with its new secret.
    pub(super) renewed: Option<Key>,
    pub(super) replacement: Replacement,
    pub(super) status: ExitStatus,
}

impl Revocation {
    pub(super) fn new(vault: Vault, stopped: Vec<RevokedKey>, status: ExitStatus) -> Self {
        Self {
            vault,
            stopped,
            renewed: None,
            replacement: Replacement::NotAsked,
            status,
        }
    }
}
