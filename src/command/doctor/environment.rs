//! Checks the vault's surroundings: its location, leftover files, the settings, the usage record.

use std::fs;
use std::path::{Path, PathBuf};

use super::report::DoctorReport;
use crate::command::doctor::integrity::rollback;
use crate::error::Error;
use crate::files::{folder_of, hint_of};
use crate::settings::Listen;
use crate::usage::UsageStore;
use crate::vault::health::{self, Leftover, LeftoverKind};
use crate::vault::{self, Vault};

/// A journal younger than this, in seconds, may belong to a transaction in progress.
pub(super) const IN_PROGRESS_SECONDS: i64 = 60;

/// Checks the vault's location from the root down, as far as its folders exist.
pub(super) fn vault_path(path: &Path) -> PathBuf {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let resolved = fs::canonicalize(folder).ok();
    resolved
        .zip(path.file_name())
        .map_or_else(|| path.to_owned(), |(folder, name)| folder.join(name))
}

impl DoctorReport<'_> {
    /// Checks that the vault exists and is private.
    pub(super) fn place(&mut self, path: &Path) -> Result<(), Error> {
        let mut faults = health::file_faults(path);
        let missing = faults
            .iter()
            .position(|fault| matches!(fault, vault::Error::Missing(_)));
        if let Some(missing) = missing {
            return Err(self.context.explained(faults.swap_remove(missing)));
        }
        if faults.is_empty() {
            self.ok("place", format!("`{}` is private to you", path.display()));
        }
        for fault in faults {
            self.fault("place", fault);
        }
        if health::is_folder_open(path) {
            self.found(
                "place",
                "other users can read the vault's folder",
                hint_of("`chmod 700 {path}`", folder_of(path)),
            );
        }
        if health::is_elsewhere(path) {
            self.found(
                "place",
                "the vault is on a network file system, where file locks may be unreliable",
                "keep it on a local disk, and name it with --vault",
            );
        }
        Ok(())
    }

    /// Finds files that commands left beside the vault.
    pub(super) fn leftovers(&mut self, path: &Path) {
        let leftovers = match health::leftovers(path) {
            Ok(leftovers) => leftovers,
            Err(error) => return self.fault("leftovers", error),
        };
        let before = self.display.now.as_second() - IN_PROGRESS_SECONDS;
        let is_left = |leftover: &&Leftover| match leftover.kind {
            LeftoverKind::Journal | LeftoverKind::Unfinished => {
                leftover.written_at.as_second() < before
            }
            _ => true,
        };
        let left: Vec<_> = leftovers.iter().filter(is_left).collect();
        if left.is_empty() {
            self.ok("leftovers", "there are none");
        }
        for leftover in left {
            self.leftover(leftover, path);
        }
    }

    fn leftover(&mut self, leftover: &Leftover, vault: &Path) {
        let name = leftover.path.file_name().unwrap_or_default();
        let name = name.to_string_lossy();
        let ignore_closed_pipe = self.when(leftover.written_at);
        let (what, hint) = match leftover.kind {
            LeftoverKind::Journal => ("belongs to an interrupted transaction", rollback(vault).1),
            LeftoverKind::OlderSchema => (
                "is the vault before an upgrade, with its hashes",
                "delete it once the vault works",
            ),
            LeftoverKind::BeforeRestore => (
                "is the vault before a restore, with its hashes",
                "delete it once the restore is confirmed",
            ),
            LeftoverKind::Unfinished => (
                "is an unfinished copy",
                "delete it, unless a backup or restore is under way",
            ),
        };
        self.found(
            "leftovers",
            format!("`{name}`, written {ignore_closed_pipe}, {what}"),
            hint,
        );
    }

    /// Checks the settings file and whether the files it names exist.
    pub(super) fn settings(&mut self) {
        let context = self.context;
        let Some(file) = &context.settings.file else {
            self.ok("settings", "no file; using defaults");
            return self.listen();
        };
        // A settings file that others can write is refused by every command, including this one.
        self.ok("settings", format!("`{}` is valid", file.display()));
        self.listen();
    }

    fn listen(&mut self) {
        let context = self.context;
        let Listen::Unix(socket) = &context.settings.listen else {
            return;
        };
        let folder = socket.parent().unwrap_or(Path::new("/"));
        if !folder.is_dir() {
            self.found(
                "settings",
                format!(
                    "`serve` cannot listen in `{}`: not a folder",
                    folder.display()
                ),
                "create the folder, or change `listen` under [serve]",
            );
        }
    }

    /// Checks the usage record.
    pub(super) fn usage(&mut self, vault: &Vault) {
        match UsageStore::open(vault, self.context.settings.wait) {
            Ok(Some(usage)) => match usage.since(self.display.now) {
                Ok(Some(since)) => {
                    let since = self.display.date(since);
                    self.ok("use", format!("recorded since {since}"));
                }
                Ok(None) => self.ok("use", "none is recorded yet"),
                Err(error) => self.usage_fault(&error.to_string()),
            },
            Ok(None) => self.ok("use", "none is recorded yet"),
            Err(error) => self.usage_fault(&error.to_string()),
        }
    }

    /// The usage record's message has its hint after a semicolon.
    fn usage_fault(&mut self, message: &str) {
        let (what, hint) = message
            .split_once("; ")
            .unwrap_or((message, "remove it: it contains no keys"));
        self.found("use", what, hint);
    }
}
