//! Exports: files with valid keys, for servers that cannot read the vault.

mod dovecot;
mod files;
mod formats;
mod settings;
mod together;

use std::fs;
use std::path::PathBuf;

use crate::sandbox::Sandbox;

impl Sandbox {
    /// The path of an export in the settings.
    pub fn exported(&self) -> PathBuf {
        self.home().join("exported")
    }

    /// Adds an export to the settings.
    pub fn export_to(&self, format: &str) {
        let file = self.exported();
        let file = file.display();
        self.settings(&format!(
            "[[export]]\nformat = \"{format}\"\nfile = \"{file}\""
        ));
    }

    /// The contents of that export.
    pub fn read_exported(&self) -> String {
        fs::read_to_string(self.exported()).unwrap_or_default()
    }

    /// The current contents of an export.
    #[track_caller]
    fn export(&self, format: &str) -> String {
        self.run(["export", format]).expect(0).stdout
    }
}
