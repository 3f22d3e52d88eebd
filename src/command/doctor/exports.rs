//! Checks that the exports in the settings match the vault.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use super::report::DoctorReport;
use crate::command::doctor::environment::IN_PROGRESS_SECONDS;
use crate::context::exports::write_export_to;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::files::{DRAFT_PREFIX, folder_of};
use crate::settings::ExportTarget;
use crate::vault::{Vault, health};

impl DoctorReport<'_> {
    /// Checks each export in the settings.
    pub(super) fn exports(&mut self, vault: &Vault) {
        let context = self.context;
        let exports = &context.settings.exports;
        if exports.is_empty() {
            return;
        }
        if !context.has_exports_of_its_vault() {
            let hint = "set `vault` in the settings to this vault to use them";
            return self.found("exports", context.describe_other_vault(), hint);
        }
        for export in exports {
            self.export(export, vault);
        }
        self.unfinished(vault);
    }

    /// Finds what interrupted exports left beside their files; beside the vault, it is found
    /// anyway.
    fn unfinished(&mut self, vault: &Vault) {
        let exports = &self.context.settings.exports;
        let mut folders: Vec<&Path> = exports.iter().map(|one| folder_of(&one.file)).collect();
        folders.sort();
        folders.dedup();
        folders.retain(|folder| *folder != folder_of(vault.path()));
        let before = self.display.now.as_second() - IN_PROGRESS_SECONDS;
        for folder in folders {
            // An unreadable folder was reported with its export.
            let found = health::leftovers(&folder.join(DRAFT_PREFIX)).unwrap_or_default();
            for left in found {
                if left.written_at.as_second() < before {
                    let message = format!(
                        "`{}` is an unfinished export, with hashes",
                        left.path.display()
                    );
                    self.found("exports", message, "delete it");
                }
            }
        }
    }

    fn export(&mut self, export: &ExportTarget, vault: &Vault) {
        let path = export.file.display();
        match is_current(export, vault) {
            Ok(true) => self.ok("exports", format!("`{path}` is up to date")),
            Ok(false) => self.found(
                "exports",
                format!("`{path}` is out of date: servers use its old contents"),
                "run `postkey export`; keys that expire need a timer",
            ),
            Err(error) => {
                let hint = match folder_of(&export.file).is_dir() {
                    true => "`postkey export` writes it",
                    false => "create its folder; then `postkey export` writes it",
                };
                self.found("exports", error.to_string(), hint);
            }
        }
    }
}

/// Whether the file equals what would be written now.
fn is_current(export: &ExportTarget, vault: &Vault) -> Result<bool, Error> {
    let mut file = opened(&export.file)?;
    let mut is_same = true;
    let mut found = Vec::new();
    write_export_to(export.format, vault, |text| {
        found.clear();
        let read = file
            .by_ref()
            .take(text.len() as u64)
            .read_to_end(&mut found);
        is_same &= read.is_ok() && found == text;
        Ok(())
    })?;
    let has_ended = file.read(&mut [0]).is_ok_and(|read| read == 0);
    Ok(is_same && has_ended)
}

fn opened(path: &Path) -> Result<File, Error> {
    let trouble = |what: String| {
        let message = format!("`{}` cannot be read: {what}", path.display());
        Error::new(ExitStatus::Trouble, message)
    };
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_file() => {
            File::open(path).map_err(|error| trouble(error.to_string()))
        }
        Ok(_) => Err(trouble("it is not a regular file".to_owned())),
        Err(error) => Err(trouble(error.to_string())),
    }
}
