//! The progress of a revocation.

use crate::exit::ExitStatus;
use crate::key::Key;
use crate::ui::Replacement;
use crate::vault::{Record, SecretInfo, Vault};

/// A revoked key.
pub(super) struct RevokedKey {
    /// Its state afterwards.
    pub(super) record: Record,
    /// The secrets that it had.
    pub(super) secrets: Vec<SecretInfo>,
    /// How often its secrets occurred in the input, if they were read from there.
    pub(super) seen: Option<u64>,
}

/// What was done, and whether it succeeded.
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
