//! Messages about a rotation: its start, its progress, and the next step.

use std::thread::sleep;
use std::time::Duration;

use rusqlite::Connection;
use serde_json::{Value, json};

use super::{rotate, rotating, tail, verdicts};
use crate::sandbox::{Run, Sandbox};
use crate::secrecy::watch::run_with_input;

/// Uses a secret, from an address.
fn verify(sandbox: &Sandbox, secret: &str, address: &str) {
    run_with_input(sandbox, &["verify", "--ip", address], secret).expect(0);
}

fn shown(secret: &str) -> String {
    format!("…{}", &secret[secret.len() - 4..])
}

#[test]
fn rotating_reports_the_schedule_and_the_next_steps() {
    let sandbox = Sandbox::new();
    let old = sandbox.generate(["api", "ci"]);
    let run = rotate(&sandbox, &["--grace", "48h"]).expect(0);
    let new = run.secret();
    for said in [
        format!("has a new secret, {}", shown(&new)),
        format!("the old one, {}, works until ", shown(&old)),
        "(in 2 days)".to_owned(),
        "only once".to_owned(),
        "`postkey show ci`".to_owned(),
        "`postkey rotate --finish ci` retires the old one".to_owned(),
        "`postkey rotate --abort ci` removes the new one".to_owned(),
    ] {
        assert!(run.stderr.contains(&said), "{said}: {run:?}");
    }
}

#[test]
fn the_log_tells_which_secret_retires_when_and_how_the_rotation_ended() {
    let sandbox = Sandbox::new();
    let (old, new) = rotating(&sandbox);
    let until = sandbox.show("ci")["secrets"][1]["retires_at"].clone();
    rotate(&sandbox, &["--finish", "--yes"]).expect(0);
    let third = rotate(&sandbox, &[]).expect(0).secret();
    rotate(&sandbox, &["--abort", "--yes"]).expect(0);
    let log = sandbox.run(["log", "--format", "jsonl"]).expect(0).stdout;
    let entries = log.lines().skip(1).map(|line| {
        let mut entry: Value = serde_json::from_str(line).unwrap();
        let change = entry["change"].as_array_mut().unwrap();
        change.retain(|field| field["field"] != "checksum");
        (
            entry["command"].as_str().unwrap().to_owned(),
            entry["change"].clone(),
        )
    });
    let entries: Vec<_> = entries.collect();
    let field =
        |field: &str, from: Value, to: Value| json!({"field": field, "from": from, "to": to});
    let (old, new, third) = (tail(&old), tail(&new), tail(&third));
    let begun = json!([
        field("tail", old.into(), new.into()),
        field("retiring", Value::Null, old.into()),
        field("retires_at", Value::Null, until.clone()),
    ]);
    let finished = json!([
        field("retiring", old.into(), Value::Null),
        field("retires_at", until, Value::Null),
    ]);
    assert_eq!(entries[0], ("rotate".to_owned(), begun));
    assert_eq!(entries[1], ("rotate --finish".to_owned(), finished));
    assert_eq!(entries[3].0, "rotate --abort");
    assert_eq!(entries[3].1[0], field("tail", third.into(), new.into()));
    let text = sandbox.run(["log"]).expect(0).stdout;
    assert!(
        text.contains(&format!("retiring …{}, retires 20", &old[12..])),
        "{text}"
    );
    assert!(
        text.contains(&format!("retiring was …{}", &old[12..])),
        "{text}"
    );
}

