//! What needs attention: each finding appears on time, with the command that fixes it.

mod calendar;
mod dead;
mod decoys;
mod excess;
mod exec;
mod findings;
mod formats;
mod gauges;
mod rotations;
mod rules;
mod unusual;

use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, Params, params};
use serde_json::Value;

use crate::sandbox::{Run, Sandbox};
use crate::secrecy::watch::run_with_input;

/// A minute, an hour, and a day in seconds.
const MINUTE: i64 = 60;
const HOUR: i64 = 3600;
const DAY: i64 = 86_400;

/// The findings as `name finding`, in order; checks the exit status.
#[track_caller]
fn found(sandbox: &Sandbox, args: &[&str]) -> Vec<String> {
    let findings = json(sandbox, args);
    let word = |finding: &Value, field: &str| finding[field].as_str().unwrap().to_owned();
    let words = findings
        .iter()
        .map(|finding| format!("{} {}", word(finding, "name"), word(finding, "finding")));
    words.collect()
}

/// The findings for programs.
#[track_caller]
fn json(sandbox: &Sandbox, args: &[&str]) -> Vec<Value> {
    let args = [&["check", "--quiet", "--format", "json"], args].concat();
    let run = check(sandbox, &args);
    let findings: Vec<Value> = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(run.status, i32::from(!findings.is_empty()), "{run:?}");
    assert_eq!(run.stderr, "");
    findings
}

fn check(sandbox: &Sandbox, args: &[&str]) -> Run {
    run_with_input(sandbox, args, "")
}

/// A vault with one key whose use has been recorded for a year.
fn with_key(name: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", name]);
    record_since(&sandbox, now() - 365 * DAY);
    sandbox
}

/// Begins the usage record at that time.
fn record_since(sandbox: &Sandbox, since: i64) {
    let stranger = Sandbox::new().generate(["api", "stranger"]);
    run_with_input(sandbox, &["verify"], &stranger).expect(1);
    let change = "UPDATE days SET day = ?1, last_at = ?2";
    assert_eq!(in_usage(sandbox, change, params![since / DAY, since]), 1);
    in_usage(sandbox, "UPDATE about SET requests_since = ?1", [since]);
}

/// Gives a key's secret this age, and the key at least.
fn age(sandbox: &Sandbox, name: &str, seconds: i64) {
    let at = now() - seconds;
    let secret = "UPDATE secrets SET created_at = ?2 WHERE retires_at IS NULL AND
                  key_id = (SELECT id FROM keys WHERE name = ?1)";
    assert_eq!(in_vault(sandbox, secret, params![name, at]), 1);
    let key = "UPDATE keys SET created_at = min(created_at, ?2) WHERE name = ?1";
    assert_eq!(in_vault(sandbox, key, params![name, at]), 1);
    crate::ledger::reseal(&Connection::open(sandbox.vault()).unwrap());
}

/// Sets a key's expiry.
fn end(sandbox: &Sandbox, name: &str, at: i64) {
    crate::ledger::expire(sandbox, name, at);
}

/// Records a number of uses of a key, the last at that time.
fn use_at(sandbox: &Sandbox, name: &str, at: i64, count: i64) {
    let day = "INSERT INTO days VALUES (?1, ?2, 'accepted', ?3, ?4)";
    let key = number(sandbox, name);
    in_usage(sandbox, day, params![key, at / DAY, count, at]);
}

fn in_vault(sandbox: &Sandbox, change: &str, with: impl Params) -> usize {
    let vault = Connection::open(sandbox.vault()).unwrap();
    vault.execute(change, with).unwrap()
}

fn in_usage(sandbox: &Sandbox, change: &str, with: impl Params) -> usize {
    let usage = Connection::open(sandbox.usage()).unwrap();
    usage.execute(change, with).unwrap()
}

fn number(sandbox: &Sandbox, name: &str) -> i64 {
    let vault = Connection::open(sandbox.vault()).unwrap();
    let query = "SELECT id FROM keys WHERE name = ?1";
    vault.query_row(query, [name], |row| row.get(0)).unwrap()
}

fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    now.as_secs() as i64
}
