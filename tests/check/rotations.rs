//! Unfinished rotations.

use rusqlite::params;

use super::with_key;
use super::{DAY, HOUR, MINUTE, age, check, found, in_usage, in_vault, json, now, number};
use crate::sandbox::Sandbox;

const OLD: &str = "0123456789abcdef";

#[test]
fn a_rotation_lasts_until_its_old_secret_retires() {
    let sandbox = rotating(HOUR, HOUR);
    assert_eq!(found(&sandbox, &[]), ["ci new-secret-unused"]);
    let calendar = check(&sandbox, &["check", "--format", "ics"]).expect(0);
    assert_eq!(calendar.stdout.matches("BEGIN:VEVENT").count(), 1);
    let sandbox = rotating(HOUR, 0);
    assert_eq!(found(&sandbox, &[]), [""; 0]);
}

#[test]
fn an_old_secret_that_is_still_used_is_found_with_when() {
    let sandbox = rotating(3 * HOUR, 2 * HOUR + MINUTE / 2);
    used(&sandbox, OLD, now() - DAY, now() - 5 * MINUTE);
    let finding = json(&sandbox, &[]).remove(0);
    assert_eq!(finding["finding"], "old-secret-used");
    assert_eq!(finding["hint"], "postkey show ci");
    let run = check(&sandbox, &["check"]).expect(1);
    let told = "the old secret retires in 2 hours but was still used 5 minutes ago";
    assert!(run.stdout.contains(told), "{run:?}");
    // Use of the new secret does not change that.
    used(&sandbox, &tail(&sandbox), now() - HOUR, now());
    assert_eq!(found(&sandbox, &[]), ["ci old-secret-used"]);
}

#[test]
fn without_a_usage_record_a_rotation_is_only_reported_as_open() {
    let sandbox = rotating(3 * HOUR, HOUR);
    std::fs::remove_file(sandbox.usage()).unwrap();
    assert_eq!(found(&sandbox, &[]), ["ci rotation-open"]);
}

/// A vault with a key whose new secret has this age, and whose old one is valid for that long.
fn rotating(begun: i64, rest: i64) -> Sandbox {
    let sandbox = with_key("ci");
    age(&sandbox, "ci", begun);
    let old = "INSERT INTO secrets (key_id, tail, digest, created_at, retires_at)
               SELECT key_id, ?1, digest, created_at - 999, ?2 FROM secrets";
    assert_eq!(in_vault(&sandbox, old, params![OLD, now() + rest]), 1);
    sandbox
}

/// Records the first and last use of one of the key's secrets.
fn used(sandbox: &Sandbox, tail: &str, first: i64, last: i64) {
    let change = "INSERT INTO secrets VALUES (?1, ?2, ?3, ?4)";
    let key = number(sandbox, "ci");
    in_usage(sandbox, change, params![key, tail, first, last]);
}

fn tail(sandbox: &Sandbox) -> String {
    sandbox.show("ci")["tail"].as_str().unwrap().to_owned()
}