#[test]
fn list_finds_rotating_keys_by_both_tails() {
    let sandbox = Sandbox::new();
    let (old, new) = rotating(&sandbox);
    sandbox.generate(["api", "other"]);
    let names = |args: &[&str]| {
        let args = [&["list", "--format", "csv"], args].concat();
        let run = Run::of(sandbox.command(args).output().unwrap()).expect(0);
        let names = run.stdout.lines().skip(1);
        let names = names.map(|line| line.split(',').next().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    assert_eq!(names(&["--status", "rotating"]), ["ci"]);
    assert_eq!(names(&["--status", "active"]), ["ci", "other"]);
    for secret in [&old, &new] {
        assert_eq!(names(&["--tail", &secret[secret.len() - 6..]]), ["ci"]);
    }
    for sort in ["created", "name", "expires"] {
        let found = names(&["--sort", sort, "--status", "rotating"]);
        assert_eq!(found, ["ci"], "{sort}");
    }
    rotate(&sandbox, &["--finish", "--yes"]).expect(0);
    assert_eq!(names(&["--tail", &old[old.len() - 6..]]).len(), 0);
    assert_eq!(names(&["--status", "active"]), ["ci", "other"]);
}

#[test]
fn show_reports_the_use_of_both_secrets() {
    let sandbox = Sandbox::new();
    let (old, new) = rotating(&sandbox);
    let uses = || {
        let key = sandbox.show("ci");
        let secrets = key["secrets"].as_array().unwrap().clone();
        assert_eq!(secrets.len(), 2);
        assert_eq!(secrets[0]["tail"], tail(&new));
        assert_eq!(secrets[1]["tail"], tail(&old));
        assert_eq!(secrets[0]["retires_at"], Value::Null);
        assert!(
            secrets
                .iter()
                .all(|secret| secret["created_at"].is_string())
        );
        [0, 1].map(|at| {
            let used = &secrets[at]["first_used_at"];
            assert_eq!(used.is_string(), secrets[at]["last_used_at"].is_string());
            used.is_string()
        })
    };
    assert_eq!(uses(), [false, false]);
    verify(&sandbox, &old, "203.0.113.9");
    assert_eq!(uses(), [false, true]);
    verify(&sandbox, &new, "203.0.113.9");
    assert_eq!(uses(), [true, true]);
}

#[test]
fn show_reports_a_rotations_progress_and_next_step() {
    let sandbox = Sandbox::new();
    let (old, new) = rotating(&sandbox);
    let show = || sandbox.run(["show", "ci"]).expect(0).stdout;
    let expect = |said: &[&str]| {
        let text = show();
        for said in said {
            assert!(text.contains(said), "{said}: {text}");
        }
    };
    expect(&[
        &format!("ends in {}, works until", shown(&old)),
        "no usage of either secret is recorded",
        "next: replace the old one with the new one",
        "undo: postkey rotate --abort ci",
    ]);
    verify(&sandbox, &old, "203.0.113.9");
    expect(&[
        &format!("new {}: no recorded use", shown(&new)),
        &format!("old {}: used ", shown(&old)),
        "next: replace the old one with the new one",
    ]);
    sleep(Duration::from_millis(1100));
    verify(&sandbox, &new, "203.0.113.9");
    expect(&[
        &format!("new {}: used ", shown(&new)),
        "next: only the new secret has been used: postkey rotate --finish ci",
    ]);
    sleep(Duration::from_millis(1100));
    verify(&sandbox, &old, "203.0.113.9");
    expect(&["next: find what still uses the old one, then: postkey rotate --finish ci"]);
    rotate(&sandbox, &["--finish", "--yes"]).expect(0);
    assert!(!show().contains("rotation  "), "{}", show());
}

#[test]
fn finishing_warns_if_the_new_secret_is_unused_or_the_old_one_in_use() {
    let sandbox = Sandbox::new();
    let (old, new) = rotating(&sandbox);
    let finish = |format: &str| rotate(&sandbox, &["--finish", "--yes", "--format", format]);
    let begin = || rotate(&sandbox, &[]).expect(0).secret();
    let unknown = finish("text").expect(0);
    assert!(
        unknown.stderr.contains("check that its new secret"),
        "{unknown:?}"
    );
    verify(&sandbox, &new, "203.0.113.9");
    begin();
    let unused = finish("text").expect(0);
    assert!(
        unused.stderr.contains("the new secret has no recorded use"),
        "{unused:?}"
    );
    let (old_of_both, new) = (sandbox.show("ci")["tail"].clone(), begin());
    verify(&sandbox, &new, "203.0.113.9");
    let fine = finish("text").expect(0);
    assert!(!fine.stderr.contains("warning"), "{old_of_both}: {fine:?}");
    let newest = begin();
    verify(&sandbox, &newest, "203.0.113.9");
    sleep(Duration::from_millis(1100));
    verify(&sandbox, &new, "198.51.100.7");
    let used = finish("json").expect(0);
    assert!(used.stderr.contains("the old secret was used"), "{used:?}");
    assert!(used.stderr.contains("from 198.51.100.7"), "{used:?}");
    assert!(
        used.stderr.contains("used from 198.51.100.7, 203.0.113.9"),
        "{used:?}"
    );
    assert!(!used.stderr.contains(tail(&old)), "{used:?}");
}

#[test]
fn finishing_reports_recent_use_of_the_old_secret() {
    for (minutes, is_told) in [(59, true), (61, false)] {
        let sandbox = Sandbox::new();
        let (old, new) = rotating(&sandbox);
        verify(&sandbox, &old, "198.51.100.7");
        let usage = Connection::open(sandbox.usage()).unwrap();
        let ago = format!(
            "UPDATE secrets SET first_at = first_at - {0}, last_at = last_at - {0};
             UPDATE addresses SET last_at = last_at - {0}",
            minutes * 60
        );
        usage.execute_batch(&ago).unwrap();
        drop(usage);
        verify(&sandbox, &new, "203.0.113.9");
        let finished = rotate(&sandbox, &["--finish", "--yes"]).expect(0).stderr;
        for said in [
            "the old secret was used 59 minutes ago, before the new one",
            "in the last hour the key was used from 203.0.113.9, 198.51.100.7",
        ] {
            assert_eq!(finished.contains(said), is_told, "{minutes}: {finished}");
        }
    }
}

#[test]
fn aborting_warns_if_the_new_secret_was_used() {
    let sandbox = Sandbox::new();
    let (_, new) = rotating(&sandbox);
    verify(&sandbox, &new, "203.0.113.9");
    let aborted = rotate(&sandbox, &["--abort", "--yes"]).expect(0);
    assert!(
        aborted.stderr.contains("whoever uses it will be refused"),
        "{aborted:?}"
    );
    rotate(&sandbox, &[]).expect(0);
    let aborted = rotate(&sandbox, &["--abort", "--yes"]).expect(0);
    assert!(!aborted.stderr.contains("warning"), "{aborted:?}");
}

#[test]
fn verify_and_identify_say_which_secret_it_is_and_until_when() {
    let sandbox = Sandbox::new();
    let only = sandbox.generate(["api", "other"]);
    let (old, new) = rotating(&sandbox);
    let until = sandbox.show("ci")["secrets"][1]["retires_at"].clone();
    for command in ["verify", "identify"] {
        let ask = |secret: &str, format: &str| {
            run_with_input(&sandbox, &[command, "--format", format], secret).expect(0)
        };
        let which = |secret: &str| {
            let answer = ask(secret, "json").json();
            (
                answer["secret_status"].clone(),
                answer["retires_at"].clone(),
            )
        };
        assert_eq!(which(&old), ("retiring".into(), until.clone()));
        assert_eq!(which(&new), ("current".into(), Value::Null));
        assert_eq!(which(&only), ("current".into(), Value::Null));
        let text = |secret: &str| ask(secret, "text").stdout;
        assert!(text(&old).contains("is valid; this is its old secret, until 20"));
        assert!(text(&new).contains("is valid; this is its new secret"));
        assert!(!text(&only).contains("this is its"));
        let csv = ask(&old, "csv").stdout;
        assert!(
            csv.lines().nth(1).unwrap().contains(",retiring,20"),
            "{csv}"
        );
    }
    super::end_grace(&sandbox);
    let retired = run_with_input(&sandbox, &["identify"], &old)
        .expect(0)
        .stdout;
    assert!(retired.contains("retired: it retired 20"), "{retired}");
    assert!(retired.contains("`ci` has a newer secret"), "{retired}");
}

#[test]
fn restoring_works_without_a_usage_record() {
    let sandbox = Sandbox::new();
    let (old, new) = rotating(&sandbox);
    verify(&sandbox, &new, "203.0.113.9");
    for end in ["-wal", "-shm"] {
        let path = sandbox.usage().with_file_name(format!("usage.db{end}"));
        std::fs::remove_file(path).unwrap();
    }
    std::fs::write(sandbox.usage(), "no record of use").unwrap();
    let show = sandbox.run(["show", "ci"]).expect(0);
    assert!(show.stderr.contains("usage is not shown"), "{show:?}");
    assert!(show.stdout.contains("no usage of either"), "{show:?}");
    rotate(&sandbox, &["--finish", "--yes"]).expect(0);
    assert_eq!(verdicts(&sandbox, &old, &new), ["retired", "accepted"]);
}
