//! The progress of a revocation.

use crate::command::activate::StatusChange;
use crate::context::Context;
use crate::context::dry_run::DryRun;
use crate::context::selected_keys::KeyVerb;
use crate::exit::ExitStatus;
use crate::key::{Key, Status};
use crate::ui::Replacement;
use crate::vault::{Action, Record, SecretInfo, Vault};

/// How a key is revoked.
pub(super) const REVOCATION: StatusChange = StatusChange {
    status: Status::Inactive,
    action: Action::Revoke,
    verb: KeyVerb {
        doing: "revoking",
        question: "Revoke",
    },
    dry_run: DryRun { is_dry_run: false },
};

/// Rewrites the exports, so that servers which read them refuse a revoked key, too.
pub(super) fn rewrite_exports(dry_run: DryRun, context: &Context) -> ExitStatus {
    match dry_run.is_dry_run {
        true => ExitStatus::Done,
        false => context.rewrite_exports(),
    }
}

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
