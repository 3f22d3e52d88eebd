//! Dry runs: what a command would change, without changing it.

use clap::Args;

use super::Context;
use crate::error::Error;
use crate::vault::{Author, Change, Error as VaultError, Vault};

/// Whether a command only prints what it would change.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct DryRun {
    /// Only print what would change; the exit status is that of the change
    #[arg(long = "dry-run", short = 'n')]
    pub is_dry_run: bool,
}

impl Context {
    /// Opens the vault for changes, or only for a dry run of them.
    pub fn open_to(&self, dry_run: DryRun) -> Result<Vault, Error> {
        if !dry_run.is_dry_run {
            return self.open_for_change();
        }
        let vault = self.open()?;
        vault.check()?;
        Ok(vault)
    }

    /// Opens the vault for reading if it exists, before a command that may create it.
    pub fn open_existing(&self, dry_run: DryRun) -> Result<Option<Vault>, Error> {
        match dry_run.is_dry_run {
            true => self.open_if_exists(),
            false => self.open_before_create(),
        }
    }

    /// Commits what `work` does, or rolls it back if it is a dry run.
    pub fn change<T, E: From<VaultError>>(
        dry_run: DryRun,
        vault: &mut Vault,
        author: &Author,
        work: impl FnOnce(&Change<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        match dry_run.is_dry_run {
            true => vault.rehearse(author, work),
            false => vault.change(author, work),
        }
    }

    /// Notes that nothing was done, if it was a dry run.
    pub fn note_dry_run(&self, dry_run: DryRun) {
        if dry_run.is_dry_run {
            self.ui.note("dry run: nothing was done");
        }
    }
}
