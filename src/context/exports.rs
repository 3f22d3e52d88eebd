//! Writes exports: files with valid keys for servers that cannot read the vault.
//!
//! Exports in the settings are rewritten here by every command that opens the vault for a change,
//! so that repeating a command also makes up for one that was killed. Only one process at a time
//! reads the vault and writes its exports, so that an older export never replaces a newer one.

use std::path::Path;

use crate::arguments;
use crate::context::Context;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::files::{self, Draft, FileId, FileLock, FileRole, IfExists, folder_of};
use crate::settings::{ExportFormat, ExportTarget};
use crate::ui::{ExportCounts, ExportText, ExportedView, is_replaceable_export, may_belong_to};
use crate::vault::{Vault, VaultAddress};

/// Ends a command by rewriting the exports in the settings.
pub fn finish_with_exports(
    outcome: Result<ExitStatus, Error>,
    context: &Context,
) -> Result<ExitStatus, Error> {
    match (outcome, context.rewrite_exports()) {
        (Ok(status), renewed) => Ok(status.max(renewed)),
        (Err(error), ExitStatus::Done) => Err(error),
        (Err(error), renewed) => {
            context.ui.error(&error);
            Ok(renewed)
        }
    }
}

impl Context {
    /// Rewrites the exports in the settings if the vault was or should have been changed; reports
    /// errors.
    pub fn rewrite_exports(&self) -> ExitStatus {
        if !self.changes.take() {
            return ExitStatus::Done;
        }
        match self.settings.has_unreadable_exports {
            true => {
                self.ui.error(&unread());
                self.rewrite_named_exports().max(ExitStatus::Incomplete)
            }
            false => self.rewrite_named_exports(),
        }
    }

    fn rewrite_named_exports(&self) -> ExitStatus {
        if self.settings.exports.is_empty() {
            return ExitStatus::Done;
        }
        if !self.has_exports_of_its_vault() {
            self.ui.warn(format!(
                "{}: the exports in the settings were not written",
                self.describe_other_vault()
            ));
            return ExitStatus::Done;
        }
        let failures = match self.open().and_then(|vault| self.write_exports(&vault)) {
            Ok((_, failures)) => failures,
            Err(error) => vec![error],
        };
        for error in &failures {
            self.ui.error(&not_rewritten(error));
        }
        match failures.is_empty() {
            true => ExitStatus::Done,
            false => ExitStatus::Incomplete,
        }
    }

    /// Whether the exports in the settings belong to the vault of this run.
    pub fn has_exports_of_its_vault(&self) -> bool {
        let this = self.settings.vault.address();
        let id = |vault: &VaultAddress| vault.file().and_then(FileId::at);
        let own = self.settings.exported_vault.as_ref();
        own.is_some_and(|own| own == this || id(own).is_some_and(|own| id(this) == Some(own)))
    }

    /// Says which vault they belong to.
    pub fn describe_other_vault(&self) -> String {
        let own = self.settings.exported_vault.as_ref();
        let own = own.map_or_else(|| "?".to_owned(), ToString::to_string);
        format!(
            "this is not the vault that the settings name, `{own}` (`vault` in the settings names another)"
        )
    }

    /// Writes every export in the settings; reports what was written and what failed.
    pub fn write_exports(&self, vault: &Vault) -> Result<(Vec<ExportedView>, Vec<Error>), Error> {
        let _turn = self.lock(vault)?;
        let (mut written, mut failures) = (Vec::new(), Vec::new());
        for export in &self.settings.exports {
            match self.write_export(export, vault) {
                Ok(view) => written.push(view),
                Err(error) => failures.push(error),
            }
        }
        Ok((written, failures))
    }

    /// Writes one export to a file, which need not be in the settings.
    ///
    /// # Errors
    /// If it cannot be written; the file is unchanged then.
    pub fn write_one_export(
        &self,
        export: &ExportTarget,
        vault: &Vault,
    ) -> Result<ExportedView, Error> {
        let _turn = self.lock(vault)?;
        self.write_export(export, vault)
    }

