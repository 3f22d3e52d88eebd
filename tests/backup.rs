//! Backups, restores, and what `doctor` finds.

mod confirming;
mod copying;
mod doctor;
mod model;
mod refused;
mod returning;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::sandbox::{Run, Sandbox};

impl Sandbox {
    /// Creates a backup in the home folder.
    pub fn backup(&self, name: &str) -> PathBuf {
        let copy = self.home().join(name);
        self.run(["backup", copy.to_str().unwrap()]).expect(0);
        copy
    }

    /// Runs `restore` with these arguments and a file.
    pub fn restore(&self, args: &[&str], file: &Path) -> Run {
        let args = [&["restore"], args, &[file.to_str().unwrap()]].concat();
        Run::of(self.command(args).output().unwrap())
    }

    /// The effects of a restore: name and effect of each key.
    pub fn effects(&self, file: &Path) -> Vec<(String, String)> {
        let run = self.restore(&["--dry-run", "--format", "json"], file);
        let rows = run.json();
        let text = |row: &serde_json::Value, field: &str| row[field].as_str().unwrap().to_owned();
        let rows = rows.as_array().unwrap().iter();
        rows.map(|row| (text(row, "name"), text(row, "effect")))
            .collect()
    }
}

/// A vault with an older schema, from its dump.
pub fn vault_of(fixture: &str, path: &Path) {
    Connection::open(path)
        .unwrap()
        .execute_batch(fixture)
        .unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
}

/// Edits a vault by hand.
pub fn edit(vault: &Path, sql: &str) {
    Connection::open(vault).unwrap().execute_batch(sql).unwrap();
}
