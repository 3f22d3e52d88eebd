//! Findings for people, programs and cron, and for very many keys.

use std::fs;

use super::{DAY, age, check, found, record_since, with_key};
use crate::sandbox::Sandbox;
use crate::secrecy::stock::stock;

#[test]
fn findings_have_the_same_names_in_every_format() {
    let sandbox = with_key("ci");
    age(&sandbox, "ci", 60 * DAY);
    let one = |format: &str| {
        check(&sandbox, &["check", "--format", format])
            .expect(1)
            .stdout
    };
    let csv = one("csv");
    let rows: Vec<&str> = csv.lines().collect();
    assert_eq!(rows[0], "name,kind,finding,since_at,due_at,message,hint");
    assert!(rows[1].starts_with("ci,api,never-used,20"), "{csv}");
    assert!(rows[1].ends_with(",postkey deactivate ci"), "{csv}");
    let json: serde_json::Value = serde_json::from_str(&one("json")).unwrap();
    let line: serde_json::Value = serde_json::from_str(&one("jsonl")).unwrap();
    assert_eq!(json[0], line);
    let names: Vec<&String> = line.as_object().unwrap().keys().collect();
    assert_eq!(names.len(), 7);
    assert!(rows[0].split(',').all(|name| line.get(name).is_some()));
    for time in ["since_at", "due_at"] {
        assert!(line[time].as_str().unwrap().ends_with('Z'), "{line}");
    }
}

#[test]
fn nothing_found_is_an_empty_result() {
    let sandbox = with_key("ci");
    for (format, stdout) in [
        ("text", ""),
        ("json", "[]\n"),
        ("jsonl", ""),
        ("csv", "name,kind,finding,since_at,due_at,message,hint\r\n"),
    ] {
        let run = check(&sandbox, &["check", "--quiet", "--format", format]).expect(0);
        assert_eq!((run.stdout.as_str(), run.stderr.as_str()), (stdout, ""));
    }
}

#[test]
fn quiet_leaves_only_findings_for_cron_to_mail() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "ci"]);
    let run = check(&sandbox, &["check", "-q"]).expect(0);
    assert_eq!((run.stdout, run.stderr), (String::new(), String::new()));
    age(&sandbox, "ci", 90 * DAY);
    let run = check(&sandbox, &["check", "-q"]).expect(1);
    assert!(run.stdout.contains("postkey rotate ci"), "{run:?}");
    assert_eq!(run.stderr, "");
}

#[test]
fn only_named_keys_are_checked_and_missing_ones_reported() {
    let sandbox = with_key("old");
    sandbox.generate(["api", "new"]);
    age(&sandbox, "old", 60 * DAY);
    assert_eq!(found(&sandbox, &["new"]), [""; 0]);
    assert_eq!(found(&sandbox, &["new", "OLD"]), ["old never-used"]);
    let run = check(&sandbox, &["check", "no", "old"]).expect(3);
    assert!(run.stderr.contains("no key named `no`"), "{run:?}");
    assert!(run.stdout.contains("never used"), "{run:?}");
    let run = check(&sandbox, &["check", "no"]).expect(3);
    assert!(!run.stderr.contains("nothing needs"), "{run:?}");
}

#[test]
fn a_missing_vault_is_not_an_empty_result() {
    let sandbox = Sandbox::new();
    for args in [
        &["check"][..],
        &["check", "--format", "ics"],
        &["check", "ci"],
        &["check", "-q"],
    ] {
        let run = check(&sandbox, args).expect(5);
        assert!(run.stderr.contains("there is no vault"), "{run:?}");
        assert_eq!(run.stdout, "");
    }
}

#[test]
fn only_check_has_calendars_and_gauges() {
    let sandbox = with_key("ci");
    for args in [&["list"][..], &["generate", "api", "x"], &["show", "ci"]] {
        for format in ["ics", "prometheus"] {
            let args = [args, &["--format", format]].concat();
            let run = check(&sandbox, &args).expect(2);
            let refused = format!("format `{format}` is not supported");
            assert!(run.stderr.contains(&refused), "{run:?}");
        }
    }
    let run = check(&sandbox, &["check", "--format", "env"]).expect(2);
    assert!(
        run.stderr
            .contains("allowed: text, json, jsonl, csv, ics, prometheus"),
        "{run:?}"
    );
}

#[test]
fn a_damaged_key_is_skipped_and_reported() {
    let sandbox = with_key("ci");
    sandbox.generate(["api", "bad"]);
    age(&sandbox, "ci", 60 * DAY);
    super::in_vault(
        &sandbox,
        "UPDATE keys SET permission = '??' WHERE name = 'bad'",
        [],
    );
    let run = check(&sandbox, &["check"]).expect(5);
    assert!(run.stdout.contains("postkey deactivate ci"), "{run:?}");
    assert!(
        run.stderr.contains("error: ") && run.stderr.contains("damaged"),
        "{run:?}"
    );
}

#[test]
fn many_keys_are_looked_at_page_by_page() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "ci"]);
    stock(&sandbox, 1200);
    record_since(&sandbox, 1_700_000_000);
    for format in ["text", "json", "jsonl", "csv"] {
        let run = check(&sandbox, &["check", "--format", format]).expect(1);
        for word in ["rotation-due", "never-used"] {
            assert_eq!(run.stdout.matches(word).count(), 1200, "{format} {word}");
        }
    }
    let run = check(&sandbox, &["check", "--format", "ics"]).expect(0);
    assert_eq!(run.stdout.matches("BEGIN:VEVENT").count(), 1201);
}

#[test]
fn checking_changes_nothing() {
    let sandbox = with_key("ci");
    let before = (
        fs::read(sandbox.vault()).unwrap(),
        fs::read(sandbox.usage()).unwrap(),
    );
    for format in ["text", "json", "jsonl", "csv", "ics", "prometheus"] {
        check(&sandbox, &["check", "--format", format]).expect(0);
    }
    let after = (
        fs::read(sandbox.vault()).unwrap(),
        fs::read(sandbox.usage()).unwrap(),
    );
    assert!(before == after);
}
