//! The default key: encrypted with a passphrase, and only shown with it.

mod asking;
mod files;
mod order;
mod sealing;
mod tampering;

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;

use rusqlite::Connection;

use crate::sandbox::{Run, Sandbox};

/// A strong passphrase.
pub const PASSPHRASE: &str = "correct horse battery";

impl Sandbox {
    /// Writes a private file.
    pub fn private(&self, name: &str, text: &[u8]) {
        let path = self.home().join(name);
        let _ = fs::remove_file(&path);
        let mut options = OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o600).open(path);
        file.unwrap().write_all(text).unwrap();
    }

    /// A vault whose default key is `mail`, and its secret; `pass` holds the passphrase.
    pub fn with_default_key() -> (Self, String) {
        let sandbox = Self::new();
        sandbox.private("pass", PASSPHRASE.as_bytes());
        let secret = sandbox.generate(["smtp", "mail", "--default", "--passphrase-file=pass"]);
        (sandbox, secret)
    }

    /// Reveals with the passphrase in the file `pass`.
    pub fn reveal(&self) -> Run {
        self.run(["reveal", "--passphrase-file", "pass"])
    }

    /// Edits the vault by hand.
    fn alter(&self, sql: &str) {
        let vault = Connection::open(self.vault()).unwrap();
        vault
            .execute_batch("PRAGMA ignore_check_constraints = ON")
            .unwrap();
        vault
            .execute_batch(sql)
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// The newest log entry: its command, and the last changed field.
    fn newest(&self) -> (String, String) {
        let log = self.run(["log", "--format", "json"]).expect(0).json();
        let entry = log.as_array().unwrap().last().unwrap().clone();
        let change = entry["change"].as_array().unwrap();
        let mut shown = change.iter().filter(|field| field["field"] != "checksum");
        let change = shown.next_back().cloned();
        let told = change.map(|field| {
            let text = |name: &str| field[name].as_str().unwrap_or("-").to_owned();
            format!("{} {} {}", text("field"), text("from"), text("to"))
        });
        let command = entry["command"].as_str().unwrap().to_owned();
        (command, told.unwrap_or_default())
    }

    /// The number of log entries.
    fn entries(&self) -> usize {
        let log = self.run(["log", "--format", "jsonl"]).expect(0);
        log.stdout.lines().count()
    }
}
