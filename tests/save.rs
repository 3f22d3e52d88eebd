//! Secrets that are saved to a file, or passed to later steps of a CI job.

mod github;
mod job;
mod kinds;
mod order;
mod owners;
mod places;
mod printed;
mod readers;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use regex::Regex;

use crate::sandbox::{Run, SECRET, Sandbox};

/// The contents of a file in the home folder.
#[track_caller]
fn held(sandbox: &Sandbox, name: &str) -> String {
    fs::read_to_string(sandbox.home().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The only secret in a text.
#[track_caller]
fn secret_in(text: &str) -> String {
    let found: Vec<_> = Regex::new(SECRET).unwrap().find_iter(text).collect();
    assert_eq!(found.len(), 1, "{text}");
    found[0].as_str().to_owned()
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

/// Nothing on standard output, and no secret in messages.
#[track_caller]
fn expect_silent(run: &Run) {
    assert_eq!(run.stdout, "", "{run:?}");
    assert!(
        !Regex::new(SECRET).unwrap().is_match(&run.stderr),
        "{run:?}"
    );
}

/// The names of the keys.
fn keys(sandbox: &Sandbox) -> Vec<String> {
    if !sandbox.vault().exists() {
        return Vec::new();
    }
    let list = sandbox.run(["list", "--format", "json"]).expect(0).json();
    let name = |key: &serde_json::Value| key["name"].as_str().unwrap().to_owned();
    list.as_array().unwrap().iter().map(name).collect()
}

/// The files in the home folder, including our hidden ones.
fn files(sandbox: &Sandbox) -> Vec<String> {
    let entries = fs::read_dir(sandbox.home()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| name != ".local").collect();
    names.sort();
    names
}
