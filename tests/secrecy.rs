//! Secrets: where no part of one may appear.

mod digests;
mod echoes;
mod erased;
pub mod lines;
pub mod stock;
mod waiting;
pub mod watch;

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use regex::Regex;

use crate::sandbox::{SECRET, Sandbox};
use watch::{on_terminal, paths, run_with_input};

/// The number of consecutive characters of a secret that count as a leak.
const PART: usize = 8;

#[test]
fn no_part_of_a_secret_is_in_files_or_messages() {
    let mut story = Story::new();
    let api = story.issue(&["generate", "api", "ci"]);
    let mail = story.issue(&["generate", "smtp", "mail", "--format", "json"]);
    let table = story.issue(&["generate", "api", "table", "--format", "csv"]);
    let new = story.issue(&["regenerate", "--yes", "ci", "--format", "env"]);
    let newest = story.issue(&["revoke", "--replace", "--report", "in.md", "ci"]);
    let beside = story.issue(&["rotate", "mail", "--format", "json"]);
    story.sandbox.private("pass", b"correct horse battery");
    let sealed = story.issue(&[
        "generate",
        "smtp",
        "box",
        "--default",
        "--passphrase-file=pass",
    ]);
    let short = story.issue(&["run", "--", "printenv", "RUN_API_KEY"]);
    let again = story.issue(&["reveal", "--passphrase-file=pass", "--format=env"]);
    assert_eq!(
        (&sealed, story.secrets.pop()),
        (&again, Some(again.clone()))
    );
    let saved = story.save(&["generate", "api", "saved", "--format", "env"]);
    for secret in [&api, &mail, &table, &new, &newest, &beside, &short, &saved] {
        story.tell(&["verify", "--ip", "203.0.113.9"], secret);
        for present in ["verify", "identify", "explain"] {
            story.tell(&[present], secret);
            story.tell(&[present, "--format", "json"], &format!("{secret}x"));
            story.tell(&[present], &format!("{secret}\n\n"));
        }
        story.tell(&["deactivate", "-"], secret);
        story.tell(&["import", "dovecot", "-"], secret);
        story.tell(&["import", "json", "-"], secret);
        story.tell(&["revoke"], secret);
        story.tell(&["revoke"], &secret[..70]);
        story.tell(
            &["revoke", "--format", "json"],
            &format!("KEY=\"{secret}\"\n"),
        );
    }
    for args in [
        &["generate", "api", "ci"][..],
        &["regenerate", "--yes", "missing"],
        &["rename", "ci", "build"],
        &["describe", "build", "the build server"],
        &["set", "build", "--expires", "90d"],
        &["list"],
        &["log", "--format", "jsonl"],
        &["usage"],
        &["usage", "--format", "json"],
        &["usage", "--month", "2026-11"],
        &["check"],
        &["check", "--format", "json"],
        &["check", "--format", "ics"],
        &["check", "--format", "prometheus"],
        &["check", "--exec", "--", "cat"],
        &["show", "build", "--format", "json"],
        &["show", "box"],
        &["reveal"],
        &["reveal", "--passphrase-file=build"],
        &["rotate", "mail"],
        &["rotate", "--finish", "--yes", "mail"],
        &["rotate", "--abort", "--yes", "mail"],
        &["rotate", "--due"],
        &["revoke", "build", "--report", "out.md", "--leaked-at", "2h"],
        &["revoke", "missing"],
        &["delete", "build"],
        &["delete", "--yes", "build", "mail", "table", "ci", "saved"],
    ] {
        story.tell(args, &new);
    }
    expect_tails_only(&story);
}

