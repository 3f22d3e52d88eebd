//! Expiry, age, and use: each at its limit.

use super::{DAY, HOUR, MINUTE, age, check, end, found, json, now, record_since};
use super::{use_at, with_key};
use crate::sandbox::{Run, Sandbox};

const NONE: [&str; 0] = [];

#[test]
fn a_new_key_needs_no_attention() {
    let sandbox = with_key("ci");
    assert_eq!(found(&sandbox, &[]), NONE);
    let run = check(&sandbox, &["check"]).expect(0);
    assert_eq!(run.stdout, "");
    assert_eq!(run.stderr, "nothing needs attention: 1 key checked\n");
}

#[test]
fn a_key_is_reported_two_weeks_before_it_expires() {
    let sandbox = with_key("ci");
    end(&sandbox, "ci", now() + 14 * DAY + MINUTE);
    assert_eq!(found(&sandbox, &[]), NONE);
    end(&sandbox, "ci", now() + 14 * DAY);
    assert_eq!(found(&sandbox, &[]), ["ci expiring"]);
    assert_eq!(found(&sandbox, &["--expiring", "13d"]), NONE);
    assert_eq!(found(&sandbox, &["--expiring", "never"]), NONE);
    let finding = &json(&sandbox, &["--expiring", "9000y"])[0];
    assert_eq!(finding["hint"], "postkey set ci --expires 90d");
    assert_eq!(
        finding["message"],
        format!("expires {}", finding["due_at"].as_str().unwrap())
    );
}

#[test]
fn the_secrets_age_counts_and_not_the_keys() {
    let sandbox = with_key("ci");
    use_at(&sandbox, "ci", now(), 1);
    age(&sandbox, "ci", 300 * DAY);
    sandbox
        .run(["regenerate", "--yes", "--format", "json", "ci"])
        .expect(0);
    assert_eq!(found(&sandbox, &[]), NONE);
    age(&sandbox, "ci", 91 * DAY);
    let finding = &json(&sandbox, &[])[0];
    let since: jiff::Timestamp = finding["since_at"].as_str().unwrap().parse().unwrap();
    assert!(
        (now() - 91 * DAY - since.as_second()).abs() < MINUTE,
        "{finding}"
    );
}

#[test]
fn a_key_is_not_unused_if_nothing_was_recorded_for_that_long() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "ci"]);
    age(&sandbox, "ci", 80 * DAY);
    assert_eq!(found(&sandbox, &[]), NONE);
    let run = check(&sandbox, &["check"]).expect(0);
    assert!(run.stderr.contains("no usage is recorded"), "{run:?}");
    assert!(!sandbox.usage().exists());

    record_since(&sandbox, now() - 44 * DAY);
    assert_eq!(found(&sandbox, &[]), NONE);
    let run = check(&sandbox, &["check"]).expect(0);
    assert!(
        run.stderr
            .contains("warning: usage has been recorded only since 20"),
        "{run:?}"
    );
    assert!(
        run.stderr.contains("never-used keys are reported from 20"),
        "{run:?}"
    );
    let run = check(&sandbox, &["check", "--unused", "never"]).expect(0);
    assert!(!run.stderr.contains("warning"), "{run:?}");

    let sandbox = with_key("ci");
    age(&sandbox, "ci", 80 * DAY);
    assert_eq!(found(&sandbox, &[]), ["ci never-used"]);
}

#[test]
fn the_most_urgent_findings_come_first() {
    let sandbox = with_key("old");
    for name in ["idle", "soon", "sooner", "over", "busy"] {
        sandbox.generate(["api", name]);
    }
    for name in ["old", "soon", "sooner", "over", "busy"] {
        use_at(&sandbox, name, now(), 1);
    }
    age(&sandbox, "old", 99 * DAY);
    age(&sandbox, "idle", 50 * DAY);
    end(&sandbox, "soon", now() + 9 * DAY);
    end(&sandbox, "sooner", now() + HOUR);
    end(&sandbox, "over", now() - HOUR);
    for days in 1..4 {
        use_at(&sandbox, "busy", now() - (days + 1) * DAY, 10);
    }
    use_at(&sandbox, "busy", now() - DAY, 1000);
    let found = found(&sandbox, &[]);
    assert_eq!(
        found,
        [
            "busy unusual-use",
            "over expired",
            "sooner expiring",
            "soon expiring",
            "old rotation-due",
            "idle never-used",
        ]
    );
    let run = check(&sandbox, &["check"]).expect(1);
    let rows: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(rows.len(), 7);
    for (row, start) in rows[1..].iter().zip(&found) {
        assert!(row.starts_with(start.split(' ').next().unwrap()), "{row}");
    }
    assert!(
        rows[3].ends_with("postkey set sooner --expires 90d"),
        "{run:?}"
    );
    assert_eq!(run.stderr, "6 of 6 keys need attention\n");
}

#[test]
fn every_command_that_fixes_is_one_that_postkey_understands() {
    let sandbox = with_key("ci");
    for (name, prepare) in [
        ("expiring", [Some(now() + DAY), None]),
        ("expired", [Some(now() - DAY), Some(300 * DAY)]),
        ("never-used", [None, Some(50 * DAY)]),
    ] {
        let [expires_at, made] = prepare;
        if let Some(at) = expires_at {
            end(&sandbox, "ci", at);
        }
        age(&sandbox, "ci", made.unwrap_or(0));
        let finding = json(&sandbox, &[]).remove(0);
        assert_eq!(finding["finding"], name);
        let hint = finding["hint"].as_str().unwrap();
        let words = hint.split(' ').skip(1).chain(["--yes"]);
        Run::of(sandbox.command(words).output().unwrap()).expect(0);
        if name != "expired" {
            assert_eq!(found(&sandbox, &[]), NONE, "after {hint}");
        } else {
            sandbox.run(["show", "ci"]).expect(3);
            sandbox.generate(["api", "ci"]);
        }
    }
}
