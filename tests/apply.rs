//! `apply`: keys from a manifest, and the destinations of their secrets.

mod commands;
mod mistakes;
mod places;
mod planned;
mod pruned;
mod services;
mod together;

use std::fs;

use serde_json::Value;

use crate::sandbox::{Run, Sandbox};

/// A manifest of an SMTP key in an env file, an API key in its own file, and one delivered to a
/// command.
pub const THREE: &str = r#"
[[key]]
name = "shop-mail"
kind = "smtp"
username = "shop_prod"
save = { file = ".env", username = "SMTP_USERNAME", secret = "SMTP_PASSWORD" }

[[key]]
name = "reports"
kind = "api"
permission = "read-only"
plan = "starter"
expires = "365d"
description = "monthly figures"
save = { file = "reports.secret" }

[[key]]
name = "deploy"
kind = "api"
limit = "20/minute"
save = { command = ["sh", "-c", "cat >deploy.secret"] }
"#;

impl Sandbox {
    /// A home with a manifest `keys.toml`.
    pub fn with_manifest(text: &str) -> Self {
        let sandbox = Self::new();
        sandbox.manifest(text);
        sandbox
    }

    /// Writes the manifest.
    pub fn manifest(&self, text: &str) {
        self.write("keys.toml", text);
    }

    /// Writes a file in the home folder.
    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.home().join(name), text).unwrap();
    }

    /// Reads a file in the home folder.
    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.home().join(name)).unwrap()
    }

    /// Applies the manifest.
    pub fn apply(&self, args: &[&str]) -> Run {
        let args = ["apply", "keys.toml"].iter().chain(args).copied();
        Run::of(self.command(args).output().unwrap())
    }

    /// The steps of an apply or a dry run, one row per key.
    pub fn rows(&self, args: &[&str], status: i32) -> Vec<Value> {
        let run = self.apply(&[args, &["--format", "json"]].concat());
        run.expect(status).json().as_array().unwrap().clone()
    }

    /// The value of a variable in an env file in the home folder.
    pub fn variable(&self, file: &str, name: &str) -> String {
        let text = self.read(file);
        let start = format!("{name}=");
        let mut lines = text.lines().filter_map(|line| line.strip_prefix(&start));
        let value = lines.next().unwrap().to_owned();
        assert_eq!(lines.next(), None, "{text}");
        value
    }

    /// The number of keys.
    pub fn how_many(&self) -> usize {
        let keys = self.run(["list", "--format", "json"]).expect(0).json();
        keys.as_array().unwrap().len()
    }

    /// The number of log entries.
    pub fn logged(&self) -> usize {
        let log = self.run(["log", "--format", "json"]).expect(0).json();
        log.as_array().unwrap().len()
    }
}

/// A field of each row, as text.
pub fn each<'a>(rows: &'a [Value], field: &str) -> Vec<&'a str> {
    let texts = rows.iter().map(|row| row[field].as_str().unwrap_or("-"));
    texts.collect()
}