/// The usage record has the tails of accepted secrets, and nothing before them.
fn expect_tails_only(story: &Story) {
    let folder = story.sandbox.usage();
    let recorded: Vec<u8> = ["usage.db", "usage.db-wal", "usage.db-shm"]
        .iter()
        .flat_map(|name| fs::read(folder.with_file_name(name)).unwrap())
        .collect();
    let holds = |part: &str| {
        let part = part.as_bytes();
        recorded.windows(part.len()).any(|bytes| bytes == part)
    };
    assert!(
        story
            .secrets
            .iter()
            .any(|secret| holds(&secret[secret.len() - 16..]))
    );
    for secret in &story.secrets {
        let (private, _) = secret.split_at(secret.len() - 16);
        let parts = (0..=private.len() - PART).map(|at| &private[at..at + PART]);
        let left: Vec<_> = parts.filter(|part| holds(part)).collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

#[test]
fn people_see_the_last_four_characters_and_programs_the_tail() {
    let sandbox = Sandbox::new();
    let old = sandbox.generate(["api", "ci"]);
    let secret = sandbox
        .run(["regenerate", "--yes", "ci"])
        .expect(0)
        .secret();
    for args in [
        &["list"][..],
        &["show", "ci"],
        &["log"],
        &["log", "verify"],
        &["verify"],
        &["identify"],
        &["explain"],
        &["revoke"],
        &["usage"],
        &["check", "--expiring", "9000y"],
    ] {
        for format in ["text", "json", "jsonl", "csv"] {
            let args = [args, &["--format", format]].concat();
            let run = run_with_input(&sandbox, &args, &secret);
            for secret in [&old, &secret] {
                let most = if format == "text" { 4 } else { 16 };
                assert_shows_at_most(most, &(run.stdout.clone() + &run.stderr), secret);
            }
        }
    }
}

#[test]
fn the_talk_before_a_deletion_shows_the_last_four_characters() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    let said = on_terminal(&sandbox, "delete ci", "ci\n");
    assert!(said.contains("`ci` is deleted"), "{said}");
    sandbox.run(["show", "ci"]).expect(3);
    let log = sandbox.run(["log"]).expect(0);
    assert_shows_at_most(4, &(said + &log.stdout), &secret);
}

/// A sandbox that searches for every created secret after every command.
struct Story {
    sandbox: Sandbox,
    secrets: Vec<String>,
}

impl Story {
    fn new() -> Self {
        Self {
            sandbox: Sandbox::new(),
            secrets: Vec::new(),
        }
    }

    fn issue(&mut self, args: &[&str]) -> String {
        let run = run_with_input(&self.sandbox, args, "").expect(0);
        let secret = Regex::new(SECRET)
            .unwrap()
            .find(&run.stdout)
            .unwrap()
            .as_str()
            .to_owned();
        self.secrets.push(secret.clone());
        self.look(&run.stderr, args);
        secret
    }

    /// Saves a secret to a file outside of the home folder, the only place where it may be.
    fn save(&mut self, args: &[&str]) -> String {
        let kept = tempfile::tempdir().unwrap();
        let file = kept.path().join("app.env");
        let args = [args, &["--save", file.to_str().unwrap()]].concat();
        let run = run_with_input(&self.sandbox, &args, "").expect(0);
        let text = fs::read_to_string(&file).unwrap();
        let secret = Regex::new(SECRET).unwrap().find(&text).unwrap().as_str();
        self.secrets.push(secret.to_owned());
        self.look(&(run.stdout + &run.stderr), &args);
        assert_eq!(paths(kept.path()), [file]);
        secret.to_owned()
    }

    fn tell(&self, args: &[&str], input: &str) {
        let run = run_with_input(&self.sandbox, args, input);
        self.look(&(run.stdout + &run.stderr), args);
    }

    fn look(&self, said: &str, args: &[&str]) {
        let files = files(self.sandbox.home());
        for secret in &self.secrets {
            assert!(!leaks(said.as_bytes(), secret), "{args:?}: {said}");
            assert!(!leaks(&files, secret), "{args:?} left a part in a file");
        }
    }
}

/// The secret digits of a secret: its prefix and tail are public.
fn digits(secret: &str) -> &str {
    secret.split('-').nth(1).unwrap()
}

/// Whether the bytes contain consecutive digits of the secret, in either case.
pub fn leaks(bytes: &[u8], secret: &str) -> bool {
    let parts: HashSet<&[u8]> = digits(secret).as_bytes().windows(PART).collect();
    bytes
        .to_ascii_lowercase()
        .windows(PART)
        .any(|part| parts.contains(part))
}

#[track_caller]
fn assert_shows_at_most(most: usize, text: &str, secret: &str) {
    let tail = &secret[secret.len() - 16..];
    let is_shown = (0..16 - most.min(16)).any(|at| text.contains(&tail[at..=at + most]));
    let before = &secret[secret.len() - 17..];
    assert!(
        !is_shown && !text.contains(before) && !leaks(text.as_bytes(), secret),
        "{text}"
    );
}

/// The contents of every file below a folder, concatenated.
fn files(folder: &Path) -> Vec<u8> {
    paths(folder)
        .iter()
        .filter(|path| path.is_file())
        .flat_map(|path| fs::read(path).unwrap_or_default())
        .collect()
}