    /// Locks the exports of this vault.
    fn lock(&self, vault: &Vault) -> Result<FileLock, Error> {
        let lock = FileLock::wait_for(folder_of(vault.path()), self.settings.wait);
        let trouble = |message| Error::new(ExitStatus::Trouble, message);
        match lock {
            Ok(Some(lock)) => Ok(lock),
            Ok(None) => {
                let message = "another process is still writing the exports of this vault";
                Err(trouble(message.to_owned()).with_hint("wait longer for it with --wait 30s"))
            }
            Err(error) => Err(trouble(format!(
                "the vault's folder cannot be locked: {error}"
            ))),
        }
    }

    fn write_export(&self, export: &ExportTarget, vault: &Vault) -> Result<ExportedView, Error> {
        let path = vault.expect_export_target(&export.file)?;
        let mut draft = begin(export.format, &path)?;
        expect_same_vault(&draft.replaced()?, &path, vault)?;
        let counts = write_export_to(export.format, vault, |text| Ok(draft.write(text)?))?;
        draft.publish()?;
        self.report_left_out(&path.to_string_lossy(), &counts);
        Ok(ExportedView::new(
            &path,
            arguments::word(export.format),
            &counts,
        ))
    }

    /// Reports valid secrets that the export cannot contain.
    pub fn report_left_out(&self, name: &str, counts: &ExportCounts) {
        if let Some(left_out) = counts.describe_left_out() {
            self.ui.warn(format!(
                "`{name}` cannot contain {left_out}: servers that read it refuse these logins"
            ));
        }
        for damage in counts.damage() {
            self.ui.warn(format!("left out of `{name}`: {damage}"));
        }
    }
}

/// Writes an export of the vault's contents at one moment, in chunks.
pub fn write_export_to(
    format: ExportFormat,
    vault: &Vault,
    mut take: impl FnMut(&[u8]) -> Result<(), Error>,
) -> Result<ExportCounts, Error> {
    vault.snapshot(|vault| {
        let now = Context::clock();
        let mark = vault.mark()?;
        let mut text = ExportText::new(format, now, mark.as_deref());
        vault.each_valid(format.kind(), now, |good| {
            match good {
                Ok(good) => text.push(&good),
                Err(damage) => text.skip_damaged(damage.to_string()),
            }
            match text.is_full() {
                true => take(&text.take()),
                false => Ok(()),
            }
        })?;
        let (rest, counts) = text.finish();
        take(&rest)?;
        Ok(counts)
    })
}

/// Begins an export that replaces an earlier one in the same format, if any.
fn begin(format: ExportFormat, path: &Path) -> Result<Draft, Error> {
    let is_earlier = match format {
        ExportFormat::Dovecot => |start: &[u8]| is_replaceable_export(start, ExportFormat::Dovecot),
        ExportFormat::Json => |start: &[u8]| is_replaceable_export(start, ExportFormat::Json),
    };
    Ok(Draft::begin(
        path,
        FileRole::Export,
        IfExists::ReplaceIf(is_earlier),
    )?)
}

/// Makes sure that an existing export belongs to the same vault: its servers would refuse all keys
/// in it.
fn expect_same_vault(start: &[u8], path: &Path, vault: &Vault) -> Result<(), Error> {
    let mark = vault.mark()?;
    if may_belong_to(start, mark.as_deref(), |tail| vault.has_created(tail))? {
        return Ok(());
    }
    Err(Error::from(files::Error::Refused {
        path: path.to_owned(),
        why: "is an export of another vault",
        hint: "name another file, or move that one away",
    }))
}

/// The settings seem to name exports, but could not be read.
fn unread() -> Error {
    let message = "the exports in the settings may be out of date: the settings are not valid";
    Error::new(ExitStatus::Incomplete, message)
        .with_hint("correct the settings; then `postkey export` writes the exports")
}

fn not_rewritten(error: &Error) -> Error {
    if error.exit_status() == ExitStatus::Unsure {
        let new = Error::new(ExitStatus::Incomplete, format!("an export: {error}"));
        return new.with_hint(error.hint().unwrap_or_default());
    }
    let message = format!("the vault was changed, but an export is out of date: {error}");
    let hint = error.hint().map(|hint| format!("{hint}; then "));
    let hint = hint.unwrap_or_default();
    Error::new(ExitStatus::Incomplete, message).with_hint(format!(
        "{hint}`postkey export` writes it; until then servers use the old contents"
    ))
}
