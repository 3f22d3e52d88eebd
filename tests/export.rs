//! Exports: files with what is good, for servers that cannot read the vault.

mod dovecot;
mod files;
mod formats;
mod settings;
mod together;

use std::fs;
use std::path::PathBuf;

use crate::sandbox::Sandbox;

impl Sandbox {
    /// Where an export goes that the settings name.
    fn exported(&self) -> PathBuf {
        self.home().join("exported")
    }

    /// Has the settings name an export.
    fn export_to(&self, format: &str) {
        let file = self.exported();
        let file = file.display();
        self.settings(&format!(
            "[[export]]\nformat = \"{format}\"\nfile = \"{file}\""
        ));
    }

    /// What is in that export.
    fn read_exported(&self) -> String {
        fs::read_to_string(self.exported()).unwrap_or_default()
    }

    /// What an export would hold now.
    #[track_caller]
    fn export(&self, format: &str) -> String {
        self.run(["export", format]).expect(0).stdout
    }
}
